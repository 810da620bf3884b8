//! What the tracker promises, tried.

use alloc::{vec, vec::Vec};
use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use thetab_sansio::{Instant, Machine as _};
use thetab_wire::{
    PresentationId, PublisherKey, SessionKey,
    codec::Blob,
    relay::{Find, Join, Position, RelayEvent, RelayRequest, Report, Send, Update},
    session::SessionSecret,
    ticket::{JoinTicket, SignedTicket},
};

use super::{Config, Effect, Input, StreamKey, Tracker};

const STARTED: u64 = 1_000_000;

/// A tracker, its publisher, and nodes named by numbers.
struct World {
    tracker: Tracker,
    now: Instant,
    signing: SigningKey,
    heard: Vec<(u64, RelayEvent)>,
    closed: BTreeSet<u64>,
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn secret(node: u64) -> SessionSecret {
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&node.to_be_bytes());
    SessionSecret::from_entropy(entropy)
}

fn key(node: u64) -> SessionKey {
    secret(node).session_key()
}

fn transport(node: u64) -> Bytes {
    Bytes::copy_from_slice(&node.to_be_bytes())
}

/// Nodes of one hundred share a /24; those of one thousand share a region.
fn prefix(node: u64) -> Vec<u8> {
    vec![10, (node / 1000) as u8, (node / 100) as u8]
}

fn position(playhead_sequence: u64) -> Position {
    Position { sharing: true, rendition: 0, playhead_sequence, links: 0 }
}

impl World {
    fn new(minimum_viewers: u32) -> World {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let config = Config {
            seed: [1; 32],
            minimum_viewers,
            maximum_sessions: 4000,
            relay_id: Bytes::from_static(b"relay"),
            started_unix_seconds: STARTED,
        };
        let mut tracker = Tracker::new(config);
        let publisher = PublisherKey(signing.verifying_key().to_bytes());
        for name in ["sample", "other"] {
            let presentation = PresentationId::new(&publisher, name);
            tracker.handle(at(0), Input::Presentation { presentation, publisher });
        }
        World { tracker, now: at(0), signing, heard: Vec::new(), closed: BTreeSet::new() }
    }

    fn presentation(&self, name: &str) -> PresentationId {
        PresentationId::new(&PublisherKey(self.signing.verifying_key().to_bytes()), name)
    }

    fn ticket(&self, node: u64, name: &str, lasts_seconds: u64) -> SignedTicket {
        let ticket = JoinTicket {
            presentation: self.presentation(name),
            session: key(node),
            seal: secret(node).seal_key(),
            expires_unix_seconds: STARTED + self.now.since_start().as_secs() + lasts_seconds,
            maximum_links: 12,
        };
        ticket.sign(&self.signing)
    }

    fn open(&mut self, node: u64) {
        let input =
            Input::Opened { stream: StreamKey(node), transport_id: transport(node), prefix: prefix(node) };
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.tracker.handle(self.now, input);
        self.drain();
    }

    fn say(&mut self, node: u64, message: impl Into<RelayRequest>) {
        let message = message.into().encode().into();
        self.input(Input::Message { stream: StreamKey(node), message });
    }

    /// Runs timers until `now`.
    fn pass_until(&mut self, now: Instant) {
        while let Some(due) = self.tracker.poll_timeout().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.tracker.handle_timeout(self.now);
            self.drain();
        }
        self.now = now;
    }

    fn drain(&mut self) {
        while let Some(effect) = self.tracker.poll_effect() {
            match effect {
                Effect::Send { stream, message } => {
                    assert!(!self.closed.contains(&stream.0), "sent to a closed stream");
                    let event = RelayEvent::decode(&message).unwrap().unwrap();
                    self.heard.push((stream.0, event));
                }
                Effect::Close { stream } => assert!(self.closed.insert(stream.0)),
            }
        }
    }

    fn join(&mut self, node: u64, position: Position) {
        self.join_as(node, node, "sample", position);
    }

    /// Stream `stream` joins with the ticket and keys of `node`, proven for its own transport.
    fn join_as(&mut self, stream: u64, node: u64, name: &str, position: Position) {
        self.open(stream);
        let ticket = self.ticket(node, name, 3600);
        let proof = secret(node).prove_join(&self.presentation(name), b"relay", &transport(stream));
        self.say(stream, Join { ticket, proof, position });
    }

    fn take_heard(&mut self, node: u64) -> Vec<RelayEvent> {
        let (mine, rest) = self.heard.drain(..).partition(|(to, _)| *to == node);
        self.heard = rest;
        let mine: Vec<(u64, RelayEvent)> = mine;
        mine.into_iter().map(|(_, event)| event).collect()
    }

    fn refusals(&mut self, node: u64) -> Vec<std::string::String> {
        let events = self.take_heard(node).into_iter();
        let codes = events.filter_map(|event| match event {
            RelayEvent::Refused(refused) => Some((*refused.code).into()),
            _ => None,
        });
        codes.collect()
    }

    fn find(&mut self, node: u64, count: u8) -> Vec<SessionKey> {
        self.take_heard(node);
        self.say(node, Find { count });
        let events = self.take_heard(node);
        let found = events.into_iter().find_map(|event| match event {
            RelayEvent::Found(found) => Some(found),
            _ => None,
        });
        let publisher = PublisherKey(self.signing.verifying_key().to_bytes());
        let session = |ticket: &SignedTicket| {
            ticket.clone().verify(&self.presentation("sample"), &publisher, STARTED).unwrap().session
        };
        found.map(|found| found.peers.iter().map(session).collect()).unwrap_or_default()
    }

    fn send(&mut self, from: u64, to: u64, size: usize) {
        let sealed = Blob::try_from(vec![9; size]).unwrap();
        self.say(from, Send { to: key(to), sealed });
    }

    fn viewers(&self) -> u32 {
        self.tracker.viewers(&self.presentation("sample"))
    }
}

#[test]
fn viewers_are_introduced_from_the_minimum_on_and_can_signal() {
    let mut world = World::new(3);
    world.join(1, position(0));
    world.join(2, position(0));
    assert_eq!(world.find(1, 8), []);
    world.join(3, position(0));
    let mut found = world.find(1, 8);
    found.sort_unstable();
    let mut expected = [key(2), key(3)];
    expected.sort_unstable();
    assert_eq!(found, expected);
    world.send(1, 2, 100);
    let received = world.take_heard(2);
    assert!(received.iter().any(|event| matches!(event, RelayEvent::Received(r) if r.sealed.len() == 100)));
    assert_eq!(world.tracker.stats().signals, 1);
    assert_eq!(world.tracker.stats().sessions, 3);
}

#[test]
fn a_forged_stolen_expired_or_foreign_ticket_does_not_join() {
    let mut world = World::new(2);
    // Stolen: the thief shows the ticket and the proof as made, but from its own transport.
    world.open(1);
    let ticket = world.ticket(9, "sample", 3600);
    let proof = secret(9).prove_join(&world.presentation("sample"), b"relay", &transport(9));
    world.say(1, Join { ticket: ticket.clone(), proof, position: position(0) });
    assert_eq!(world.refusals(1), ["ticket_invalid"]);
    // Without the key: a proof by another key.
    world.open(2);
    let proof = secret(2).prove_join(&world.presentation("sample"), b"relay", &transport(2));
    world.say(2, Join { ticket: ticket.clone(), proof, position: position(0) });
    assert_eq!(world.refusals(2), ["ticket_invalid"]);
    // Forged.
    world.open(3);
    let mut forged = world.ticket(3, "sample", 3600);
    forged.signature[7] ^= 1;
    let proof = secret(3).prove_join(&world.presentation("sample"), b"relay", &transport(3));
    world.say(3, Join { ticket: forged, proof, position: position(0) });
    assert_eq!(world.refusals(3), ["ticket_invalid"]);
    // Expired.
    world.open(4);
    let expired = world.ticket(4, "sample", 0);
    let proof = secret(4).prove_join(&world.presentation("sample"), b"relay", &transport(4));
    world.say(4, Join { ticket: expired, proof, position: position(0) });
    assert_eq!(world.refusals(4), ["ticket_expired"]);
    // Of a presentation that is not served here.
    world.join_as(5, 5, "unknown", position(0));
    assert_eq!(world.refusals(5), ["unknown_presentation"]);
    assert_eq!(world.closed, BTreeSet::from([1, 2, 3, 4, 5]));
    assert_eq!(world.viewers(), 0);
    assert_eq!(world.tracker.stats().sessions, 0);
}

#[test]
fn a_session_ends_with_its_ticket_and_a_silent_stream_after_ten_seconds() {
    let mut world = World::new(2);
    world.join(1, position(0));
    world.open(2);
    world.pass_until(at(11));
    assert_eq!(world.refusals(2), ["protocol"]);
    assert_eq!(world.viewers(), 1);
    world.pass_until(at(3601));
    assert_eq!(world.refusals(1), ["ticket_expired"]);
    assert_eq!(world.viewers(), 0);
    assert!(world.closed.contains(&1) && world.closed.contains(&2));
}

#[test]
fn a_session_that_joins_again_replaces_its_older_stream() {
    let mut world = World::new(2);
    world.join(1, position(0));
    world.join_as(2, 1, "sample", position(0));
    assert!(world.closed.contains(&1));
    assert_eq!(world.viewers(), 1);
    world.join(3, position(0));
    assert_eq!(world.find(3, 8), [key(1)]);
    // The host reports the end of the replaced stream late: the newer one stays.
    world.input(Input::Closed { stream: StreamKey(1) });
    assert_eq!(world.viewers(), 2);
}

#[test]
fn nothing_passes_between_presentations() {
    let mut world = World::new(1);
    world.join(1, position(0));
    world.join_as(2, 2, "other", position(0));
    assert_eq!(world.find(1, 8), []);
    world.take_heard(2);
    world.send(1, 2, 10);
    assert_eq!(world.take_heard(2), []);
    assert_eq!(world.tracker.stats().signals, 0);
}

#[test]
fn those_who_do_not_share_or_are_full_are_not_offered_but_may_ask() {
    let mut world = World::new(2);
    world.join(1, Position { sharing: false, ..position(0) });
    world.join(2, Position { links: 12, ..position(0) });
    world.join(3, position(0));
    assert_eq!(world.find(3, 8), []);
    assert_eq!(world.find(1, 8), [key(3)]);
    world.say(1, Update { position: position(4) });
    assert_eq!(world.find(3, 8), [key(1)]);
}

#[test]
fn half_come_from_the_same_prefix_and_near_playheads_of_the_same_rendition_come_first() {
    let mut world = World::new(2);
    world.join(1000, position(100));
    for node in 1001..1020 {
        world.join(
            node,
            Position { rendition: (node % 2) as u16, ..position(if node < 1012 { 100 } else { 5 }) },
        );
    }
    for node in (2000..6000).step_by(100) {
        world.join(node, position(100));
    }
    let found = world.find(1000, 8);
    assert_eq!(found.len(), 8);
    let near: BTreeSet<SessionKey> = (1001..1020).map(key).collect();
    let same_place: BTreeSet<SessionKey> = (1002..1012).step_by(2).map(key).collect();
    assert!(found.iter().filter(|peer| near.contains(peer)).count() >= 4);
    assert!(found[..4].iter().all(|peer| same_place.contains(peer)), "{found:?}");
    assert!(found.iter().any(|peer| !near.contains(peer)), "some come from elsewhere");
}

#[test]
fn one_address_cannot_ban_anyone_and_two_ban_a_session_but_not_its_network() {
    let mut world = World::new(2);
    for node in [1, 2, 3, 4, 100, 200, 300] {
        world.join(node, position(0));
    }
    // Three sessions behind the same address as each other report node 100.
    for reporter in [1, 2, 3] {
        assert!(world.find(reporter, 8).contains(&key(100)));
        world.say(reporter, Report { peer: key(100) });
    }
    assert_eq!(world.tracker.stats().reports, 3);
    assert!(!world.closed.contains(&100));
    assert!(!world.find(1, 8).contains(&key(100)), "the two are kept apart");
    assert_eq!(world.find(4, 8).last(), Some(&key(100)), "a suspect comes last");
    // A second address agrees.
    assert!(world.find(200, 8).contains(&key(100)));
    world.say(200, Report { peer: key(100) });
    assert_eq!(world.refusals(100), ["banned"]);
    assert!(world.closed.contains(&100));
    // It may not come back, its neighbour may join.
    world.join_as(1100, 100, "sample", position(0));
    assert_eq!(world.refusals(1100), ["banned"]);
    world.join(101, position(0));
    assert!(world.refusals(101).is_empty());
}

#[test]
fn a_network_whose_sessions_are_banned_again_is_banned_for_ten_minutes() {
    let mut world = World::new(2);
    for node in [1, 200, 300] {
        world.join(node, position(0));
    }
    for bad in [100, 101] {
        world.join(bad, position(0));
        for reporter in [1, 200, 300] {
            if world.find(reporter, 8).contains(&key(bad)) {
                world.say(reporter, Report { peer: key(bad) });
            }
        }
        assert!(world.closed.contains(&bad));
    }
    // Both bans rest on the first two reporters: two sessions alone do not ban a network.
    world.join(102, position(0));
    assert!(world.refusals(102).is_empty());
    for reporter in [300, 200] {
        assert!(world.find(reporter, 8).contains(&key(102)));
        world.say(reporter, Report { peer: key(102) });
    }
    assert!(world.closed.contains(&102));
    world.join(103, position(0));
    assert_eq!(world.refusals(103), ["banned"]);
    world.join(400, position(0));
    assert!(world.refusals(400).is_empty());
    world.pass_until(world.now + Duration::from_secs(601));
    world.join(104, position(0));
    assert!(world.refusals(104).is_empty());
}

#[test]
fn nobody_is_reported_by_those_who_never_met_it() {
    let mut world = World::new(2);
    for node in [1, 200, 300] {
        world.join(node, position(0));
    }
    world.say(1, Report { peer: key(300) });
    world.say(1, Report { peer: key(1) });
    world.say(1, Report { peer: key(77) });
    assert_eq!(world.tracker.stats().reports, 0);
    assert_eq!(world.tracker.stats().refused, 3);
}

#[test]
fn a_flood_is_answered_sparely_then_cut_off() {
    let mut world = World::new(2);
    world.join(1, position(0));
    world.join(2, position(0));
    assert_eq!(world.find(1, 1), [key(2)]);
    world.take_heard(2);
    for _ in 0..1000 {
        world.send(1, 2, 10);
    }
    assert!(world.take_heard(2).len() <= 151);
    assert!(world.closed.contains(&1));
    let refusals = world.refusals(1);
    assert!((1..=4).contains(&refusals.len()) && refusals.iter().all(|code| code == "rate_limited"));
    assert_eq!(world.viewers(), 1);
}

#[test]
fn sessions_that_were_not_introduced_cannot_flood_one_together() {
    let mut world = World::new(2);
    world.join(1, position(0));
    world.take_heard(1);
    for node in 2..60 {
        world.join(node, position(0));
        world.send(node, 1, 10);
        world.send(node, 1, 10);
    }
    let received = world.take_heard(1).into_iter().filter(|event| matches!(event, RelayEvent::Received(_)));
    assert_eq!(received.count(), 20);
}

#[test]
fn one_network_cannot_take_all_the_room() {
    let mut world = World::new(2);
    world.tracker.config.maximum_sessions = 300;
    let opened = (0..100).map(|node| 10_000 + node).chain(30_000..30_100).collect::<Vec<u64>>();
    for node in &opened {
        world.open(*node);
    }
    assert_eq!(world.closed.len(), 2 * (100 - 75));
    for network in 40..90 {
        for node in 0..3 {
            world.open(network * 1000 + node);
        }
    }
    assert_eq!(world.refusals(89_002), [] as [&str; 0]);
    world.open(95_000);
    world.open(96_000);
    assert!(world.tracker.streams.len() <= 300);
}

#[test]
fn the_number_of_viewers_is_told_at_most_once_a_second_and_only_when_it_changed() {
    let mut world = World::new(2);
    world.join(1, position(0));
    for node in 2..40 {
        world.join(node, position(0));
    }
    world.take_heard(1);
    world.pass_until(at(60));
    let told = world.take_heard(1);
    assert!(matches!(&told[..], [RelayEvent::Viewers(viewers)] if viewers.viewers == 39), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_strangers_say_the_tracker_stays_bounded_and_replays(
        steps in prop::collection::vec((0u64..12, 0u8..8, prop::collection::vec(any::<u8>(), 0..64)), 0..200)
    ) {
        let mut runs = [World::new(2), World::new(2)];
        for world in &mut runs {
            world.tracker.config.maximum_sessions = 8;
            for (node, what, bytes) in &steps {
                if world.closed.contains(node) {
                    continue;
                }
                match what {
                    0 => if !world.tracker.streams.contains_key(&StreamKey(*node)) { world.join(*node, position(0)) },
                    1 => world.say(*node, Find { count: bytes.first().copied().unwrap_or(3) }),
                    2 => world.send(*node, bytes.first().copied().unwrap_or(1).into(), bytes.len()),
                    3 => world.say(*node, Report { peer: key(bytes.len() as u64 % 12) }),
                    4 => world.say(*node, Update { position: position(bytes.len() as u64) }),
                    5 => world.pass_until(world.now + Duration::from_millis(bytes.len() as u64 * 100)),
                    6 => world.input(Input::Closed { stream: StreamKey(*node) }),
                    _ => world.input(Input::Message { stream: StreamKey(*node), message: bytes.clone().into() }),
                }
                prop_assert!(world.tracker.streams.len() <= 8);
                prop_assert_eq!(u64::from(world.viewers()), world.tracker.stats().sessions);
                let indexed: u32 = world.tracker.streams_per_prefix.values().sum();
                prop_assert_eq!(indexed as usize, world.tracker.streams.len());
            }
        }
        let [one, other] = runs;
        prop_assert_eq!(one.heard, other.heard);
        prop_assert_eq!(one.closed, other.closed);
    }
}
