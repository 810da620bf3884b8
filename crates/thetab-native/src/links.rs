use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use thetab_node::{ConnectionId, Input};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use webrtc::{
    api::{API, APIBuilder, setting_engine::SettingEngine},
    ice::mdns::MulticastDnsMode,
    ice_transport::ice_server::RTCIceServer,
    peer_connection::{RTCPeerConnection, configuration::RTCConfiguration},
};

use crate::connection::{Connection, Overrun, Step};

/// Without a word from a peer for so long, the connection may be lost, and is after as long again.
const SILENCE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long a way to a peer that its candidates did not name is kept waiting for one that they name.
const UNNAMED_WAY: Duration = Duration::from_millis(100);

/// STUN servers as the relay last named them.
pub(crate) type StunServers = Arc<Mutex<Vec<String>>>;

/// Every connection to a peer, open or on its way.
pub(crate) struct Links {
    api: Arc<API>,
    stun: StunServers,
    connections: BTreeMap<ConnectionId, Connection>,
    inputs: mpsc::Sender<Input>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Links {
    /// Leaves out webrtc-rs, which has none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Links {
    /// No connections. With `is_local` peers on this machine are found on loopback.
    pub(crate) fn new(
        is_local: bool,
        stun: StunServers,
        inputs: mpsc::Sender<Input>,
        tasks: TaskTracker,
    ) -> Links {
        let api = Arc::new(APIBuilder::new().with_setting_engine(settings(is_local)).build());
        Links { api, stun, connections: BTreeMap::new(), inputs, tasks }
    }

    /// Begins a connection; `Described`, `Opened` or `Closed` follow.
    pub(crate) fn open(&mut self, id: ConnectionId, offer: bool) {
        let stun = self.stun.lock().expect("nothing panics while it holds the lock").clone();
        let create = create(self.api.clone(), stun);
        let (connection, running) = Connection::new(id, offer, create, self.inputs.clone());
        self.tasks.spawn(running);
        self.connections.insert(id, connection);
    }

    /// Closes a connection, or forgets one that closed by itself.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    /// Closes all of them.
    pub(crate) fn close_all(&mut self) {
        self.connections.clear();
    }

    /// Takes the next step towards a connection.
    pub(crate) fn step(&self, id: ConnectionId, step: Step) -> Result<(), Overrun> {
        self.connections.get(&id).map_or(Ok(()), |connection| connection.step(step))
    }

    /// Sends on a connection's control channel.
    pub(crate) fn send_control(&self, id: ConnectionId, message: Bytes) -> Result<(), Overrun> {
        self.connections.get(&id).map_or(Ok(()), |connection| connection.send_control(message))
    }

    /// Sends on a connection's bulk channel.
    pub(crate) fn send_bulk(&self, id: ConnectionId, frame: Bytes) -> Result<(), Overrun> {
        self.connections.get(&id).map_or(Ok(()), |connection| connection.send_bulk(frame))
    }

    /// Bytes that wait to be sent on a connection's bulk channel.
    pub(crate) fn buffered_bytes(&self, id: ConnectionId) -> Option<usize> {
        self.connections.get(&id).map(Connection::buffered_bytes)
    }
}

fn settings(is_local: bool) -> SettingEngine {
    let mut settings = SettingEngine::default();
    settings.detach_data_channels();
    settings.set_ice_timeouts(Some(SILENCE), Some(SILENCE), Some(KEEP_ALIVE));
    settings.set_prflx_acceptance_min_wait(Some(UNNAMED_WAY));
    settings.set_include_loopback_candidate(is_local);
    // Tabs hide their addresses behind names that multicast DNS resolves. On one machine nobody needs that: a tab
    // finds this node's own candidates, and its address is learnt from there.
    settings.set_ice_multicast_dns_mode(if is_local {
        MulticastDnsMode::Disabled
    } else {
        MulticastDnsMode::QueryOnly
    });
    // Link-local addresses mean nothing without their interface.
    settings.set_ip_filter(Box::new(|address| match address {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }));
    settings
}

async fn create(api: Arc<API>, stun: Vec<String>) -> Result<RTCPeerConnection, webrtc::Error> {
    if !stun.is_empty() {
        let server = RTCIceServer { urls: stun, ..RTCIceServer::default() };
        let configuration = RTCConfiguration { ice_servers: vec![server], ..RTCConfiguration::default() };
        // A relay that names a STUN server wrongly costs us our outside address, not the connection.
        if let Ok(peer) = api.new_peer_connection(configuration).await {
            return Ok(peer);
        }
    }
    api.new_peer_connection(RTCConfiguration::default()).await
}
