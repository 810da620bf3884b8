use alloc::vec::Vec;
use core::{ops::Range, time::Duration};

use bytes::Bytes;
use thetab_wire::SegmentId;

use crate::input::{FetchId, PeerId, RequestId};

/// Why a peer is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BanReason {
    /// A piece did not hash to its leaf.
    BadPiece,
    /// A record was not the publisher's.
    BadRecord,
    /// Messages that do not decode, empty frames, floods.
    Protocol,
}

/// Where a delivered segment came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes from peers.
    pub peer_bytes: u64,
    /// Bytes from the origin.
    pub origin_bytes: u64,
    /// Whether all of it was there when the player asked.
    pub was_stored: bool,
}

/// Running totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Verified bytes from peers.
    pub peer_bytes: u64,
    /// Verified bytes from the origin, offered segments among them.
    pub origin_bytes: u64,
    /// Bytes given to peers.
    pub given_bytes: u64,
    /// Bytes thrown away because they did not verify.
    pub rejected_bytes: u64,
    /// Pieces received more than once.
    pub duplicate_bytes: u64,
    /// Pieces that verified.
    pub verified_pieces: u64,
    /// Pieces that did not.
    pub rejected_pieces: u64,
    /// Peers banned.
    pub banned_peers: u64,
    /// Linked peers.
    pub links: u32,
    /// Bytes stored.
    pub stored_bytes: u64,
}

/// What the host must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Give the player its segment: the pieces in order, each verified.
    Deliver {
        /// The request.
        request: RequestId,
        /// The segment's pieces in order. The host copies them: the store goes on sharing this memory.
        pieces: Vec<Bytes>,
        /// Where they came from.
        delivery: Delivery,
    },
    /// The player must fetch this segment itself: no record, or the deadline is near and no progress is.
    PlainHttp {
        /// The request.
        request: RequestId,
    },
    /// Fetch a range of a segment from the origin.
    FetchOrigin {
        /// Names the fetch.
        fetch: FetchId,
        /// Which segment.
        segment: SegmentId,
        /// Which bytes of it; the whole segment when it covers it.
        range: Range<u32>,
    },
    /// Fetch a page of signed records from the origin.
    FetchRecords {
        /// Names the fetch.
        fetch: FetchId,
        /// Which rendition.
        rendition: u16,
        /// Which page of 64; the initialisation section's without.
        page: Option<u64>,
        /// Records up to this sequence are known already.
        after: Option<u64>,
    },
    /// Stop a fetch; nothing more is wanted of it.
    CancelFetch {
        /// The fetch.
        fetch: FetchId,
    },
    /// Send a control message.
    SendControl {
        /// To whom.
        peer: PeerId,
        /// An encoded `PeerMessage`.
        message: Bytes,
    },
    /// Send a bulk frame. The swarm keeps within the channel's high-water mark by itself.
    SendBulk {
        /// To whom.
        peer: PeerId,
        /// An encoded `BulkFrame`.
        frame: Bytes,
    },
    /// Close the link; no hard feelings.
    Disconnect {
        /// Whom.
        peer: PeerId,
    },
    /// Close the link, refuse the peer for `duration`, and tell the relay.
    Ban {
        /// Whom.
        peer: PeerId,
        /// What it did.
        reason: BanReason,
        /// For how long.
        duration: Duration,
    },
    /// A record did not verify or could not be had: the page says so; playback goes on over plain HTTP.
    RecordProblem {
        /// Whose record.
        segment: SegmentId,
        /// True for a wrong signature, false for a missing one.
        forged: bool,
    },
}
