//! Simulated worlds for the cores: virtual time, seeded faults.
//!
//! Why: whether playback stalls, and what the origin pays, is decided among many nodes on bad networks.
//! A [`World`] runs the real [`Node`](thetab_node::Node) of each viewer and the real
//! [`Tracker`](thetab_swarm::tracker::Tracker), with real records, real hashes and real bytes; links,
//! the origin and the players around them are modelled. Promises: the same seed gives the same trace
//! hash; every delivered segment is compared with the origin's bytes; no connection without a yes, no
//! byte above the cap and no second answer go unnoticed. Left out: what a transport does inside (loss
//! is a delay and a limited rate), NAT behaviour beyond attempts that fail, and decoding.

mod access;
mod evil;
mod player;
mod publication;
mod queue;
mod scenario;
mod trace;
mod viewer;
mod world;

pub use access::Access;
pub use evil::Evil;
pub use publication::Ladder;
pub use scenario::{SCENARIOS, Scenario};
pub use trace::TraceHash;
pub use viewer::{EdgeNode, ViewerId, ViewerPlan};
pub use world::{Moment, OriginPlan, Report, World};

use std::time::Duration;

/// `count` seconds.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `count` milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
