//! Proofs: nodes that a stranger sent, and what they show.
//!
//! Threat model: the nodes are whatever the stranger likes. They are counted before they are hashed, and each is hashed before it is
//! read, so that a proof can only be right, or refused, or not lead anywhere. What is not needed is refused too: nobody gets bytes
//! past the check that were not checked.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::convert::Infallible;

use bytes::Bytes;
use thetab_types::{B256, keccak256};

use crate::{NodeError, Nodes, TrieError, walk::get_with};

/// Most bytes that all nodes of a proof may have.
/// # Source
/// `docs/spec/chain.md` §6.10.
pub const MAX_PROOF_BYTES: usize = 4 * 1024 * 1024;

/// Most nodes of a proof for each of its keys.
pub const MAX_PROOF_NODES_PER_KEY: usize = 64;

/// Why nodes do not prove what they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// More nodes than the keys can need.
    #[error("{0} nodes are too many")]
    Nodes(usize),
    /// More bytes than a proof may have.
    #[error("{0} bytes are too many")]
    Bytes(usize),
    /// A node that the proof needs is not in it.
    #[error("node {0} is not in the proof")]
    Missing(B256),
    /// A node that the proof needs is not one.
    #[error("a node is malformed")]
    Node(#[from] NodeError),
    /// A node stands twice.
    #[error("node {0} stands twice")]
    Repeated(B256),
    /// A node is not needed.
    #[error("node {0} is not needed")]
    Unused(B256),
}

/// Nodes that were hashed here, whoever sent them.
#[derive(Clone, Debug, Default)]
pub struct ProofNodes(BTreeMap<B256, Bytes>);

impl ProofNodes {
    /// Hashes the nodes of a proof for `keys` keys.
    ///
    /// # Errors
    /// [`ProofError::Nodes`] and [`ProofError::Bytes`], before anything is hashed; [`ProofError::Repeated`].
    pub fn from_untrusted(nodes: &[Bytes], keys: usize) -> Result<ProofNodes, ProofError> {
        if nodes.len() > keys.saturating_mul(MAX_PROOF_NODES_PER_KEY) {
            return Err(ProofError::Nodes(nodes.len()));
        }
        let bytes = nodes.iter().fold(0usize, |sum, node| sum.saturating_add(node.len()));
        if bytes > MAX_PROOF_BYTES {
            return Err(ProofError::Bytes(bytes));
        }
        let mut by_hash = BTreeMap::new();
        for node in nodes {
            let hash = keccak256(node);
            if by_hash.insert(hash, node.clone()).is_some() {
                return Err(ProofError::Repeated(hash));
            }
        }
        Ok(ProofNodes(by_hash))
    }
}

impl Nodes for ProofNodes {
    type Error = Infallible;

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Infallible> {
        self.0.node(hash)
    }
}

/// What the trie with this root has at `key`: a value, or nothing.
///
/// # Errors
/// [`ProofError`]. The order of the nodes does not matter; each must be needed, and stand once.
/// # Source
/// `docs/spec/chain.md` §4.5.
pub fn verify_value(root: &B256, key: &[u8], nodes: &[Bytes]) -> Result<Option<Bytes>, ProofError> {
    Ok(verify_values(root, &[key], nodes)?.pop().flatten())
}

/// As [`verify_value`] for several keys, whose nodes are one set.
///
/// # Errors
/// As [`verify_value`].
pub fn verify_values<K: AsRef<[u8]>>(
    root: &B256,
    keys: &[K],
    nodes: &[Bytes],
) -> Result<Vec<Option<Bytes>>, ProofError> {
    let hashed = ProofNodes::from_untrusted(nodes, keys.len())?;
    let mut used = BTreeSet::new();
    let values = keys.iter().map(|key| {
        get_with(&hashed, root, key.as_ref(), |hash, _| {
            used.insert(*hash);
        })
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    match hashed.0.into_keys().find(|hash| !used.contains(hash)) {
        Some(hash) => Err(ProofError::Unused(hash)),
        None => Ok(values),
    }
}

impl From<TrieError<Infallible>> for ProofError {
    fn from(error: TrieError<Infallible>) -> ProofError {
        match error {
            TrieError::Missing(hash) => ProofError::Missing(hash),
            TrieError::Node(error) => ProofError::Node(error),
            TrieError::Store(never) => match never {},
        }
    }
}
