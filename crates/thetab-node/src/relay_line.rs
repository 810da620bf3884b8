//! The line to the relay: ticket, stream, join, and all of it again when something gives way.
//!
//! Promises: one attempt at a time, spaced 1 to 30 s with jitter; a ticket is renewed before it
//! ends; the relay hears of a new position at most once a second. Peers that are linked do not
//! need this line: nothing here touches them.

use alloc::{format, string::String};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::{Bounded, Instant, Timers};
use thetab_wire::{
    PresentationId, PublisherKey,
    relay::{Found, Join, Position, Received, Refused, RelayEvent, RelayRequest, Report, Update},
    session::SessionSecret,
    ticket::{SignedTicket, VerifiedTicket},
};

use crate::{
    effect::{Effect, RelayState},
    outbox::Outbox,
    policy::Audience,
    random::Random,
};

/// A step that takes longer has failed, whatever the host says or does not say.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two updates.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two updates when only the playhead moved on as it does.
const PLAYHEAD_INTERVAL: Duration = Duration::from_secs(10);
/// A playhead that moved by more segments was moved by the visitor.
const PLAYHEAD_JUMP: u64 = 3;
/// A ticket is renewed this long before it ends, or after half its life.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);
/// When to renew a ticket that the relay takes and our own clock calls over.
const RENEWAL_BY_A_WRONG_CLOCK: Duration = Duration::from_secs(600);
/// Reports that wait for the relay; more are dropped, it hears of those peers from others.
const MAX_WAITING_REPORTS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not wanted.
    Off,
    /// The ticket is being asked for.
    Ticket,
    /// The stream is being opened.
    Connect,
    /// The join was sent.
    Join,
    /// The relay said yes.
    Joined,
    /// Something failed; the step timer ends the wait.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The phase lasts too long, or the wait is over.
    Step,
    /// A position waits to be sent.
    Update,
    /// The ticket ends soon.
    Renew,
}

/// What the relay said that others in the node must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Peers to connect to.
    Found(Found),
    /// A sealed message.
    Received(Received),
    /// A request was one too many.
    RateLimited,
}

/// Whose stream is joined, as whom.
#[derive(Debug)]
pub(crate) struct RelayLine {
    presentation: PresentationId,
    publisher: PublisherKey,
    secret: SessionSecret,
    started_unix_seconds: u64,
    random: Random,
    phase: Phase,
    ticket: Option<VerifiedTicket>,
    attempt: u32,
    lost: bool,
    complained: bool,
    audience: Option<Audience>,
    position: Position,
    sent: Option<(Instant, Position)>,
    reports: Bounded<Report>,
    timers: Timers<Timer>,
}

impl RelayLine {
    /// A line that is not wanted yet.
    pub(crate) fn new(config: &crate::Config, secret: SessionSecret) -> RelayLine {
        RelayLine {
            presentation: config.presentation,
            publisher: config.publisher,
            secret,
            started_unix_seconds: config.started_unix_seconds,
            random: Random::new(&config.entropy, "thetab node relay line 1"),
            phase: Phase::Off,
            ticket: None,
            attempt: 0,
            lost: false,
            complained: false,
            audience: None,
            position: Position { sharing: false, rendition: 0, playhead_sequence: 0, links: 0 },
            sent: None,
            reports: Bounded::new(MAX_WAITING_REPORTS),
            timers: Timers::new(),
        }
    }

    /// What a page shows.
    pub(crate) fn state(&self) -> RelayState {
        match self.phase {
            Phase::Off => RelayState::Off,
            Phase::Joined => RelayState::Connected,
            _ if self.lost => RelayState::Lost,
            _ => RelayState::Connecting,
        }
    }

    /// Whether requests reach the relay now.
    pub(crate) fn is_joined(&self) -> bool {
        self.phase == Phase::Joined
    }

    /// What the relay last said about the audience, since the line was wanted.
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.audience
    }

    /// Most links that the ticket allows.
    pub(crate) fn maximum_links(&self) -> Option<usize> {
        self.ticket.as_ref().map(|ticket| usize::from(ticket.maximum_links))
    }

    /// Opens the line, or closes it for good.
    pub(crate) fn want(&mut self, now: Instant, wanted: bool, out: &mut Outbox) {
        match (wanted, self.phase) {
            (true, Phase::Off) => self.start(now, out),
            (false, Phase::Off) | (true, _) => {}
            (false, _) => self.stop(out),
        }
    }

    /// Takes the ticket that was asked for.
    pub(crate) fn ticket(&mut self, now: Instant, ticket: Option<SignedTicket>, out: &mut Outbox) {
        let renewing = match self.phase {
            Phase::Ticket => false,
            Phase::Joined => true,
            _ => return,
        };
        let Some(ticket) = ticket.and_then(|ticket| self.verified(ticket)) else {
            self.complain(
                "ticket_refused",
                "The relay gave no valid ticket. Playback goes on without peers.".into(),
                out,
            );
            return if renewing { self.renew_later(now) } else { self.wait(now) };
        };
        self.ticket = Some(ticket);
        if renewing {
            out.host(Effect::DisconnectRelay);
        }
        self.connect(now, out);
    }

    /// The stream is open: joins on it.
    pub(crate) fn connected(&mut self, now: Instant, relay_id: &[u8], transport_id: &[u8], out: &mut Outbox) {
        let (Phase::Connect, Some(ticket)) = (self.phase, &self.ticket) else { return };
        let join = Join {
            ticket: ticket.signed().clone(),
            proof: self.secret.prove_join(&self.presentation, relay_id, transport_id),
            position: self.position.clone(),
        };
        self.sent = Some((now, self.position.clone()));
        out.host(Effect::SendRelay(RelayRequest::from(join).encode().into()));
        self.enter(now, Phase::Join);
    }

    /// The stream closed or did not open.
    pub(crate) fn lost(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Connect | Phase::Join | Phase::Joined) {
            self.wait(now);
        }
    }

    /// Takes one message of the relay. Bytes that are none end the stream: it is tried again.
    pub(crate) fn message(&mut self, now: Instant, message: &Bytes, out: &mut Outbox) -> Option<News> {
        if !matches!(self.phase, Phase::Join | Phase::Joined) {
            return None;
        }
        match RelayEvent::decode(message) {
            Ok(Some(event)) => self.event(now, event, out),
            Ok(None) => None,
            Err(_) => {
                out.host(Effect::DisconnectRelay);
                self.wait(now);
                None
            }
        }
    }

    /// Tells the relay where the node is, now or when it may.
    pub(crate) fn moved(&mut self, now: Instant, position: Position, out: &mut Outbox) {
        self.position = position;
        self.update(now, out);
    }

    /// Sends a request. Without a joined relay a report waits and anything else is dropped.
    pub(crate) fn send(&mut self, request: RelayRequest, out: &mut Outbox) {
        match request {
            request if self.is_joined() => out.host(Effect::SendRelay(request.encode().into())),
            RelayRequest::Report(report) => drop(self.reports.push(report)),
            _ => {}
        }
    }

    /// When something is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.timers.next_due()
    }

    /// Does what is due.
    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Step => self.step_timed_out(now, out),
                Timer::Update => self.update(now, out),
                Timer::Renew => self.renew(now, out),
            }
        }
    }

    fn event(&mut self, now: Instant, event: RelayEvent, out: &mut Outbox) -> Option<News> {
        match (event, self.phase) {
            (RelayEvent::Joined(joined), Phase::Join) => {
                let (viewers, minimum_viewers) = (joined.viewers, joined.minimum_viewers);
                self.audience = Some(Audience { viewers, minimum_viewers });
                self.joined(now, out);
                None
            }
            (RelayEvent::Viewers(viewers), _) => {
                if let Some(audience) = &mut self.audience {
                    audience.viewers = viewers.viewers;
                }
                None
            }
            (RelayEvent::Found(found), Phase::Joined) => Some(News::Found(found)),
            (RelayEvent::Received(received), Phase::Joined) => Some(News::Received(received)),
            (RelayEvent::Refused(refused), Phase::Join) => {
                self.join_refused(now, &refused, out);
                None
            }
            (RelayEvent::Refused(refused), _) => self.request_refused(now, &refused, out),
            _ => None,
        }
    }

    fn joined(&mut self, now: Instant, out: &mut Outbox) {
        self.enter(now, Phase::Joined);
        self.attempt = 0;
        self.lost = false;
        self.complained = false;
        self.renew_later(now);
        while let Some(report) = self.reports.pop() {
            self.send(report.into(), out);
        }
        self.update(now, out);
    }

    fn join_refused(&mut self, now: Instant, refused: &Refused, out: &mut Outbox) {
        let code = match &*refused.code {
            "ticket_invalid" | "ticket_expired" => {
                self.ticket = None;
                "ticket_refused"
            }
            _ => "relay_refused",
        };
        self.complain(code, format!("{} Playback goes on without peers.", &*refused.message), out);
        out.host(Effect::DisconnectRelay);
        self.wait(now);
    }

    fn request_refused(&mut self, now: Instant, refused: &Refused, out: &mut Outbox) -> Option<News> {
        match &*refused.code {
            "ticket_expired" => self.renew(now, out),
            "rate_limited" => return Some(News::RateLimited),
            _ => {}
        }
        None
    }

    /// One complaint per outage: a person needs to read it once.
    fn complain(&mut self, code: &'static str, message: String, out: &mut Outbox) {
        if !core::mem::replace(&mut self.complained, true) {
            out.host(Effect::Problem { code, message });
        }
    }

    fn start(&mut self, now: Instant, out: &mut Outbox) {
        if self.ticket_life(now) > RENEWAL_MARGIN {
            return self.connect(now, out);
        }
        self.ask_ticket(out);
        self.enter(now, Phase::Ticket);
    }

    fn connect(&mut self, now: Instant, out: &mut Outbox) {
        out.host(Effect::ConnectRelay);
        self.enter(now, Phase::Connect);
    }

    fn stop(&mut self, out: &mut Outbox) {
        if matches!(self.phase, Phase::Connect | Phase::Join | Phase::Joined) {
            out.host(Effect::DisconnectRelay);
        }
        self.phase = Phase::Off;
        self.lost = false;
        self.complained = false;
        self.attempt = 0;
        self.audience = None;
        self.timers = Timers::new();
    }

    fn wait(&mut self, now: Instant) {
        self.lost |= self.phase == Phase::Joined;
        self.timers = Timers::new();
        self.phase = Phase::Wait;
        self.timers.set(Timer::Step, now + self.random.back_off(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
    }

    fn enter(&mut self, now: Instant, phase: Phase) {
        self.phase = phase;
        match phase {
            Phase::Ticket | Phase::Connect | Phase::Join => self.timers.set(Timer::Step, now + STEP_TIMEOUT),
            _ => self.timers.cancel(&Timer::Step),
        }
    }

    fn step_timed_out(&mut self, now: Instant, out: &mut Outbox) {
        match self.phase {
            Phase::Wait => self.start(now, out),
            Phase::Ticket => self.wait(now),
            Phase::Connect | Phase::Join => {
                out.host(Effect::DisconnectRelay);
                self.wait(now);
            }
            Phase::Off | Phase::Joined => {}
        }
    }

    fn update(&mut self, now: Instant, out: &mut Outbox) {
        let Some((at, sent)) = self.sent.as_ref().filter(|_| self.is_joined()) else { return };
        if *sent == self.position {
            return self.timers.cancel(&Timer::Update);
        }
        let due = *at + interval(sent, &self.position);
        if due > now {
            return self.timers.set(Timer::Update, due);
        }
        self.timers.cancel(&Timer::Update);
        self.sent = Some((now, self.position.clone()));
        self.send(Update { position: self.position.clone() }.into(), out);
    }

    fn renew(&mut self, now: Instant, out: &mut Outbox) {
        if self.is_joined() {
            self.ask_ticket(out);
            self.timers.set(Timer::Renew, now + RENEWAL_MARGIN);
        }
    }

    fn renew_later(&mut self, now: Instant) {
        let life = self.ticket_life(now);
        let delay = life.saturating_sub(RENEWAL_MARGIN).max(life / 2);
        let delay = if delay.is_zero() { RENEWAL_BY_A_WRONG_CLOCK } else { delay };
        self.timers.set(Timer::Renew, now + delay);
    }

    fn ask_ticket(&mut self, out: &mut Outbox) {
        let (session, seal) = (self.secret.session_key(), self.secret.seal_key());
        out.host(Effect::RequestTicket { session, seal });
    }

    /// How long the ticket still lasts, by the host's clock.
    fn ticket_life(&self, now: Instant) -> Duration {
        let now = self.started_unix_seconds.saturating_add(now.since_start().as_secs());
        let ends = self.ticket.as_ref().map_or(0, |ticket| ticket.expires_unix_seconds);
        Duration::from_secs(ends.saturating_sub(now))
    }

    /// Expiry of one's own ticket is the relay's to judge: a visitor's clock may be wrong by hours.
    fn verified(&self, ticket: SignedTicket) -> Option<VerifiedTicket> {
        let ticket = ticket.verify(&self.presentation, &self.publisher, 0).ok()?;
        let ours = ticket.session == self.secret.session_key() && ticket.seal == self.secret.seal_key();
        ours.then_some(ticket)
    }
}

fn interval(sent: &Position, position: &Position) -> Duration {
    let same = Position { playhead_sequence: position.playhead_sequence, ..sent.clone() } == *position;
    let jumped = position.playhead_sequence.abs_diff(sent.playhead_sequence) > PLAYHEAD_JUMP;
    if same && !jumped { PLAYHEAD_INTERVAL } else { UPDATE_INTERVAL }
}
