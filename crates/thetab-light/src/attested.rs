//! Attested hashes: what plain Theta nodes can show, and no more.
//!
//! A node's public interface has the votes for a block's hash but not the header's bytes. So validators are known to have committed to
//! a hash, and nothing of the block's content is known: several independent endpoints that tell the same under that hash are all there
//! is. This is a trust level of its own, and must be shown as one.
//!
//! Source: `docs/spec/chain.md` §6.3 and §6.9.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use thetab_types::{B256, ValidatorSet, VoteSet};

use crate::votes::{Quorum, VotesError, verify_votes};

/// How much is known about what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// Validators committed to the block's hash; its content is hearsay.
    AttestedHash,
    /// The bytes were hashed, the votes counted, the values proven.
    Verified,
}

/// Most endpoints that are compared.
pub const MAX_ENDPOINTS: usize = 16;

/// A hash to which validators committed. There is no other way to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedHash {
    block: B256,
    quorum: Quorum,
}

impl AttestedHash {
    /// Checks that more than two thirds of a set's stake voted for a hash.
    ///
    /// # Errors
    /// [`VotesError`].
    pub fn verify(set: &ValidatorSet, block: B256, votes: &VoteSet) -> Result<AttestedHash, VotesError> {
        Ok(AttestedHash { block, quorum: verify_votes(set, &block, votes)? })
    }

    /// The hash.
    pub fn block(&self) -> B256 {
        self.block
    }

    /// Who voted.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }
}

/// What endpoints tell about the content of one attested hash.
#[derive(Clone, Debug)]
pub struct Hearsay<T> {
    hash: AttestedHash,
    told: BTreeMap<u32, T>,
}

/// What most endpoints tell, and how many they are. It is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a, T> {
    /// What they tell.
    pub content: &'a T,
    /// How many tell it.
    pub agreeing: usize,
    /// How many tell something.
    pub asked: usize,
}

impl<T: Ord> Hearsay<T> {
    /// Nobody has told anything yet.
    pub fn new(hash: AttestedHash) -> Hearsay<T> {
        Hearsay { hash, told: BTreeMap::new() }
    }

    /// The hash.
    pub fn hash(&self) -> &AttestedHash {
        &self.hash
    }

    /// Takes what an endpoint tells; what it told before is forgotten. Beyond [`MAX_ENDPOINTS`] nobody is heard.
    pub fn tell(&mut self, endpoint: u32, content: T) {
        if self.told.len() < MAX_ENDPOINTS || self.told.contains_key(&endpoint) {
            self.told.insert(endpoint, content);
        }
    }

    /// What most tell; `None` while two contents have equally many.
    pub fn most_told(&self) -> Option<Told<'_, T>> {
        let contents: BTreeSet<&T> = self.told.values().collect();
        let count = |content: &T| self.told.values().filter(|told| *told == content).count();
        let mut counted: Vec<_> = contents.into_iter().map(|content| (count(content), content)).collect();
        counted.sort_by_key(|(agreeing, _)| core::cmp::Reverse(*agreeing));
        match *counted.as_slice() {
            [(first, _), (second, _), ..] if first == second => None,
            [(agreeing, content), ..] => Some(Told { content, agreeing, asked: self.told.len() }),
            [] => None,
        }
    }

    /// Whether at least `needed` endpoints tell the same, and none tells anything else.
    pub fn is_unanimous(&self, needed: usize) -> bool {
        self.most_told().is_some_and(|told| told.agreeing == told.asked && told.agreeing >= needed)
    }
}

#[cfg(test)]
mod tests {
    use thetab_types::{Validator, Vote, keccak256, secp::SecretKey};

    use super::*;

    fn attested() -> AttestedHash {
        let key = SecretKey::from_bytes(&keccak256("a validator").0).unwrap();
        let set = ValidatorSet::new([Validator { address: key.address(), stake: 5.into() }]);
        let block = B256::repeat_byte(1);
        let votes: VoteSet = [Vote::sign(block, 1, 1, &key)].into_iter().collect();
        assert!(AttestedHash::verify(&set, B256::repeat_byte(2), &votes).is_err());
        assert!(AttestedHash::verify(&set, block, &VoteSet::new()).is_err());
        AttestedHash::verify(&set, block, &votes).unwrap()
    }

    #[test]
    fn content_is_what_most_tell_and_unanimous_only_without_dissent() {
        let mut hearsay = Hearsay::new(attested());
        assert_eq!(hearsay.most_told(), None);
        hearsay.tell(1, "ten");
        hearsay.tell(2, "ten");
        assert!(hearsay.is_unanimous(2) && !hearsay.is_unanimous(3));
        hearsay.tell(3, "eleven");
        assert_eq!(hearsay.most_told(), Some(Told { content: &"ten", agreeing: 2, asked: 3 }));
        assert!(!hearsay.is_unanimous(2));
        hearsay.tell(2, "eleven");
        hearsay.tell(4, "ten");
        assert_eq!(hearsay.most_told(), None, "two against two");
    }

    #[test]
    fn one_endpoint_speaks_once_and_crowds_are_not_heard() {
        let mut hearsay = Hearsay::new(attested());
        (0..100).for_each(|endpoint| hearsay.tell(endpoint, endpoint / 90));
        assert_eq!(hearsay.most_told().map(|told| told.asked), Some(MAX_ENDPOINTS));
        assert_eq!(hearsay.hash().block(), B256::repeat_byte(1));
        assert_eq!(hearsay.hash().quorum().stake(), &5.into());
        assert!(TrustLevel::Verified > TrustLevel::AttestedHash);
    }
}
