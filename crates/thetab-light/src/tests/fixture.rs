//! `chain/synthetic_chain.json`: 105 blocks made with Theta's own code, with real signatures and three changes of validators.

use std::{collections::BTreeMap, string::String, vec, vec::Vec};

use bytes::Bytes;
use thetab_types::{
    Address, Amount, B256, Decode, Forks, Header, Profile, ValidatorSet, VoteSet,
    block::{Block, DecodeWith},
    stake::ValidatorCandidatePool,
    text::lenient_address,
};
use thetab_vectors::{Case, hex_bytes};
use thetab_wire::chain::{Bundle, Nodes};

use super::{nodes, raw_header, raw_votes};
use crate::{Anchor, Checkpoint, UnixTime};

/// The height of its first block.
pub(crate) const BASE: u64 = 11_000_000;

/// A proof of the file.
pub(crate) struct Proof {
    pub(crate) height: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) nodes: Nodes,
    pub(crate) value: Option<Vec<u8>>,
}

pub(crate) struct Fixture {
    pub(crate) profile: Profile,
    pub(crate) blocks: Vec<Block>,
    pub(crate) statuses: Vec<String>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) tip_votes: VoteSet,
    pub(crate) trusted: (B256, ValidatorCandidatePool),
    /// From which height on a set votes, and the set.
    pub(crate) sets: Vec<(u64, ValidatorSet)>,
    pub(crate) guardian_header_height: u64,
    pub(crate) guardian_multiplicities: Vec<u64>,
    pub(crate) guardian_vote_block: B256,
}

fn hash(case: &Case, name: &str) -> B256 {
    B256::new(case.array(name))
}

fn set(case: &Case) -> (u64, ValidatorSet) {
    let validators = case.any_cases("validator_set").into_iter().map(|validator| thetab_types::Validator {
        address: lenient_address(&validator.text("address")).unwrap(),
        stake: Amount::from_decimal(&validator.text("stake")).unwrap(),
    });
    let validators: Vec<_> = validators.collect();
    (case.number("first_height_voted_by_this_set"), ValidatorSet::new(validators))
}

/// The chain was made with mainnet's forks. It is a private one whose blocks are minutes apart from our time, so anchors do not expire.
fn profile(genesis_hash: B256) -> Profile {
    Profile { forks: Forks::MAINNET, genesis_hash, ..Profile::privatenet() }
}

impl Fixture {
    pub(crate) fn open() -> Fixture {
        let file = Case::open(include_str!("../../tests/vectors/chain/synthetic_chain.json"));
        file.skip(&["description"]);
        assert_eq!(file.texts("events").len(), 7);
        let (mut blocks, mut statuses) = (vec![], vec![]);
        for (number, case) in (0u64..).zip(file.cases("blocks", 105)) {
            let block = Block::decode(&case.bytes("rlp"), &Forks::MAINNET).unwrap();
            assert_eq!(block.header.hash(), hash(&case, "hash"));
            assert_eq!((block.header.height, case.number("height")), (BASE + number, BASE + number));
            blocks.push(block);
            statuses.push(case.text("status_after_all"));
        }
        let trusted = file.case("trusted");
        assert_eq!(trusted.number("height"), BASE);
        let trusted =
            (hash(&trusted, "hash"), ValidatorCandidatePool::decode(&trusted.bytes("vcp_rlp")).unwrap());
        let profile = profile(trusted.0);
        assert_eq!(file.text("chain_id"), profile.chain_id);
        Fixture {
            profile,
            blocks,
            statuses,
            proofs: file.cases("proofs", 16).iter().map(proof).collect(),
            tip_votes: VoteSet::decode(&file.bytes("tip_votes_rlp")).unwrap(),
            trusted,
            sets: file.cases("validator_sets_by_voted_height", 4).iter().map(set).collect(),
            guardian_header_height: file.number("guardian_header_height"),
            guardian_multiplicities: file.numbers("guardian_multiplies"),
            guardian_vote_block: hash(&file, "guardian_vote_block"),
        }
    }

    /// The header so many blocks above the first.
    pub(crate) fn header(&self, number: usize) -> &Header {
        &self.blocks[number].header
    }

    pub(crate) fn proof(&self, number: u64, key: &[u8]) -> Option<&Proof> {
        self.proofs.iter().find(|proof| proof.height == BASE + number && proof.key == key)
    }

    /// A moment after the last block.
    pub(crate) fn clock(&self) -> UnixTime {
        UnixTime::said_by(&self.blocks.last().unwrap().header)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { hash: self.trusted.0, time: UnixTime::said_by(self.header(0)) }
    }

    pub(crate) fn anchor(&self) -> Anchor {
        let pool = &self.proof(0, b"ls/vcp").unwrap().nodes;
        Anchor::verify(&self.profile, &self.checkpoint(), self.header(0).raw(), pool).unwrap()
    }

    /// The set that votes for the block so many above the first.
    pub(crate) fn voters_for(&self, number: u64) -> &ValidatorSet {
        let sets = self.sets.iter().rev();
        &sets.into_iter().find(|(from, _)| *from <= BASE + number).unwrap().1
    }

    /// All votes for each block, by the block's hash.
    fn votes(&self) -> BTreeMap<B256, VoteSet> {
        let certificates = self.blocks.iter().map(|block| &block.header.hcc);
        let mut votes: BTreeMap<_, _> = certificates.map(|hcc| (hcc.block, hcc.votes.clone())).collect();
        votes.insert(self.blocks.last().unwrap().header.hash(), self.tip_votes.clone());
        votes
    }

    /// The bundle with this certified block, if the chain and the proofs have one.
    pub(crate) fn bundle(&self, certified: usize) -> Option<Bundle> {
        let pool = self.proof(certified as u64, b"ls/vcp")?.nodes.clone();
        let hash = self.header(certified).hash();
        let votes = self.votes();
        let numbers = certified + 1..self.blocks.len() - 1;
        let (block, child) = numbers
            .map(|number| (number, number + 1))
            .filter(|&(block, _)| self.header(block).hcc.block == hash)
            .find(|&(block, child)| self.header(child).hcc.block == self.header(block).hash())?;
        let is_direct = certified + 1 == block;
        let from = if is_direct { certified } else { block };
        let ancestors: Vec<_> =
            (0..from).rev().take(9).map(|number| raw_header(self.header(number))).collect();
        Some(Bundle {
            certified: raw_header(self.header(certified)),
            block: raw_header(self.header(block)),
            child: raw_header(self.header(child)),
            votes: raw_votes(votes.get(&self.header(child).hash())?),
            pool,
            ancestors: ancestors.try_into().unwrap(),
        })
    }
}

fn proof(case: &Case) -> Proof {
    case.skip(&["note"]);
    Proof {
        height: case.number("height"),
        key: case.bytes("key"),
        nodes: nodes(case.byte_list("nodes").into_iter().map(Bytes::from)),
        value: case.value("value").as_str().map(hex_bytes),
    }
}

/// An address of the proof's key.
pub(crate) fn address_of(key: &[u8]) -> Address {
    Address::from_slice(&key[key.len() - 20..])
}
