//! Keys of the state trie: an ASCII prefix and raw bytes, not hashed.
//!
//! Source: `docs/spec/chain.md` §4.2.

use alloc::{string::ToString, vec::Vec};

use crate::{Address, B256};

/// The validator candidate pool.
pub const VALIDATORS: &[u8] = b"ls/vcp";
/// The guardian pool.
pub const GUARDIANS: &[u8] = b"ls/gcp";
/// Heights of validator stake transactions.
pub const STAKE_HEIGHTS: &[u8] = b"ls/sthl";
/// Total active stake of elite edge nodes.
pub const EDGE_TOTAL_STAKE: &[u8] = b"ls/eentas";

/// An account.
pub fn account(address: &Address) -> Vec<u8> {
    [b"ls/a/", address.as_slice()].concat()
}

/// A contract's code.
pub fn code(hash: &B256) -> Vec<u8> {
    [b"ls/ch/", hash.as_slice()].concat()
}

/// An elite edge node.
pub fn edge_node(address: &Address) -> Vec<u8> {
    [b"ls/een/", address.as_slice()].concat()
}

/// Stakes of elite edge nodes that return at a height.
pub fn edge_returns(height: u64) -> Vec<u8> {
    [b"ls/eensrk/", height.to_string().as_bytes()].concat()
}

/// Who else gets a part of a node's rewards.
pub fn reward_distribution(address: &Address) -> Vec<u8> {
    [b"ls/srdrs/", address.as_slice()].concat()
}

/// How payments for a resource are split.
pub fn split_rule(resource_id: &[u8]) -> Vec<u8> {
    [b"ls/ssc/split/", resource_id].concat()
}
