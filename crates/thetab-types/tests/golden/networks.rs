//! Genesis data, genuine data, snapshot framing and chain ids: `chain/genesis.json`, `chain/real_data.json`,
//! `chain/snapshot_framing.json`, `ledger/chain_id.json`.

use thetab_types::{
    Decode, Encode, Forks, Header, Profile, ValidatorSet, Vote,
    block::DecodeWith,
    chain_id, keccak256,
    rlp::Reader,
    snapshot::{Metadata, Records, SnapshotHeader, TrieRecord, put_record},
    stake::ValidatorCandidatePool,
    tx::Transaction,
};
use thetab_vectors::Case;

use crate::{Fields, pools::assert_set, transactions::signers_of, vectors};

#[test]
fn genesis_headers_have_their_hashes() {
    let file = vectors!("chain/genesis.json");
    file.skip(&["description"]);
    for case in file.cases("networks", 6) {
        // Read by the tests of thetab-trie.
        case.skip(&["vcp_proof_nodes", "sample_account", "entries_in_state", "genesis_snapshot_size"]);
        let network = case.text("network");
        let raw = case.bytes("header_rlp");
        let header = Header::decode(&raw, &Forks::MAINNET).unwrap();
        let hash = case.hash("hash");
        assert_eq!(header.hash(), hash);
        assert_eq!(header.state_hash, case.hash("state_hash"));
        assert_eq!(header.chain_id, case.text("chain_id"));
        assert_eq!(header.timestamp.to_string(), case.number("timestamp").to_string());
        if let Some(profile) = Profile::named(&network) {
            assert_eq!((profile.chain_id.as_bytes(), profile.genesis_hash), (&header.chain_id[..], hash));
        }
        let raw = case.bytes("vcp_rlp");
        let pool = ValidatorCandidatePool::decode(&raw).unwrap();
        assert_eq!(pool.encode(), raw);
        assert_set(&ValidatorSet::select(&pool, 31), case.any_cases("validator_set"));
        let file = if case.has("metadata_record") {
            let mut file = Vec::new();
            put_record(&case.bytes("metadata_record"), &mut file);
            file
        } else {
            case.bytes("full_genesis_snapshot_file")
        };
        let mut records = Records::new(&file);
        let preamble = records.preamble(&Forks::MAINNET).unwrap();
        assert_eq!((preamble.version, preamble.metadata.trios.len()), (1, 0));
        assert_eq!(preamble.metadata.tail.second.hash(), hash);
        let mut written = Vec::new();
        put_record(&preamble.metadata.encode(), &mut written);
        while let Some(record) = records.next_record().unwrap() {
            put_record(&TrieRecord::decode(record).unwrap().encode(), &mut written);
        }
        assert_eq!(written, file, "{network}");
    }
}

#[test]
fn snapshot_records_stand_where_they_should() {
    let file = vectors!("chain/snapshot_framing.json");
    file.skip(&["description"]);
    let bytes = file.bytes("file");
    let offset = |records: &Records<'_>| (bytes.len() - records.rest().len()) as u64;
    let mut records = Records::new(&bytes);
    let header = SnapshotHeader::decode(records.next_record().unwrap().unwrap()).unwrap();
    assert_eq!(header.version, 4);
    assert_eq!(offset(&records), file.number("offset_after_header"));
    records.next_record().unwrap();
    assert_eq!(offset(&records), file.number("offset_after_last_checkpoint"));
    records.next_record().unwrap();
    assert_eq!(offset(&records), file.number("offset_after_metadata"));

    let mut records = Records::new(&bytes);
    let preamble = records.preamble(&Forks::MAINNET).unwrap();
    let mut written = Vec::new();
    put_record(&header.encode(), &mut written);
    put_record(&preamble.last_checkpoint.unwrap().encode(), &mut written);
    put_record(&preamble.metadata.encode(), &mut written);
    let mut states = 0;
    while let Some(record) = records.next_record().unwrap() {
        put_record(&TrieRecord::decode(record).unwrap().encode(), &mut written);
        states += 1;
    }
    assert_eq!((states, written), (3, bytes.clone()));
    let cut = Records::new(&bytes[..bytes.len() - 1]);
    assert!(
        core::iter::successors(Some(cut), |r| Some(r.clone())).take(9).any(|mut r| {
            core::iter::from_fn(|| r.next_record().transpose()).any(|record| record.is_err())
        })
    );
    assert!(Metadata::decode(&[0xc0], &Forks::MAINNET).is_err());
}

#[test]
fn genuine_network_data_verifies() {
    let file = vectors!("chain/real_data.json");
    file.skip(&["description"]);
    let mainnet = file.case("mainnet_block_11885134");
    mainnet.skip(&["description", "block_height", "block_epoch", "block_hash"]);
    let parent = mainnet.hash("parent");
    for case in mainnet.cases("votes", 3) {
        let vote = Vote::decode(&case.bytes("vote_rlp")).unwrap();
        assert_eq!((vote.block, case.hash("block")), (parent, parent));
        assert_eq!((vote.height, vote.epoch), (case.number("height"), case.number("epoch")));
        assert_eq!(vote.id, case.address("id"));
        assert_eq!(vote.signature.as_slice(), case.bytes("signature"));
        assert_eq!(vote.sign_bytes(), case.bytes("sign_bytes"));
        assert_eq!(keccak256(vote.sign_bytes()), case.hash("sign_hash"));
        assert_eq!(vote.verify(), Ok(()));
    }
    genuine_transactions(&mainnet);
    let private = file.case("tx_root_private_net");
    // Read by the tests of thetab-trie.
    private.skip(&["description", "tx_root"]);
    genuine_transactions(&private);
    let case = file.case("header_private_net");
    case.skip(&["description"]);
    let header = Header::decode(&case.bytes("header_rlp"), &Forks::MAINNET).unwrap();
    assert_eq!(header.hash(), case.hash("derived_hash"));
    assert_eq!(header.sign_bytes(), case.bytes("sign_bytes"));
    assert_eq!(keccak256(header.sign_bytes()), case.hash("sign_hash"));
    assert_eq!(header.proposer, case.address("signer"));
    assert_eq!(header.verify("private_net"), Ok(()));
}

fn genuine_transactions(file: &Case) {
    let chain_id = file.text("chain_id");
    for case in file.cases("transactions", 2) {
        let raw = case.bytes("raw");
        let (tx, trailing) = Transaction::decode(&raw).unwrap();
        assert_eq!((u64::from(tx.type_number()), trailing), (case.number("type"), 0));
        assert_eq!(tx.encode(), raw);
        assert_eq!(Transaction::hash_of(&raw), case.hash("hash"));
        let sign_bytes = thetab_types::tx::sign_bytes_v1(&chain_id, &tx.sign_payload());
        assert_eq!(sign_bytes, case.bytes("sign_bytes"));
        assert_eq!(keccak256(&sign_bytes), case.hash("sign_hash"));
        for input in signers_of(&tx) {
            assert_eq!(input.signature.verify(&sign_bytes, &case.address("signer")), Ok(()));
        }
    }
}

#[test]
fn names_of_chains_have_numbers() {
    let file = vectors!("ledger/chain_id.json");
    file.skip(&["description"]);
    let forks = Forks::MAINNET;
    for case in file.cases("vectors", 23) {
        case.skip(&["provenance", "expected_provenance"]);
        let name = case.text("chain_id");
        let height = match case.text("height").as_str() {
            "HeightRPCCompatibility+1" => forks.rpc_compatibility + 1,
            "HeightEnableMetachainSupport+1" => forks.metachain + 1,
            "below HeightRPCCompatibility" => forks.rpc_compatibility - 1,
            "at or above HeightRPCCompatibility" => forks.rpc_compatibility,
            other => panic!("{other}"),
        };
        assert_eq!(chain_id::numeric(&name, height, &forks).to_string(), case.text("expected"), "{name}");
        if let Some(valid) = case.optional("is_valid_subchain_id") {
            assert_eq!(chain_id::subchain(&name).is_some(), valid.as_bool().unwrap());
        }
    }
    assert!(Reader::new(&[]).is_empty());
}
