//! Whether enough stake signed a block.
//!
//! Threat model: votes come from anybody. Only members of the set are asked for their signatures, each once, so that checking costs at
//! most one recovery for each validator, however many votes there are.

use alloc::{collections::BTreeMap, vec::Vec};

use thetab_types::{Address, Amount, B256, CommitCertificate, ValidatorSet, Vote, VoteSet, vote::VoteError};

/// Most votes that are looked at.
/// # Source
/// `docs/spec/chain.md` §6.10.
pub const MAX_VOTES: usize = 1000;

/// Why votes do not commit a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VotesError {
    /// More votes than are looked at.
    #[error("{0} votes are too many")]
    TooMany(usize),
    /// A vote is for another block.
    #[error("{0} voted for another block")]
    Block(Address),
    /// A validator did not sign its vote.
    #[error("the vote of {voter} does not count")]
    Vote {
        /// The validator.
        voter: Address,
        /// Why not.
        source: VoteError,
    },
    /// Too little stake signed.
    #[error("{signed} of {total} signed; more than two thirds is needed")]
    Quorum {
        /// Stake that signed.
        signed: Amount,
        /// Stake of all.
        total: Amount,
    },
}

/// The validators whose votes were verified: more than two thirds of a set's stake. There is no other way to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    voters: Vec<Address>,
    stake: Amount,
}

impl Quorum {
    /// Who voted, ascending.
    pub fn voters(&self) -> &[Address] {
        &self.voters
    }

    /// Their stake in the set that was asked.
    pub fn stake(&self) -> &Amount {
        &self.stake
    }
}

/// Checks that more than two thirds of a set's stake voted for `block`.
///
/// Strangers' votes are ignored but for the block that they name. Of several votes of one validator the latest is looked at.
///
/// # Errors
/// [`VotesError`].
/// # Source
/// `docs/spec/chain.md` §6.5, step 6.
pub fn verify_votes(set: &ValidatorSet, block: &B256, votes: &VoteSet) -> Result<Quorum, VotesError> {
    if votes.votes().len() > MAX_VOTES {
        return Err(VotesError::TooMany(votes.votes().len()));
    }
    let mut latest: BTreeMap<Address, &Vote> = BTreeMap::new();
    for vote in votes.votes() {
        if vote.block != *block {
            return Err(VotesError::Block(vote.id));
        }
        if set.stake_of(&vote.id).is_some() {
            let kept = latest.entry(vote.id).or_insert(vote);
            if vote.epoch > kept.epoch {
                *kept = vote;
            }
        }
    }
    // Before signatures are recovered: what is too little even if all are good is refused for nothing.
    let quorum = Quorum { stake: set.stake_of_all(latest.keys()), voters: latest.keys().copied().collect() };
    if !set.is_majority(&quorum.stake) {
        return Err(VotesError::Quorum { signed: quorum.stake, total: set.total().clone() });
    }
    for (voter, vote) in latest {
        vote.verify().map_err(|source| VotesError::Vote { voter, source })?;
    }
    Ok(quorum)
}

/// Checks a certificate as Theta's validators do: every vote must count, strangers' too, and there are no more than validators.
///
/// # Errors
/// [`VotesError`].
/// # Source
/// `docs/spec/chain.md` §2.5.
pub fn verify_certificate(set: &ValidatorSet, certificate: &CommitCertificate) -> Result<Quorum, VotesError> {
    let votes = certificate.votes.votes();
    if votes.len() > set.len() {
        return Err(VotesError::TooMany(votes.len()));
    }
    for vote in votes.iter().filter(|vote| set.stake_of(&vote.id).is_none()) {
        vote.verify().map_err(|source| VotesError::Vote { voter: vote.id, source })?;
    }
    verify_votes(set, &certificate.block, &certificate.votes)
}

#[cfg(test)]
mod tests {
    use thetab_types::{Validator, keccak256, secp::SecretKey};

    use super::*;

    fn key(number: u8) -> SecretKey {
        SecretKey::from_bytes(&keccak256([number]).0).unwrap()
    }

    fn set(stakes: &[(u8, u64)]) -> ValidatorSet {
        let validator =
            |&(number, stake): &(u8, u64)| Validator { address: key(number).address(), stake: stake.into() };
        ValidatorSet::new(stakes.iter().map(validator))
    }

    fn votes(block: B256, signers: &[u8]) -> VoteSet {
        signers.iter().map(|&number| Vote::sign(block, 7, 9, &key(number))).collect()
    }

    const BLOCK: B256 = B256::repeat_byte(3);

    #[test]
    fn exactly_two_thirds_are_too_little() {
        let set = set(&[(1, 10), (2, 10), (3, 10)]);
        let error = verify_votes(&set, &BLOCK, &votes(BLOCK, &[1, 2])).unwrap_err();
        assert_eq!(error, VotesError::Quorum { signed: 20.into(), total: 30.into() });
        let quorum = verify_votes(&set, &BLOCK, &votes(BLOCK, &[1, 2, 3])).unwrap();
        assert_eq!((quorum.voters().len(), quorum.stake()), (3, &30.into()));
    }

    #[test]
    fn one_validator_counts_once_however_often_it_votes() {
        let set = set(&[(1, 10), (2, 10), (3, 10)]);
        let often: VoteSet = (0..9).map(|epoch| Vote::sign(BLOCK, 7, epoch, &key(1))).collect();
        assert!(matches!(verify_votes(&set, &BLOCK, &often), Err(VotesError::Quorum { .. })));
    }

    #[test]
    fn strangers_carry_nothing_and_cost_nothing() {
        let set = set(&[(1, 10)]);
        assert!(verify_votes(&set, &BLOCK, &votes(BLOCK, &[4, 5, 6])).is_err());
        let mut forged = Vote::sign(BLOCK, 7, 9, &key(4));
        forged.epoch = 10;
        let mixed: VoteSet = votes(BLOCK, &[1]).votes().iter().cloned().chain([forged]).collect();
        assert!(verify_votes(&set, &BLOCK, &mixed).is_ok());
        let certificate = CommitCertificate { votes: mixed, block: BLOCK };
        assert_eq!(verify_certificate(&set, &certificate), Err(VotesError::TooMany(2)));
    }

    #[test]
    fn a_forged_vote_of_a_validator_is_refused_with_its_name() {
        let set = set(&[(1, 10), (2, 1)]);
        let mut forged = Vote::sign(BLOCK, 7, 9, &key(2));
        forged.epoch = 10;
        let mixed: VoteSet = votes(BLOCK, &[1]).votes().iter().cloned().chain([forged]).collect();
        let error = verify_votes(&set, &BLOCK, &mixed).unwrap_err();
        assert!(matches!(error, VotesError::Vote { voter, .. } if voter == key(2).address()));
    }

    #[test]
    fn votes_for_another_block_and_floods_are_refused() {
        let set = set(&[(1, 10)]);
        let other = votes(B256::repeat_byte(4), &[1]);
        assert_eq!(verify_votes(&set, &BLOCK, &other), Err(VotesError::Block(key(1).address())));
        let flood: Vec<_> =
            (0..1001u64).map(|epoch| Vote { epoch, ..Vote::sign(BLOCK, 7, 9, &key(1)) }).collect();
        let flood = flood.into_iter().collect();
        assert_eq!(verify_votes(&set, &BLOCK, &flood), Err(VotesError::TooMany(1001)));
    }

    #[test]
    fn a_certificate_counts_as_its_validators_count() {
        let set = set(&[(1, 10), (2, 10), (3, 10), (4, 10)]);
        let good = CommitCertificate { votes: votes(BLOCK, &[1, 2, 3, 9]), block: BLOCK };
        assert_eq!(verify_certificate(&set, &good).unwrap().stake(), &30.into());
        let empty = CommitCertificate { votes: VoteSet::new(), block: BLOCK };
        assert!(matches!(verify_certificate(&set, &empty), Err(VotesError::Quorum { .. })));
        let mut forged = Vote::sign(BLOCK, 7, 9, &key(9));
        forged.epoch = 10;
        let spoiled: VoteSet = votes(BLOCK, &[1, 2, 3]).votes().iter().cloned().chain([forged]).collect();
        let spoiled = CommitCertificate { votes: spoiled, block: BLOCK };
        assert!(matches!(verify_certificate(&set, &spoiled), Err(VotesError::Vote { .. })));
    }
}
