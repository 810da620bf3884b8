//! What becomes of a peer that the node let go.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use thetab_node::{Config, ConnectionId, Effect, Input, Node, Settings, SharingMode};
use thetab_sansio::{Instant, Machine as _};
use thetab_wire::{
    PresentationId, PublisherKey, SealKey, SessionKey,
    codec::Text,
    peer::{Hello, PeerMessage},
    relay::{Joined, Received, RelayEvent, RelayRequest},
    seal::{Offer, SealPeer, SignalMessage, open, seal},
    session::SessionSecret,
    ticket::{JoinTicket, SignedTicket},
};

const NODE_ENTROPY: [u8; 32] = [1; 32];

/// A node that has joined, and a peer that knows it.
struct Bench {
    node: Node,
    now: Instant,
    effects: Vec<Effect>,
    signing: SigningKey,
    presentation: PresentationId,
    peer: SessionSecret,
}

impl Bench {
    fn new() -> Bench {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let publisher = PublisherKey(signing.verifying_key().to_bytes());
        let presentation = PresentationId::new(&publisher, "sample");
        let node = Node::new(Config {
            entropy: NODE_ENTROPY,
            started_unix_seconds: 1_000_000,
            presentation,
            publisher,
            live: false,
            memory_limit_bytes: 1 << 20,
            prefetch_horizon_ms: 30_000,
            wanted_links: 8,
            maximum_links: 16,
        });
        let peer = SessionSecret::from_entropy([2; 32]);
        let mut bench = Bench { node, now: Instant::ZERO, effects: Vec::new(), signing, presentation, peer };
        bench.join();
        bench
    }

    fn join(&mut self) {
        let sharing = Some(SharingMode::Share);
        let upload_cap_bytes_per_second = 1_000_000;
        self.input(Input::Settings(Settings { sharing, upload_cap_bytes_per_second, metered: false }));
        let us = us();
        let ticket = self.ticket(us.session, us.seal);
        self.input(Input::Ticket(Some(ticket)));
        let name = Bytes::from_static(b"id");
        self.input(Input::RelayConnected { relay_id: name.clone(), transport_id: name });
        self.relay_says(Joined { viewers: 2, minimum_viewers: 2 });
    }

    fn ticket(&self, session: SessionKey, seal: SealKey) -> SignedTicket {
        let (presentation, expires_unix_seconds) = (self.presentation, 2_000_000);
        JoinTicket { presentation, session, seal, expires_unix_seconds, maximum_links: 16 }
            .sign(&self.signing)
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.effects.extend(std::iter::from_fn(|| self.node.poll_effect()));
    }

    fn relay_says(&mut self, event: impl Into<RelayEvent>) {
        self.input(Input::RelayMessage(event.into().encode().into()));
    }

    fn peer_offers(&mut self, number: u64) {
        let offer = Offer { connection: number, sdp: Text::try_from("v=0").unwrap() };
        let sealed = seal(&self.peer, &us(), [number as u8; 24], &offer.into()).unwrap();
        let from = self.ticket(self.peer.session_key(), self.peer.seal_key());
        self.relay_says(Received { from, sealed: sealed.try_into().unwrap() });
    }

    /// The connection on which the node answers an offer.
    fn answers(&self) -> Option<ConnectionId> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::OpenConnection { connection, offer: false } => Some(*connection),
            _ => None,
        })
    }

    /// What the node told the peer through the relay.
    fn signalled(&self) -> Vec<SignalMessage> {
        let sent = self.effects.iter().filter_map(|effect| match effect {
            Effect::SendRelay(message) => RelayRequest::decode(message).unwrap(),
            _ => None,
        });
        let sealed = sent.filter_map(|request| match request {
            RelayRequest::Send(send) => Some(send.sealed),
            _ => None,
        });
        sealed.map(|sealed| open(&self.peer, &us(), &sealed).unwrap().unwrap()).collect()
    }

    /// The peer links, and says something for which it is let go.
    fn peer_links_and_is_let_go(&mut self, number: u64) {
        self.effects.clear();
        self.peer_offers(number);
        let connection = self.answers().expect("the offer is answered");
        self.input(Input::Opened { connection });
        let message = PeerMessage::from(Hello { version: 99, maximum_pieces: 1 }).encode().into();
        self.input(Input::Control { connection, message });
        assert!(self.effects.contains(&Effect::CloseConnection { connection }));
        self.effects.clear();
    }
}

/// The node, as its peers know it.
fn us() -> SealPeer {
    let secret = SessionSecret::from_entropy(NODE_ENTROPY);
    SealPeer { session: secret.session_key(), seal: secret.seal_key() }
}

#[test]
fn a_peer_that_was_let_go_is_turned_down_for_a_while_and_longer_the_next_time() {
    let mut bench = Bench::new();
    bench.peer_links_and_is_let_go(1);
    bench.now = Instant::from_millis(9_000);
    bench.peer_offers(2);
    assert_eq!(bench.answers(), None);
    let [SignalMessage::Decline(decline)] = &bench.signalled()[..] else { panic!("no decline") };
    assert_eq!(decline.connection, 2);
    bench.now = Instant::from_millis(10_000);
    bench.peer_links_and_is_let_go(3);
    bench.now = Instant::from_millis(29_000);
    bench.peer_offers(4);
    assert_eq!(bench.answers(), None);
    bench.now = Instant::from_millis(30_000);
    bench.peer_offers(5);
    assert!(bench.answers().is_some());
}

#[test]
fn a_peer_that_left_by_itself_is_welcome_at_once() {
    let mut bench = Bench::new();
    bench.peer_offers(1);
    let connection = bench.answers().unwrap();
    bench.input(Input::Opened { connection });
    bench.input(Input::Closed { connection });
    bench.effects.clear();
    bench.peer_offers(2);
    assert!(bench.answers().is_some());
}
