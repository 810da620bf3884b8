//! The line to the relay: libp2p over `/webrtc-direct`, or WebSocket where UDP is blocked.

use std::time::Duration;

use bytes::Bytes;
use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _, StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{AbortHandle, Either, abortable, select},
};
use gloo_timers::future::TimeoutFuture;
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, Transport as _, core::upgrade::Version,
    identity::Keypair, multiaddr::Protocol, noise, ping, swarm::NetworkBehaviour, swarm::SwarmEvent,
    webrtc_websys, websocket_websys, yamux,
};
use thetab_node::Input;
use thetab_wire::{
    frame::{FrameDecoder, encode_frame},
    relay::TRACKER_PROTOCOL,
};

use crate::{http::Http, inputs::Inputs};

/// An address that takes longer is given up for the next.
const DIAL_TIMEOUT: Duration = Duration::from_secs(6);
const READ_SIZE_BYTES: usize = 16 * 1024;

#[derive(NetworkBehaviour)]
struct Behaviour {
    streams: libp2p_stream::Behaviour,
    ping: ping::Behaviour,
}

/// An open or opening line; ends without a word when this is dropped.
#[derive(Debug)]
pub(crate) struct RelayLine {
    outgoing: UnboundedSender<Bytes>,
    task: AbortHandle,
}

impl Drop for RelayLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RelayLine {
    /// Opens a line: `RelayConnected` or `RelayLost` follows.
    pub(crate) fn open(
        keypair: Keypair,
        http: Http,
        inputs: Inputs,
        stun: impl Fn(Vec<String>) + 'static,
    ) -> RelayLine {
        let (outgoing, queue) = unbounded();
        let (line, task) = abortable(async move {
            // Whatever ends the line, the node only needs to know that it has ended, and tries again.
            let _ = run(keypair, &http, &inputs, stun, queue).await;
            inputs.send(Input::RelayLost);
        });
        wasm_bindgen_futures::spawn_local(line.map(drop));
        RelayLine { outgoing, task }
    }

    /// Sends one message once the line is open.
    pub(crate) fn send(&self, message: Bytes) {
        // Refused only by a line that has ended; the node hears of that end.
        let _ = self.outgoing.unbounded_send(message);
    }
}

/// Why a line ended.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("the relay's HTTP API does not answer")]
    Api,
    #[error("libp2p cannot be set up")]
    Transport,
    #[error("no address of the relay answers")]
    Unreachable,
    #[error("the stream ended")]
    Stream(#[from] std::io::Error),
}

async fn run(
    keypair: Keypair,
    http: &Http,
    inputs: &Inputs,
    stun: impl Fn(Vec<String>),
    queue: UnboundedReceiver<Bytes>,
) -> Result<(), LineError> {
    let info = http.relay().await.or(Err(LineError::Api))?;
    stun(info.stun);
    let addresses = dialable(&info.addresses, &page());
    let (mut swarm, relay) = connect(&keypair, addresses).await?;
    let mut control = swarm.behaviour().streams.new_control();
    let transport_id = Bytes::from(swarm.local_peer_id().to_bytes());
    let line = async {
        let protocol = StreamProtocol::new(TRACKER_PROTOCOL);
        let stream = control.open_stream(relay, protocol).await.or(Err(LineError::Unreachable))?;
        inputs.send(Input::RelayConnected { relay_id: relay.to_bytes().into(), transport_id });
        carry(stream, inputs, queue).await
    };
    let connection = async {
        loop {
            if let SwarmEvent::ConnectionClosed { num_established: 0, .. } = swarm.select_next_some().await {
                return Err(LineError::Unreachable);
            }
        }
    };
    futures::pin_mut!(line, connection);
    select(line, connection).await.factor_first().0
}

/// Dials one address after the other until one answers.
async fn connect(
    keypair: &Keypair,
    addresses: Vec<Multiaddr>,
) -> Result<(Swarm<Behaviour>, PeerId), LineError> {
    for address in addresses {
        let mut swarm = build(keypair.clone())?;
        if swarm.dial(address).is_err() {
            continue;
        }
        let answered = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => return Some(peer_id),
                    SwarmEvent::OutgoingConnectionError { .. } => return None,
                    _ => {}
                }
            }
        };
        let patience = TimeoutFuture::new(DIAL_TIMEOUT.as_millis() as u32);
        let answer = match select(Box::pin(answered), patience).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => None,
        };
        if let Some(relay) = answer {
            return Ok((swarm, relay));
        }
    }
    Err(LineError::Unreachable)
}

fn build(keypair: Keypair) -> Result<Swarm<Behaviour>, LineError> {
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_wasm_bindgen()
        .with_other_transport(|keypair| {
            webrtc_websys::Transport::new(webrtc_websys::Config::new(keypair)).boxed()
        })
        .or(Err(LineError::Transport))?
        .with_other_transport(|keypair| {
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
                websocket_websys::Transport::default()
                    .upgrade(Version::V1Lazy)
                    .authenticate(noise::Config::new(keypair)?)
                    .multiplex(yamux::Config::default()),
            )
        })
        .or(Err(LineError::Transport))?
        .with_behaviour(|_| Behaviour {
            streams: libp2p_stream::Behaviour::new(),
            ping: ping::Behaviour::new(ping::Config::new()),
        })
        .or(Err(LineError::Transport))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// Moves frames both ways until either end closes.
async fn carry(
    stream: Stream,
    inputs: &Inputs,
    mut queue: UnboundedReceiver<Bytes>,
) -> Result<(), LineError> {
    let (mut reader, mut writer) = stream.split();
    let reading = async {
        let (mut decoder, mut buffer) = (FrameDecoder::default(), vec![0; READ_SIZE_BYTES]);
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                length => decoder.push(&buffer[..length]),
            }
            while let Some(message) = decoder.pop().map_err(std::io::Error::other)? {
                if !inputs.send_bounded(Input::RelayMessage(message)) {
                    return Ok(());
                }
            }
        }
    };
    let writing = async {
        while let Some(message) = queue.next().await {
            writer.write_all(&encode_frame(&message).map_err(std::io::Error::other)?).await?;
            writer.flush().await?;
        }
        Ok(())
    };
    futures::pin_mut!(reading, writing);
    select(reading, writing).await.factor_first().0
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    Loopback,
}

/// What matters about the page for dialling.
struct Page {
    is_secure: bool,
    is_local: bool,
}

fn page() -> Page {
    let location = web_sys::window().map(|window| window.location());
    let part = |read: fn(&web_sys::Location) -> Result<String, wasm_bindgen::JsValue>| {
        location.as_ref().and_then(|location| read(location).ok()).unwrap_or_default()
    };
    let host = part(web_sys::Location::hostname);
    let is_local =
        host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]";
    Page { is_secure: part(web_sys::Location::protocol) == "https:", is_local }
}

/// The addresses worth dialling from `page`, the best first: a page from the open internet dials neither
/// loopback nor, where there is a public address, a private network; a secure page opens no plain WebSocket.
fn dialable(addresses: &[String], page: &Page) -> Vec<Multiaddr> {
    let parsed: Vec<Multiaddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    let has_public = parsed.iter().any(|address| reach(address) == Reach::Public);
    let has =
        |address: &Multiaddr, wanted: fn(&Protocol<'_>) -> bool| address.iter().any(|part| wanted(&part));
    let is_direct = |address: &Multiaddr| has(address, |part| matches!(part, Protocol::WebRTCDirect));
    let mut dialable: Vec<Multiaddr> = parsed
        .into_iter()
        .filter(|address| match reach(address) {
            Reach::Public => true,
            Reach::Private => page.is_local || !has_public,
            Reach::Loopback => page.is_local,
        })
        .filter(|address| {
            is_direct(address)
                || has(address, |part| matches!(part, Protocol::Wss(_)))
                || (has(address, |part| matches!(part, Protocol::Ws(_)))
                    && (page.is_local || !page.is_secure))
        })
        .collect();
    let nearness =
        |address: &Multiaddr| if page.is_local { u8::from(reach(address) != Reach::Loopback) } else { 0 };
    dialable.sort_by_key(|address| (!is_direct(address), nearness(address), reach(address)));
    dialable
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
