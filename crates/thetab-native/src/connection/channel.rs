use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use thetab_wire::channel;
use tokio::sync::{Notify, mpsc, oneshot};
use webrtc::{
    data::data_channel::DataChannel,
    data_channel::{RTCDataChannel, data_channel_init::RTCDataChannelInit},
    peer_connection::RTCPeerConnection,
};

use super::{ConnectionError, Overrun, reporter::Reporter};

/// Largest message that is read at all; what this end's description allows.
const READ_SIZE_BYTES: usize = 64 * 1024;
/// Bytes in the bulk channel's send buffer at which the node hears that there is room again: half of what it fills.
const LOW_WATER_BYTES: usize = 128 * 1024;

/// A data channel that is not open yet.
#[derive(Debug)]
pub(super) struct Channel {
    kind: &'static channel::Channel,
    opened: oneshot::Receiver<Arc<DataChannel>>,
}

impl Channel {
    /// This end of a channel that the other end creates as well.
    pub(super) async fn create(
        peer: &RTCPeerConnection,
        kind: &'static channel::Channel,
    ) -> Result<Channel, ConnectionError> {
        let init = RTCDataChannelInit {
            ordered: Some(kind.ordered),
            negotiated: Some(kind.id),
            ..RTCDataChannelInit::default()
        };
        let data = peer.create_data_channel(kind.label, Some(init)).await?;
        let (sender, opened) = oneshot::channel();
        // A strong one would keep itself alive.
        let weak = Arc::downgrade(&data);
        data.on_open(Box::new(move || Box::pin(detach(weak, sender))));
        Ok(Channel { kind, opened })
    }

    /// Waits until it is open.
    pub(super) async fn opened(self) -> Result<OpenChannel, ConnectionError> {
        let data = self.opened.await.or(Err(ConnectionError::Closed))?;
        Ok(OpenChannel { kind: self.kind, data })
    }
}

async fn detach(channel: Weak<RTCDataChannel>, opened: oneshot::Sender<Arc<DataChannel>>) {
    let Some(channel) = channel.upgrade() else { return };
    match channel.detach().await {
        // Refused when the connection ended in the meantime.
        Ok(data) => drop(opened.send(data)),
        Err(error) => tracing::debug!(%error, "a data channel cannot be read"),
    }
}

/// An open data channel.
#[derive(Debug)]
pub(super) struct OpenChannel {
    kind: &'static channel::Channel,
    data: Arc<DataChannel>,
}

impl OpenChannel {
    /// Hands every message to `take`, until the other end closes. One that is too large, or text, is handed on as
    /// an empty one: it decodes as little, and the node judges its sender by that, without the copy.
    pub(super) async fn read<F: Future<Output = ()>>(
        &self,
        take: impl Fn(Bytes) -> F,
    ) -> Result<(), ConnectionError> {
        let mut buffer = vec![0; READ_SIZE_BYTES];
        loop {
            let received = self.data.messages_received();
            match self.data.read_data_channel(&mut buffer).await {
                // An empty message counts as one; the end of the stream does not.
                Ok((0, _)) if self.data.messages_received() == received => {
                    return Err(ConnectionError::Closed);
                }
                Ok((length, false)) if length <= self.kind.maximum_message_size_bytes => {
                    take(Bytes::copy_from_slice(&buffer[..length])).await;
                }
                Ok(_) | Err(webrtc::data::Error::Sctp(webrtc::sctp::Error::ErrShortBuffer { .. })) => {
                    take(Bytes::new()).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what waits in `queue`, in order.
    pub(super) async fn write(&self, mut queue: Queue) -> Result<(), ConnectionError> {
        while let Some(message) = queue.messages.recv().await {
            self.data.write(&message).await?;
            queue.sent(&message);
        }
        Ok(())
    }

    /// The same, and says whenever there is room for more.
    pub(super) async fn write_reporting_room(
        &self,
        mut queue: Queue,
        reporter: &Reporter,
    ) -> Result<(), ConnectionError> {
        let low = self.notify_low_water();
        queue.waiting.attach(self.data.clone());
        loop {
            tokio::select! {
                message = queue.messages.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    self.data.write(&message).await?;
                    queue.sent(&message);
                }
                () = low.notified() => {}
            }
            // Above the mark, the channel itself says when it has fallen.
            let is_empty = queue.waiting.queued_bytes.load(Ordering::Relaxed) == 0;
            if is_empty && self.data.buffered_amount() <= LOW_WATER_BYTES {
                reporter.room(queue.waiting.bytes()).await;
            }
        }
    }

    fn notify_low_water(&self) -> Arc<Notify> {
        let low = Arc::new(Notify::new());
        let fallen = low.clone();
        self.data.set_buffered_amount_low_threshold(LOW_WATER_BYTES);
        self.data.on_buffered_amount_low(Box::new(move || {
            fallen.notify_one();
            Box::pin(std::future::ready(()))
        }));
        low
    }
}

/// What waits to be sent on one channel.
#[derive(Debug, Default)]
struct Waiting {
    queued_bytes: AtomicUsize,
    channel: OnceLock<Arc<DataChannel>>,
}

impl Waiting {
    fn attach(&self, channel: Arc<DataChannel>) {
        self.channel.get_or_init(|| channel);
    }

    fn bytes(&self) -> usize {
        let in_channel = self.channel.get().map_or(0, |channel| channel.buffered_amount());
        self.queued_bytes.load(Ordering::Relaxed) + in_channel
    }
}

/// The node's end of a queue towards the peer.
#[derive(Debug)]
pub(super) struct Outgoing {
    messages: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<Waiting>,
    limit_bytes: usize,
}

/// The channel's end.
#[derive(Debug)]
pub(super) struct Queue {
    messages: mpsc::UnboundedReceiver<Bytes>,
    waiting: Arc<Waiting>,
}

/// An empty queue that holds at most `limit_bytes`.
pub(super) fn outgoing(limit_bytes: usize) -> (Outgoing, Queue) {
    let ((sender, messages), waiting) = (mpsc::unbounded_channel(), Arc::<Waiting>::default());
    (Outgoing { messages: sender, waiting: waiting.clone(), limit_bytes }, Queue { messages, waiting })
}

impl Outgoing {
    /// Appends a message. Each counts for at least a little, so that empty ones are bounded too.
    pub(super) fn send(&self, message: Bytes) -> Result<(), Overrun> {
        let before = self.waiting.queued_bytes.fetch_add(counted(&message), Ordering::Relaxed);
        if before >= self.limit_bytes {
            return Err(Overrun);
        }
        self.messages.send(message).or(Err(Overrun))
    }

    /// Bytes that were not sent yet, those in the channel's own buffer among them.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.bytes()
    }
}

impl Queue {
    fn sent(&self, message: &Bytes) {
        self.waiting.queued_bytes.fetch_sub(counted(message), Ordering::Relaxed);
    }
}

fn counted(message: &Bytes) -> usize {
    message.len().max(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_nobody_reads_refuses_more_whatever_the_size() {
        for size in [0, 1, 16_396] {
            let (outgoing, _queue) = outgoing(1024 * 1024);
            let message = Bytes::from(vec![0; size]);
            let taken = (0..1_000_000).take_while(|_| outgoing.send(message.clone()).is_ok()).count();
            assert!((60..=65_536).contains(&taken), "{taken} of {size} bytes");
        }
    }
}
