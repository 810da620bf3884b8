use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use libp2p::identity::Keypair;
use reqwest::Url;
use thetab_node::{
    Conditions, Config, Effect, Input, ModeReason, Node, NodeSnapshot, RelayState, Settings, SharingMode,
};
use thetab_sansio::{Machine, drive};
use thetab_swarm::{RequestId, Stats};
use thetab_wire::{SegmentId, SessionKey, session::SessionSecret};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

use crate::{
    fetches::Fetches,
    host::{Command, Host},
    links::{Links, StunServers},
    loads::{LoadError, LoadedSegment, Loads},
    options::NodeOptions,
    origin::{HttpError, Origin, Relay},
    playlist::Playlist,
    relay_line::Dialler,
    stream::StreamInfo,
};

/// What peers, the origin and the relay report that may wait for the node; beyond, they are read more slowly.
const INPUT_QUEUE: usize = 256;
const PROBLEM_QUEUE: usize = 16;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The relay does not describe the stream.
    #[error("the relay does not say what `{stream}` is")]
    Stream {
        /// Its name.
        stream: String,
        /// Why.
        source: HttpError,
    },
    /// No HTTP client can be made.
    #[error("HTTP cannot be set up")]
    Http(#[from] HttpError),
}

/// Something that a person should know; the stream can be watched all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable name: see [`Effect::Problem`].
    pub code: &'static str,
    /// What happened and what still works.
    pub message: String,
}

/// A running edge node for one stream of one relay.
///
/// It starts alone and silent, like a tab: it reads from the origin, and has no connection to a peer before
/// [`EdgeNode::set_settings`] says yes. Dropping it ends it in the background; [`EdgeNode::shut_down`] waits.
#[derive(Debug)]
pub struct EdgeNode {
    session: SessionKey,
    stream: StreamInfo,
    origin: Origin,
    commands: mpsc::UnboundedSender<Command>,
    snapshots: watch::Receiver<NodeSnapshot>,
    problems: broadcast::Sender<Problem>,
    next_request: AtomicU64,
    running: JoinHandle<()>,
}

impl EdgeNode {
    /// Starts a node for `stream` at the relay whose HTTP API is at `relay`. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when the relay does not answer or has no such stream.
    pub async fn start(relay: Url, stream: &str, options: &NodeOptions) -> Result<EdgeNode, StartError> {
        EdgeNode::start_as(relay, stream, options, Node::new).await
    }

    /// The same host around another machine than [`Node`]: one that watches what passes between node and host,
    /// or one that misbehaves to test others. Whatever it does, it does under its own keys.
    ///
    /// # Errors
    /// [`StartError`] when the relay does not answer or has no such stream.
    pub async fn start_as<M>(
        relay: Url,
        stream: &str,
        options: &NodeOptions,
        machine: impl FnOnce(Config) -> M,
    ) -> Result<EdgeNode, StartError>
    where
        M: Machine<Input = Input, Effect = Effect> + Send + 'static,
    {
        let relay = Relay::new(relay)?;
        let described = relay.stream(stream).await;
        let stream = described.map_err(|source| StartError::Stream { stream: stream.to_owned(), source })?;
        let origin = Origin::new(relay, &stream)?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let started = std::time::Instant::now();
        let config = options.config(&stream, unix);
        let session = SessionSecret::from_entropy(config.entropy).session_key();
        let (commands, queue) = mpsc::unbounded_channel();
        let (snapshots, seen) = watch::channel(nothing_yet());
        let problems = broadcast::Sender::new(PROBLEM_QUEUE);
        let mut host = host(&origin, started, queue, snapshots, problems.clone());
        let mut machine = machine(config);
        let running = tokio::spawn(async move {
            drive(&mut machine, &mut host).await;
            host.close().await;
        });
        let next_request = AtomicU64::new(0);
        Ok(EdgeNode { session, stream, origin, commands, snapshots: seen, problems, next_request, running })
    }

    /// The name by which peers and the relay know this node.
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// The stream, as its relay described it.
    pub fn stream(&self) -> &StreamInfo {
        &self.stream
    }

    /// What the node shows now.
    pub fn snapshot(&self) -> NodeSnapshot {
        self.snapshots.borrow().clone()
    }

    /// Every change of what the node shows, at most four a second.
    pub fn snapshots(&self) -> watch::Receiver<NodeSnapshot> {
        self.snapshots.clone()
    }

    /// Problems from now on.
    pub fn problems(&self) -> broadcast::Receiver<Problem> {
        self.problems.subscribe()
    }

    /// Says what its owner allows. Nothing counts as a yes but a yes.
    pub fn set_settings(&self, settings: Settings) {
        self.tell(Input::Settings(settings));
    }

    /// Says how the machine is doing.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.tell(Input::Conditions(conditions));
    }

    /// Says where playback is: see [`Input::Playhead`].
    pub fn playhead(&self, renditions: Vec<u16>, sequence: u64, last_sequence: Option<u64>) {
        self.tell(Input::Playhead { renditions, sequence, last_sequence });
    }

    /// Loads a segment without which playback would stall in `slack`. Dropping the future abandons it.
    ///
    /// # Errors
    /// [`LoadError::PlainHttp`] when the caller is to [fetch](Self::fetch_plainly) it by itself.
    pub async fn load(&self, segment: SegmentId, slack: Duration) -> Result<LoadedSegment, LoadError> {
        let request = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let load = Command::Load { request, segment, slack, answer };
        self.commands.send(load).or(Err(LoadError::Closed))?;
        let mut open = OpenLoad { commands: &self.commands, request, is_answered: false };
        let answer = answered.await;
        open.is_answered = true;
        answer.unwrap_or(Err(LoadError::Closed))
    }

    /// Fetches a segment from the origin past the node, as a player does when the node cannot help.
    ///
    /// # Errors
    /// [`HttpError`]
    pub async fn fetch_plainly(&self, segment: SegmentId) -> Result<Bytes, HttpError> {
        self.origin.segment(segment).await
    }

    /// Gives the node a segment that was fetched past it; it is kept once its pieces verify.
    pub fn offer(&self, segment: SegmentId, payload: Bytes) {
        self.tell(Input::Offered { segment, payload });
    }

    /// The segments of a rendition that exist now.
    ///
    /// # Errors
    /// [`HttpError`]
    pub async fn playlist(&self, rendition: u16) -> Result<Playlist, HttpError> {
        self.origin.playlist(rendition).await
    }

    /// Closes every connection in order, and waits until nothing of the node is left.
    pub async fn shut_down(self) {
        // Refused by a node that has ended already.
        let _ = self.commands.send(Command::Close);
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the node had failed");
        }
    }

    fn tell(&self, input: Input) {
        // Refused by a node that has failed: its callers hear of that when they load.
        let _ = self.commands.send(Command::Tell(input));
    }
}

/// A load that nobody waits for any more, unless it was answered, is abandoned.
struct OpenLoad<'a> {
    commands: &'a mpsc::UnboundedSender<Command>,
    request: RequestId,
    is_answered: bool,
}

impl Drop for OpenLoad<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            // Refused by a node that has ended.
            let _ = self.commands.send(Command::Abandon(self.request));
        }
    }
}

fn host(
    origin: &Origin,
    started: std::time::Instant,
    commands: mpsc::UnboundedReceiver<Command>,
    snapshots: watch::Sender<NodeSnapshot>,
    problems: broadcast::Sender<Problem>,
) -> Host {
    let (reports, inputs) = mpsc::channel(INPUT_QUEUE);
    let (tasks, stun, relay) = (TaskTracker::new(), StunServers::default(), origin.relay());
    Host {
        started,
        commands,
        inputs,
        dialler: Dialler { keypair: Keypair::generate_ed25519(), relay: relay.clone(), stun: stun.clone() },
        fetches: Fetches::new(origin.clone(), reports.clone()),
        links: Links::new(relay.is_local(), stun, reports, tasks.clone()),
        tasks,
        snapshots,
        problems,
        line: None,
        loads: Loads::default(),
        own: [].into(),
        is_closing: false,
    }
}

/// What is shown before the node's first word.
fn nothing_yet() -> NodeSnapshot {
    NodeSnapshot {
        chosen: None,
        effective: SharingMode::Off,
        reason: ModeReason::NoConsent,
        relay: RelayState::Off,
        viewers: 0,
        stats: Stats::default(),
    }
}
