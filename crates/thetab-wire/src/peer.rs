//! What two connected peers say on their control channel. One message per data-channel message.

use crate::{
    codec::{List, message, protocol},
    have::{PieceSet, SequenceSet},
    id::SegmentId,
    record::SignedRecord,
};

/// Version of the peer protocol; a different major version is refused.
pub const PEER_PROTOCOL_VERSION: u16 = 1;

message! {
    /// The first message on a link, from both ends.
    pub struct Hello {
        /// [`PEER_PROTOCOL_VERSION`].
        1 => version: u16,
        /// Most pieces that may be requested of the sender at a time.
        2 => maximum_pieces: u16,
    }
}

message! {
    /// What the sender does now. Sent when it changes, and at most twice a second.
    pub struct Status {
        /// Whether the sender answers requests at all.
        1 => sharing: bool,
        /// Whether the sender answers requests of the receiver for now.
        2 => choking: bool,
        /// The video rendition that it plays.
        3 => rendition: u16,
        /// Its position in the presentation: media sequence of the segment under the playhead.
        4 => playhead_sequence: u64,
    }
}

message! {
    /// All complete segments of one rendition; replaces what was known of it.
    pub struct Have {
        /// Which rendition.
        1 => rendition: u16,
        /// Complete media segments.
        2 => complete: SequenceSet,
        /// Whether the initialisation section is there as well.
        3 => init: bool,
    }
}

message! {
    /// Segments that became complete or were dropped since the last message.
    pub struct HaveDelta {
        /// Now complete.
        1 => added: List<SegmentId, 64>,
        /// No longer there, in whole or in part.
        2 => removed: List<SegmentId, 64>,
    }
}

message! {
    /// All pieces that the sender has of a segment in progress; replaces what was known of it.
    pub struct Partial {
        /// Which segment.
        1 => segment: SegmentId,
        /// Its verified pieces.
        2 => pieces: PieceSet,
    }
}

message! {
    /// Asks for pieces, to be sent on the bulk channel in this order.
    pub struct Request {
        /// Chosen by the asking node; unique on the link while open.
        1 => request: u32,
        /// Which segment.
        2 => segment: SegmentId,
        /// Which pieces of it.
        3 => pieces: PieceSet,
    }
}

message! {
    /// Stops what is not yet sent of a request.
    pub struct Cancel {
        /// The request.
        1 => request: u32,
        /// Only these pieces; all without.
        2 => pieces: Option<PieceSet>,
    }
}

message! {
    /// Says that pieces of a request will not come.
    pub struct Refuse {
        /// The request.
        1 => request: u32,
        /// Only these pieces; all without.
        2 => pieces: Option<PieceSet>,
        /// Why: 0 not there, 1 not sharing, 2 too many requests, 3 choked. Others read as 0.
        3 => reason: u8,
    }
}

message! {
    /// Asks for signed records.
    pub struct RecordRequest {
        /// Of these segments.
        1 => segments: List<SegmentId, 16>,
    }
}

message! {
    /// One signed record, asked for or sent ahead of an announcement.
    pub struct Record {
        /// The record.
        1 => record: SignedRecord,
    }
}

message! {
    /// Asks for an echo, to measure the round trip.
    pub struct Ping {
        /// Echoed.
        1 => nonce: u64,
    }
}

message! {
    /// The echo.
    pub struct Pong {
        /// As in the ping.
        1 => nonce: u64,
    }
}

message! {
    /// The sender closes the link. Reasons: 0 done, 1 full, 2 misbehaviour, 3 version.
    pub struct Bye {
        /// Why.
        1 => reason: u8,
    }
}

protocol! {
    /// A control message between peers.
    pub enum PeerMessage: 16384 {
        /// First on a link.
        1 => Hello,
        /// What the sender does.
        2 => Status,
        /// All complete segments of a rendition.
        3 => Have,
        /// Changes to them.
        4 => HaveDelta,
        /// Pieces of a segment in progress.
        5 => Partial,
        /// Asks for pieces.
        6 => Request,
        /// Stops a request.
        7 => Cancel,
        /// Declines a request.
        8 => Refuse,
        /// Asks for records.
        9 => RecordRequest,
        /// A record.
        10 => Record,
        /// Echo, please.
        11 => Ping,
        /// Echo.
        12 => Pong,
        /// Closes the link.
        13 => Bye,
    }
}
