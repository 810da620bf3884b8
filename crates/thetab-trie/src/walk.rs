//! Reading nodes where they are kept.

use alloc::vec::Vec;

use bytes::Bytes;
use thetab_types::{B256, EMPTY_ROOT};

use crate::{
    Nodes, TrieError,
    nibbles::unpack,
    node::{Child, Node},
    nodes::{decode_below, fetch},
};

/// The value at `key`, if there is one.
///
/// # Errors
/// [`TrieError`] when a node on the way is missing or malformed.
pub fn get<N: Nodes>(nodes: &N, root: &B256, key: &[u8]) -> Result<Option<Bytes>, TrieError<N::Error>> {
    get_with(nodes, root, key, |_, _| ())
}

/// The nodes that show the value at `key`, or that there is none: from the root down, without those that stand inside others.
///
/// # Errors
/// As [`get`].
/// # Source
/// `docs/spec/chain.md` §4.5.
pub fn prove<N: Nodes>(nodes: &N, root: &B256, key: &[u8]) -> Result<Vec<Bytes>, TrieError<N::Error>> {
    let mut proof = Vec::new();
    get_with(nodes, root, key, |_, node| proof.push(node.clone()))?;
    Ok(proof)
}

/// As [`get`], and shows `visit` each node that is kept under a hash.
pub(crate) fn get_with<N: Nodes>(
    nodes: &N,
    root: &B256,
    key: &[u8],
    mut visit: impl FnMut(&B256, &Bytes),
) -> Result<Option<Bytes>, TrieError<N::Error>> {
    if *root == EMPTY_ROOT {
        return Ok(None);
    }
    let node = fetch(nodes, root, true)?;
    visit(root, &node);
    descend(nodes, node, &unpack(key), false, visit)
}

/// Walks down from `node` along `path`.
pub(crate) fn descend<N: Nodes>(
    nodes: &N,
    mut node: Bytes,
    mut path: &[u8],
    mut below_extension: bool,
    mut visit: impl FnMut(&B256, &Bytes),
) -> Result<Option<Bytes>, TrieError<N::Error>> {
    loop {
        let child = match decode_below(&node, below_extension)? {
            Node::Leaf { path: rest, value } => {
                let found = rest.strip_from(path).is_some_and(<[u8]>::is_empty);
                return Ok(found.then(|| node.slice_ref(value)));
            }
            Node::Extension { path: part, child } => {
                let Some(rest) = part.strip_from(path) else { return Ok(None) };
                path = rest;
                below_extension = true;
                child
            }
            Node::Branch { children, value } => {
                let Some((&nibble, rest)) = path.split_first() else {
                    return Ok((!value.is_empty()).then(|| node.slice_ref(value)));
                };
                path = rest;
                below_extension = false;
                children.get(usize::from(nibble)).copied().unwrap_or(Child::Empty)
            }
        };
        node = match child {
            Child::Empty => return Ok(None),
            Child::Inline(raw) => node.slice_ref(raw),
            Child::Hash(hash) => {
                let node = fetch(nodes, &hash, false)?;
                visit(&hash, &node);
                node
            }
        };
    }
}
