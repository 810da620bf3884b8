//! Introduces the viewers of a presentation to each other, and passes their sealed signalling on.
//!
//! Why a core: a stranger speaks to it directly, so it must be tried against hostile streams as well as
//! thousands of viewers. Promises: only a session with the publisher's ticket and its own key joins;
//! messages pass only between sessions of one presentation; nobody is introduced to anybody below the
//! minimum number of viewers; every session has rate limits, and everything a stranger can fill is
//! bounded. Left out: what the sealed messages say (the tracker cannot read them), and addresses beyond
//! a prefix. Threat model of reports: see `conduct`.

mod audience;
mod bucket;
mod choice;
mod conduct;
mod input;
mod refusal;
mod stream;
#[cfg(test)]
mod tests;

pub use input::{Config, Effect, Input, Stats, StreamKey};

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use thetab_sansio::{Instant, Machine, Timers};
use thetab_wire::{
    PresentationId, PublisherKey, SessionKey,
    codec::{List, Text},
    relay::{
        Find, Found, Join, Joined, MAX_CANDIDATES, Position, Received, Refused, RelayEvent, RelayRequest,
        Report, Send, Update, Viewers,
    },
    session::verify_join,
    ticket::{TicketError, VerifiedTicket},
};

use audience::Audience;
use conduct::{Conduct, Party, Verdict};
use refusal::*;
use stream::{Limits, Session, Stream};

const JOIN_PATIENCE: Duration = Duration::from_secs(10);
const SMALLEST_PREFIX_QUOTA: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Join(StreamKey),
    Ticket(StreamKey),
    Viewers(PresentationId),
    Sweep,
}

/// The tracker of one relay.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    random: ChaCha8Rng,
    streams: BTreeMap<StreamKey, Stream>,
    streams_per_prefix: BTreeMap<Vec<u8>, u32>,
    audiences: BTreeMap<PresentationId, Audience>,
    conduct: Conduct,
    timers: Timers<Timer>,
    effects: VecDeque<Effect>,
    stats: Stats,
}

impl Tracker {
    /// A tracker that serves no presentation yet.
    pub fn new(config: Config) -> Tracker {
        Tracker {
            random: ChaCha8Rng::from_seed(config.seed),
            config,
            streams: BTreeMap::new(),
            streams_per_prefix: BTreeMap::new(),
            audiences: BTreeMap::new(),
            conduct: Conduct::new(),
            timers: Timers::new(),
            effects: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Joined sessions of one presentation.
    pub fn viewers(&self, presentation: &PresentationId) -> u32 {
        self.audiences.get(presentation).map_or(0, Audience::viewers)
    }

    /// Joined sessions of every presentation.
    pub fn viewer_counts(&self) -> BTreeMap<PresentationId, u32> {
        self.audiences.iter().map(|(presentation, audience)| (*presentation, audience.viewers())).collect()
    }

    /// What it has done.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}

impl Machine for Tracker {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Opened { stream, transport_id, prefix } => self.opened(now, stream, transport_id, prefix),
            Input::Message { stream, message } => self.message(now, stream, &message),
            Input::Closed { stream } => self.forget(now, stream),
            Input::Presentation { presentation, publisher } => self.presentation(presentation, publisher),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Join(stream) => self.dismiss(now, stream, LATE),
                Timer::Ticket(stream) => self.dismiss(now, stream, EXPIRED),
                Timer::Viewers(presentation) => self.announce_viewers(&presentation),
                Timer::Sweep => self.sweep(now),
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

/// Streams come and go.
impl Tracker {
    fn opened(&mut self, now: Instant, key: StreamKey, transport_id: Bytes, prefix: Vec<u8>) {
        if self.streams.len() >= self.config.maximum_sessions {
            return self.turn_away(key, FULL);
        }
        let quarter = u32::try_from(self.config.maximum_sessions / 4).unwrap_or(u32::MAX);
        let from_there = self.streams_per_prefix.get(&prefix).copied().unwrap_or(0);
        if !prefix.is_empty() && from_there >= quarter.max(SMALLEST_PREFIX_QUOTA) {
            return self.turn_away(key, FULL_PREFIX);
        }
        self.streams_per_prefix.insert(prefix.clone(), from_there.saturating_add(1));
        self.streams.insert(key, Stream { transport_id, prefix, limits: Limits::new(now), session: None });
        self.timers.set(Timer::Join(key), now + JOIN_PATIENCE);
    }

    /// Forgets a stream, and its session if it had joined.
    fn forget(&mut self, now: Instant, key: StreamKey) {
        let Some(stream) = self.streams.remove(&key) else { return };
        self.timers.cancel(&Timer::Join(key));
        self.timers.cancel(&Timer::Ticket(key));
        if let Some(count) = self.streams_per_prefix.get_mut(&stream.prefix) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.streams_per_prefix.remove(&stream.prefix);
            }
        }
        let Some(session) = &stream.session else { return };
        self.stats.sessions = self.stats.sessions.saturating_sub(1);
        if let Some(audience) = self.audiences.get_mut(&session.presentation) {
            audience.remove(key, &stream);
        }
        self.viewers_changed(now, session.presentation);
    }

    /// Says why, closes the stream and forgets it.
    fn dismiss(&mut self, now: Instant, key: StreamKey, refusal: Refusal) {
        if self.streams.contains_key(&key) {
            self.turn_away(key, refusal);
            self.forget(now, key);
        }
    }

    fn turn_away(&mut self, key: StreamKey, refusal: Refusal) {
        self.refuse(key, refusal);
        self.effects.push_back(Effect::Close { stream: key });
    }

    fn presentation(&mut self, presentation: PresentationId, publisher: PublisherKey) {
        self.audiences.entry(presentation).or_insert_with(|| Audience::new(publisher)).publisher = publisher;
    }

    fn sweep(&mut self, now: Instant) {
        if self.conduct.sweep(now) {
            self.timers.set(Timer::Sweep, now + conduct::MEMORY / 10);
        }
    }
}

/// What nodes ask for.
impl Tracker {
    fn message(&mut self, now: Instant, key: StreamKey, message: &[u8]) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !stream.limits.messages.take(now, 1) {
            return self.slow_down(now, key);
        }
        let joined = stream.session.is_some();
        match (RelayRequest::decode(message), joined) {
            (Err(_), _) => self.dismiss(now, key, PROTOCOL),
            (Ok(None), _) => {}
            (Ok(Some(RelayRequest::Join(join))), false) => self.join(now, key, join),
            (Ok(Some(RelayRequest::Update(update))), true) => self.update(now, key, update),
            (Ok(Some(RelayRequest::Find(find))), true) => self.find(now, key, &find),
            (Ok(Some(RelayRequest::Send(send))), true) => self.send(now, key, send),
            (Ok(Some(RelayRequest::Report(report))), true) => self.report(now, key, &report),
            (Ok(Some(_)), _) => self.dismiss(now, key, JOIN_FIRST),
        }
    }

    fn join(&mut self, now: Instant, key: StreamKey, join: Join) {
        let position = join.position.clone();
        match self.verify_join(now, key, join) {
            Ok(ticket) => self.admit(now, key, ticket, position),
            Err(refusal) => self.dismiss(now, key, refusal),
        }
    }

    fn verify_join(&self, now: Instant, key: StreamKey, join: Join) -> Result<VerifiedTicket, Refusal> {
        let stream = self.streams.get(&key).ok_or(JOIN_FIRST)?;
        let presentation = join.ticket.claimed_presentation().or(Err(TICKET))?;
        let audience = self.audiences.get(&presentation).ok_or(UNKNOWN)?;
        let ticket = join.ticket.verify(&presentation, &audience.publisher, self.unix_seconds(now)).map_err(
            |error| match error {
                TicketError::Expired => EXPIRED,
                _ => TICKET,
            },
        )?;
        let (relay, transport) = (&self.config.relay_id, &stream.transport_id);
        if !verify_join(&ticket.session, &presentation, relay, transport, &join.proof) {
            return Err(PROOF);
        }
        let party = Party { session: ticket.session, prefix: &stream.prefix };
        if self.conduct.is_banned(now, party) { Err(BANNED) } else { Ok(ticket) }
    }

    fn admit(&mut self, now: Instant, key: StreamKey, ticket: VerifiedTicket, position: Position) {
        let presentation = ticket.presentation;
        let earlier = self.audiences.get(&presentation).and_then(|there| there.stream_of(&ticket.session));
        if let Some(earlier) = earlier {
            self.dismiss(now, earlier, REPLACED);
        }
        let lasts = ticket.expires_unix_seconds.saturating_sub(self.unix_seconds(now));
        let lot = self.random.next_u64();
        let (Some(stream), Some(audience)) =
            (self.streams.get_mut(&key), self.audiences.get_mut(&presentation))
        else {
            return;
        };
        stream.session = Some(Session::new(ticket, position, lot));
        audience.insert(key, stream);
        let viewers = audience.viewers();
        self.stats.sessions = self.stats.sessions.saturating_add(1);
        self.timers.cancel(&Timer::Join(key));
        self.timers.set(Timer::Ticket(key), now + Duration::from_secs(lasts));
        let minimum_viewers = self.config.minimum_viewers;
        self.tell(key, &Joined { viewers, minimum_viewers }.into());
        self.viewers_changed(now, presentation);
    }

    fn update(&mut self, now: Instant, key: StreamKey, update: Update) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !stream.limits.updates.take(now, 1) {
            return self.slow_down(now, key);
        }
        let Some(presentation) = stream.session.as_ref().map(|session| session.presentation) else { return };
        if let Some(audience) = self.audiences.get_mut(&presentation) {
            audience.reposition(key, stream, update.position);
        }
    }

    fn find(&mut self, now: Instant, key: StreamKey, find: &Find) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !stream.limits.finds.take(now, 1) {
            return self.slow_down(now, key);
        }
        let chosen = self.choose(now, key, usize::from(find.count).min(MAX_CANDIDATES));
        let mut tickets = Vec::new();
        for (candidate, session) in chosen {
            self.introduce(key, candidate, session, &mut tickets);
        }
        let (peers, _) = List::split(tickets);
        self.tell(key, &Found { peers }.into());
    }

    fn introduce(
        &mut self,
        asker: StreamKey,
        candidate: StreamKey,
        session: SessionKey,
        tickets: &mut Vec<thetab_wire::ticket::SignedTicket>,
    ) {
        let Some(asking) = self.session_mut(asker) else { return };
        asking.meet(session);
        let asking = asking.key();
        if let Some(found) = self.session_mut(candidate) {
            found.meet(asking);
            tickets.push(found.ticket.signed().clone());
        }
    }

    fn send(&mut self, now: Instant, key: StreamKey, send: Send) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let size = send.sealed.len() as u64;
        if !stream.limits.sends.take(now, 1) || !stream.limits.sent_bytes.take(now, size) {
            return self.slow_down(now, key);
        }
        let Some(sender) = &stream.session else { return };
        let from = sender.ticket.signed().clone();
        let (session, met) = (sender.key(), sender.has_met(&send.to));
        let receiver = self.audiences.get(&sender.presentation).and_then(|there| there.stream_of(&send.to));
        let Some((receiver, stream)) = receiver.and_then(|to| Some((to, self.streams.get_mut(&to)?))) else {
            // It left a moment ago: nothing to tell, the sender gives up by itself.
            self.stats.refused = self.stats.refused.saturating_add(1);
            return;
        };
        let limits = &mut stream.limits;
        let room = if met { &mut limits.received } else { &mut limits.received_from_strangers };
        if send.to == session || !room.take(now, 1) {
            return self.slow_down(now, key);
        }
        self.stats.signals = self.stats.signals.saturating_add(1);
        self.tell(receiver, &Received { from, sealed: send.sealed }.into());
    }

    fn report(&mut self, now: Instant, key: StreamKey, report: &Report) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !stream.limits.reports.take(now, 1) {
            return self.slow_down(now, key);
        }
        match self.judge(now, key, &report.peer) {
            None | Some((_, Verdict::Ignored)) => self.stats.refused = self.stats.refused.saturating_add(1),
            Some((_, Verdict::Noted)) => self.stats.reports = self.stats.reports.saturating_add(1),
            Some((reported, Verdict::SessionBanned)) => {
                self.stats.reports = self.stats.reports.saturating_add(1);
                self.dismiss(now, reported, BANNED);
            }
        }
    }

    /// Weighs a report; `None` when the reporter was never introduced to that session, or it has left.
    fn judge(&mut self, now: Instant, key: StreamKey, peer: &SessionKey) -> Option<(StreamKey, Verdict)> {
        let stream = self.streams.get(&key)?;
        let session = stream.session.as_ref().filter(|session| session.has_met(peer))?;
        let reported = self.audiences.get(&session.presentation)?.stream_of(peer)?;
        let by = Party { session: session.key(), prefix: &stream.prefix };
        let about = Party { session: *peer, prefix: &self.streams.get(&reported)?.prefix };
        let verdict = self.conduct.report(now, by, about);
        if self.timers.due(&Timer::Sweep).is_none() {
            self.timers.set(Timer::Sweep, now + conduct::MEMORY / 10);
        }
        Some((reported, verdict))
    }
}

/// What nodes are told.
impl Tracker {
    fn viewers_changed(&mut self, now: Instant, presentation: PresentationId) {
        let Some(audience) = self.audiences.get(&presentation) else { return };
        let timer = Timer::Viewers(presentation);
        if self.timers.due(&timer).is_some() {
            return;
        }
        // The more viewers, the less one more matters: a session hears at most 200 bytes a minute.
        let wait = match audience.viewers() {
            0..=64 => 1,
            65..=1024 => 5,
            _ => 30,
        };
        self.timers.set(timer, now + Duration::from_secs(wait));
    }

    fn announce_viewers(&mut self, presentation: &PresentationId) {
        let Some(audience) = self.audiences.get_mut(presentation) else { return };
        let viewers = audience.viewers();
        if core::mem::replace(&mut audience.announced, viewers) == viewers {
            return;
        }
        let message: Bytes = RelayEvent::from(Viewers { viewers }).encode().into();
        let told = audience.streams().map(|stream| Effect::Send { stream, message: message.clone() });
        self.effects.extend(told);
    }

    /// Refuses one message for being one too many, and the stream when it does not learn.
    fn slow_down(&mut self, now: Instant, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !stream.limits.patience.take(now, 1) {
            self.dismiss(now, key, RATE_LIMITED);
        } else if stream.limits.notices.take(now, 1) {
            self.refuse(key, RATE_LIMITED);
        } else {
            self.stats.refused = self.stats.refused.saturating_add(1);
        }
    }

    fn refuse(&mut self, key: StreamKey, Refusal(code, message): Refusal) {
        self.stats.refused = self.stats.refused.saturating_add(1);
        let code = Text::try_from(code).unwrap_or_default();
        let message = Text::try_from(message).unwrap_or_default();
        self.tell(key, &Refused { code, message }.into());
    }

    fn tell(&mut self, stream: StreamKey, event: &RelayEvent) {
        self.effects.push_back(Effect::Send { stream, message: event.encode().into() });
    }

    fn session_mut(&mut self, key: StreamKey) -> Option<&mut Session> {
        self.streams.get_mut(&key)?.session.as_mut()
    }

    fn unix_seconds(&self, now: Instant) -> u64 {
        self.config.started_unix_seconds.saturating_add(now.since_start().as_secs())
    }
}
