use std::{collections::VecDeque, future::pending, time::Duration};

use thetab_node::{ConnectionId, Effect, Input, NodeSnapshot};
use thetab_sansio::{Instant, Machine, Runtime};
use thetab_swarm::RequestId;
use thetab_wire::SegmentId;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::{
    connection::{Overrun, Step},
    fetches::Fetches,
    links::Links,
    loads::{Answer, Loads},
    node::Problem,
    relay_line::{Dialler, RelayLine},
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Load a segment.
    Load { request: RequestId, segment: SegmentId, slack: Duration, answer: Answer },
    /// Nobody waits for it any more.
    Abandon(RequestId),
    /// Tell the node something.
    Tell(Input),
    /// End.
    Close,
}

/// The hands of a node on this machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) started: std::time::Instant,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) dialler: Dialler,
    pub(crate) fetches: Fetches,
    pub(crate) links: Links,
    pub(crate) tasks: TaskTracker,
    pub(crate) snapshots: watch::Sender<NodeSnapshot>,
    pub(crate) problems: broadcast::Sender<Problem>,
    pub(crate) line: Option<RelayLine>,
    pub(crate) loads: Loads,
    /// What this host itself has to report. As many as the node's own effects.
    pub(crate) own: VecDeque<Input>,
    pub(crate) is_closing: bool,
}

impl Host {
    /// Closes everything in order, and waits for it a while.
    pub(crate) async fn close(mut self) {
        // First of all: tasks that report wait for nobody then.
        self.inputs.close();
        self.line = None;
        self.links.close_all();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::debug!("some connections did not close in time");
        }
    }

    fn send_relay(&mut self, message: bytes::Bytes) {
        let overrun = self.line.as_ref().is_some_and(|line| line.send(message).is_err());
        if overrun {
            self.line = None;
            self.own.push_back(Input::RelayLost);
        }
    }

    /// A connection that cannot take more is over.
    fn check(&mut self, connection: ConnectionId, done: Result<(), Overrun>) {
        if done.is_err() {
            self.links.close(connection);
            self.own.push_back(Input::Closed { connection });
        }
    }

    /// What a command means to the node, if anything.
    fn command(&mut self, command: Option<Command>) -> Option<Input> {
        match command {
            Some(Command::Load { request, segment, slack, answer }) => {
                self.loads.begin(request, answer);
                Some(Input::Load { request, segment, deadline: self.elapsed() + slack })
            }
            Some(Command::Abandon(request)) => {
                self.loads.abandon(request);
                Some(Input::Abandon { request })
            }
            Some(Command::Tell(input)) => Some(input),
            Some(Command::Close) | None => {
                self.is_closing = true;
                None
            }
        }
    }

    /// Keeps the host's own books about what a task reports.
    fn reported(&mut self, input: Input) -> Input {
        match input {
            Input::Closed { connection } => self.links.close(connection),
            Input::Records { fetch, .. } | Input::OriginEnded { fetch, .. } => self.fetches.end(fetch),
            // More may have been sent since this was reported.
            Input::Buffered { connection, buffered_bytes } => {
                let buffered_bytes = self.links.buffered_bytes(connection).unwrap_or(buffered_bytes);
                return Input::Buffered { connection, buffered_bytes };
            }
            _ => {}
        }
        input
    }

    fn line_reported(&mut self, input: Input) -> Input {
        if matches!(input, Input::RelayLost) {
            self.line = None;
        }
        input
    }

    fn elapsed(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl<M: Machine<Input = Input, Effect = Effect>> Runtime<M> for Host {
    fn now(&self) -> Instant {
        self.elapsed()
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, delivery } => self.loads.deliver(request, pieces, delivery),
            Effect::PlainHttp { request } => self.loads.leave_to_plain_http(request),
            Effect::FetchOrigin { fetch, segment, range } => self.fetches.read_range(fetch, segment, range),
            Effect::FetchRecords { fetch, rendition, page, after } => {
                self.fetches.read_records(fetch, rendition, page, after);
            }
            Effect::CancelFetch { fetch } => self.fetches.end(fetch),
            Effect::RequestTicket { session, seal } => self.fetches.request_ticket(session, seal),
            Effect::ConnectRelay => self.line = Some(RelayLine::open(self.dialler.clone(), &self.tasks)),
            Effect::DisconnectRelay => self.line = None,
            Effect::SendRelay(message) => self.send_relay(message),
            Effect::OpenConnection { connection, offer } => self.links.open(connection, offer),
            Effect::RemoteDescription { connection, sdp } => {
                self.check(connection, self.links.step(connection, Step::Remote(sdp)));
            }
            Effect::RemoteCandidates { connection, candidates } => {
                self.check(connection, self.links.step(connection, Step::Candidates(candidates)));
            }
            Effect::CloseConnection { connection } => self.links.close(connection),
            Effect::SendControl { connection, message } => {
                self.check(connection, self.links.send_control(connection, message));
            }
            Effect::SendBulk { connection, frame } => {
                self.check(connection, self.links.send_bulk(connection, frame));
            }
            Effect::Snapshot(snapshot) => drop(self.snapshots.send_replace(snapshot)),
            Effect::Problem { code, message } => {
                tracing::info!(code, message, "problem");
                // Nobody may be listening.
                let _ = self.problems.send(Problem { code, message });
            }
            _ => tracing::error!("the node wants something that this host cannot do"),
        }
    }

    async fn next_input(&mut self, deadline: Option<Instant>) -> Option<Input> {
        let due = deadline.map(|deadline| (self.started + deadline.since_start()).into());
        while !self.is_closing {
            if let Some(input) = self.own.pop_front() {
                return Some(input);
            }
            let input = tokio::select! {
                biased;
                command = self.commands.recv() => self.command(command),
                // Before what strangers send, so that no flood puts it off.
                () = sleep_until(due) => return None,
                input = next_of(&mut self.line) => Some(self.line_reported(input)),
                Some(input) = self.inputs.recv() => Some(self.reported(input)),
            };
            if input.is_some() {
                return input;
            }
        }
        None
    }
}

async fn next_of(line: &mut Option<RelayLine>) -> Input {
    match line {
        Some(line) => line.next().await,
        None => pending().await,
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}
