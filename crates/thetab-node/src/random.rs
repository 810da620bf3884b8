//! The node's seeded randomness: equal seeds give equal nonces, numbers and delays.

use core::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use thetab_wire::seal::NONCE_SIZE_BYTES;

/// One stream of random choices.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha20Rng);

impl Random {
    /// The stream of `purpose` under `entropy`; streams of different purposes are independent.
    pub(crate) fn new(entropy: &[u8; 32], purpose: &str) -> Random {
        Random(ChaCha20Rng::from_seed(Random::seed(entropy, purpose)))
    }

    /// The seed of a stream that somebody else draws.
    pub(crate) fn seed(entropy: &[u8; 32], purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, entropy)
    }

    /// A number that names something to others.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A nonce, used once.
    pub(crate) fn nonce(&mut self) -> [u8; NONCE_SIZE_BYTES] {
        let mut nonce = [0; NONCE_SIZE_BYTES];
        self.0.fill_bytes(&mut nonce);
        nonce
    }

    /// The delay before attempt `attempt` (from 0): doubling from 2 s to 30 s, its upper half drawn.
    pub(crate) fn back_off(&mut self, attempt: u32) -> Duration {
        let ceiling_ms = (2_000u64 << attempt.min(4)).min(30_000);
        Duration::from_millis(ceiling_ms / 2 + self.0.next_u64() % (ceiling_ms / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_from_one_to_thirty_seconds() {
        let mut random = Random::new(&[1; 32], "test");
        for (attempt, (low, high)) in
            [(1_000, 2_000), (2_000, 4_000), (4_000, 8_000), (8_000, 16_000), (15_000, 30_000)]
                .into_iter()
                .enumerate()
        {
            for _ in 0..100 {
                let delay = random.back_off(attempt as u32).as_millis();
                assert!((low..=high).contains(&delay), "attempt {attempt}: {delay} ms");
            }
        }
        assert!(random.back_off(u32::MAX).as_millis() <= 30_000);
    }
}
