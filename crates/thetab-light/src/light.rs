//! The light client as one machine: which relay to ask for what, and what to make of the answer.
//!
//! Threat model: all relays may lie, lag, flood or fall silent. An answer is bounded before it is decoded, and costs one verification;
//! a relay has one question about the head at a time, and a way to the head that takes too many questions is given up. Who is caught
//! lying is left alone for a while, longer each time. Relays that are all hostile can keep the client behind, and then it says so:
//! see [`Light::freshness`].

mod messages;
mod pursuit;
mod queries;
mod relays;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::time::Duration;

use thetab_sansio::{Instant, Machine, Timers};
use thetab_types::{B256, keys};
use thetab_wire::chain::{Bundle, BundleAt, ChainAnswer, ChainRequest, HeaderOf, Nodes, RawHeader, StateAt};

use crate::{
    Anchor, Checkpoint, Evidence, StepError, Trust, UnixTime, bundle::verify_bundle, trust::AnchorError,
};
pub use messages::{Config, Distrust, Effect, Input, QueryId, RelayId, RequestId};
use queries::Asked;
pub use queries::{MAX_QUERIES, Proven, Query, QueryError};
use relays::Relay;
pub use relays::{MAX_RELAYS, RelayStatus};

/// How recent the head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// There is no head, or no clock.
    Unknown,
    /// It says that it is less than a minute old.
    Fresh,
    /// It says that it is this old: the chain stands still, or every relay lags.
    Old(Duration),
    /// It says that it is from the future, so far.
    Future(Duration),
}

/// A head that says it is older, or from further ahead, is worth a warning.
/// # Source
/// `docs/spec/chain.md` §6.6, "Liveness and freshness".
const FRESH: Duration = Duration::from_secs(60);

/// Why a relay was asked.
#[derive(Clone, Debug)]
enum Purpose {
    CheckpointHeader,
    CheckpointPool(RawHeader),
    Latest,
    Between(u64),
    StakeHeights(B256),
    HeadPool(B256),
    Query(QueryId),
}

#[derive(Clone, Debug)]
struct Pending {
    relay: RelayId,
    purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Refresh,
    Request(RequestId),
    Query(QueryId),
    Pardon(RelayId),
}

/// The light client.
#[derive(Debug)]
pub struct Light {
    config: Config,
    clock: Option<(Instant, UnixTime)>,
    trust: Option<Trust>,
    has_expired: bool,
    relays: BTreeMap<RelayId, Relay>,
    pending: BTreeMap<RequestId, Pending>,
    queries: BTreeMap<QueryId, Asked>,
    next_request: u64,
    timers: Timers<Timer>,
    effects: alloc::collections::VecDeque<Effect>,
}

impl Light {
    /// Begins at the checkpoint.
    pub fn new(config: Config) -> Light {
        Light {
            config,
            clock: None,
            trust: None,
            has_expired: false,
            relays: BTreeMap::new(),
            pending: BTreeMap::new(),
            queries: BTreeMap::new(),
            next_request: 0,
            timers: Timers::new(),
            effects: alloc::collections::VecDeque::new(),
        }
    }

    /// Goes on from trust that was saved.
    pub fn resumed(config: Config, trust: Trust) -> Light {
        Light { trust: Some(trust), ..Light::new(config) }
    }

    /// What is believed; `None` before the checkpoint was shown.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Whether the trusted validators are too old to be believed.
    pub fn has_expired(&self) -> bool {
        self.has_expired
    }

    /// What is known of each relay.
    pub fn relays(&self) -> impl Iterator<Item = RelayStatus<'_>> {
        self.relays.iter().map(|(id, relay)| relay.status(*id))
    }

    /// What the world's clock says.
    pub fn clock(&self, now: Instant) -> Option<UnixTime> {
        self.clock.map(|(at, clock)| clock.saturating_add(now.saturating_since(at)))
    }

    /// How recent the head is. Its own word: timestamps are only good for warnings.
    pub fn freshness(&self, now: Instant) -> Freshness {
        let head = self.trust.as_ref().and_then(Trust::head);
        let Some((head, clock)) = head.zip(self.clock(now)) else { return Freshness::Unknown };
        let said = UnixTime::said_by(head.header());
        let (old, ahead) = (clock.saturating_since(said), said.saturating_since(clock));
        match (old > FRESH, ahead > FRESH) {
            (true, _) => Freshness::Old(old),
            (_, true) => Freshness::Future(ahead),
            _ => Freshness::Fresh,
        }
    }
}

impl Machine for Light {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Clock(clock) => self.set_clock(now, clock),
            Input::RelayUp(relay) => self.relay_up(now, relay),
            Input::RelayDown(relay) => self.relay_down(now, relay),
            Input::Answered { request, bytes } => self.answered(now, request, &bytes),
            Input::Failed { request } => self.failed(now, request),
            Input::Ask { query, what } => self.ask(now, query, what),
            Input::Restart(checkpoint) => self.restart(now, checkpoint),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Refresh => self.refresh(now),
                Timer::Request(request) => self.failed(now, request),
                Timer::Query(query) => self.too_late(query),
                Timer::Pardon(relay) => self.pardon(now, relay),
            }
        }
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_due()
    }
}

/// Asking.
impl Light {
    fn set_clock(&mut self, now: Instant, clock: UnixTime) {
        let is_first = self.clock.replace((now, clock)).is_none();
        if is_first {
            self.refresh(now);
        }
    }

    fn refresh(&mut self, now: Instant) {
        self.set_timer(Timer::Refresh, now, self.config.refresh);
        let relays: Vec<_> = self.relays.keys().copied().collect();
        for relay in relays {
            self.ask_for_head(now, relay);
        }
    }

    /// Asks a relay for the head, or first for the checkpoint, unless it is busy with that or is not to be asked.
    fn ask_for_head(&mut self, now: Instant, relay: RelayId) {
        let is_idle = self.relays.get(&relay).is_some_and(Relay::is_idle);
        let ended = self.has_expired || self.trust.as_ref().is_some_and(|trust| trust.evidence().is_some());
        if self.clock.is_none() || !is_idle || ended {
            return;
        }
        match self.trust {
            Some(_) => self.request(now, relay, Purpose::Latest, BundleAt { height: None }),
            None => {
                let block = self.config.checkpoint.hash.0;
                self.request(now, relay, Purpose::CheckpointHeader, HeaderOf { block });
            }
        }
    }

    fn request(&mut self, now: Instant, relay: RelayId, purpose: Purpose, what: impl Into<ChainRequest>) {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.saturating_add(1);
        if let (Some(relay), false) = (self.relays.get_mut(&relay), matches!(purpose, Purpose::Query(_))) {
            relay.is_asked = true;
        }
        self.set_timer(Timer::Request(request), now, self.config.patience);
        self.pending.insert(request, Pending { relay, purpose });
        self.effects.push_back(Effect::Request { relay, request, what: what.into() });
    }

    /// Sets a timer; says when it is due.
    #[allow(clippy::arithmetic_side_effects, reason = "instants saturate")]
    fn set_timer(&mut self, timer: Timer, now: Instant, delay: Duration) -> Instant {
        let due = now + delay;
        self.timers.set(timer, due);
        due
    }

    fn restart(&mut self, now: Instant, checkpoint: Checkpoint) {
        self.config.checkpoint = checkpoint;
        (self.trust, self.has_expired) = (None, false);
        let is_query = |pending: &Pending| matches!(pending.purpose, Purpose::Query(_));
        let open = self.pending.iter().filter(|(_, pending)| !is_query(pending));
        let open: Vec<_> = open.map(|(request, _)| *request).collect();
        for request in open {
            self.take_pending(request);
        }
        self.relays.values_mut().for_each(|relay| relay.pursuit = None);
        self.refresh(now);
    }
}

/// Taking answers.
impl Light {
    fn take_pending(&mut self, request: RequestId) -> Option<Pending> {
        let pending = self.pending.remove(&request)?;
        self.timers.cancel(&Timer::Request(request));
        if let (Some(relay), false) =
            (self.relays.get_mut(&pending.relay), matches!(pending.purpose, Purpose::Query(_)))
        {
            relay.is_asked = false;
        }
        Some(pending)
    }

    fn answered(&mut self, now: Instant, request: RequestId, bytes: &[u8]) {
        let Some(Pending { relay, purpose }) = self.take_pending(request) else { return };
        let answer = match ChainAnswer::decode(bytes) {
            Ok(Some(answer)) => answer,
            Ok(None) => return self.caught(now, relay, purpose, Distrust::OtherAnswer),
            Err(error) => return self.caught(now, relay, purpose, Distrust::Malformed(error)),
        };
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.is_silent = false;
        }
        match (purpose, answer) {
            (purpose, ChainAnswer::Unavailable(_)) => self.no_answer(now, relay, purpose),
            (Purpose::CheckpointHeader, ChainAnswer::Headers(answer)) => {
                match answer.headers.into_inner().pop() {
                    Some(header) => self.took_checkpoint(now, relay, header),
                    None => self.no_answer(now, relay, Purpose::CheckpointHeader),
                }
            }
            (Purpose::CheckpointPool(header), ChainAnswer::State(state)) => {
                self.took_checkpoint_pool(now, relay, &header, &state.nodes);
            }
            (purpose @ (Purpose::Latest | Purpose::Between(_)), ChainAnswer::Bundle(bundle)) => {
                self.took_bundle(now, relay, purpose, bundle);
            }
            (Purpose::StakeHeights(root), ChainAnswer::State(state)) => {
                self.took_stake_heights(now, relay, &root, &state.nodes);
            }
            (Purpose::HeadPool(block), ChainAnswer::State(state)) => {
                self.took_head_pool(now, relay, &block, &state.nodes);
            }
            (Purpose::Query(query), answer) => self.took_query(now, relay, query, answer),
            (purpose, _) => self.caught(now, relay, purpose, Distrust::OtherAnswer),
        }
    }

    fn failed(&mut self, now: Instant, request: RequestId) {
        let Some(Pending { relay, purpose }) = self.take_pending(request) else { return };
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.is_silent = true;
        }
        self.no_answer(now, relay, purpose);
    }

    /// A relay has no answer, or gave none: no offence, but others may know more.
    fn no_answer(&mut self, now: Instant, relay: RelayId, purpose: Purpose) {
        match purpose {
            Purpose::Query(query) => self.try_next(now, query),
            Purpose::Between(height) => self.missed(now, relay, height),
            Purpose::StakeHeights(_) => self.pursue(now, relay),
            Purpose::CheckpointHeader
            | Purpose::CheckpointPool(_)
            | Purpose::Latest
            | Purpose::HeadPool(_) => self.end_pursuit(relay),
        }
    }

    /// A relay is not asked for a while; what it was asked for is asked elsewhere.
    fn caught(&mut self, now: Instant, relay: RelayId, purpose: Purpose, reason: Distrust) {
        self.distrust(now, relay, reason);
        if let Purpose::Query(query) = purpose {
            self.try_next(now, query);
        }
    }

    fn took_checkpoint(&mut self, now: Instant, relay: RelayId, header: RawHeader) {
        if thetab_types::keccak256(&*header) != self.config.checkpoint.hash {
            return self.distrust(now, relay, Distrust::Checkpoint(AnchorError::Hash));
        }
        let block = self.config.checkpoint.hash.0;
        self.request(now, relay, Purpose::CheckpointPool(header), validators_of(block));
    }

    fn took_checkpoint_pool(&mut self, now: Instant, relay: RelayId, header: &RawHeader, pool: &Nodes) {
        if self.trust.is_none() {
            match Anchor::verify(&self.config.profile, &self.config.checkpoint, header, pool) {
                Ok(anchor) => self.trust = Some(Trust::new(self.config.profile.clone(), anchor)),
                Err(error) => return self.distrust(now, relay, Distrust::Checkpoint(error)),
            }
        }
        self.ask_for_head(now, relay);
    }

    fn took_bundle(&mut self, now: Instant, relay: RelayId, purpose: Purpose, bundle: Bundle) {
        let Some((trust, clock)) = self.trust.as_mut().zip(self.clock) else { return };
        let clock = clock.1.saturating_add(now.saturating_since(clock.0));
        let bundle = match verify_bundle(&self.config.profile, bundle) {
            Ok(bundle) => bundle,
            Err(error) => return self.distrust(now, relay, Distrust::Bundle(error)),
        };
        let height = bundle.block().height;
        let certified = (bundle.certified().hash(), bundle.certified().state_hash);
        let step = trust.step(clock, bundle).map(|_| ());
        self.note_height(relay, height, &step);
        match (step, purpose) {
            (Ok(()), purpose) => self.advanced(now, relay, &purpose),
            (Err(StepError::Overlap { .. }), Purpose::Latest) => self.set_out(now, relay, height, certified),
            (Err(StepError::Overlap { .. }), Purpose::Between(asked)) => {
                self.too_far(now, relay, asked, height);
            }
            (Err(StepError::NotAbove { .. }), Purpose::Between(asked)) => self.missed(now, relay, asked),
            (Err(StepError::NotAbove { .. }), _) => self.end_pursuit(relay),
            (Err(StepError::Contradiction { height }), _) => {
                self.distrust(now, relay, Distrust::Contradiction(height));
            }
            (Err(StepError::Conflict(evidence)), _) => self.ended_in_conflict(evidence),
            (Err(StepError::Expired { .. }), _) => self.expired(),
            (Err(StepError::Overlap { .. } | StepError::Halted), _) => self.end_pursuit(relay),
        }
    }

    fn advanced(&mut self, now: Instant, relay: RelayId, purpose: &Purpose) {
        self.report_head();
        match purpose {
            Purpose::Latest => self.end_pursuit(relay),
            _ => self.request(now, relay, Purpose::Latest, BundleAt { height: None }),
        }
        self.start_waiting(now);
    }

    fn report_head(&mut self) {
        let Some(trust) = &self.trust else { return };
        let Some(head) = trust.head() else { return };
        let (height, hash) = (head.header().height, head.header().hash());
        let saved = trust.save();
        self.effects.extend([Effect::Head { height, hash }, Effect::Save(saved)]);
    }

    fn expired(&mut self) {
        if !self.has_expired {
            self.has_expired = true;
            self.effects.push_back(Effect::Expired);
        }
    }

    fn ended_in_conflict(&mut self, evidence: Box<Evidence>) {
        let saved = self.trust.as_ref().map(|trust| Effect::Save(trust.save()));
        self.effects.extend([Effect::Conflict(evidence)].into_iter().chain(saved));
    }
}

/// The question for a block's validators.
fn validators_of(block: [u8; 32]) -> StateAt {
    let key = keys::VALIDATORS.to_vec().try_into().expect("the key of the pool is short");
    let keys = Vec::from([key]).try_into().expect("one key is within the bound");
    StateAt { block, keys }
}
