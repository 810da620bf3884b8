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

/// Around one byte of length, and around two.
const LENGTHS: [usize; 6] = [0, 1, 255, 256, 257, 65_535];

#[test]
fn byte_strings_of_every_length_come_back() {
    for length in LENGTHS {
        let bytes = bytes::Bytes::from(vec![0xab; length]);
        let encoded = bytes.encode();
        assert_eq!(bytes::Bytes::decode(&encoded), Ok(bytes));
        for cut in [0, encoded.len() / 2, encoded.len() - 1] {
            assert!(bytes::Bytes::decode(&encoded[..cut]).is_err(), "{length} cut to {cut}");
        }
    }
}

#[test]
fn lists_of_every_length_come_back() {
    for length in LENGTHS {
        let numbers: Vec<u32> = (0..length as u32).map(|number| number.wrapping_mul(2_654_435_761)).collect();
        assert_eq!(Vec::<u32>::decode(&numbers.encode()), Ok(numbers));
        let amounts: Vec<Amount> = (0..length as u64).map(Amount::from).collect();
        assert_eq!(Vec::<Amount>::decode(&amounts.encode()), Ok(amounts));
        let hashes = vec![thetab_types::B256::repeat_byte(7); length];
        assert_eq!(Vec::<thetab_types::B256>::decode(&hashes.encode()), Ok(hashes));
    }
}

#[test]
fn vote_sets_of_every_length_come_back_and_only_in_their_order() {
    let file = Case::open(include_str!("vectors/chain/headers.json"));
    let encoded = file.bytes("voteset_rlp");
    file.entries();
    let one = VoteSet::decode(&encoded).unwrap().votes()[0].clone();
    for length in LENGTHS {
        let mut votes: Vec<Vote> = vec![one.clone(); length];
        for (number, vote) in (0u32..).zip(&mut votes) {
            let mut id = [0; 20];
            id[..4].copy_from_slice(&number.to_be_bytes());
            vote.id = id.into();
        }
        let bytes = votes.encode();
        let set = VoteSet::decode(&bytes).unwrap();
        assert_eq!((set.votes().len(), set.encode()), (length, bytes));
        votes.reverse();
        assert_eq!(VoteSet::decode(&votes.encode()).is_ok(), length < 2);
    }
}

#[test]
fn lengths_that_nothing_holds_are_refused_before_anything_is_made() {
    for first in [0xb8u8, 0xb9, 0xba, 0xbb, 0xbc, 0xbf, 0xf8, 0xf9, 0xfb, 0xff] {
        for length in [56u64, 255, 256, 65_535, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let digits = length.to_be_bytes();
            let shown = &digits[(length.leading_zeros() / 8) as usize..];
            let bytes = [&[first], shown].concat();
            decode_all(&bytes);
            assert!(Reader::new(&bytes).item().is_err(), "{bytes:x?}");
        }
    }
}

#[test]
fn lists_nested_deeper_than_any_object_are_refused_without_descending() {
    for depth in [0, 1, 255, 256, 257, 8_000] {
        let mut bytes = vec![0xc0];
        for _ in 0..depth {
            let inner = std::mem::take(&mut bytes);
            thetab_types::rlp::put_list(&mut bytes, |out| out.extend_from_slice(&inner));
        }
        decode_all(&bytes);
    }
}

proptest! {
    #[test]
    fn texts_of_hashes_addresses_and_chains_read_or_do_not(text in ".{0,90}", digits in "(0x)?[0-9a-fA-F]{0,80}") {
        for text in [text, digits] {
            let address = thetab_types::text::lenient_address(&text);
            if thetab_types::text::is_address(&text) {
                prop_assert!(address.is_some());
            }
            let _ = thetab_types::text::lenient_hash(&text);
            let _ = thetab_types::chain_id::subchain(&text);
            let _ = thetab_types::chain_id::numeric(&text, u64::MAX, &FORKS);
            let _ = Amount::from_decimal(&text);
        }
    }

    #[test]
    fn keys_and_signatures_read_or_do_not(bytes in proptest::collection::vec(any::<u8>(), 0..200), fixed: [u8; 32]) {
        use thetab_types::{bls::{BlsPublicKey, BlsSignature, BlsSecretKey}, secp};
        let _ = BlsPublicKey::from_lax(&bytes);
        let _ = BlsSignature::from_lax(&bytes);
        let _ = BlsSecretKey::from_bytes(&fixed);
        let _ = secp::SecretKey::from_bytes(&fixed);
        let signature = secp::Signature::from_slice(&bytes);
        let _ = signature.recover(&bytes);
        prop_assert!(secp::Signature::decode(&signature.encode()).is_ok());
        if let Ok(whole) = <[u8; 65]>::try_from(&bytes[..bytes.len().min(65)]) {
            let _ = secp::PublicKey::from_uncompressed(&whole);
        }
    }
}
