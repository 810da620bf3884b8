//! Roots: `ledger/state_trie.json`, and what `chain/go_tests.json`, `chain/headers.json` and `chain/real_data.json` say about tries.

use bytes::Bytes;
use thetab_trie::{EMPTY_ROOT, Trie, transactions_root};
use thetab_types::{U256, keccak256, rlp::Encode};
use thetab_vectors::Case;

use crate::{Stored, hash, vectors};

fn texts(list: &serde_json::Value) -> (Vec<u8>, Vec<u8>) {
    let text = |place: usize| list[place].as_str().unwrap().as_bytes().to_vec();
    (text(0), text(1))
}

fn operations(case: &Case, name: &str) -> Stored {
    Stored::of(&case.any_list(name).iter().map(texts).collect::<Vec<_>>())
}

#[test]
fn keys_of_text_have_theta_s_roots() {
    let file = vectors!("ledger/state_trie.json");
    file.skip(&["description"]);
    for case in file.cases("tries", 6) {
        case.skip(&["provenance"]);
        let stored = match case.text("name").as_str() {
            "empty" => {
                assert!(case.list("ops_in_order", 0).is_empty());
                Stored { root: Trie::new().commit(|_, _| ()), ..Stored::default() }
            }
            _ => operations(&case, "ops_in_order"),
        };
        assert_eq!(stored.root, hash(&case, "root"));
    }
    for case in file.cases("storage_tries", 3) {
        case.skip(&["name", "provenance"]);
        let number = |text: &str| text.parse::<U256>().unwrap();
        let slots: Vec<_> = case
            .case("slots")
            .entries()
            .into_iter()
            .map(|(slot, value)| (number(&slot).to_be_bytes_vec(), number(value.as_str().unwrap()).encode()))
            .collect();
        assert_eq!(Stored::of(&slots).root, hash(&case, "storage_root"));
    }
}

#[test]
fn theta_s_own_unit_tests_of_the_trie_hold() {
    let file = vectors!(types "chain/go_tests.json");
    let trie = file.case("trie");
    trie.skip(&["source", "note"]);
    for case in trie.cases("cases", 3) {
        assert_eq!(operations(&case, "ops").root, hash(&case, "root"));
    }
    // The ledger does not use it: keys are hashed first.
    let secure = file.case("secure_trie_unused_by_the_ledger");
    let hashed = |(key, value): (Vec<u8>, Vec<u8>)| (keccak256(key).to_vec(), value);
    let changes: Vec<_> = secure.any_list("ops").iter().map(texts).map(hashed).collect();
    assert_eq!(Stored::of(&changes).root, hash(&secure, "root"));
    // The other fields are read by the tests of thetab-types, and `hex_prefix` beside the code.
    file.entries();
}

#[test]
fn blocks_have_theta_s_transaction_roots() {
    let file = vectors!(types "chain/headers.json");
    assert_eq!(file.text("tx_root_items"), "item i = keccak256(byte(i) || byte(i>>8))");
    let items: Vec<Bytes> = (0u16..257).map(|i| keccak256(i.to_le_bytes()).to_vec().into()).collect();
    for case in file.cases("tx_roots", 10) {
        let count = case.number("n") as usize;
        assert_eq!(transactions_root(&items[..count]), hash(&case, "root"), "{count}");
    }
    file.entries();
    assert_eq!(transactions_root([]), EMPTY_ROOT);
    let file = vectors!(types "chain/real_data.json");
    let genuine = file.case("tx_root_private_net");
    let raw: Vec<Bytes> = genuine.cases("transactions", 2).iter().map(raw_transaction).collect();
    assert_eq!(transactions_root(&raw), hash(&genuine, "tx_root"));
    genuine.entries();
    file.entries();
}

fn raw_transaction(case: &Case) -> Bytes {
    let raw = case.bytes("raw").into();
    case.entries();
    raw
}
