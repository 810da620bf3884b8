//! The edge node as one machine without I/O.
//!
//! Why: what a node is does not depend on where it runs. A tab, a server and the simulator drive the
//! same [`Node`]; light client, payments and compute will join the swarm inside it. It owns the mesh
//! (signalling through a relay, sealed session descriptions, links) and the sharing policy.
//! Invariants: no connection to a peer before a yes; nothing but sealed messages passes the relay; a
//! node without a relay, peers or records still serves its player, over plain HTTP.
#![no_std]

extern crate alloc;

mod effect;
mod input;
mod mesh;
mod node;
mod outbox;
mod policy;
mod random;
mod relay_line;

pub use effect::{Effect, EffectiveMode, ModeReason, NodeSnapshot, RelayState};
pub use input::{Conditions, Config, ConnectionId, Input, Settings, SharingMode};
pub use node::Node;
