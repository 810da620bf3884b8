//! Which of a relay's addresses are worth dialling, and in which order.

use libp2p::{Multiaddr, multiaddr::Protocol};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    Loopback,
}

/// The addresses worth dialling, the best first: WebSocket before `/webrtc-direct`, which takes longer and of which
/// webrtc-rs loses one in twenty. A relay that is not on this machine is dialled neither on loopback nor, where it
/// has a public address, in a private network.
pub(crate) fn dialable(addresses: &[String], is_local: bool) -> Vec<Multiaddr> {
    let parsed: Vec<Multiaddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    let has_public = parsed.iter().any(|address| reach(address) == Reach::Public);
    let is_reachable = |address: &Multiaddr| match reach(address) {
        Reach::Public => true,
        Reach::Private => is_local || !has_public,
        Reach::Loopback => is_local,
    };
    let mut dialable: Vec<Multiaddr> = parsed
        .into_iter()
        .filter(|address| is_direct(address) || is_websocket(address))
        .filter(is_reachable)
        .collect();
    let is_far = |address: &Multiaddr| is_local && reach(address) != Reach::Loopback;
    dialable.sort_by_key(|address| (is_direct(address), is_far(address), reach(address)));
    dialable
}

/// Whether an address is one of `/webrtc-direct`.
pub(crate) fn is_direct(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::WebRTCDirect))
}

fn is_websocket(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_)))
}

fn reach(address: &Multiaddr) -> Reach {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Protocol::Ip4(ip)) if ip.is_private() || ip.is_link_local() => Reach::Private,
        Some(Protocol::Ip6(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Protocol::Ip6(ip)) if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Private,
        _ => Reach::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: [&str; 6] = [
        "/ip4/127.0.0.1/tcp/9091/ws",
        "/ip4/192.168.1.2/tcp/9091/ws",
        "/dns4/relay.example/tcp/9443/wss",
        "/ip4/203.0.113.7/udp/9090/webrtc-direct",
        "/ip4/203.0.113.7/tcp/4001",
        "nonsense",
    ];

    fn dialled(addresses: &[&str], is_local: bool) -> Vec<String> {
        let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
        dialable(&addresses, is_local).iter().map(Multiaddr::to_string).collect()
    }

    #[test]
    fn a_relay_elsewhere_is_dialled_in_public_first_without_tcp() {
        let expected = ["/dns4/relay.example/tcp/9443/wss", "/ip4/203.0.113.7/udp/9090/webrtc-direct"];
        assert_eq!(dialled(&ADDRESSES, false), expected);
        assert_eq!(dialled(&ADDRESSES[..2], false), ["/ip4/192.168.1.2/tcp/9091/ws"]);
        assert!(dialled(&ADDRESSES[..1], false).is_empty());
    }

    #[test]
    fn a_relay_on_this_machine_is_dialled_on_loopback_first() {
        assert_eq!(
            dialled(&ADDRESSES[..2], true),
            ["/ip4/127.0.0.1/tcp/9091/ws", "/ip4/192.168.1.2/tcp/9091/ws"]
        );
    }
}
