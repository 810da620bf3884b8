//! Votes of elite edge nodes for a checkpoint. They carry no finality, and their keys follow from public data: see [`crate::guardian`].

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Address, Amount, B256, U256,
    bls::{BlsPublicKey, BlsSignature},
    guardian::AggregateError,
    keccak256,
    rlp::{Encode, put_list, record},
};

/// TFUEL wei that give a node one draw.
const STAKE_OF_A_DRAW: U256 = U256::from_limbs([0x19e0_c9ba_b240_0000, 0x21e, 0, 0]);

/// Draws are uniform below this.
const DRAW_RANGE: u64 = 1_000_000_000_000_000_000;

/// How many draws all nodes together win for a block, about.
const EXPECTED_WINS: u64 = 800;

record! {
    /// One elite edge node's vote.
    /// # Source
    /// `docs/spec/chain.md` §2.9.
    pub struct EdgeVote {
        /// The block.
        pub block: B256,
        /// Its height; not signed.
        pub height: u64,
        /// The voter.
        pub address: Address,
        /// The voter's signature.
        pub signature: Option<BlsSignature>,
        /// Unix seconds; not signed.
        pub timestamp: Amount,
    }
}

record! {
    /// Votes of elite edge nodes for one checkpoint block.
    pub struct AggregatedEdgeVotes {
        /// The block.
        pub block: B256,
        /// How often each signed.
        pub multiplicities: Vec<u32>,
        /// Who signed, ascending.
        pub addresses: Vec<Address>,
        /// The sum of the signatures.
        pub signature: Option<BlsSignature>,
    }
}

/// The bytes that each elite edge node signs.
pub fn edge_sign_bytes(block: &B256) -> Vec<u8> {
    let mut out = Vec::new();
    put_list(&mut out, |out| block.encode_to(out));
    out
}

impl EdgeVote {
    /// Checks the signature against the node's key.
    pub fn verify(&self, key: &BlsPublicKey) -> bool {
        self.signature.is_some_and(|signature| signature.verify(key, &edge_sign_bytes(&self.block)))
    }
}

/// How many draws a node wins for a block; nodes that win none may not vote for it.
///
/// `stake` is what the node has not withdrawn, `total` the state value at [`crate::keys::EDGE_TOTAL_STAKE`]. No node may stake more
/// than 500,000 TFUEL, which is fifty draws; for amounts that no chain allows, no more than 65,535 are made.
/// # Source
/// `docs/spec/chain.md` §3.8.
pub fn reward_weight(block: &B256, address: &Address, stake: &Amount, total: &Amount) -> u16 {
    let (Some(stake), Some(total)) = (stake.to_u256(), total.to_u256()) else { return 0 };
    let draws = stake.checked_div(STAKE_OF_A_DRAW).unwrap_or_default();
    let scaled = U256::from(DRAW_RANGE).wrapping_mul(U256::from(EXPECTED_WINS)).checked_mul(stake);
    let share = scaled.and_then(|scaled| scaled.checked_div(total));
    let Some(chance) = share.and_then(|share| share.checked_div(draws)) else { return 0 };
    let draws = u16::try_from(draws).unwrap_or(u16::MAX);
    let mut lottery = Lottery::new(block, address);
    (0..draws).fold(0u16, |won, _| won.saturating_add(u16::from(U256::from(lottery.draw()) < chance)))
}

/// The numbers that a block draws for a node: eight bytes at a time from a chain of hashes.
struct Lottery {
    hash: B256,
    used: usize,
}

impl Lottery {
    fn new(block: &B256, address: &Address) -> Lottery {
        Lottery { hash: keccak256([block.as_slice(), address.as_slice()].concat()), used: 4 }
    }

    fn draw(&mut self) -> u64 {
        loop {
            if self.used == 4 {
                *self = Lottery { hash: keccak256(self.hash), used: 0 };
            }
            let (numbers, _) = self.hash.0.as_chunks::<8>();
            let number = numbers.get(self.used).map_or(0, |digits| u64::from_be_bytes(*digits));
            self.used = self.used.saturating_add(1);
            let number = number & (u64::MAX >> 4);
            if number < DRAW_RANGE {
                return number;
            }
        }
    }
}

impl AggregatedEdgeVotes {
    /// Checks the aggregate against the keys of its addresses, in their order. Whether each was drawn for the block is not checked here.
    ///
    /// # Errors
    /// [`AggregateError`]; [`AggregateError::Pool`] when the addresses are not strictly ascending, or there are none.
    pub fn verify(&self, keys: &[BlsPublicKey]) -> Result<(), AggregateError> {
        let ascending = self.addresses.is_sorted_by(|a, b| a < b);
        if self.addresses.is_empty() || !ascending {
            return Err(AggregateError::Pool);
        }
        if self.multiplicities.len() != self.addresses.len() || keys.len() != self.addresses.len() {
            return Err(AggregateError::Count {
                expected: self.addresses.len(),
                actual: self.multiplicities.len(),
            });
        }
        let signature = self.signature.ok_or(AggregateError::Missing)?;
        let valid = signature.verify_aggregate(keys, &self.multiplicities, &edge_sign_bytes(&self.block));
        if valid { Ok(()) } else { Err(AggregateError::Signature) }
    }
    /// Adds another aggregate for the same block; `false` when it brings no new signer and was left out.
    ///
    /// # Errors
    /// [`AggregateError::Different`], [`AggregateError::Count`], [`AggregateError::Overflow`], [`AggregateError::Missing`],
    /// [`AggregateError::Signature`].
    pub fn merge(&mut self, other: &AggregatedEdgeVotes) -> Result<bool, AggregateError> {
        if self.block != other.block {
            return Err(AggregateError::Different);
        }
        let mut sums: BTreeMap<Address, u32> = self.signers()?.collect();
        let mut is_new = false;
        for (address, multiplicity) in other.signers()? {
            is_new |= multiplicity > 0 && sums.get(&address).is_none_or(|&ours| ours == 0);
            let sum = sums.entry(address).or_default();
            *sum = sum.checked_add(multiplicity).ok_or(AggregateError::Overflow)?;
        }
        if !is_new {
            return Ok(false);
        }
        let both = self.signature.as_ref().zip(other.signature.as_ref());
        let (ours, theirs) = both.ok_or(AggregateError::Missing)?;
        let sum = BlsSignature::aggregate([(ours, 1), (theirs, 1)]).ok_or(AggregateError::Signature)?;
        (self.addresses, self.multiplicities) = sums.into_iter().unzip();
        self.signature = Some(sum);
        Ok(true)
    }

    fn signers(&self) -> Result<impl Iterator<Item = (Address, u32)>, AggregateError> {
        let (expected, actual) = (self.addresses.len(), self.multiplicities.len());
        if expected != actual {
            return Err(AggregateError::Count { expected, actual });
        }
        Ok(self.addresses.iter().copied().zip(self.multiplicities.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::bls::BlsSecretKey;

    fn key(number: u8) -> BlsSecretKey {
        BlsSecretKey::from_bytes(&[number; 32]).unwrap()
    }

    fn votes(signers: &[(u8, u32)]) -> AggregatedEdgeVotes {
        let block = B256::repeat_byte(9);
        let signatures: Vec<_> =
            signers.iter().map(|(n, m)| (key(*n).sign(&edge_sign_bytes(&block)), *m)).collect();
        AggregatedEdgeVotes {
            block,
            multiplicities: signers.iter().map(|(_, multiplicity)| *multiplicity).collect(),
            addresses: signers.iter().map(|(number, _)| Address::repeat_byte(*number)).collect(),
            signature: BlsSignature::aggregate(signatures.iter().map(|(signature, m)| (signature, *m))),
        }
    }

    #[test]
    fn merged_votes_are_those_of_all_signers() {
        let mut merged = votes(&[(1, 1), (3, 2)]);
        assert_eq!(merged.merge(&votes(&[(2, 1), (3, 1)])), Ok(true));
        assert_eq!(merged, votes(&[(1, 1), (2, 1), (3, 3)]));
        assert_eq!(merged.verify(&[1, 2, 3].map(|number| key(number).public_key())), Ok(()));
        assert_eq!(merged.merge(&votes(&[(2, 5)])), Ok(false));
        assert_eq!(merged, votes(&[(1, 1), (2, 1), (3, 3)]));
    }

    #[test]
    fn votes_that_do_not_fit_each_other_are_not_merged() {
        let mut ours = votes(&[(1, 1)]);
        let other_block = AggregatedEdgeVotes { block: B256::ZERO, ..votes(&[(2, 1)]) };
        assert_eq!(ours.merge(&other_block), Err(AggregateError::Different));
        let unsigned = AggregatedEdgeVotes { signature: None, ..votes(&[(2, 1)]) };
        assert_eq!(ours.merge(&unsigned), Err(AggregateError::Missing));
        let uneven = AggregatedEdgeVotes { multiplicities: vec![1, 1], ..votes(&[(2, 1)]) };
        assert_eq!(ours.merge(&uneven), Err(AggregateError::Count { expected: 1, actual: 2 }));
        let often = AggregatedEdgeVotes { multiplicities: vec![u32::MAX, 1], ..votes(&[(1, 1), (2, 1)]) };
        assert_eq!(ours.merge(&often), Err(AggregateError::Overflow));
        assert_eq!(ours, votes(&[(1, 1)]));
    }

    #[test]
    fn whoever_has_no_stake_wins_nothing() {
        let win = |stake: u64, total: u64| {
            reward_weight(&B256::ZERO, &Address::ZERO, &Amount::from(stake), &Amount::from(total))
        };
        assert_eq!((win(0, 10), win(5, 0), win(5, 10)), (0, 0, 0));
        let huge = Amount::from(U256::MAX);
        assert_eq!(reward_weight(&B256::ZERO, &Address::ZERO, &huge, &huge), 0);
    }
}
