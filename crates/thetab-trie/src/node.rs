//! Nodes as their bytes hold them: read without copying, written from parts.
//!
//! Threat model: bytes that hash to what was asked for can still be a hostile chain's. Every shape that the rules of the trie cannot
//! make is refused, so that what walks nodes need not think of it.

use alloc::vec::Vec;

use thetab_types::{
    B256, DecodeError,
    rlp::{Item, Reader, put_list, put_string},
};

use crate::nibbles::{Path, to_hex_prefix};

/// Nodes with fewer bytes stand inside their parent instead of under their hash.
pub(crate) const HASHED_FROM_BYTES: usize = 32;

/// Why bytes are not a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The bytes are not RLP.
    #[error("the node is not RLP")]
    Rlp(#[from] DecodeError),
    /// A node is a list of 2 or of 17 items.
    #[error("the node has neither 2 nor 17 items")]
    Items,
    /// A path is not in hex-prefix form, or an extension has none.
    #[error("the node's path is malformed")]
    Path,
    /// A child is neither a hash nor a node short enough to stand inside.
    #[error("a child is neither a hash nor a short node")]
    Child,
    /// A leaf holds nothing.
    #[error("a leaf holds nothing")]
    Value,
    /// A branch with fewer than two entries, an extension above something else than a branch, a short node under its hash, a key of
    /// half a byte: the rules make none of these.
    #[error("no entries make a trie of this shape")]
    Shape,
}

/// Where a child is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Child<'a> {
    Empty,
    Hash(B256),
    Inline(&'a [u8]),
}

/// A node. Only branches hold empty values, which stand for none.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "it lives on the stack, for one step of a walk")]
pub(crate) enum Node<'a> {
    Leaf { path: Path<'a>, value: &'a [u8] },
    Extension { path: Path<'a>, child: Child<'a> },
    Branch { children: [Child<'a>; 16], value: &'a [u8] },
}

impl<'a> Node<'a> {
    /// Reads a node that fills `bytes` exactly.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Node<'a>, NodeError> {
        let mut outer = Reader::new(bytes);
        let mut list = outer.list()?;
        if !outer.is_empty() {
            return Err(DecodeError::Trailing(outer.rest().len()).into());
        }
        let mut counted = list.clone();
        for _ in 0..2 {
            counted.raw()?;
        }
        if counted.is_empty() { Node::short(&mut list) } else { Node::branch(&mut list) }
    }

    fn short(list: &mut Reader<'a>) -> Result<Node<'a>, NodeError> {
        let (path, leaf) = Path::decode(list.string()?)?;
        if leaf {
            let value = list.string()?;
            return if value.is_empty() { Err(NodeError::Value) } else { Ok(Node::Leaf { path, value }) };
        }
        match Child::read(list)? {
            Child::Empty => Err(NodeError::Child),
            _ if path.is_empty() => Err(NodeError::Path),
            child => Ok(Node::Extension { path, child }),
        }
    }

    fn branch(list: &mut Reader<'a>) -> Result<Node<'a>, NodeError> {
        let mut children = [Child::Empty; 16];
        for child in &mut children {
            *child = if list.is_empty() { return Err(NodeError::Items) } else { Child::read(list)? };
        }
        let value = if list.is_empty() { return Err(NodeError::Items) } else { list.string()? };
        let used = children.iter().filter(|child| !matches!(child, Child::Empty)).count();
        match used.saturating_add(usize::from(!value.is_empty())) {
            _ if !list.is_empty() => Err(NodeError::Items),
            0 | 1 => Err(NodeError::Shape),
            _ => Ok(Node::Branch { children, value }),
        }
    }
}

impl<'a> Child<'a> {
    fn read(list: &mut Reader<'a>) -> Result<Child<'a>, NodeError> {
        match list.clone().item()? {
            Item::List(_) => {
                let raw = list.raw()?;
                if raw.len() < HASHED_FROM_BYTES { Ok(Child::Inline(raw)) } else { Err(NodeError::Child) }
            }
            Item::String(_) => match list.string()? {
                [] => Ok(Child::Empty),
                hash => hash.try_into().map(|hash| Child::Hash(B256::new(hash))).or(Err(NodeError::Child)),
            },
        }
    }

    pub(crate) fn put(self, out: &mut Vec<u8>) {
        match self {
            Child::Empty => out.push(0x80),
            Child::Hash(hash) => put_string(hash.as_slice(), out),
            Child::Inline(raw) => out.extend_from_slice(raw),
        }
    }
}

/// The bytes of a leaf.
pub(crate) fn encode_leaf(path: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_list(&mut out, |out| {
        put_string(&to_hex_prefix(path, true), out);
        put_string(value, out);
    });
    out
}

/// The bytes of an extension.
pub(crate) fn encode_extension(path: &[u8], child: Child<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_list(&mut out, |out| {
        put_string(&to_hex_prefix(path, false), out);
        child.put(out);
    });
    out
}

/// The bytes of a branch.
pub(crate) fn encode_branch<'a>(children: impl Iterator<Item = Child<'a>>, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(17 * 33 + 3);
    put_list(&mut out, |out| {
        children.for_each(|child| child.put(out));
        put_string(value, out);
    });
    out
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn encode(node: &Node<'_>) -> Vec<u8> {
        match *node {
            Node::Leaf { path, value } => encode_leaf(&path.to_vec(), value),
            Node::Extension { path, child } => encode_extension(&path.to_vec(), child),
            Node::Branch { children, value } => encode_branch(children.into_iter(), value),
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_node_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(node) = Node::decode(&bytes) {
                prop_assert_eq!(encode(&node), bytes);
            }
        }

        #[test]
        fn damaged_nodes_are_other_nodes_or_none(place: prop::sample::Index, byte: u8) {
            let hash = Child::Hash(B256::repeat_byte(7));
            let children = [hash, Child::Empty].into_iter().cycle().take(16);
            let branch = encode_branch(children, b"value");
            for mut node in [branch, encode_leaf(&[1, 2, 3], b"value"), encode_extension(&[1], hash)] {
                prop_assert_eq!(encode(&Node::decode(&node).unwrap()), node.clone());
                let place = place.index(node.len());
                node[place] = byte;
                if let Ok(read) = Node::decode(&node) {
                    prop_assert_eq!(encode(&read), node);
                }
            }
        }
    }

    #[test]
    fn shapes_that_no_entries_make_are_refused() {
        let list = |items: &[&[u8]]| {
            let mut out = vec![];
            put_list(&mut out, |out| items.iter().for_each(|item| put_string(item, out)));
            out
        };
        let refusals: [(&[&[u8]], NodeError); 7] = [
            (&[], NodeError::Rlp(DecodeError::Truncated)),
            (&[b"\x20", b""], NodeError::Value),
            (&[b"\x00", &[7; 32]], NodeError::Path),
            (&[b"\x11", b""], NodeError::Child),
            (&[b"\x11", &[7; 31]], NodeError::Child),
            (&[&b""[..]; 16], NodeError::Items),
            (&[&b""[..]; 18], NodeError::Items),
        ];
        for (items, error) in refusals {
            assert_eq!(Node::decode(&list(items)).unwrap_err(), error, "{items:?}");
        }
        let mut lonely = [&b""[..]; 17];
        lonely[16] = b"value";
        assert_eq!(Node::decode(&list(&lonely)).unwrap_err(), NodeError::Shape);
    }
}
