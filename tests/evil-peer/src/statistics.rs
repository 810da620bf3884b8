use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// One number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Serialize for Counter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.count())
    }
}

/// What the peer has seen and done so far.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Statistics {
    /// Links that opened.
    pub(crate) links_opened: Counter,
    /// Links that closed again, by either end.
    pub(crate) links_closed: Counter,
    /// Control messages that came.
    pub(crate) messages_received: Counter,
    /// Requests for pieces that came.
    pub(crate) requests: Counter,
    /// Pieces that they asked for.
    pub(crate) pieces_requested: Counter,
    /// Requests for records that came.
    pub(crate) record_requests: Counter,
    /// Control messages that were sent.
    pub(crate) messages_sent: Counter,
    /// Pieces of which something was sent.
    pub(crate) pieces_sent: Counter,
    /// Frames that were sent.
    pub(crate) frames_sent: Counter,
    /// Bytes of those frames.
    pub(crate) bytes_sent: Counter,
    /// Whatever was done wrong: frames and messages changed, invented, held back.
    pub(crate) tampered: Counter,
}

impl Statistics {
    /// Links that are open now.
    pub(crate) fn links(&self) -> u64 {
        self.links_opened.count().saturating_sub(self.links_closed.count())
    }
}
