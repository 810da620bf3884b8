//! Theta's own formats: RLP, keys, signatures, headers, votes, transactions, accounts, pools, snapshots, network profiles.
//!
//! Why a crate of its own: the chain node, the light client and the ledger must agree on every byte. What it promises: decoding is
//! total and strict (any bytes give a value or an error, never a partial object), what decodes re-encodes to the bytes that were
//! read, and equal values have one encoding. The exceptions are Theta's: bytes after a transaction, and over-long BLS points in it.
//!
//! What it leaves out: state (`thetab-trie`), and every rule that needs more than one object to judge.
#![no_std]
#![cfg_attr(
    not(test),
    warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

extern crate alloc;

pub mod account;
pub mod amount;
pub mod block;
pub mod bls;
pub mod chain_id;
pub mod edge;
pub mod guardian;
pub mod header;
pub mod keys;
pub mod profile;
pub mod rlp;
pub mod secp;
pub mod snapshot;
pub mod stake;
pub mod text;
pub mod tx;
pub mod validators;
pub mod vote;

pub use account::Account;
pub use alloy_primitives::{Address, B256, U256, keccak256};
pub use amount::Amount;
pub use header::Header;
pub use profile::{Forks, Profile};
pub use rlp::{Decode, DecodeError, Encode};
pub use validators::{Validator, ValidatorSet};
pub use vote::{CommitCertificate, Vote, VoteSet};

use alloy_primitives::b256;

/// Root of a trie without entries; also the receipt hash and the transaction root of empty blocks.
pub const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// Keccak-256 of nothing: the code hash of an account that is not a contract.
pub const EMPTY_CODE_HASH: B256 = b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
