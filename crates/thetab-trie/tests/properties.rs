//! The trie against a sorted map: same entries, same root; every proof shows what is there, and no damaged one shows anything else.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use thetab_trie::{
    EMPTY_ROOT, Entries, ProofError, ProofNodes, Trie, TrieError, get, prove, verify_value, verify_values,
};
use thetab_types::{B256, keccak256};

type Store = BTreeMap<B256, Bytes>;
type Model = BTreeMap<Vec<u8>, Bytes>;

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Bytes),
    Commit,
    Reopen,
}

/// Keys that often extend each other.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let digit = prop_oneof![Just(0x00u8), Just(0x01), Just(0x10), Just(0x11), any::<u8>()];
    proptest::collection::vec(digit, 0..5)
}

fn value() -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![Just(0usize), Just(0), 1usize..5, 30usize..70];
    (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length].into())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Step::Set(key, value)),
        1 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 0..60)
}

fn set(model: &mut Model, key: &[u8], value: &Bytes) {
    if value.is_empty() {
        model.remove(key);
    } else {
        model.insert(key.into(), value.clone());
    }
}

/// The store and the root of these entries.
fn build(model: &Model) -> (Store, B256) {
    let (mut store, mut trie) = (Store::new(), Trie::new());
    trie.apply(&Store::new(), model.iter().map(|(key, value)| (key, value.clone()))).unwrap();
    let root = trie.commit(|hash, node| drop(store.insert(hash, node)));
    (store, root)
}

fn models() -> impl Strategy<Value = Model> {
    let value = value().prop_filter("an entry has a value", |value| !value.is_empty());
    proptest::collection::btree_map(key(), value, 0..40)
}

proptest! {
    #[test]
    fn changes_in_any_order_give_the_root_of_the_entries(steps in steps(), probe in key()) {
        let (mut store, mut trie, mut model) = (Store::new(), Trie::new(), Model::new());
        for step in steps {
            match step {
                Step::Set(key, value) => {
                    trie.insert(&store, &key, value.clone()).unwrap();
                    set(&mut model, &key, &value);
                }
                Step::Commit => drop(trie.commit(|hash, node| drop(store.insert(hash, node)))),
                Step::Reopen => trie = Trie::open(trie.commit(|hash, node| drop(store.insert(hash, node)))),
            }
            prop_assert_eq!(trie.get(&store, &probe).unwrap(), model.get(&probe).cloned());
        }
        let root = trie.commit(|hash, node| {
            assert_eq!(keccak256(&node), hash);
            store.insert(hash, node);
        });
        prop_assert_eq!(root, build(&model).1);
        prop_assert_eq!(root == EMPTY_ROOT, model.is_empty());
        for (key, value) in &model {
            let kept = trie.get(&store, key).unwrap();
            prop_assert_eq!(kept.as_ref(), Some(value));
            let stored = get(&store, &root, key).unwrap();
            prop_assert_eq!(stored.as_ref(), Some(value));
        }
        let entries: Result<Vec<_>, _> = Entries::new(&store, &root, b"").collect();
        prop_assert_eq!(entries.unwrap(), model.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_prefix_lists_its_keys_in_order(model in models(), prefix in key()) {
        let (store, root) = build(&model);
        let listed: Result<Vec<_>, _> = Entries::new(&store, &root, &prefix).collect();
        let expected: Vec<_> = model.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
        prop_assert_eq!(listed.unwrap(), expected);
    }

    #[test]
    fn proofs_show_what_is_there_and_what_is_not(model in models(), others in proptest::collection::vec(key(), 1..4)) {
        let (store, root) = build(&model);
        let mut keys: Vec<_> = others;
        keys.extend(model.keys().take(3).cloned());
        let mut union = Vec::new();
        for key in &keys {
            let proof = prove(&store, &root, key).unwrap();
            prop_assert_eq!(verify_value(&root, key, &proof).unwrap(), model.get(key).cloned());
            union.extend(proof.into_iter().filter(|node| !union.contains(node)).collect::<Vec<_>>());
        }
        let expected: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
        prop_assert_eq!(verify_values(&root, &keys, &union).unwrap(), expected);
    }

    #[test]
    fn damaged_proofs_are_refused(
        model in models(),
        key in key(),
        node: prop::sample::Index,
        place: prop::sample::Index,
        mask in 1u8..,
        kind in 0u8..4,
    ) {
        let (store, root) = build(&model);
        let mut proof = prove(&store, &root, &key).unwrap();
        prop_assume!(!proof.is_empty());
        let node = node.index(proof.len());
        let mut bytes = proof[node].to_vec();
        let at = place.index(bytes.len());
        match kind {
            0 => bytes[at] ^= mask,
            1 => bytes.insert(at, mask),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
        prop_assume!(proof[node] != bytes);
        proof[node] = bytes.into();
        let refused = verify_value(&root, &key, &proof);
        prop_assert!(matches!(refused, Err(ProofError::Missing(_))), "{refused:?}");
    }

    #[test]
    fn dropped_repeated_and_foreign_nodes_are_refused(model in models(), key in key(), node: prop::sample::Index) {
        let (store, root) = build(&model);
        let proof = prove(&store, &root, &key).unwrap();
        let mut foreign = proof.clone();
        foreign.push(Bytes::from_static(b"a node of another trie, or of none"));
        prop_assert!(matches!(verify_value(&root, &key, &foreign), Err(ProofError::Unused(_))));
        prop_assume!(!proof.is_empty());
        let node = node.index(proof.len());
        let mut dropped = proof.clone();
        dropped.remove(node);
        prop_assert!(matches!(verify_value(&root, &key, &dropped), Err(ProofError::Missing(_))));
        let mut repeated = proof.clone();
        repeated.push(proof[node].clone());
        prop_assert!(matches!(verify_value(&root, &key, &repeated), Err(ProofError::Repeated(_))));
        let mut reordered = proof.clone();
        reordered.rotate_left(node);
        prop_assert_eq!(verify_value(&root, &key, &reordered), verify_value(&root, &key, &proof));
    }

    #[test]
    fn a_change_that_lacks_a_node_leaves_the_entries_as_they_were(model in models(), key in key(), value in value()) {
        let (store, root) = build(&model);
        let kept = prove(&store, &root, &key).unwrap();
        let partial = ProofNodes::from_untrusted(&kept, 1).unwrap();
        let mut trie = Trie::open(root);
        match trie.insert(&partial, &key, value.clone()) {
            Ok(()) => {
                let mut model = model;
                set(&mut model, &key, &value);
                prop_assert_eq!(trie.commit(|_, _| ()), build(&model).1);
            }
            Err(error) => {
                prop_assert!(matches!(error, TrieError::Missing(_)));
                prop_assert_eq!(trie.commit(|_, _| ()), root);
            }
        }
    }

    #[test]
    fn any_nodes_are_walked_or_refused(nodes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..4), key in key()) {
        let nodes: Vec<Bytes> = nodes.into_iter().map(Bytes::from).collect();
        let root = keccak256(&nodes[0]);
        let _ = verify_value(&root, &key, &nodes);
    }
}

#[test]
fn two_thousand_keys_that_extend_each_other_do_not_exhaust_the_stack() {
    let depth = 2_000;
    let longest = vec![0x11; depth];
    let (mut store, mut trie) = (Store::new(), Trie::new());
    for length in 1..=depth {
        trie.insert(&store, &longest[..length], Bytes::from_static(b"x")).unwrap();
    }
    let root = trie.commit(|hash, node| drop(store.insert(hash, node)));
    let mut reopened = Trie::open(root);
    assert_eq!(get(&store, &root, &longest).unwrap().as_deref(), Some(&b"x"[..]));
    reopened.remove(&store, &longest).unwrap();
    reopened.insert(&store, &longest, Bytes::from_static(b"x")).unwrap();
    assert_eq!(reopened.commit(|_, _| ()), root);
    assert_eq!(Entries::new(&store, &root, b"").count(), depth);
}

#[test]
fn proofs_are_counted_before_they_are_hashed() {
    let many = vec![Bytes::from_static(b"node"); 65];
    assert_eq!(verify_value(&B256::ZERO, b"key", &many), Err(ProofError::Nodes(65)));
    let large = [Bytes::from(vec![0; 4 * 1024 * 1024 + 1])];
    assert_eq!(verify_value(&B256::ZERO, b"key", &large), Err(ProofError::Bytes(4 * 1024 * 1024 + 1)));
}
