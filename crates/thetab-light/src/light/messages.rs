//! What goes into the machine and what comes out of it.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_types::{B256, Profile};
use thetab_wire::chain::ChainRequest;

use super::{Proven, Query, QueryError};
use crate::{
    BundleError, Checkpoint, Evidence, GuardianError, PoolError, StateError, UnixTime, trust::AnchorError,
};

/// A relay, as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u32);

/// A question to a relay, numbered by the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A question to the machine, as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// What the machine needs to know from the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network.
    pub profile: Profile,
    /// Where trust begins, unless it is resumed.
    pub checkpoint: Checkpoint,
    /// How often relays are asked for the head.
    pub refresh: Duration,
    /// How long a relay may take for an answer.
    pub patience: Duration,
}

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// What the world's clock says now. The first one starts everything; later ones correct it.
    Clock(UnixTime),
    /// A relay can be asked.
    RelayUp(RelayId),
    /// A relay is gone.
    RelayDown(RelayId),
    /// A relay answered.
    Answered {
        /// The question.
        request: RequestId,
        /// The answer as received: a [`ChainAnswer`](thetab_wire::chain::ChainAnswer), or anything.
        bytes: Bytes,
    },
    /// A relay could not be asked.
    Failed {
        /// The question.
        request: RequestId,
    },
    /// The user wants to know something.
    Ask {
        /// The host's number for it.
        query: QueryId,
        /// What.
        what: Query,
    },
    /// Trust begins anew at a checkpoint that the user got from elsewhere.
    Restart(Checkpoint),
}

/// What the host must do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask a relay.
    Request {
        /// Whom.
        relay: RelayId,
        /// The machine's number for it.
        request: RequestId,
        /// What.
        what: ChainRequest,
    },
    /// The head moved; see [`Light::trust`](super::Light::trust).
    Head {
        /// Its height.
        height: u64,
        /// Its hash.
        hash: B256,
    },
    /// Keep these bytes: [`Trust::resume`](crate::Trust::resume) goes on from them.
    Save(Vec<u8>),
    /// A relay was caught, and is not asked until then.
    Distrust {
        /// The relay.
        relay: RelayId,
        /// What it did.
        reason: Distrust,
        /// When it is asked again.
        until: Instant,
    },
    /// The trusted validators are too old: nothing is believed until [`Input::Restart`].
    Expired,
    /// A quorum stands behind two blocks at one height: nothing is believed until [`Input::Restart`].
    Conflict(Box<Evidence>),
    /// What the user wanted to know.
    Answer {
        /// The host's number for it.
        query: QueryId,
        /// What was proven, or why nothing was.
        result: Result<Box<Proven>, QueryError>,
    },
}

/// What a relay was caught at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// It sent something that is no answer.
    #[error("it sent something that is no answer")]
    Malformed(#[source] thetab_wire::DecodeError),
    /// It answered another question.
    #[error("it answered another question")]
    OtherAnswer,
    /// Its header or its nodes are not the checkpoint's.
    #[error("it does not show the checkpoint")]
    Checkpoint(#[source] AnchorError),
    /// Its bundle does not fit together.
    #[error("its bundle does not fit together")]
    Bundle(#[source] BundleError),
    /// Its bundle contradicts a final block.
    #[error("it contradicts the final block at height {0}")]
    Contradiction(u64),
    /// Its nodes do not show a block's validators.
    #[error("it does not show the validators of a final block")]
    Pool(#[source] PoolError),
    /// Its nodes do not show what was asked for.
    #[error("it does not show what was asked for")]
    State(#[source] StateError),
    /// It does not show the guardians' votes.
    #[error("it does not show the guardians' votes")]
    Guardians(#[source] GuardianError),
    /// Its headers do not lead down from a final one.
    #[error("its headers do not lead down from a final one")]
    Headers,
    /// It claims a head to which no bundles lead.
    #[error("no bundles lead to the head that it claims")]
    NoWay,
}
