//! Votes of validators, sets of votes, and commit certificates.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    Address, B256, keccak256,
    rlp::{Decode, DecodeError, Encode, Reader, put_list, put_string, record},
    secp::{SecretKey, Signature, SignatureError},
};

record! {
    /// One validator's vote for a block.
    /// # Source
    /// `docs/spec/chain.md` §2.5.
    pub struct Vote {
        /// The block voted for.
        pub block: B256,
        /// Height of that block. **Not signed**: good for display only.
        pub height: u64,
        /// The voter's epoch, at least the block's.
        pub epoch: u64,
        /// The voter.
        pub id: Address,
        /// The voter's signature.
        pub signature: Signature,
    }
}

/// Why a vote does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoteError {
    /// The block or the voter is zero.
    #[error("the vote names no block or no voter")]
    Blank,
    /// The voter did not sign.
    #[error("the voter did not sign")]
    Signature(#[from] SignatureError),
}

impl Vote {
    /// Signs a vote as the owner of `key`.
    pub fn sign(block: B256, height: u64, epoch: u64, key: &SecretKey) -> Vote {
        let mut vote = Vote { block, height, epoch, id: key.address(), signature: Signature::EMPTY };
        vote.signature = key.sign(&vote.sign_bytes());
        vote
    }

    /// The bytes that are signed: the vote with height zero and no signature.
    pub fn sign_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            self.block.encode_to(out);
            0u64.encode_to(out);
            self.epoch.encode_to(out);
            self.id.encode_to(out);
            put_string(&[], out);
        });
        out
    }

    /// The hash by which gossip recognises a vote it has seen.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Checks that the voter signed.
    ///
    /// # Errors
    /// [`VoteError`].
    pub fn verify(&self) -> Result<(), VoteError> {
        if self.block.is_zero() || self.id.is_zero() {
            return Err(VoteError::Blank);
        }
        Ok(self.signature.verify(&self.sign_bytes(), &self.id)?)
    }
}

/// Votes in ascending order of voters; one for each voter, block and epoch.
///
/// One voter may stand in a set with several epochs. Those stand next to each other in any order, because Theta's node writes them so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoteSet(Vec<Vote>);

impl VoteSet {
    /// No votes.
    pub fn new() -> VoteSet {
        VoteSet::default()
    }

    /// Adds a vote. It takes the place of an earlier one with the same voter, block and epoch.
    pub fn insert(&mut self, vote: Vote) {
        let same =
            |other: &Vote| other.id == vote.id && other.block == vote.block && other.epoch == vote.epoch;
        if let Some(place) = self.0.iter().position(same) {
            self.0.remove(place);
        }
        let place = self.0.partition_point(|other| other.id <= vote.id);
        self.0.insert(place, vote);
    }

    /// The votes, ascending by voter.
    pub fn votes(&self) -> &[Vote] {
        &self.0
    }

    /// The latest vote of each voter.
    pub fn unique_voters(&self) -> VoteSet {
        self.latest_by(|vote| (vote.id, B256::ZERO))
    }

    /// The latest vote of each voter for each block.
    pub fn unique_voters_and_blocks(&self) -> VoteSet {
        self.latest_by(|vote| (vote.id, vote.block))
    }

    fn latest_by(&self, key: impl Fn(&Vote) -> (Address, B256)) -> VoteSet {
        let mut latest = BTreeMap::new();
        for vote in &self.0 {
            let kept = latest.entry(key(vote)).or_insert(vote);
            if vote.epoch > kept.epoch {
                *kept = vote;
            }
        }
        VoteSet(latest.into_values().cloned().collect())
    }
}

impl FromIterator<Vote> for VoteSet {
    fn from_iter<I: IntoIterator<Item = Vote>>(votes: I) -> VoteSet {
        let mut set = VoteSet::new();
        votes.into_iter().for_each(|vote| set.insert(vote));
        set
    }
}

impl Encode for VoteSet {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.0.encode_to(out);
    }
}

/// Refuses unsorted and repeated votes. That is a verdict on these bytes only: Theta's nodes sort what they receive.
impl Decode for VoteSet {
    fn decode_from(reader: &mut Reader<'_>) -> Result<VoteSet, DecodeError> {
        let votes: Vec<Vote> = Vec::decode_from(reader)?;
        let key = |vote: &Vote| (vote.id, vote.block, vote.epoch);
        let sorted = votes.is_sorted_by_key(|vote| vote.id);
        let mut keys: Vec<_> = votes.iter().map(key).collect();
        keys.sort_unstable();
        let distinct = keys.is_sorted_by(|a, b| a < b);
        if sorted && distinct { Ok(VoteSet(votes)) } else { Err(DecodeError::VoteOrder) }
    }
}

/// The votes that committed a block. In a header: of the highest committed block that the proposer knew.
///
/// A decoded certificate has one vote for each voter. Whether it commits the block depends on the validator set: `thetab-light` checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitCertificate {
    /// The votes.
    pub votes: VoteSet,
    /// The block that they commit.
    pub block: B256,
}

impl Encode for CommitCertificate {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.votes.encode_to(out);
            self.block.encode_to(out);
        });
    }
}

impl Decode for CommitCertificate {
    fn decode_from(reader: &mut Reader<'_>) -> Result<CommitCertificate, DecodeError> {
        let mut list = reader.list()?;
        let votes: VoteSet = list.field()?;
        let block = list.field()?;
        list.end()?;
        let one_each = votes.0.is_sorted_by(|a, b| a.id < b.id);
        if one_each { Ok(CommitCertificate { votes, block }) } else { Err(DecodeError::VoteOrder) }
    }
}
