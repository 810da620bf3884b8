//! The swarm's state and its dispatch.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::{ops::Range, time::Duration};

use bytes::Bytes;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use thetab_sansio::{Instant, Machine, Timers};
use thetab_wire::{PieceIndex, SegmentId, record::VerifiedRecord};

use crate::{
    effect::{Delivery, Effect, Stats},
    estimate::Estimate,
    input::{Config, FetchId, Input, PeerId, RequestId, SharePolicy},
    link::Link,
    store::Store,
};

/// A segment that the player waits for.
#[derive(Debug)]
pub(crate) struct Want {
    pub(crate) segment: SegmentId,
    pub(crate) deadline: Instant,
    /// When a source that nobody promised is used anyway.
    pub(crate) patience_ends: Instant,
    pub(crate) was_stored: bool,
}

/// An HTTP request in flight.
#[derive(Debug)]
pub(crate) enum Fetch {
    Segment {
        segment: SegmentId,
        range: Range<u32>,
        buffer: Vec<u8>,
        next: PieceIndex,
        since: Instant,
        first: Option<Instant>,
    },
    Records {
        rendition: u16,
        page: Option<u64>,
    },
}

/// Where the bytes of a segment came from, for the player's statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) peer_bytes: u64,
    pub(crate) origin_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Look at what is wanted again.
    Schedule,
    /// Send what changed to the peers.
    Announce,
    /// Upload again: the cap allows more.
    Supply,
    /// Choose whom to serve, and measure round trips.
    Rechoke,
}

/// Where the player is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Playhead {
    pub(crate) renditions: Vec<u16>,
    pub(crate) sequence: u64,
    pub(crate) last_sequence: Option<u64>,
    pub(crate) paused: bool,
}

/// One presentation's swarm, as seen by one node.
#[derive(Debug)]
pub struct Swarm {
    pub(crate) config: Config,
    pub(crate) random: ChaCha8Rng,
    pub(crate) now: Instant,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) policy: SharePolicy,
    pub(crate) playhead: Playhead,
    pub(crate) wants: BTreeMap<RequestId, Want>,
    pub(crate) records: BTreeMap<SegmentId, VerifiedRecord>,
    pub(crate) store: Store,
    pub(crate) sources: BTreeMap<SegmentId, Sources>,
    /// Segments that the player fetched itself and whose record is not there yet.
    pub(crate) offered: VecDeque<(SegmentId, Bytes)>,
    pub(crate) links: BTreeMap<PeerId, Link>,
    pub(crate) banned: BTreeMap<PeerId, Instant>,
    pub(crate) fetches: BTreeMap<FetchId, Fetch>,
    pub(crate) next_fetch: u64,
    pub(crate) next_request: u32,
    pub(crate) origin: Estimate,
    pub(crate) origin_retry: Instant,
    pub(crate) origin_failures: u32,
    /// Pages of records that failed, and when to try them again.
    pub(crate) page_retry: BTreeMap<(u16, Option<u64>), Instant>,
    /// Segments whose record or bytes were wrong at the origin: plain HTTP only.
    pub(crate) distrusted: BTreeSet<SegmentId>,
    /// Record problems that the page heard of.
    pub(crate) reported: BTreeSet<SegmentId>,
    pub(crate) added: BTreeSet<SegmentId>,
    pub(crate) removed: BTreeSet<SegmentId>,
    pub(crate) progressed: BTreeSet<SegmentId>,
    pub(crate) upload_tokens: u64,
    pub(crate) tokens_at: Instant,
    pub(crate) next_turn: Option<PeerId>,
    pub(crate) stats: Stats,
}

impl Swarm {
    /// A swarm of one, that shares nothing until [`Input::Share`] says so.
    pub fn new(config: Config) -> Swarm {
        Swarm {
            random: ChaCha8Rng::from_seed(config.seed),
            config,
            now: Instant::ZERO,
            effects: VecDeque::new(),
            timers: Timers::new(),
            policy: SharePolicy { download: false, upload: false, upload_cap_bytes_per_second: 0 },
            playhead: Playhead::default(),
            wants: BTreeMap::new(),
            records: BTreeMap::new(),
            store: Store::default(),
            sources: BTreeMap::new(),
            offered: VecDeque::new(),
            links: BTreeMap::new(),
            banned: BTreeMap::new(),
            fetches: BTreeMap::new(),
            next_fetch: 0,
            next_request: 0,
            origin: Estimate::guess(1_000_000, Duration::from_millis(100)),
            origin_retry: Instant::ZERO,
            origin_failures: 0,
            page_retry: BTreeMap::new(),
            distrusted: BTreeSet::new(),
            reported: BTreeSet::new(),
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            progressed: BTreeSet::new(),
            upload_tokens: 0,
            tokens_at: Instant::ZERO,
            next_turn: None,
            stats: Stats::default(),
        }
    }

    /// Totals since the start.
    pub fn stats(&self) -> Stats {
        Stats {
            links: u32::try_from(self.links.len()).unwrap_or(u32::MAX),
            stored_bytes: self.store.size_bytes() as u64,
            ..self.stats
        }
    }

    fn want(&mut self, request: RequestId, segment: SegmentId, deadline: Instant) {
        let half_slack = deadline.saturating_since(self.now) / 2;
        let want = Want {
            segment,
            deadline,
            patience_ends: self.now + half_slack,
            was_stored: self.store.is_complete(&segment),
        };
        self.wants.insert(request, want);
    }

    fn abandon(&mut self, request: RequestId) {
        let Some(want) = self.wants.remove(&request) else { return };
        if self.wants.values().all(|other| other.segment != want.segment) {
            self.cancel_origin(&want.segment);
        }
    }

    fn playhead(&mut self, playhead: Playhead) {
        let moved =
            playhead.sequence != self.playhead.sequence || playhead.renditions != self.playhead.renditions;
        self.playhead = playhead;
        if moved {
            self.announce_status();
            self.forget_far_records();
        }
    }

    /// Hands out every wanted segment that is complete.
    pub(crate) fn deliver(&mut self, segment: &SegmentId) {
        let ready: Vec<RequestId> = self
            .wants
            .iter()
            .filter(|(_, want)| want.segment == *segment)
            .map(|(request, _)| *request)
            .collect();
        if ready.is_empty() {
            return;
        }
        let Some(pieces) = self.store.complete(segment) else { return };
        let Sources { peer_bytes, origin_bytes } = self.sources.get(segment).copied().unwrap_or_default();
        for request in ready {
            let was_stored = self.wants.remove(&request).is_some_and(|want| want.was_stored);
            let delivery = Delivery { peer_bytes, origin_bytes, was_stored };
            self.effects.push_back(Effect::Deliver { request, pieces: pieces.clone(), delivery });
        }
    }

    /// Leaves a wanted segment to the player's own HTTP.
    pub(crate) fn give_up(&mut self, request: RequestId) {
        if self.wants.remove(&request).is_some() {
            self.effects.push_back(Effect::PlainHttp { request });
        }
    }

    /// Keeps everything within the memory limit.
    pub(crate) fn evict(&mut self) {
        let assembling: usize =
            self.links.values().map(|link| link.asked.values().map(|a| a.size_bytes).sum::<usize>()).sum();
        let offered: usize = self.offered.iter().map(|(_, payload)| payload.len()).sum();
        let limit = self.config.memory_limit_bytes.saturating_sub(assembling).saturating_sub(offered);
        if self.store.size_bytes() <= limit {
            return;
        }
        let wanted: BTreeSet<SegmentId> = self.wants.values().map(|want| want.segment).collect();
        let links = &self.links;
        let copies = |segment: &SegmentId| links.values().filter(|link| link.has_any(segment)).count();
        let evicted =
            self.store.evict(limit, self.playhead.sequence, |segment| wanted.contains(segment), copies);
        for segment in evicted {
            self.sources.remove(&segment);
            self.added.remove(&segment);
            self.progressed.remove(&segment);
            self.removed.insert(segment);
        }
        self.announce_soon();
    }
}

impl Machine for Swarm {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Want { request, segment, deadline } => self.want(request, segment, deadline),
            Input::Abandon { request } => self.abandon(request),
            Input::Offered { segment, payload } => self.offered(segment, payload),
            Input::Playhead { renditions, sequence, last_sequence, paused } => {
                self.playhead(Playhead { renditions, sequence, last_sequence, paused });
            }
            Input::Records { fetch, page } => self.records_arrived(fetch, page),
            Input::OriginData { fetch, payload } => self.origin_data(fetch, &payload),
            Input::OriginEnded { fetch, success } => self.origin_ended(fetch, success),
            Input::LinkUp { peer } => self.link_up(peer),
            Input::LinkDown { peer } => self.link_down(&peer),
            Input::Control { peer, message } => self.control(peer, &message),
            Input::Bulk { peer, frame } => self.bulk(peer, &frame),
            Input::Buffered { peer, buffered_bytes } => self.buffered(peer, buffered_bytes),
            Input::Share(policy) => self.share(policy),
        }
        self.schedule();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Schedule => {}
                Timer::Announce => self.announce(),
                Timer::Supply => self.supply(),
                Timer::Rechoke => self.rechoke(),
            }
        }
        self.schedule();
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_due()
    }
}
