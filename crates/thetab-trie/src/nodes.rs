use alloc::collections::BTreeMap;
use core::convert::Infallible;

use bytes::Bytes;
use thetab_types::B256;

use crate::{
    NodeError,
    node::{HASHED_FROM_BYTES, Node},
};

/// Where nodes are kept, by their hash.
///
/// What it gives is believed to hash to what was asked for: a store is the host's own. For a stranger's nodes there is
/// [`ProofNodes`](crate::ProofNodes), which hashes them.
pub trait Nodes {
    /// Why the store could not look.
    type Error: core::error::Error + 'static;

    /// The node with this hash, if it is there.
    ///
    /// # Errors
    /// What the store says when it could not look.
    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Self::Error>;
}

impl Nodes for BTreeMap<B256, Bytes> {
    type Error = Infallible;

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.get(hash).cloned())
    }
}

impl<N: Nodes + ?Sized> Nodes for &N {
    type Error = N::Error;

    fn node(&self, hash: &B256) -> Result<Option<Bytes>, N::Error> {
        N::node(self, hash)
    }
}

/// Why a trie cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrieError<E: core::error::Error + 'static> {
    /// A node is not there.
    #[error("node {0} is missing")]
    Missing(B256),
    /// A node is not one.
    #[error("a node is malformed")]
    Node(#[from] NodeError),
    /// The store could not look.
    #[error("the store of nodes failed")]
    Store(#[source] E),
}

/// Fetches a node. Below the root, what is short enough to stand inside its parent must do so.
pub(crate) fn fetch<N: Nodes>(nodes: &N, hash: &B256, is_root: bool) -> Result<Bytes, TrieError<N::Error>> {
    let node = nodes.node(hash).map_err(TrieError::Store)?.ok_or(TrieError::Missing(*hash))?;
    if node.len() < HASHED_FROM_BYTES && !is_root { Err(NodeError::Shape.into()) } else { Ok(node) }
}

/// Reads a node. Below an extension there must be a branch.
pub(crate) fn decode_below(bytes: &[u8], below_extension: bool) -> Result<Node<'_>, NodeError> {
    match Node::decode(bytes)? {
        Node::Leaf { .. } | Node::Extension { .. } if below_extension => Err(NodeError::Shape),
        node => Ok(node),
    }
}
