use std::{io, rc::Rc};

use futures::{channel::mpsc, task::AtomicWaker};
use libp2p_webrtc_utils::{DropListener, Fingerprint, Stream};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, RtcDataChannelEvent, RtcDataChannelInit, RtcPeerConnection, RtcPeerConnectionState, RtcSdpType,
    RtcSessionDescriptionInit,
};

use super::{description, stream::Bytestream};
use crate::failure::LastWill;

/// Channels that the relay opened and nobody has taken yet; more are closed.
const MAX_WAITING_CHANNELS: usize = 16;

/// One end of a connection to a relay; closed when dropped.
#[derive(Debug)]
pub(super) struct Peer {
    connection: RtcPeerConnection,
    pub(super) opened: mpsc::Receiver<Bytestream>,
    changed: Rc<AtomicWaker>,
    _on_event: Closure<dyn FnMut(Event)>,
    _will: Option<LastWill>,
}

impl Peer {
    /// An end that is not connected to anything.
    pub(super) fn new() -> io::Result<Peer> {
        let connection = RtcPeerConnection::new().map_err(js_error)?;
        let (mut channels, opened) = mpsc::channel(MAX_WAITING_CHANNELS);
        let changed = Rc::new(AtomicWaker::new());
        let waker = changed.clone();
        let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            match event.dyn_ref::<RtcDataChannelEvent>().map(RtcDataChannelEvent::channel) {
                Some(channel) => {
                    // Listened to from here on: what it brings before anybody takes it is not lost.
                    if let Err(refused) = channels.try_send(Bytestream::new(channel)) {
                        refused.into_inner().refuse();
                    }
                }
                None => waker.wake(),
            }
        });
        let function = Some(on_event.as_ref().unchecked_ref());
        connection.set_ondatachannel(function);
        connection.set_onconnectionstatechange(function);
        let _will = LastWill::method(&connection, "close");
        Ok(Peer { connection, opened, changed, _on_event: on_event, _will })
    }

    /// The stream over which both ends prove who they are; to be there before anything is described.
    pub(super) fn handshake_stream(&self) -> (Stream<Bytestream>, DropListener<Bytestream>) {
        let init = RtcDataChannelInit::new();
        init.set_negotiated(true);
        init.set_id(0);
        Stream::new(Bytestream::new(self.connection.create_data_channel_with_data_channel_dict("", &init)))
    }

    /// One more stream.
    pub(super) fn open_stream(&self) -> (Stream<Bytestream>, DropListener<Bytestream>) {
        Stream::new(Bytestream::new(self.connection.create_data_channel("")))
    }

    /// Goes to the server that `answer` describes, under an ICE name of our own; gives our certificate's fingerprint.
    pub(super) async fn connect(&self, name: &str, answer: String) -> io::Result<Fingerprint> {
        let offer = JsFuture::from(self.connection.create_offer()).await.map_err(js_error)?;
        let offer = offer.unchecked_into::<RtcSessionDescriptionInit>().get_sdp().unwrap_or_default();
        let fingerprint = description::fingerprint(&offer).ok_or(io::ErrorKind::InvalidData)?;
        let local = describe(RtcSdpType::Offer, &description::rename(&offer, name));
        JsFuture::from(self.connection.set_local_description(&local)).await.map_err(js_error)?;
        let remote = describe(RtcSdpType::Answer, &answer);
        JsFuture::from(self.connection.set_remote_description(&remote)).await.map_err(js_error)?;
        Ok(fingerprint)
    }

    /// How the connection is, as the browser sees it; `context` is woken when that changes.
    pub(super) fn state(&self, context: &std::task::Context<'_>) -> RtcPeerConnectionState {
        self.changed.register(context.waker());
        self.connection.connection_state()
    }

    /// Closes the connection for good.
    pub(super) fn close(&self) {
        self.connection.close();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.connection.set_ondatachannel(None);
        self.connection.set_onconnectionstatechange(None);
        self.connection.close();
    }
}

fn describe(kind: RtcSdpType, sdp: &str) -> RtcSessionDescriptionInit {
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(sdp);
    description
}

fn js_error(error: JsValue) -> io::Error {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    io::Error::other(message.unwrap_or_else(|| "the browser refused".to_owned()))
}
