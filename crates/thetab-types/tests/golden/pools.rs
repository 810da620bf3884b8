//! `chain/pools.json`: encodings, orders, selections and weights. The transitions between its steps are the ledger's.

use thetab_types::{
    Account, Address, Amount, B256, Decode, EMPTY_CODE_HASH, Encode, ValidatorSet,
    bls::{BlsPublicKey, BlsSecretKey},
    edge::reward_weight,
    keccak256, keys,
    secp::PublicKey,
    stake::{BlsHolder, GuardianPool, HeightList, RewardDistribution, ValidatorCandidatePool},
    text::lenient_address,
};
use thetab_vectors::{Case, hex_bytes};

use crate::{Fields, vectors};

pub(crate) fn assert_set(set: &ValidatorSet, cases: Vec<Case>) {
    assert_eq!(set.len(), cases.len());
    for (validator, case) in set.validators().iter().zip(cases) {
        assert_eq!(validator.address, case.address("address"));
        assert_eq!(validator.stake, Amount::from_decimal(&case.text("stake")).unwrap());
    }
}

/// Reads a value that must encode to the bytes it was read from.
fn through<T: Decode + Encode>(raw: &[u8]) -> T {
    let value = T::decode(raw).unwrap();
    assert_eq!(value.encode(), raw);
    value
}

#[test]
fn pools_accounts_and_lists_encode_as_in_theta_s_state() {
    let file = vectors!("chain/pools.json");
    file.skip(&["description", "labels"]);
    assert_eq!(file.text("een_blocks"), "block j = keccak256('een-block-j')");
    accounts(file.cases("accounts", 3));
    edge_nodes(&file);
    guardians(&file);
    let list = file.case("height_list");
    assert_eq!(through::<HeightList>(&list.bytes("rlp")).heights, list.numbers("heights"));
    let distribution = file.case("reward_distribution");
    assert!(through::<RewardDistribution>(&distribution.bytes("rlp")).split_basis_point <= 10_000);
    for case in file.cases("vcp_steps", 10) {
        let op = case.text("op");
        let pool: ValidatorCandidatePool = through(&case.bytes("vcp_rlp"));
        let mut sorted = pool.clone();
        sorted.candidates.reverse();
        sorted.sort();
        assert_eq!(sorted, pool, "{op}");
        assert_set(&ValidatorSet::select(&pool, 31), case.any_cases("validator_set"));
    }
}

fn accounts(cases: Vec<Case>) {
    let mut kinds = Vec::new();
    for case in cases {
        let account: Account = through(&case.bytes("rlp"));
        if case.has("address") {
            assert_eq!(account.address, case.address("address"));
        }
        let note = case.text("note");
        assert_eq!(account.is_contract(), note == "contract");
        assert_eq!(account.code_hash == EMPTY_CODE_HASH, note != "contract");
        assert_eq!(account.root == B256::ZERO, note != "contract");
        if let Some(fund) = account.reserved_funds.first() {
            assert_eq!(fund.collateral.tfuel_wei, Amount::from(1001));
            assert_eq!(fund.initial_fund.tfuel_wei, Amount::from(1000));
            assert_eq!(fund.resource_ids, ["rid001", "rid002"]);
            assert_eq!((fund.end_block_height, fund.reserve_sequence), (5000, 3));
        }
        kinds.push(account.reserved_funds.len());
    }
    assert_eq!(kinds, [0, 0, 1]);
}

fn edge_nodes(file: &Case) {
    let expected = Amount::from_decimal(&file.text("een_total_stake")).unwrap();
    let mut total = Amount::ZERO;
    for case in file.cases("eens", 12) {
        case.skip(&["label"]);
        let node: BlsHolder = through(&case.bytes("state_value"));
        let address = case.address("address");
        assert_eq!(node.stake_holder.holder, address);
        assert_eq!(keys::edge_node(&address), case.bytes("state_key"));
        let stake = node.stake_holder.total();
        assert_eq!(stake, Amount::from_decimal(&case.text("stake")).unwrap());
        let blocks = (0..4).map(|number| keccak256(format!("een-block-{number}")));
        let weights = blocks.map(|block| u64::from(reward_weight(&block, &address, &stake, &expected)));
        assert_eq!(weights.collect::<Vec<_>>(), case.numbers("weights_for_blocks_0_to_3"));
        total = total.plus(&stake);
    }
    assert_eq!(total, expected);
    let block = file.hash("een_sparse_block");
    let total = Amount::from_decimal(&file.text("een_sparse_total_stake")).unwrap();
    for case in file.cases("een_sparse", 40) {
        let stake = Amount::from_decimal(&case.text("stake")).unwrap();
        let weight = reward_weight(&block, &case.address("address"), &stake, &total);
        assert_eq!(u64::from(weight), case.number("weight"));
    }
}

fn guardians(file: &Case) {
    let pool: GuardianPool = through(&file.bytes("gcp_rlp"));
    assert_eq!(keccak256(pool.encode()), file.hash("gcp_hash"));
    let ascending = pool.guardians.is_sorted_by_key(|guardian| guardian.stake_holder.holder);
    assert!(ascending);
    let order: Vec<Address> = pool.with_stake().map(|guardian| guardian.stake_holder.holder).collect();
    let expected: Vec<_> =
        file.texts("gcp_with_stake_order").iter().map(|text| lenient_address(text).unwrap()).collect();
    assert_eq!(order, expected);
    let empty: GuardianPool = through(&file.bytes("empty_gcp_rlp"));
    assert_eq!(keccak256(empty.encode()), file.hash("empty_gcp_hash"));
    for case in file.cases("guardians", 5) {
        case.skip(&["label"]);
        let public = PublicKey::from_uncompressed(&case.array("secp_pubkey")).unwrap();
        assert_eq!(public.address(), case.address("address"));
        let secret = BlsSecretKey::of_stock_node(&public);
        assert_eq!(secret.to_bytes(), case.array("bls_secret"));
        assert_eq!(secret.public_key(), BlsPublicKey(case.array("bls_pubkey")));
        assert_eq!(secret.prove_possession().0, case.array("bls_pop"));
    }
    assert_eq!(hex_bytes("6c732f766370"), keys::VALIDATORS);
}
