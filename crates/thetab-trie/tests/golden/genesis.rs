//! The six genesis states: `chain/genesis.json` and `ledger/genesis.json`.
//!
//! Two of the states are in the files as a whole, and their roots are computed from all entries. Of the other four (mainnet's among
//! them) the files hold proofs alone: their roots are computed from proven values upwards, by changing each value in the trie that
//! the proof's nodes make and changing it back.

use bytes::Bytes;
use thetab_trie::{Entries, ProofNodes, Trie, verify_value};
use thetab_types::{
    B256, Decode, Encode, Forks, Header,
    account::Account,
    keccak256, keys,
    snapshot::{Records, TrieRecord},
    stake::ValidatorCandidatePool,
};
use thetab_vectors::Case;

use crate::{Stored, hash, nodes_of, vectors};

#[test]
fn the_six_genesis_states_have_their_roots() {
    let file = vectors!(types "chain/genesis.json");
    file.skip(&["description"]);
    let mut whole = 0;
    for case in file.cases("networks", 6) {
        let network = case.text("network");
        // Read by the tests of thetab-types.
        case.skip(&[
            "chain_id",
            "hash",
            "timestamp",
            "validator_set",
            "genesis_snapshot_size",
            "metadata_record",
        ]);
        let root = hash(&case, "state_hash");
        let header = Header::decode(&case.bytes("header_rlp"), &Forks::MAINNET).unwrap();
        assert_eq!(header.state_hash, root);
        let proof = nodes_of(&case, "vcp_proof_nodes");
        let pool = verify_value(&root, keys::VALIDATORS, &proof).unwrap().unwrap();
        assert_eq!(pool, case.bytes("vcp_rlp"));
        assert!(ValidatorCandidatePool::decode(&pool).is_ok());
        assert_eq!(recomputed(&root, &[(keys::VALIDATORS.into(), proof)]), root);
        let sample = case.case("sample_account");
        let (key, proof) = (sample.bytes("key"), nodes_of(&sample, "proof_nodes"));
        let account = verify_value(&root, &key, &proof).unwrap().unwrap();
        assert_eq!(account, sample.bytes("value"));
        assert_eq!(key, keys::account(&Account::decode(&account).unwrap().address));
        assert_eq!(recomputed(&root, &[(key, proof)]), root);
        let count = case.number("entries_in_state");
        if case.has("full_genesis_snapshot_file") {
            let entries = entries_of(&case.bytes("full_genesis_snapshot_file"));
            assert_eq!(entries.len() as u64, count);
            assert_eq!(Stored::of(&entries).root, root, "{network}");
            whole += 1;
        } else {
            assert!(["mainnet", "testnet", "testnet_sapphire", "privatenet"].contains(&network.as_str()));
        }
    }
    assert_eq!(whole, 2);
}

/// Changes each value in the trie that the nodes of its proof make, and changes it back.
fn recomputed(root: &B256, proofs: &[(Vec<u8>, Vec<Bytes>)]) -> B256 {
    let all: Vec<_> = proofs.iter().flat_map(|(_, nodes)| nodes.clone()).collect();
    let nodes = ProofNodes::from_untrusted(&all, proofs.len()).unwrap();
    let mut trie = Trie::open(*root);
    for (key, _) in proofs {
        let value = trie.get(&nodes, key).unwrap().unwrap();
        trie.insert(&nodes, key, Bytes::from_static(b"another")).unwrap();
        assert_ne!(trie.commit(|_, _| ()), *root);
        trie.insert(&nodes, key, value).unwrap();
    }
    trie.commit(|_, _| ())
}

fn entries_of(snapshot: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Records::new(snapshot);
    records.preamble(&Forks::MAINNET).unwrap();
    let mut entries = Vec::new();
    while let Some(record) = records.next_record().unwrap() {
        let TrieRecord { key, value } = TrieRecord::decode(record).unwrap();
        if key.len() > 1 {
            entries.push((key.to_vec(), value.to_vec()));
        }
    }
    entries
}

#[test]
fn genesis_files_hold_what_their_roots_say() {
    let file = vectors!("ledger/genesis.json");
    file.skip(&["description"]);
    let named = vectors!(types "chain/genesis.json");
    let known: Vec<(B256, B256)> = named.any_cases("networks").iter().map(hashes).collect();
    named.entries();
    for case in file.cases("vectors", 5) {
        case.skip(&["name", "file", "file_sha256"]);
        let (root, genesis) = (hash(&case, "state_root"), hash(&case, "genesis_hash"));
        let accounts = case.number("accounts") as usize;
        let size = case.number("file_size") as usize;
        let (chain, timestamp) = (case.text("chain_id"), case.number("timestamp"));
        if !case.has("file_hex") {
            // The file itself is too large for the vectors: its hashes are those of a network whose proofs were checked above.
            assert!(known.contains(&(genesis, root)) && accounts > 20_000 && size > 3_000_000);
            continue;
        }
        let bytes = case.bytes("file_hex");
        assert_eq!(bytes.len(), size);
        let raw = case.bytes("header_rlp");
        let header = Header::decode(&raw, &Forks::MAINNET).unwrap();
        assert_eq!((header.hash(), header.state_hash), (genesis, root));
        assert_eq!(
            (&header.chain_id[..], header.timestamp.to_string()),
            (chain.as_bytes(), timestamp.to_string())
        );
        assert_eq!(keccak256(&raw), genesis);
        let entries = entries_of(&bytes);
        let stored = Stored::of(&entries);
        assert_eq!(stored.root, root);
        assert_eq!(Entries::new(&stored.nodes, &root, b"ls/a/").count(), accounts);
        records(&case, &bytes);
    }
}

fn hashes(case: &Case) -> (B256, B256) {
    let both = (hash(case, "hash"), hash(case, "state_hash"));
    case.entries();
    both
}

/// The records as the file lists them, those that open and close views among them.
fn records(case: &Case, file: &[u8]) {
    let mut records = Records::new(file);
    records.preamble(&Forks::MAINNET).unwrap();
    for expected in case.any_cases("records") {
        let record = TrieRecord::decode(records.next_record().unwrap().unwrap()).unwrap();
        assert_eq!(record.key, expected.bytes("key"));
        assert_eq!(record.value, expected.bytes("value"));
        if let Some(text) = expected.value("key_text").as_str() {
            // The first bytes of the key, as Latin-1.
            let start: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            assert!(record.key.starts_with(&start), "{text}");
        }
        assert!(record.encode().len() > 2);
    }
    assert_eq!(records.next_record(), Ok(None));
}
