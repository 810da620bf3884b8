use alloc::{string::String, vec::Vec};
use core::fmt;

use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_swarm::{FetchId, RequestId};
use thetab_wire::{PresentationId, PublisherKey, SegmentId, record::RecordPage, ticket::SignedTicket};

/// One WebRTC connection attempt; chosen by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What a node is for.
#[derive(Clone)]
pub struct Config {
    /// Fresh entropy: the session keys and the seed of every random choice derive from it.
    pub entropy: [u8; 32],
    /// Unix time at [`Instant::ZERO`], in seconds; ticket expiry is judged by it.
    pub started_unix_seconds: u64,
    /// The presentation.
    pub presentation: PresentationId,
    /// Whose records and tickets count.
    pub publisher: PublisherKey,
    /// Whether new segments keep appearing.
    pub live: bool,
    /// Hard limit of everything stored, in bytes.
    pub memory_limit_bytes: usize,
    /// How far ahead of the playhead pieces are fetched before the player asks, in milliseconds.
    pub prefetch_horizon_ms: u32,
    /// Active links wanted (8 on a desktop, 4 on a phone) and the hard cap (16, 8).
    pub wanted_links: usize,
    /// See `wanted_links`.
    pub maximum_links: usize,
}

impl fmt::Debug for Config {
    /// Leaves out the entropy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("presentation", &self.presentation).field("live", &self.live).finish()
    }
}

/// What a visitor chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharingMode {
    /// No peers at all.
    Off,
    /// Take from peers, give nothing.
    Download,
    /// Give and take.
    Share,
}

/// A visitor's answers. Nothing counts as a yes but a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `None` until answered.
    pub sharing: Option<SharingMode>,
    /// Most bytes a second given to peers.
    pub upload_cap_bytes_per_second: u64,
    /// The visitor says that this connection costs by the byte.
    pub metered: bool,
}

/// What the device and the page say about themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The browser asks sites to save data.
    pub save_data: bool,
    /// Battery below a fifth and not charging.
    pub battery_low: bool,
    /// The tab is in the background.
    pub hidden: bool,
    /// Playback is paused or ended.
    pub paused: bool,
}

/// What happened outside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// The player wants a segment: see [`thetab_swarm::Input::Want`].
    Load {
        /// Answered by `Deliver` or `PlainHttp` exactly once, unless abandoned.
        request: RequestId,
        /// Which segment.
        segment: SegmentId,
        /// When playback would stall.
        deadline: Instant,
    },
    /// The player no longer wants it.
    Abandon {
        /// The request.
        request: RequestId,
    },
    /// The player fetched a segment by itself.
    Offered {
        /// Which segment.
        segment: SegmentId,
        /// All its bytes.
        payload: Bytes,
    },
    /// Where the player is: see [`thetab_swarm::Input::Playhead`]. The first rendition is the video one.
    Playhead {
        /// Renditions it plays now.
        renditions: Vec<u16>,
        /// Media sequence under the playhead.
        sequence: u64,
        /// Last media sequence that exists, where known.
        last_sequence: Option<u64>,
    },
    /// The visitor's answers changed.
    Settings(Settings),
    /// The device's or the page's state changed.
    Conditions(Conditions),
    /// The ticket that `RequestTicket` asked for, or `None` when it could not be had.
    Ticket(Option<SignedTicket>),
    /// The stream to the relay opened.
    RelayConnected {
        /// The relay's libp2p peer id.
        relay_id: Bytes,
        /// This node's libp2p peer id.
        transport_id: Bytes,
    },
    /// A message from the relay: an encoded `RelayEvent`.
    RelayMessage(Bytes),
    /// The stream to the relay closed or could not be opened.
    RelayLost,
    /// A connection's own description is ready (offer or answer).
    Described {
        /// The connection.
        connection: ConnectionId,
        /// The SDP.
        sdp: String,
    },
    /// A connection found a candidate of its own; `None` ends them.
    LocalCandidate {
        /// The connection.
        connection: ConnectionId,
        /// The `candidate:` line.
        candidate: Option<String>,
    },
    /// Both data channels are open.
    Opened {
        /// The connection.
        connection: ConnectionId,
    },
    /// The connection failed or closed.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// A message on the control channel.
    Control {
        /// The connection.
        connection: ConnectionId,
        /// The message.
        message: Bytes,
    },
    /// A message on the bulk channel.
    Bulk {
        /// The connection.
        connection: ConnectionId,
        /// The frame.
        frame: Bytes,
    },
    /// The bulk channel's send buffer fell to its low-water mark.
    Buffered {
        /// The connection.
        connection: ConnectionId,
        /// Bytes not yet sent.
        buffered_bytes: usize,
    },
    /// A page of the sidecar arrived.
    Records {
        /// The fetch.
        fetch: FetchId,
        /// Its records, unverified.
        page: RecordPage,
    },
    /// Bytes of an origin fetch, in order.
    OriginData {
        /// The fetch.
        fetch: FetchId,
        /// The next bytes.
        payload: Bytes,
    },
    /// An origin fetch ended.
    OriginEnded {
        /// The fetch.
        fetch: FetchId,
        /// Whether it was complete.
        success: bool,
    },
}
