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
    Multiaddr, PeerId, Swarm, SwarmBuilder, Transport as _,
    core::upgrade::Version,
    identity::Keypair,
    noise, ping,
    swarm::{
        ConnectionId, NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    websocket_websys, yamux,
};
use libp2p_stream::{self as stream, Control};

use super::{LineError, direct::Direct, routes::Routes};

/// How long WebRTC is tried before WebSocket is as well.
const HEAD_START_MS: u32 = 2_500;
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
    /// Both transports under `keypair`. Nothing is dialled yet.
    pub(super) fn new(keypair: &Keypair) -> Result<Network, LineError> {
        let failed = |error: &dyn std::fmt::Display| LineError::Transport(error.to_string());
        let swarm = SwarmBuilder::with_existing_identity(keypair.clone())
            .with_wasm_bindgen()
            .with_other_transport(|keypair| Direct::new(keypair.clone()))
            .map_err(|error| failed(&error))?
            .with_other_transport(|keypair| {
                let upgrade = noise::Config::new(keypair)?;
                let websocket = websocket_websys::Transport::default()
                    .upgrade(Version::V1Lazy)
                    .authenticate(upgrade)
                    .multiplex(yamux::Config::default());
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(websocket)
            })
            .map_err(|error| failed(&error))?
            .with_behaviour(|_| Behaviour {
                ping: ping::Behaviour::new(
                    ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT),
                ),
                streams: stream::Behaviour::new(),
            })
            .map_err(|error| failed(&error))?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build();
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
