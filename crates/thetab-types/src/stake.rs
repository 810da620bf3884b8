//! Stakes, and the pools of validators, guardians and elite edge nodes, as state holds them.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::{Address, Amount, bls::BlsPublicKey, rlp::record, text::checksummed};

/// The return height of stake that was not withdrawn.
pub const NOT_WITHDRAWN: u64 = u64::MAX;

record! {
    /// What one source staked for one holder.
    /// # Source
    /// `docs/spec/chain.md` §4.3.
    pub struct Stake {
        /// Whose coins.
        pub source: Address,
        /// How many wei: THETA, or TFUEL for edge nodes.
        pub amount: Amount,
        /// Whether they were withdrawn, and weigh nothing any more.
        pub withdrawn: bool,
        /// Height at which they return; [`NOT_WITHDRAWN`] before.
        pub return_height: u64,
    }
}

record! {
    /// A node and the stakes for it.
    pub struct StakeHolder {
        /// The node.
        pub holder: Address,
        /// Its stakes, one for each source, in the order of their first deposit.
        pub stakes: Vec<Stake>,
    }
}

impl StakeHolder {
    /// The stake that weighs.
    pub fn total(&self) -> Amount {
        let live = self.stakes.iter().filter(|stake| !stake.withdrawn);
        live.fold(Amount::ZERO, |total, stake| total.plus(&stake.amount))
    }

    /// Whether any stake was not withdrawn.
    pub fn has_live_stake(&self) -> bool {
        self.stakes.iter().any(|stake| !stake.withdrawn)
    }
}

record! {
    /// Everyone with stake for validating, the state value at `ls/vcp`.
    pub struct ValidatorCandidatePool {
        /// The candidates, in the order of [`ValidatorCandidatePool::sort`].
        pub candidates: Vec<StakeHolder>,
    }
}

impl ValidatorCandidatePool {
    /// Sorts by stake, the largest first; equal stakes by the checksummed text of the address, the largest first.
    /// # Source
    /// `docs/spec/chain.md` §4.4.
    pub fn sort(&mut self) {
        self.candidates.sort_by_cached_key(|candidate| {
            (Reverse(candidate.total()), Reverse(checksummed(&candidate.holder)))
        });
    }
}

record! {
    /// A guardian or an elite edge node: its stakes and its BLS key.
    pub struct BlsHolder {
        /// The node and its stakes.
        pub stake_holder: StakeHolder,
        /// Its key.
        pub public_key: BlsPublicKey,
    }
}

record! {
    /// All guardians, ascending by address: the state value at `ls/gcp`.
    pub struct GuardianPool {
        /// The guardians.
        pub guardians: Vec<BlsHolder>,
    }
}

impl GuardianPool {
    /// Guardians with stake that was not withdrawn, in pool order: those whom multiplicities count.
    pub fn with_stake(&self) -> impl Iterator<Item = &BlsHolder> {
        self.guardians.iter().filter(|guardian| guardian.stake_holder.has_live_stake())
    }
}

record! {
    /// Heights of blocks with validator stake transactions, ascending, one for each transaction: the state value at `ls/sthl`.
    pub struct HeightList {
        /// The heights.
        pub heights: Vec<u64>,
    }
}

record! {
    /// An edge node's stake that is on its way back.
    pub struct StakeReturn {
        /// The node.
        pub holder: Address,
        /// The stake.
        pub stake: Stake,
    }
}

record! {
    /// Who else gets a part of a node's rewards.
    pub struct RewardDistribution {
        /// The node.
        pub stake_holder: Address,
        /// Who gets the part.
        pub beneficiary: Address,
        /// How much of ten thousand.
        pub split_basis_point: u64,
    }
}
