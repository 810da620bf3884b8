//! Which peer serves which piece of one presentation, and by when.
//!
//! Why a core of its own: this choice decides whether playback stalls, so it must be tried against
//! thousands of bad networks a second. Invariants: nothing is stored, forwarded, announced or
//! delivered that does not hash to a leaf of a signed record; a piece is asked of one source at a time,
//! unless its deadline is near; memory and every queue a stranger can fill are bounded.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod announce;
mod control;
mod effect;
mod estimate;
mod input;
mod link;
mod origin;
#[cfg(test)]
mod rig;
mod schedule;
mod store;
mod supply;
mod swarm;
pub mod tracker;

pub use effect::{BanReason, Delivery, Effect, Stats};
pub use input::{Config, FetchId, Input, PeerId, RequestId, SharePolicy};
pub use swarm::Swarm;
