use std::{collections::BTreeMap, pin::pin, rc::Rc};

use bytes::Bytes;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use thetab_node::{ConnectionId, Effect, Input, Node, NodeSnapshot};
use thetab_sansio::{Instant, Runtime};

use crate::{
    clock::{self, Clock},
    connection::Connection,
    error::NodeError,
    http::Http,
    inputs::{Event, Events, Inputs},
    loads::Loads,
    options::Options,
    page::Page,
    relay::{Relay, RelayLine},
    snapshot::{self, Extras},
};

/// The hands of a node in this tab. Dropping it closes everything that it opened.
#[derive(Debug)]
pub(crate) struct Host {
    clock: Clock,
    inputs: Inputs,
    events: Events,
    loads: Loads,
    page: Rc<Page>,
    http: Http,
    relay: Relay,
    line: Option<RelayLine>,
    lines: u64,
    stun: Vec<String>,
    connections: BTreeMap<ConnectionId, Connection>,
    shown: Option<NodeSnapshot>,
    extras: Extras,
}

impl Host {
    /// Hands that hold nothing yet.
    pub(crate) fn new(
        options: &Options,
        clock: Clock,
        (inputs, events): (Inputs, Events),
        loads: Loads,
        page: Rc<Page>,
    ) -> Host {
        Host {
            http: Http::new(options, inputs.clone(), clock.clone()),
            relay: Relay::new(&options.api_base, inputs.clone()),
            clock,
            inputs,
            events,
            loads,
            page,
            line: None,
            lines: 0,
            stun: Vec::new(),
            connections: BTreeMap::new(),
            shown: None,
            extras: Extras::default(),
        }
    }

    fn connect_relay(&mut self) {
        self.lines += 1;
        self.line = Some(self.relay.open(self.lines));
    }

    fn send_relay(&mut self, request: Bytes) {
        if self.line.as_mut().is_some_and(|line| !line.send(request)) {
            self.line = None;
            self.inputs.input(Input::RelayLost);
        }
    }

    fn open_connection(&mut self, connection: ConnectionId, offer: bool) {
        match Connection::open(connection, &self.stun, self.inputs.clone()) {
            Ok(opened) => {
                if offer {
                    opened.offer();
                }
                self.connections.insert(connection, opened);
            }
            Err(_) => self.inputs.input(Input::Closed { connection }),
        }
    }

    fn at(&mut self, connection: ConnectionId, act: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            act(connection);
        }
    }

    fn snapshot(&mut self, snapshot: NodeSnapshot) {
        let verified = |snapshot: &NodeSnapshot| snapshot.stats.verified_pieces;
        if verified(&snapshot) > self.shown.as_ref().map_or(0, verified) {
            self.extras.last_verified_at = Some(clock::unix_ms());
        }
        self.shown = Some(snapshot);
        self.show();
    }

    fn show(&mut self) {
        (self.extras.fetched_bytes, self.extras.fetched_ms) = self.http.totals();
        if let Some(snapshot) = &self.shown {
            self.page.show(snapshot::to_object(snapshot, &self.extras));
        }
    }

    /// What an event means to the node, if anything.
    fn take(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Input(input) => {
                self.note(&input);
                Some(input)
            }
            Event::Relay { line, input } => {
                self.line.as_ref().filter(|present| present.number() == line)?;
                if matches!(input, Input::RelayLost) {
                    self.line = None;
                }
                Some(input)
            }
            Event::Stun(stun) => {
                self.stun = stun;
                None
            }
            Event::Identity(identity) => {
                self.extras.identity = Some(identity);
                self.show();
                None
            }
            Event::Leaving => self.leave(),
        }
    }

    /// Keeps the host's own books.
    fn note(&mut self, input: &Input) {
        match input {
            Input::Bulk { .. } => self.loads.progressed(None),
            Input::OriginData { fetch, .. } => self.loads.progressed(self.http.segment(*fetch)),
            Input::OriginEnded { fetch, .. } | Input::Records { fetch, .. } => self.http.end(*fetch),
            Input::Closed { connection } => drop(self.connections.remove(connection)),
            _ => {}
        }
    }

    /// Says goodbye while there is time; a page that comes back begins anew.
    fn leave(&mut self) -> Option<Input> {
        self.connections.values().for_each(Connection::leave);
        self.connections.clear();
        self.line.take().map(|_| Input::RelayLost)
    }

    async fn next_event(&mut self, deadline: Option<Instant>) -> Option<Event> {
        if let Some(event) = self.events.ready() {
            return Some(event);
        }
        let event = pin!(self.events.next());
        let Some(deadline) = deadline else { return event.await };
        let wait = deadline.saturating_since(self.clock.now());
        // A timer that is early by the rest of a millisecond would wake the node for nothing.
        let wait_ms = i32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        match select(event, TimeoutFuture::new(wait_ms.unsigned_abs())).await {
            Either::Left((event, _)) => event,
            Either::Right(_) => None,
        }
    }
}

impl Runtime<Node> for Host {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, delivery } => self.loads.deliver(request, &pieces, delivery),
            Effect::PlainHttp { request } => self.loads.refuse(request, NodeError::PlainHttp),
            Effect::FetchOrigin { fetch, segment, range } => self.http.read_range(fetch, segment, range),
            Effect::FetchRecords { fetch, rendition, page, after } => {
                self.http.read_records(fetch, rendition, page, after);
            }
            Effect::CancelFetch { fetch } => self.http.end(fetch),
            Effect::RequestTicket { session, seal } => self.http.request_ticket(session, seal),
            Effect::ConnectRelay => self.connect_relay(),
            Effect::DisconnectRelay => self.line = None,
            Effect::SendRelay(request) => self.send_relay(request),
            Effect::OpenConnection { connection, offer } => self.open_connection(connection, offer),
            Effect::RemoteDescription { connection, sdp } => {
                self.at(connection, |it| it.describe_remote(sdp))
            }
            Effect::RemoteCandidates { connection, candidates } => {
                self.at(connection, |it| it.add_candidates(candidates));
            }
            Effect::CloseConnection { connection } => drop(self.connections.remove(&connection)),
            Effect::SendControl { connection, message } => {
                self.at(connection, |it| it.send_control(&message));
            }
            Effect::SendBulk { connection, frame } => self.at(connection, |it| it.send_bulk(&frame)),
            Effect::Snapshot(snapshot) => self.snapshot(snapshot),
            Effect::Problem { code, message } => self.page.tell_problem(code, &message),
            // Effects of a newer node than this host was built with do not exist.
            _ => {}
        }
    }

    async fn next_input(&mut self, deadline: Option<Instant>) -> Option<Input> {
        self.connections.values_mut().for_each(Connection::report_room);
        loop {
            if deadline.is_some_and(|deadline| deadline <= self.now()) {
                return None;
            }
            match self.next_event(deadline).await {
                Some(event) => {
                    if let Some(input) = self.take(event) {
                        return Some(input);
                    }
                }
                // Too early by the clock's own resolution: the loop decides.
                None if deadline.is_some() => {}
                None => return None,
            }
        }
    }
}
