//! The origin over HTTP: playlists, segments, records; slow, failing, out of reach, as a scenario wants.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use bytes::Bytes;
use thetab_node::Input;
use thetab_sansio::Instant;
use thetab_swarm::{FetchId, RequestId};
use thetab_wire::{Encode as _, SegmentId};

use super::{World, event::Event, relay::SERVER};
use crate::{
    ViewerId,
    access::{Path, Pipe},
};

/// Bytes of an answer in one go, and goes on their way at a time.
const CHUNK_BYTES: usize = 32 * 1024;
const CHUNKS_IN_FLIGHT: usize = 8;
/// Requests of one page that run at a time; more wait.
const REQUESTS_AT_ONCE: usize = 6;
/// An origin that is silent for this long is not going to answer.
const SILENCE: Duration = Duration::from_secs(10);
const PLAYLIST_BYTES: usize = 2_000;

/// How the origin behaves.
#[derive(Clone, Copy, Debug)]
pub struct OriginPlan {
    /// Shared by everybody.
    pub bytes_per_second: u64,
    /// Before the first byte of each answer, beside the network's delay; half as much again at most.
    pub latency: Duration,
    /// Answers of a hundred that are an error.
    pub errors_percent: u64,
}

impl Default for OriginPlan {
    /// A gigabit, 20 ms, no errors.
    fn default() -> OriginPlan {
        OriginPlan { bytes_per_second: 125_000_000, latency: Duration::from_millis(20), errors_percent: 0 }
    }
}

/// Names an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExchangeId(u64);

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    Node(FetchId),
    Player(RequestId),
    Playlist,
}

#[derive(Clone, Debug)]
enum Resource {
    Segment { segment: SegmentId, range: Option<Range<u32>> },
    Records { rendition: u16, page: Option<u64>, after: Option<u64> },
    Playlist,
}

#[derive(Debug)]
struct Exchange {
    viewer: ViewerId,
    purpose: Purpose,
    resource: Resource,
    path: Path,
    pipe: Pipe,
    has_begun: bool,
    /// The answer; empty until the request arrived.
    body: Bytes,
    page: Option<thetab_wire::record::RecordPage>,
    last: u64,
    is_missing: bool,
    has_answered: bool,
    sent: usize,
    received: usize,
    in_flight: usize,
    /// When the last bytes reach the viewer's access: they arrive in order.
    lands: Instant,
}

/// What an outage does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outage {
    /// Connections are refused, and those that are open break.
    Refuses,
    /// Nothing answers.
    Silent,
}

/// The origin.
#[derive(Debug)]
pub(super) struct Origin {
    plan: OriginPlan,
    pipe: Pipe,
    pub(super) outage: Option<Outage>,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    next: u64,
    /// Media bytes sent for each segment to viewers that play by the rules.
    pub(super) sent_bytes: BTreeMap<SegmentId, u64>,
}

impl Origin {
    pub(super) fn new(plan: OriginPlan) -> Origin {
        Origin {
            pipe: Pipe::new(plan.bytes_per_second),
            plan,
            outage: None,
            exchanges: BTreeMap::new(),
            next: 0,
            sent_bytes: BTreeMap::new(),
        }
    }
}

/// Asking.
impl World {
    pub(super) fn fetch_segment(
        &mut self,
        id: ViewerId,
        purpose: Purpose,
        segment: SegmentId,
        range: Option<Range<u32>>,
    ) {
        let whom = if matches!(purpose, Purpose::Node(_)) { "node" } else { "player" };
        let SegmentId { rendition, sequence, .. } = segment;
        self.note(|| format!("{id}: its {whom} fetches {rendition}/{sequence} {:?}", range.clone()));
        self.fetch(id, purpose, Resource::Segment { segment, range });
        if let Some(viewer) = self.viewer_mut(id) {
            viewer.tally.fetches += 1;
        }
    }

    pub(super) fn fetch_records(
        &mut self,
        id: ViewerId,
        fetch: FetchId,
        (rendition, page, after): (u16, Option<u64>, Option<u64>),
    ) {
        self.fetch(id, Purpose::Node(fetch), Resource::Records { rendition, page, after });
    }

    pub(super) fn fetch_playlist(&mut self, id: ViewerId) {
        self.fetch(id, Purpose::Playlist, Resource::Playlist);
    }

    fn fetch(&mut self, viewer: ViewerId, purpose: Purpose, resource: Resource) {
        let Some(access) = self.viewers.get(viewer.0).map(|viewer| viewer.plan.access) else { return };
        let path = Path::between(&access, &SERVER);
        self.origin.next += 1;
        let id = ExchangeId(self.origin.next);
        let exchange = Exchange {
            viewer,
            purpose,
            resource,
            path,
            pipe: Pipe::new(path.bytes_per_second()),
            has_begun: false,
            body: Bytes::new(),
            page: None,
            last: 0,
            is_missing: false,
            has_answered: false,
            sent: 0,
            received: 0,
            in_flight: 0,
            lands: Instant::ZERO,
        };
        self.origin.exchanges.insert(id, exchange);
        self.begin_exchanges(viewer);
    }

    /// Begins what waits, as far as a browser would.
    fn begin_exchanges(&mut self, viewer: ViewerId) {
        let of_viewer = |exchange: &&mut Exchange| exchange.viewer == viewer;
        let running = self.origin.exchanges.values().filter(|it| it.viewer == viewer && it.has_begun).count();
        let room = REQUESTS_AT_ONCE.saturating_sub(running);
        let mut begun = Vec::new();
        for (id, exchange) in &mut self.origin.exchanges {
            if begun.len() < room && of_viewer(&exchange) && !exchange.has_begun {
                exchange.has_begun = true;
                begun.push((*id, exchange.path));
            }
        }
        for (id, path) in begun {
            let delay = path.transit(600, &mut |below| self.draw(below));
            self.later(delay, Event::Request(id));
        }
    }

    pub(super) fn cancel_exchange(&mut self, viewer: ViewerId, purpose: Purpose) {
        let found = self.origin.exchanges.iter().find(|(_, it)| it.viewer == viewer && it.purpose == purpose);
        if let Some(id) = found.map(|(id, _)| *id) {
            self.origin.exchanges.remove(&id);
            self.begin_exchanges(viewer);
        }
    }

    pub(super) fn drop_exchanges(&mut self, viewer: ViewerId) {
        self.origin.exchanges.retain(|_, exchange| exchange.viewer != viewer);
    }
}

/// Answering.
impl World {
    pub(super) fn requested(&mut self, id: ExchangeId) {
        let Some(exchange) = self.origin.exchanges.get(&id) else { return };
        let (back, resource) = (exchange.path.delay, exchange.resource.clone());
        match self.origin.outage {
            Some(Outage::Silent) => return self.later(SILENCE, Event::Failed(id)),
            Some(Outage::Refuses) => return self.later(back, Event::Failed(id)),
            None => {}
        }
        if self.draw(100) < self.origin.plan.errors_percent {
            return self.later(back, Event::Failed(id));
        }
        let (body, page) = match &resource {
            Resource::Playlist => (Bytes::from(vec![0; PLAYLIST_BYTES]), None),
            Resource::Segment { segment, range } => (self.media(segment, range.as_ref()), None),
            Resource::Records { rendition, page, after } => {
                let page = self.publication.page(*rendition, *page, *after, self.now);
                (page.as_ref().map_or(Bytes::new(), |page| page.encode().into()), page)
            }
        };
        let last = self.ladder.last(self.now);
        let Some(exchange) = self.origin.exchanges.get_mut(&id) else { return };
        if body.is_empty() && page.is_none() {
            exchange.is_missing = true;
            return self.later(back, Event::Failed(id));
        }
        (exchange.body, exchange.page, exchange.last) = (body, page, last);
        let latency_ms = self.origin.plan.latency.as_millis() as u64;
        let delay = self.draw_duration(latency_ms, latency_ms * 3 / 2);
        self.later(delay, Event::Answer(id));
    }

    fn media(&self, segment: &SegmentId, range: Option<&Range<u32>>) -> Bytes {
        if !self.ladder.exists(segment, self.now) {
            return Bytes::new();
        }
        let payload = self.publication.payload(segment);
        let Some(range) = range else { return payload };
        let end = (range.end as usize).min(payload.len());
        payload.slice((range.start as usize).min(end)..end)
    }

    /// Sends the next bytes: everybody's in turn, a few on their way at a time.
    pub(super) fn answer(&mut self, id: ExchangeId) {
        let now = self.now;
        // What an outage breaks is being told by itself.
        if self.origin.outage == Some(Outage::Silent) {
            return self.later(SILENCE, Event::Failed(id));
        }
        let Some(exchange) = self.origin.exchanges.get_mut(&id) else { return };
        let left = exchange.body.len().saturating_sub(exchange.sent);
        let size_bytes = left.min(CHUNK_BYTES);
        if (size_bytes == 0 && exchange.has_answered) || exchange.in_flight >= CHUNKS_IN_FLIGHT {
            return;
        }
        exchange.has_answered = true;
        exchange.sent += size_bytes;
        exchange.in_flight += 1;
        let departs = self.origin.pipe.pass(now, size_bytes).max(exchange.pipe.pass(now, size_bytes));
        let (path, viewer, resource) = (exchange.path, exchange.viewer, exchange.resource.clone());
        self.queue.push(departs, Event::Answer(id));
        let transit = path.transit(size_bytes, &mut |below| self.draw(below));
        let Some(exchange) = self.origin.exchanges.get_mut(&id) else { return };
        exchange.lands = exchange.lands.max(departs + transit);
        self.queue.push(exchange.lands, Event::BodyLanded { exchange: id, size_bytes });
        if let Resource::Segment { segment, .. } = resource {
            self.count_media(viewer, segment, size_bytes as u64);
        }
    }

    fn count_media(&mut self, id: ViewerId, segment: SegmentId, size_bytes: u64) {
        let Some(viewer) = self.viewers.get_mut(id.0) else { return };
        viewer.tally.fetched_bytes += size_bytes;
        if viewer.is_honest() {
            *self.origin.sent_bytes.entry(segment).or_default() += size_bytes;
        }
    }
}

/// Receiving.
impl World {
    pub(super) fn body_landed(&mut self, id: ExchangeId, size_bytes: usize) {
        let Some(exchange) = self.origin.exchanges.get(&id) else { return };
        let Some(downlink) = self.downlinks.get_mut(exchange.viewer.0) else { return };
        let arrives = downlink.pass(self.now, size_bytes);
        self.queue.push(arrives, Event::Body { exchange: id, size_bytes });
    }

    pub(super) fn body(&mut self, id: ExchangeId, size_bytes: usize) {
        let Some(exchange) = self.origin.exchanges.get_mut(&id) else { return };
        let start = exchange.received;
        exchange.received += size_bytes;
        let was_full = exchange.in_flight >= CHUNKS_IN_FLIGHT;
        exchange.in_flight = exchange.in_flight.saturating_sub(1);
        let is_over = exchange.received >= exchange.body.len();
        let payload = exchange.body.slice(start..exchange.received.min(exchange.body.len()));
        let (viewer, purpose) = (exchange.viewer, exchange.purpose);
        let is_media = matches!(exchange.resource, Resource::Segment { .. });
        if was_full && !is_over {
            self.later(Duration::ZERO, Event::Answer(id));
        }
        if let (Purpose::Node(fetch), true) = (purpose, is_media && !payload.is_empty()) {
            self.input(viewer, Input::OriginData { fetch, payload });
        }
        if is_over {
            self.exchange_ended(id, true);
        }
    }

    pub(super) fn exchange_failed(&mut self, id: ExchangeId) {
        self.exchange_ended(id, false);
    }

    fn exchange_ended(&mut self, id: ExchangeId, success: bool) {
        let now = self.now;
        let Some(exchange) = self.origin.exchanges.remove(&id) else { return };
        let viewer = exchange.viewer;
        self.begin_exchanges(viewer);
        match (exchange.purpose, exchange.resource) {
            // The origin is well and has no such page: an answer, if of no use.
            (Purpose::Node(fetch), Resource::Records { .. }) if exchange.is_missing => {
                self.input(viewer, Input::OriginEnded { fetch, success: true });
            }
            (Purpose::Node(fetch), _) => {
                let input = match exchange.page.filter(|_| success) {
                    Some(page) => Input::Records { fetch, page },
                    None => Input::OriginEnded { fetch, success },
                };
                self.input(viewer, input);
            }
            (Purpose::Player(request), Resource::Segment { segment, .. }) if success => {
                self.plain_loaded(viewer, request, segment);
            }
            (Purpose::Player(request), _) => {
                let actions = self.viewer_mut(viewer).map(|viewer| viewer.player.loaded(now, request, false));
                self.act(viewer, actions.unwrap_or_default());
            }
            (Purpose::Playlist, _) => self.playlist_read(viewer, success.then_some(exchange.last)),
        }
    }

    fn playlist_read(&mut self, id: ViewerId, last: Option<u64>) {
        let now = self.now;
        let Some(viewer) = self.viewer_mut(id) else { return };
        let actions = match last {
            Some(last) => viewer.player.edge(now, last),
            None => {
                viewer.player.edge_lost(now);
                Vec::new()
            }
        };
        self.act(id, actions);
    }

    /// When everything that is being sent has broken off.
    pub(super) fn break_exchanges(&mut self) {
        let open: Vec<ExchangeId> =
            self.origin.exchanges.iter().filter(|(_, it)| it.has_begun).map(|(id, _)| *id).collect();
        for id in open {
            let delay = self.draw_duration(5, 60);
            self.later(delay, Event::Failed(id));
        }
    }
}
