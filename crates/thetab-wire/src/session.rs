//! The keys of one page load, and the proof that a node holds them.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use x25519_dalek::StaticSecret;
use zeroize::Zeroize;

use crate::id::{PresentationId, SealKey, SessionKey, Signature, verify_signature};

const JOIN_DOMAIN: &[u8] = b"thetab join proof 1";

/// Secret keys of one page load. They never leave the node; `Debug` shows only the public name.
#[derive(Clone)]
pub struct SessionSecret {
    signing: SigningKey,
    seal: StaticSecret,
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionSecret").field(&self.session_key()).finish()
    }
}

impl SessionSecret {
    /// Derives both keys from 32 bytes of entropy, which are wiped.
    pub fn from_entropy(mut entropy: [u8; 32]) -> SessionSecret {
        let signing = SigningKey::from_bytes(&blake3::derive_key("thetab session signing key 1", &entropy));
        let seal = StaticSecret::from(blake3::derive_key("thetab session seal key 1", &entropy));
        entropy.zeroize();
        SessionSecret { signing, seal }
    }

    /// The session's public name.
    pub fn session_key(&self) -> SessionKey {
        SessionKey(self.signing.verifying_key().to_bytes())
    }

    /// The key to which others seal.
    pub fn seal_key(&self) -> SealKey {
        SealKey(x25519_dalek::PublicKey::from(&self.seal).to_bytes())
    }

    /// Proves to the relay `relay_id` that the node behind the transport identity `transport_id`
    /// (both libp2p peer ids) holds this session: tickets are public among peers, keys are not.
    pub fn prove_join(
        &self,
        presentation: &PresentationId,
        relay_id: &[u8],
        transport_id: &[u8],
    ) -> Signature {
        self.signing.sign(&join_message(presentation, relay_id, transport_id)).to_bytes()
    }

    pub(crate) fn seal(&self) -> &StaticSecret {
        &self.seal
    }
}

/// Whether `proof` is [`SessionSecret::prove_join`] of `session` for the same three names.
pub fn verify_join(
    session: &SessionKey,
    presentation: &PresentationId,
    relay_id: &[u8],
    transport_id: &[u8],
    proof: &Signature,
) -> bool {
    verify_signature(&session.0, &[&join_message(presentation, relay_id, transport_id)], proof)
}

fn join_message(presentation: &PresentationId, relay_id: &[u8], transport_id: &[u8]) -> alloc::vec::Vec<u8> {
    let (relay, transport) = (blake3::hash(relay_id), blake3::hash(transport_id));
    [JOIN_DOMAIN, &presentation.0, relay.as_bytes(), transport.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PublisherKey;

    #[test]
    fn a_join_proof_holds_for_its_own_transport_alone() {
        let secret = SessionSecret::from_entropy([3; 32]);
        let presentation = PresentationId::new(&PublisherKey([9; 32]), "sample");
        let proof = secret.prove_join(&presentation, b"relay", b"me");
        assert!(verify_join(&secret.session_key(), &presentation, b"relay", b"me", &proof));
        assert!(!verify_join(&secret.session_key(), &presentation, b"relay", b"thief", &proof));
        assert!(!verify_join(&secret.session_key(), &presentation, b"other relay", b"me", &proof));
    }
}
