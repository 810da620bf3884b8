//! Any bytes decode or err, and what decodes encodes to the bytes that were read.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use proptest::prelude::*;
use thetab_types::{
    Account, Amount, CommitCertificate, Decode, Encode, Forks, Header, Profile, Vote, VoteSet,
    account::SplitRule,
    block::{BackupBlock, Block, DecodeWith, ExtendedBlock, Proposal},
    edge::{AggregatedEdgeVotes, EdgeVote},
    guardian::AggregatedVotes,
    rlp::Reader,
    snapshot::{LastCheckpoint, Metadata, Records},
    stake::{BlsHolder, GuardianPool, HeightList, RewardDistribution, StakeReturn, ValidatorCandidatePool},
    tx::{EthereumTransaction, Transaction},
};
use thetab_vectors::{Case, hex_bytes};

const FORKS: Forks = Forks::MAINNET;

/// BLS points and over-long ones are read laxly in transactions, so only their decoding is total.
fn decode_all(bytes: &[u8]) {
    fn exact<T: Decode + Encode>(bytes: &[u8]) {
        if let Ok(value) = T::decode(bytes) {
            assert_eq!(value.encode(), bytes);
        }
    }
    fn exact_with<T: DecodeWith + Encode>(bytes: &[u8]) {
        if let Ok(value) = T::decode(bytes, &FORKS) {
            assert_eq!(value.encode(), bytes);
        }
    }
    exact::<Account>(bytes);
    exact::<Amount>(bytes);
    exact::<CommitCertificate>(bytes);
    exact::<EthereumTransaction>(bytes);
    exact::<GuardianPool>(bytes);
    exact::<BlsHolder>(bytes);
    exact::<HeightList>(bytes);
    exact::<RewardDistribution>(bytes);
    exact::<SplitRule>(bytes);
    exact::<StakeReturn>(bytes);
    exact::<ValidatorCandidatePool>(bytes);
    exact::<Vote>(bytes);
    exact::<VoteSet>(bytes);
    exact_with::<BackupBlock>(bytes);
    exact_with::<Block>(bytes);
    exact_with::<ExtendedBlock>(bytes);
    exact_with::<LastCheckpoint>(bytes);
    exact_with::<Metadata>(bytes);
    exact_with::<Proposal>(bytes);
    let _ = AggregatedVotes::decode(bytes);
    let _ = AggregatedEdgeVotes::decode(bytes);
    let _ = EdgeVote::decode(bytes);
    let _ = Records::new(bytes).preamble(&FORKS);
    if let Ok(header) = Header::decode(bytes, &FORKS) {
        assert_eq!(header.raw(), bytes);
    }
    if let Ok((tx, trailing)) = Transaction::decode(bytes)
        && !matches!(tx, Transaction::DepositStakeV2(_))
    {
        assert_eq!(tx.encode(), bytes[..bytes.len() - trailing]);
        let _ = tx.sign_payload();
    }
    let mut reader = Reader::new(bytes);
    while reader.raw().is_ok() {}
}

/// Genuine objects to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    let file = Case::open(include_str!("vectors/chain/headers.json"));
    let mut seeds: Vec<_> = file
        .entries()
        .into_iter()
        .filter(|(name, _)| name.ends_with("_rlp"))
        .map(|(_, v)| hex_bytes(v.as_str().unwrap()))
        .collect();
    let file = Case::open(include_str!("vectors/chain/headers.json"));
    for case in file.any_cases("headers") {
        seeds.push(case.bytes("rlp"));
        case.entries();
    }
    file.entries();
    let file = Case::open(include_str!("vectors/ledger/theta_js.json"));
    for case in file.any_cases("transactions") {
        seeds.push(case.bytes("signed_raw_tx"));
        case.entries();
    }
    file.entries();
    let file = Case::open(include_str!("vectors/chain/pools.json"));
    for case in file.any_cases("accounts") {
        seeds.push(case.bytes("rlp"));
        case.entries();
    }
    file.entries();
    let file = Case::open(include_str!("vectors/chain/snapshot_framing.json"));
    seeds.push(file.bytes("file"));
    file.entries();
    seeds
}

proptest! {
    #[test]
    fn any_bytes_decode_or_err(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&bytes);
    }

    #[test]
    fn damaged_objects_decode_or_err(seed in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte: u8, kind in 0u8..4) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        let place = place.index(bytes.len());
        match kind {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            2 => drop(bytes.remove(place)),
            _ => bytes.truncate(place),
        }
        decode_all(&bytes);
    }

    #[test]
    fn amounts_of_any_length_come_back(digits in proptest::collection::vec(any::<u8>(), 0..200)) {
        let amount = Amount::from_be_slice(&digits);
        prop_assert_eq!(Amount::decode(&amount.encode()), Ok(amount));
    }

    #[test]
    fn any_text_is_a_profile_or_not(text in ".{0,200}") {
        let _ = Profile::parse(&text);
    }
}

#[test]
fn a_changed_header_byte_is_refused_or_changes_the_hash() {
    let file = Case::open(include_str!("vectors/chain/headers.json"));
    for case in file.any_cases("headers") {
        let raw = case.bytes("rlp");
        case.entries();
        let hash = Header::decode(&raw, &FORKS).unwrap().hash();
        for place in 0..raw.len() {
            let mut changed = raw.clone();
            changed[place] ^= 1;
            assert!(
                Header::decode(&changed, &FORKS).is_err()
                    || Header::decode(&changed, &FORKS).unwrap().hash() != hash
            );
        }
    }
    file.entries();
}
