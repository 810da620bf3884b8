use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use thetab_node::{ConnectionId, Input};
use thetab_wire::channel;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{
    Event, MessageEvent, RtcDataChannel, RtcDataChannelInit, RtcDataChannelType, RtcPeerConnection,
};

use super::reporter::Reporter;

/// One data channel. Says that it opened, what came in, and that it closed.
#[derive(Debug)]
pub(super) struct Channel {
    data: RtcDataChannel,
    limit_bytes: usize,
    _on_event: Closure<dyn FnMut(Event)>,
}

impl Channel {
    /// This end of a channel that the other end creates as well.
    pub(super) fn create(
        peer: &RtcPeerConnection,
        kind: &channel::Channel,
        reporter: Reporter,
        input: fn(ConnectionId, Bytes) -> Input,
    ) -> Channel {
        let init = RtcDataChannelInit::new();
        init.set_negotiated(true);
        init.set_id(kind.id);
        init.set_ordered(kind.ordered);
        let data = peer.create_data_channel_with_data_channel_dict(kind.label, &init);
        data.set_binary_type(RtcDataChannelType::Arraybuffer);
        let limit_bytes = kind.maximum_message_size_bytes;
        let _on_event = listen(&data, limit_bytes, reporter, input);
        Channel { data, limit_bytes, _on_event }
    }

    /// Reports room whenever the send buffer falls to `waiting_bytes`.
    pub(super) fn report_room_at(&self, waiting_bytes: u32) {
        self.data.set_buffered_amount_low_threshold(waiting_bytes);
        self.data.set_onbufferedamountlow(Some(self._on_event.as_ref().unchecked_ref()));
    }

    /// Bytes in the send buffer.
    pub(super) fn waiting_bytes(&self) -> u32 {
        self.data.buffered_amount()
    }

    /// Sends one message.
    ///
    /// # Errors
    /// What the browser throws: the channel is not open, or its buffer is full.
    pub(super) fn send(&self, message: &Bytes) -> Result<(), JsValue> {
        debug_assert!(message.len() <= self.limit_bytes, "the node's messages are within the protocol");
        self.data.send_with_u8_array(message)
    }

    /// Closes the channel and lets go of every callback.
    pub(super) fn close(&self) {
        self.data.set_onopen(None);
        self.data.set_onmessage(None);
        self.data.set_onbufferedamountlow(None);
        self.data.set_onerror(None);
        self.data.set_onclose(None);
        self.data.close();
    }
}

fn listen(
    data: &RtcDataChannel,
    limit_bytes: usize,
    reporter: Reporter,
    input: fn(ConnectionId, Bytes) -> Input,
) -> Closure<dyn FnMut(Event)> {
    let channel = data.clone();
    let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| match &*event.type_() {
        "message" => {
            let message = read(&event, limit_bytes);
            reporter.report(|connection| input(connection, message));
        }
        "bufferedamountlow" => reporter.room(channel.buffered_amount()),
        "open" => reporter.channel_opened(),
        _ => reporter.closed(),
    });
    let function = Some(on_event.as_ref().unchecked_ref());
    data.set_onopen(function);
    data.set_onmessage(function);
    data.set_onerror(function);
    data.set_onclose(function);
    on_event
}

/// The message of an event. One that is too large, or text, is passed on as an empty one: it decodes as little,
/// and the node judges its sender by that, without the copy.
fn read(event: &Event, limit_bytes: usize) -> Bytes {
    let data = event.dyn_ref::<MessageEvent>().map(MessageEvent::data);
    match data.and_then(|data| data.dyn_into::<ArrayBuffer>().ok()) {
        Some(buffer) if buffer.byte_length() as usize <= limit_bytes => {
            Uint8Array::new(&buffer).to_vec().into()
        }
        _ => Bytes::new(),
    }
}
