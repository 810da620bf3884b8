//! Carries out what the node wants, and waits for what happens next.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use futures::FutureExt as _;
use gloo_timers::future::TimeoutFuture;
use js_sys::Function;
use libp2p::identity::Keypair;
use thetab_node::{ConnectionId, Effect, Input, Node, NodeSnapshot};
use thetab_sansio::{Instant, Runtime};
use thetab_swarm::FetchId;

use crate::{
    clock::{self, Clock},
    connection::Connection,
    error::NodeError,
    failure::LastWill,
    http::{Http, Running},
    inputs::{InputQueue, Inputs},
    loads::Loads,
    page,
    relay::RelayLine,
    snapshot::{self, HostFacts},
};

/// What the page wants to hear. One function each; a later one replaces it.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) snapshot: Option<Function>,
    pub(crate) problem: Option<Function>,
    pub(crate) failure: Option<LastWill>,
}

/// What the page's calls and the host both touch. No borrow outlives a statement.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inputs: Inputs,
    pub(crate) loads: Loads,
    pub(crate) clock: Clock,
    pub(crate) listeners: RefCell<Listeners>,
    /// When media last arrived, in milliseconds of the node's clock.
    pub(crate) last_arrival_ms: Cell<f64>,
    pub(crate) identity: RefCell<Option<String>>,
    pub(crate) shown: RefCell<Option<(NodeSnapshot, HostFacts)>>,
}

impl Shared {
    /// Gives the latest snapshot to the page, when there is one and somebody listens.
    pub(crate) fn show(&self) {
        let listeners = self.listeners.borrow();
        if let (Some(listener), Some((snapshot, facts))) = (&listeners.snapshot, &*self.shown.borrow()) {
            let facts = HostFacts { identity: self.identity.borrow().clone(), ..facts.clone() };
            page::call(listener, &snapshot::shown(snapshot, &facts));
        }
    }
}

/// The tab, as a node sees it. Everything it holds ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Host {
    shared: Rc<Shared>,
    queue: InputQueue,
    http: Http,
    keypair: Keypair,
    stun: Rc<RefCell<Vec<String>>>,
    relay: Option<RelayLine>,
    connections: BTreeMap<ConnectionId, (Connection, bool)>,
    fetches: BTreeMap<FetchId, Running>,
    verified_pieces: u64,
    last_verified_at: Option<f64>,
}

impl Host {
    pub(crate) fn new(shared: Rc<Shared>, queue: InputQueue, http: Http) -> Host {
        Host {
            shared,
            queue,
            http,
            keypair: Keypair::generate_ed25519(),
            stun: Rc::default(),
            relay: None,
            connections: BTreeMap::new(),
            fetches: BTreeMap::new(),
            verified_pieces: 0,
            last_verified_at: None,
        }
    }

    fn inputs(&self) -> Inputs {
        self.shared.inputs.clone()
    }

    /// Notes that media arrived: a request is not idle then.
    fn arrived(&self) -> impl Fn() + use<> {
        let shared = self.shared.clone();
        move || shared.last_arrival_ms.set(shared.clock.now_ms())
    }

    fn connect_relay(&mut self) {
        let stun = self.stun.clone();
        let heard = move |servers| *stun.borrow_mut() = servers;
        self.relay = Some(RelayLine::open(self.keypair.clone(), self.http.clone(), self.inputs(), heard));
    }

    fn request_ticket(&self, session: thetab_wire::SessionKey, seal: thetab_wire::SealKey) {
        let (http, inputs) = (self.http.clone(), self.inputs());
        wasm_bindgen_futures::spawn_local(async move {
            inputs.send(Input::Ticket(http.ticket(session, seal).await.ok()));
        });
    }

    fn open_connection(&mut self, connection: ConnectionId, offer: bool) {
        let stun = self.stun.borrow().clone();
        match Connection::open(connection, offer, &stun, self.inputs(), self.arrived()) {
            Ok(opened) => {
                self.connections.insert(connection, (opened, offer));
            }
            Err(_) => self.shared.inputs.send(Input::Closed { connection }),
        }
    }

    fn with(&self, connection: ConnectionId, act: impl FnOnce(&Connection, bool)) {
        if let Some((connection, offer)) = self.connections.get(&connection) {
            act(connection, *offer);
        }
    }

    /// Keeps a fetch so that it can be cancelled; one that could not begin has failed.
    fn keep_fetch(&mut self, fetch: FetchId, running: Option<Running>) {
        match running {
            Some(running) => {
                self.fetches.insert(fetch, running);
            }
            None => self.shared.inputs.send(Input::OriginEnded { fetch, success: false }),
        }
    }

    fn snapshot(&mut self, snapshot: NodeSnapshot) {
        if snapshot.stats.verified_pieces > self.verified_pieces {
            self.verified_pieces = snapshot.stats.verified_pieces;
            self.last_verified_at = Some(clock::unix_ms());
        }
        let (fetched_bytes, fetched_ms) = self.http.fetched();
        let facts =
            HostFacts { fetched_bytes, fetched_ms, last_verified_at: self.last_verified_at, identity: None };
        *self.shared.shown.borrow_mut() = Some((snapshot, facts));
        self.shared.show();
    }

    fn problem(&self, code: &str, message: &str) {
        if let Some(listener) = &self.shared.listeners.borrow().problem {
            page::call_with_two(listener, &code.into(), &message.into());
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.loads.reject_all(&NodeError::Closed);
    }
}

impl Runtime<Node> for Host {
    fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, delivery } => {
                self.shared.loads.deliver(request, &pieces, delivery);
            }
            Effect::PlainHttp { request } => self.shared.loads.reject(request, NodeError::PlainHttp),
            Effect::FetchOrigin { fetch, segment, range } => {
                let running = self.http.fetch_range(fetch, segment, range, self.inputs(), self.arrived());
                self.keep_fetch(fetch, running);
            }
            Effect::FetchRecords { fetch, rendition, page, after } => {
                let running = self.http.fetch_records(fetch, (rendition, page, after), self.inputs());
                self.keep_fetch(fetch, running);
            }
            Effect::CancelFetch { fetch } => drop(self.fetches.remove(&fetch)),
            Effect::RequestTicket { session, seal } => self.request_ticket(session, seal),
            Effect::ConnectRelay => self.connect_relay(),
            Effect::DisconnectRelay => self.relay = None,
            Effect::SendRelay(message) => {
                if let Some(relay) = &self.relay {
                    relay.send(message);
                }
            }
            Effect::OpenConnection { connection, offer } => self.open_connection(connection, offer),
            Effect::RemoteDescription { connection, sdp } => {
                self.with(connection, |connection, offer| connection.remote_description(sdp, !offer));
            }
            Effect::RemoteCandidates { connection, candidates } => {
                self.with(connection, |connection, _| connection.remote_candidates(&candidates));
            }
            Effect::CloseConnection { connection } => drop(self.connections.remove(&connection)),
            Effect::SendControl { connection, message } => {
                self.with(connection, |connection, _| connection.send_control(&message));
            }
            Effect::SendBulk { connection, frame } => {
                self.with(connection, |connection, _| connection.send_bulk(&frame));
            }
            Effect::Snapshot(snapshot) => self.snapshot(snapshot),
            Effect::Problem { code, message } => self.problem(code, &message),
            // `Effect` may grow; a host that does not know an effect cannot carry it out.
            _ => {}
        }
    }

    async fn next_input(&mut self, deadline: Option<Instant>) -> Option<Input> {
        let input = loop {
            let left = deadline.map(|deadline| deadline.saturating_since(self.now()));
            if left == Some(Duration::ZERO) && !self.queue.is_closed() {
                // What has happened already comes before what is due.
                break self.queue_now();
            }
            // Timers of a page are whole milliseconds; the loop looks again when one is a little early.
            let mut due =
                left.map(|left| TimeoutFuture::new((left.as_micros().div_ceil(1000) as u32).min(1 << 30)));
            let queue = &mut self.queue;
            let next = poll_fn(|context| {
                if let Poll::Ready(input) = queue.poll_next(context) {
                    return Poll::Ready(Some(input));
                }
                match due.as_mut().map(|due| due.poll_unpin(context)) {
                    Some(Poll::Ready(())) => Poll::Ready(None),
                    _ => Poll::Pending,
                }
            });
            if let Some(input) = next.await {
                break input;
            }
        };
        self.forget_ended(input.as_ref());
        input
    }
}

impl Host {
    fn queue_now(&mut self) -> Option<Input> {
        match self.queue.poll_next(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(input) => input,
            Poll::Pending => None,
        }
    }

    /// Lets go of what has ended by itself.
    fn forget_ended(&mut self, input: Option<&Input>) {
        match input {
            Some(Input::OriginEnded { fetch, .. } | Input::Records { fetch, .. }) => {
                drop(self.fetches.remove(fetch));
            }
            Some(Input::Closed { connection }) => drop(self.connections.remove(connection)),
            Some(Input::RelayLost) => self.relay = None,
            _ => {}
        }
    }
}
