//! `chain/go_tests.json`: the data of Theta's own unit tests.

use thetab_types::{
    Address, Amount, Forks, Header, Validator, ValidatorSet, Vote, VoteSet,
    block::{Block, DecodeWith},
    chain_id,
    header::HeaderFields,
    keccak256,
    secp::{SecretKey, Signature, recover_public_key},
    stake::{NOT_WITHDRAWN, Stake, StakeHolder, ValidatorCandidatePool},
    text::lenient_address,
    tx::Transaction,
};
use thetab_vectors::{Case, hex_bytes};

use crate::{Fields, keys, rlp, transactions, vectors};

#[test]
fn theta_s_own_unit_tests_hold() {
    let file = vectors!("chain/go_tests.json");
    file.skip(&["description", "eth_chain_id_note"]);
    // Read by the tests of thetab-trie.
    file.skip(&["trie", "secure_trie_unused_by_the_ledger", "hex_prefix"]);
    // Unused by the validation code.
    file.skip(&["guardian_max_multiply"]);
    let encode = file.case("rlp_encode");
    encode.skip(&["source", "note"]);
    rlp::go_encode_cases(encode.cases("cases", 81));
    let decode = file.case("rlp_decode");
    decode.skip(&["source"]);
    rlp::go_decode_cases(decode.cases("cases", 86));
    for case in file.cases("keccak256", 3) {
        assert_eq!(keccak256(case.text("text")), case.hash("hash"));
    }
    secrets(&file);
    keys::high_s_is_refused_by_plain_verification(&file.case("malleable_signature_rejected_by_plain_verify"));
    for signature in file.byte_list("garbage_signatures_rejected") {
        assert!(Signature::from_slice(&signature).recover(b"Hello world!").is_err());
    }
    keys::texts(&file);
    headers(&file);
    assert_eq!(file.hash("empty_root"), thetab_types::EMPTY_ROOT);
    for row in file.list("eth_chain_id", 5) {
        let (name, height) = (row[0].as_str().unwrap(), row[1].as_u64().unwrap());
        assert_eq!(chain_id::numeric(name, height, &Forks::MAINNET).to_string(), row[2].as_str().unwrap());
    }
    for name in ["tsub_881", "ts881", "tsub09998", "tsubabc9", "tsub999", "tsub9223372036854775808"] {
        assert_eq!(chain_id::subchain(name), None);
    }
    transactions::go_sign_bytes(file.cases("tx_sign_bytes", 9));
    signed_send(&file.case("signed_send_tx"));
    for raw in file.byte_list("tx_decode_must_not_crash") {
        let _ = Transaction::decode(&raw);
    }
    majority(&file.case("majority"));
    order(&file.case("candidate_order"));
    dedup(&file.case("vote_dedup"));
}

fn secrets(file: &Case) {
    for case in file.cases("keys", 3) {
        let key = SecretKey::from_bytes(&case.array("secret")).unwrap();
        assert_eq!(key.address(), case.address("address"));
        if case.has("pubkey") {
            assert_eq!(key.public_key().to_uncompressed().to_vec(), case.bytes("pubkey"));
        }
    }
    for secret in file.byte_list("invalid_secrets") {
        assert!(SecretKey::from_bytes(&secret.try_into().unwrap()).is_none());
    }
    let case = file.case("ecrecover");
    case.skip(&["pubkey_compressed"]);
    let (r, s, v) = Signature::from_slice(&case.bytes("signature")).parts().unwrap();
    let key = recover_public_key(&case.hash("message_hash"), &r, &s, v).unwrap();
    assert_eq!(key.to_uncompressed().to_vec(), case.bytes("pubkey"));
}

fn headers(file: &Case) {
    let case = file.case("block_before_theta2");
    case.skip(&["source", "note"]);
    let block = Block::decode(&case.bytes("block_rlp"), &Forks::MAINNET).unwrap();
    assert_eq!(block.header.hash(), case.hash("header_hash"));
    assert_eq!(block.header.verify("testchain"), Ok(()));
    assert_eq!(block.header.proposer, lenient_address("c0a4e0c9b349b13b5e882770bfcf20e985691298").unwrap());
    let case = file.case("header_all_zero_except_epoch_1");
    case.skip(&["note"]);
    let fields = HeaderFields { epoch: 1, ..HeaderFields::zero() };
    assert_eq!(fields.seal(&Forks::MAINNET).hash(), case.hash("hash"));
    let block = Header::zero(&Forks::MAINNET);
    assert_eq!(block.raw().len(), 452 + 3);
}

fn signed_send(case: &Case) {
    case.skip(&["fields"]);
    let secret = hex_bytes("93a90ea508331dfdf27fb79757d4250b4e84954927ba0073cd67454ac432c737");
    let key = SecretKey::from_bytes(&secret.try_into().unwrap()).unwrap();
    transactions::assert_signed(&case.bytes("raw_tx"), "privatenet", &[&key]);
}

fn short(text: &str) -> Address {
    lenient_address(text).unwrap()
}

fn majority(case: &Case) {
    case.skip(&["source", "note"]);
    let stakes =
        [("0x111", 100_000_001), ("0x222", 100_000_000), ("0x333", 50_000_000), ("0x444", 50_000_000)];
    let token = Amount::from(10u64.pow(18));
    let set = ValidatorSet::new(
        stakes.map(|(name, stake): (_, u64)| Validator { address: short(name), stake: token.times(stake) }),
    );
    for row in case.cases("cases", 5) {
        let voters: Vec<_> = row.texts("voters").iter().map(|voter| short(voter)).collect();
        assert_eq!(set.is_majority(&set.stake_of_all(&voters)), row.flag("majority"));
    }
}

fn order(case: &Case) {
    case.skip(&["source", "note"]);
    let deposits = [("0x333", 50), ("0x111", 50), ("0x555", 10), ("0x222", 50), ("0x666", 10), ("0x444", 50)];
    let candidates = deposits.map(|(name, millions): (_, u64)| {
        let holder = short(name);
        let amount = Amount::from(millions);
        let stake = Stake { source: holder, amount, withdrawn: false, return_height: NOT_WITHDRAWN };
        StakeHolder { holder, stakes: vec![stake] }
    });
    let mut pool = ValidatorCandidatePool { candidates: candidates.into() };
    pool.sort();
    let order: Vec<_> = pool.candidates.iter().map(|candidate| candidate.holder).collect();
    let expected: Vec<_> = case.texts("order").iter().map(|name| short(name)).collect();
    assert_eq!(order, expected);
}

fn dedup(case: &Case) {
    case.skip(&["source", "note"]);
    let vote = |block: u8, voter: u8, epoch| Vote {
        block: [block; 32].into(),
        height: 0,
        epoch,
        id: [voter; 20].into(),
        signature: Signature::EMPTY,
    };
    let first: VoteSet = [vote(1, 1, 1), vote(1, 1, 1), vote(2, 2, 1)].into_iter().collect();
    assert_eq!(first.votes().len() as u64, case.number("set1_size"));
    let second = [vote(1, 1, 1), vote(1, 1, 3), vote(3, 1, 5), vote(4, 1, 4), vote(2, 3, 1)];
    let merged: VoteSet = first.votes().iter().cloned().chain(second).collect();
    assert_eq!(merged.votes().len() as u64, case.number("merged_size"));
    let size = merged.unique_voters_and_blocks().votes().len() as u64;
    assert_eq!(size, case.number("unique_voter_and_block_size"));
    let unique = merged.unique_voters();
    assert_eq!(unique.votes().len() as u64, case.number("unique_voter_size"));
    assert_eq!(case.texts("unique_voter_first"), ["A1", "epoch 5"]);
    assert_eq!((unique.votes()[0].id, unique.votes()[0].epoch), ([1; 20].into(), 5));
}
