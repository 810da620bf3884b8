//! The line to the relay: libp2p over WebSocket, or `/webrtc-direct` where TCP is blocked.

use std::{io, num::NonZeroU8, time::Duration};

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, Transport as _,
    connection_limits::{self, ConnectionLimits},
    core::{muxing::StreamMuxerBox, upgrade::Version},
    dns,
    identity::Keypair,
    multiaddr::Protocol,
    noise, ping,
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, websocket, yamux,
};
use libp2p_stream as stream;
use libp2p_webrtc::tokio::Certificate;
use thetab_node::Input;
use thetab_wire::{
    frame::{FrameDecoder, encode_frame},
    relay::{RelayEvent, TRACKER_PROTOCOL},
};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    connection::Overrun,
    links::StunServers,
    origin::{HttpError, Relay},
    routes,
};

/// Requests that may wait for the relay to read them, and events that may wait for the node.
const QUEUE: usize = 128;
const READ_SIZE_BYTES: usize = 16 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_STUN_SERVERS: usize = 2;
/// A relay that does not answer two of these in a row is gone: `/webrtc-direct` does not notice by itself.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a line ended.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("the relay's HTTP API cannot be used")]
    Api(#[from] HttpError),
    #[error("libp2p cannot be set up: {0}")]
    Transport(String),
    #[error("no address of the relay answers")]
    Unreachable,
    #[error("the stream ended")]
    Stream(#[from] io::Error),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    streams: stream::Behaviour,
    ping: ping::Behaviour,
}

/// What a line is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    /// This node's libp2p identity, the same for every line.
    pub(crate) keypair: Keypair,
    pub(crate) relay: Relay,
    /// Where the relay's STUN servers are noted.
    pub(crate) stun: StunServers,
}

/// An open or opening line. Dropping it closes it, and nothing more of it is heard.
#[derive(Debug)]
pub(crate) struct RelayLine {
    outgoing: mpsc::Sender<Bytes>,
    events: mpsc::Receiver<Input>,
    _end: DropGuard,
}

impl RelayLine {
    /// Opens a line.
    pub(crate) fn open(dialler: Dialler, tasks: &TaskTracker) -> RelayLine {
        let ((outgoing, queue), (reports, events)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let end = CancellationToken::new();
        let _end = end.clone().drop_guard();
        tasks.spawn(async move {
            if let Err(error) = dialler.run(&reports, queue, &end).await {
                tracing::debug!(%error, "the line to the relay ended");
            }
        });
        RelayLine { outgoing, events, _end }
    }

    /// Sends one message once the line is open.
    pub(crate) fn send(&self, message: Bytes) -> Result<(), Overrun> {
        self.outgoing.try_send(message).or(Err(Overrun))
    }

    /// What happens next: `RelayConnected`, messages, and at the end `RelayLost`.
    pub(crate) async fn next(&mut self) -> Input {
        self.events.recv().await.unwrap_or(Input::RelayLost)
    }
}

impl Dialler {
    async fn run(
        self,
        reports: &mpsc::Sender<Input>,
        queue: mpsc::Receiver<Bytes>,
        end: &CancellationToken,
    ) -> Result<(), LineError> {
        let Some(connected) = end.run_until_cancelled(self.connect()).await else { return Ok(()) };
        let (mut swarm, relay) = connected?;
        let mut control = swarm.behaviour().streams.new_control();
        let transport_id = Bytes::from(swarm.local_peer_id().to_bytes());
        let line = async {
            let protocol = StreamProtocol::new(TRACKER_PROTOCOL);
            let opened = control.open_stream(relay, protocol).await.map_err(io::Error::other)?;
            // Refused only when nobody wants the line any more.
            let _ =
                reports.send(Input::RelayConnected { relay_id: relay.to_bytes().into(), transport_id }).await;
            carry(opened, reports, queue).await
        };
        let ended = tokio::select! {
            ended = line => ended,
            () = until_disconnected(&mut swarm) => Err(LineError::Unreachable),
            () = end.cancelled() => Ok(()),
        };
        disconnect(swarm, relay).await;
        ended
    }

    /// Asks the relay where it is, and dials one address after the other until one answers.
    async fn connect(&self) -> Result<(Swarm<Behaviour>, PeerId), LineError> {
        let info = self.relay.info().await?;
        let is_local = self.relay.is_local();
        self.note_stun(info.stun, is_local);
        let relay: PeerId = info.peer_id.parse().or(Err(HttpError::Content("a peer id")))?;
        let addresses = routes::dialable(&info.addresses, is_local);
        let mut swarm = build(&self.keypair)?;
        if let Some(direct) = addresses.iter().find(|address| routes::is_direct(address)) {
            // libp2p dials `/webrtc-direct` from a socket that listens; whoever finds it is turned away.
            let listening = swarm.listen_on(any_port(direct));
            listening.map_err(|error| LineError::Transport(error.to_string()))?;
        }
        let one_at_a_time = NonZeroU8::MIN;
        let options = DialOpts::peer_id(relay).addresses(addresses);
        swarm
            .dial(options.override_dial_concurrency_factor(one_at_a_time).build())
            .or(Err(LineError::Unreachable))?;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } if peer_id == relay => {
                    return Ok((swarm, relay));
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    tracing::debug!(%error, "the relay cannot be dialled");
                    return Err(LineError::Unreachable);
                }
                _ => {}
            }
        }
    }

    /// A relay on this machine tells nothing that its peers do not see by themselves.
    fn note_stun(&self, servers: Vec<String>, is_local: bool) {
        let servers = servers.into_iter().filter(|url| !is_local && url.starts_with("stun:"));
        let servers = servers.take(MAX_STUN_SERVERS).collect();
        *self.stun.lock().expect("nothing panics while it holds the lock") = servers;
    }
}

/// A listening address of the same family.
fn any_port(address: &Multiaddr) -> Multiaddr {
    let host = match address.iter().next() {
        Some(Protocol::Ip6(_)) => Protocol::Ip6(std::net::Ipv6Addr::UNSPECIFIED),
        _ => Protocol::Ip4(std::net::Ipv4Addr::UNSPECIFIED),
    };
    Multiaddr::empty().with(host).with(Protocol::Udp(0)).with(Protocol::WebRTCDirect)
}

fn build(keypair: &Keypair) -> Result<Swarm<Behaviour>, LineError> {
    let failed = |error: &dyn std::fmt::Display| LineError::Transport(error.to_string());
    let certificate = Certificate::generate(&mut rand::rng()).map_err(|error| failed(&error))?;
    let nobody =
        ConnectionLimits::default().with_max_pending_incoming(Some(0)).with_max_established_incoming(Some(0));
    let swarm = SwarmBuilder::with_existing_identity(keypair.clone())
        .with_tokio()
        .with_other_transport(|keypair| {
            let upgrade = noise::Config::new(keypair)?;
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            // Names are resolved below: TLS needs them above.
            let websocket = websocket::Config::new(dns::tokio::Transport::system(tcp)?)
                .upgrade(Version::V1Lazy)
                .authenticate(upgrade)
                .multiplex(yamux::Config::default());
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(websocket)
        })
        .map_err(|error| failed(&error))?
        .with_other_transport(|keypair| {
            // Last: resolving names, it takes every address for its own.
            let direct = libp2p_webrtc::tokio::Transport::new(keypair.clone(), certificate)
                .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
            Ok(dns::tokio::Transport::system(direct)?)
        })
        .map_err(|error| failed(&error))?
        .with_behaviour(|_| Behaviour {
            limits: connection_limits::Behaviour::new(nobody),
            streams: stream::Behaviour::new(),
            ping: ping::Behaviour::new(
                ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT),
            ),
        })
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
        .build();
    Ok(swarm)
}

/// Moves frames both ways until either end closes.
async fn carry(
    opened: Stream,
    reports: &mpsc::Sender<Input>,
    mut queue: mpsc::Receiver<Bytes>,
) -> Result<(), LineError> {
    let (mut reader, mut writer) = opened.split();
    let reading = async {
        let mut decoder = FrameDecoder::with_limit(RelayEvent::MAX_SIZE_BYTES);
        let mut buffer = vec![0; READ_SIZE_BYTES];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                length => decoder.push(&buffer[..length]),
            }
            while let Some(message) = decoder.pop().map_err(io::Error::other)? {
                if reports.send(Input::RelayMessage(message)).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    let writing = async {
        while let Some(message) = queue.recv().await {
            writer.write_all(&encode_frame(&message).map_err(io::Error::other)?).await?;
            writer.flush().await?;
        }
        Ok(writer.close().await?)
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    }
}

async fn until_disconnected(swarm: &mut Swarm<Behaviour>) {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => return,
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { result: Err(_), .. })) => return,
            _ => {}
        }
    }
}

/// Closes in order, so that the relay need not find out by itself.
async fn disconnect(mut swarm: Swarm<Behaviour>, relay: PeerId) {
    if swarm.disconnect_peer_id(relay).is_ok() {
        // After that the connection is dropped all the same.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, until_disconnected(&mut swarm)).await;
    }
}
