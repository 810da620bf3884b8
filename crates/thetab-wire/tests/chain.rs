//! What a light client and a relay say to each other: it reads back, any bytes decode or err, every bound holds.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use proptest::{collection::vec, prelude::*};
use thetab_wire::{DecodeError, chain::*, codec::Text};

fn bytes<const MAX: usize>() -> impl Strategy<Value = thetab_wire::codec::Blob<MAX>> {
    vec(any::<u8>(), 0..=MAX.min(40)).prop_map(|bytes| bytes.try_into().unwrap())
}

fn nodes() -> impl Strategy<Value = Nodes> {
    vec(bytes(), 0..4).prop_map(|nodes| nodes.try_into().unwrap())
}

fn headers<const MAX: usize>() -> impl Strategy<Value = thetab_wire::codec::List<RawHeader, MAX>> {
    vec(bytes(), 0..4).prop_map(|headers| headers.try_into().unwrap())
}

fn request() -> impl Strategy<Value = ChainRequest> {
    let keys = || vec(bytes(), 0..=MAX_KEYS).prop_map(|keys| keys.try_into().unwrap());
    let slots = || vec(any::<[u8; 32]>(), 0..=MAX_KEYS).prop_map(|slots| slots.try_into().unwrap());
    prop_oneof![
        any::<(u64, u8)>().prop_map(|(from, count)| HeadersAt { from, count }.into()),
        any::<[u8; 32]>().prop_map(|block| HeaderOf { block }.into()),
        any::<Option<u64>>().prop_map(|height| BundleAt { height }.into()),
        (any::<[u8; 32]>(), keys()).prop_map(|(block, keys)| StateAt { block, keys }.into()),
        (any::<[u8; 32]>(), any::<[u8; 20]>(), slots()).prop_map(|(block, address, slots)| StorageAt {
            block,
            address,
            slots
        }
        .into()),
        any::<[u8; 32]>().prop_map(|hash| CodeOf { hash }.into()),
        any::<[u8; 32]>().prop_map(|hash| TransactionOf { hash }.into()),
        any::<u64>().prop_map(|height| GuardiansAt { height }.into()),
        any::<[u8; 32]>().prop_map(|block| StakeHeightsAt { block }.into()),
    ]
}

fn answer() -> impl Strategy<Value = ChainAnswer> {
    prop_oneof![
        headers().prop_map(|headers| Headers { headers }.into()),
        (bytes(), bytes(), bytes(), bytes(), nodes(), headers()).prop_map(
            |(certified, block, child, votes, pool, ancestors)| {
                Bundle { certified, block, child, votes, pool, ancestors }.into()
            }
        ),
        nodes().prop_map(|nodes| State { nodes }.into()),
        (nodes(), nodes()).prop_map(|(account, slots)| Storage { account, slots }.into()),
        bytes().prop_map(|code| Code { code }.into()),
        (bytes(), any::<u32>(), bytes(), nodes()).prop_map(|(header, index, raw, nodes)| Transaction {
            header,
            index,
            raw,
            nodes
        }
        .into()),
        (bytes(), bytes(), nodes()).prop_map(|(checkpoint, header, pool)| Guardians {
            checkpoint,
            header,
            pool
        }
        .into()),
        Just(
            Unavailable {
                code: Text::try_from("not_final").unwrap(),
                message: Text::try_from("ask again").unwrap()
            }
            .into()
        ),
    ]
}

proptest! {
    #[test]
    fn requests_and_answers_come_back(request in request(), answer in answer()) {
        prop_assert_eq!(ChainRequest::decode(&request.encode()), Ok(Some(request.clone())));
        prop_assert_eq!(ChainAnswer::decode(&answer.encode()), Ok(Some(answer)));
        prop_assert_eq!(ChainRequest::from_path(&request.to_path()), Ok(request));
    }

    #[test]
    fn any_bytes_and_any_path_decode_or_err(bytes in vec(any::<u8>(), 0..200), path in "[a-z0-9/,-]{0,80}") {
        let _ = ChainRequest::decode(&bytes);
        let _ = ChainAnswer::decode(&bytes);
        if let Ok(request) = ChainRequest::from_path(&path) {
            prop_assert_eq!(request.to_path(), path);
        }
    }
}

#[test]
fn one_request_has_one_path() {
    for path in
        ["bundle/007", "bundle/+7", "header/AA", "headers/1", "", "state", "bundle/latest/", "/bundle/1"]
    {
        assert!(ChainRequest::from_path(path).is_err(), "{path}");
    }
    let many = vec!["00"; MAX_KEYS + 1].join(",");
    let path = format!("state/{}/{many}", "00".repeat(32));
    assert_eq!(ChainRequest::from_path(&path), Err(DecodeError::Bounds("list")));
}

#[test]
fn what_exceeds_its_bound_is_not_read() {
    let large = vec![0; ChainAnswer::MAX_SIZE_BYTES + 1];
    assert_eq!(ChainAnswer::decode(&large), Err(DecodeError::Bounds("message")));
    assert!(RawHeader::try_from(vec![0; 256 * 1024 + 1]).is_err());
    assert!(RawNode::try_from(vec![0; 4 * 1024 * 1024 + 1]).is_err());
}

#[test]
fn only_what_hashes_name_is_immutable() {
    assert!(ChainRequest::from(HeaderOf { block: [0; 32] }).is_immutable());
    assert!(!ChainRequest::from(BundleAt { height: Some(7) }).is_immutable());
}

#[test]
fn no_key_and_one_empty_key_have_paths_of_their_own() {
    let asked =
        |keys: Vec<StateKey>| ChainRequest::from(StateAt { block: [1; 32], keys: keys.try_into().unwrap() });
    let (none, empty) = (asked(vec![]), asked(vec![StateKey::default()]));
    assert_ne!(none.to_path(), empty.to_path());
    for request in [none, empty, asked(vec![StateKey::default(); 2])] {
        assert_eq!(ChainRequest::from_path(&request.to_path()), Ok(request));
    }
}
