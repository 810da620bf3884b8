use bytes::Bytes;
use thetab_node::{ConnectionId, Input};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Says what happens to one connection, until its end.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    connection: ConnectionId,
    inputs: mpsc::Sender<Input>,
    end: CancellationToken,
}

impl Reporter {
    pub(super) fn new(
        connection: ConnectionId,
        inputs: mpsc::Sender<Input>,
        end: CancellationToken,
    ) -> Reporter {
        Reporter { connection, inputs, end }
    }

    /// Runs `future` unless the end comes first.
    pub(super) async fn until_end<F: Future>(&self, future: F) -> Option<F::Output> {
        self.end.run_until_cancelled(future).await
    }

    /// Both channels are open.
    pub(super) async fn opened(&self) {
        self.report(Input::Opened { connection: self.connection }).await;
    }

    /// The connection is over; nothing more is said.
    pub(super) async fn closed(&self) {
        self.report(Input::Closed { connection: self.connection }).await;
        self.end.cancel();
    }

    /// This end's description is ready.
    pub(super) async fn described(&self, sdp: String) {
        self.report(Input::Described { connection: self.connection, sdp }).await;
    }

    /// A candidate of this end, or the end of them.
    pub(super) async fn candidate(&self, candidate: Option<String>) {
        self.report(Input::LocalCandidate { connection: self.connection, candidate }).await;
    }

    /// A message on the control channel.
    pub(super) async fn control(&self, message: Bytes) {
        self.report(Input::Control { connection: self.connection, message }).await;
    }

    /// A message on the bulk channel.
    pub(super) async fn bulk(&self, frame: Bytes) {
        self.report(Input::Bulk { connection: self.connection, frame }).await;
    }

    /// How much waits to be sent on the bulk channel.
    pub(super) async fn room(&self, buffered_bytes: usize) {
        self.report(Input::Buffered { connection: self.connection, buffered_bytes }).await;
    }

    /// Waits while the node has much to do.
    async fn report(&self, input: Input) {
        // Refused only after the node's end.
        let _ = self.until_end(self.inputs.send(input)).await;
    }
}
