//! Theta's own formats.

use thetab_types::{
    Account, Amount, CommitCertificate, Forks, Header, Profile, Vote, VoteSet,
    account::SplitRule,
    block::{BackupBlock, Block, DecodeWith, ExtendedBlock, Proposal},
    bls::{BlsPublicKey, BlsSignature},
    edge::{AggregatedEdgeVotes, EdgeVote},
    guardian::AggregatedVotes,
    rlp::{Decode, Encode, Item, Reader},
    secp,
    snapshot::{LastCheckpoint, Metadata, Records},
    stake::{BlsHolder, GuardianPool, HeightList, RewardDistribution, StakeReturn, ValidatorCandidatePool},
    tx::{EthereumTransaction, Transaction},
};
use thetab_vectors::{Case, hex_bytes};

use crate::{Memory, Target};

/// The smallest items take one byte and become values of a few words.
const OBJECT: Memory = Memory { per_byte: 512, fixed: 16 * 1024 };

const FORKS: Forks = Forks::MAINNET;

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, memory: OBJECT, longest: 16_000 }
}

pub(crate) const TARGETS: &[Target] = &[
    target("rlp", rlp, header_seeds),
    target("header", header, header_seeds),
    target("block", block, header_seeds),
    target("vote", vote, header_seeds),
    target("guardian-vote", guardian_vote, header_seeds),
    target("transaction", transaction, transaction_seeds),
    target("account", account, account_seeds),
    target("stake", stake, account_seeds),
    target("snapshot", snapshot, snapshot_seeds),
    target("key", key, key_seeds),
    target("profile", profile, profile_seeds),
];

/// What reads is written back as it stood.
fn exact<T: Decode + Encode>(bytes: &[u8]) -> Option<T> {
    let value = T::decode(bytes).ok()?;
    assert_eq!(value.encode(), bytes);
    Some(value)
}

fn exact_with<T: DecodeWith + Encode>(bytes: &[u8]) {
    if let Ok(value) = T::decode(bytes, &FORKS) {
        assert_eq!(value.encode(), bytes);
    }
}

fn rlp(bytes: &[u8]) {
    let mut lists = vec![Reader::new(bytes)];
    while let Some(mut reader) = lists.pop() {
        while let Ok(item) = reader.item() {
            if let Item::List(payload) = item {
                lists.push(Reader::new(payload));
            }
        }
    }
    exact::<u8>(bytes);
    exact::<u64>(bytes);
    exact::<bool>(bytes);
    exact::<thetab_types::U256>(bytes);
    exact::<thetab_types::B256>(bytes);
    exact::<thetab_types::Address>(bytes);
    exact::<bytes::Bytes>(bytes);
    exact::<Vec<u32>>(bytes);
    exact::<Amount>(bytes);
}

fn header(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes, &FORKS) {
        assert_eq!(header.raw(), bytes);
        let _ = (header.hash(), header.verify("mainnet"));
    }
}

fn block(bytes: &[u8]) {
    exact_with::<BackupBlock>(bytes);
    exact_with::<Block>(bytes);
    exact_with::<ExtendedBlock>(bytes);
    exact_with::<Proposal>(bytes);
}

fn vote(bytes: &[u8]) {
    exact::<CommitCertificate>(bytes);
    exact::<VoteSet>(bytes);
    if let Some(vote) = exact::<Vote>(bytes) {
        let _ = vote.verify();
    }
}

/// BLS points are read laxly here, so only that reading ends is asked.
fn guardian_vote(bytes: &[u8]) {
    let _ = AggregatedVotes::decode(bytes);
    let _ = AggregatedEdgeVotes::decode(bytes);
    let _ = EdgeVote::decode(bytes);
    exact::<BlsHolder>(bytes);
}

fn transaction(bytes: &[u8]) {
    if let Ok((tx, trailing)) = Transaction::decode(bytes)
        && !matches!(tx, Transaction::DepositStakeV2(_))
    {
        assert_eq!(tx.encode(), bytes[..bytes.len() - trailing]);
        let _ = tx.sign_payload();
    }
    exact::<EthereumTransaction>(bytes);
}

fn account(bytes: &[u8]) {
    exact::<Account>(bytes);
    exact::<SplitRule>(bytes);
}

fn stake(bytes: &[u8]) {
    exact::<GuardianPool>(bytes);
    exact::<HeightList>(bytes);
    exact::<RewardDistribution>(bytes);
    exact::<StakeReturn>(bytes);
    exact::<ValidatorCandidatePool>(bytes);
}

fn snapshot(bytes: &[u8]) {
    exact_with::<LastCheckpoint>(bytes);
    exact_with::<Metadata>(bytes);
    let mut records = Records::new(bytes);
    let _ = records.preamble(&FORKS);
    while let Ok(Some(_)) = records.next_record() {}
}

/// Points and signatures: what is accepted is written back in one form.
fn key(bytes: &[u8]) {
    if let Ok(key) = BlsPublicKey::from_lax(bytes) {
        assert_eq!(BlsPublicKey::decode(&key.encode()).ok(), Some(key));
    }
    let _ = BlsSignature::from_lax(bytes);
    let signature = secp::Signature::from_slice(bytes);
    assert_eq!(secp::Signature::decode(&signature.encode()).as_ref(), Ok(&signature));
    let _ = signature.recover(b"message");
    if let Some(whole) = bytes.first_chunk() {
        let _ = secp::PublicKey::from_uncompressed(whole);
    }
}

fn key_seeds() -> Vec<Vec<u8>> {
    let file = Case::open(include_str!("../../../crates/thetab-types/tests/vectors/chain/bls.json"));
    let mut seeds = vec![vec![7; 65]];
    for case in file.any_cases("decoding") {
        seeds.push(case.bytes("bytes"));
        case.entries();
    }
    file.entries();
    few(seeds)
}

fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Profile::parse(text);
    if let Some(amount) = Amount::from_decimal(text) {
        assert_eq!(Amount::decode(&amount.encode()), Ok(amount));
    }
}

fn header_seeds() -> Vec<Vec<u8>> {
    let file = Case::open(include_str!("../../../crates/thetab-types/tests/vectors/chain/headers.json"));
    let mut seeds = Vec::new();
    for case in file.any_cases("headers") {
        seeds.push(case.bytes("rlp"));
        case.entries();
    }
    for (name, value) in file.entries() {
        if name.ends_with("_rlp") {
            seeds.push(hex_bytes(value.as_str().expect("hex digits")));
        }
    }
    few(seeds)
}

fn transaction_seeds() -> Vec<Vec<u8>> {
    let file = Case::open(include_str!("../../../crates/thetab-types/tests/vectors/ledger/theta_js.json"));
    let mut seeds = Vec::new();
    for case in file.any_cases("transactions") {
        seeds.push(case.bytes("signed_raw_tx"));
        case.entries();
    }
    file.entries();
    few(seeds)
}

fn account_seeds() -> Vec<Vec<u8>> {
    let file = Case::open(include_str!("../../../crates/thetab-types/tests/vectors/chain/pools.json"));
    let mut seeds = Vec::new();
    for case in file.any_cases("accounts") {
        seeds.push(case.bytes("rlp"));
        case.entries();
    }
    for (_, value) in file.entries() {
        seeds.extend(encodings(&value));
    }
    few(seeds)
}

/// Every encoding inside a vector.
fn encodings(value: &serde_json::Value) -> Vec<Vec<u8>> {
    match value {
        serde_json::Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(digits) if name.ends_with("rlp") || name == "state_value" => vec![hex_bytes(digits)],
                _ => encodings(value),
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(encodings).collect(),
        _ => Vec::new(),
    }
}

fn snapshot_seeds() -> Vec<Vec<u8>> {
    let file =
        Case::open(include_str!("../../../crates/thetab-types/tests/vectors/chain/snapshot_framing.json"));
    let seeds = vec![file.bytes("file")];
    file.entries();
    seeds
}

fn profile_seeds() -> Vec<Vec<u8>> {
    let profile = "# ours\nchain_id = \"devnet\"\nforks = privatenet\nforks.metachain = 1_000\nanchors_expire = false\n\
                   genesis_hash = 0x45c579eb4d435ffcd37f0f76beaa772072cea146c4ecec2e52066904b80f4e0a\n";
    [profile, "1000000000000000000", "0.3"].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// At most twelve, none long: the corpus is committed.
fn few(mut seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    seeds.retain(|seed| seed.len() <= 4096);
    seeds.sort_by_key(|seed| (seed.len(), seed.clone()));
    seeds.dedup();
    let step = seeds.len().div_ceil(12).max(1);
    seeds.into_iter().step_by(step).collect()
}
