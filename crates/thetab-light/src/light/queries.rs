//! What the user wants to know, asked of one relay after another until one shows it.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_types::{
    Address, B256, Header, U256, keys,
    stake::{GuardianPool, ValidatorCandidatePool},
};
use thetab_wire::chain::{
    ChainAnswer, ChainRequest, CodeOf, GuardiansAt, Headers, HeadersAt, MAX_HEADERS, MAX_KEYS, StateAt,
    StateKey, StorageAt, TransactionOf,
};

use super::{Distrust, Effect, Light, Purpose, QueryId, RelayId, Timer};
use crate::{
    FinalHeader, GuardianEvidence, ProvenAccount, ProvenTransaction, StateError, Trust,
    trust::MAX_FINAL_HEADERS, verify_guardian_votes,
};

/// Most queries at a time.
pub const MAX_QUERIES: usize = 64;

/// How long a query may take, all relays together.
const DEADLINE: Duration = Duration::from_secs(30);

/// Blocks from one checkpoint of the guardians to the next.
const CHECKPOINT_INTERVAL: u64 = 100;

/// Something to know about the head's state, or about a block below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// An account.
    Account(Address),
    /// Slots of a contract's storage.
    Storage(Address, Vec<B256>),
    /// A contract's code.
    Code(Address),
    /// Raw values of the state.
    State(Vec<Bytes>),
    /// Everyone with stake for validating.
    Candidates,
    /// All guardians.
    GuardianPool,
    /// A transaction.
    Transaction(B256),
    /// How much of the guardians' stake signed a checkpoint: the one at this height, or the latest that can be known.
    Guardians(Option<u64>),
}

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// An account, or that there is none.
    Account(ProvenAccount),
    /// Values of slots, in the order asked.
    Storage(ProvenAccount, Vec<U256>),
    /// Code; empty for what is no contract.
    Code(ProvenAccount, Bytes),
    /// Raw values, in the order asked, in the state of this block.
    State(FinalHeader, Vec<Option<Bytes>>),
    /// Everyone with stake for validating, in the state of this block.
    Candidates(FinalHeader, Option<ValidatorCandidatePool>),
    /// All guardians, in the state of this block.
    GuardianPool(FinalHeader, Option<GuardianPool>),
    /// A transaction.
    Transaction(ProvenTransaction),
    /// Evidence from guardians.
    Guardians(GuardianEvidence),
}

/// Why nothing was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No relay showed it.
    #[error("no relay shows it")]
    Unavailable,
    /// Too many queries at a time, or too many keys in one.
    #[error("that is too much at a time")]
    TooMuch,
    /// The block is above the latest final one. It may become final.
    #[error("the block at height {0} is not final yet")]
    NotFinal(u64),
    /// The block is too far below the head to walk down to it.
    #[error("the block at height {0} is too far below the head")]
    TooOld(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    what: Query,
    /// The block whose state is asked for.
    at: Option<FinalHeader>,
    stage: Stage,
    tried: BTreeSet<RelayId>,
    /// Whether a relay has the question.
    is_open: bool,
    /// What a relay said instead. It may lie, so that it counts only when no other shows more.
    excuse: Option<QueryError>,
}

/// How far an answer is.
#[derive(Clone, Debug)]
enum Stage {
    First,
    /// The account is shown, its code is not.
    CodeOf(Box<ProvenAccount>),
    /// An answer is there, and its block must be shown to be final.
    Walking(Box<ChainAnswer>, u64),
}

/// What came of an answer.
enum Outcome {
    Done(Box<Proven>),
    /// Somebody else may show more.
    Excuse(QueryError),
    Caught(Distrust),
    More(Stage, Box<ChainRequest>),
}

impl Light {
    pub(super) fn ask(&mut self, now: Instant, query: QueryId, what: Query) {
        let is_known = self.queries.contains_key(&query);
        if self.queries.len() >= MAX_QUERIES || is_known || !what.is_bounded() {
            return self.effects.push_back(Effect::Answer { query, result: Err(QueryError::TooMuch) });
        }
        let asked = Asked {
            what,
            at: None,
            stage: Stage::First,
            tried: BTreeSet::new(),
            is_open: false,
            excuse: None,
        };
        self.queries.insert(query, asked);
        self.set_timer(Timer::Query(query), now, DEADLINE);
        self.try_next(now, query);
    }

    /// Gives queries that wait for a head or a relay another chance.
    pub(super) fn start_waiting(&mut self, now: Instant) {
        let waiting = self.queries.iter().filter(|(_, asked)| !asked.is_open);
        let waiting: Vec<_> = waiting.map(|(query, _)| *query).collect();
        for query in waiting {
            self.try_next(now, query);
        }
    }

    /// Asks the next relay. When all have been asked, the query ends with an excuse, or waits for another relay and its deadline.
    pub(super) fn try_next(&mut self, now: Instant, query: QueryId) {
        let Some(asked) = self.queries.get_mut(&query) else { return };
        asked.is_open = false;
        let head = self.trust.as_ref().and_then(Trust::head);
        let Some(head) = head.filter(|_| !self.has_expired).map(|head| head.header().clone()) else { return };
        let usable = self.relays.iter().filter(|(_, relay)| relay.is_trusted()).map(|(id, _)| *id);
        let Some(relay) = usable.into_iter().find(|relay| !asked.tried.contains(relay)) else {
            if let Some(excuse) = asked.excuse {
                self.finish(query, Err(excuse));
            }
            return;
        };
        asked.tried.insert(relay);
        (asked.stage, asked.is_open) = (Stage::First, true);
        let what = asked.what.question(asked.at.insert(head));
        self.request(now, relay, Purpose::Query(query), what);
    }

    pub(super) fn too_late(&mut self, query: QueryId) {
        let excuse = self.queries.get(&query).and_then(|asked| asked.excuse);
        self.finish(query, Err(excuse.unwrap_or(QueryError::Unavailable)));
    }

    fn finish(&mut self, query: QueryId, result: Result<Box<Proven>, QueryError>) {
        if self.queries.remove(&query).is_some() {
            self.timers.cancel(&Timer::Query(query));
            self.effects.push_back(Effect::Answer { query, result });
        }
    }

    pub(super) fn took_query(&mut self, now: Instant, relay: RelayId, query: QueryId, answer: ChainAnswer) {
        let Some(Asked { what, at: Some(at), stage, .. }) = self.queries.get(&query).cloned() else { return };
        match self.judge(&what, &at, stage, answer) {
            Outcome::Done(proven) => self.finish(query, Ok(proven)),
            Outcome::Caught(reason) => self.caught(now, relay, Purpose::Query(query), reason),
            Outcome::Excuse(excuse) => {
                if let Some(asked) = self.queries.get_mut(&query) {
                    asked.excuse = Some(excuse);
                }
                self.try_next(now, query);
            }
            Outcome::More(stage, question) => {
                if let Some(asked) = self.queries.get_mut(&query) {
                    asked.stage = stage;
                }
                self.request(now, relay, Purpose::Query(query), *question);
            }
        }
    }

    /// What an answer shows.
    fn judge(&mut self, what: &Query, at: &FinalHeader, stage: Stage, answer: ChainAnswer) -> Outcome {
        match (what, stage, answer) {
            (_, Stage::Walking(kept, target), ChainAnswer::Headers(answer)) => {
                self.walked(what, at, *kept, target, &answer)
            }
            (Query::Code(_), Stage::CodeOf(account), ChainAnswer::Code(answer)) => {
                shown(account.verify_code(answer.code.into_inner()), |code| Proven::Code(*account, code))
            }
            (Query::Transaction(_) | Query::Guardians(_), Stage::First, answer) => {
                self.judge_below(what, at, answer)
            }
            (_, Stage::First, answer) => judge_state(what, at, answer),
            _ => Outcome::Caught(Distrust::OtherAnswer),
        }
    }

    /// What an answer about a block below the head shows, once that block is known to be final.
    fn judge_below(&self, what: &Query, at: &FinalHeader, answer: ChainAnswer) -> Outcome {
        let Some(trust) = &self.trust else { return Outcome::Excuse(QueryError::Unavailable) };
        let raw = match &answer {
            ChainAnswer::Transaction(answer) => &answer.header,
            ChainAnswer::Guardians(answer) => &answer.header,
            _ => return Outcome::Caught(Distrust::OtherAnswer),
        };
        let header = match Header::decode(raw, &trust.profile().forks) {
            Ok(header) => header,
            Err(error) => return Outcome::Caught(Distrust::State(StateError::Decode(error))),
        };
        match trust.final_at(header.height) {
            Some(known) if known.hash() != header.hash() => {
                Outcome::Caught(Distrust::Contradiction(header.height))
            }
            Some(known) => settle(trust, known, what, at, answer),
            None => walk_to(trust, header.height, answer),
        }
    }

    /// Headers that should lead further down to a block.
    fn walked(
        &mut self,
        what: &Query,
        at: &FinalHeader,
        kept: ChainAnswer,
        target: u64,
        answer: &Headers,
    ) -> Outcome {
        let Some(trust) = &mut self.trust else { return Outcome::Excuse(QueryError::Unavailable) };
        let above = |trust: &Trust| trust.final_from(target).map(|header| header.height);
        let before = above(trust);
        let decoded = answer.headers.iter().map(|raw| Header::decode(raw, &trust.profile().forks));
        let mut headers: Vec<_> = decoded.filter_map(Result::ok).collect();
        headers.sort_by_key(|header| core::cmp::Reverse(header.height));
        trust.walk_back(headers);
        if above(trust) >= before {
            return Outcome::Caught(Distrust::Headers);
        }
        self.judge_below(what, at, kept)
    }
}

impl Query {
    fn is_bounded(&self) -> bool {
        match self {
            Query::Storage(_, slots) => slots.len() <= MAX_KEYS,
            Query::State(keys) => {
                keys.len() <= MAX_KEYS && keys.iter().all(|key| StateKey::try_from(key.to_vec()).is_ok())
            }
            _ => true,
        }
    }

    /// The question to a relay, about the state of this block.
    fn question(&self, at: &FinalHeader) -> ChainRequest {
        let block = at.hash().0;
        let state = |keys: Vec<Vec<u8>>| {
            let keys = keys.into_iter().map(StateKey::try_from).collect::<Result<Vec<_>, _>>();
            let keys = keys.and_then(TryInto::try_into).expect("keys were bounded when the query was taken");
            ChainRequest::from(StateAt { block, keys })
        };
        match self {
            Query::Account(address) | Query::Code(address) => state([keys::account(address)].into()),
            Query::State(keys) => state(keys.iter().map(|key| key.to_vec()).collect()),
            Query::Candidates => state([keys::VALIDATORS.to_vec()].into()),
            Query::GuardianPool => state([keys::GUARDIANS.to_vec()].into()),
            Query::Storage(address, slots) => {
                let slots: Vec<_> = slots.iter().map(|slot| slot.0).collect();
                let slots = slots.try_into().expect("slots were bounded when the query was taken");
                StorageAt { block, address: address.0.0, slots }.into()
            }
            Query::Transaction(hash) => TransactionOf { hash: hash.0 }.into(),
            Query::Guardians(height) => GuardiansAt { height: checkpoint(*height, at) }.into(),
        }
    }
}

/// The checkpoint that is meant: without a height the latest whose votes a final block can have.
fn checkpoint(height: Option<u64>, at: &FinalHeader) -> u64 {
    let latest = at.height.saturating_sub(1) / CHECKPOINT_INTERVAL;
    let before = latest.saturating_sub(1).saturating_mul(CHECKPOINT_INTERVAL);
    height.unwrap_or(before.saturating_add(1))
}

/// What an answer about the state of a block shows.
fn judge_state(what: &Query, at: &FinalHeader, answer: ChainAnswer) -> Outcome {
    match (what, answer) {
        (Query::Account(address), ChainAnswer::State(state)) => {
            shown(at.verify_account(*address, &state.nodes), Proven::Account)
        }
        (Query::Code(address), ChainAnswer::State(state)) => code(at.verify_account(*address, &state.nodes)),
        (Query::Storage(address, slots), ChainAnswer::Storage(answer)) => {
            let both = at.verify_account(*address, &answer.account).and_then(|account| {
                let values = account.verify_storage(slots, &answer.slots)?;
                Ok((account, values))
            });
            shown(both, |(account, values)| Proven::Storage(account, values))
        }
        (Query::State(keys), ChainAnswer::State(state)) => {
            shown(at.verify_states(keys, &state.nodes), |values| Proven::State(at.clone(), values))
        }
        (Query::Candidates, ChainAnswer::State(state)) => {
            shown(at.verify_candidates(&state.nodes), |pool| Proven::Candidates(at.clone(), pool))
        }
        (Query::GuardianPool, ChainAnswer::State(state)) => {
            shown(at.verify_guardians(&state.nodes), |pool| Proven::GuardianPool(at.clone(), pool))
        }
        _ => Outcome::Caught(Distrust::OtherAnswer),
    }
}

/// What an answer about a final block below the head shows.
fn settle(
    trust: &Trust,
    known: &FinalHeader,
    what: &Query,
    at: &FinalHeader,
    answer: ChainAnswer,
) -> Outcome {
    match (what, answer) {
        (Query::Transaction(hash), ChainAnswer::Transaction(answer)) => {
            let raw = answer.raw.into_inner();
            shown(known.verify_transaction(hash, answer.index, raw, &answer.nodes), Proven::Transaction)
        }
        (Query::Guardians(height), ChainAnswer::Guardians(answer)) => {
            match verify_guardian_votes(trust.profile(), known, &answer.checkpoint, &answer.pool) {
                Ok(evidence) if evidence.height == checkpoint(*height, at) => {
                    Outcome::Done(Box::new(Proven::Guardians(evidence)))
                }
                Ok(_) => Outcome::Caught(Distrust::OtherAnswer),
                Err(error) => Outcome::Caught(Distrust::Guardians(error)),
            }
        }
        _ => Outcome::Caught(Distrust::OtherAnswer),
    }
}

/// The next question on the way down to a block.
fn walk_to(trust: &Trust, height: u64, answer: ChainAnswer) -> Outcome {
    let latest = trust.latest_height();
    if height > latest {
        return Outcome::Excuse(QueryError::NotFinal(height));
    }
    let above = trust.final_from(height).map(|header| header.height);
    let Some(above) = above.filter(|_| latest.saturating_sub(height) < MAX_FINAL_HEADERS as u64) else {
        return Outcome::Excuse(QueryError::TooOld(height));
    };
    let from = height.max(above.saturating_sub(MAX_HEADERS as u64));
    let count = u8::try_from(above.saturating_sub(from)).unwrap_or(u8::MAX);
    Outcome::More(Stage::Walking(Box::new(answer), height), Box::new(HeadersAt { from, count }.into()))
}

fn shown<T>(result: Result<T, StateError>, proven: impl FnOnce(T) -> Proven) -> Outcome {
    match result {
        Ok(value) => Outcome::Done(Box::new(proven(value))),
        Err(error) => Outcome::Caught(Distrust::State(error)),
    }
}

/// The next step towards code, once its account is shown.
fn code(account: Result<ProvenAccount, StateError>) -> Outcome {
    match account {
        Ok(account) => match account.code_hash() {
            Some(hash) => {
                Outcome::More(Stage::CodeOf(Box::new(account)), Box::new(CodeOf { hash: hash.0 }.into()))
            }
            None => Outcome::Done(Box::new(Proven::Code(account, Bytes::new()))),
        },
        Err(error) => Outcome::Caught(Distrust::State(error)),
    }
}
