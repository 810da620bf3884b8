//! A tracker among streams that say what they please.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use thetab_sansio::{Instant, Machine as _};
use thetab_swarm::tracker::{Config, Effect, Input, StreamKey, Tracker};
use thetab_wire::{
    PresentationId, SessionKey,
    relay::{Find, Join, Position, RelayEvent, RelayRequest, Report, Send, Update},
    ticket::JoinTicket,
};

use crate::{
    script::{Script, Steps},
    wire::{publisher, secret},
};

const NODES: usize = 8;
const MAXIMUM_SESSIONS: usize = 64;
const STARTED: u64 = 1_000_000;

struct World {
    tracker: Tracker,
    now: Instant,
    /// The open stream of each node.
    open: BTreeMap<usize, StreamKey>,
    next_stream: u64,
    closed: BTreeSet<StreamKey>,
    /// Which presentation each stream joined.
    joined: BTreeMap<StreamKey, PresentationId>,
    said: u64,
    heard: u64,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> World {
    let mut script = Script::new(bytes);
    let mut world = World::new();
    while let Some(step) = script.step() {
        world.step(step, &mut script);
    }
    world.pass(Duration::from_secs(3 * 3600));
    assert_eq!(world.tracker.stats().sessions, 0, "tickets have ended and sessions go on");
    world
}

fn presentations() -> [PresentationId; 2] {
    let (_, key, sample) = publisher();
    [sample, PresentationId::new(&key, "other")]
}

impl World {
    fn new() -> World {
        let config = Config {
            seed: [5; 32],
            minimum_viewers: 2,
            maximum_sessions: MAXIMUM_SESSIONS,
            relay_id: Bytes::from_static(b"relay"),
            started_unix_seconds: STARTED,
        };
        let mut world = World {
            tracker: Tracker::new(config),
            now: Instant::ZERO,
            open: BTreeMap::new(),
            next_stream: 0,
            closed: BTreeSet::new(),
            joined: BTreeMap::new(),
            said: 0,
            heard: 0,
        };
        for presentation in presentations() {
            world.input(Input::Presentation { presentation, publisher: publisher().1 });
        }
        world
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let node = script.choice(NODES);
        match step % 10 {
            0 => self.pass(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => self.open(node),
            2 => {
                if let Some(stream) = self.open.remove(&node) {
                    self.closed.insert(stream);
                    self.input(Input::Closed { stream });
                }
            }
            3 => self.say(node, Bytes::copy_from_slice(script.bytes())),
            4 => {
                let (which, damage) = (script.choice(2), script.byte());
                self.join(node, which, damage);
            }
            5 => {
                let position = position(script);
                self.say(node, RelayRequest::from(Update { position }).encode().into());
            }
            6 => self.say(node, RelayRequest::from(Find { count: script.byte() }).encode().into()),
            7 => {
                let to = other(script);
                let sealed = script.bytes().to_vec().try_into().unwrap_or_default();
                self.say(node, RelayRequest::from(Send { to, sealed }).encode().into());
            }
            8 => self.say(node, RelayRequest::from(Report { peer: other(script) }).encode().into()),
            _ => {
                // The same thing many times over.
                let message = Bytes::from(RelayRequest::from(Find { count: 8 }).encode());
                (0..script.byte()).for_each(|_| self.say(node, message.clone()));
            }
        }
    }

    fn open(&mut self, node: usize) {
        if self.open.contains_key(&node) {
            return;
        }
        self.next_stream += 1;
        let stream = StreamKey(self.next_stream);
        self.open.insert(node, stream);
        let prefix = vec![10, 0, (node / 3) as u8];
        self.input(Input::Opened { stream, transport_id: transport(node), prefix });
    }

    /// Joins with a ticket that is genuine, or damaged in one of a few ways.
    fn join(&mut self, node: usize, which: usize, damage: u8) {
        let (signing, _, _) = publisher();
        let session = secret(node as u8 + 1);
        let presentation = presentations()[which];
        let expires = STARTED + self.now.since_start().as_secs() + if damage == 1 { 0 } else { 3600 };
        let ticket = JoinTicket {
            presentation,
            session: session.session_key(),
            seal: session.seal_key(),
            expires_unix_seconds: expires,
            maximum_links: 12,
        };
        let mut ticket = ticket.sign(&signing);
        ticket.signature[3] ^= u8::from(damage == 2);
        let prover = if damage == 3 { secret(99) } else { session };
        let proof =
            prover.prove_join(&presentation, b"relay", &transport(if damage == 4 { node + 1 } else { node }));
        let position = Position { sharing: damage != 5, rendition: 0, playhead_sequence: 3, links: 0 };
        if let Some(stream) = self.open.get(&node).copied() {
            self.say(node, RelayRequest::from(Join { ticket, proof, position }).encode().into());
            let joins = !(1..=4).contains(&damage) && self.open.contains_key(&node);
            if joins {
                self.joined.entry(stream).or_insert(presentation);
            }
        }
    }

    fn say(&mut self, node: usize, message: Bytes) {
        if let Some(stream) = self.open.get(&node).copied() {
            self.said += 1;
            self.input(Input::Message { stream, message });
        }
    }

    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut turns = 0;
        while let Some(due) = self.tracker.poll_timeout().filter(|due| *due <= until) {
            turns += 1;
            assert!(turns < 20_000, "a timer is due again and again");
            self.now = self.now.max(due);
            self.tracker.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn input(&mut self, input: Input) {
        self.tracker.handle(self.now, input);
        self.drain();
        assert!(self.tracker.stats().sessions <= self.open.len() as u64);
    }

    fn drain(&mut self) {
        while let Some(effect) = self.tracker.poll_effect() {
            match effect {
                Effect::Send { stream, message } => self.hear(stream, &message),
                Effect::Close { stream } => {
                    assert!(self.closed.insert(stream), "closed twice");
                    self.open.retain(|_, open| *open != stream);
                }
                _ => {}
            }
        }
        // One message is heard by its receiver, or by its sender as a refusal; viewers are told their number.
        assert!(self.heard <= 4 * self.said + 4 * self.next_stream, "a few messages are answered by a flood");
    }

    fn hear(&mut self, stream: StreamKey, message: &[u8]) {
        assert!(!self.closed.contains(&stream), "said on a closed stream");
        let event = RelayEvent::decode(message).expect("what we write reads").expect("and is known");
        match event {
            RelayEvent::Viewers(_) => {}
            RelayEvent::Received(received) => {
                self.heard += 1;
                let theirs = received.from.claimed_presentation().expect("the tracker verified it");
                assert_eq!(self.joined.get(&stream), Some(&theirs), "passed between presentations");
            }
            RelayEvent::Found(found) => {
                self.heard += 1;
                for ticket in found.peers.iter() {
                    assert_eq!(self.joined.get(&stream), ticket.claimed_presentation().ok().as_ref());
                }
            }
            _ => self.heard += 1,
        }
    }
}

fn transport(node: usize) -> Bytes {
    Bytes::from(vec![node as u8; 8])
}

fn other(script: &mut Script<'_>) -> SessionKey {
    let number = script.choice(NODES + 2);
    secret(number as u8 + 1).session_key()
}

fn position(script: &mut Script<'_>) -> Position {
    let sharing = script.flip();
    let (rendition, playhead_sequence) = (script.byte().into(), script.number().into());
    Position { sharing, rendition, playhead_sequence, links: script.byte().into() }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let joined =
        || (0..3u8).fold(Steps::default(), |steps, node| steps.step(&[1, node]).step(&[4, node, 0, 0]));
    let meeting =
        joined().step(&[6, 0, 8]).with(&[7, 0, 1], b"sealed").step(&[5, 1, 0, 0, 0, 9, 2]).step(&[8, 0, 1]);
    let apart =
        joined().step(&[1, 3]).step(&[4, 3, 1, 0]).with(&[7, 3, 0], b"sealed").step(&[6, 3, 8]).step(&[2, 1]);
    let refused = (1..6u8)
        .fold(Steps::default(), |steps, damage| steps.step(&[1, damage]).step(&[4, damage, 0, damage]));
    let flood = joined().step(&[9, 0, 255]).step(&[0, 0, 255]).step(&[9, 0, 255]);
    let raw = joined().with(&[3, 0], &[0x55, 1, 0]).with(&[3, 1], b"garbage").with(&[3, 2], &[]);
    vec![meeting.end(), apart.end(), refused.end(), flood.end(), raw.end()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_what_they_are_for() {
        let played: Vec<_> = seeds().iter().map(|seed| play(seed).tracker.stats()).collect();
        assert_eq!((played[0].signals, played[0].reports), (1, 1), "{:?}", played[0]);
        assert_eq!(played[1].signals, 0, "{:?}", played[1]);
        assert!(played[2].refused >= 4 && played[3].refused > 100, "{played:?}");
    }
}
