//! Starts every part of a relay, and ends them together.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use axum_server::{
    Handle,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use libp2p::{Multiaddr, multiaddr::Protocol};
use rand_core::{OsRng, RngCore as _};
use thetab_swarm::tracker::{self, Input, Tracker};
use tokio::{net::UdpSocket, task::JoinSet};

use crate::{
    config::RelayConfig,
    connections::Gate,
    http::{self, App},
    keys::{KeyError, Keys, publisher_key},
    limits::{LimitSettings, Limits},
    metrics::Metrics,
    network::{self, NetworkError, NetworkSettings, TrackerInputs, ViewerCounts},
    records::LiveRecords,
    store::Store,
    stun,
};

/// Ports tried after a port that is taken.
const PORT_TRIES: u16 = 50;
/// Longest head of a request; longer ones are answered with 431.
const MAX_HEAD_SIZE_BYTES: usize = 64 * 1024;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_PER_CONNECTION: u32 = 64;
const SCAN_INTERVAL: Duration = Duration::from_secs(2);

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A port cannot be listened on.
    #[error("port {port} and the {PORT_TRIES} after it are taken or forbidden; choose another")]
    Port {
        /// The first port tried.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// libp2p does not start.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// TLS needs both files.
    #[error("--tls-cert and --tls-key belong together; give both or neither")]
    TlsPair,
    /// The certificate or its key cannot be used.
    #[error("the TLS certificate {cert} or its key cannot be used")]
    Tls {
        /// The certificate's file.
        cert: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The app's folder has no app in it.
    #[error("{0} holds no index.html; build the app with: cargo xtask wasm")]
    App(PathBuf),
}

/// A running relay. Dropping it ends everything at once; [`Relay::shut_down`] lets answers finish.
#[derive(Debug)]
pub struct Relay {
    url: String,
    http: SocketAddr,
    addresses: Arc<RwLock<Vec<Multiaddr>>>,
    handle: Handle<SocketAddr>,
    tasks: JoinSet<()>,
}

impl Relay {
    /// Starts listeners, tracker, STUN and HTTP. A taken port gives way to the next free one.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(config: &RelayConfig) -> Result<Relay, StartError> {
        if let Some(folder) = config.app.as_ref().filter(|folder| !folder.join("index.html").is_file()) {
            return Err(StartError::App(folder.clone()));
        }
        let tls = tls(config).await?;
        let keys = Keys::new(&config.data);
        let (signing, identity) = (keys.publisher()?, keys.identity()?);
        let publisher = publisher_key(&signing);
        let store = Arc::new(Store::new(&config.data, publisher));
        let (metrics, registry) = Metrics::register();
        let limits = Arc::new(Limits::new(&config.limits, config.behind_proxy, metrics.clone()));
        let (viewers, addresses) = (ViewerCounts::default(), Arc::new(RwLock::default()));
        let peer_id = identity.public().to_peer_id();
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        let tracker = Tracker::new(tracker::Config {
            seed,
            relay_id: peer_id.to_bytes().into(),
            started_unix_seconds: network::unix_seconds(),
            minimum_viewers: config.minimum_viewers,
            maximum_sessions: config.limits.sessions as usize,
        });
        let settings = network_settings(config)?;
        let (inputs, mut tasks) = network::start(
            identity,
            keys.certificate()?,
            &settings,
            tracker,
            metrics.clone(),
            viewers.clone(),
            addresses.clone(),
        )
        .await?;
        let stun_socket = bind_stun(config)?;
        let stun_port = stun_socket.local_addr().map_err(port_error(config.stun_port))?.port();
        tasks.spawn(stun::serve(stun_socket, metrics.clone()));
        tasks.spawn(announce_streams(store.clone(), inputs.clone(), limits.clone()));
        let stun_host = config.external_host.clone().unwrap_or_else(|| config.host.to_string());
        let app = Arc::new(App {
            store,
            live_records: LiveRecords::new(signing.clone()),
            signing,
            metrics: metrics.clone(),
            registry,
            limits,
            peer_id,
            addresses: addresses.clone(),
            stun: vec![format!("stun:{stun_host}:{stun_port}")],
            minimum_viewers: config.minimum_viewers,
            viewers,
            tracker: inputs,
        });
        let listener = bind_http(config)?;
        let http = listener.local_addr().map_err(port_error(config.http_port))?;
        let handle = Handle::new();
        let service =
            http::router(app, config.app.as_deref()).into_make_service_with_connect_info::<SocketAddr>();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let gate = Gate::new(&config.limits, config.behind_proxy, tls.is_none(), metrics);
        let server = axum_server::from_tcp(listener).map_err(port_error(http.port()))?;
        match tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).acceptor(gate);
                let mut server = server.acceptor(acceptor).handle(handle.clone());
                bound(server.http_builder(), &config.limits);
                tasks.spawn(async move { report("HTTPS", server.serve(service).await) });
            }
            None => {
                let mut server = server.acceptor(gate).http1_only().handle(handle.clone());
                bound(server.http_builder(), &config.limits);
                tasks.spawn(async move { report("HTTP", server.serve(service).await) });
            }
        }
        let shown = if config.host.is_unspecified() || config.host.is_loopback() {
            "localhost".to_owned()
        } else {
            config.host.to_string()
        };
        let shown = config.external_host.clone().unwrap_or(shown);
        Ok(Relay { url: format!("{scheme}://{shown}:{}", http.port()), http, addresses, handle, tasks })
    }

    /// The address to open in a browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where HTTP listens.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The multiaddresses that nodes may dial.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.addresses.read().expect("nothing panics while it holds the lock").clone()
    }

    /// Stops listening, gives answers in progress up to `patience`, then ends everything.
    pub async fn shut_down(mut self, patience: Duration) {
        self.handle.graceful_shutdown(Some(patience));
        let ended = async {
            while self.handle.connection_count() > 0 {
                // The handle says how many there are, not when one ends.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // The handle cuts connections off after `patience`, but not those that are still shaking hands.
        let _ = tokio::time::timeout(patience + Duration::from_millis(200), ended).await;
        self.tasks.shutdown().await;
    }
}

/// What a client may ask of the parser.
fn bound(builder: &mut Builder<TokioExecutor>, limits: &LimitSettings) {
    let timeout = Duration::from_secs(limits.header_seconds.max(1).into());
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(timeout).max_buf_size(MAX_HEAD_SIZE_BYTES);
    let mut http2 = builder.http2();
    http2.max_concurrent_streams(STREAMS_PER_CONNECTION).max_header_list_size(MAX_HEAD_SIZE_BYTES as u32);
}

fn report(what: &str, ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "{what} ended");
    }
}

/// Tells the tracker which presentations exist, and lets limiters forget.
async fn announce_streams(store: Arc<Store>, inputs: TrackerInputs, limits: Arc<Limits>) {
    let mut ticks = tokio::time::interval(SCAN_INTERVAL);
    let mut known = std::collections::BTreeSet::new();
    loop {
        ticks.tick().await;
        limits.forget_idle();
        let scanned = store.clone();
        let Ok(found) = tokio::task::spawn_blocking(move || scanned.list()).await else { continue };
        for presentation in found {
            if known.insert(presentation.id) {
                let publisher = store.publisher();
                inputs.send(Input::Presentation { presentation: presentation.id, publisher }).await;
            }
        }
    }
}

async fn tls(config: &RelayConfig) -> Result<Option<RustlsConfig>, StartError> {
    match (&config.tls_cert, &config.tls_key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => {
            // A provider that is installed already is the same one.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let loaded = RustlsConfig::from_pem_file(cert, key).await;
            loaded.map(Some).map_err(|source| StartError::Tls { cert: cert.clone(), source })
        }
        _ => Err(StartError::TlsPair),
    }
}

fn port_error(port: u16) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Port { port, source }
}

/// The first of a port and those after it that `bind` can take; any free one for zero.
fn first_free<T>(port: u16, mut bind: impl FnMut(u16) -> io::Result<T>) -> Result<T, StartError> {
    let mut tried = bind(port);
    for next in (port..=u16::MAX).skip(1).take(usize::from(PORT_TRIES)) {
        match tried {
            Err(ref error) if error.kind() == io::ErrorKind::AddrInUse => tried = bind(next),
            _ => break,
        }
    }
    tried.map_err(port_error(port))
}

fn bind_http(config: &RelayConfig) -> Result<std::net::TcpListener, StartError> {
    let listener = first_free(config.http_port, |port| std::net::TcpListener::bind((config.host, port)))?;
    listener.set_nonblocking(true).map_err(port_error(config.http_port))?;
    Ok(listener)
}

fn bind_stun(config: &RelayConfig) -> Result<UdpSocket, StartError> {
    let socket = first_free(config.stun_port, |port| std::net::UdpSocket::bind((config.host, port)))?;
    socket
        .set_nonblocking(true)
        .and_then(|()| UdpSocket::from_std(socket))
        .map_err(port_error(config.stun_port))
}

/// The libp2p listeners, on ports that are free now.
fn network_settings(config: &RelayConfig) -> Result<NetworkSettings, StartError> {
    let udp =
        first_free(config.webrtc_port, |port| std::net::UdpSocket::bind((config.host, port))?.local_addr())?;
    let tcp = first_free(config.websocket_port, |port| {
        std::net::TcpListener::bind((config.host, port))?.local_addr()
    })?;
    let host = Multiaddr::from(config.host);
    Ok(NetworkSettings {
        listen: vec![
            host.clone().with(Protocol::Udp(udp.port())).with(Protocol::WebRTCDirect),
            host.with(Protocol::Tcp(tcp.port())).with(Protocol::Ws("/".into())),
        ],
        external: config.external_addresses.clone(),
        limits: config.limits,
        behind_proxy: config.behind_proxy,
    })
}
