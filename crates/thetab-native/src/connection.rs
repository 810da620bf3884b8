//! One WebRTC connection to a peer: two data channels, and the descriptions that lead there.
//!
//! Promises: what the node asks for is done in its order; `Opened` and `Closed` are reported at most once, and
//! nothing after `Closed`; dropping a connection closes it. Threats: a peer that does not read is let go,
//! and what it sends faster than the node works waits in its own window.

mod channel;
mod negotiation;
mod reporter;

use std::time::Duration;

use bytes::Bytes;
use thetab_node::{ConnectionId, Input};
use thetab_wire::channel::{BULK, CONTROL};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::peer_connection::{RTCPeerConnection, peer_connection_state::RTCPeerConnectionState};

use self::{
    channel::{Channel, Outgoing, Queue},
    negotiation::negotiate,
    reporter::Reporter,
};

/// Steps of a negotiation that may wait: the node bounds the candidates of an attempt well below.
const STEP_QUEUE: usize = 128;
/// Control messages that may wait for a peer to read them; one with more unread has stopped.
const MAX_UNREAD_CONTROL_BYTES: usize = 1024 * 1024;
/// Frames that may wait; the node stops far below, at the room that is reported to it.
const MAX_UNREAD_BULK_BYTES: usize = 4 * 1024 * 1024;
/// webrtc-rs loses a negotiated channel when a message comes before it is open. The other end may be a moment
/// later than this one, so the first message is held back for so long.
const OPENING_GRACE: Duration = Duration::from_millis(50);
/// Channels that are not open so long after the connection were lost in that way: better to begin again.
const OPENING_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection cannot take more: its peer does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

/// What leads to a connection.
#[derive(Debug)]
pub(crate) enum Step {
    /// The other end's description; an end that did not offer answers it.
    Remote(String),
    /// Candidates of the other end.
    Candidates(Vec<String>),
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("WebRTC failed")]
    WebRtc(#[from] webrtc::Error),
    #[error("a data channel failed")]
    Data(#[from] webrtc::data::Error),
    #[error("the channels did not open")]
    NotOpened,
    #[error("the other end closed")]
    Closed,
}

/// A connection, open or on its way. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Connection {
    steps: mpsc::Sender<Step>,
    control: Outgoing,
    bulk: Outgoing,
    _end: DropGuard,
}

impl Connection {
    /// A connection on the peer connection that `create` makes, and what runs it until it fails or is dropped.
    pub(crate) fn new(
        id: ConnectionId,
        offer: bool,
        create: impl Future<Output = Result<RTCPeerConnection, webrtc::Error>> + Send + 'static,
        inputs: mpsc::Sender<Input>,
    ) -> (Connection, impl Future<Output = ()> + Send + 'static) {
        let (steps, next_steps) = mpsc::channel(STEP_QUEUE);
        let (control, control_queue) = channel::outgoing(MAX_UNREAD_CONTROL_BYTES);
        let (bulk, bulk_queue) = channel::outgoing(MAX_UNREAD_BULK_BYTES);
        let end = CancellationToken::new();
        let reporter = Reporter::new(id, inputs, end.clone());
        let running = async move {
            if let Ok(peer) = create.await {
                let running = run(&peer, offer, next_steps, control_queue, bulk_queue, &reporter);
                let ended = reporter.until_end(Box::pin(running));
                if let Some(Err(error)) = ended.await {
                    tracing::debug!(%error, "a connection ended");
                }
                close(&peer).await;
            }
            reporter.closed().await;
        };
        (Connection { steps, control, bulk, _end: end.drop_guard() }, running)
    }

    /// Takes the next step of the negotiation.
    pub(crate) fn step(&self, step: Step) -> Result<(), Overrun> {
        self.steps.try_send(step).or(Err(Overrun))
    }

    /// Sends on the control channel.
    pub(crate) fn send_control(&self, message: Bytes) -> Result<(), Overrun> {
        self.control.send(message)
    }

    /// Sends on the bulk channel.
    pub(crate) fn send_bulk(&self, frame: Bytes) -> Result<(), Overrun> {
        self.bulk.send(frame)
    }

    /// Bytes that wait to be sent on the bulk channel.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.bulk.waiting_bytes()
    }
}

async fn run(
    peer: &RTCPeerConnection,
    offer: bool,
    steps: mpsc::Receiver<Step>,
    control_queue: Queue,
    bulk_queue: Queue,
    reporter: &Reporter,
) -> Result<(), ConnectionError> {
    let Watch { connected, failed } = watch(peer, reporter);
    let control = Channel::create(peer, &CONTROL).await?;
    let bulk = Channel::create(peer, &BULK).await?;
    let carry = async {
        connected.cancelled().await;
        let opening = async { tokio::try_join!(control.opened(), bulk.opened()) };
        let opened = tokio::time::timeout(OPENING_TIMEOUT, opening).await;
        let (control, bulk) = opened.or(Err(ConnectionError::NotOpened))??;
        tokio::time::sleep(OPENING_GRACE).await;
        reporter.opened().await;
        tokio::try_join!(
            control.read(|message| reporter.control(message)),
            bulk.read(|frame| reporter.bulk(frame)),
            control.write(control_queue),
            bulk.write_reporting_room(bulk_queue, reporter),
        )?;
        Ok(())
    };
    tokio::select! {
        () = failed.cancelled() => Err(ConnectionError::Closed),
        error = negotiate(peer, offer, steps, reporter) => Err(error),
        ended = carry => ended,
    }
}

/// How far a connection is.
#[derive(Clone, Debug, Default)]
struct Watch {
    connected: CancellationToken,
    failed: CancellationToken,
}

/// Reports candidates, and notes when the connection stands and when it has failed.
fn watch(peer: &RTCPeerConnection, reporter: &Reporter) -> Watch {
    let reporter = reporter.clone();
    peer.on_ice_candidate(Box::new(move |found| {
        let reporter = reporter.clone();
        let line = found.and_then(|found| found.to_json().ok()).map(|found| found.candidate);
        Box::pin(async move { reporter.candidate(line).await })
    }));
    let watch = Watch::default();
    let noted = watch.clone();
    peer.on_peer_connection_state_change(Box::new(move |state| {
        match state {
            RTCPeerConnectionState::Connected => noted.connected.cancel(),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => noted.failed.cancel(),
            _ => {}
        }
        Box::pin(std::future::ready(()))
    }));
    watch
}

async fn close(peer: &RTCPeerConnection) {
    if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, peer.close()).await, Ok(Ok(()))) {
        tracing::debug!("a connection did not close in order");
    }
}
