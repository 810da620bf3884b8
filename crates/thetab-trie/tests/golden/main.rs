//! Theta's roots and proofs: every case of every vector file that needs the trie.
//!
//! Fields that need no trie are skipped here, by name, and read by the tests of `thetab-types`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod genesis;
mod roots;
mod state;

use std::collections::BTreeMap;

use bytes::Bytes;
use thetab_trie::{Trie, get};
use thetab_types::B256;
use thetab_vectors::Case;

macro_rules! vectors {
    ($path:literal) => {
        thetab_vectors::Case::open(include_str!(concat!("../vectors/", $path)))
    };
    (types $path:literal) => {
        thetab_vectors::Case::open(include_str!(concat!("../../../thetab-types/tests/vectors/", $path)))
    };
}
pub(crate) use vectors;

pub(crate) fn hash(case: &Case, name: &str) -> B256 {
    B256::new(case.array(name))
}

pub(crate) fn nodes_of(case: &Case, name: &str) -> Vec<Bytes> {
    case.byte_list(name).into_iter().map(Bytes::from).collect()
}

/// A trie and the store that its nodes are in.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) nodes: BTreeMap<B256, Bytes>,
    pub(crate) root: B256,
}

impl Stored {
    /// Makes changes one at a time, and finds the same as when they are made at once.
    pub(crate) fn of(changes: &[(Vec<u8>, Vec<u8>)]) -> Stored {
        let mut stored = Stored::default();
        let (mut one_by_one, mut at_once) = (Trie::new(), Trie::new());
        for (key, value) in changes {
            one_by_one.insert(&stored.nodes, key, value.clone().into()).unwrap();
            stored.root = one_by_one.commit(|hash, node| drop(stored.nodes.insert(hash, node)));
            one_by_one = Trie::open(stored.root);
        }
        let all = changes.iter().map(|(key, value)| (key, Bytes::from(value.clone())));
        at_once.apply(&BTreeMap::new(), all).unwrap();
        stored.root = at_once.commit(|_, _| ());
        assert_eq!(one_by_one.commit(|_, _| ()), stored.root);
        stored
    }

    pub(crate) fn value(&self, key: &[u8]) -> Option<Bytes> {
        get(&self.nodes, &self.root, key).unwrap()
    }
}
