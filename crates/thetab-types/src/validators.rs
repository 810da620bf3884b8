//! The validator set of a block, and its majority.

use alloc::vec::Vec;

use crate::{Address, Amount, stake::ValidatorCandidatePool};

/// A validator and its stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The validator.
    pub address: Address,
    /// Its stake that was not withdrawn, in THETA wei.
    pub stake: Amount,
}

/// Validators in ascending order of addresses, each once, each with stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    total: Amount,
}

impl ValidatorSet {
    /// The set that a pool elects: its first `max_validators` candidates, without those whose stake is nothing.
    ///
    /// The pool's order is taken as it is: it comes from state. Of a candidate that stands twice, the first counts.
    /// # Source
    /// `docs/spec/chain.md` §3.2.
    pub fn select(pool: &ValidatorCandidatePool, max_validators: usize) -> ValidatorSet {
        let top = pool.candidates.iter().take(max_validators);
        ValidatorSet::new(
            top.map(|candidate| Validator { address: candidate.holder, stake: candidate.total() }),
        )
    }

    /// A set of these validators. Those without stake are left out.
    pub fn new(validators: impl IntoIterator<Item = Validator>) -> ValidatorSet {
        let mut validators: Vec<_> = validators.into_iter().filter(|v| !v.stake.is_zero()).collect();
        validators.sort_by_key(|validator| validator.address);
        validators.dedup_by_key(|validator| validator.address);
        let total = validators.iter().fold(Amount::ZERO, |total, validator| total.plus(&validator.stake));
        ValidatorSet { validators, total }
    }

    /// The validators, ascending by address.
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.validators.is_empty()
    }

    /// All their stake.
    pub fn total(&self) -> &Amount {
        &self.total
    }

    /// A validator's stake, if it is one.
    pub fn stake_of(&self, address: &Address) -> Option<&Amount> {
        let place = self.validators.binary_search_by_key(address, |validator| validator.address).ok()?;
        self.validators.get(place).map(|validator| &validator.stake)
    }

    /// The stake of those among `voters` who are validators. Each voter counts once, however often named.
    pub fn stake_of_all<'a>(&self, voters: impl IntoIterator<Item = &'a Address>) -> Amount {
        let mut voters: Vec<_> = voters.into_iter().collect();
        voters.sort_unstable();
        voters.dedup();
        let stakes = voters.into_iter().filter_map(|voter| self.stake_of(voter));
        stakes.fold(Amount::ZERO, |sum, stake| sum.plus(stake))
    }

    /// Whether this much stake is more than two thirds of the set's.
    /// # Source
    /// `docs/spec/chain.md` §3.3.
    pub fn is_majority(&self, stake: &Amount) -> bool {
        stake.times(3) > self.total.times(2)
    }
}
