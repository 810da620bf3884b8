use alloc::{string::String, vec::Vec};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::{Instant, Machine, Timers};
use thetab_swarm::{Effect as SwarmEffect, Input as SwarmInput, PeerId, SharePolicy, Swarm};
use thetab_wire::{SegmentId, SessionKey, relay::Position, session::SessionSecret};

use crate::{
    effect::{Effect, NodeSnapshot},
    input::{Conditions, Config, ConnectionId, Input, Settings, SharingMode},
    mesh::Mesh,
    outbox::Outbox,
    policy::{self, Decision},
    random::Random,
    relay_line::{News, RelayLine},
};

/// Between two snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(250);
/// Between two problems with the same code.
const PROBLEM_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A snapshot that came too soon after the last.
    Snapshot,
    /// Playback has been paused long enough to ask again what may be shared.
    Paused,
}

/// Where the player is.
#[derive(Clone, Debug, Default)]
struct Playhead {
    renditions: Vec<u16>,
    sequence: u64,
    last_sequence: Option<u64>,
}

/// One edge node: the swarm, the mesh of links that feeds it, the line to the relay, and the rules of sharing.
///
/// Starts alone and silent: it serves its player from the origin until the visitor says yes.
#[derive(Debug)]
pub struct Node {
    session: SessionKey,
    settings: Settings,
    conditions: Conditions,
    paused_since: Option<Instant>,
    decision: Decision,
    share: SharePolicy,
    playhead: Option<Playhead>,
    swarm: Swarm,
    relay_line: RelayLine,
    mesh: Mesh,
    out: Outbox,
    timers: Timers<Timer>,
    shown: Option<(Instant, NodeSnapshot)>,
    problems: Vec<(&'static str, Instant)>,
}

impl Node {
    /// A node that knows nobody. Equal configurations and inputs give equal effects.
    pub fn new(config: Config) -> Node {
        let secret = SessionSecret::from_entropy(config.entropy);
        let session = secret.session_key();
        let settings = Settings { sharing: None, upload_cap_bytes_per_second: 0, metered: false };
        let conditions = Conditions::default();
        let share = SharePolicy { download: false, upload: false, upload_cap_bytes_per_second: 0 };
        Node {
            session,
            settings,
            conditions,
            paused_since: None,
            decision: policy::decide(&settings, &conditions, Duration::ZERO, None),
            share,
            playhead: None,
            swarm: Swarm::new(swarm_config(&config, session)),
            relay_line: RelayLine::new(&config, secret.clone()),
            mesh: Mesh::new(&config, secret),
            out: Outbox { swarm: [SwarmInput::Share(share)].into(), ..Outbox::default() },
            timers: Timers::new(),
            shown: None,
            problems: Vec::new(),
        }
    }

    /// The name by which peers and the relay know this page load.
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// What a page shows now.
    pub fn snapshot(&self) -> NodeSnapshot {
        NodeSnapshot {
            chosen: self.settings.sharing,
            effective: self.decision.mode,
            reason: self.decision.reason,
            relay: self.relay_line.state(),
            viewers: self.relay_line.audience().map_or(0, |audience| audience.viewers),
            stats: self.swarm.stats(),
        }
    }

    fn settings(&mut self, now: Instant, settings: Settings) {
        self.settings = settings;
        self.decide(now);
    }

    fn conditions(&mut self, now: Instant, conditions: Conditions) {
        let was_paused = core::mem::replace(&mut self.conditions, conditions).paused;
        if conditions.paused != was_paused {
            self.paused_since = conditions.paused.then_some(now);
            match self.paused_since {
                Some(since) => self.timers.set(Timer::Paused, since + policy::HIDDEN_PAUSE),
                None => self.timers.cancel(&Timer::Paused),
            }
            self.tell_playhead();
        }
        self.decide(now);
    }

    fn playhead(&mut self, now: Instant, playhead: Playhead) {
        self.playhead = Some(playhead);
        self.tell_playhead();
        self.tell_position(now);
    }

    fn tell_playhead(&mut self) {
        let Some(Playhead { renditions, sequence, last_sequence }) = self.playhead.clone() else { return };
        let paused = self.conditions.paused;
        self.out.swarm(SwarmInput::Playhead { renditions, sequence, last_sequence, paused });
    }

    fn tell_position(&mut self, now: Instant) {
        let playhead = self.playhead.as_ref();
        let position = Position {
            sharing: self.decision.mode == SharingMode::Share,
            rendition: playhead.and_then(|playhead| playhead.renditions.first()).copied().unwrap_or(0),
            playhead_sequence: playhead.map_or(0, |playhead| playhead.sequence),
            links: u16::try_from(self.mesh.link_count()).unwrap_or(u16::MAX),
        };
        self.relay_line.moved(now, position, &mut self.out);
    }

    /// Draws the consequences of what the visitor, the device and the relay say. Closing comes first.
    fn decide(&mut self, now: Instant) {
        let paused_for = self.paused_since.map_or(Duration::ZERO, |since| now.saturating_since(since));
        let audience = self.relay_line.audience();
        self.decision = policy::decide(&self.settings, &self.conditions, paused_for, audience);
        let has_yes = self.decision.mode != SharingMode::Off;
        let share = SharePolicy {
            download: has_yes,
            upload: self.decision.mode == SharingMode::Share,
            upload_cap_bytes_per_second: self.settings.upload_cap_bytes_per_second,
        };
        if share != self.share {
            self.share = share;
            self.out.swarm(SwarmInput::Share(share));
        }
        self.mesh.open(has_yes, &mut self.out);
        self.tell_position(now);
        self.relay_line.want(now, has_yes, &mut self.out);
        self.tell_mesh(now);
    }

    fn tell_mesh(&mut self, now: Instant) {
        let line = &self.relay_line;
        let (joined, audience, maximum) = (line.is_joined(), line.audience(), line.maximum_links());
        self.mesh.relay(now, joined, audience, maximum, &mut self.out);
    }

    fn relay_message(&mut self, now: Instant, message: &Bytes) {
        let before = (self.relay_line.is_joined(), self.relay_line.audience());
        match self.relay_line.message(now, message, &mut self.out) {
            Some(News::Found(found)) => self.mesh.found(now, found, &mut self.out),
            Some(News::Received(received)) => self.mesh.received(now, received, &mut self.out),
            Some(News::RateLimited) => self.mesh.slow_down(now),
            None if before != (self.relay_line.is_joined(), self.relay_line.audience()) => self.decide(now),
            None => {}
        }
    }

    fn relay_lost(&mut self, now: Instant) {
        self.relay_line.lost(now);
        self.tell_mesh(now);
    }

    fn bulk(&mut self, connection: ConnectionId, frame: Bytes) {
        if let Some(peer) = self.mesh.linked(connection) {
            self.out.swarm(SwarmInput::Bulk { peer, frame });
        }
    }

    fn buffered(&mut self, connection: ConnectionId, buffered_bytes: usize) {
        if let Some(peer) = self.mesh.linked(connection) {
            self.out.swarm(SwarmInput::Buffered { peer, buffered_bytes });
        }
    }

    /// Passes on what the parts left for each other, until nothing is left.
    fn settle(&mut self, now: Instant) {
        let links = self.mesh.link_count();
        loop {
            while let Some(effect) = self.swarm.poll_effect() {
                self.swarm_effect(now, effect);
            }
            let Some(input) = self.out.swarm.pop_front() else { break };
            self.swarm.handle(now, input);
        }
        if links != self.mesh.link_count() {
            self.tell_position(now);
        }
        while let Some(request) = self.out.relay.pop_front() {
            self.relay_line.send(request, &mut self.out);
        }
        self.show(now);
    }

    fn swarm_effect(&mut self, now: Instant, effect: SwarmEffect) {
        match effect {
            SwarmEffect::SendControl { peer, message } => {
                self.at_peer(&peer, |connection| Effect::SendControl { connection, message });
            }
            SwarmEffect::SendBulk { peer, frame } => {
                self.at_peer(&peer, |connection| Effect::SendBulk { connection, frame });
            }
            SwarmEffect::Disconnect { peer } => self.mesh.disconnect(now, peer, &mut self.out),
            SwarmEffect::Ban { peer, reason, duration } => {
                self.mesh.ban(now, peer, reason, duration, &mut self.out);
            }
            SwarmEffect::RecordProblem { segment, forged } => self.record_problem(now, segment, forged),
            effect => self.out.effects.extend(for_host(effect)),
        }
    }

    fn at_peer(&mut self, peer: &PeerId, effect: impl FnOnce(ConnectionId) -> Effect) {
        if let Some(connection) = self.mesh.link(peer) {
            self.out.host(effect(connection));
        }
    }

    fn record_problem(&mut self, now: Instant, segment: SegmentId, forged: bool) {
        let (code, cause) = if forged {
            ("record_invalid", "is not signed by this stream's publisher")
        } else {
            ("record_missing", "could not be had")
        };
        let spoken = self.problems.iter().any(|(said, until)| *said == code && *until > now);
        if !spoken {
            self.problems.retain(|(said, _)| *said != code);
            self.problems.push((code, now + PROBLEM_INTERVAL));
            let message = message(segment, cause);
            self.out.host(Effect::Problem { code, message });
        }
    }

    fn show(&mut self, now: Instant) {
        let snapshot = self.snapshot();
        let shown = self.shown.as_ref();
        if shown.is_some_and(|(_, shown)| *shown == snapshot) {
            return self.timers.cancel(&Timer::Snapshot);
        }
        match shown.map(|(at, _)| *at + SNAPSHOT_INTERVAL).filter(|due| *due > now) {
            Some(due) => self.timers.set(Timer::Snapshot, due),
            None => {
                self.timers.cancel(&Timer::Snapshot);
                self.out.host(Effect::Snapshot(snapshot.clone()));
                self.shown = Some((now, snapshot));
            }
        }
    }
}

fn message(segment: SegmentId, cause: &str) -> String {
    let SegmentId { rendition, sequence, .. } = segment;
    alloc::format!(
        "The record of segment {sequence} of rendition {rendition} {cause}. Playback goes on over plain HTTP."
    )
}

fn swarm_config(config: &Config, local: SessionKey) -> thetab_swarm::Config {
    thetab_swarm::Config {
        seed: Random::seed(&config.entropy, "thetab node swarm 1"),
        presentation: config.presentation,
        publisher: config.publisher,
        local,
        live: config.live,
        memory_limit_bytes: config.memory_limit_bytes,
        prefetch_horizon_ms: config.prefetch_horizon_ms,
        maximum_links: config.maximum_links,
    }
}

/// What the swarm asks of the host unchanged.
fn for_host(effect: SwarmEffect) -> Option<Effect> {
    Some(match effect {
        SwarmEffect::Deliver { request, pieces, delivery } => Effect::Deliver { request, pieces, delivery },
        SwarmEffect::PlainHttp { request } => Effect::PlainHttp { request },
        SwarmEffect::FetchOrigin { fetch, segment, range } => Effect::FetchOrigin { fetch, segment, range },
        SwarmEffect::FetchRecords { fetch, rendition, page, after } => {
            Effect::FetchRecords { fetch, rendition, page, after }
        }
        SwarmEffect::CancelFetch { fetch } => Effect::CancelFetch { fetch },
        _ => return None,
    })
}

impl Machine for Node {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        let out = &mut self.out;
        match input {
            Input::Load { request, segment, deadline } => {
                out.swarm(SwarmInput::Want { request, segment, deadline });
            }
            Input::Abandon { request } => out.swarm(SwarmInput::Abandon { request }),
            Input::Offered { segment, payload } => out.swarm(SwarmInput::Offered { segment, payload }),
            Input::Records { fetch, page } => out.swarm(SwarmInput::Records { fetch, page }),
            Input::OriginData { fetch, payload } => out.swarm(SwarmInput::OriginData { fetch, payload }),
            Input::OriginEnded { fetch, success } => out.swarm(SwarmInput::OriginEnded { fetch, success }),
            Input::Playhead { renditions, sequence, last_sequence } => {
                self.playhead(now, Playhead { renditions, sequence, last_sequence });
            }
            Input::Settings(settings) => self.settings(now, settings),
            Input::Conditions(conditions) => self.conditions(now, conditions),
            Input::Ticket(ticket) => self.relay_line.ticket(now, ticket, out),
            Input::RelayConnected { relay_id, transport_id } => {
                self.relay_line.connected(now, &relay_id, &transport_id, out);
            }
            Input::RelayMessage(message) => self.relay_message(now, &message),
            Input::RelayLost => self.relay_lost(now),
            Input::Described { connection, sdp } => self.mesh.described(now, connection, &sdp, out),
            Input::LocalCandidate { connection, candidate } => {
                self.mesh.local_candidate(now, connection, candidate);
            }
            Input::Opened { connection } => self.mesh.opened(connection, out),
            Input::Closed { connection } => self.mesh.closed(now, connection, out),
            Input::Control { connection, message } => self.mesh.control(now, connection, message, out),
            Input::Bulk { connection, frame } => self.bulk(connection, frame),
            Input::Buffered { connection, buffered_bytes } => self.buffered(connection, buffered_bytes),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Snapshot => {}
                Timer::Paused => self.decide(now),
            }
        }
        self.relay_line.timeout(now, &mut self.out);
        self.tell_mesh(now);
        self.mesh.timeout(now, &mut self.out);
        if self.swarm.poll_timeout().is_some_and(|at| at <= now) {
            self.swarm.handle_timeout(now);
        }
        self.settle(now);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.out.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next_due(), self.relay_line.next_due(), self.mesh.next_due(), self.swarm.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}
