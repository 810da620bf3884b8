use alloc::vec::Vec;

use bytes::Bytes;
use thetab_wire::{PresentationId, PublisherKey};

/// A tracker stream of one node; chosen by the host, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u64);

/// What a tracker is for and how much it may hold.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of every random choice.
    pub seed: [u8; 32],
    /// Nobody is introduced to anybody while a presentation has fewer viewers.
    pub minimum_viewers: u32,
    /// Most streams open at a time. One address prefix gets at most a quarter of them (but at least 64).
    pub maximum_sessions: usize,
    /// The relay's libp2p peer id, as bytes: join proofs name it.
    pub relay_id: Bytes,
    /// Unix time at [`Instant::ZERO`](thetab_sansio::Instant::ZERO): tickets expire by it.
    pub started_unix_seconds: u64,
}

/// What happened outside. The host reports it; the tracker decides what it means.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A node opened a stream; it has ten seconds to join.
    Opened {
        /// Names the stream from now on.
        stream: StreamKey,
        /// The node's libp2p peer id, as bytes: join proofs name it.
        transport_id: Bytes,
        /// The /24 (3 bytes) or /48 (6 bytes) of the node's address; empty when unknown.
        prefix: Vec<u8>,
    },
    /// One whole message arrived: a `RelayRequest`, or bytes that claim to be one.
    Message {
        /// On this stream.
        stream: StreamKey,
        /// Its bytes, without the frame's length.
        message: Bytes,
    },
    /// The stream ended, by either side.
    Closed {
        /// Which.
        stream: StreamKey,
    },
    /// The relay serves this presentation; who signs its tickets. Told again, the newer key counts.
    Presentation {
        /// Which.
        presentation: PresentationId,
        /// Whose tickets count.
        publisher: PublisherKey,
    },
}

/// What the host must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Send one message (a `RelayEvent`) as a frame.
    Send {
        /// On this stream.
        stream: StreamKey,
        /// Its bytes, without the frame's length.
        message: Bytes,
    },
    /// Close the stream once what was sent before has gone out. The tracker has already forgotten it.
    Close {
        /// Which.
        stream: StreamKey,
    },
}

/// What a tracker has done since it started, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Joined sessions now.
    pub sessions: u64,
    /// Sealed messages passed on.
    pub signals: u64,
    /// Reports of bad peers that counted.
    pub reports: u64,
    /// Messages and joins that were not carried out.
    pub refused: u64,
}
