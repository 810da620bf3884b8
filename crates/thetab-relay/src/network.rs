//! The relay's libp2p side: `/webrtc-direct` and WebSocket listeners, and the tracker's streams.
//!
//! Everything that is decided is decided by [`Tracker`]; this module moves bytes and bounds queues. A node that
//! does not read its events is disconnected, never waited for.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, Transport as _, connection_limits,
    core::muxing::StreamMuxerBox,
    identify,
    identity::Keypair,
    multiaddr::Protocol,
    noise, ping,
    swarm::{ConnectionId, NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use libp2p_stream as stream;
use libp2p_webrtc::tokio::Certificate;
use thetab_sansio::{Instant, Machine, Runtime, drive};
use thetab_swarm::tracker::{Effect, Input, StreamKey, Tracker};
use thetab_wire::{
    PresentationId,
    frame::{FrameDecoder, encode_frame},
    relay::TRACKER_PROTOCOL,
};
use tokio::sync::mpsc;

use crate::metrics::Metrics;

/// Inputs that may wait for the tracker; beyond, streams are read more slowly.
const INPUT_QUEUE: usize = 4096;
/// Events that may wait for one node; beyond, the node is disconnected.
const EVENT_QUEUE: usize = 128;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How many watch each presentation, as the tracker last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct ViewerCounts(Arc<RwLock<BTreeMap<PresentationId, u32>>>);

impl ViewerCounts {
    pub(crate) fn of(&self, presentation: &PresentationId) -> u32 {
        self.0.read().expect("nothing panics while it holds the lock").get(presentation).copied().unwrap_or(0)
    }

    fn set(&self, counts: BTreeMap<PresentationId, u32>) {
        *self.0.write().expect("nothing panics while it holds the lock") = counts;
    }
}

/// Why the listeners do not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A transport could not be set up.
    #[error("the libp2p transports cannot be set up: {0}")]
    Transport(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which address.
        address: Multiaddr,
        /// Why.
        reason: String,
    },
}

/// What the libp2p side is built from.
#[derive(Clone, Debug)]
pub(crate) struct NetworkSettings {
    pub(crate) listen: Vec<Multiaddr>,
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) connections_per_address: u32,
    pub(crate) connections: u32,
}

/// A handle on the tracker, for the HTTP side.
#[derive(Clone, Debug)]
pub(crate) struct TrackerInputs(mpsc::Sender<Input>);

impl TrackerInputs {
    /// Tells the tracker something; waits while its queue is full.
    pub(crate) async fn send(&self, input: Input) {
        // The tracker ends only when the relay does.
        let _ = self.0.send(input).await;
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    streams: stream::Behaviour,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
}

/// Starts listeners and tracker; both end when the returned tasks are dropped.
///
/// # Errors
/// [`NetworkError`]
pub(crate) async fn start(
    keypair: Keypair,
    certificate: Certificate,
    settings: &NetworkSettings,
    tracker: Tracker,
    metrics: Metrics,
    viewers: ViewerCounts,
    addresses: Arc<RwLock<Vec<Multiaddr>>>,
) -> Result<(TrackerInputs, tokio::task::JoinSet<()>), NetworkError> {
    let mut swarm = build(keypair, certificate, settings.connections)?;
    for address in &settings.listen {
        let failed = |reason| NetworkError::Listen { address: address.clone(), reason };
        swarm.listen_on(address.clone()).map_err(|error| failed(error.to_string()))?;
    }
    wait_for_listeners(&mut swarm, settings, &addresses).await?;
    let incoming = swarm.behaviour().streams.new_control().accept(StreamProtocol::new(TRACKER_PROTOCOL));
    let incoming = incoming.map_err(|error| NetworkError::Transport(error.to_string()))?;
    let (inputs, queue) = mpsc::channel(INPUT_QUEUE);
    let hosts = Hosts::new(settings.connections_per_address);
    let events = Events::default();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(run_tracker(tracker, queue, events.clone(), metrics, viewers));
    tasks.spawn(run_swarm(swarm, hosts.clone(), settings.external.clone(), addresses));
    tasks.spawn(accept(incoming, inputs.clone(), hosts, events));
    Ok((TrackerInputs(inputs), tasks))
}

fn build(
    keypair: Keypair,
    certificate: Certificate,
    connections: u32,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let failed = |error: &dyn std::fmt::Display| NetworkError::Transport(error.to_string());
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_established_incoming(Some(connections))
        .with_max_pending_incoming(Some(512))
        .with_max_established_per_peer(Some(4));
    let builder = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(|keypair| {
            libp2p_webrtc::tokio::Transport::new(keypair.clone(), certificate)
                .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        })
        .map_err(|error| failed(&error))?
        .with_other_transport(|keypair| {
            let upgrade = noise::Config::new(keypair)?;
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            let websocket = libp2p::websocket::Config::new(tcp)
                .upgrade(libp2p::core::upgrade::Version::V1Lazy)
                .authenticate(upgrade)
                .multiplex(yamux::Config::default());
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(websocket)
        })
        .map_err(|error| failed(&error))?;
    let built = builder
        .with_behaviour(|keypair| Behaviour {
            limits: connection_limits::Behaviour::new(limits),
            streams: stream::Behaviour::new(),
            ping: ping::Behaviour::new(ping::Config::new()),
            identify: identify::Behaviour::new(identify::Config::new(
                "/thetab/relay/1".into(),
                keypair.public(),
            )),
        })
        .map_err(|error| failed(&error))?;
    Ok(built.with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT)).build())
}

/// Waits until every listener has an address, so that a port that is taken is an error at the start.
async fn wait_for_listeners(
    swarm: &mut Swarm<Behaviour>,
    settings: &NetworkSettings,
    addresses: &Arc<RwLock<Vec<Multiaddr>>>,
) -> Result<(), NetworkError> {
    let mut listening = std::collections::BTreeSet::new();
    while listening.len() < settings.listen.len() {
        match swarm.next().await {
            Some(SwarmEvent::NewListenAddr { listener_id, .. }) => {
                listening.insert(format!("{listener_id}"));
            }
            Some(SwarmEvent::ListenerClosed { addresses, reason, .. }) => {
                let address =
                    addresses.first().or(settings.listen.first()).cloned().unwrap_or_else(Multiaddr::empty);
                return Err(NetworkError::Listen { address, reason: format!("{reason:?}") });
            }
            Some(_) => {}
            None => return Err(NetworkError::Transport("the swarm ended".into())),
        }
    }
    advertise(swarm, &settings.external, addresses);
    Ok(())
}

/// What nodes may dial: our listeners, and the same on each external address.
fn advertise(swarm: &Swarm<Behaviour>, external: &[Multiaddr], addresses: &Arc<RwLock<Vec<Multiaddr>>>) {
    let listeners: Vec<Multiaddr> = swarm.listeners().cloned().collect();
    let id = Protocol::P2p(*swarm.local_peer_id());
    let mut found: Vec<Multiaddr> = reachable(&listeners, external);
    // Loopback last: a stranger's own loopback is never the relay.
    found.sort_by_key(is_loopback);
    let found = found.into_iter().map(|address| address.with(id.clone())).collect();
    *addresses.write().expect("nothing panics while it holds the lock") = found;
}

/// Each listener under each external host, then external addresses that are whole (a proxy's), then the listeners.
fn reachable(listeners: &[Multiaddr], external: &[Multiaddr]) -> Vec<Multiaddr> {
    let (hosts, whole): (Vec<&Multiaddr>, Vec<&Multiaddr>) =
        external.iter().partition(|address| address.iter().count() == 1);
    let moved = listeners.iter().flat_map(|listener| {
        hosts.iter().map(|host| host.iter().chain(listener.iter().skip(1)).collect::<Multiaddr>())
    });
    let mut found: Vec<Multiaddr> = Vec::new();
    for address in moved.chain(whole.into_iter().cloned()).chain(listeners.iter().cloned()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn is_loopback(address: &Multiaddr) -> bool {
    ip_of(address).is_some_and(|ip| ip.is_loopback())
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::from(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::from(ip)),
        _ => None,
    })
}

/// Where the connected peers are, and how many connections each address has.
#[derive(Clone, Debug)]
struct Hosts {
    per_address: u32,
    connected: Arc<Mutex<BTreeMap<(PeerId, ConnectionId), IpAddr>>>,
}

impl Hosts {
    fn new(per_address: u32) -> Hosts {
        Hosts { per_address, connected: Arc::default() }
    }

    /// Notes a connection; false when its address has too many.
    fn connect(&self, peer: PeerId, connection: ConnectionId, address: IpAddr) -> bool {
        let mut connected = self.connected.lock().expect("nothing panics while it holds the lock");
        let already = connected.values().filter(|known| **known == address).count();
        connected.insert((peer, connection), address);
        already < self.per_address as usize
    }

    fn disconnect(&self, peer: PeerId, connection: ConnectionId) {
        self.connected.lock().expect("nothing panics while it holds the lock").remove(&(peer, connection));
    }

    /// The network that a peer is in: /24 or /48. What the tracker sees of an address.
    fn prefix(&self, peer: PeerId) -> Vec<u8> {
        let connected = self.connected.lock().expect("nothing panics while it holds the lock");
        let address = connected
            .iter()
            .find(|((known, _), _)| *known == peer)
            .map(|(_, address)| address.to_canonical());
        match address {
            Some(IpAddr::V4(v4)) => v4.octets()[..3].to_vec(),
            Some(IpAddr::V6(v6)) => v6.octets()[..6].to_vec(),
            None => Vec::new(),
        }
    }
}

async fn run_swarm(
    mut swarm: Swarm<Behaviour>,
    hosts: Hosts,
    external: Vec<Multiaddr>,
    addresses: Arc<RwLock<Vec<Multiaddr>>>,
) {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let address = ip_of(endpoint.get_remote_address()).unwrap_or(IpAddr::from([0; 4]));
                if !hosts.connect(peer_id, connection_id, address) {
                    tracing::debug!("an address has too many connections");
                    swarm.close_connection(connection_id);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                hosts.disconnect(peer_id, connection_id)
            }
            SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } => {
                advertise(&swarm, &external, &addresses);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            _ => {}
        }
    }
}

/// Where each stream's events go.
type Events = Arc<Mutex<BTreeMap<StreamKey, mpsc::Sender<Bytes>>>>;

async fn accept(
    mut incoming: stream::IncomingStreams,
    inputs: mpsc::Sender<Input>,
    hosts: Hosts,
    events: Events,
) {
    let mut next_key = 0u64;
    let mut streams = tokio::task::JoinSet::new();
    while let Some((peer, opened)) = incoming.next().await {
        while streams.try_join_next().is_some() {}
        next_key = next_key.wrapping_add(1);
        let key = StreamKey(next_key);
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        events.lock().expect("nothing panics while it holds the lock").insert(key, sender);
        let opening =
            Input::Opened { stream: key, transport_id: peer.to_bytes().into(), prefix: hosts.prefix(peer) };
        let (inputs, events) = (inputs.clone(), events.clone());
        streams.spawn(async move {
            if inputs.send(opening).await.is_ok() {
                if let Err(error) = serve(opened, key, &inputs, receiver).await {
                    tracing::debug!(%error, "tracker stream");
                }
                let _ = inputs.send(Input::Closed { stream: key }).await;
            }
            events.lock().expect("nothing panics while it holds the lock").remove(&key);
        });
    }
}

/// Moves frames both ways until either end closes.
async fn serve(
    opened: Stream,
    key: StreamKey,
    inputs: &mpsc::Sender<Input>,
    mut events: mpsc::Receiver<Bytes>,
) -> io::Result<()> {
    let (mut reader, mut writer) = opened.split();
    let reading = async {
        let mut decoder = FrameDecoder::default();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                length => decoder.push(&buffer[..length]),
            }
            while let Some(message) = decoder.pop().map_err(io::Error::other)? {
                if inputs.send(Input::Message { stream: key, message }).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    let writing = async {
        while let Some(message) = events.recv().await {
            writer.write_all(&encode_frame(&message).map_err(io::Error::other)?).await?;
            writer.flush().await?;
        }
        writer.close().await
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    }
}

async fn run_tracker(
    tracker: Tracker,
    inputs: mpsc::Receiver<Input>,
    events: Events,
    metrics: Metrics,
    viewers: ViewerCounts,
) {
    let mut runtime = TrackerRuntime { started: std::time::Instant::now(), inputs, events };
    drive(&mut Observed { tracker, metrics, viewers }, &mut runtime).await;
}

/// The tracker, with its numbers shown after each step.
struct Observed {
    tracker: Tracker,
    metrics: Metrics,
    viewers: ViewerCounts,
}

impl Observed {
    fn show(&self) {
        let stats = self.tracker.stats();
        let advance = |counter: &prometheus_client::metrics::counter::Counter, total: u64| {
            counter.inc_by(total.saturating_sub(counter.get()));
        };
        self.metrics.tracker_sessions.set(i64::try_from(stats.sessions).unwrap_or(i64::MAX));
        advance(&self.metrics.signals, stats.signals);
        advance(&self.metrics.reports, stats.reports);
        advance(&self.metrics.tracker_refused, stats.refused);
        self.viewers.set(self.tracker.viewer_counts());
    }
}

impl Machine for Observed {
    type Input = Input;
    type Effect = Effect;
    fn handle(&mut self, now: Instant, input: Input) {
        let changes_counts = !matches!(input, Input::Presentation { .. });
        self.tracker.handle(now, input);
        if changes_counts {
            self.show();
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.tracker.handle_timeout(now);
        self.show();
    }
    fn poll_effect(&mut self) -> Option<Effect> {
        self.tracker.poll_effect()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.tracker.poll_timeout()
    }
}

struct TrackerRuntime {
    started: std::time::Instant,
    inputs: mpsc::Receiver<Input>,
    events: Events,
}

impl Runtime<Observed> for TrackerRuntime {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn perform(&mut self, effect: Effect) {
        let mut events = self.events.lock().expect("nothing panics while it holds the lock");
        match effect {
            Effect::Send { stream, message } => {
                let full = events.get(&stream).is_some_and(|sender| sender.try_send(message).is_err());
                if full {
                    events.remove(&stream);
                }
            }
            Effect::Close { stream } => {
                events.remove(&stream);
            }
            effect => tracing::error!(?effect, "the tracker wants something that this host cannot do"),
        }
    }

    async fn next_input(&mut self, deadline: Option<Instant>) -> Option<Input> {
        let Some(deadline) = deadline else { return self.inputs.recv().await };
        let until = self.started + deadline.since_start();
        tokio::time::timeout_at(until.into(), self.inputs.recv()).await.ok().flatten()
    }
}

/// Unix time now, in seconds.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_offered_under_external_hosts_and_a_proxys_address_as_it_is() {
        let address = |text: &str| text.parse::<Multiaddr>().unwrap();
        let listeners = [address("/ip4/10.0.0.1/tcp/9091/ws")];
        let external = [address("/ip4/203.0.113.7"), address("/dns4/relay.example/tcp/9443/wss")];
        let expected = [
            address("/ip4/203.0.113.7/tcp/9091/ws"),
            address("/dns4/relay.example/tcp/9443/wss"),
            address("/ip4/10.0.0.1/tcp/9091/ws"),
        ];
        assert_eq!(reachable(&listeners, &external), expected);
    }
}
