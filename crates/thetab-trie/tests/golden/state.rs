//! `chain/state_trie.json`: a state, its root and its proofs.

use thetab_trie::{EMPTY_ROOT, Entries, Trie, prove, verify_value};
use thetab_types::{Account, B256, Decode, Encode, U256, snapshot::ProofNode};
use thetab_vectors::Case;

use crate::{Stored, hash, nodes_of, vectors};

#[test]
fn a_state_has_theta_s_root_and_proofs() {
    let file = vectors!("chain/state_trie.json");
    file.skip(&["description", "storage_note"]);
    let entry = |case: &Case| (case.bytes("key"), case.bytes("value"));
    let mut entries: Vec<_> = file.cases("entries", 27).iter().map(entry).collect();
    let state = Stored::of(&entries);
    let root = hash(&file, "root");
    assert_eq!(state.root, root);
    entries.reverse();
    assert_eq!(Stored::of(&entries).root, root, "the order of changes does not matter");
    entries.sort();
    let listed = Entries::new(&state.nodes, &root, b"").map(|entry| entry.unwrap());
    assert!(listed.eq(entries.iter().map(|(key, value)| (key.clone(), value.clone().into()))));

    for case in file.cases("proofs", 10) {
        case.skip(&["note"]);
        let (key, nodes) = (case.bytes("key"), nodes_of(&case, "nodes"));
        let value = case.value("value").as_str().map(thetab_vectors::hex_bytes);
        let proven = verify_value(&root, &key, &nodes).unwrap();
        assert_eq!(proven.as_deref(), value.as_deref());
        assert_eq!(state.value(&key).as_deref(), value.as_deref());
        assert_eq!(prove(&state.nodes, &root, &key).unwrap(), nodes);
    }
    let raw = file.bytes("vcp_proof_rlp");
    let nodes = Vec::<ProofNode>::decode(&raw).unwrap();
    assert_eq!(nodes.encode(), raw);
    assert!(nodes.iter().all(|node| thetab_types::keccak256(&node.node) == node.key));
    let nodes: Vec<_> = nodes.into_iter().map(|node| node.node).collect();
    let pool = verify_value(&root, b"ls/vcp", &nodes).unwrap();
    assert_eq!(pool.as_deref(), state.value(b"ls/vcp").as_deref());

    assert_eq!(hash(&file, "empty_trie_root"), EMPTY_ROOT);
    assert_eq!(hash(&file, "account_root_when_never_written"), Account::new([0; 20].into(), 0).root);
    storage(&file);
}

fn storage(file: &Case) {
    let mut stored = Stored::default();
    let mut trie = Trie::new();
    let steps = file.cases("storage", 5);
    let mut slots = Vec::new();
    for case in steps {
        let slot = case.bytes("slot");
        let value = U256::from_be_bytes(case.array::<32>("value"));
        let raw = if value.is_zero() { Vec::new() } else { value.encode() };
        trie.insert(&stored.nodes, &slot, raw.into()).unwrap();
        stored.root = trie.commit(|hash, node| drop(stored.nodes.insert(hash, node)));
        assert_eq!(stored.root, hash(&case, "root_after"));
        slots.push(slot);
    }
    let mut reopened = Trie::open(stored.root);
    for slot in slots {
        reopened.remove(&stored.nodes, &slot).unwrap();
    }
    let emptied: B256 = reopened.commit(|_, _| ());
    assert_eq!(emptied, hash(file, "storage_root_after_deleting_all"));
}
