//! What a light client asks a relay about Theta's chain, and what it is told.
//!
//! Every answer proves itself, so that a relay needs no trust and any cache may keep answers. Nothing here is verified: headers,
//! votes and nodes are bytes of Theta's own formats, of bounded size. One request and one answer go over a stream, each up to its
//! end; over HTTP the request is the path ([`ChainRequest::to_path`]) and the answer the body.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::codec::{Blob, DecodeError, List, Text, message, protocol};

/// The libp2p protocol name.
pub const CHAIN_PROTOCOL: &str = "/thetab/chain/1";

/// Most headers in one answer.
pub const MAX_HEADERS: usize = 32;

/// Most nodes in one answer: 64 for each of the most keys.
pub const MAX_NODES: usize = 1024;

/// Most keys, or slots, in one request.
pub const MAX_KEYS: usize = 16;

/// Headers that a bundle may have beside its three: with them there are eleven that tell the time.
pub const MAX_ANCESTORS: usize = 9;

/// A header's bytes. Those with the votes of thousands of edge nodes are the large ones.
pub type RawHeader = Blob<{ 256 * 1024 }>;

/// The bytes of a set of votes.
pub type RawVotes = Blob<{ 256 * 1024 }>;

/// A trie node's bytes. The leaf of a pool holds the whole pool.
pub type RawNode = Blob<{ 4 * 1024 * 1024 }>;

/// Nodes of a trie, in no particular order, each once.
pub type Nodes = List<RawNode, MAX_NODES>;

/// A key of the state trie.
pub type StateKey = Blob<512>;

message! {
    /// Asks for the final headers at heights that follow each other.
    pub struct HeadersAt {
        /// The first height.
        1 => from: u64,
        /// At most this many.
        2 => count: u8,
    }
}

message! {
    /// Asks for a header.
    pub struct HeaderOf {
        /// Its hash.
        1 => block: [u8; 32],
    }
}

message! {
    /// Asks for a bundle that shows a block to be final.
    pub struct BundleAt {
        /// The block's height, or, where no bundle shows that block, the next below that one does. The latest, if absent.
        1 => height: Option<u64>,
    }
}

message! {
    /// Asks for state values.
    pub struct StateAt {
        /// The block whose state it is.
        1 => block: [u8; 32],
        /// Keys of the state trie.
        2 => keys: List<StateKey, 16>,
    }
}

message! {
    /// Asks for a contract's storage.
    pub struct StorageAt {
        /// The block whose state it is.
        1 => block: [u8; 32],
        /// The contract.
        2 => address: [u8; 20],
        /// The slots.
        3 => slots: List<[u8; 32], 16>,
    }
}

message! {
    /// Asks for a contract's code.
    pub struct CodeOf {
        /// Its hash.
        1 => hash: [u8; 32],
    }
}

message! {
    /// Asks where a transaction is.
    pub struct TransactionOf {
        /// Its hash.
        1 => hash: [u8; 32],
    }
}

message! {
    /// Asks for the guardians' votes for a checkpoint.
    pub struct GuardiansAt {
        /// The checkpoint's height.
        1 => height: u64,
    }
}

message! {
    /// Asks for the heights of blocks with stake transactions of validators.
    pub struct StakeHeightsAt {
        /// The block whose state has the list.
        1 => block: [u8; 32],
    }
}

protocol! {
    /// From light client to relay.
    pub enum ChainRequest: 16384 {
        /// Headers at heights.
        1 => HeadersAt,
        /// A header.
        2 => HeaderOf,
        /// A finality bundle.
        3 => BundleAt,
        /// State values.
        4 => StateAt,
        /// Storage of a contract.
        5 => StorageAt,
        /// Code of a contract.
        6 => CodeOf,
        /// A transaction.
        7 => TransactionOf,
        /// Votes of guardians.
        8 => GuardiansAt,
        /// Heights of stake changes.
        9 => StakeHeightsAt,
    }
}

message! {
    /// Headers, the lowest first.
    pub struct Headers {
        /// The headers.
        1 => headers: List<RawHeader, 32>,
    }
}

message! {
    /// Three headers and the votes that show the middle one to be final.
    pub struct Bundle {
        /// P: the block that B's certificate commits, whose state elects the voters.
        1 => certified: RawHeader,
        /// B: the block that is final.
        2 => block: RawHeader,
        /// C: its child, which the votes commit.
        3 => child: RawHeader,
        /// Votes for C.
        4 => votes: RawVotes,
        /// Nodes from P's state root to the validator candidate pool.
        5 => pool: Nodes,
        /// B's parent and on along parents, without P. With C, B and P (where P is B's parent) eleven headers tell the time.
        6 => ancestors: List<RawHeader, 9>,
    }
}

message! {
    /// The nodes that show the values, or that there are none.
    pub struct State {
        /// Nodes below the block's state root.
        1 => nodes: Nodes,
    }
}

message! {
    /// The nodes that show the slots.
    pub struct Storage {
        /// Nodes from the block's state root to the account.
        1 => account: Nodes,
        /// Nodes below the account's storage root.
        2 => slots: Nodes,
    }
}

message! {
    /// A contract's code.
    pub struct Code {
        /// The code.
        1 => code: Blob<131072>,
    }
}

message! {
    /// A transaction and its place.
    pub struct Transaction {
        /// The block that has it.
        1 => header: RawHeader,
        /// Its place among the block's transactions.
        2 => index: u32,
        /// The raw transaction.
        3 => raw: Blob<4194304>,
        /// Nodes from the block's transaction root to it.
        4 => nodes: Nodes,
    }
}

message! {
    /// Votes of guardians for a checkpoint, as a later block has them.
    pub struct Guardians {
        /// The checkpoint.
        1 => checkpoint: RawHeader,
        /// The header with the votes.
        2 => header: RawHeader,
        /// Nodes from the checkpoint's state root to the guardian pool.
        3 => pool: Nodes,
    }
}

message! {
    /// The relay has no answer.
    pub struct Unavailable {
        /// Stable name: `unknown_block`, `unknown_transaction`, `state_pruned`, `not_final`, `too_many_requests`, `protocol`.
        1 => code: Text<32>,
        /// What happened and what to do.
        2 => message: Text<256>,
    }
}

protocol! {
    /// From relay to light client.
    pub enum ChainAnswer: 9437184 {
        /// Headers.
        1 => Headers,
        /// A finality bundle.
        2 => Bundle,
        /// State values.
        3 => State,
        /// Storage of a contract.
        4 => Storage,
        /// Code of a contract.
        5 => Code,
        /// A transaction.
        6 => Transaction,
        /// Votes of guardians.
        7 => Guardians,
        /// None.
        8 => Unavailable,
    }
}

impl ChainRequest {
    /// The request as a path of an HTTP API, without a leading slash.
    pub fn to_path(&self) -> String {
        let block = |block: &[u8]| hex::encode(block);
        match self {
            ChainRequest::HeadersAt(ask) => format!("headers/{}/{}", ask.from, ask.count),
            ChainRequest::HeaderOf(ask) => format!("header/{}", block(&ask.block)),
            ChainRequest::BundleAt(ask) => match ask.height {
                Some(height) => format!("bundle/{height}"),
                None => "bundle/latest".to_string(),
            },
            // No key is not the same as one empty key.
            ChainRequest::StateAt(ask) if ask.keys.is_empty() => format!("state/{}", block(&ask.block)),
            ChainRequest::StateAt(ask) => {
                format!("state/{}/{}", block(&ask.block), join(ask.keys.iter().map(|key| &key[..])))
            }
            ChainRequest::StorageAt(ask) => {
                let slots = join(ask.slots.iter().map(|slot| &slot[..]));
                format!("storage/{}/{}/{slots}", block(&ask.block), hex::encode(ask.address))
            }
            ChainRequest::CodeOf(ask) => format!("code/{}", block(&ask.hash)),
            ChainRequest::TransactionOf(ask) => format!("transaction/{}", block(&ask.hash)),
            ChainRequest::GuardiansAt(ask) => format!("guardians/{}", ask.height),
            ChainRequest::StakeHeightsAt(ask) => format!("stake-heights/{}", block(&ask.block)),
        }
    }

    /// Reads a request from such a path.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] for anything that [`ChainRequest::to_path`] does not write.
    pub fn from_path(path: &str) -> Result<ChainRequest, DecodeError> {
        let parts: Vec<&str> = path.splitn(5, '/').collect();
        let request: ChainRequest = match *parts.as_slice() {
            ["headers", from, count] => HeadersAt { from: number(from)?, count: number(count)? }.into(),
            ["header", block] => HeaderOf { block: exact(block)? }.into(),
            ["bundle", "latest"] => BundleAt { height: None }.into(),
            ["bundle", height] => BundleAt { height: Some(number(height)?) }.into(),
            ["state", block] => StateAt { block: exact(block)?, keys: List::default() }.into(),
            ["state", block, keys] => {
                let keys = items(keys)?.into_iter().map(StateKey::try_from).collect::<Result<Vec<_>, _>>()?;
                StateAt { block: exact(block)?, keys: keys.try_into()? }.into()
            }
            ["storage", block, address, slots] => {
                let fixed = |slot: Vec<u8>| slot.try_into().or(Err(DecodeError::Bounds("slot")));
                let slots = split(slots)?.into_iter().map(fixed).collect::<Result<Vec<_>, _>>()?;
                let (block, address) = (exact(block)?, exact(address)?);
                StorageAt { block, address, slots: slots.try_into()? }.into()
            }
            ["code", hash] => CodeOf { hash: exact(hash)? }.into(),
            ["transaction", hash] => TransactionOf { hash: exact(hash)? }.into(),
            ["guardians", height] => GuardiansAt { height: number(height)? }.into(),
            ["stake-heights", block] => StakeHeightsAt { block: exact(block)? }.into(),
            _ => return Err(DecodeError::Bounds("path")),
        };
        // One path for one request: a cache holds no answer twice.
        if request.to_path() == path { Ok(request) } else { Err(DecodeError::Bounds("path")) }
    }

    /// Whether the answer can never be another one: what hashes name does not change.
    pub fn is_immutable(&self) -> bool {
        match self {
            ChainRequest::HeaderOf(_)
            | ChainRequest::StateAt(_)
            | ChainRequest::StorageAt(_)
            | ChainRequest::CodeOf(_)
            | ChainRequest::StakeHeightsAt(_) => true,
            ChainRequest::HeadersAt(_)
            | ChainRequest::BundleAt(_)
            | ChainRequest::TransactionOf(_)
            | ChainRequest::GuardiansAt(_) => false,
        }
    }
}

fn join<'a>(items: impl Iterator<Item = &'a [u8]>) -> String {
    items.map(hex::encode).collect::<Vec<_>>().join(",")
}

fn split(text: &str) -> Result<Vec<Vec<u8>>, DecodeError> {
    if text.is_empty() { Ok(Vec::new()) } else { items(text) }
}

/// One item or more.
fn items(text: &str) -> Result<Vec<Vec<u8>>, DecodeError> {
    text.splitn(MAX_KEYS + 1, ',').map(|item| hex::decode(item).or(Err(DecodeError::Bounds("key")))).collect()
}

fn number<T: core::str::FromStr>(text: &str) -> Result<T, DecodeError> {
    text.parse().or(Err(DecodeError::Bounds("number")))
}

fn exact<const N: usize>(text: &str) -> Result<[u8; N], DecodeError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).or(Err(DecodeError::Bounds("hash")))?;
    Ok(bytes)
}
