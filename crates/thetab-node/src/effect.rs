use alloc::{string::String, vec::Vec};
use core::ops::Range;

use bytes::Bytes;
use thetab_swarm::{Delivery, FetchId, RequestId, Stats};
use thetab_wire::{SealKey, SegmentId, SessionKey};

use crate::input::{ConnectionId, SharingMode};

/// What the node does about sharing now.
pub type EffectiveMode = SharingMode;

/// Why the effective mode is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModeReason {
    /// As chosen.
    Chosen,
    /// Never asked, or no yes was given.
    NoConsent,
    /// The connection costs by the byte, or the browser saves data.
    Metered,
    /// Low battery.
    Battery,
    /// The tab is hidden and paused for a minute.
    Hidden,
    /// Paused for a minute.
    Paused,
    /// Fewer viewers than the relay introduces.
    FewViewers,
}

/// The line to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// Not wanted (sharing is off).
    Off,
    /// Being opened, or waiting to try again.
    Connecting,
    /// Joined.
    Connected,
    /// Was there and is gone; being tried again.
    Lost,
}

/// What a page shows. Given at most four times a second, and when something a person sees changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// What the visitor chose.
    pub chosen: Option<SharingMode>,
    /// What the node does.
    pub effective: EffectiveMode,
    /// Why.
    pub reason: ModeReason,
    /// The line to the relay.
    pub relay: RelayState,
    /// Viewers of this presentation, as the relay says.
    pub viewers: u32,
    /// Totals.
    pub stats: Stats,
}

/// What the host must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// See [`thetab_swarm::Effect::Deliver`].
    Deliver {
        /// The request.
        request: RequestId,
        /// The segment's pieces in order.
        pieces: Vec<Bytes>,
        /// Where they came from.
        delivery: Delivery,
    },
    /// The player must fetch this segment itself.
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
        /// Which bytes of it.
        range: Range<u32>,
    },
    /// Fetch a page of signed records from the origin.
    FetchRecords {
        /// Names the fetch.
        fetch: FetchId,
        /// Which rendition.
        rendition: u16,
        /// Which page; the initialisation section's without.
        page: Option<u64>,
        /// Records up to this sequence are known already.
        after: Option<u64>,
    },
    /// Stop a fetch.
    CancelFetch {
        /// The fetch.
        fetch: FetchId,
    },
    /// Ask the relay's HTTP API for a join ticket.
    RequestTicket {
        /// The session.
        session: SessionKey,
        /// Its seal key.
        seal: SealKey,
    },
    /// Open the stream to the relay: `RelayConnected` or `RelayLost` answers.
    ConnectRelay,
    /// Close it. Nothing more of this stream is reported, not even its end.
    DisconnectRelay,
    /// Send an encoded `RelayRequest`.
    SendRelay(Bytes),
    /// Create a connection with both data channels; describe it (`Described`) at once when `offer`.
    OpenConnection {
        /// The connection.
        connection: ConnectionId,
        /// Whether this end offers.
        offer: bool,
    },
    /// Set the other end's description; an answering end then describes itself.
    RemoteDescription {
        /// The connection.
        connection: ConnectionId,
        /// The SDP.
        sdp: String,
    },
    /// Add candidates of the other end.
    RemoteCandidates {
        /// The connection.
        connection: ConnectionId,
        /// `candidate:` lines.
        candidates: Vec<String>,
    },
    /// Close a connection. Nothing more of it needs reporting.
    CloseConnection {
        /// The connection.
        connection: ConnectionId,
    },
    /// Send on the control channel.
    SendControl {
        /// The connection.
        connection: ConnectionId,
        /// The message.
        message: Bytes,
    },
    /// Send on the bulk channel.
    SendBulk {
        /// The connection.
        connection: ConnectionId,
        /// The frame.
        frame: Bytes,
    },
    /// Something a person sees changed.
    Snapshot(NodeSnapshot),
    /// A stable code and a sentence for the page; playback goes on.
    Problem {
        /// `record_invalid`, `record_missing`, `ticket_refused`, `relay_refused`.
        code: &'static str,
        /// What happened and what still works.
        message: String,
    },
}
