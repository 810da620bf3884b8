use std::{
    collections::BTreeSet,
    future::{Future, pending},
    time::Duration,
};

use futures::{
    StreamExt as _,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use libp2p::{
    Multiaddr, PeerId, Swarm, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, timeout::TransportTimeout},
        upgrade::Version,
    },
    identity::Keypair,
    noise, ping,
    swarm::{
        self, ConnectionId, NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    websocket_websys, yamux,
};
use libp2p_stream::{self as stream, Control};

use super::{LineError, direct::Direct, routes::Routes};
use crate::task;

/// How long WebRTC is tried before WebSocket is as well.
const HEAD_START_MS: u32 = 2_500;
/// An address that takes longer does not answer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A relay behind WebSocket that leaves pings unanswered is gone. Over WebRTC the browser knows sooner.
const PING_TIMEOUT: Duration = Duration::from_secs(8);
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Time between the connection and the stream on it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(NetworkBehaviour)]
struct Behaviour {
    ping: ping::Behaviour,
    streams: stream::Behaviour,
}

/// libp2p in this tab, for one line.
pub(super) struct Network {
    swarm: Swarm<Behaviour>,
}

impl Network {
    /// Both ways under `keypair`. Nothing is dialled yet.
    pub(super) fn new(keypair: &Keypair) -> Result<Network, LineError> {
        let behaviour = Behaviour {
            ping: ping::Behaviour::new(
                ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT),
            ),
            streams: stream::Behaviour::new(),
        };
        let config = swarm::Config::with_executor(task::go_on).with_idle_connection_timeout(IDLE_TIMEOUT);
        let swarm = Swarm::new(transport(keypair)?, behaviour, keypair.public().to_peer_id(), config);
        Ok(Network { swarm })
    }

    /// Opens streams on what is connected.
    pub(super) fn control(&self) -> Control {
        self.swarm.behaviour().streams.new_control()
    }

    /// Connects to `relay` in the first way that works. WebRTC gets a head start.
    ///
    /// # Errors
    /// [`LineError::NoRoute`] and [`LineError::Unreachable`]
    pub(super) async fn connect(&mut self, relay: PeerId, routes: Routes) -> Result<ConnectionId, LineError> {
        if routes.is_empty() {
            return Err(LineError::NoRoute);
        }
        let mut dialled: BTreeSet<ConnectionId> = self.dial(relay, routes.direct).into_iter().collect();
        let mut connected = self.first_of(&mut dialled, TimeoutFuture::new(HEAD_START_MS)).await;
        if connected.is_none() {
            dialled.extend(self.dial(relay, routes.websocket));
            connected = self.first_of(&mut dialled, pending()).await;
        }
        connected.ok_or(LineError::Unreachable)
    }

    /// Keeps `connection` until it ends. Another one that a slower dial brings is closed.
    pub(super) async fn hold(&mut self, connection: ConnectionId) {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionClosed { connection_id, .. } if connection_id == connection => return,
                SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { result: Err(_), .. })) => return,
                SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                    self.swarm.close_connection(connection_id);
                }
                _ => {}
            }
        }
    }

    fn dial(&mut self, relay: PeerId, addresses: Vec<Multiaddr>) -> Option<ConnectionId> {
        if addresses.is_empty() {
            return None;
        }
        let dial = DialOpts::peer_id(relay).condition(PeerCondition::Always).addresses(addresses).build();
        let connection = dial.connection_id();
        self.swarm.dial(dial).is_ok().then_some(connection)
    }

    /// The first of `dialled` to connect; `None` when all failed, or time is up before.
    async fn first_of(
        &mut self,
        dialled: &mut BTreeSet<ConnectionId>,
        mut time_is_up: impl Future<Output = ()> + Unpin,
    ) -> Option<ConnectionId> {
        while !dialled.is_empty() {
            match select(self.swarm.select_next_some(), &mut time_is_up).await {
                Either::Left((SwarmEvent::ConnectionEstablished { connection_id, .. }, _)) => {
                    return Some(connection_id);
                }
                Either::Left((SwarmEvent::OutgoingConnectionError { connection_id, .. }, _)) => {
                    dialled.remove(&connection_id);
                }
                Either::Left(_) => {}
                Either::Right(_) => return None,
            }
        }
        None
    }
}

/// `/webrtc-direct` and WebSocket.
fn transport(keypair: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, LineError> {
    let direct = Direct::new(keypair.clone()).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let upgrade = noise::Config::new(keypair).or(Err(LineError::Transport))?;
    let websocket = websocket_websys::Transport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(upgrade)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let either = direct.or_transport(websocket).map(|either, _| either.into_inner());
    Ok(TransportTimeout::new(either, DIAL_TIMEOUT).boxed())
}
