//! Keys and signatures: `chain/secp256k1.json`, `ledger/keys_signatures.json`, `ledger/holder_summaries.json`.

use k256::ecdsa::signature::hazmat::PrehashVerifier;
use thetab_types::{
    Address, B256, U256,
    account::contract_address,
    bls::{BlsPublicKey, BlsSecretKey, BlsSignature},
    keccak256,
    secp::{PublicKey, SecretKey, Signature, recover_public_key},
    text,
};
use thetab_vectors::Case;

use crate::{Fields, vectors};

#[test]
fn signatures_are_made_and_recovered_as_theta_does() {
    let file = vectors!("chain/secp256k1.json");
    file.skip(&["description"]);
    let mut first = None;
    for case in file.cases("signatures", 4) {
        let key = SecretKey::from_bytes(&case.array("secret")).unwrap();
        let signature = Signature::from_slice(&case.bytes("signature"));
        let message = case.bytes("message");
        assert_eq!(key.public_key().to_uncompressed().to_vec(), case.bytes("pubkey"));
        assert_eq!(key.sign(&message), signature);
        assert_eq!(signature.recover(&message), Ok(case.address("address")));
        first.get_or_insert((message, key.address()));
    }
    let high = file.case("high_s");
    let signature = Signature::from_slice(&high.bytes("signature"));
    let verdict = signature.verify(&high.bytes("message"), &high.address("address"));
    assert_eq!(verdict.is_ok(), high.flag("accepted"));
    let (message, address) = first.unwrap();
    let v27 = file.case("v_27");
    let signature = Signature::from_slice(&v27.bytes("signature"));
    assert_eq!(signature.verify(&message, &address).is_ok(), v27.flag("accepted"));
}

#[test]
fn keys_hashes_and_addresses_are_theta_s() {
    let file = vectors!("ledger/keys_signatures.json");
    file.skip(&["description"]);
    for case in file.cases("keccak256", 4) {
        case.skip(&["provenance"]);
        assert_eq!(keccak256(case.text("input_utf8")), case.hash("expected"));
    }
    for (list, count) in [("keys", 3), ("privatenet_eth_test_wallets", 10)] {
        for case in file.cases(list, count) {
            secret_and_address(&case);
        }
    }
    for secret in file.byte_list("invalid_private_keys") {
        assert!(SecretKey::from_bytes(&secret.try_into().unwrap()).is_none());
    }
    let seeded = file.case("deterministic_test_keys");
    seeded.skip(&["description"]);
    for case in seeded.cases("vectors", 8) {
        let seed: Vec<u8> = case.text("seed").bytes().cycle().take(40).collect();
        assert_eq!(from_seed(&seed), case.array::<32>("private_key"));
        // The key again, now as a key.
        let key = SecretKey::from_bytes(&from_seed(&seed)).unwrap();
        assert_eq!(key.address(), case.address("address"));
        case.skip(&["provenance"]);
    }
    for case in file.cases("ecrecover", 3) {
        recovery(&case);
    }
    high_s_is_refused_by_plain_verification(&file.case("verify_only_rejects_high_s"));
    for case in file.cases("invalid_native_signatures", 3) {
        case.skip(&["note"]);
        let message = case.optional("message_utf8").map(|text| text.as_str().unwrap().to_string());
        let signature = Signature::from_slice(&case.bytes("signature"));
        assert_eq!(signature.recover(message.unwrap_or_default().as_bytes()).is_ok(), case.flag("expected"));
    }
    for case in file.cases("create_address", 3) {
        assert_eq!(contract_address(&case.address("sender"), case.number("nonce")), case.address("contract"));
    }
    let values = file.case("validate_signature_values");
    values.skip(&["note"]);
    let order = values.array::<32>("n");
    let (one, hash) = (U256::from(1).to_be_bytes(), keccak256("any"));
    assert!(recover_public_key(&hash, &one, &one, 0).is_some());
    for (r, s) in [(order, one), (one, order), ([0; 32], one), (one, [0; 32])] {
        assert!(recover_public_key(&hash, &r, &s, 0).is_none());
    }
    for case in file.cases("sign", 1) {
        case.skip(&["provenance"]);
        let key = SecretKey::from_bytes(&case.array("private_key")).unwrap();
        assert_eq!(key.sign_prehashed(&case.hash("hash")).as_slice(), case.bytes("signature"));
    }
}

fn secret_and_address(case: &Case) {
    case.skip(&["provenance"]);
    let key = SecretKey::from_bytes(&case.array("private_key")).unwrap();
    assert_eq!(key.address(), case.address("address"));
    if case.has("public_key_uncompressed") {
        assert_eq!(key.public_key().to_uncompressed().to_vec(), case.bytes("public_key_uncompressed"));
    }
}

/// How Go's older test helper derived keys: the seed repeated to 40 bytes, modulo the order less one, plus one.
fn from_seed(seed: &[u8]) -> [u8; 32] {
    let order =
        U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let less_one = alloy_primitives::U512::from(order - U256::from(1));
    let reduced = alloy_primitives::U512::from_be_slice(seed) % less_one;
    (U256::from(reduced) + U256::from(1)).to_be_bytes()
}

fn recovery(case: &Case) {
    case.skip(&["provenance", "note", "public_key_compressed"]);
    let hash: B256 = case.hash("hash");
    let signature = Signature::from_slice(&case.bytes("signature"));
    assert_eq!(signature.recover_prehashed(&hash), Ok(case.address("address")));
    if case.has("public_key") {
        let (r, s, v) = signature.parts().unwrap();
        let key: PublicKey = recover_public_key(&hash, &r, &s, v).unwrap();
        assert_eq!(key.to_uncompressed().to_vec(), case.bytes("public_key"));
    }
}

/// Votes, headers and transactions never meet plain verification; recovery takes what it refuses.
pub(crate) fn high_s_is_refused_by_plain_verification(case: &Case) {
    case.skip(&["provenance", "note"]);
    let field = if case.has("hash") { "hash" } else { "message_hash" };
    let hash = case.array::<32>(field);
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&case.bytes(field_of(case))).unwrap();
    let bytes = case.bytes("signature_rs");
    let signature = k256::ecdsa::Signature::from_slice(&bytes).unwrap();
    let expected = case.optional("expected").is_some_and(|flag| flag.as_bool().unwrap());
    assert_eq!(key.verify_prehash(&hash, &signature).is_ok(), expected);
    let address = Address::from_raw_public_key(&key.to_encoded_point(false).as_bytes()[1..]);
    let recovered =
        |v: u8| Signature::from_slice(&[&bytes[..], &[v]].concat()).recover_prehashed(&hash.into());
    assert!([0, 1].into_iter().any(|v| recovered(v) == Ok(address)));
}

fn field_of(case: &Case) -> &'static str {
    if case.has("public_key_compressed") { "public_key_compressed" } else { "pubkey_compressed" }
}

#[test]
fn real_nodes_summaries_prove_what_they_should() {
    let file = vectors!("ledger/holder_summaries.json");
    file.skip(&["description"]);
    for case in file.cases("vectors", 3) {
        case.skip(&[
            "kind",
            "holder_signature_over",
            "checksum_rule",
            "expected_deposit_verdict_for_new_holder",
        ]);
        let summary = case.text("summary");
        let holder = case.address("holder");
        let key = BlsPublicKey(case.array("bls_public_key"));
        let proof = BlsSignature(case.array("bls_pop"));
        let signature = Signature::from_slice(&case.bytes("holder_signature"));
        let joined = [&holder[..], &key.0, &proof.0, signature.as_slice()].concat();
        assert_eq!(thetab_vectors::hex_bytes(&summary)[..229], joined[..]);
        assert_eq!(signature.verify(&proof.0, &holder).is_ok(), case.flag("holder_signature_valid"));
        assert_eq!(key.verify_possession(&proof), case.flag("pop_valid"));
        let (r, s, v) = signature.parts().unwrap();
        let public = recover_public_key(&keccak256(proof.0), &r, &s, v).unwrap();
        let derived = BlsSecretKey::of_stock_node(&public).public_key() == key;
        assert_eq!(derived, case.flag("bls_key_follows_public_key_derivation"));
        if case.has("checksum") {
            assert_eq!(keccak256(&summary[..460]), case.hash("checksum"));
        }
    }
}

pub(crate) fn texts(file: &Case) {
    for pair in file.list("eip55", 5) {
        let address = text::lenient_address(pair[0].as_str().unwrap()).unwrap();
        assert_eq!(text::checksummed(&address), pair[1].as_str().unwrap());
    }
    for pair in file.list("is_hex_address", 8) {
        assert_eq!(text::is_address(pair[0].as_str().unwrap()), pair[1].as_bool().unwrap(), "{pair}");
    }
}
