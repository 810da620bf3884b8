//! What a light client asks, is told, and has to believe or not.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use thetab_trie::{Trie, prove, verify_value};
use thetab_types::{B256, keccak256};
use thetab_wire::{
    chain::{
        Bundle, BundleAt, ChainAnswer, ChainRequest, Code, CodeOf, Guardians, GuardiansAt, HeaderOf, Headers,
        HeadersAt, Nodes, State, StateAt, Storage, StorageAt, Transaction, TransactionOf, Unavailable,
    },
    codec::{Blob, List, Text},
};

use crate::{
    Memory, Target,
    script::{Script, Steps},
};

const MESSAGE: Memory = Memory { per_byte: 96, fixed: 8 * 1024 };

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds, memory: MESSAGE, longest: 17_000 }
}

pub(crate) const TARGETS: &[Target] = &[
    target("chain-request", request, request_seeds),
    target("chain-answer", answer, answer_seeds),
    target("chain-path", path, path_seeds),
    Target { memory: Memory { per_byte: 96, fixed: 64 * 1024 }, ..target("trie-proof", proof, proof_seeds) },
];

fn request(bytes: &[u8]) {
    if let Ok(Some(request)) = ChainRequest::decode(bytes) {
        assert_eq!(ChainRequest::decode(&request.encode()).as_ref(), Ok(&Some(request.clone())));
        assert_eq!(ChainRequest::from_path(&request.to_path()), Ok(request));
    }
}

fn answer(bytes: &[u8]) {
    if let Ok(Some(answer)) = ChainAnswer::decode(bytes) {
        assert_eq!(ChainAnswer::decode(&answer.encode()), Ok(Some(answer)));
    }
}

/// A request has one path.
fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(request) = ChainRequest::from_path(text) {
        assert_eq!(request.to_path(), text);
    }
}

/// A trie with its root, its nodes, and what it holds.
struct Forest {
    root: B256,
    nodes: BTreeMap<B256, Bytes>,
    entries: BTreeMap<Vec<u8>, Bytes>,
}

static FOREST: LazyLock<Forest> = LazyLock::new(|| {
    let mut entries = BTreeMap::new();
    for number in 0..40u8 {
        // Keys that extend each other, values short enough to stand inside a parent and long ones.
        let key = [&b"key"[..usize::from(number % 4)], &[number / 7, number]].concat();
        entries.insert(
            key,
            Bytes::from(vec![number + 1; usize::from(number) * usize::from(number % 3) / 2 + 1]),
        );
    }
    let (mut trie, mut nodes) = (Trie::new(), BTreeMap::new());
    for (key, value) in &entries {
        trie.insert(&nodes, key, value.clone()).expect("a trie in memory");
    }
    let root = trie.commit(|hash, node| drop(nodes.insert(hash, node)));
    Forest { root, nodes, entries }
});

/// Of a root that is believed, no nodes show anything but what is there. Of any other root they show something or nothing.
fn proof(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let (whose, key) = (script.byte(), script.bytes().to_vec());
    let mut nodes = Vec::new();
    while !script.is_over() {
        nodes.push(Bytes::copy_from_slice(script.bytes()));
    }
    let forest = &*FOREST;
    if whose.is_multiple_of(2) {
        if let Ok(shown) = verify_value(&forest.root, &key, &nodes) {
            assert_eq!(shown.as_ref(), forest.entries.get(&key));
        }
    } else if let Some(first) = nodes.first() {
        let _ = verify_value(&keccak256(first), &key, &nodes);
    }
}

fn proof_seeds() -> Vec<Vec<u8>> {
    let forest = &*FOREST;
    let there: Vec<&[u8]> = forest.entries.keys().step_by(6).map(Vec::as_slice).collect();
    let absent: [&[u8]; 3] = [b"", b"key", b"kez\x01\x02"];
    let mut seeds = Vec::new();
    for (whose, key) in (0u8..).zip(there.into_iter().chain(absent)) {
        let nodes = prove(&forest.nodes, &forest.root, key).expect("all nodes are there");
        let steps = Steps::default().with(&[whose % 2], key);
        seeds.push(nodes.iter().fold(steps, |steps, node| steps.with(&[], node)).end());
    }
    seeds
}

fn blob<const MAX: usize>(content: &[u8]) -> Blob<MAX> {
    content.to_vec().try_into().expect("short")
}

fn requests() -> Vec<ChainRequest> {
    let (block, hash) = ([1; 32], [2; 32]);
    let keys = List::split([blob(b"ls/vcp"), blob(b"")]).0;
    vec![
        HeadersAt { from: 7, count: 32 }.into(),
        HeaderOf { block }.into(),
        BundleAt { height: None }.into(),
        BundleAt { height: Some(256) }.into(),
        StateAt { block, keys }.into(),
        StorageAt { block, address: [3; 20], slots: List::split([[4; 32], [0; 32]]).0 }.into(),
        CodeOf { hash }.into(),
        TransactionOf { hash }.into(),
        GuardiansAt { height: 65_535 }.into(),
    ]
}

fn request_seeds() -> Vec<Vec<u8>> {
    requests().iter().map(ChainRequest::encode).collect()
}

fn path_seeds() -> Vec<Vec<u8>> {
    requests().iter().map(|request| request.to_path().into_bytes()).collect()
}

fn answer_seeds() -> Vec<Vec<u8>> {
    let nodes = || -> Nodes { List::split([blob(b"node"), blob(&[9; 300])]).0 };
    let (header, votes) = (blob(&[0xc0; 40]), blob(&[0xc1; 30]));
    let words = |text: &str| Text::try_from(text).unwrap_or_default();
    let answers: [ChainAnswer; 8] = [
        Headers { headers: List::split([header.clone(), blob(b"another")]).0 }.into(),
        Bundle {
            certified: header.clone(),
            block: header.clone(),
            child: header.clone(),
            votes,
            pool: nodes(),
            ancestors: List::split([header.clone()]).0,
        }
        .into(),
        State { nodes: nodes() }.into(),
        Storage { account: nodes(), slots: nodes() }.into(),
        Code { code: blob(&[0x60; 64]) }.into(),
        Transaction { header: header.clone(), index: 3, raw: blob(b"raw"), nodes: nodes() }.into(),
        Guardians { checkpoint: header.clone(), header, pool: nodes() }.into(),
        Unavailable { code: words("not_final"), message: Text::try_from("try again").unwrap_or_default() }
            .into(),
    ];
    answers.iter().map(ChainAnswer::encode).collect()
}
