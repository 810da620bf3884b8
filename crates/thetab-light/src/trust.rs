//! What is believed, and how it moves on: from a checkpoint along bundles to the head.
//!
//! Threat model: relays are hostile. They may hold bundles back, serve old ones, sign private histories with the keys of validators
//! who have left, and time messages among honest validators. What is assumed: of every set that was an anchor, holders of less than a
//! third of the stake misbehave while the anchor is trusted. Left out, because nothing can help: more than that, and relays that are
//! all hostile, who can keep a client up to the trusting period behind.
//!
//! Each rule here answers an attack; [`Rule`](crate::Rule) names them, and the tests build each attack and show that it passes without its rule.
//!
//! Source: `docs/spec/chain.md` §6.6.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::time::Duration;

use thetab_types::{Amount, B256, DecodeError, Header, Profile, ValidatorSet};
use thetab_wire::chain::{Bundle, Nodes};

use crate::{
    UnixTime,
    bundle::{PoolError, VerifiedBundle, verify_validators},
    rules::{Rule, Rules},
};

/// Final headers that are remembered, the highest ones.
pub const MAX_FINAL_HEADERS: usize = 256;

/// Where trust begins: a final block that was published together with its date, or genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The block.
    pub hash: B256,
    /// When it was made. The time of receipt must never stand here.
    pub time: UnixTime,
}

/// A block whose state's validators are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub(crate) height: u64,
    pub(crate) hash: B256,
    pub(crate) state_hash: B256,
    pub(crate) set: ValidatorSet,
    pub(crate) time: UnixTime,
}

/// Why a header and nodes are not the checkpoint's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// The header does not decode.
    #[error("the checkpoint's header does not decode")]
    Decode(#[from] DecodeError),
    /// It is another block.
    #[error("the header is not the checkpoint's")]
    Hash,
    /// It is another chain's.
    #[error("the checkpoint is another chain's")]
    Chain,
    /// Its validators are not proven.
    #[error("the checkpoint's validators are not proven")]
    Pool(#[from] PoolError),
}

impl Anchor {
    /// Checks that a header is the checkpoint's, and that nodes show its validators.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn verify(
        profile: &Profile,
        checkpoint: &Checkpoint,
        header: &[u8],
        pool: &Nodes,
    ) -> Result<Anchor, AnchorError> {
        let header = Header::decode(header, &profile.forks)?;
        if header.hash() != checkpoint.hash {
            return Err(AnchorError::Hash);
        }
        if header.chain_id != profile.chain_id.as_bytes() {
            return Err(AnchorError::Chain);
        }
        let set = verify_validators(profile, &header.state_hash, pool)?;
        Ok(Anchor::new(&header, set, checkpoint.time))
    }

    pub(crate) fn new(header: &Header, set: ValidatorSet, time: UnixTime) -> Anchor {
        Anchor { height: header.height, hash: header.hash(), state_hash: header.state_hash, set, time }
    }

    /// Its height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// The validators whom its state elects.
    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    /// When it was made, at the latest as far as can be known.
    pub fn time(&self) -> UnixTime {
        self.time
    }
}

/// A header that is final. There is no other way to have one than through [`Trust`] or [`Sequential`](crate::Sequential).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalHeader(pub(crate) Header);

impl core::ops::Deref for FinalHeader {
    type Target = Header;
    fn deref(&self) -> &Header {
        &self.0
    }
}

impl FinalHeader {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.0
    }
}

/// What contradicts each other: two blocks at one height, each with a quorum behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The height.
    pub height: u64,
    /// The block that was believed, and the bundle that showed it; none for the anchor that trust began with.
    pub believed: (B256, Option<Bundle>),
    /// The bundle that shows another one.
    pub other: Bundle,
}

/// Why a bundle that fits together is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The anchor is too old to be believed, whatever the bundle is.
    #[error("the trusted validators are {age:?} old; they are believed for {period:?}")]
    Expired {
        /// How old the anchor is.
        age: Duration,
        /// How long it is believed.
        period: Duration,
    },
    /// The block is not above the latest final one.
    #[error("height {height} is not above {latest}, which is final")]
    NotAbove {
        /// The bundle's.
        height: u64,
        /// The latest final one.
        latest: u64,
    },
    /// Too few of the trusted validators stand behind it. A bundle in between may have more.
    #[error("{behind} of {total} trusted stake stands behind the block; more than two thirds is needed")]
    Overlap {
        /// Trusted stake behind it.
        behind: Amount,
        /// All trusted stake.
        total: Amount,
    },
    /// It contradicts a final block, and too few of the trusted validators stand behind it to matter.
    #[error("the block contradicts the final one at height {height}")]
    Contradiction {
        /// The height.
        height: u64,
    },
    /// It contradicts a final block, and a quorum of the trusted validators stands behind both: nothing can be believed any more.
    #[error("a quorum of the trusted validators stands behind two blocks at height {}", .0.height)]
    Conflict(Box<Evidence>),
    /// Two blocks at one height were believed before.
    #[error("trust ended with a conflict")]
    Halted,
}

/// The latest final block.
#[derive(Clone, Debug)]
pub struct Head {
    pub(crate) header: FinalHeader,
    pub(crate) time: UnixTime,
    pub(crate) bundle: Option<Bundle>,
}

impl Head {
    /// The block.
    pub fn header(&self) -> &FinalHeader {
        &self.header
    }

    /// When it was made, at the latest as far as can be known.
    pub fn time(&self) -> UnixTime {
        self.time
    }
}

/// An anchor, the final blocks above it, and the rules by which more are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(crate) profile: Profile,
    pub(crate) anchor: Anchor,
    pub(crate) head: Option<Head>,
    /// Final headers by height; at most [`MAX_FINAL_HEADERS`].
    pub(crate) finals: BTreeMap<u64, FinalHeader>,
    pub(crate) evidence: Option<Box<Evidence>>,
    rules: Rules,
}

impl Trust {
    /// Trust in an anchor alone.
    pub fn new(profile: Profile, anchor: Anchor) -> Trust {
        let (finals, rules) = (BTreeMap::new(), Rules::default());
        Trust { profile, anchor, head: None, finals, evidence: None, rules }
    }

    #[cfg(test)]
    pub(crate) fn without(mut self, rule: Rule) -> Trust {
        self.rules = Rules::without(rule);
        self
    }

    /// The network.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The block whose validators are believed.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The latest final block; `None` before the first step.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The height above which blocks are believed.
    pub fn latest_height(&self) -> u64 {
        self.head.as_ref().map_or(self.anchor.height, |head| head.header.height)
    }

    /// The final header at a height, if it is remembered.
    pub fn final_at(&self, height: u64) -> Option<&FinalHeader> {
        self.finals.get(&height)
    }

    /// The lowest final header from a height on that is remembered.
    pub fn final_from(&self, height: u64) -> Option<&FinalHeader> {
        self.finals.range(height..).next().map(|(_, header)| header)
    }

    /// What ended trust.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_deref()
    }

    /// How old the trusted validators are.
    pub fn age(&self, clock: UnixTime) -> Duration {
        clock.saturating_since(self.anchor.time)
    }

    /// Checks that the trusted validators may still be believed.
    ///
    /// # Errors
    /// [`StepError::Expired`].
    pub fn check_age(&self, clock: UnixTime) -> Result<(), StepError> {
        let (age, period) = (self.age(clock), Duration::from_millis(self.profile.trusting_period_ms()));
        let expires = self.profile.anchors_expire && self.rules.hold(Rule::Age);
        if expires && age > period { Err(StepError::Expired { age, period }) } else { Ok(()) }
    }

    /// Believes the bundle's block, and from then on the bundle's validators; or says why not.
    ///
    /// # Errors
    /// [`StepError`]. After [`StepError::Conflict`] nothing is believed any more.
    pub fn step(&mut self, clock: UnixTime, bundle: VerifiedBundle) -> Result<&Head, StepError> {
        if self.evidence.is_some() {
            return Err(StepError::Halted);
        }
        self.check_age(clock)?;
        let overlap = self.overlap(&bundle);
        if let Some(height) = self.contradicted(&bundle) {
            overlap.or(Err(StepError::Contradiction { height }))?;
            let evidence = Box::new(self.conflict(height, bundle));
            self.evidence = Some(evidence.clone());
            return Err(StepError::Conflict(evidence));
        }
        let (height, latest) = (bundle.block().height, self.latest_height());
        if height <= latest && self.rules.hold(Rule::Forward) {
            return Err(StepError::NotAbove { height, latest });
        }
        overlap?;
        Ok(self.accept(clock, bundle))
    }

    /// Checks that enough trusted stake stands behind the bundle's child.
    ///
    /// One third, "one honest signer", is not enough: see the specification, "Unconfirmed set".
    fn overlap(&self, bundle: &VerifiedBundle) -> Result<(), StepError> {
        let trusted = &self.anchor.set;
        let behind = trusted.stake_of_all(bundle.quorum().voters());
        let third = behind.times(3) > *trusted.total();
        let suffices = match self.rules.hold(Rule::TwoThirdsOverlap) {
            true => trusted.is_majority(&behind),
            false => third,
        };
        if suffices { Ok(()) } else { Err(StepError::Overlap { behind, total: trusted.total().clone() }) }
    }

    /// The height at which the bundle has another block than the one that is final.
    fn contradicted(&self, bundle: &VerifiedBundle) -> Option<u64> {
        let headers = [bundle.block(), bundle.certified()].into_iter().chain(bundle.ancestors());
        headers
            .filter(|header| self.hash_at(header.height).is_some_and(|hash| hash != header.hash()))
            .map(|header| header.height)
            .next()
    }

    fn hash_at(&self, height: u64) -> Option<B256> {
        let anchor = (height == self.anchor.height).then_some(self.anchor.hash);
        anchor.or_else(|| self.finals.get(&height).map(|header| header.hash()))
    }

    fn conflict(&self, height: u64, bundle: VerifiedBundle) -> Evidence {
        let believed = self.hash_at(height).unwrap_or_default();
        let shown = self.head.as_ref().and_then(|head| head.bundle.clone());
        Evidence { height, believed: (believed, shown), other: bundle.raw().clone() }
    }

    fn accept(&mut self, clock: UnixTime, bundle: VerifiedBundle) -> &Head {
        let made = |trust: &Trust, header: &Header| trust.time_of(header, bundle.median_time(), clock);
        let time = made(self, bundle.block());
        let is_higher = bundle.certified().height > self.anchor.height;
        if is_higher || !self.rules.hold(Rule::AnchorForward) {
            let time = made(self, bundle.certified());
            self.anchor = Anchor::new(bundle.certified(), bundle.set().clone(), time);
        }
        let finals = bundle.ancestors().iter().chain([bundle.block()]);
        let finals: Vec<_> = finals.cloned().map(FinalHeader).collect();
        self.remember(finals);
        let header = FinalHeader(bundle.block().clone());
        self.head.insert(Head { header, time, bundle: Some(bundle.raw().clone()) })
    }

    /// When a block was made, at the latest: as eleven headers say, and no later than its height and the clock allow.
    ///
    /// Without eleven headers it is as old as the anchor.
    fn time_of(&self, header: &Header, median: Option<UnixTime>, clock: UnixTime) -> UnixTime {
        if !self.rules.hold(Rule::TimeOfMaking) {
            return clock;
        }
        let Some(median) = median else { return self.anchor.time };
        let blocks = header.height.saturating_sub(self.anchor.height);
        // Four thirds of the least interval: eight seconds on mainnet.
        let interval = self.profile.minimum_block_interval_ms.saturating_mul(4) / 3;
        let by_height = Duration::from_millis(interval.saturating_mul(blocks));
        let latest = match self.rules.hold(Rule::TimeByHeight) {
            true => self.anchor.time.saturating_add(by_height),
            false => clock,
        };
        median.min(latest).min(clock)
    }

    /// Takes the latest final block as the anchor, once nodes show its validators.
    ///
    /// This crosses a stake change that too few of the validators before it survive.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn adopt_head(&mut self, pool: &Nodes) -> Result<(), PoolError> {
        let Some(head) = self.head.as_ref().filter(|head| head.header.height > self.anchor.height) else {
            return Ok(());
        };
        let set = verify_validators(&self.profile, &head.header.state_hash, pool)?;
        self.anchor = Anchor::new(&head.header, set, head.time);
        Ok(())
    }

    /// Remembers headers that lead, each the parent of the one before, down from a final header; says how many did.
    pub fn walk_back(&mut self, headers: impl IntoIterator<Item = Header>) -> usize {
        let mut believed = 0usize;
        for header in headers {
            let above = header.height.checked_add(1).and_then(|height| self.finals.get(&height));
            if above.is_none_or(|above| above.parent != header.hash()) {
                break;
            }
            self.remember([FinalHeader(header)]);
            believed = believed.saturating_add(1);
        }
        believed
    }

    fn remember(&mut self, headers: impl IntoIterator<Item = FinalHeader>) {
        for header in headers {
            self.finals.insert(header.height, header);
        }
        while self.finals.len() > MAX_FINAL_HEADERS {
            self.finals.pop_first();
        }
    }
}
