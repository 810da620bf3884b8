use std::collections::BTreeMap;

use bytes::Bytes;
use thetab_swarm::{Delivery, RequestId};
use tokio::sync::oneshot;

/// A segment whose every piece verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSegment {
    /// Its pieces in order. The node goes on sharing the same memory.
    pub pieces: Vec<Bytes>,
    /// Where they came from.
    pub delivery: Delivery,
}

impl LoadedSegment {
    /// Its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

/// Why a segment was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The node has no signed record of it, or no source that would be in time.
    #[error("fetch this segment over plain HTTP")]
    PlainHttp,
    /// The node was shut down.
    #[error("the node is closed")]
    Closed,
}

/// What a caller waits for.
pub(crate) type Answer = oneshot::Sender<Result<LoadedSegment, LoadError>>;

/// Segments that callers wait for. Dropping it tells them that the node is closed.
#[derive(Debug, Default)]
pub(crate) struct Loads(BTreeMap<RequestId, Answer>);

impl Loads {
    pub(crate) fn begin(&mut self, request: RequestId, answer: Answer) {
        self.0.insert(request, answer);
    }

    pub(crate) fn abandon(&mut self, request: RequestId) {
        self.0.remove(&request);
    }

    pub(crate) fn deliver(&mut self, request: RequestId, pieces: Vec<Bytes>, delivery: Delivery) {
        self.answer(request, Ok(LoadedSegment { pieces, delivery }));
    }

    pub(crate) fn leave_to_plain_http(&mut self, request: RequestId) {
        self.answer(request, Err(LoadError::PlainHttp));
    }

    fn answer(&mut self, request: RequestId, answer: Result<LoadedSegment, LoadError>) {
        if let Some(waiting) = self.0.remove(&request) {
            // A caller that went away abandons the request by itself.
            let _ = waiting.send(answer);
        }
    }
}
