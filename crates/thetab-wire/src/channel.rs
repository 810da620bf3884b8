//! The two data channels of every link.
//!
//! Both ends create both channels by themselves ("negotiated"), so that these agree without a word: a
//! link needs no further round trip, and nobody opens a third. Control never waits behind media.

use crate::{bulk, peer::PeerMessage};

/// One data channel of a link, as both ends create it. Both channels are reliable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Stream id, agreed on beforehand.
    pub id: u16,
    /// Label.
    pub label: &'static str,
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// Largest message; a peer that sends a larger one breaks the protocol.
    pub maximum_message_size_bytes: usize,
}

/// Carries `peer::PeerMessage`s.
pub const CONTROL: Channel = Channel {
    id: 0,
    label: "control",
    ordered: true,
    maximum_message_size_bytes: PeerMessage::MAX_SIZE_BYTES,
};

/// Carries `bulk::BulkFrame`s.
pub const BULK: Channel = Channel {
    id: 1,
    label: "bulk",
    ordered: false,
    maximum_message_size_bytes: bulk::HEADER_SIZE_BYTES + bulk::MAX_PAYLOAD_SIZE_BYTES,
};
