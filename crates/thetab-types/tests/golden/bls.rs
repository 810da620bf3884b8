//! `chain/bls.json`: Theta's BLS as the pinned library does it.

use thetab_types::{
    bls::{BlsPublicKey, BlsSecretKey, BlsSignature, aggregate_keys},
    secp::PublicKey,
};

use crate::vectors;

#[test]
fn bls_agrees_with_the_pinned_library() {
    let file = vectors!("chain/bls.json");
    file.skip(&["description", "aggregate_order"]);
    let constants = file.case("constants");
    constants.skip(&["adj", "adj_inverse_3_z2_minus_1", "adj_inverse_squared_mod_r", "field_modulus_p"]);
    constants.skip(&["g2_cofactor_h2", "order_r", "base_point_B_for_verification"]);
    assert!(file.flag("identity_signature_verifies_under_identity_pubkey"));
    let nobody = BlsSignature::IDENTITY;
    assert!(nobody.verify_aggregate([], &[], b"anything"));

    let mut signatures = 0;
    let keys: Vec<_> =
        file.cases("keys", 5).into_iter().map(|case| key_and_signatures(&case, &mut signatures)).collect();
    assert_eq!(signatures, 42);
    aggregates(&file, &keys);
    for case in file.cases("decoding", 14) {
        decoding(&case);
    }
    for case in file.cases("node_bls_keys", 5) {
        let public = PublicKey::from_uncompressed(&case.array("secp_pubkey")).unwrap();
        let secret = BlsSecretKey::of_stock_node(&public);
        assert_eq!(secret.to_bytes(), case.array("bls_secret"));
        assert_eq!(secret.public_key().0, case.array("bls_pubkey"));
        let summary = case.bytes("guardian_summary");
        assert_eq!(summary.len(), 229);
        assert_eq!(summary[..20], public.address()[..]);
        assert_eq!(summary[20..68], secret.public_key().0);
        assert_eq!(summary[68..164], secret.prove_possession().0);
        let holder = thetab_types::secp::Signature::from_slice(&summary[164..]);
        assert_eq!(holder.verify(&summary[68..164], &public.address()), Ok(()));
    }
}

fn key_and_signatures(case: &thetab_vectors::Case, count: &mut usize) -> BlsSecretKey {
    let secret = BlsSecretKey::from_bytes(&case.array("secret")).unwrap();
    let public = secret.public_key();
    assert_eq!(public.0, case.array("pubkey"));
    assert!(public.is_in_subgroup());
    let proof = BlsSignature(case.array("pop"));
    assert_eq!(secret.prove_possession(), proof);
    assert!(public.verify_possession(&proof));
    for signed in case.any_cases("signatures") {
        *count += 1;
        let (message, signature) = (signed.bytes("message"), BlsSignature(signed.array("signature")));
        assert_eq!(secret.sign(&message), signature);
        assert!(signature.verify(&public, &message));
        assert!(signature.is_in_subgroup());
        assert!(!signature.verify(&public, b"another message"));
    }
    secret
}

fn aggregates(file: &thetab_vectors::Case, keys: &[BlsSecretKey]) {
    let message = file.bytes("aggregate_message");
    let public: Vec<_> = keys.iter().map(BlsSecretKey::public_key).collect();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(&message)).collect();
    for case in file.cases("aggregates", 6) {
        let multiplicities: Vec<u32> = case.numbers("multiplies").iter().map(|&n| n as u32).collect();
        let signature = BlsSignature(case.array("signature"));
        let summed = BlsSignature::aggregate(signatures.iter().zip(multiplicities.iter().copied()));
        assert_eq!(summed, Some(signature));
        assert_eq!(aggregate_keys(&public, &multiplicities).unwrap().0, case.array("pubkey"));
        let verifies = signature.verify_aggregate(&public, &multiplicities, &message);
        assert_eq!(verifies, case.flag("verifies"));
        assert!(!signature.verify_aggregate(&public[1..], &multiplicities, &message));
        assert!(!signature.verify_aggregate(&public, &multiplicities[1..], &message));
    }
}

fn decoding(case: &thetab_vectors::Case) {
    case.skip(&["note"]);
    let bytes = case.bytes("bytes");
    let decoded = match case.text("kind").as_str() {
        "pubkey" => BlsPublicKey::from_lax(&bytes).map(|key| key.0.to_vec()),
        _ => BlsSignature::from_lax(&bytes).map(|signature| signature.0.to_vec()),
    };
    assert_eq!(decoded.is_ok(), case.flag("accepted"), "{}", hex::encode(&bytes));
    assert_eq!(decoded.unwrap_or_default(), case.bytes("reencoded"));
}
