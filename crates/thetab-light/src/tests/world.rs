//! Chains made for a test: any links, any voters, any times, with real signatures and real states.

use std::{collections::BTreeMap, vec, vec::Vec};

use bytes::Bytes;
use thetab_trie::{Trie, prove, transactions_root};
use thetab_types::{
    Account, Address, Amount, B256, CommitCertificate, Decode, EMPTY_ROOT, Encode, Forks, Header, Profile,
    U256, Vote, VoteSet,
    header::HeaderFields,
    keccak256, keys,
    secp::SecretKey,
    stake::{HeightList, NOT_WITHDRAWN, Stake, StakeHolder, ValidatorCandidatePool},
};
use thetab_wire::chain::{Bundle, Nodes};

use super::{nodes, raw_header, raw_votes};
use crate::{Anchor, Checkpoint, UnixTime};

/// An account without code.
pub(crate) const PLAIN: Address = Address::repeat_byte(1);

/// An account with code, and with 7 in slot 1.
pub(crate) const CONTRACT: Address = Address::repeat_byte(2);

/// Its code.
pub(crate) const CODE: &[u8] = b"code";

/// When its first block is made, in seconds.
pub(crate) const BIRTH: u64 = 1_700_000_000;

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&keccak256([number]).0).unwrap()
}

/// Validators by the numbers of their keys, with their stakes.
pub(crate) type Stakes = Vec<(u8, u64)>;

/// A block and the votes for it.
pub(crate) struct Made {
    pub(crate) header: Header,
    pub(crate) votes: VoteSet,
    pub(crate) stakes: Stakes,
    pub(crate) parent: Option<usize>,
    pub(crate) transactions: Vec<Bytes>,
    /// Heights of stake changes up to it.
    changes: Vec<u64>,
    hcc: usize,
}

/// What a block shall be. What is not said follows from its parent.
#[derive(Clone, Default)]
pub(crate) struct Draft {
    pub(crate) parent: usize,
    /// Another block to certify than the parent.
    pub(crate) hcc: Option<usize>,
    /// Other validators from this block's state on.
    pub(crate) stakes: Option<Stakes>,
    /// Who votes for it, instead of all whom the rules ask.
    pub(crate) voters: Option<Vec<u8>>,
    /// Seconds, instead of six after the parent.
    pub(crate) timestamp: Option<u64>,
    /// A height far above the parent's: the blocks in between are not made.
    pub(crate) height: Option<u64>,
    /// Raw transactions, which nobody executes.
    pub(crate) transactions: Vec<Bytes>,
}

pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) made: Vec<Made>,
    state: BTreeMap<B256, Bytes>,
}

impl World {
    /// A chain of one block, whose state has these validators.
    pub(crate) fn new(stakes: &[(u8, u64)]) -> World {
        let profile = Profile {
            chain_id: "devnet".into(),
            forks: Forks::all_at(2),
            genesis_hash: B256::ZERO,
            ..Profile::mainnet()
        };
        let mut world = World { profile, made: vec![], state: BTreeMap::new() };
        let state_hash = world.state(stakes, &[0]);
        let fields = HeaderFields {
            chain_id: "devnet".into(),
            tx_hash: EMPTY_ROOT,
            state_hash,
            timestamp: Amount::from(BIRTH),
            ..HeaderFields::zero()
        };
        let header = fields.seal(&world.profile.forks);
        world.profile.genesis_hash = header.hash();
        let votes = VoteSet::new();
        let (stakes, transactions) = (stakes.into(), vec![]);
        let changes = vec![0];
        world.made.push(Made { header, votes, stakes, parent: None, transactions, changes, hcc: 0 });
        world
    }

    /// Stores a state with these validators, a plain account and a contract, and says its root.
    fn state(&mut self, stakes: &[(u8, u64)], heights: &[u64]) -> B256 {
        let stake = |&(number, amount): &(u8, u64)| {
            let holder = key(number).address();
            let live = Stake {
                source: holder,
                amount: amount.into(),
                withdrawn: false,
                return_height: NOT_WITHDRAWN,
            };
            StakeHolder { holder, stakes: vec![live] }
        };
        let mut pool = ValidatorCandidatePool { candidates: stakes.iter().map(stake).collect() };
        pool.sort();
        let account = Account::new(PLAIN, 0);
        let mut storage = Trie::new();
        let slots = [(B256::with_last_byte(1), U256::from(7).encode().into())];
        storage.apply(&self.state, slots).unwrap();
        let root = storage.commit(|hash, node| drop(self.state.insert(hash, node)));
        let contract = Account { root, code_hash: keccak256(CODE), ..Account::new(CONTRACT, 0) };
        let heights = HeightList { heights: heights.to_vec() };
        let entries = [
            (keys::VALIDATORS.to_vec(), pool.encode()),
            (keys::STAKE_HEIGHTS.to_vec(), heights.encode()),
            (keys::account(&PLAIN), account.encode()),
            (keys::account(&CONTRACT), contract.encode()),
        ];
        let mut trie = Trie::new();
        trie.apply(&self.state, entries.map(|(key, value)| (key, value.into()))).unwrap();
        trie.commit(|hash, node| drop(self.state.insert(hash, node)))
    }

    pub(crate) fn header(&self, block: usize) -> &Header {
        &self.made[block].header
    }

    /// The numbers of those who are asked to vote for a block.
    fn voters(&self, hcc: usize) -> Vec<u8> {
        self.made[self.made[hcc].hcc].stakes.iter().map(|(number, _)| *number).collect()
    }

    /// Makes a block.
    pub(crate) fn make(&mut self, draft: Draft) -> usize {
        let hcc = draft.hcc.unwrap_or(draft.parent);
        let parent = &self.made[draft.parent];
        let height = draft.height.unwrap_or(parent.header.height + 1);
        let epoch = parent.header.epoch + (height - parent.header.height);
        let said = UnixTime::said_by(&parent.header).millis() / 1000;
        let timestamp = draft.timestamp.unwrap_or(said + 6 * (height - parent.header.height));
        let stakes = draft.stakes.clone().unwrap_or_else(|| parent.stakes.clone());
        let parent_hash = parent.header.hash();
        let (mut changes, mut state_hash) = (parent.changes.clone(), parent.header.state_hash);
        if let Some(stakes) = &draft.stakes {
            changes.push(height);
            state_hash = self.state(stakes, &changes);
        }
        let certificate =
            CommitCertificate { votes: self.made[hcc].votes.clone(), block: self.made[hcc].header.hash() };
        let fields = HeaderFields {
            chain_id: "devnet".into(),
            epoch,
            height,
            parent: parent_hash,
            hcc: certificate,
            tx_hash: transactions_root(&draft.transactions),
            receipt_hash: EMPTY_ROOT,
            state_hash,
            timestamp: Amount::from(timestamp),
            ..HeaderFields::zero()
        };
        let header = fields.signed(&key(stakes[0].0), &self.profile.forks).seal(&self.profile.forks);
        let voters = draft.voters.unwrap_or_else(|| self.voters(hcc));
        let vote = |number: &u8| Vote::sign(header.hash(), height, epoch, &key(*number));
        let votes = voters.iter().map(vote).collect();
        let (parent, transactions) = (Some(draft.parent), draft.transactions);
        self.made.push(Made { header, votes, stakes, parent, transactions, changes, hcc });
        self.made.len() - 1
    }

    /// Makes a block above another, with nothing special.
    pub(crate) fn on(&mut self, parent: usize) -> usize {
        self.make(Draft { parent, ..Draft::default() })
    }

    /// Makes so many blocks, each above the one before; says the last.
    pub(crate) fn grow(&mut self, mut parent: usize, count: usize) -> usize {
        for _ in 0..count {
            parent = self.on(parent);
        }
        parent
    }

    /// Nodes that show values of a block's state.
    pub(crate) fn proof(&self, block: usize, keys: &[&[u8]]) -> Nodes {
        let mut union: Vec<Bytes> = vec![];
        for key in keys {
            for node in prove(&self.state, &self.header(block).state_hash, key).unwrap() {
                if !union.contains(&node) {
                    union.push(node);
                }
            }
        }
        nodes(union)
    }

    /// Nodes that show slots of a contract's storage, in a block's state.
    pub(crate) fn storage_proof(&self, block: usize, address: &Address, slots: &[B256]) -> Nodes {
        let root = self.header(block).state_hash;
        let raw = thetab_trie::get(&self.state, &root, &keys::account(address)).unwrap();
        let root = raw.map_or(EMPTY_ROOT, |raw| Account::decode(&raw).unwrap().root);
        let mut union: Vec<Bytes> = vec![];
        for slot in slots.iter().filter(|_| !root.is_zero()) {
            for node in prove(&self.state, &root, slot.as_slice()).unwrap() {
                if !union.contains(&node) {
                    union.push(node);
                }
            }
        }
        nodes(union)
    }

    /// Nodes that show a transaction of a block.
    pub(crate) fn transaction_proof(&self, block: usize, index: u64) -> Nodes {
        let (mut trie, mut store) = (Trie::new(), BTreeMap::new());
        for (index, raw) in (0u64..).zip(&self.made[block].transactions) {
            trie.insert(&store, &index.encode(), raw.clone()).unwrap();
        }
        let root = trie.commit(|hash, node| drop(store.insert(hash, node)));
        nodes(prove(&store, &root, &index.encode()).unwrap())
    }

    /// A bundle of three blocks.
    pub(crate) fn bundle(&self, [certified, block, child]: [usize; 3]) -> Bundle {
        let is_direct = self.made[block].parent == Some(certified);
        let mut ancestors = vec![];
        let mut above = block;
        while let Some(below) = self.made[above].parent {
            let is_gap = self.header(below).height + 1 != self.header(above).height;
            if is_gap || ancestors.len() == 9 {
                break;
            }
            if !(is_direct && below == certified) {
                ancestors.push(raw_header(self.header(below)));
            }
            above = below;
        }
        Bundle {
            certified: raw_header(self.header(certified)),
            block: raw_header(self.header(block)),
            child: raw_header(self.header(child)),
            votes: raw_votes(&self.made[child].votes),
            pool: self.proof(certified, &[keys::VALIDATORS]),
            ancestors: ancestors.try_into().unwrap(),
        }
    }

    /// The bundle whose child is this block, where links are direct.
    pub(crate) fn bundle_below(&self, child: usize) -> Bundle {
        let block = self.made[child].parent.unwrap();
        let certified = self.made[block].parent.unwrap();
        self.bundle([certified, block, child])
    }

    /// An anchor at a block, dated as its timestamp says.
    pub(crate) fn anchor(&self, block: usize) -> Anchor {
        let header = self.header(block);
        let checkpoint = Checkpoint { hash: header.hash(), time: UnixTime::said_by(header) };
        let pool = self.proof(block, &[keys::VALIDATORS]);
        Anchor::verify(&self.profile, &checkpoint, header.raw(), &pool).unwrap()
    }
}

/// The moment so many hours after the chain began.
pub(crate) fn hour(hours: u64) -> UnixTime {
    UnixTime::from_secs(BIRTH + hours * 3600)
}
