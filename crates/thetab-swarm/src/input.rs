use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_wire::{PresentationId, PublisherKey, SegmentId, SessionKey, record::RecordPage};

/// A linked peer, named by its session key.
pub type PeerId = SessionKey;

/// A segment that the player waits for; chosen by the host, unique while open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An HTTP request that the swarm asked of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// What a swarm is for and how much it may use.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of every random choice.
    pub seed: [u8; 32],
    /// The presentation.
    pub presentation: PresentationId,
    /// Whose records count.
    pub publisher: PublisherKey,
    /// This node's own name; takes part in electing who fetches what from the origin.
    pub local: PeerId,
    /// Whether new segments keep appearing.
    pub live: bool,
    /// Hard limit of everything stored, in bytes (128 MiB on a desktop, 48 MiB on a phone).
    pub memory_limit_bytes: usize,
    /// How far ahead of the playhead pieces are fetched before the player asks, in milliseconds.
    pub prefetch_horizon_ms: u32,
    /// Most peers that may be linked at a time.
    pub maximum_links: usize,
}

/// Whether and how fast this node answers peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharePolicy {
    /// Ask peers for pieces at all.
    pub download: bool,
    /// Answer requests of peers.
    pub upload: bool,
    /// Most bytes a second given to peers.
    pub upload_cap_bytes_per_second: u64,
}

/// What happened outside. The host reports it; the swarm decides what it means.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// The player wants a whole segment and would stall without it at `deadline`.
    Want {
        /// Answered by `Deliver` or `PlainHttp`, exactly once, unless abandoned.
        request: RequestId,
        /// Which segment.
        segment: SegmentId,
        /// When playback would stall.
        deadline: Instant,
    },
    /// The player no longer wants it (seek, rendition switch, end).
    Abandon {
        /// The request.
        request: RequestId,
    },
    /// The player fetched a segment by itself over plain HTTP; kept once its pieces verify.
    Offered {
        /// Which segment.
        segment: SegmentId,
        /// All its bytes.
        payload: Bytes,
    },
    /// Where the player is.
    Playhead {
        /// Renditions it plays now (video, audio).
        renditions: alloc::vec::Vec<u16>,
        /// Media sequence under the playhead.
        sequence: u64,
        /// Last media sequence that exists, where known: nothing beyond is prefetched.
        last_sequence: Option<u64>,
        /// Whether playback is paused.
        paused: bool,
    },
    /// A page of the sidecar arrived.
    Records {
        /// The `FetchRecords` that it answers.
        fetch: FetchId,
        /// Its records, unverified.
        page: RecordPage,
    },
    /// Bytes of an origin fetch, in order, from the start of its range.
    OriginData {
        /// The fetch.
        fetch: FetchId,
        /// The next bytes.
        payload: Bytes,
    },
    /// An origin fetch (segment or records) ended; with success only when all bytes came.
    OriginEnded {
        /// The fetch.
        fetch: FetchId,
        /// Whether it was complete.
        success: bool,
    },
    /// A link to a peer opened.
    LinkUp {
        /// The peer.
        peer: PeerId,
    },
    /// A link closed.
    LinkDown {
        /// The peer.
        peer: PeerId,
    },
    /// A control message, as received.
    Control {
        /// The peer.
        peer: PeerId,
        /// An encoded `PeerMessage`.
        message: Bytes,
    },
    /// A bulk frame, as received.
    Bulk {
        /// The peer.
        peer: PeerId,
        /// An encoded `BulkFrame`.
        frame: Bytes,
    },
    /// The bulk channel's send buffer now holds this much.
    Buffered {
        /// The peer.
        peer: PeerId,
        /// Bytes not yet sent.
        buffered_bytes: usize,
    },
    /// What the visitor allows now.
    Share(SharePolicy),
}
