//! Theta's Merkle Patricia trie: raw keys of any length, values in branches, proofs that hash every node.
//!
//! Why a crate of its own: the ledger writes with it, the light client checks with it, and both must find the same root. What it
//! promises: the root depends on the entries alone, never on the order of changes; no node of a proof is believed before it was
//! hashed; no walk recurses, so that keys that extend each other a thousand times cost time and not the stack.
//!
//! Two ways to read: [`get`], [`prove`] and [`Entries`] walk nodes as a [`Nodes`] holds them; a [`Trie`] keeps the nodes that it has
//! walked, takes many changes, and hashes each changed node once, in [`Trie::commit`]. What it leaves out: where nodes are kept,
//! and when old ones are dropped.
//!
//! Source: `docs/spec/chain.md` §4.1 and §4.5.
#![no_std]
#![cfg_attr(
    not(test),
    warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

extern crate alloc;

mod entries;
mod nibbles;
mod node;
mod nodes;
mod proof;
mod trie;
mod walk;

pub use entries::Entries;
pub use node::NodeError;
pub use nodes::{Nodes, TrieError};
pub use proof::{
    MAX_PROOF_BYTES, MAX_PROOF_NODES_PER_KEY, ProofError, ProofNodes, verify_value, verify_values,
};
pub use thetab_types::EMPTY_ROOT;
pub use trie::{Trie, transactions_root};
pub use walk::{get, prove};
