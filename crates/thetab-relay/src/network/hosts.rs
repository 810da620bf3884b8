//! Which addresses may connect, how often, and where connected peers are.
//!
//! An address beyond its limits is refused before the handshake, which is what costs. An IPv6 /64 counts as one address.
//! WebSocket connections behind a reverse proxy all have the proxy's address, and are bounded in total alone.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::limits::{LimitSettings, PerAddress, counted, per_minute};

/// Checks of an address between two clean-ups of the limiters.
const CLEAN_UP: u64 = 1024;

/// The connections that there are, shared with the tracker's streams.
#[derive(Clone)]
pub(super) struct Hosts(Arc<Shared>);

struct Shared {
    per_address: u32,
    behind_proxy: bool,
    connections_per_minute: PerAddress,
    streams_per_minute: PerAddress,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    connections: BTreeMap<ConnectionId, Connection>,
    per_address: BTreeMap<IpAddr, u32>,
    checks: u64,
}

struct Connection {
    /// `None` when a proxy stands between.
    address: Option<IpAddr>,
    /// Once its handshake is done.
    peer: Option<PeerId>,
}

/// Why an address may not connect now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    /// It has as many connections as it may.
    #[error("too many connections from this address")]
    Many,
    /// It connected too often within a minute.
    #[error("too many new connections from this address; try again in a minute")]
    Often,
}

impl Hosts {
    pub(super) fn new(limits: &LimitSettings, behind_proxy: bool) -> Hosts {
        Hosts(Arc::new(Shared {
            per_address: limits.connections_per_address,
            behind_proxy,
            connections_per_minute: per_minute(limits.connections_per_minute),
            streams_per_minute: per_minute(limits.tracker_streams_per_minute),
            known: Mutex::default(),
        }))
    }

    /// Takes a connection that wants to be made, from `remote` to our listener `local`.
    pub(super) fn admit(
        &self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), Denied> {
        let by_proxy = self.0.behind_proxy && local.iter().any(|part| matches!(part, Protocol::Ws(_)));
        let address = ip_of(remote).filter(|_| !by_proxy);
        let mut known = self.lock();
        known.checks = known.checks.wrapping_add(1);
        if known.checks.is_multiple_of(CLEAN_UP) {
            self.0.connections_per_minute.retain_recent();
            self.0.streams_per_minute.retain_recent();
        }
        if let Some(address) = address {
            if known.per_address.get(&address).is_some_and(|count| *count >= self.0.per_address) {
                return Err(Denied::Many);
            }
            self.0.connections_per_minute.check_key(&address).or(Err(Denied::Often))?;
            *known.per_address.entry(address).or_insert(0) += 1;
        }
        known.connections.insert(id, Connection { address, peer: None });
        Ok(())
    }

    /// The connection's other end is known now.
    pub(super) fn established(&self, id: ConnectionId, peer: PeerId) {
        if let Some(connection) = self.lock().connections.get_mut(&id) {
            connection.peer = Some(peer);
        }
    }

    /// The connection ended, or never was.
    pub(super) fn ended(&self, id: ConnectionId) {
        let mut known = self.lock();
        let Some(Connection { address: Some(address), .. }) = known.connections.remove(&id) else { return };
        if let Some(count) = known.per_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                known.per_address.remove(&address);
            }
        }
    }

    /// Whether a peer may open one more stream to the tracker now.
    pub(super) fn may_open_stream(&self, peer: &PeerId) -> bool {
        self.address(peer).is_none_or(|address| self.0.streams_per_minute.check_key(&address).is_ok())
    }

    /// The network that a peer is in: /24 or /48. What the tracker sees of an address.
    pub(super) fn prefix(&self, peer: &PeerId) -> Vec<u8> {
        match self.address(peer) {
            Some(IpAddr::V4(v4)) => v4.octets()[..3].to_vec(),
            Some(IpAddr::V6(v6)) => v6.octets()[..6].to_vec(),
            None => Vec::new(),
        }
    }

    fn address(&self, peer: &PeerId) -> Option<IpAddr> {
        let known = self.lock();
        known.connections.values().find(|connection| connection.peer == Some(*peer))?.address
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().expect("nothing panics while it holds the lock")
    }
}

impl fmt::Debug for Hosts {
    /// Shows no address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("connections", &self.lock().connections.len()).finish_non_exhaustive()
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    let ip = address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::from(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::from(ip)),
        _ => None,
    });
    ip.map(counted)
}

/// Asks [`Hosts`] about each connection on behalf of the swarm.
#[derive(Debug)]
pub(super) struct Admission(pub(super) Hosts);

impl NetworkBehaviour for Admission {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.0.admit(id, local, remote).map_err(|denied| {
            tracing::debug!(%denied, "connection");
            ConnectionDenied::new(denied)
        })
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _local: &Multiaddr,
        _remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0.established(id, peer);
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _id: ConnectionId,
        _peer: PeerId,
        _address: &Multiaddr,
        _role: Endpoint,
        _port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.0.ended(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.0.ended(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer: PeerId,
        _id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(connections_per_address: u32, connections_per_minute: u32, behind_proxy: bool) -> Hosts {
        let limits =
            LimitSettings { connections_per_address, connections_per_minute, ..LimitSettings::default() };
        Hosts::new(&limits, behind_proxy)
    }

    fn admit(hosts: &Hosts, id: usize, remote: &str) -> Result<(), Denied> {
        let local = "/ip4/127.0.0.1/tcp/1/ws".parse().unwrap();
        hosts.admit(ConnectionId::new_unchecked(id), &local, &remote.parse().unwrap())
    }

    #[test]
    fn an_address_has_so_many_connections_until_one_ends() {
        let hosts = hosts(2, 100, false);
        assert_eq!(admit(&hosts, 1, "/ip4/203.0.113.7/tcp/1"), Ok(()));
        assert_eq!(admit(&hosts, 2, "/ip4/203.0.113.7/tcp/2"), Ok(()));
        assert_eq!(admit(&hosts, 3, "/ip4/203.0.113.7/tcp/3"), Err(Denied::Many));
        assert_eq!(admit(&hosts, 4, "/ip4/203.0.113.8/tcp/3"), Ok(()));
        hosts.ended(ConnectionId::new_unchecked(1));
        // One that was never admitted gives nothing back.
        hosts.ended(ConnectionId::new_unchecked(3));
        assert_eq!(admit(&hosts, 5, "/ip4/203.0.113.7/tcp/4"), Ok(()));
        assert_eq!(admit(&hosts, 6, "/ip4/203.0.113.7/tcp/5"), Err(Denied::Many));
    }

    #[test]
    fn an_address_connects_only_so_often_and_a_64_is_one_address() {
        let hosts = hosts(100, 2, false);
        for (id, host) in [(1, "1"), (2, "2")] {
            assert_eq!(admit(&hosts, id, &format!("/ip6/2001:db8:1:2::{host}/tcp/1")), Ok(()));
            hosts.ended(ConnectionId::new_unchecked(id));
        }
        assert_eq!(admit(&hosts, 3, "/ip6/2001:db8:1:2:ffff::3/tcp/1"), Err(Denied::Often));
        assert_eq!(admit(&hosts, 4, "/ip6/2001:db8:1:3::3/tcp/1"), Ok(()));
    }

    #[test]
    fn behind_a_proxy_nobody_is_held_to_the_proxys_address() {
        let hosts = hosts(1, 1, true);
        assert!((1..50).all(|id| admit(&hosts, id, "/ip4/127.0.0.1/tcp/1") == Ok(())));
        let peer = PeerId::random();
        hosts.established(ConnectionId::new_unchecked(1), peer);
        assert!(hosts.prefix(&peer).is_empty());
    }

    #[test]
    fn the_tracker_sees_of_an_address_its_network_alone() {
        let (hosts, peer) = (hosts(9, 9, false), PeerId::random());
        admit(&hosts, 1, "/ip4/203.0.113.7/tcp/1").unwrap();
        assert!(hosts.prefix(&peer).is_empty());
        hosts.established(ConnectionId::new_unchecked(1), peer);
        assert_eq!(hosts.prefix(&peer), [203, 0, 113]);
        assert!(!format!("{hosts:?}").contains("203"));
    }
}
