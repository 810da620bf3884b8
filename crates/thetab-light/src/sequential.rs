//! Following the chain block by block, along certificates: for audits, small networks and tests.
//!
//! Threat model: as for [`Trust`](crate::Trust). A relay that leaves the voters unproven would have old validators counted for ever,
//! so that each block needs evidence of its own: a proof, or all bodies since the last one, none of which changes stake. And voters
//! whom a block elects that is not final yet need the consent of those before.
//!
//! Source: `docs/spec/chain.md` §6.6, "Sequential mode".

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use thetab_trie::transactions_root;
use thetab_types::{
    B256, DecodeError, Header, Profile, ValidatorSet, VoteSet,
    block::Block,
    tx::{Transaction, purpose},
};
use thetab_wire::chain::Nodes;

use crate::{
    Anchor, FinalHeader, Rule, StepError, UnixTime,
    bundle::{PoolError, verify_validators},
    rules::Rules,
    time::HEADERS_THAT_TELL_THE_TIME,
    votes::{VotesError, verify_votes},
};

/// Most bodies that stand for a proof.
pub const MAX_BODIES: usize = 2000;

/// What shows a block's validators.
#[derive(Clone, Debug)]
pub enum VoterEvidence {
    /// Nothing.
    None,
    /// Nodes from the block's state root to the pool.
    Pool(Nodes),
    /// All blocks above the header before, this one among them, the lowest first: none changes a validator's stake.
    Bodies(Vec<Block>),
}

/// Why a header does not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SequentialError {
    /// The last block whose validators were shown is too old.
    #[error("the trusted validators are too old")]
    Expired(#[source] StepError),
    /// The header is another chain's, or not above the one before.
    #[error("the header does not follow by chain, height and epoch")]
    Order,
    /// Its certificate is for another block than the header before.
    #[error("the certificate is for another block")]
    Certificate,
    /// Nothing shows its validators. Never is that taken for "unchanged".
    #[error("nothing shows the validators at height {0}")]
    NoEvidence(u64),
    /// The nodes do not show its validators.
    #[error("the validators are not proven")]
    Pool(#[from] PoolError),
    /// The bodies do not show that the validators are those before.
    #[error("the bodies do not show that the validators are those before")]
    Bodies(#[from] BodyError),
    /// The votes do not commit the header before.
    #[error("the votes do not commit the block")]
    Votes(#[from] VotesError),
    /// A block that is not final elected the voters, and the validators before do not stand behind them.
    #[error("the voters were elected at height {0}, which is not final")]
    UnconfirmedSet(u64),
}

/// Why bodies do not show that nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// There are too many, or none.
    #[error("there are {0} bodies")]
    Count(usize),
    /// They do not lead from the header before to this one.
    #[error("the blocks do not lead from header to header")]
    Link,
    /// A body is not its header's.
    #[error("a body is not its header's")]
    Root,
    /// A transaction does not decode.
    #[error("a transaction does not decode")]
    Transaction(#[from] DecodeError),
    /// A transaction changes a validator's stake.
    #[error("a transaction at height {0} changes a validator's stake")]
    Stake(u64),
}

/// A header on the way, and whom its state elects.
#[derive(Clone, Debug)]
struct Link {
    header: Header,
    set: ValidatorSet,
    is_committed: bool,
    is_final: bool,
}

/// The chain, followed block by block.
#[derive(Clone, Debug)]
pub struct Sequential {
    profile: Profile,
    rules: Rules,
    /// The latest headers, each certified by the next.
    links: VecDeque<Link>,
    /// The set that counted last.
    accepted: ValidatorSet,
    /// When the latest header was made, at the latest.
    time: UnixTime,
    /// Height that `time` was reckoned for.
    time_height: u64,
}

impl Sequential {
    /// Begins at an anchor, whose header this is.
    ///
    /// # Errors
    /// [`SequentialError::Order`] for another header.
    pub fn new(profile: Profile, anchor: &Anchor, header: Header) -> Result<Sequential, SequentialError> {
        if header.hash() != anchor.hash {
            return Err(SequentialError::Order);
        }
        let first = Link { header, set: anchor.set.clone(), is_committed: true, is_final: true };
        Ok(Sequential {
            profile,
            rules: Rules::default(),
            links: VecDeque::from([first]),
            accepted: anchor.set.clone(),
            time: anchor.time,
            time_height: anchor.height,
        })
    }

    #[cfg(test)]
    pub(crate) fn without(mut self, rule: Rule) -> Sequential {
        self.rules = Rules::without(rule);
        self
    }

    /// The latest header.
    pub fn last(&self) -> &Header {
        &self.link(0).expect("there is always a header").header
    }

    /// The set that counted last.
    pub fn accepted(&self) -> &ValidatorSet {
        &self.accepted
    }

    /// Takes the next header along certificates, whose own certificate commits the one before; says what it makes final.
    ///
    /// # Errors
    /// [`SequentialError`]; nothing has changed then.
    pub fn push(
        &mut self,
        clock: UnixTime,
        header: Header,
        evidence: &VoterEvidence,
    ) -> Result<Option<FinalHeader>, SequentialError> {
        self.check_age(clock)?;
        let last = self.last();
        let is_ours = header.chain_id == self.profile.chain_id.as_bytes();
        if !is_ours || header.height <= last.height || header.epoch <= last.epoch {
            return Err(SequentialError::Order);
        }
        if header.hcc.block != last.hash() {
            return Err(SequentialError::Certificate);
        }
        let set = self.voters_of(&header, evidence)?;
        let finalized = self.commit_last(clock, &header.hcc.votes)?;
        self.links.push_back(Link { header, set, is_committed: false, is_final: false });
        if self.links.len() > HEADERS_THAT_TELL_THE_TIME {
            self.links.pop_front();
        }
        Ok(finalized)
    }

    /// Takes votes for the latest header, where no header with them follows yet; says what they make final.
    ///
    /// # Errors
    /// As [`Sequential::push`].
    pub fn push_votes(
        &mut self,
        clock: UnixTime,
        votes: &VoteSet,
    ) -> Result<Option<FinalHeader>, SequentialError> {
        self.check_age(clock)?;
        self.commit_last(clock, votes)
    }

    /// The header `back` before the latest.
    fn link(&self, back: usize) -> Option<&Link> {
        self.links.len().checked_sub(1)?.checked_sub(back).and_then(|place| self.links.get(place))
    }

    fn check_age(&self, clock: UnixTime) -> Result<(), SequentialError> {
        let age = clock.saturating_since(self.time);
        let period = Duration::from_millis(self.profile.trusting_period_ms());
        let expires = self.profile.anchors_expire && self.rules.hold(Rule::Age);
        if expires && age > period {
            return Err(SequentialError::Expired(StepError::Expired { age, period }));
        }
        Ok(())
    }

    fn voters_of(&self, header: &Header, evidence: &VoterEvidence) -> Result<ValidatorSet, SequentialError> {
        let before = self.link(0).expect("there is always a header");
        match evidence {
            VoterEvidence::Pool(nodes) => Ok(verify_validators(&self.profile, &header.state_hash, nodes)?),
            VoterEvidence::Bodies(blocks) => {
                verify_unchanged(&before.header, header, blocks)?;
                Ok(before.set.clone())
            }
            VoterEvidence::None if self.rules.hold(Rule::Evidence) => {
                Err(SequentialError::NoEvidence(header.height))
            }
            VoterEvidence::None => Ok(before.set.clone()),
        }
    }

    /// Checks the votes for the latest header, and finalises its parent where the link between them is direct.
    fn commit_last(
        &mut self,
        clock: UnixTime,
        votes: &VoteSet,
    ) -> Result<Option<FinalHeader>, SequentialError> {
        // Of the anchor's own votes, and its child's, the voters were elected before it.
        let Some(elector) = self.link(2) else { return Ok(None) };
        let quorum = verify_votes(&elector.set, &self.last().hash(), votes)?;
        if elector.set != self.accepted {
            let behind = self.accepted.stake_of_all(quorum.voters());
            let is_confirmed = elector.is_final || self.accepted.is_majority(&behind);
            if !is_confirmed && self.rules.hold(Rule::ConfirmedSet) {
                return Err(SequentialError::UnconfirmedSet(elector.header.height));
            }
            self.accepted = elector.set.clone();
        }
        if let Some(link) = self.links.back_mut() {
            link.is_committed = true;
        }
        Ok(self.finalize(clock))
    }

    fn finalize(&mut self, clock: UnixTime) -> Option<FinalHeader> {
        let (child, parent) = (self.link(0)?, self.link(1)?);
        let is_direct = child.header.parent == parent.header.hash();
        if !(child.is_committed && is_direct) || parent.is_final {
            return None;
        }
        let finalized = FinalHeader(parent.header.clone());
        self.links.iter_mut().rev().skip(1).for_each(|link| link.is_final = true);
        self.tell_time(clock);
        Some(finalized)
    }

    /// Reckons when the latest header was made, if the last eleven are each the parent of the next.
    fn tell_time(&mut self, clock: UnixTime) {
        let headers = self.links.iter().map(|link| &link.header);
        let linked = headers.clone().zip(headers.clone().skip(1)).all(|(a, b)| b.parent == a.hash());
        let Some(median) = UnixTime::median(headers.rev()).filter(|_| linked) else { return };
        let height = self.last().height;
        let blocks = height.saturating_sub(self.time_height);
        let interval = self.profile.minimum_block_interval_ms.saturating_mul(4) / 3;
        let by_height = Duration::from_millis(interval.saturating_mul(blocks));
        self.time = median.min(self.time.saturating_add(by_height)).min(clock);
        self.time_height = height;
    }
}

/// Checks that blocks lead from one header to another, that each body is its header's, and that none changes a validator's stake.
///
/// Stakes that return do not change a set: they weigh nothing since they were withdrawn.
///
/// # Errors
/// [`BodyError`].
/// # Source
/// `docs/spec/chain.md` §4.4 and §6.4.
pub fn verify_unchanged(from: &Header, to: &Header, blocks: &[Block]) -> Result<(), BodyError> {
    if blocks.is_empty() || blocks.len() > MAX_BODIES {
        return Err(BodyError::Count(blocks.len()));
    }
    let mut last: B256 = from.hash();
    for block in blocks {
        if block.header.parent != last {
            return Err(BodyError::Link);
        }
        last = block.header.hash();
        if transactions_root(&block.transactions) != block.header.tx_hash {
            return Err(BodyError::Root);
        }
        for raw in &block.transactions {
            if changes_validators(&Transaction::decode(raw)?.0) {
                return Err(BodyError::Stake(block.header.height));
            }
        }
    }
    if last == to.hash() { Ok(()) } else { Err(BodyError::Link) }
}

fn changes_validators(transaction: &Transaction) -> bool {
    match transaction {
        Transaction::DepositStake(tx) => tx.purpose == purpose::VALIDATOR,
        Transaction::WithdrawStake(tx) => tx.purpose == purpose::VALIDATOR,
        Transaction::DepositStakeV2(tx) => tx.purpose == purpose::VALIDATOR,
        _ => false,
    }
}
