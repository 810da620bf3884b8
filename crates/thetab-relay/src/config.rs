//! What a relay is told: by file, environment and flags.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

use crate::limits::LimitSettings;

/// Settings of one relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// Folder of keys and streams.
    pub data: PathBuf,
    /// Folder of the built web app; without, only the API and media are served.
    pub app: Option<PathBuf>,
    /// Address to listen on.
    pub host: IpAddr,
    /// Port of HTTP; zero for any.
    pub http_port: u16,
    /// UDP port of `/webrtc-direct`; zero for any.
    pub webrtc_port: u16,
    /// TCP port of libp2p over WebSocket; zero for any.
    pub websocket_port: u16,
    /// UDP port of STUN; zero for any.
    pub stun_port: u16,
    /// Addresses under which nodes reach this host from outside, such as /ip4/203.0.113.7.
    pub external_addresses: Vec<Multiaddr>,
    /// Name or address that pages use for STUN; without, the address they came to.
    pub external_host: Option<String>,
    /// Peers are introduced from this many viewers of a stream on.
    pub minimum_viewers: u32,
    /// Whether `X-Forwarded-For` is set by a reverse proxy of our own.
    pub behind_proxy: bool,
    /// TLS certificate chain in PEM.
    pub tls_cert: Option<PathBuf>,
    /// TLS key in PEM.
    pub tls_key: Option<PathBuf>,
    /// Rates and quotas.
    pub limits: LimitSettings,
}

impl Default for RelayConfig {
    fn default() -> RelayConfig {
        RelayConfig {
            data: PathBuf::from("thetab-data"),
            app: None,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            http_port: 8080,
            webrtc_port: 9090,
            websocket_port: 9091,
            stun_port: 3478,
            external_addresses: Vec::new(),
            external_host: None,
            minimum_viewers: 3,
            behind_proxy: false,
            tls_cert: None,
            tls_key: None,
            limits: LimitSettings::default(),
        }
    }
}
