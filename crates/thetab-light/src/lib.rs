//! Believes a header, a validator set, an account of Theta's chain, or says why not.
//!
//! Why a core of its own: a tab that follows the chain through a relay must not believe the relay. What it promises: from a checkpoint
//! on, nothing is believed that too little trusted stake stands behind, or that no proof shows; every refusal names its reason; sizes
//! are bounded before anything is decoded, and one answer costs at most one signature recovery for each validator.
//!
//! [`verify_bundle`] checks that a bundle fits together, [`Trust`] whether to believe it, [`Light`] asks relays and decides what to ask
//! next. [`FinalHeader`] has what its state can show. What it leaves out: executing anything, and receipts, which no header commits to.
//!
//! Threat model: relays are hostile, some validators too; see [`Trust`].
#![no_std]
#![cfg_attr(
    not(test),
    warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::cast_possible_truncation)
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod attested;
mod bundle;
mod guardians;
mod light;
mod rules;
mod saved;
mod sequential;
mod state;
mod time;
mod trust;
mod votes;

pub use attested::{AttestedHash, Hearsay, MAX_ENDPOINTS, Told, TrustLevel};
pub use bundle::{BundleError, Part, PoolError, VerifiedBundle, verify_bundle, verify_validators};
pub use guardians::{GuardianError, GuardianEvidence, MAX_GUARDIANS, verify_guardian_votes};
pub use light::{
    Config, Distrust, Effect, Freshness, Input, Light, MAX_QUERIES, MAX_RELAYS, Proven, Query, QueryError,
    QueryId, RelayId, RelayStatus, RequestId,
};
pub use rules::Rule;
pub use saved::{MAX_SAVED_BYTES, ResumeError};
pub use sequential::{BodyError, MAX_BODIES, Sequential, SequentialError, VoterEvidence, verify_unchanged};
pub use state::{ProvenAccount, ProvenTransaction, StateError};
pub use time::{HEADERS_THAT_TELL_THE_TIME, UnixTime};
pub use trust::{
    Anchor, AnchorError, Checkpoint, Evidence, FinalHeader, Head, MAX_FINAL_HEADERS, StepError, Trust,
};
pub use votes::{MAX_VOTES, Quorum, VotesError, verify_certificate, verify_votes};

#[cfg(test)]
mod tests;
