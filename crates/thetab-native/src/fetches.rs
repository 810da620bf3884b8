use std::{collections::BTreeMap, ops::Range};

use thetab_node::Input;
use thetab_swarm::FetchId;
use thetab_wire::{SealKey, SegmentId, SessionKey};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::origin::{HttpError, Origin};

/// Everything that is being read over HTTP. What is removed is aborted, and reports nothing more.
#[derive(Debug)]
pub(crate) struct Fetches {
    origin: Origin,
    inputs: mpsc::Sender<Input>,
    running: BTreeMap<FetchId, AbortOnDropHandle<()>>,
    ticket: Option<AbortOnDropHandle<()>>,
}

impl Fetches {
    /// Nothing is being read.
    pub(crate) fn new(origin: Origin, inputs: mpsc::Sender<Input>) -> Fetches {
        Fetches { origin, inputs, running: BTreeMap::new(), ticket: None }
    }

    /// Reads a range of a segment: its bytes as they arrive, then its end.
    pub(crate) fn read_range(&mut self, fetch: FetchId, segment: SegmentId, range: Range<u32>) {
        let (origin, inputs) = (self.origin.clone(), self.inputs.clone());
        self.run(fetch, async move {
            let read = read_range(&origin, fetch, segment, range, &inputs).await;
            if let Err(error) = &read {
                tracing::debug!(%error, ?segment, "a range could not be read");
            }
            Input::OriginEnded { fetch, success: read.is_ok() }
        });
    }

    /// Reads a page of records.
    pub(crate) fn read_records(
        &mut self,
        fetch: FetchId,
        rendition: u16,
        page: Option<u64>,
        after: Option<u64>,
    ) {
        let origin = self.origin.clone();
        self.run(fetch, async move {
            match origin.records(rendition, page, after).await {
                Ok(page) => Input::Records { fetch, page },
                Err(error) => {
                    tracing::debug!(%error, rendition, page, "a page of records could not be read");
                    Input::OriginEnded { fetch, success: error.is_an_answer() }
                }
            }
        });
    }

    /// Asks for a join ticket.
    pub(crate) fn request_ticket(&mut self, session: SessionKey, seal: SealKey) {
        let (origin, inputs) = (self.origin.clone(), self.inputs.clone());
        self.ticket = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let ticket = origin.ticket(session, seal).await;
            if let Err(error) = &ticket {
                tracing::debug!(%error, "a ticket could not be had");
            }
            // Refused only after the node's end.
            let _ = inputs.send(Input::Ticket(ticket.ok())).await;
        })));
    }

    /// Ends a read.
    pub(crate) fn end(&mut self, fetch: FetchId) {
        self.running.remove(&fetch);
    }

    fn run(&mut self, fetch: FetchId, read: impl Future<Output = Input> + Send + 'static) {
        let inputs = self.inputs.clone();
        let task = tokio::spawn(async move {
            let end = read.await;
            // Refused only after the node's end.
            let _ = inputs.send(end).await;
        });
        self.running.insert(fetch, AbortOnDropHandle::new(task));
    }
}

async fn read_range(
    origin: &Origin,
    fetch: FetchId,
    segment: SegmentId,
    range: Range<u32>,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), HttpError> {
    let mut reader = origin.range(segment, range).await?;
    while let Some(payload) = reader.next().await? {
        if inputs.send(Input::OriginData { fetch, payload }).await.is_err() {
            break;
        }
    }
    Ok(())
}
