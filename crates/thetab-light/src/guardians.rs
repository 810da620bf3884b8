//! Evidence from guardians: how much of their stake signed a checkpoint.
//!
//! An indication, never a proof: keys of guardians that run the stock software follow from public data, and the protocol knows no
//! threshold. It is shown as a share and never stands in for the votes of validators.
//!
//! Source: `docs/spec/chain.md` §6.8.

use thetab_types::{
    Amount, B256, DecodeError, Header, Profile, guardian::AggregateError, keys, stake::GuardianPool,
};
use thetab_wire::chain::Nodes;

use crate::{FinalHeader, StateError, state::decoded};

/// Most guardians whose keys are added up: each costs the decompression of a point.
pub const MAX_GUARDIANS: usize = 8192;

/// Blocks from one checkpoint to the next.
const CHECKPOINT_INTERVAL: u64 = 100;

/// Why votes say nothing about a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardianError {
    /// The checkpoint's header does not decode, or is another chain's.
    #[error("the checkpoint's header does not decode")]
    Checkpoint(#[source] DecodeError),
    /// The final header has no votes of guardians.
    #[error("the header has no votes of guardians")]
    NoVotes,
    /// They voted for another block, or for one that is no earlier checkpoint.
    #[error("the votes are not for this checkpoint")]
    Block,
    /// The pool is not proven.
    #[error("the guardian pool is not proven")]
    Pool(#[from] StateError),
    /// The state has no pool.
    #[error("the state has no guardian pool")]
    NoPool,
    /// More guardians than are added up.
    #[error("{0} guardians are too many")]
    TooMany(usize),
    /// Nobody signed, or with what is no signature.
    #[error("nobody signed")]
    Nobody,
    /// The signature is not theirs.
    #[error("the votes do not verify")]
    Votes(#[from] AggregateError),
}

/// How much of the guardians' stake signed a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardianEvidence {
    /// The checkpoint.
    pub checkpoint: B256,
    /// Its height.
    pub height: u64,
    /// Guardians who signed.
    pub signers: usize,
    /// Guardians with stake.
    pub guardians: usize,
    /// Stake of those who signed.
    pub signed: Amount,
    /// Stake of all.
    pub total: Amount,
}

impl GuardianEvidence {
    /// The share of the stake that signed, in hundredths of a percent, rounded down.
    pub fn basis_points(&self) -> u16 {
        let share = self.signed.times(10_000).to_u256().zip(self.total.to_u256());
        let share = share.and_then(|(signed, total)| signed.checked_div(total));
        share.and_then(|share| u16::try_from(share).ok()).unwrap_or(0)
    }

    /// Whether more than two thirds signed: our own word for display, the protocol has none.
    pub fn is_strong(&self) -> bool {
        self.signed.times(3) > self.total.times(2)
    }
}

/// Checks the guardians' votes in a final header for an earlier checkpoint.
///
/// `checkpoint` is that block's header, `pool` the nodes from its state root to the guardian pool. That the checkpoint is an ancestor of
/// the final header is not shown here: it is the word of those who voted for the header.
///
/// # Errors
/// [`GuardianError`].
pub fn verify_guardian_votes(
    profile: &Profile,
    header: &FinalHeader,
    checkpoint: &[u8],
    pool: &Nodes,
) -> Result<GuardianEvidence, GuardianError> {
    let votes = header.guardian_votes.as_ref().ok_or(GuardianError::NoVotes)?;
    let checkpoint = Header::decode(checkpoint, &profile.forks).map_err(GuardianError::Checkpoint)?;
    let is_checkpoint = checkpoint.height % CHECKPOINT_INTERVAL == 1 && checkpoint.height < header.height;
    if votes.block != checkpoint.hash() || !is_checkpoint {
        return Err(GuardianError::Block);
    }
    let pool: GuardianPool =
        decoded(&checkpoint.state_hash, keys::GUARDIANS, pool)?.ok_or(GuardianError::NoPool)?;
    let guardians = pool.with_stake().count();
    if guardians > MAX_GUARDIANS {
        return Err(GuardianError::TooMany(guardians));
    }
    let signers = votes.multiplicities.iter().filter(|&&times| times > 0).count();
    let is_point = votes.signature.is_some_and(|signature| signature.is_in_subgroup());
    if signers == 0 || !is_point {
        return Err(GuardianError::Nobody);
    }
    votes.verify(&pool)?;
    let (signed, total) = votes.signed_stake(&pool);
    let (checkpoint, height) = (checkpoint.hash(), checkpoint.height);
    Ok(GuardianEvidence { checkpoint, height, signers, guardians, signed, total })
}
