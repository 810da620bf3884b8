//! A relay's settings from defaults, a file, the environment and flags; later ones win.

use std::{net::IpAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::Serialize;
use thetab_relay::RelayConfig;

#[derive(Debug, Default, Args, Serialize)]
pub(crate) struct RelayArguments {
    /// Settings file in TOML; its keys are the long names of these flags with underscores
    #[arg(long, value_name = "FILE", env = "THETAB_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Folder of keys and streams [default: thetab-data]
    #[arg(long, value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of the built web app, such as dist/app; without it only the API and media are served
    #[arg(long, value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<PathBuf>,
    /// Address to listen on; 0.0.0.0 for everyone [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<IpAddr>,
    /// Port of HTTP; 0 for any. The next free one is taken when it is in use [default: 8080]
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_port: Option<u16>,
    /// UDP port on which nodes connect by WebRTC [default: 9090]
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    webrtc_port: Option<u16>,
    /// TCP port on which nodes connect by WebSocket where UDP is blocked [default: 9091]
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    websocket_port: Option<u16>,
    /// UDP port of STUN [default: 3478]
    #[arg(long, value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    stun_port: Option<u16>,
    /// Address under which nodes reach this host from outside, such as /ip4/203.0.113.7 or
    /// /dns4/relay.example, or a proxy's whole address, such as /dns4/relay.example/tcp/9443/wss;
    /// may be given more than once
    #[arg(long = "external-address", value_name = "MULTIADDR")]
    #[serde(rename = "external_addresses", skip_serializing_if = "Vec::is_empty")]
    external_addresses: Vec<String>,
    /// Name under which pages reach this host, for STUN and the printed URL, such as relay.example
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    external_host: Option<String>,
    /// Viewers of a stream from which on they are introduced to each other [default: 3]
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) minimum_viewers: Option<u32>,
    /// Take client addresses from X-Forwarded-For: only behind a reverse proxy of your own
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    behind_proxy: bool,
    /// TLS certificate chain in PEM; needs --tls-key. Browsers allow storage and WebRTC only over HTTPS,
    /// away from localhost
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    /// TLS key in PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
}

impl RelayArguments {
    /// Settings with `defaults` below everything else.
    pub(crate) fn resolve(&self, defaults: &RelayConfig) -> anyhow::Result<RelayConfig> {
        let mut figment = Figment::from(Serialized::defaults(defaults));
        if let Some(file) = &self.config {
            anyhow::ensure!(file.is_file(), "the settings file {} does not exist", file.display());
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment =
            Env::prefixed("THETAB_").ignore(&["CONFIG", "LOG", "LOG_FORMAT", "REQUIRE"]).split("__");
        figment
            .merge(environment)
            .merge(Serialized::defaults(self))
            .extract()
            .context("a setting cannot be used; see thetab relay --help")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, "http_port = 1\nwebrtc_port = 2\n[limits]\nsessions = 9\n").unwrap();
        let arguments =
            RelayArguments { config: Some(file), http_port: Some(5), ..RelayArguments::default() };
        let config = arguments.resolve(&RelayConfig::default()).unwrap();
        assert_eq!((config.http_port, config.webrtc_port, config.limits.sessions), (5, 2, 9));
        assert_eq!(config.stun_port, RelayConfig::default().stun_port);
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, "htpp_port = 1\n").unwrap();
        let arguments = RelayArguments { config: Some(file), ..RelayArguments::default() };
        let error = arguments.resolve(&RelayConfig::default()).unwrap_err();
        assert!(format!("{error:#}").contains("htpp_port"), "{error:#}");
    }
}
