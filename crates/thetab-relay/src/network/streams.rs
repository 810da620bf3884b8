//! The tracker's streams: frames in, frames out, each bounded in size, number and time.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::Stream;
use libp2p_stream as stream;
use thetab_swarm::tracker::{Input, StreamKey};
use thetab_wire::{
    codec::Text,
    frame::{FrameDecoder, encode_frame},
    relay::{Refused, RelayEvent, RelayRequest},
};
use tokio::sync::mpsc;

use super::{hosts::Hosts, tracker::Events};

/// Events that may wait for one node; beyond, the node is disconnected.
const EVENT_QUEUE: usize = 128;

/// Hands each new stream to a task of its own.
pub(super) async fn accept(
    mut incoming: stream::IncomingStreams,
    inputs: mpsc::Sender<Input>,
    hosts: Hosts,
    events: Events,
    patience: Duration,
) {
    let mut next_key = 0u64;
    let mut streams = tokio::task::JoinSet::new();
    while let Some((peer, opened)) = incoming.next().await {
        while streams.try_join_next().is_some() {}
        if !hosts.may_open_stream(&peer) {
            streams.spawn(async move { drop(tokio::time::timeout(patience, refuse(opened)).await) });
            continue;
        }
        next_key = next_key.wrapping_add(1);
        let key = StreamKey(next_key);
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        events.lock().expect("nothing panics while it holds the lock").insert(key, sender);
        let opening =
            Input::Opened { stream: key, transport_id: peer.to_bytes().into(), prefix: hosts.prefix(&peer) };
        let (inputs, events) = (inputs.clone(), events.clone());
        streams.spawn(async move {
            if inputs.send(opening).await.is_ok() {
                if let Err(error) = serve(opened, key, &inputs, receiver, patience).await {
                    tracing::debug!(%error, "tracker stream");
                }
                let _ = inputs.send(Input::Closed { stream: key }).await;
            }
            events.lock().expect("nothing panics while it holds the lock").remove(&key);
        });
    }
}

/// Says that this was one stream too many.
async fn refuse(mut opened: Stream) -> io::Result<()> {
    let message = "too many new streams from your address; try again in a minute";
    let code = Text::try_from("rate_limited").unwrap_or_default();
    let refused = Refused { code, message: Text::try_from(message).unwrap_or_default() };
    write(&mut opened, &RelayEvent::from(refused).encode()).await?;
    opened.close().await
}

async fn write(writer: &mut (impl futures::AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    writer.write_all(&encode_frame(message).map_err(io::Error::other)?).await?;
    writer.flush().await
}

/// Moves frames both ways until either end closes, or the node does not take what it is sent.
async fn serve(
    opened: Stream,
    key: StreamKey,
    inputs: &mpsc::Sender<Input>,
    mut events: mpsc::Receiver<Bytes>,
    patience: Duration,
) -> io::Result<()> {
    let (mut reader, mut writer) = opened.split();
    let reading = async {
        let mut decoder = FrameDecoder::with_limit(RelayRequest::MAX_SIZE_BYTES);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                length => decoder.push(&buffer[..length]),
            }
            loop {
                let message = match decoder.pop() {
                    Ok(Some(message)) => message,
                    Ok(None) => break,
                    Err(_) => return give_up(key, inputs).await,
                };
                if inputs.send(Input::Message { stream: key, message }).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    let writing = async {
        while let Some(message) = events.recv().await {
            tokio::time::timeout(patience, write(&mut writer, &message)).await??;
        }
        tokio::time::timeout(patience, writer.close()).await?
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    }
}

/// The bytes are no frames any more. The tracker says so to the node, and closes the stream: an empty message is none.
async fn give_up(key: StreamKey, inputs: &mpsc::Sender<Input>) -> io::Result<()> {
    if inputs.send(Input::Message { stream: key, message: Bytes::new() }).await.is_ok() {
        std::future::pending::<()>().await;
    }
    Ok(())
}
