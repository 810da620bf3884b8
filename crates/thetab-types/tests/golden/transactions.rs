//! Transactions: `ledger/tx_sign_bytes.json`, `tx_derived.json`, `theta_js.json`, `eth_tx_conversion.json`, `decoder_fuzz.json`.

use serde_json::Value;
use thetab_types::{
    Address, Amount, Decode, Encode, U256,
    account::{Coins, Split},
    keccak256,
    secp::{SecretKey, Signature},
    text::lenient_address,
    tx::*,
};
use thetab_vectors::{Case, hex_bytes};

use crate::{Fields, vectors};

pub(crate) fn signers_of(tx: &Transaction) -> Vec<TxInput> {
    match tx {
        Transaction::Coinbase(tx) => vec![tx.proposer.clone()],
        Transaction::Slash(tx) => vec![tx.proposer.clone()],
        Transaction::Send(tx) => tx.inputs.clone(),
        Transaction::ReserveFund(tx) => vec![tx.source.clone()],
        Transaction::ReleaseFund(tx) => vec![tx.source.clone()],
        Transaction::ServicePayment(tx) => vec![tx.target.clone()],
        Transaction::SplitRule(tx) => vec![tx.initiator.clone()],
        Transaction::SmartContract(tx) => vec![tx.from.clone()],
        Transaction::DepositStake(tx) => vec![tx.source.clone()],
        Transaction::WithdrawStake(tx) => vec![tx.source.clone()],
        Transaction::DepositStakeV2(tx) => vec![tx.source.clone()],
        Transaction::StakeRewardDistribution(tx) => vec![tx.holder.clone()],
    }
}

/// Reads a raw transaction that encodes to itself and carries, over its first sign bytes, the signatures of these keys.
pub(crate) fn assert_signed(raw: &[u8], chain: &str, keys: &[&SecretKey]) -> Transaction {
    let (tx, trailing) = Transaction::decode(raw).unwrap();
    assert_eq!((tx.encode(), trailing), (raw.to_vec(), 0));
    let bytes = sign_bytes_v1(chain, &tx.sign_payload());
    let inputs = signers_of(&tx);
    assert_eq!(inputs.len(), keys.len());
    for (input, key) in inputs.iter().zip(keys) {
        assert_eq!(input.address, key.address());
        assert_eq!(input.signature, key.sign(&bytes));
        assert_eq!(input.signature.verify(&bytes, &input.address), Ok(()));
    }
    tx
}

/// The nine transactions are described in prose; they are those of `ledger/tx_sign_bytes.json`.
pub(crate) fn go_sign_bytes(cases: Vec<Case>) {
    let ledger = vectors!("ledger/tx_sign_bytes.json");
    let mut known: Vec<Vec<u8>> = Vec::new();
    for case in ledger.any_cases("vectors") {
        known.extend(case.optional("sign_bytes").map(|text| hex_bytes(text.as_str().unwrap())));
        case.entries();
    }
    ledger.entries();
    for case in cases {
        case.skip(&["fields"]);
        let (name, bytes) = (case.text("name"), case.bytes("sign_bytes"));
        assert!(known.contains(&bytes), "{name}");
    }
}

fn coins(value: &Value) -> Coins {
    let part = |value: &Value| Amount::from_decimal(value.as_str().unwrap()).unwrap();
    match value {
        Value::Array(parts) => Coins::new(part(&parts[0]), part(&parts[1])),
        named => Coins::new(part(&named["thetawei"]), part(&named["tfuelwei"])),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn address(value: &Value) -> Address {
    lenient_address(value["address"].as_str().unwrap()).unwrap()
}

fn input(value: &Value) -> TxInput {
    TxInput {
        address: address(value),
        coins: coins(&value["coins"]),
        sequence: number(&value["sequence"]),
        signature: Signature::EMPTY,
    }
}

fn output(value: &Value) -> TxOutput {
    TxOutput { address: address(value), coins: coins(&value["coins"]) }
}

fn all<T>(value: &Value, read: fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(read).collect()
}

/// Builds an unsigned transaction from the fields of a case.
fn build(type_number: u64, tx: &Case) -> Transaction {
    let fee = || coins(&tx.value("fee"));
    let take = |name: &str| tx.value(name);
    let text = |name: &str| bytes::Bytes::from(tx.text(name));
    match type_number {
        0 => {
            let outputs = all(&take("outputs"), output);
            CoinbaseTx {
                proposer: input(&take("proposer")),
                outputs,
                block_height: tx.number("block_height"),
            }
            .into()
        }
        1 => {
            // The case leaves the proposer to the description.
            let proposer = serde_json::json!({"address": "0xb23369b1225e72332462a75c1b7f509a805e3d6e", "coins": ["0", "0"], "sequence": 1});
            let slashed_address = tx.address("slashed_address");
            let reserve_sequence = tx.number("reserve_sequence");
            let slash_proof = tx.bytes("slash_proof").into();
            SlashTx { proposer: input(&proposer), slashed_address, reserve_sequence, slash_proof }.into()
        }
        2 => {
            SendTx { fee: fee(), inputs: all(&take("inputs"), input), outputs: all(&take("outputs"), output) }
                .into()
        }
        3 => {
            let resource_ids = tx.texts("resource_ids").into_iter().map(Into::into).collect();
            let (source, collateral) = (input(&take("source")), coins(&take("collateral")));
            ReserveFundTx { fee: fee(), source, collateral, resource_ids, duration: tx.number("duration") }
                .into()
        }
        4 => {
            let (source, reserve_sequence) = (input(&take("source")), tx.number("reserve_sequence"));
            ReleaseFundTx { fee: fee(), source, reserve_sequence }.into()
        }
        5 => ServicePaymentTx {
            fee: fee(),
            source: input(&take("source")),
            target: input(&take("target")),
            payment_sequence: tx.number("payment_sequence"),
            reserve_sequence: tx.number("reserve_sequence"),
            resource_id: text("resource_id"),
        }
        .into(),
        6 => {
            let splits = all(&take("splits"), |split| Split {
                address: address(split),
                percentage: number(&split["percentage"]),
            });
            let (initiator, duration) = (input(&take("initiator")), tx.number("duration"));
            SplitRuleTx { fee: fee(), resource_id: text("resource_id"), initiator, splits, duration }.into()
        }
        7 => SmartContractTx {
            from: input(&take("from")),
            to: output(&take("to")),
            gas_limit: tx.number("gas_limit"),
            gas_price: Amount::from_decimal(&tx.text("gas_price")).unwrap(),
            data: tx.bytes("data").into(),
        }
        .into(),
        8 | 9 => {
            let (source, holder) = (input(&take("source")), output(&take("holder")));
            let purpose = tx.number("purpose") as u8;
            match type_number {
                8 => DepositStakeTx { fee: fee(), source, holder, purpose }.into(),
                _ => WithdrawStakeTx { fee: fee(), source, holder, purpose }.into(),
            }
        }
        11 => {
            let (holder, beneficiary) = (input(&take("holder")), output(&take("beneficiary")));
            let split_basis_point = tx.number("split_basis_point");
            StakeRewardDistributionTx { fee: fee(), holder, beneficiary, split_basis_point }.into()
        }
        other => panic!("type {other}"),
    }
}

#[test]
fn sign_bytes_are_theta_s() {
    let file = vectors!("ledger/tx_sign_bytes.json");
    file.skip(&["description"]);
    for case in file.cases("vectors", 11) {
        let name = case.text("name");
        case.skip(&["source", "provenance", "description", "tx_hash_provenance"]);
        if !case.has("tx") {
            published(&case);
            continue;
        }
        let fields = case.case("tx");
        let tx = build(fields.number("type"), &fields);
        let chain = case.text("chain_id");
        let payer_half = name == "ServicePaymentTx source half";
        let payload = match &tx {
            Transaction::ServicePayment(tx) if payer_half => tx.payer_payload(),
            tx => tx.sign_payload(),
        };
        if name == "ServicePaymentTx target half" {
            // The case has a payer's signature that its fields do not name.
            recipient_half(&case, &tx, &chain);
            continue;
        }
        assert_eq!(payload, case.bytes("raw_tx_signatures_emptied"), "{name}");
        let bytes = sign_bytes_v1(&chain, &payload);
        assert_eq!(bytes, case.bytes("sign_bytes"), "{name}");
        assert_eq!(keccak256(&bytes), case.hash("keccak256_sign_bytes"), "{name}");
        if case.has("private_key") {
            let key = SecretKey::from_bytes(&case.array("private_key")).unwrap();
            assert_eq!(key.sign(&bytes).as_slice(), case.bytes("signature"));
            let raw = case.bytes("signed_raw_tx");
            assert_signed(&raw, &chain, &[&key]);
            assert_eq!(Transaction::hash_of(&raw), case.hash("tx_hash_keccak256_of_signed_raw_tx"));
        }
    }
}

fn recipient_half(case: &Case, tx: &Transaction, chain: &str) {
    let raw = case.bytes("raw_tx_signatures_emptied");
    let (decoded, _) = Transaction::decode(&raw).unwrap();
    let (Transaction::ServicePayment(ours), Transaction::ServicePayment(theirs)) = (tx, &decoded) else {
        panic!("a service payment")
    };
    assert_eq!(ours.source, theirs.source.unsigned());
    assert_eq!((&ours.target, &ours.resource_id), (&theirs.target.unsigned(), &theirs.resource_id));
    let bytes = sign_bytes_v1(chain, &decoded.sign_payload());
    assert_eq!(bytes, case.bytes("sign_bytes"));
    assert_eq!(keccak256(&bytes), case.hash("keccak256_sign_bytes"));
}

fn published(case: &Case) {
    let raw = case.bytes("signed_raw_tx");
    let hash = case.hash("tx_hash");
    assert_eq!(Transaction::hash_of(&raw) == hash, case.flag("hash_matches_keccak256_of_raw"));
    let (tx, _) = Transaction::decode(&raw).unwrap();
    let bytes = sign_bytes_v1(&case.text("signing_chain_id"), &tx.sign_payload());
    let signer = case.address("recovered_signer");
    assert!(signers_of(&tx).iter().all(|input| input.signature.recover(&bytes) == Ok(signer)));
}

#[test]
fn every_type_is_signed_in_both_forms() {
    let file = vectors!("ledger/tx_derived.json");
    file.skip(&["description"]);
    for case in file.cases("vectors", 10) {
        case.skip(&["name", "provenance", "description"]);
        let chain = case.text("chain_id");
        let secrets = case.byte_list("private_keys");
        let keys: Vec<_> = secrets
            .iter()
            .map(|s| SecretKey::from_bytes(&s.as_slice().try_into().unwrap()).unwrap())
            .collect();
        let type_number = case.number("type");
        if type_number == 5 {
            service_payment(&case, &chain, &keys);
            continue;
        }
        let raw = case.bytes("signed_raw_tx_v1");
        assert_eq!(Transaction::hash_of(&raw), case.hash("tx_hash_v1"));
        let tx = assert_signed(&raw, &chain, &keys.iter().collect::<Vec<_>>());
        assert_eq!(u64::from(tx.type_number()), type_number);
        let v1 = sign_bytes_v1(&chain, &tx.sign_payload());
        assert_eq!(v1, case.bytes("sign_bytes_v1"));
        assert_eq!(keccak256(&v1), case.hash("keccak_sign_bytes_v1"));
        for (key, signature) in keys.iter().zip(case.byte_list("signatures_v1")) {
            assert_eq!(key.sign(&v1).as_slice(), signature);
        }
        if case.has("sign_bytes_v2") {
            second_form(&case, &chain, &keys, &tx);
        }
        if case.has("tx") {
            let unsigned = build(type_number, &case.case("tx"));
            assert_eq!(unsigned.encode(), case.bytes("unsigned_raw_tx"));
            let signers: Vec<_> = case.texts("signers").iter().map(|t| lenient_address(t).unwrap()).collect();
            assert_eq!(signers, keys.iter().map(SecretKey::address).collect::<Vec<_>>());
            assert_eq!(unsigned.sign_payload(), tx.sign_payload());
        }
    }
}

fn second_form(case: &Case, chain: &str, keys: &[SecretKey], tx: &Transaction) {
    let v2 = sign_bytes_v2(chain, &tx.sign_payload());
    assert_eq!(v2, case.bytes("sign_bytes_v2"));
    assert_eq!(keccak256(&v2), case.hash("keccak_sign_bytes_v2"));
    let raw = case.bytes("signed_raw_tx_v2");
    assert_eq!(Transaction::hash_of(&raw), case.hash("tx_hash_v2"));
    let (signed, _) = Transaction::decode(&raw).unwrap();
    for ((key, signature), input) in keys.iter().zip(case.byte_list("signatures_v2")).zip(signers_of(&signed))
    {
        assert_eq!(key.sign(&v2).as_slice(), signature);
        assert_eq!(input.signature.as_slice(), signature);
    }
}

fn service_payment(case: &Case, chain: &str, keys: &[SecretKey]) {
    let raw = case.bytes("signed_raw_tx_v1");
    assert_eq!(Transaction::hash_of(&raw), case.hash("tx_hash_v1"));
    let (decoded, _) = Transaction::decode(&raw).unwrap();
    assert_eq!(decoded.encode(), raw);
    let Transaction::ServicePayment(payment) = &decoded else { panic!("a service payment") };
    let halves = [
        ("source_sign_bytes", "source_signature", payment.payer_payload(), &payment.source),
        ("target_sign_bytes", "target_signature", decoded.sign_payload(), &payment.target),
    ];
    for ((bytes_name, signature_name, payload, input), key) in halves.into_iter().zip(keys) {
        let bytes = sign_bytes_v1(chain, &payload);
        assert_eq!(bytes, case.bytes(bytes_name));
        assert_eq!(key.sign(&bytes).as_slice(), case.bytes(signature_name));
        assert_eq!(input.signature, key.sign(&bytes));
        assert_eq!(input.address, key.address());
    }
}

#[test]
fn what_theta_js_signs_verifies() {
    let file = vectors!("ledger/theta_js.json");
    file.skip(&["description"]);
    for case in file.cases("transactions", 10) {
        case.skip(&["name"]);
        let raw = case.bytes("signed_raw_tx");
        assert_eq!(u64::from(raw[0]), case.number("type_on_wire"));
        assert_eq!(Transaction::hash_of(&raw), case.hash("tx_hash"));
        let key = SecretKey::from_bytes(&case.array("private_key")).unwrap();
        assert_eq!(key.address(), case.address("from"));
        let (chain, sign_bytes) = (case.text("chain_id"), case.bytes("sign_bytes_v1"));
        if case.text("expected_node_verdict") == "well formed, signature valid" {
            let tx = assert_signed(&raw, &chain, &[&key]);
            assert_eq!(sign_bytes_v1(&chain, &tx.sign_payload()), sign_bytes);
        } else {
            assert!(Transaction::decode(&raw).is_err());
        }
    }
    let call = file.case("call_smart_contract_bytes");
    call.skip(&["note"]);
    let raw = call.bytes("sctx_bytes");
    let (tx, _) = Transaction::decode(&raw).unwrap();
    assert_eq!(tx.encode(), raw);
    let Transaction::SmartContract(tx) = tx else { panic!("a contract call") };
    assert_eq!((tx.from.address, tx.from.sequence, tx.gas_limit), (Address::ZERO, 1, 10_000_000));
    assert!(tx.from.signature.is_empty());
}

#[test]
fn ethereum_transactions_become_native_ones() {
    let file = vectors!("ledger/eth_tx_conversion.json");
    file.skip(&["description"]);
    for case in file.cases("vectors", 5) {
        let name = case.text("name");
        case.skip(&["provenance", "description"]);
        let raw = case.bytes("eth_raw_tx");
        let ethereum = EthereumTransaction::decode(&raw).unwrap();
        assert_eq!(ethereum.encode(), raw);
        assert_eq!(keccak256(&raw), case.hash("eth_tx_hash"));
        ethereum_fields(&case.case("eth"), &ethereum);
        let numeric = ethereum.chain_id();
        let native = ethereum.clone().into_native().unwrap();
        let signing_hash = native.ethereum_signing_hash(numeric.unwrap_or_default());
        assert_eq!(signing_hash, case.hash("eth_signing_hash_used_by_theta"));
        assert_eq!(native.from.address, case.address("recovered_from"));
        let true_sender = SecretKey::from_bytes(&case.array("private_key")).unwrap().address();
        assert_eq!(true_sender, case.address("true_sender"));
        assert_eq!(native.from.address == true_sender, numeric.is_some(), "{name}");
        let accepted = case.value("accepted_on_chain_with_numeric_id");
        assert_eq!(accepted.as_u64().map(U256::from), numeric);
        if let Some(numeric) = numeric {
            assert_eq!(native.verify_ethereum(numeric), Ok(()));
            assert!(native.verify_ethereum(numeric + U256::from(1)).is_err());
            assert_eq!(native.ethereum_hash(numeric), Some(keccak256(&raw)));
        }
        let encoded = Transaction::from(native.clone()).encode();
        assert_eq!(encoded, case.bytes("native_raw_tx"));
        assert_eq!(Transaction::hash_of(&encoded), case.hash("native_tx_hash"));
        let expected = case.case("native");
        assert_eq!(expected.number("type"), 7);
        assert_eq!(native.from.sequence, expected.number("sequence"));
        assert_eq!(native.from.coins, coins(&expected.value("coins")));
        assert_eq!(u64::from(native.from.signature.parts().unwrap().2), expected.number("signature_v_byte"));
    }
    let typed = [&[2u8][..], &[0xc0]].concat();
    assert!(EthereumTransaction::decode(&typed).is_err());
}

fn ethereum_fields(case: &Case, tx: &EthereumTransaction) {
    assert_eq!((tx.nonce, tx.gas), (case.number("nonce"), case.number("gas")));
    assert_eq!(tx.gas_price, Amount::from_decimal(&case.text("gas_price")).unwrap());
    assert_eq!(tx.value, Amount::from_decimal(&case.text("value")).unwrap());
    assert_eq!(tx.data, case.bytes("data"));
    assert_eq!(tx.v, U256::from(case.number("v")));
    let hex_number = |name: &str| case.text(name).parse::<U256>().unwrap();
    assert_eq!((tx.r, tx.s), (hex_number("r"), hex_number("s")));
    let to = case.value("to");
    assert_eq!(tx.to.0, to.as_str().map(|text| lenient_address(text).unwrap()));
    assert_eq!(tx.chain_id(), case.value("chain_id").as_u64().map(U256::from));
}

#[test]
fn bytes_that_broke_decoders_give_an_error_or_a_value() {
    let file = vectors!("ledger/decoder_fuzz.json");
    file.skip(&["description"]);
    let mut transactions = 0;
    for case in file.cases("inputs", 7) {
        let bytes = case.bytes("hex");
        if case.text("target") == "tx" {
            let _ = Transaction::decode(&bytes);
            transactions += 1;
        }
    }
    assert_eq!(transactions, 6, "the seventh is for the reader of amounts that people type");
}
