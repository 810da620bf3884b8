//! Aggregated votes of guardians for a checkpoint.
//!
//! Threat model: the BLS keys of stock guardians follow from public data, and no number of signers is too small. What verifies here
//! is an indication, never a reason to believe a block.

use alloc::vec::Vec;

use crate::{
    Amount, B256,
    bls::BlsSignature,
    keccak256,
    rlp::{Encode, put_list, put_string, record},
    stake::GuardianPool,
};

record! {
    /// Votes of guardians for one checkpoint block.
    /// # Source
    /// `docs/spec/chain.md` §2.8.
    pub struct AggregatedVotes {
        /// The block.
        pub block: B256,
        /// Hash of the guardian pool.
        pub gcp: B256,
        /// How often each guardian with stake signed, in pool order.
        pub multiplicities: Vec<u32>,
        /// The sum of the signatures.
        pub signature: Option<BlsSignature>,
    }
}

/// Why an aggregate is not the guardians'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// It belongs to another pool.
    #[error("the votes belong to another pool")]
    Pool,
    /// The multiplicities are not one for each member.
    #[error("{actual} multiplicities for {expected} members")]
    Count {
        /// Members.
        expected: usize,
        /// Multiplicities.
        actual: usize,
    },
    /// There is no signature.
    #[error("there is no signature")]
    Missing,
    /// The signature is not the sum of the members'.
    #[error("the signature is not the signers'")]
    Signature,
    /// Two aggregates are for different blocks or pools.
    #[error("the aggregates are for different blocks or pools")]
    Different,
    /// A multiplicity would exceed 32 bits.
    #[error("a multiplicity exceeds 32 bits")]
    Overflow,
}

impl AggregatedVotes {
    /// The bytes that each guardian signs.
    pub fn sign_bytes(block: &B256, gcp: &B256) -> Vec<u8> {
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            block.encode_to(out);
            gcp.encode_to(out);
            put_list(out, |_| ());
            put_string(&[], out);
        });
        out
    }

    /// Checks the aggregate against the pool in the state of the last checkpoint at or before the voted block.
    ///
    /// Nobody having signed passes, as it does for Theta's node; [`AggregatedVotes::signed_stake`] tells.
    ///
    /// # Errors
    /// [`AggregateError`].
    pub fn verify(&self, pool: &GuardianPool) -> Result<(), AggregateError> {
        if keccak256(pool.encode()) != self.gcp {
            return Err(AggregateError::Pool);
        }
        let members: Vec<_> = pool.with_stake().collect();
        if members.len() != self.multiplicities.len() {
            let (expected, actual) = (members.len(), self.multiplicities.len());
            return Err(AggregateError::Count { expected, actual });
        }
        let signature = self.signature.ok_or(AggregateError::Missing)?;
        let message = AggregatedVotes::sign_bytes(&self.block, &self.gcp);
        let keys = members.iter().map(|guardian| &guardian.public_key);
        let valid = signature.verify_aggregate(keys, &self.multiplicities, &message);
        if valid { Ok(()) } else { Err(AggregateError::Signature) }
    }

    /// The stake of those who signed, and of all guardians with stake.
    pub fn signed_stake(&self, pool: &GuardianPool) -> (Amount, Amount) {
        let mut sums = (Amount::ZERO, Amount::ZERO);
        for (guardian, &multiplicity) in pool.with_stake().zip(&self.multiplicities) {
            let stake = guardian.stake_holder.total();
            if multiplicity > 0 {
                sums.0 = sums.0.plus(&stake);
            }
            sums.1 = sums.1.plus(&stake);
        }
        sums
    }

    /// The aggregate with more signers; ours when they have as many.
    #[must_use]
    pub fn pick<'a>(&'a self, other: &'a AggregatedVotes) -> &'a AggregatedVotes {
        if other.signers() > self.signers() { other } else { self }
    }

    fn signers(&self) -> usize {
        self.multiplicities.iter().filter(|&&multiplicity| multiplicity > 0).count()
    }

    /// Adds another aggregate for the same block and pool; `false` when it brings no new signer and was left out.
    ///
    /// # Errors
    /// [`AggregateError::Different`], [`AggregateError::Count`], [`AggregateError::Overflow`], [`AggregateError::Signature`].
    pub fn merge(&mut self, other: &AggregatedVotes) -> Result<bool, AggregateError> {
        if (self.block, self.gcp) != (other.block, other.gcp) {
            return Err(AggregateError::Different);
        }
        if self.multiplicities.len() != other.multiplicities.len() {
            let (expected, actual) = (self.multiplicities.len(), other.multiplicities.len());
            return Err(AggregateError::Count { expected, actual });
        }
        let mut pairs = self.multiplicities.iter().zip(&other.multiplicities);
        if !pairs.any(|(&ours, &theirs)| ours == 0 && theirs > 0) {
            return Ok(false);
        }
        let sums = self.multiplicities.iter().zip(&other.multiplicities).map(|(a, b)| a.checked_add(*b));
        let sums = sums.collect::<Option<Vec<_>>>().ok_or(AggregateError::Overflow)?;
        let (ours, theirs) =
            self.signature.as_ref().zip(other.signature.as_ref()).ok_or(AggregateError::Missing)?;
        let sum = BlsSignature::aggregate([(ours, 1), (theirs, 1)]).ok_or(AggregateError::Signature)?;
        self.multiplicities = sums;
        self.signature = Some(sum);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::bls::BlsSecretKey;

    fn votes(multiplicities: [u32; 3]) -> AggregatedVotes {
        let (block, gcp) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let message = AggregatedVotes::sign_bytes(&block, &gcp);
        let keys = [1, 2, 3].map(|number| BlsSecretKey::from_bytes(&[number; 32]).unwrap());
        let signatures = keys.map(|key| key.sign(&message));
        let signature = BlsSignature::aggregate(signatures.iter().zip(multiplicities));
        AggregatedVotes { block, gcp, multiplicities: multiplicities.to_vec(), signature }
    }

    #[test]
    fn merging_adds_signers_and_leaves_out_what_brings_none() {
        let mut merged = votes([1, 0, 0]);
        assert_eq!(merged.merge(&votes([2, 1, 0])), Ok(true));
        assert_eq!(merged, votes([3, 1, 0]));
        assert_eq!(merged.merge(&votes([0, 7, 0])), Ok(false));
        assert_eq!(merged, votes([3, 1, 0]));
    }

    #[test]
    fn votes_that_do_not_fit_each_other_are_not_merged() {
        let mut ours = votes([1, 0, 0]);
        let other_pool = AggregatedVotes { gcp: B256::ZERO, ..votes([0, 1, 0]) };
        assert_eq!(ours.merge(&other_pool), Err(AggregateError::Different));
        let shorter = AggregatedVotes { multiplicities: vec![0, 1], ..votes([0, 1, 0]) };
        assert_eq!(ours.merge(&shorter), Err(AggregateError::Count { expected: 3, actual: 2 }));
        let unsigned = AggregatedVotes { signature: None, ..votes([0, 1, 0]) };
        assert_eq!(ours.merge(&unsigned), Err(AggregateError::Missing));
        let often = AggregatedVotes { multiplicities: vec![u32::MAX, 1, 0], ..votes([0, 1, 0]) };
        assert_eq!(ours.merge(&often), Err(AggregateError::Overflow));
        assert_eq!(ours, votes([1, 0, 0]));
    }

    #[test]
    fn the_aggregate_with_more_signers_is_picked() {
        let (one, many, two) = (votes([1, 0, 0]), votes([9, 0, 0]), votes([0, 1, 1]));
        assert_eq!(one.pick(&many), &one);
        assert_eq!(many.pick(&two), &two);
        assert_eq!(two.pick(&many), &two);
    }
}
