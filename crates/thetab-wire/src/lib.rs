//! Messages among edge nodes and relays: versioned, bounded, fuzzed.
//!
//! One codec serves every protocol: a message is a varint tag and its fields, a field is a varint tag,
//! a varint length and that many bytes. Unknown messages and fields are skipped, so that either end
//! may be newer. Nothing is allocated by a length that was not checked against the bytes at hand.
//!
//! What a publisher signs ([`record`], [`ticket`]) is verified over the bytes as received; the
//! `Verified…` types are made in no other way.
#![no_std]

extern crate alloc;

pub mod bulk;
pub mod chain;
pub mod channel;
pub mod codec;
pub mod frame;
pub mod have;
pub mod id;
pub mod peer;
pub mod record;
pub mod relay;
pub mod seal;
pub mod session;
pub mod ticket;

pub use codec::{Decode, DecodeError, Encode};
pub use id::{
    Hash, PIECE_SIZE_BYTES, PieceIndex, PresentationId, PublisherKey, SealKey, SegmentId, SegmentKind,
    SessionKey, Signature,
};
