use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite};
use js_sys::{ArrayBuffer, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{Event, MessageEvent, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

use crate::failure;

/// Largest message that libp2p sends on a data channel.
const MAX_MESSAGE_SIZE_BYTES: usize = libp2p_webrtc_utils::MAX_MSG_LEN;
/// Bytes that may wait to be read; a relay that sends more of them is cut off.
const MAX_UNREAD_BYTES: usize = 16 * MAX_MESSAGE_SIZE_BYTES;
/// Bytes that may wait to be sent, and how few of them let the writer go on.
const HIGH_WATER_BYTES: u32 = 64 * 1024;
const LOW_WATER_BYTES: u32 = 16 * 1024;

/// A data channel as a stream of bytes.
///
/// It stays open until the connection is closed, whatever becomes of its stream: libp2p says the end of a stream
/// inside it. The browser gives the number of a closed channel to the next one, and the relay's end takes what that
/// one says for more of the old.
#[derive(Clone, Debug)]
pub(in super::super) struct Bytestream(SendWrapper<Rc<Inner>>);

#[derive(Debug)]
struct Inner {
    channel: RtcDataChannel,
    incoming: Rc<RefCell<Incoming>>,
    _on_event: Closure<dyn FnMut(Event)>,
}

#[derive(Debug, Default)]
struct Incoming {
    unread: Vec<u8>,
    is_overrun: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Incoming {
    fn receive(&mut self, buffer: &ArrayBuffer) {
        if self.unread.len() + buffer.byte_length() as usize > MAX_UNREAD_BYTES {
            self.is_overrun = true;
        } else {
            self.unread.extend(Uint8Array::new(buffer).to_vec());
        }
    }

    /// Wakes whoever waits; anything that happens may be what they wait for.
    fn wake(&mut self) {
        let waiting = self.reader.take().into_iter().chain(self.writer.take());
        waiting.for_each(Waker::wake);
    }
}

impl Bytestream {
    /// Everything that `channel` brings, from now on.
    pub(super) fn new(channel: RtcDataChannel) -> Bytestream {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        channel.set_buffered_amount_low_threshold(LOW_WATER_BYTES);
        let incoming = Rc::<RefCell<Incoming>>::default();
        let receiving = incoming.clone();
        let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            if failure::is_dead() {
                return;
            }
            let mut incoming = receiving.borrow_mut();
            let data = event.dyn_ref::<MessageEvent>().map(MessageEvent::data);
            if let Some(Ok(buffer)) = data.map(|data| data.dyn_into()) {
                incoming.receive(&buffer);
            }
            incoming.wake();
        });
        let function = Some(on_event.as_ref().unchecked_ref());
        channel.set_onopen(function);
        channel.set_onmessage(function);
        channel.set_onbufferedamountlow(function);
        channel.set_onclose(function);
        channel.set_onerror(function);
        Bytestream(SendWrapper::new(Rc::new(Inner { channel, incoming, _on_event: on_event })))
    }

    /// Closes a channel that is one too many.
    pub(super) fn refuse(&self) {
        self.0.channel.close();
    }
}

impl Inner {
    /// Whether bytes may pass: not yet, or no longer.
    fn poll_open(&self) -> Poll<io::Result<()>> {
        if self.incoming.borrow().is_overrun {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        match self.channel.ready_state() {
            RtcDataChannelState::Connecting => Poll::Pending,
            RtcDataChannelState::Open => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_read(&self, context: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut incoming = self.incoming.borrow_mut();
        let length = incoming.unread.len().min(buffer.len());
        if let (Some(room), true) = (buffer.get_mut(..length), length > 0) {
            let rest = incoming.unread.split_off(length);
            room.copy_from_slice(&std::mem::replace(&mut incoming.unread, rest));
            return Poll::Ready(Ok(length));
        }
        incoming.reader = Some(context.waker().clone());
        drop(incoming);
        match self.poll_open() {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Pending,
        }
    }

    fn poll_write(&self, context: &Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.incoming.borrow_mut().writer = Some(context.waker().clone());
        std::task::ready!(self.poll_open())?;
        if self.channel.buffered_amount() > HIGH_WATER_BYTES {
            return Poll::Pending;
        }
        let message = buffer.get(..MAX_MESSAGE_SIZE_BYTES).unwrap_or(buffer);
        match self.channel.send_with_u8_array(message) {
            Ok(()) => Poll::Ready(Ok(message.len())),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl AsyncRead for Bytestream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(context, buffer)
    }
}

impl AsyncWrite for Bytestream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is the browser's to send.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.channel.set_onopen(None);
        self.channel.set_onmessage(None);
        self.channel.set_onbufferedamountlow(None);
        self.channel.set_onclose(None);
        self.channel.set_onerror(None);
    }
}
