//! The line to the relay: libp2p over WebRTC, or over WebSocket where UDP does not pass.
//!
//! Promises: one line at a time, numbered; its end is reported once, unless it was dropped, and then nothing more
//! is. The relay proves to be the peer that its API names, or there is no line. Each line has connections of its
//! own, under the page's one transport key: whatever went wrong with one is gone with it.

mod direct;
mod routes;
mod transport;

use std::pin::pin;

use bytes::Bytes;
use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _, channel::mpsc,
    future::select,
};
use libp2p::{PeerId, StreamProtocol, identity::Keypair};
use libp2p_stream::Control;
use thetab_node::Input;
use thetab_wire::{
    frame::{FrameDecoder, encode_frame},
    relay::{RelayEvent, TRACKER_PROTOCOL},
};

use self::{routes::Routes, transport::Network};
use crate::{
    http::{self, RelayInfo},
    inputs::{Event, Inputs},
    task::Task,
};

/// Requests that may wait for the relay to read them; one that reads more slowly is as good as lost.
const MAX_WAITING_REQUESTS: usize = 256;
const READ_SIZE_BYTES: usize = 16 * 1024;
/// STUN servers of one relay; more are left out.
const MAX_STUN_SERVERS: usize = 4;

/// Why there is no line. The node hears only that: it tries again.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("the relay's API does not say how to reach it")]
    Info,
    #[error("the relay has no address that this page may dial")]
    NoRoute,
    #[error("the transport key cannot be used")]
    Transport,
    #[error("the relay does not answer at any address")]
    Unreachable,
    #[error("the connection to the relay ended")]
    Ended,
}

/// What stays the same from line to line.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    api_base: String,
    keypair: Keypair,
    inputs: Inputs,
}

impl Relay {
    /// The relay at `api_base`, under a fresh transport key.
    pub(crate) fn new(api_base: &str, inputs: Inputs) -> Relay {
        let keypair = Keypair::generate_ed25519();
        Relay { api_base: api_base.to_owned(), keypair, inputs }
    }

    /// Opens line `number`: says that it is open, what comes in, and that it ended.
    pub(crate) fn open(&self, number: u64) -> RelayLine {
        let (requests, waiting) = mpsc::channel(MAX_WAITING_REQUESTS);
        let relay = self.clone();
        let report = Report { number, inputs: self.inputs.clone() };
        let task = Task::spawn(async move {
            // Why it ended makes no difference to the node.
            let _ = relay.run(&report, waiting).await;
            report.input(Input::RelayLost);
        });
        RelayLine { number, requests, _task: task }
    }

    async fn run(&self, report: &Report, waiting: mpsc::Receiver<Bytes>) -> Result<(), LineError> {
        let info = http::read_relay_info(&self.api_base).await.or(Err(LineError::Info))?;
        let relay: PeerId = info.peer_id.parse().or(Err(LineError::Info))?;
        report.inputs.send(Event::Stun(stun(&info)));
        let routes = Routes::choose(&info.addresses, &self.api_base);
        let mut network = Network::new(&self.keypair)?;
        let connection = network.connect(relay, routes).await?;
        let talking = pin!(self.talk(network.control(), relay, report, waiting));
        let holding = pin!(network.hold(connection));
        select(talking, holding).await;
        Err(LineError::Ended)
    }

    async fn talk(
        &self,
        mut control: Control,
        relay: PeerId,
        report: &Report,
        waiting: mpsc::Receiver<Bytes>,
    ) -> Result<(), LineError> {
        let protocol = StreamProtocol::new(TRACKER_PROTOCOL);
        let stream = control.open_stream(relay, protocol).await.or(Err(LineError::Ended))?;
        let transport_id = self.keypair.public().to_peer_id();
        report.input(Input::RelayConnected {
            relay_id: relay.to_bytes().into(),
            transport_id: transport_id.to_bytes().into(),
        });
        let (reader, writer) = stream.split();
        select(pin!(read(reader, report)), pin!(write(writer, waiting))).await;
        Err(LineError::Ended)
    }
}

fn stun(info: &RelayInfo) -> Vec<String> {
    info.stun.iter().filter(|url| url.starts_with("stun:")).take(MAX_STUN_SERVERS).cloned().collect()
}

async fn read(mut reader: impl AsyncRead + Unpin, report: &Report) -> Result<(), LineError> {
    let mut decoder = FrameDecoder::with_limit(RelayEvent::MAX_SIZE_BYTES);
    let mut buffer = vec![0; READ_SIZE_BYTES];
    loop {
        let length = reader.read(&mut buffer).await.or(Err(LineError::Ended))?;
        let read = buffer.get(..length).filter(|read| !read.is_empty()).ok_or(LineError::Ended)?;
        decoder.push(read);
        while let Some(message) = decoder.pop().or(Err(LineError::Ended))? {
            report.input(Input::RelayMessage(message));
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut waiting: mpsc::Receiver<Bytes>,
) -> Result<(), LineError> {
    while let Some(message) = waiting.next().await {
        let frame = encode_frame(&message).or(Err(LineError::Ended))?;
        writer.write_all(&frame).await.or(Err(LineError::Ended))?;
        writer.flush().await.or(Err(LineError::Ended))?;
    }
    Ok(())
}

/// Says what happens on one line.
struct Report {
    number: u64,
    inputs: Inputs,
}

impl Report {
    fn input(&self, input: Input) {
        self.inputs.send(Event::Relay { line: self.number, input });
    }
}

/// One line; closed when dropped.
#[derive(Debug)]
pub(crate) struct RelayLine {
    number: u64,
    requests: mpsc::Sender<Bytes>,
    _task: Task,
}

impl RelayLine {
    /// The number that it was opened with.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Sends a request; false when the relay does not read, or the line has ended.
    pub(crate) fn send(&mut self, request: Bytes) -> bool {
        self.requests.try_send(request).is_ok()
    }
}
