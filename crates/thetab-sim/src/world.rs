//! A world: viewers, a relay, an origin, and the network among them.

mod event;
mod expect;
mod host;
mod http;
mod peering;
mod relay;
mod report;
mod script;

pub use http::OriginPlan;
pub use report::Report;
pub use script::Moment;

use std::{collections::BTreeMap, fmt, rc::Rc, time::Duration};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use thetab_node::{ConnectionId, Node, SharingMode};
use thetab_sansio::Instant;

use crate::{
    Access, Evil, Ladder, TraceHash, ViewerId, ViewerPlan,
    access::Pipe,
    player::Player,
    publication::{Publication, STARTED_UNIX_SECONDS},
    queue::Queue,
    trace::Trace,
    viewer::{EdgeNode, Viewer, machine},
};
use event::Event;
use http::Origin;
use peering::Endpoint;
use relay::Relay;

/// Makes what runs in a viewer's tab, around a real node.
type MakeNode = dyn Fn(&ViewerPlan, Node) -> Box<dyn EdgeNode>;

/// A simulated world. Built fluently, scripted with [`at`](World::at), run with [`run_until`](World::run_until),
/// judged with the `expect_…` methods; [`verdict`](World::verdict) says what did not hold.
pub struct World {
    seed: u64,
    name: String,
    now: Instant,
    queue: Queue<Event>,
    random: ChaCha8Rng,
    trace: Trace,
    ladder: Ladder,
    publication: Rc<Publication>,
    make_node: Box<MakeNode>,
    prefetch_horizon_ms: u32,
    plans: Vec<ViewerPlan>,
    viewers: Vec<Viewer>,
    uplinks: Vec<Pipe>,
    downlinks: Vec<Pipe>,
    endpoints: BTreeMap<(ViewerId, ConnectionId), Endpoint>,
    relay: Relay,
    origin: Origin,
    /// What each player had buffered when the origin went out of reach.
    marks: BTreeMap<ViewerId, u64>,
    /// What happened, for people.
    log: Vec<String>,
    /// Rules that were broken on the way, and expectations that were not met.
    failures: Vec<String>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("name", &self.name).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Building.
impl World {
    /// An empty world: a VOD of 30 segments, a relay and an origin that are well.
    pub fn new(seed: u64) -> World {
        let ladder = Ladder::vod(30);
        let publication = Publication::of(&ladder);
        World {
            seed,
            name: String::new(),
            now: Instant::ZERO,
            queue: Queue::new(),
            random: ChaCha8Rng::seed_from_u64(seed),
            trace: Trace::default(),
            relay: Relay::new(seed, &publication),
            ladder,
            publication,
            make_node: Box::new(machine),
            prefetch_horizon_ms: 30_000,
            plans: Vec::new(),
            viewers: Vec::new(),
            uplinks: Vec::new(),
            downlinks: Vec::new(),
            endpoints: BTreeMap::new(),
            origin: Origin::new(OriginPlan::default()),
            marks: BTreeMap::new(),
            log: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// The name of the scenario, for messages.
    pub fn named(mut self, name: &str) -> World {
        self.name = name.into();
        self
    }

    /// Publishes this instead.
    pub fn publishing(mut self, ladder: Ladder) -> World {
        self.publication = Publication::of(&ladder);
        self.relay = Relay::new(self.seed, &self.publication);
        self.ladder = ladder;
        self
    }

    /// An origin that is slow or fails.
    pub fn origin(mut self, plan: OriginPlan) -> World {
        self.origin = Origin::new(plan);
        self
    }

    /// Adds `count` viewers that open their pages at once.
    pub fn viewers(self, count: usize) -> World {
        self.viewers_joining_every(count, Duration::ZERO)
    }

    /// Adds `count` viewers, each `gap` after the last, half a second more or less.
    pub fn viewers_joining_every(mut self, count: usize, gap: Duration) -> World {
        for index in 0..count {
            let spread = self.draw(500_000);
            let joins = gap * index as u32 + Duration::from_micros(spread);
            self.plans.push(ViewerPlan { joins, ..ViewerPlan::default() });
        }
        self
    }

    /// Adds one viewer.
    pub fn viewer(mut self, plan: ViewerPlan) -> World {
        self.plans.push(plan);
        self
    }

    /// Changes every viewer so far.
    pub fn each(mut self, mut change: impl FnMut(usize, &mut ViewerPlan)) -> World {
        self.plans.iter_mut().enumerate().for_each(|(index, plan)| change(index, plan));
        self
    }

    /// Puts every viewer so far on this access.
    pub fn on(self, access: Access) -> World {
        self.each(|_, plan| plan.access = access)
    }

    /// Makes viewers so far evil, evenly among them, `percent` of all.
    pub fn evil(self, percent: usize, kinds: &[Evil]) -> World {
        let (count, mut next) = (self.plans.len(), 0);
        let evil = (count * percent).div_ceil(100).max(1);
        let every = (count / evil).max(1);
        self.each(|index, plan| {
            if index % every == every - 1 && next < evil {
                plan.evil = kinds.get(next % kinds.len().max(1)).copied();
                next += 1;
            }
        })
    }

    /// Wraps every node: a test can break a rule this way and see that it is noticed.
    pub fn with_nodes(mut self, make: impl Fn(&ViewerPlan, Node) -> Box<dyn EdgeNode> + 'static) -> World {
        self.make_node = Box::new(make);
        self
    }
}

/// Running.
impl World {
    /// Runs everything that happens until `end`.
    pub fn run_until(&mut self, end: Duration) {
        self.admit_planned();
        let end = Instant::ZERO + end;
        while let Some((at, event)) = self.queue.pop(end) {
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = end;
    }

    /// What happened, line by line.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// A hash of all inputs and effects so far, with their times.
    pub fn trace_hash(&self) -> TraceHash {
        self.trace.hash()
    }

    /// The time in this world.
    pub fn now(&self) -> Duration {
        self.now.since_start()
    }

    /// Nothing, or everything that did not hold with the seed and the command that replays it.
    pub fn verdict(&self) -> Result<Report, String> {
        if self.failures.is_empty() {
            return Ok(self.report());
        }
        let (name, seed, trace) = (&self.name, self.seed, self.trace_hash());
        let failures = self.failures.join("\n  ");
        Err(format!(
            "{name} does not hold with seed {seed:#x} (trace {trace}):\n  {failures}\n\
             Replay it with: cargo xtask sim {name} --seed {seed:#x}"
        ))
    }

    fn admit_planned(&mut self) {
        for plan in std::mem::take(&mut self.plans) {
            let id = ViewerId(self.viewers.len());
            let mut player = Player::new(&self.ladder, plan.rendition, plan.start_sequence);
            player.is_waiting_for_peers = World::is_yes(plan.sharing);
            self.queue.push(self.now.max(Instant::ZERO + plan.joins), Event::Join(id));
            self.uplinks.push(Pipe::new(plan.access.up_bytes_per_second));
            self.downlinks.push(Pipe::new(plan.access.down_bytes_per_second));
            self.viewers.push(Viewer::new(plan, player));
        }
    }

    fn new_node(&mut self, id: ViewerId) -> Option<Box<dyn EdgeNode>> {
        let mut entropy = [0; 32];
        self.random.fill_bytes(&mut entropy);
        let plan = &self.viewers.get(id.0)?.plan;
        let node = Node::new(thetab_node::Config {
            entropy,
            started_unix_seconds: STARTED_UNIX_SECONDS,
            presentation: self.publication.presentation,
            publisher: self.publication.publisher,
            live: self.ladder.segments.is_none(),
            memory_limit_bytes: plan.memory_limit_bytes,
            prefetch_horizon_ms: self.prefetch_horizon_ms,
            wanted_links: 8,
            maximum_links: 16,
        });
        Some((self.make_node)(plan, node))
    }

    /// A number below `below`.
    fn draw(&mut self, below: u64) -> u64 {
        self.random.next_u64() % below.max(1)
    }

    fn draw_duration(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.draw(to_ms.saturating_sub(from_ms) + 1))
    }

    fn later(&mut self, delay: Duration, event: Event) {
        self.queue.push(self.now + delay, event);
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        const MAX_LINES: usize = 100_000;
        let at = self.now.since_start();
        if self.log.len() < MAX_LINES {
            self.log.push(format!("{:>8.3} s  {}", at.as_secs_f64(), what()));
        }
    }

    fn violated(&mut self, what: String) {
        const MAX_FAILURES: usize = 20;
        if self.failures.len() < MAX_FAILURES {
            let at = self.now.since_start();
            self.failures.push(format!("at {at:.3?}: {what}"));
        }
    }

    fn is_yes(sharing: Option<SharingMode>) -> bool {
        sharing.is_some_and(|mode| mode != SharingMode::Off)
    }
}
