//! Every mutant of bundles and proofs: refused with a reason, or harmless in a way that this file names.
//!
//! A mutant flips a byte of what goes over the wire, or drops, repeats, swaps or empties an item of any list in a part. Whatever is
//! believed must lead to the same head, the same validators and the same values.

use std::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec,
    vec::Vec,
};

use bytes::Bytes;
use thetab_types::{
    Address, B256, Decode, Encode, Vote, VoteSet,
    rlp::{Item, Reader, put_list, put_string},
};
use thetab_wire::chain::{Bundle, ChainAnswer, Nodes, State};

use super::{
    fixture::{BASE, Fixture, Proof},
    nodes,
    world::key,
};
use crate::{FinalHeader, Trust, UnixTime, verify_bundle};

/// All ways in which a mutant may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Harmless {
    /// The height in a vote, which nobody signs.
    VoteHeight,
    /// The other signature of the same message by the same key.
    HighSTwin,
    /// A vote more or less than the majority needs.
    SpareVote,
    /// A vote of somebody without stake.
    StrangersVote,
    /// The nodes of a proof in another order.
    NodeOrder,
    /// Fewer headers that tell the time: the anchor is then taken to be older, never younger.
    FewerAncestors,
    /// Fields that the codec skips, because a newer relay may send them.
    SkippedField,
}

/// An RLP item, to be taken apart and put together again.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Vec<u8>),
    List(Vec<Tree>),
}

impl Tree {
    fn read(raw: &[u8]) -> Tree {
        let mut reader = Reader::new(raw);
        let tree = Tree::from_item(reader.item().unwrap());
        assert!(reader.is_empty());
        tree
    }

    fn from_item(item: Item<'_>) -> Tree {
        match item {
            Item::String(bytes) => Tree::Leaf(bytes.to_vec()),
            Item::List(payload) => {
                let mut reader = Reader::new(payload);
                let mut items = vec![];
                while !reader.is_empty() {
                    items.push(Tree::from_item(reader.item().unwrap()));
                }
                Tree::List(items)
            }
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Leaf(bytes) => put_string(bytes, out),
            Tree::List(items) => put_list(out, |out| items.iter().for_each(|item| item.put(out))),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![];
        self.put(&mut out);
        out
    }

    /// The tree with one change to one list in it, in every way.
    fn mutants(&self) -> Vec<Tree> {
        let Tree::List(items) = self else { return vec![] };
        let mut mutants = vec![];
        for place in 0..items.len() {
            let mut changed = |change: &dyn Fn(&mut Vec<Tree>)| {
                let mut items = items.clone();
                change(&mut items);
                mutants.push(Tree::List(items));
            };
            changed(&|items| drop(items.remove(place)));
            changed(&|items| items.insert(place, items[place].clone()));
            changed(&|items| items[place] = Tree::Leaf(vec![]));
            changed(&|items| items[place] = Tree::List(vec![]));
            if place + 1 < items.len() {
                changed(&|items| items.swap(place, place + 1));
            }
            for below in items[place].mutants() {
                changed(&|items| items[place] = below.clone());
            }
        }
        mutants
    }
}

/// Every mutant of a part's structure.
fn structural(raw: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let raw = raw.to_vec();
    Tree::read(&raw).mutants().into_iter().map(|tree| tree.encode()).filter(move |mutant| *mutant != raw)
}

/// Every list with one element dropped, repeated, or swapped with the next.
fn rearranged<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let mut all = vec![];
    for place in 0..list.len() {
        let mut dropped = list.to_vec();
        dropped.remove(place);
        let mut repeated = list.to_vec();
        repeated.insert(place, list[place].clone());
        all.extend([dropped, repeated]);
        if place + 1 < list.len() {
            let mut swapped = list.to_vec();
            swapped.swap(place, place + 1);
            all.push(swapped);
        }
    }
    all
}

/// Where a bundle leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    head: B256,
    anchor: (u64, B256, B256, Vec<Address>),
    time: UnixTime,
}

struct Trial {
    chain: Fixture,
    trust: Trust,
    genuine: Bundle,
    outcome: Outcome,
    believed: BTreeSet<Harmless>,
    refused: BTreeMap<String, usize>,
}

impl Trial {
    fn of(certified: usize) -> Trial {
        let chain = Fixture::open();
        let mut trust = Trust::new(chain.profile.clone(), chain.anchor());
        let before = verify_bundle(&chain.profile, chain.bundle(39).unwrap()).unwrap();
        trust.step(chain.clock(), before).unwrap();
        let genuine = chain.bundle(certified).unwrap();
        let outcome = lead(&trust, chain.clock(), genuine.clone()).unwrap();
        Trial { chain, trust, genuine, outcome, believed: BTreeSet::new(), refused: BTreeMap::new() }
    }

    fn try_mutant(&mut self, mutant: Bundle) {
        match lead(&self.trust, self.chain.clock(), mutant.clone()) {
            Err(reason) => *self.refused.entry(reason).or_default() += 1,
            Ok(outcome) => {
                let harmless = self.name(&mutant);
                assert_eq!((outcome.head, &outcome.anchor), (self.outcome.head, &self.outcome.anchor));
                match harmless.contains(&Harmless::FewerAncestors) {
                    true => assert!(outcome.time <= self.outcome.time, "never younger"),
                    false => assert_eq!(outcome.time, self.outcome.time),
                }
                self.believed.extend(harmless);
            }
        }
    }

    /// In which ways a believed mutant differs from the genuine bundle.
    fn name(&self, mutant: &Bundle) -> BTreeSet<Harmless> {
        let genuine = &self.genuine;
        let headers = [&mutant.certified, &mutant.block, &mutant.child];
        assert_eq!(headers, [&genuine.certified, &genuine.block, &genuine.child], "hashes bind headers");
        let mut names = BTreeSet::new();
        if mutant.ancestors != genuine.ancestors {
            assert!(genuine.ancestors.starts_with(&mutant.ancestors));
            names.insert(Harmless::FewerAncestors);
        }
        if mutant.pool != genuine.pool {
            let sorted = |nodes: &Nodes| nodes.iter().map(|node| node.to_vec()).collect::<BTreeSet<_>>();
            assert_eq!(
                (mutant.pool.len(), sorted(&mutant.pool)),
                (genuine.pool.len(), sorted(&genuine.pool))
            );
            names.insert(Harmless::NodeOrder);
        }
        names.extend(self.name_votes(&mutant.votes));
        if names.is_empty() {
            assert_eq!(mutant, genuine);
            names.insert(Harmless::SkippedField);
        }
        names
    }

    fn name_votes(&self, mutant: &[u8]) -> BTreeSet<Harmless> {
        let votes = |raw: &[u8]| VoteSet::decode(raw).unwrap().votes().to_vec();
        let (genuine, mutant) = (votes(&self.genuine.votes), votes(mutant));
        let mut names = BTreeSet::new();
        let is_spare = |vote: &Vote| !mutant.iter().any(|other| other.id == vote.id);
        if genuine.iter().any(is_spare) {
            names.insert(Harmless::SpareVote);
        }
        for vote in &mutant {
            let Some(original) = genuine.iter().find(|original| original.id == vote.id) else {
                assert_eq!(vote.block, genuine[0].block);
                names.insert(Harmless::StrangersVote);
                continue;
            };
            let as_original = Vote { height: original.height, ..vote.clone() };
            if vote.height != original.height {
                names.insert(Harmless::VoteHeight);
            }
            if as_original == *original {
                continue;
            }
            if vote.epoch == original.epoch {
                assert_eq!(Some(vote.signature.clone()), original.signature.twin(), "{vote:?}");
                names.insert(Harmless::HighSTwin);
            } else {
                // An earlier vote of one who also voted later.
                assert!(vote.epoch < original.epoch);
                names.insert(Harmless::SpareVote);
            }
        }
        names
    }

    fn try_votes(&mut self, votes: &[Vote]) {
        let votes = votes.to_vec().encode().try_into().unwrap();
        self.try_mutant(Bundle { votes, ..self.genuine.clone() });
    }
}

fn lead(trust: &Trust, clock: UnixTime, bundle: Bundle) -> Result<Outcome, String> {
    let mut trust = trust.clone();
    let verified = verify_bundle(trust.profile(), bundle).map_err(|error| first_words(&error))?;
    trust.step(clock, verified).map_err(|error| first_words(&error))?;
    let anchor = trust.anchor();
    let voters = anchor.set.validators().iter().map(|validator| validator.address).collect();
    Ok(Outcome {
        head: trust.head().unwrap().header().hash(),
        anchor: (anchor.height, anchor.hash, anchor.state_hash, voters),
        time: anchor.time,
    })
}

/// What an error and its causes say, without numbers and hashes.
fn first_words(error: &dyn core::error::Error) -> String {
    let chain = core::iter::successors(Some(error), |error| error.source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    text.split(' ').filter(|word| !word.chars().any(|c| c.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_flipped_byte_of_a_bundle_is_refused_or_harmless() {
    let mut trial = Trial::of(60);
    // Two ancestors stand for the nine: they are read one as the other.
    let ancestors = trial.genuine.ancestors[..2].to_vec().try_into().unwrap();
    trial.genuine = Bundle { ancestors, ..trial.genuine };
    trial.outcome = lead(&trial.trust, trial.chain.clock(), trial.genuine.clone()).unwrap();
    let genuine = ChainAnswer::from(trial.genuine.clone()).encode();
    for place in 0..genuine.len() {
        let mut flipped = genuine.clone();
        flipped[place] ^= 1 << (place % 8);
        match ChainAnswer::decode(&flipped) {
            Ok(Some(ChainAnswer::Bundle(bundle))) => trial.try_mutant(bundle),
            Ok(_) => *trial.refused.entry("another answer than the one asked for".into()).or_default() += 1,
            Err(error) => *trial.refused.entry(first_words(&error)).or_default() += 1,
        }
    }
    let expected = [Harmless::VoteHeight, Harmless::FewerAncestors, Harmless::SkippedField];
    assert!(trial.believed.is_subset(&expected.into()), "{:?}", trial.believed);
    assert!(trial.believed.contains(&Harmless::VoteHeight));
}

#[test]
fn every_rearranged_field_of_a_bundle_is_refused_or_harmless() {
    let mut trial = Trial::of(40);
    let genuine = trial.genuine.clone();
    for mutant in structural(&genuine.certified) {
        trial.try_mutant(Bundle { certified: mutant.try_into().unwrap(), ..genuine.clone() });
    }
    for mutant in structural(&genuine.block) {
        trial.try_mutant(Bundle { block: mutant.try_into().unwrap(), ..genuine.clone() });
    }
    for mutant in structural(&genuine.child) {
        trial.try_mutant(Bundle { child: mutant.try_into().unwrap(), ..genuine.clone() });
    }
    for mutant in structural(&genuine.votes) {
        trial.try_mutant(Bundle { votes: mutant.try_into().unwrap(), ..genuine.clone() });
    }
    for (place, node) in genuine.pool.iter().enumerate() {
        for mutant in structural(node) {
            let mut pool = genuine.pool.to_vec();
            pool[place] = mutant.try_into().unwrap();
            trial.try_mutant(Bundle { pool: pool.try_into().unwrap(), ..genuine.clone() });
        }
    }
    for mutant in structural(genuine.ancestors.first().unwrap()) {
        let mut ancestors = genuine.ancestors.to_vec();
        ancestors[0] = mutant.try_into().unwrap();
        trial.try_mutant(Bundle { ancestors: ancestors.try_into().unwrap(), ..genuine.clone() });
    }
    let expected = [Harmless::VoteHeight, Harmless::SpareVote];
    assert_eq!(trial.believed, expected.into(), "{:?}", trial.refused);
}

#[test]
fn every_rearranged_part_of_a_bundle_is_refused_or_harmless() {
    let mut trial = Trial::of(40);
    let genuine = trial.genuine.clone();
    for pool in rearranged(&genuine.pool) {
        trial.try_mutant(Bundle { pool: pool.try_into().unwrap(), ..genuine.clone() });
    }
    for ancestors in rearranged(&genuine.ancestors) {
        if let Ok(ancestors) = ancestors.try_into() {
            trial.try_mutant(Bundle { ancestors, ..genuine.clone() });
        }
    }
    let headers = [&genuine.certified, &genuine.block, &genuine.child];
    for (a, b, c) in [(1, 0, 2), (0, 2, 1), (2, 1, 0), (0, 0, 2), (0, 1, 1), (1, 1, 2), (0, 1, 0)] {
        let [certified, block, child] = [a, b, c].map(|place: usize| headers[place].clone());
        trial.try_mutant(Bundle { certified, block, child, ..genuine.clone() });
    }
    for other in [5, 39, 60] {
        let other = trial.chain.bundle(other).unwrap();
        trial.try_mutant(Bundle { certified: other.certified.clone(), ..genuine.clone() });
        trial.try_mutant(Bundle { block: other.block.clone(), ..genuine.clone() });
        trial.try_mutant(Bundle { child: other.child.clone(), ..genuine.clone() });
        trial.try_mutant(Bundle { votes: other.votes.clone(), ..genuine.clone() });
        trial.try_mutant(Bundle { pool: other.pool.clone(), ..genuine.clone() });
        trial.try_mutant(Bundle { ancestors: other.ancestors.clone(), ..genuine.clone() });
    }
    assert_eq!(trial.believed, [Harmless::NodeOrder, Harmless::FewerAncestors].into(), "{:?}", trial.refused);
}

#[test]
fn votes_may_be_twins_spare_or_strangers_and_nothing_else() {
    let mut trial = Trial::of(40);
    let genuine = VoteSet::decode(&trial.genuine.votes).unwrap().votes().to_vec();
    for place in 0..genuine.len() {
        let changed = |change: &dyn Fn(&mut Vote)| {
            let mut votes = genuine.clone();
            change(&mut votes[place]);
            votes
        };
        trial.try_votes(&changed(&|vote| vote.signature = vote.signature.twin().unwrap()));
        trial.try_votes(&changed(&|vote| vote.height = u64::MAX));
        trial.try_votes(&changed(&|vote| vote.epoch += 1));
        trial.try_votes(&changed(&|vote| vote.id = Address::ZERO));
        trial.try_votes(&changed(&|vote| vote.block = B256::ZERO));
    }
    for mutant in rearranged(&genuine) {
        trial.try_votes(&mutant);
    }
    let with = |extra: Vote| {
        let mut votes = genuine.clone();
        votes.push(extra);
        votes.sort_by_key(|vote| vote.id);
        votes
    };
    let stranger = Vote::sign(genuine[0].block, 1, genuine[0].epoch, &key(200));
    trial.try_votes(&with(stranger.clone()));
    trial.try_votes(&with(Vote { epoch: 0, ..stranger }));
    trial.try_votes(&with(Vote { epoch: genuine[0].epoch - 1, ..genuine[0].clone() }));
    trial.try_votes(&with(Vote { epoch: genuine[0].epoch + 1, ..genuine[0].clone() }));
    let expected = [Harmless::VoteHeight, Harmless::HighSTwin, Harmless::SpareVote, Harmless::StrangersVote];
    assert_eq!(trial.believed, expected.into());
    assert!(trial.refused.keys().any(|reason| reason.contains("not by")), "{:?}", trial.refused);
}

/// Tries every mutant of a proof; says how many were believed because only their order differed.
fn try_proof(block: &FinalHeader, proof: &Proof) -> usize {
    let read = |nodes: &Nodes| block.verify_state(&proof.key, nodes);
    let genuine = read(&proof.nodes).unwrap();
    assert_eq!(genuine.as_deref(), proof.value.as_deref());
    let encoded = ChainAnswer::from(State { nodes: proof.nodes.clone() }).encode();
    for place in 0..encoded.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = encoded.clone();
            flipped[place] ^= mask;
            if let Ok(Some(ChainAnswer::State(state))) = ChainAnswer::decode(&flipped) {
                assert!(read(&state.nodes).is_err(), "byte {place} of the proof of {:?}", proof.key);
            }
        }
    }
    let list = proof.nodes.to_vec();
    for (place, node) in list.iter().enumerate() {
        for mutant in structural(node) {
            let mut list = list.clone();
            list[place] = mutant.try_into().unwrap();
            assert!(read(&list.try_into().unwrap()).is_err());
        }
    }
    let mut reordered = 0;
    for mutant in rearranged(&list) {
        let is_same = mutant.len() == list.len();
        let value = read(&mutant.try_into().unwrap());
        assert_eq!(value.is_ok(), is_same);
        if let Ok(value) = value {
            assert_eq!(value, genuine);
            reordered += 1;
        }
    }
    let foreign = list.iter().map(|node| node.clone().into_inner()).chain([Bytes::from_static(b"another")]);
    assert!(read(&nodes(foreign)).is_err());
    reordered
}

#[test]
fn every_mutant_of_a_proof_is_refused_or_another_order() {
    let chain = Fixture::open();
    let mut trust = Trust::new(chain.profile.clone(), chain.anchor());
    let bundle = verify_bundle(&chain.profile, chain.bundle(102).unwrap()).unwrap();
    trust.step(chain.clock(), bundle).unwrap();
    let mut reordered = 0;
    for proof in chain.proofs.iter().filter(|proof| proof.height > BASE + 100) {
        reordered += try_proof(trust.final_at(proof.height).unwrap(), proof);
    }
    assert!(reordered > 0);
}
