//! State machines that strangers speak to: an input is a script of what happens to one.

mod node;
mod origin;
mod stream;
mod swarm;
mod tracker;

use crate::{Memory, Target};

/// Four links' worth of announcements and of pieces half received, what is stored, and the script's own world.
const NODE_MEMORY: Memory = Memory { per_byte: 500, fixed: 8 << 20 };

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, memory: Memory) -> Target {
    Target { name, run, seeds, memory, longest: 6_000 }
}

pub(crate) const TARGETS: &[Target] = &[
    target("swarm", swarm::run, swarm::seeds, NODE_MEMORY),
    target("node", node::run, node::seeds, NODE_MEMORY),
    target("tracker", tracker::run, tracker::seeds, Memory { per_byte: 500, fixed: 1 << 20 }),
];
