//! The relay's libp2p side: `/webrtc-direct` and WebSocket listeners, and the tracker's streams.
//!
//! Everything that is decided is decided by [`Tracker`]; this module moves bytes and bounds queues. A node that
//! does not read its events is disconnected, never waited for.

mod hosts;
mod streams;
mod tracker;

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, StreamProtocol, Swarm, SwarmBuilder, Transport as _, connection_limits,
    core::muxing::StreamMuxerBox,
    identify,
    identity::Keypair,
    multiaddr::Protocol,
    noise, ping,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use libp2p_stream as stream;
use libp2p_webrtc::tokio::Certificate;
use thetab_swarm::tracker::{Input, Tracker};
use thetab_wire::{PresentationId, relay::TRACKER_PROTOCOL};
use tokio::sync::mpsc;

use self::{
    hosts::{Admission, Hosts},
    tracker::Events,
};
use crate::{limits::LimitSettings, metrics::Metrics};

/// Inputs that may wait for the tracker; beyond, streams are read more slowly.
const INPUT_QUEUE: usize = 4096;
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
    pub(crate) limits: LimitSettings,
    pub(crate) behind_proxy: bool,
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
    admission: Admission,
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
    let hosts = Hosts::new(&settings.limits, settings.behind_proxy);
    let mut swarm = build(keypair, certificate, settings.limits.sessions, hosts.clone())?;
    for address in &settings.listen {
        let failed = |reason| NetworkError::Listen { address: address.clone(), reason };
        swarm.listen_on(address.clone()).map_err(|error| failed(error.to_string()))?;
    }
    wait_for_listeners(&mut swarm, settings, &addresses).await?;
    let incoming = swarm.behaviour().streams.new_control().accept(StreamProtocol::new(TRACKER_PROTOCOL));
    let incoming = incoming.map_err(|error| NetworkError::Transport(error.to_string()))?;
    let (inputs, queue) = mpsc::channel(INPUT_QUEUE);
    let events = Events::default();
    let patience = Duration::from_secs(settings.limits.idle_seconds.max(1).into());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(tracker::run_tracker(tracker, queue, events.clone(), metrics, viewers));
    tasks.spawn(run_swarm(swarm, settings.external.clone(), addresses));
    tasks.spawn(streams::accept(incoming, inputs.clone(), hosts, events, patience));
    Ok((TrackerInputs(inputs), tasks))
}

fn build(
    keypair: Keypair,
    certificate: Certificate,
    connections: u32,
    hosts: Hosts,
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
            admission: Admission(hosts),
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
    address.iter().any(|part| match part {
        Protocol::Ip4(ip) => ip.is_loopback(),
        Protocol::Ip6(ip) => ip.is_loopback(),
        _ => false,
    })
}

async fn run_swarm(
    mut swarm: Swarm<Behaviour>,
    external: Vec<Multiaddr>,
    addresses: Arc<RwLock<Vec<Multiaddr>>>,
) {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } => {
                advertise(&swarm, &external, &addresses);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            _ => {}
        }
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
