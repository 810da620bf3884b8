use rand_core::{OsRng, RngCore as _};
use thetab_node::Config;

use crate::stream::StreamInfo;

/// How much of this machine a node may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// Hard limit of everything stored, in bytes.
    pub memory_limit_bytes: usize,
    /// How far ahead of the playhead pieces are fetched before anybody asks, in milliseconds.
    pub prefetch_horizon_ms: u32,
    /// Links wanted.
    pub wanted_links: usize,
    /// Most links; the publisher's ticket may allow fewer.
    pub maximum_links: usize,
}

impl Default for NodeOptions {
    fn default() -> NodeOptions {
        NodeOptions {
            memory_limit_bytes: 256 * 1024 * 1024,
            prefetch_horizon_ms: 30_000,
            wanted_links: 8,
            maximum_links: 64,
        }
    }
}

impl NodeOptions {
    /// A configuration with fresh keys for `stream`, whose clock starts at `started_unix_seconds`.
    pub(crate) fn config(&self, stream: &StreamInfo, started_unix_seconds: u64) -> Config {
        let mut entropy = [0; 32];
        OsRng.fill_bytes(&mut entropy);
        Config {
            entropy,
            started_unix_seconds,
            presentation: stream.presentation,
            publisher: stream.publisher,
            live: stream.live,
            memory_limit_bytes: self.memory_limit_bytes,
            prefetch_horizon_ms: self.prefetch_horizon_ms,
            wanted_links: self.wanted_links,
            maximum_links: self.maximum_links,
        }
    }
}
