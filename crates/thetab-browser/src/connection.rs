//! One WebRTC connection to a peer, with its two data channels.

use std::{cell::Cell, rc::Rc};

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use thetab_node::{ConnectionId, Input};
use thetab_wire::channel::{BULK, CONTROL, Channel};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Event, MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelInit, RtcDataChannelState,
    RtcDataChannelType, RtcIceCandidateInit, RtcIceServer, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState, RtcSdpType, RtcSessionDescriptionInit,
};

use crate::{failure::LastWill, inputs::Inputs};

/// The node hears that the bulk channel takes more when this little is left in its buffer.
const LOW_WATER_BYTES: u32 = 128 * 1024;
/// A control channel whose peer reads nothing for this much is closed.
const MAX_CONTROL_BUFFERED_BYTES: u32 = 4 * 1024 * 1024;

type Handler<E> = Closure<dyn FnMut(E)>;

/// A connection; closed, and every callback let go of, when this is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    events: Events,
    peer: RtcPeerConnection,
    control: RtcDataChannel,
    bulk: RtcDataChannel,
    _on_candidate: Handler<RtcPeerConnectionIceEvent>,
    _on_event: Vec<Handler<Event>>,
    _on_message: Vec<Handler<MessageEvent>>,
    /// Closes it should the module die.
    _will: Option<LastWill>,
}

/// What a connection reports. Its end is said once, and nothing after it.
#[derive(Clone, Debug)]
struct Events {
    connection: ConnectionId,
    inputs: Inputs,
    has_ended: Rc<Cell<bool>>,
}

impl Events {
    fn send(&self, input: Input) {
        if !self.has_ended.get() {
            self.inputs.send(input);
        }
    }

    fn end(&self) {
        if !self.has_ended.replace(true) {
            self.inputs.send(Input::Closed { connection: self.connection });
        }
    }

    /// A message from the peer. One that is too large, or one too many, ends the connection.
    fn message(&self, event: &MessageEvent, channel: &Channel, input: impl FnOnce(bytes::Bytes) -> Input) {
        let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() else { return self.end() };
        if self.has_ended.get() || buffer.byte_length() as usize > channel.maximum_message_size_bytes {
            return self.end();
        }
        let message = Uint8Array::new(&buffer).to_vec().into();
        if !self.inputs.send_bounded(input(message)) {
            self.end();
        }
    }
}

impl Connection {
    /// Creates the connection and both channels, and describes it at once when `offer`.
    ///
    /// # Errors
    /// What the browser says against another connection.
    pub(crate) fn open(
        connection: ConnectionId,
        offer: bool,
        stun: &[String],
        inputs: Inputs,
        arrived: impl Fn() + 'static,
    ) -> Result<Connection, JsValue> {
        let peer = RtcPeerConnection::new_with_configuration(&configuration(stun))?;
        let (control, bulk) = (channel(&peer, &CONTROL), channel(&peer, &BULK));
        bulk.set_buffered_amount_low_threshold(LOW_WATER_BYTES);
        let will = LastWill::method(&peer, "close");
        let events = Events { connection, inputs, has_ended: Rc::default() };
        let made = Connection {
            _on_candidate: on_candidate(&peer, &events),
            _on_event: vec![
                on_state(&peer, &events),
                on_open(&control, &bulk, &events),
                on_end(&control, &bulk, &events),
                on_low(&bulk, &events),
            ],
            _on_message: vec![on_control(&control, &events), on_bulk(&bulk, &events, arrived)],
            _will: will,
            events,
            peer,
            control,
            bulk,
        };
        if offer {
            made.describe(None);
        }
        Ok(made)
    }

    /// Sets the other end's description; an answering end then describes itself.
    pub(crate) fn remote_description(&self, sdp: String, answering: bool) {
        if answering {
            return self.describe(Some(sdp));
        }
        let (peer, events) = (self.peer.clone(), self.events.clone());
        spawn_local(async move {
            if set_remote(&peer, RtcSdpType::Answer, &sdp).await.is_err() {
                events.end();
            }
        });
    }

    fn describe(&self, offer: Option<String>) {
        let (peer, events) = (self.peer.clone(), self.events.clone());
        spawn_local(async move {
            if describe(&peer, offer.as_deref(), &events).await.is_err() {
                events.end();
            }
        });
    }

    /// Adds candidates of the other end. One that the browser does not understand is left out.
    pub(crate) fn remote_candidates(&self, candidates: &[String]) {
        for line in candidates {
            let init = RtcIceCandidateInit::new(line);
            init.set_sdp_mid(Some("0"));
            init.set_sdp_m_line_index(Some(0));
            let added = self.peer.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
            spawn_local(async move {
                let _ = JsFuture::from(added).await;
            });
        }
    }

    pub(crate) fn send_control(&self, message: &[u8]) {
        let is_stuck = self.control.buffered_amount() > MAX_CONTROL_BUFFERED_BYTES;
        if is_stuck || self.control.send_with_u8_array(message).is_err() {
            self.events.end();
        }
    }

    pub(crate) fn send_bulk(&self, frame: &[u8]) {
        if self.bulk.send_with_u8_array(frame).is_err() {
            return self.events.end();
        }
        // The browser's own event comes only for a buffer that was above the mark.
        let buffered = self.bulk.buffered_amount();
        if buffered <= LOW_WATER_BYTES {
            let (connection, buffered_bytes) = (self.events.connection, buffered as usize);
            self.events.send(Input::Buffered { connection, buffered_bytes });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.events.has_ended.set(true);
        self.peer.set_onicecandidate(None);
        self.peer.set_onconnectionstatechange(None);
        for channel in [&self.control, &self.bulk] {
            channel.set_onopen(None);
            channel.set_onclose(None);
            channel.set_onmessage(None);
            channel.set_onbufferedamountlow(None);
            channel.close();
        }
        self.peer.close();
    }
}

fn configuration(stun: &[String]) -> RtcConfiguration {
    let server = RtcIceServer::new();
    let urls: Array = stun.iter().map(|url| JsValue::from(url.as_str())).collect();
    server.set_urls(&urls);
    let servers: Array = (!stun.is_empty()).then_some(server).into_iter().collect();
    let configuration = RtcConfiguration::new();
    configuration.set_ice_servers(&servers);
    configuration
}

fn channel(peer: &RtcPeerConnection, channel: &Channel) -> RtcDataChannel {
    let init = RtcDataChannelInit::new();
    init.set_negotiated(true);
    init.set_id(channel.id);
    init.set_ordered(channel.ordered);
    let made = peer.create_data_channel_with_data_channel_dict(channel.label, &init);
    made.set_binary_type(RtcDataChannelType::Arraybuffer);
    made
}

/// Describes this end: an offer, or with the other end's offer set first, an answer.
async fn describe(peer: &RtcPeerConnection, offer: Option<&str>, events: &Events) -> Result<(), JsValue> {
    let (kind, made) = match offer {
        None => (RtcSdpType::Offer, JsFuture::from(peer.create_offer()).await?),
        Some(sdp) => {
            set_remote(peer, RtcSdpType::Offer, sdp).await?;
            (RtcSdpType::Answer, JsFuture::from(peer.create_answer()).await?)
        }
    };
    let sdp = Reflect::get(&made, &"sdp".into())?.as_string().ok_or(JsValue::UNDEFINED)?;
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(&sdp);
    JsFuture::from(peer.set_local_description(&description)).await?;
    events.send(Input::Described { connection: events.connection, sdp });
    Ok(())
}

async fn set_remote(peer: &RtcPeerConnection, kind: RtcSdpType, sdp: &str) -> Result<(), JsValue> {
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(sdp);
    JsFuture::from(peer.set_remote_description(&description)).await.map(drop)
}

fn on_candidate(peer: &RtcPeerConnection, events: &Events) -> Handler<RtcPeerConnectionIceEvent> {
    let events = events.clone();
    let handler = Closure::new(move |event: RtcPeerConnectionIceEvent| {
        let line = event.candidate().map(|candidate| candidate.candidate());
        let candidate = line.filter(|line| !line.is_empty());
        events.send(Input::LocalCandidate { connection: events.connection, candidate });
    });
    peer.set_onicecandidate(Some(handler.as_ref().unchecked_ref()));
    handler
}

fn on_state(peer: &RtcPeerConnection, events: &Events) -> Handler<Event> {
    let (events, watched) = (events.clone(), peer.clone());
    let handler = Closure::new(move |_: Event| {
        use RtcPeerConnectionState::{Closed, Failed};
        if matches!(watched.connection_state(), Closed | Failed) {
            events.end();
        }
    });
    peer.set_onconnectionstatechange(Some(handler.as_ref().unchecked_ref()));
    handler
}

fn on_open(control: &RtcDataChannel, bulk: &RtcDataChannel, events: &Events) -> Handler<Event> {
    let (events, both) = (events.clone(), [control.clone(), bulk.clone()]);
    let handler = Closure::new(move |_: Event| {
        if both.iter().all(|channel| channel.ready_state() == RtcDataChannelState::Open) {
            events.send(Input::Opened { connection: events.connection });
        }
    });
    for channel in [control, bulk] {
        channel.set_onopen(Some(handler.as_ref().unchecked_ref()));
    }
    handler
}

fn on_end(control: &RtcDataChannel, bulk: &RtcDataChannel, events: &Events) -> Handler<Event> {
    let events = events.clone();
    let handler = Closure::new(move |_: Event| events.end());
    for channel in [control, bulk] {
        channel.set_onclose(Some(handler.as_ref().unchecked_ref()));
    }
    handler
}

fn on_control(control: &RtcDataChannel, events: &Events) -> Handler<MessageEvent> {
    let events = events.clone();
    let handler = Closure::new(move |event: MessageEvent| {
        let connection = events.connection;
        events.message(&event, &CONTROL, |message| Input::Control { connection, message });
    });
    control.set_onmessage(Some(handler.as_ref().unchecked_ref()));
    handler
}

fn on_bulk(bulk: &RtcDataChannel, events: &Events, arrived: impl Fn() + 'static) -> Handler<MessageEvent> {
    let events = events.clone();
    let handler = Closure::new(move |event: MessageEvent| {
        arrived();
        let connection = events.connection;
        events.message(&event, &BULK, |frame| Input::Bulk { connection, frame });
    });
    bulk.set_onmessage(Some(handler.as_ref().unchecked_ref()));
    handler
}

fn on_low(bulk: &RtcDataChannel, events: &Events) -> Handler<Event> {
    let (events, watched) = (events.clone(), bulk.clone());
    let handler = Closure::new(move |_: Event| {
        let buffered_bytes = watched.buffered_amount() as usize;
        events.send(Input::Buffered { connection: events.connection, buffered_bytes });
    });
    bulk.set_onbufferedamountlow(Some(handler.as_ref().unchecked_ref()));
    handler
}
