//! Names of things: keys, presentations, segments, pieces.

use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::VerifyingKey;

use crate::codec::{Decode, DecodeError, Encode, Value};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// Position of a piece in its segment.
pub type PieceIndex = u16;

/// Size of every piece but a segment's last, in bytes.
pub const PIECE_SIZE_BYTES: usize = 64 * 1024;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}{:02x}{:02x}…)"), a, b, c, d)
            }
        }

        impl core::str::FromStr for $name {
            type Err = DecodeError;
            fn from_str(text: &str) -> Result<$name, DecodeError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).or(Err(DecodeError::Bounds(stringify!($name))))?;
                Ok($name(bytes))
            }
        }

        impl Encode for $name {
            fn encode_to(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(bytes: &[u8]) -> Result<$name, DecodeError> {
                <[u8; 32]>::decode(bytes).map($name)
            }
        }

        impl Value for $name {}
    )*};
}

identifiers! {
    /// The Ed25519 key that signs a publisher's records and tickets. `FromStr`: 64 hex digits.
    PublisherKey,
    /// One stream of one publisher: BLAKE3(publisher key | stream name).
    PresentationId,
    /// The Ed25519 key of one page load; names a peer to other peers and to the tracker.
    SessionKey,
    /// The X25519 key to which a peer's signalling is sealed.
    SealKey
}

impl PresentationId {
    /// The presentation that `publisher` calls `name`.
    pub fn new(publisher: &PublisherKey, name: &str) -> PresentationId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&publisher.0).update(name.as_bytes());
        PresentationId(*hasher.finalize().as_bytes())
    }
}

/// Whether `signature` over `parts`, one after the other, verifies under `key` (strict rules: no small-order keys).
pub(crate) fn verify_signature(key: &[u8; 32], parts: &[&[u8]], signature: &Signature) -> bool {
    let message = parts.concat();
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    })
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// The initialisation section of a rendition.
    Init,
    /// Playable media.
    Media,
}

/// One segment of one presentation.
///
/// Encoded as rendition (2 bytes), kind (1), sequence (8), and part (2) where there is one; big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// Index of the rendition in the presentation.
    pub rendition: u16,
    /// What it holds.
    pub kind: SegmentKind,
    /// HLS media sequence number; zero for [`SegmentKind::Init`].
    pub sequence: u64,
    /// Index of the LL-HLS part, for a partial segment.
    pub part: Option<u16>,
}

impl SegmentId {
    /// The whole media segment `sequence` of `rendition`.
    pub const fn media(rendition: u16, sequence: u64) -> SegmentId {
        SegmentId { rendition, kind: SegmentKind::Media, sequence, part: None }
    }

    /// The initialisation section of `rendition`.
    pub const fn init(rendition: u16) -> SegmentId {
        SegmentId { rendition, kind: SegmentKind::Init, sequence: 0, part: None }
    }
}

impl Encode for SegmentId {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rendition.to_be_bytes());
        out.push(match self.kind {
            SegmentKind::Init => 0,
            SegmentKind::Media => 1,
        });
        out.extend_from_slice(&self.sequence.to_be_bytes());
        if let Some(part) = self.part {
            out.extend_from_slice(&part.to_be_bytes());
        }
    }
}

impl Decode for SegmentId {
    fn decode(bytes: &[u8]) -> Result<SegmentId, DecodeError> {
        let &[r0, r1, kind, s0, s1, s2, s3, s4, s5, s6, s7, ref part @ ..] = bytes else {
            return Err(DecodeError::Truncated);
        };
        let kind = match kind {
            0 => SegmentKind::Init,
            1 => SegmentKind::Media,
            _ => return Err(DecodeError::Bounds("segment kind")),
        };
        let part = match *part {
            [] => None,
            [p0, p1] => Some(u16::from_be_bytes([p0, p1])),
            _ => return Err(DecodeError::Trailing(part.len())),
        };
        let sequence = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        if kind == SegmentKind::Init && (sequence != 0 || part.is_some()) {
            return Err(DecodeError::Bounds("init segment"));
        }
        Ok(SegmentId { rendition: u16::from_be_bytes([r0, r1]), kind, sequence, part })
    }
}

impl Value for SegmentId {}
