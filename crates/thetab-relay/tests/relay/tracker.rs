//! Nodes on the tracker's protocol, over libp2p and WebSocket.

use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, Transport as _, core::upgrade::Version,
    identity::Keypair, noise, swarm::SwarmEvent, tcp, websocket, yamux,
};
use libp2p_stream as stream;
use thetab_wire::{
    Decode as _, PresentationId, SessionKey,
    codec::Blob,
    frame::{FrameDecoder, encode_frame},
    relay::{Find, Join, Position, RelayEvent, RelayRequest, Send, TRACKER_PROTOCOL},
    session::SessionSecret,
    ticket::SignedTicket,
};

use crate::support::{World, json_of, relay, relay_with};

/// One libp2p host, connected to a relay.
struct Host {
    keypair: Keypair,
    relay_id: PeerId,
    control: stream::Control,
    /// Drives the swarm; ends with the host.
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Host {
    /// Connects, or says that the relay would not have it.
    async fn connect(world: &World) -> Option<Host> {
        let info = world.json("/api/v1/relay").await;
        let mut addresses = info["addresses"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        let address: Multiaddr = addresses.find(|text| text.contains("/ws")).unwrap().parse().unwrap();
        let relay_id: PeerId = info["peer_id"].as_str().unwrap().parse().unwrap();
        let keypair = Keypair::generate_ed25519();
        let mut swarm = swarm(&keypair);
        let control = swarm.behaviour().new_control();
        swarm.dial(address).unwrap();
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => break,
                SwarmEvent::OutgoingConnectionError { .. } => return None,
                _ => {}
            }
        }
        let running = tokio::spawn(async move { while swarm.next().await.is_some() {} });
        Some(Host { keypair, relay_id, control, running })
    }

    async fn open(&mut self) -> Node {
        let protocol = StreamProtocol::new(TRACKER_PROTOCOL);
        let stream = self.control.open_stream(self.relay_id, protocol).await.unwrap();
        Node { stream, decoder: FrameDecoder::default() }
    }

    fn proof(&self, secret: &SessionSecret, presentation: &PresentationId) -> [u8; 64] {
        let own = self.keypair.public().to_peer_id();
        secret.prove_join(presentation, &self.relay_id.to_bytes(), &own.to_bytes())
    }

    /// Joins the sample with a ticket of its own.
    async fn join(&mut self, world: &World, secret: &SessionSecret) -> Node {
        let ticket = ticket(world, secret).await;
        let presentation = ticket.claimed_presentation().unwrap();
        let mut node = self.open().await;
        let proof = self.proof(secret, &presentation);
        node.say(Join { ticket, proof, position: position() }.into()).await;
        node
    }
}

fn swarm(keypair: &Keypair) -> Swarm<stream::Behaviour> {
    let transport = websocket::Config::new(tcp::tokio::Transport::new(tcp::Config::default()))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair).unwrap())
        .multiplex(yamux::Config::default())
        .boxed();
    let config =
        libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport, stream::Behaviour::new(), keypair.public().to_peer_id(), config)
}

/// One stream to the tracker.
struct Node {
    stream: Stream,
    decoder: FrameDecoder,
}

impl Node {
    async fn say(&mut self, request: RelayRequest) {
        self.send(&encode_frame(&request.encode()).unwrap()).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next event; `None` once the relay has closed the stream.
    async fn hear(&mut self) -> Option<RelayEvent> {
        loop {
            if let Some(message) = self.decoder.pop().unwrap() {
                return RelayEvent::decode(&message).unwrap();
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await.unwrap_or(0) {
                0 => return None,
                length => self.decoder.push(&buffer[..length]),
            }
        }
    }

    /// The code of a refusal, after which the stream ends.
    async fn refused(&mut self) -> String {
        let Some(RelayEvent::Refused(refused)) = self.hear().await else { panic!("not refused") };
        assert!(refused.message.len() > 10, "in words");
        assert_eq!(self.hear().await, None);
        refused.code.to_string()
    }
}

fn position() -> Position {
    Position { sharing: true, rendition: 0, playhead_sequence: 0, links: 0 }
}

fn secret(number: u8) -> SessionSecret {
    SessionSecret::from_entropy([number; 32])
}

async fn ticket(world: &World, secret: &SessionSecret) -> SignedTicket {
    let body = format!(r#"{{"session_key":"{}","seal_key":"{}"}}"#, secret.session_key(), secret.seal_key());
    let answer = json_of(world.post("/api/v1/streams/sample/ticket", body).await).await;
    SignedTicket::decode(&hex::decode(answer["ticket"].as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_node_with_a_ticket_joins_and_is_counted_until_it_leaves() {
    let world = relay().await;
    let mut host = Host::connect(&world).await.unwrap();
    let mut node = host.join(&world, &secret(1)).await;
    let Some(RelayEvent::Joined(joined)) = node.hear().await else { panic!("not joined") };
    assert_eq!((joined.viewers, joined.minimum_viewers), (1, 3));
    assert_eq!(world.metric("thetab_tracker_sessions").await, 1);
    assert_eq!(world.json("/api/v1/streams/sample").await["viewers"], 1);
    node.stream.close().await.unwrap();
    while world.metric("thetab_tracker_sessions").await != 0 {}
}

#[tokio::test]
async fn a_ticket_of_somebody_else_does_not_join() {
    let world = relay().await;
    let mut host = Host::connect(&world).await.unwrap();
    let stolen = ticket(&world, &secret(1)).await;
    let presentation = stolen.claimed_presentation().unwrap();
    let mut node = host.open().await;
    let proof = host.proof(&secret(2), &presentation);
    node.say(Join { ticket: stolen, proof, position: position() }.into()).await;
    assert_eq!(node.refused().await, "ticket_invalid");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_in_words() {
    let world = relay().await;
    let mut host = Host::connect(&world).await.unwrap();
    let frames = [
        encode_frame(b"\x01garbage").unwrap(),
        encode_frame(&RelayRequest::from(Find { count: 1 }).encode()).unwrap(),
        // Lengths that no message has: nobody waits for the rest.
        vec![0xff; 4],
        vec![0; 4],
        (RelayRequest::MAX_SIZE_BYTES as u32 + 1).to_be_bytes().to_vec(),
    ];
    for bytes in frames {
        let mut node = host.open().await;
        node.send(&bytes).await;
        assert_eq!(node.refused().await, "protocol", "{bytes:?}");
    }
    assert_eq!(world.metric("thetab_tracker_refused_total").await, 5);
}

#[tokio::test]
async fn one_address_opens_only_so_many_streams_a_minute() {
    let world = relay_with(|config| config.limits.tracker_streams_per_minute = 3).await;
    let mut host = Host::connect(&world).await.unwrap();
    let mut open = Vec::new();
    for number in 0..3 {
        let mut node = host.join(&world, &secret(number)).await;
        assert!(matches!(node.hear().await, Some(RelayEvent::Joined(_))), "stream {number}");
        open.push(node);
    }
    assert_eq!(host.open().await.refused().await, "rate_limited");
    // Those that are open go on.
    open[0].say(Find { count: 1 }.into()).await;
    loop {
        match open[0].hear().await.unwrap() {
            RelayEvent::Found(_) => break,
            event => assert!(matches!(event, RelayEvent::Viewers(_)), "{event:?}"),
        }
    }
}

#[tokio::test]
async fn one_address_makes_only_so_many_connections() {
    let world = relay_with(|config| config.limits.connections_per_address = 2).await;
    let first = Host::connect(&world).await.unwrap();
    let _second = Host::connect(&world).await.unwrap();
    assert!(Host::connect(&world).await.is_none());
    drop(first);
    let freed = async { while Host::connect(&world).await.is_none() {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn one_address_connects_only_so_often() {
    let world = relay_with(|config| config.limits.connections_per_minute = 2).await;
    drop(Host::connect(&world).await.unwrap());
    drop(Host::connect(&world).await.unwrap());
    assert!(Host::connect(&world).await.is_none());
}

#[tokio::test]
async fn a_node_that_does_not_read_is_let_go() {
    let world = relay_with(|config| config.limits.idle_seconds = 1).await;
    let (mut one, mut other) = (Host::connect(&world).await.unwrap(), Host::connect(&world).await.unwrap());
    let mut talking = one.join(&world, &secret(1)).await;
    let mut deaf = other.join(&world, &secret(2)).await;
    assert!(matches!(deaf.hear().await, Some(RelayEvent::Joined(_))));
    // More than the window of a stream that nobody reads.
    let sealed: Blob<17_408> = vec![1; 17_408].try_into().unwrap();
    let to: SessionKey = secret(2).session_key();
    for _ in 0..20 {
        talking.say(Send { to, sealed: sealed.clone() }.into()).await;
    }
    let gone = async { while world.metric("thetab_tracker_sessions").await != 1 {} };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}
