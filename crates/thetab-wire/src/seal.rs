//! Signalling sealed from one session to another, so that the relay between them cannot read or swap it.
//!
//! X25519 between the two seal keys that the publisher's tickets bind to the sessions, BLAKE3 as the
//! key derivation, XChaCha20-Poly1305 with both session keys as associated data. The key agreement
//! authenticates both ends, so the DTLS fingerprint inside needs no further signature. Threats left
//! out: a publisher that gives tickets to strangers; traffic analysis by the relay; replay of a whole
//! sealed message, which the connection number inside makes harmless.

use alloc::vec::Vec;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

use crate::{
    codec::{DecodeError, List, Text, message, protocol},
    id::{SealKey, SessionKey},
    session::SessionSecret,
};

/// Size of the random nonce in front of each sealed message, in bytes.
pub const NONCE_SIZE_BYTES: usize = 24;

/// Largest SDP, in bytes.
pub const MAX_SDP_SIZE_BYTES: usize = 12 * 1024;

message! {
    /// Opens a connection.
    pub struct Offer {
        /// Chosen by the offering node; names this attempt.
        1 => connection: u64,
        /// Session description.
        2 => sdp: Text<12288>,
    }
}

message! {
    /// Accepts an offer.
    pub struct Answer {
        /// The offer's number.
        1 => connection: u64,
        /// Session description.
        2 => sdp: Text<12288>,
    }
}

message! {
    /// More ICE candidates of the sender, batched.
    pub struct Candidates {
        /// The offer's number.
        1 => connection: u64,
        /// `candidate:` lines of the first media section; an empty one ends them.
        2 => candidates: List<Text<512>, 16>,
    }
}

message! {
    /// Turns an offer down.
    pub struct Decline {
        /// The offer's number.
        1 => connection: u64,
    }
}

protocol! {
    /// What two peers say to each other through the relay before they are connected.
    pub enum SignalMessage: 16384 {
        /// Opens a connection.
        1 => Offer,
        /// Accepts it.
        2 => Answer,
        /// Adds ICE candidates.
        3 => Candidates,
        /// Turns it down.
        4 => Decline,
    }
}

/// Why a sealed message does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was not sealed by the sender for the receiver, or was changed.
    #[error("the message was not sealed by this peer for us")]
    Forged,
    /// The other end's seal key is of small order.
    #[error("the peer's seal key is of small order")]
    WeakKey,
    /// The content is not a signalling message.
    #[error("the sealed content is not a signalling message")]
    Decode(#[from] DecodeError),
}

/// A named peer: its session and the key to seal to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealPeer {
    /// The peer's name.
    pub session: SessionKey,
    /// Its seal key.
    pub seal: SealKey,
}

/// Seals `message` for `to`. The nonce must be random and is used once.
///
/// # Errors
/// [`SealError::WeakKey`] when the receiver's seal key is of small order: anyone could read the message.
pub fn seal(
    from: &SessionSecret,
    to: &SealPeer,
    nonce: [u8; NONCE_SIZE_BYTES],
    message: &SignalMessage,
) -> Result<Vec<u8>, SealError> {
    let cipher = cipher(from, &to.seal)?;
    let associated = [from.session_key().0, to.session.0].concat();
    let payload = Payload { msg: &message.encode(), aad: &associated };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .expect("a message of 16 KiB is within the cipher's limits");
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what `from` sealed for `to`; `None` for a message of a newer protocol.
///
/// # Errors
/// [`SealError`]
pub fn open(to: &SessionSecret, from: &SealPeer, sealed: &[u8]) -> Result<Option<SignalMessage>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_SIZE_BYTES>().ok_or(SealError::Forged)?;
    let associated = [from.session.0, to.session_key().0].concat();
    let payload = Payload { msg: sealed, aad: &associated };
    let message =
        cipher(to, &from.seal)?.decrypt(XNonce::from_slice(nonce), payload).or(Err(SealError::Forged))?;
    Ok(SignalMessage::decode(&message)?)
}

fn cipher(ours: &SessionSecret, theirs: &SealKey) -> Result<XChaCha20Poly1305, SealError> {
    let shared = ours.seal().diffie_hellman(&x25519_dalek::PublicKey::from(theirs.0));
    if !shared.was_contributory() {
        return Err(SealError::WeakKey);
    }
    Ok(XChaCha20Poly1305::new(&blake3::derive_key("thetab signal seal 1", shared.as_bytes()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(secret: &SessionSecret) -> SealPeer {
        SealPeer { session: secret.session_key(), seal: secret.seal_key() }
    }

    #[test]
    fn only_the_receiver_opens_a_sealed_offer_and_only_as_the_senders() {
        let [alice, bob, eve] = [1, 2, 3].map(|n| SessionSecret::from_entropy([n; 32]));
        let offer = SignalMessage::from(Offer { connection: 5, sdp: Text::try_from("v=0").unwrap() });
        let sealed = seal(&alice, &peer(&bob), [9; 24], &offer).unwrap();
        assert_eq!(open(&bob, &peer(&alice), &sealed), Ok(Some(offer)));
        assert_eq!(open(&eve, &peer(&alice), &sealed), Err(SealError::Forged));
        assert_eq!(open(&bob, &peer(&eve), &sealed), Err(SealError::Forged));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(open(&bob, &peer(&alice), &changed), Err(SealError::Forged));
        }
    }

    #[test]
    fn nothing_is_sealed_to_a_key_of_small_order() {
        let alice = SessionSecret::from_entropy([1; 32]);
        let weak = SealPeer { session: SessionKey([2; 32]), seal: SealKey([0; 32]) };
        let message = SignalMessage::from(Decline { connection: 1 });
        assert_eq!(seal(&alice, &weak, [0; 24], &message), Err(SealError::WeakKey));
    }
}
