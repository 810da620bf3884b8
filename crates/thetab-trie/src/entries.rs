use alloc::vec::Vec;

use bytes::Bytes;
use thetab_types::{B256, EMPTY_ROOT};

use crate::{
    NodeError, Nodes, TrieError,
    nibbles::{common, pack, unpack},
    node::{Child, Node},
    nodes::{decode_below, fetch},
};

/// All entries whose keys begin with a prefix, in the order of their keys.
///
/// It ends after the first error. A stranger's nodes can name each other so that there are vastly more entries than nodes: whoever
/// lists those bounds what it takes.
#[derive(Debug)]
pub struct Entries<'a, N> {
    nodes: &'a N,
    prefix: Vec<u8>,
    pending: Vec<Pending>,
}

/// A node that has not been looked at, and the path that leads to it.
#[derive(Debug)]
struct Pending {
    path: Vec<u8>,
    place: Place,
    below_extension: bool,
}

#[derive(Debug)]
enum Place {
    Root(B256),
    Hash(B256),
    Inline(Bytes),
}

/// A key and its value.
type Entry = (Vec<u8>, Bytes);

impl<'a, N: Nodes> Entries<'a, N> {
    /// The entries of the trie with this root, from the first key that begins with `prefix` on.
    pub fn new(nodes: &'a N, root: &B256, prefix: &[u8]) -> Entries<'a, N> {
        let mut entries = Entries { nodes, prefix: unpack(prefix), pending: Vec::new() };
        if *root != EMPTY_ROOT {
            entries.push(Vec::new(), Place::Root(*root), false);
        }
        entries
    }

    /// Puts a node on the list of those to look at, if keys below it can have the prefix.
    fn push(&mut self, path: Vec<u8>, place: Place, below_extension: bool) {
        let shared = common(&path, &self.prefix);
        if shared == path.len() || shared == self.prefix.len() {
            self.pending.push(Pending { path, place, below_extension });
        }
    }

    fn push_child(&mut self, path: Vec<u8>, parent: &Bytes, child: Child<'_>, below_extension: bool) {
        match child {
            Child::Empty => (),
            Child::Hash(hash) => self.push(path, Place::Hash(hash), below_extension),
            Child::Inline(raw) => self.push(path, Place::Inline(parent.slice_ref(raw)), below_extension),
        }
    }

    fn entry(&self, path: &[u8], value: Bytes) -> Result<Option<Entry>, TrieError<N::Error>> {
        if !path.starts_with(&self.prefix) {
            return Ok(None);
        }
        Ok(Some((pack(path).ok_or(NodeError::Shape)?, value)))
    }

    /// Looks at one node: puts its children on the list, and gives its own entry.
    fn visit(&mut self, pending: Pending) -> Result<Option<Entry>, TrieError<N::Error>> {
        let Pending { mut path, place, below_extension } = pending;
        let node = match place {
            Place::Root(hash) => fetch(self.nodes, &hash, true)?,
            Place::Hash(hash) => fetch(self.nodes, &hash, false)?,
            Place::Inline(node) => node,
        };
        match decode_below(&node, below_extension)? {
            Node::Leaf { path: rest, value } => {
                path.extend(rest.iter());
                self.entry(&path, node.slice_ref(value))
            }
            Node::Extension { path: part, child } => {
                path.extend(part.iter());
                self.push_child(path, &node, child, true);
                Ok(None)
            }
            Node::Branch { children, value } => {
                for (nibble, child) in (0u8..16).zip(children).rev() {
                    let below = path.iter().copied().chain([nibble]).collect();
                    self.push_child(below, &node, child, false);
                }
                if value.is_empty() { Ok(None) } else { self.entry(&path, node.slice_ref(value)) }
            }
        }
    }
}

impl<N: Nodes> Iterator for Entries<'_, N> {
    type Item = Result<Entry, TrieError<N::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(pending) = self.pending.pop() {
            match self.visit(pending) {
                Ok(None) => (),
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    self.pending.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
