use std::net::IpAddr;

use libp2p::{Multiaddr, multiaddr::Protocol};
use web_sys::Url;

/// Addresses of one kind that are dialled; more are left out.
const MAX_ADDRESSES: usize = 4;

/// How near an address is: what is nearer than the page itself is not the relay, but somebody's own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Loopback,
    Private,
    Public,
}

/// The addresses of a relay that this page may dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    /// `/webrtc-direct`: needs UDP, and neither a domain nor a certificate.
    pub(super) direct: Vec<Multiaddr>,
    /// WebSocket, for where UDP does not pass.
    pub(super) websocket: Vec<Multiaddr>,
}

impl Routes {
    /// Chooses among `addresses` for a page whose relay is at `api_base`.
    pub(super) fn choose(addresses: &[String], api_base: &str) -> Routes {
        let Ok(base) = Url::new(api_base) else { return Routes::default() };
        let is_secure = base.protocol() == "https:";
        let near = reach_of_host(base.hostname().trim_matches(['[', ']']));
        let mut addresses: Vec<Multiaddr> =
            addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let farthest = addresses.iter().map(reach).max().unwrap_or(Reach::Public);
        addresses.retain(|address| reach(address) >= near.min(farthest));
        let mut routes = Routes::default();
        for address in addresses {
            if address.iter().any(|part| part == Protocol::WebRTCDirect) {
                routes.direct.push(address);
            } else if is_websocket(&address) && (!is_secure || is_allowed_on_secure_pages(&address)) {
                routes.websocket.push(address);
            }
        }
        routes.direct.truncate(MAX_ADDRESSES);
        routes.websocket.truncate(MAX_ADDRESSES);
        routes
    }

    /// Whether there is nothing to dial.
    pub(super) fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.websocket.is_empty()
    }
}

fn is_websocket(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_)))
}

/// A page that came over HTTPS may open encrypted sockets, and plain ones to its own machine.
fn is_allowed_on_secure_pages(address: &Multiaddr) -> bool {
    let is_encrypted = address.iter().any(|part| matches!(part, Protocol::Wss(_) | Protocol::Tls));
    is_encrypted || reach(address) == Reach::Loopback
}

fn reach(address: &Multiaddr) -> Reach {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => reach_of(ip.into()),
        Some(Protocol::Ip6(ip)) => reach_of(ip.into()),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => reach_of_host(&name),
        _ => Reach::Public,
    }
}

fn reach_of_host(host: &str) -> Reach {
    match host.parse() {
        Ok(ip) => reach_of(ip),
        Err(_) if host == "localhost" || host.ends_with(".localhost") => Reach::Loopback,
        Err(_) => Reach::Public,
    }
}

fn reach_of(ip: IpAddr) -> Reach {
    let is_private = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let ip = ip.to_canonical();
    if ip.is_loopback() {
        Reach::Loopback
    } else if is_private(ip) {
        Reach::Private
    } else {
        Reach::Public
    }
}
