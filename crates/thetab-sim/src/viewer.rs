//! One viewer: who it is, how it behaves, and what it has got so far.

use std::{fmt, time::Duration};

use thetab_node::{Effect, Input, Node, NodeSnapshot, SharingMode};
use thetab_sansio::{Instant, Machine};
use thetab_swarm::tracker::StreamKey;

use crate::{Access, Evil, player::Player};

/// A viewer, by the order in which it was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewerId(pub usize);

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "viewer {}", self.0)
    }
}

/// What runs in a viewer's tab: a [`Node`], or something that pretends to be one.
pub trait EdgeNode: Machine<Input = Input, Effect = Effect> {}

impl<M: Machine<Input = Input, Effect = Effect>> EdgeNode for M {}

/// How a viewer comes and behaves.
#[derive(Clone, Debug)]
pub struct ViewerPlan {
    /// When its page opens.
    pub joins: Duration,
    /// How it is connected.
    pub access: Access,
    /// Its answer; `None` until it answers.
    pub sharing: Option<SharingMode>,
    /// Most bytes a second that it gives to peers.
    pub upload_cap_bytes_per_second: u64,
    /// Most bytes that its node stores.
    pub memory_limit_bytes: usize,
    /// From the first frame until the node runs.
    pub node_loads_in: Duration,
    /// The video rendition that it plays first.
    pub rendition: u16,
    /// Where it starts in a presentation that is not live.
    pub start_sequence: u64,
    /// What is wrong with it.
    pub evil: Option<Evil>,
}

impl Default for ViewerPlan {
    /// A desktop that said yes: opens its page at once, on a good line, with the player's defaults.
    fn default() -> ViewerPlan {
        ViewerPlan {
            joins: Duration::ZERO,
            access: Access::home(),
            sharing: Some(SharingMode::Share),
            upload_cap_bytes_per_second: 1_250_000,
            memory_limit_bytes: 128 * 1024 * 1024,
            node_loads_in: Duration::from_millis(600),
            rendition: 0,
            start_sequence: 0,
            evil: None,
        }
    }
}

/// What came in and went out, beyond what the node counts itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Delivered to the player by the node, from peers.
    pub(crate) from_peers_bytes: u64,
    /// Delivered by the node, from the origin.
    pub(crate) from_origin_bytes: u64,
    /// Loaded by the player over plain HTTP.
    pub(crate) plain_bytes: u64,
    /// Media bytes that the origin sent here.
    pub(crate) fetched_bytes: u64,
    /// Media requests to the origin.
    pub(crate) fetches: u64,
    /// Sent on bulk channels, without headers.
    pub(crate) given_bytes: u64,
    /// To and from the relay.
    pub(crate) signalling_bytes: u64,
    /// Times that the node told the player to fetch by itself.
    pub(crate) refusals: u64,
    /// Connections that opened.
    pub(crate) opened: u64,
}

/// A tab.
pub(crate) struct Viewer {
    pub(crate) plan: ViewerPlan,
    pub(crate) player: Player,
    pub(crate) node: Option<Box<dyn EdgeNode>>,
    pub(crate) is_gone: bool,
    pub(crate) wakes_at: Option<Instant>,
    pub(crate) player_wakes_at: Option<Instant>,
    pub(crate) stream: Option<StreamKey>,
    pub(crate) sharing: Option<SharingMode>,
    pub(crate) snapshot: Option<NodeSnapshot>,
    pub(crate) tally: Tally,
    /// Bytes that may still be given now without breaking the cap, and when that was reckoned.
    pub(crate) allowance: (u64, Instant),
    /// Segments loaded before the node was there.
    pub(crate) waiting: Vec<thetab_wire::SegmentId>,
    /// Effects without time passing in between.
    pub(crate) effects_now: (Instant, u32),
}

impl Viewer {
    pub(crate) fn new(plan: ViewerPlan, player: Player) -> Viewer {
        Viewer {
            player,
            node: None,
            is_gone: false,
            wakes_at: None,
            player_wakes_at: None,
            stream: None,
            sharing: plan.sharing,
            snapshot: None,
            tally: Tally::default(),
            allowance: (0, Instant::ZERO),
            waiting: Vec::new(),
            effects_now: (Instant::ZERO, 0),
            plan,
        }
    }

    pub(crate) fn is_honest(&self) -> bool {
        self.plan.evil.is_none()
    }

    /// Whether it was ever linked.
    pub(crate) fn opened_any(&self) -> bool {
        self.tally.opened > 0
    }

    pub(crate) fn stats(&self) -> thetab_swarm::Stats {
        self.snapshot.as_ref().map(|snapshot| snapshot.stats).unwrap_or_default()
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer").field("plan", &self.plan).field("tally", &self.tally).finish_non_exhaustive()
    }
}

/// The real node, unless the plan says otherwise.
pub(crate) fn machine(plan: &ViewerPlan, node: Node) -> Box<dyn EdgeNode> {
    match plan.evil {
        Some(evil) => evil.possess(node),
        None => Box::new(node),
    }
}
