//! A whole node among a relay, peers and an origin that do as they please.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use thetab_node::{Conditions, Config, ConnectionId, Effect, Input, Node, Settings, SharingMode};
use thetab_sansio::{Instant, Machine as _};
use thetab_wire::{
    bulk::BulkFrame,
    codec::{List, Text},
    peer::{PeerMessage, Request},
    relay::{Found, Joined, Received, Refused, RelayEvent, RelayRequest, Viewers},
    seal::{Answer, Candidates, Decline, Offer, SealPeer, SignalMessage, open, seal},
};

use super::{
    origin::{Origin, Reply},
    stream,
};
use crate::{
    script::{Script, Steps},
    wire::{self, publisher, secret, ticket_for},
};

/// The node's own secret, and those of peers: `PEER`, `PEER + 1`, ….
const OWN: u8 = 1;
const PEER: u8 = 2;
const PEERS: usize = 6;
const LINKS: usize = 3;
const STORED_BYTES: usize = 300_000;

struct World {
    node: Node,
    now: Instant,
    origin: Origin,
    sharing: Option<SharingMode>,
    /// Connections that the host holds, and whether this end offered.
    connections: BTreeMap<ConnectionId, bool>,
    opened: u64,
    requests: Vec<(ConnectionId, Request)>,
    /// The number of the last offer that the node made to each peer.
    offers: BTreeMap<u8, u64>,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> World {
    let mut script = Script::new(bytes);
    let mut world = World::new(script.byte());
    while let Some(step) = script.step() {
        world.step(step, &mut script);
    }
    world.end();
    world
}

impl World {
    fn new(kind: u8) -> World {
        let (_, publisher, presentation) = publisher();
        let config = Config {
            entropy: [OWN; 32],
            started_unix_seconds: 1_000_000_000,
            presentation,
            publisher,
            live: kind % 2 == 1,
            memory_limit_bytes: STORED_BYTES,
            prefetch_horizon_ms: 8_000,
            wanted_links: 2,
            maximum_links: LINKS,
        };
        World {
            node: Node::new(config),
            now: Instant::ZERO,
            origin: Origin::default(),
            sharing: None,
            connections: BTreeMap::new(),
            opened: 0,
            requests: Vec::new(),
            offers: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 24 {
            0 => self.pass(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => self.settings(script),
            2 => {
                let flags = script.byte();
                let flag = |bit: u8| flags & bit == bit;
                let (save_data, battery_low, hidden, paused) = (flag(1), flag(2), flag(4), flag(8));
                self.input(Input::Conditions(Conditions { save_data, battery_low, hidden, paused }));
            }
            3 => {
                let ticket = match script.byte() {
                    0 => None,
                    1 => Some(ticket_for(&secret(PEER))),
                    _ => Some(ticket_for(&secret(OWN))),
                };
                self.input(Input::Ticket(ticket));
            }
            4 => {
                let (relay_id, transport_id) = (Bytes::from_static(b"relay"), Bytes::from_static(b"node"));
                self.input(Input::RelayConnected { relay_id, transport_id });
            }
            5 => self.input(Input::RelayMessage(Bytes::copy_from_slice(script.bytes()))),
            6 => self.relay_event(script),
            7 => self.signal(script),
            8 => self.input(Input::RelayLost),
            9 => {
                let connection = self.connection(script);
                let sdp = if script.byte() == 1 { "x".repeat(20_000) } else { "v=0 mine".to_owned() };
                self.input(Input::Described { connection, sdp });
            }
            10 => {
                let connection = self.connection(script);
                let candidate =
                    (script.choice(4) != 0).then(|| "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned());
                self.input(Input::LocalCandidate { connection, candidate });
            }
            11 => {
                let connection = self.connection(script);
                self.input(Input::Opened { connection });
            }
            12 => {
                let connection = self.connection(script);
                self.connections.remove(&connection);
                self.input(Input::Closed { connection });
            }
            13 => {
                let (connection, message) = (self.connection(script), Bytes::copy_from_slice(script.bytes()));
                self.input(Input::Control { connection, message });
            }
            14 => {
                let connection = self.connection(script);
                let message = stream::choose_message(script).encode().into();
                self.input(Input::Control { connection, message });
            }
            15 => {
                let (connection, frame) = (self.connection(script), Bytes::copy_from_slice(script.bytes()));
                self.input(Input::Bulk { connection, frame });
            }
            16 => self.answer(script),
            17 => {
                let connection = self.connection(script);
                self.input(Input::Buffered { connection, buffered_bytes: usize::from(script.number()) * 16 });
            }
            18 => {
                let segment = stream::choose_segment(script);
                let deadline = self.now + Duration::from_millis(u64::from(script.byte()) * 100);
                let request = self.origin.want(segment);
                self.input(Input::Load { request, segment, deadline });
            }
            19 => {
                if let Some(request) = self.origin.abandon(script) {
                    self.input(Input::Abandon { request });
                }
            }
            20 => {
                let (sequence, last) = (u64::from(script.byte()) % 9, script.byte());
                let last_sequence = (last % 2 == 0).then_some(u64::from(last));
                self.input(Input::Playhead { renditions: vec![0, 1], sequence, last_sequence });
            }
            21 | 22 => {
                for reply in self.origin.reply(script) {
                    self.reply(reply);
                }
            }
            _ => {
                let segment = stream::choose_segment(script);
                let payload =
                    stream::segment(&segment).map(|found| found.payload.clone()).unwrap_or_default();
                self.input(Input::Offered { segment, payload });
            }
        }
    }

    fn settings(&mut self, script: &mut Script<'_>) {
        let sharing = match script.byte() % 4 {
            0 => None,
            1 => Some(SharingMode::Off),
            2 => Some(SharingMode::Download),
            _ => Some(SharingMode::Share),
        };
        // An answer counts from the moment that it is given: closing is what the node does first.
        self.sharing = sharing;
        let upload_cap_bytes_per_second = u64::from(script.number()) * 1_000;
        self.input(Input::Settings(Settings {
            sharing,
            upload_cap_bytes_per_second,
            metered: script.byte() == 1,
        }));
    }

    fn relay_event(&mut self, script: &mut Script<'_>) {
        let event: RelayEvent = match script.choice(4) {
            0 => Joined { viewers: script.byte().into(), minimum_viewers: script.byte().into() }.into(),
            1 => {
                let count = script.choice(9);
                let tickets: Vec<_> =
                    (0..count).map(|_| ticket_for(&secret(PEER + script.choice(PEERS) as u8))).collect();
                Found { peers: List::split(tickets).0 }.into()
            }
            2 => Viewers { viewers: script.number().into() }.into(),
            _ => {
                let codes = ["ticket_invalid", "ticket_expired", "rate_limited", "full", "banned", "what"];
                let code = Text::try_from(codes[script.choice(codes.len())]).unwrap_or_default();
                Refused { code, message: Text::try_from("no").unwrap_or_default() }.into()
            }
        };
        self.input(Input::RelayMessage(event.encode().into()));
    }

    /// Something sealed by a peer, or by somebody who says that it is one.
    fn signal(&mut self, script: &mut Script<'_>) {
        let number = PEER + script.choice(PEERS) as u8;
        let (from, own) = (secret(number), secret(OWN));
        let offered = self.offers.get(&number).copied();
        let connection = if script.flip() { offered.unwrap_or(7) } else { script.byte().into() };
        let text = Text::try_from("v=0 theirs").unwrap_or_default();
        let message: SignalMessage = match script.choice(4) {
            0 => Offer { connection, sdp: text }.into(),
            1 => Answer { connection, sdp: text }.into(),
            2 => {
                let lines = (0..script.choice(17)).map(|_| Text::try_from("candidate:1").unwrap_or_default());
                Candidates { connection, candidates: List::split(lines).0 }.into()
            }
            _ => Decline { connection }.into(),
        };
        let to = SealPeer { session: own.session_key(), seal: own.seal_key() };
        let mut sealed = seal(&from, &to, [script.byte(); 24], &message).expect("the node's key is sound");
        let claimed = match script.byte() {
            1 => secret(number + 1),
            2 => {
                sealed[30] ^= 1;
                from
            }
            _ => from,
        };
        let sealed = sealed.try_into().unwrap_or_default();
        let received = Received { from: ticket_for(&claimed), sealed };
        self.input(Input::RelayMessage(RelayEvent::from(received).encode().into()));
    }

    /// One of the connections that there are, or one that there never was.
    fn connection(&self, script: &mut Script<'_>) -> ConnectionId {
        let choice = script.choice(self.connections.len() + 1);
        self.connections.keys().nth(choice).copied().unwrap_or(ConnectionId(1_000_000))
    }

    fn answer(&mut self, script: &mut Script<'_>) {
        let (which, how) = (script.byte(), script.byte());
        let found = self.requests.get(usize::from(which) % self.requests.len().max(1)).cloned();
        let Some((connection, request)) = found else { return };
        for frame in stream::answer(&request, how) {
            self.input(Input::Bulk { connection, frame });
        }
    }

    fn reply(&mut self, reply: Reply) {
        self.input(match reply {
            Reply::Data(fetch, payload) => Input::OriginData { fetch, payload },
            Reply::Records(fetch, page) => Input::Records { fetch, page },
            Reply::Ended(fetch, success) => Input::OriginEnded { fetch, success },
        });
    }

    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut turns = 0;
        while let Some(due) = self.node.poll_timeout().filter(|due| *due <= until) {
            turns += 1;
            assert!(turns < 20_000, "a timer is due again and again");
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
        // Each linked peer may be connecting anew, and no one else beyond the limit.
        assert!(self.connections.len() <= 2 * LINKS, "{} connections", self.connections.len());
        let has_yes = !matches!(self.sharing, None | Some(SharingMode::Off));
        assert!(has_yes || self.connections.is_empty(), "connected without a yes");
    }

    fn drain(&mut self) {
        let mut effects = 0;
        while let Some(effect) = self.node.poll_effect() {
            effects += 1;
            assert!(effects < 5_000, "one input has endless consequences");
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, .. } => self.origin.delivered(request, &pieces),
            Effect::PlainHttp { request } => self.origin.left_to_http(request),
            Effect::FetchOrigin { fetch, segment, range } => self.origin.fetch(fetch, segment, range),
            Effect::FetchRecords { fetch, rendition, page, .. } => {
                self.origin.fetch_records(fetch, rendition, page)
            }
            Effect::CancelFetch { fetch } => self.origin.cancel(fetch),
            Effect::SendRelay(message) => self.told_relay(&message),
            Effect::OpenConnection { connection, offer } => {
                assert!(!matches!(self.sharing, None | Some(SharingMode::Off)), "connected without a yes");
                assert_eq!(connection.0, self.opened, "a connection has a name of its own");
                self.opened += 1;
                self.connections.insert(connection, offer);
            }
            // It may have closed by itself a moment ago.
            Effect::CloseConnection { connection } => {
                assert!(connection.0 < self.opened, "closed what never was");
                self.connections.remove(&connection);
            }
            Effect::RemoteDescription { connection, .. } | Effect::RemoteCandidates { connection, .. } => {
                assert!(self.connections.contains_key(&connection));
            }
            Effect::SendControl { connection, message } => {
                assert!(self.connections.contains_key(&connection));
                let message =
                    PeerMessage::decode(&message).expect("what we write reads").expect("and is known");
                if let PeerMessage::Request(request) = message {
                    self.requests.push((connection, request));
                    self.requests.drain(..self.requests.len().saturating_sub(64));
                }
            }
            Effect::SendBulk { connection, frame } => {
                assert!(self.connections.contains_key(&connection));
                assert_eq!(self.sharing, Some(SharingMode::Share), "given without a yes");
                assert!(stream::is_genuine(&BulkFrame::decode(&frame).expect("what we write reads")));
            }
            _ => {}
        }
    }

    /// Only sealed messages pass the relay, and each opens for the peer that it is for.
    fn told_relay(&mut self, message: &[u8]) {
        let request = RelayRequest::decode(message).expect("what we write reads").expect("and is known");
        let RelayRequest::Send(send) = request else { return };
        let own = secret(OWN);
        let sender = SealPeer { session: own.session_key(), seal: own.seal_key() };
        let numbers = PEER..PEER + PEERS as u8 + 1;
        let to = numbers
            .into_iter()
            .find(|number| secret(*number).session_key() == send.to)
            .expect("a known peer");
        let opened = open(&secret(to), &sender, &send.sealed).expect("sealed for its receiver");
        if let Some(SignalMessage::Offer(offer)) = opened {
            self.offers.insert(to, offer.connection);
        }
    }

    /// The origin fails for good and time goes on: every request of the player gets its answer.
    fn end(&mut self) {
        for _ in 0..90 {
            for reply in self.origin.fail() {
                self.reply(reply);
            }
            self.pass(Duration::from_secs(1));
            if self.origin.wants.is_empty() {
                return;
            }
        }
        panic!("these were never answered: {:?}", self.origin.wants);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    // A yes, a ticket, the relay, company.
    let joined = || {
        Steps::default()
            .step(&[0])
            .step(&[1, 3, 100, 0, 0])
            .step(&[3, 2])
            .step(&[4])
            .step(&[6, 0, 3, 2])
            .step(&[20, 0, 8])
    };
    // It offers to a peer, which answers, sends candidates and opens.
    let linked = || {
        joined()
            .step(&[0, 20])
            .step(&[6, 1, 1, 0])
            .step(&[9, 0, 0])
            .step(&[10, 0, 1])
            .step(&[0, 2])
            .step(&[7, 0, 0, 1, 1, 0])
            .step(&[7, 0, 0, 2, 2, 2, 0])
            .step(&[11, 0])
    };
    let shares = [14, 0, 1, 1, 0, 0, 0];
    let has_all = [14, 0, 2, 0, 0, 7, 0, 0];
    let served = linked()
        .step(&shares)
        .step(&has_all)
        .step(&[18, 0, 80])
        .step(&[21, 0, 3])
        .step(&[16, 0, 0])
        .step(&[16, 1, 0])
        .step(&[0, 250])
        .end();
    let lied_to =
        linked().step(&shares).step(&has_all).step(&[18, 0, 80]).step(&[21, 0, 3]).step(&[16, 0, 4]).end();
    let answering =
        joined().step(&[7, 1, 1, 9, 0, 1, 0]).step(&[9, 0, 0]).step(&[11, 0]).step(&[12, 0]).end();
    let refusing = linked().step(&[1, 1, 0, 0, 0]).step(&[1, 2, 0, 0, 0]).step(&[8]).step(&[0, 255]).end();
    let forged =
        joined().step(&[7, 1, 1, 9, 0, 1, 1]).step(&[7, 1, 1, 9, 0, 1, 2]).with(&[5], b"garbage").end();
    let alone = Steps::default().step(&[1]).step(&[18, 1, 50]).step(&[21, 0, 3]).step(&[21, 0, 4]).end();
    let mut raw = linked();
    for message in wire::peer_messages() {
        raw = raw.with(&[13, 0], &message.encode());
    }
    vec![served, lied_to, answering, refusing, forged, alone, raw.with(&[15, 0], &[1; 40]).end()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_what_they_are_for() {
        let played: Vec<_> = seeds().iter().map(|seed| play(seed)).collect();
        let stats = |number: usize| played[number].node.snapshot().stats;
        assert!(stats(0).peer_bytes > 100_000, "{:?}", stats(0));
        assert_eq!((stats(1).rejected_pieces, stats(1).banned_peers), (1, 1), "{:?}", stats(1));
        assert_eq!(played[2].opened, 1);
        assert!(played[3].connections.is_empty() && played[3].opened == 1);
        assert_eq!((played[4].opened, played[5].opened), (0, 0));
        assert!(stats(5).origin_bytes > 0);
    }
}
