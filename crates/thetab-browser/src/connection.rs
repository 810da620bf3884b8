//! One WebRTC connection to a peer: two data channels, and the descriptions that lead there.
//!
//! Promises: what the node asks for is done in its order; `Opened` and `Closed` are reported at most once;
//! dropping a connection closes it and lets go of every callback. Threats: a peer that sends messages above
//! the protocol's size (they are not copied in), or does not read (it is let go).

mod channel;
mod negotiation;
mod reporter;

use bytes::Bytes;
use js_sys::Array;
use thetab_node::{ConnectionId, Input};
use thetab_wire::channel::{BULK, CONTROL};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{
    Event, RtcConfiguration, RtcIceServer, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState,
};

use self::{channel::Channel, negotiation::Negotiation, reporter::Reporter};
use crate::{failure::LastWill, inputs::Inputs};

/// Bytes in the bulk channel's send buffer at which the node hears that there is room again: half of what it fills.
const LOW_WATER_BYTES: u32 = 128 * 1024;
/// Control messages that may wait for a peer to read them; one with more unread has stopped.
const MAX_UNREAD_CONTROL_BYTES: u32 = 1024 * 1024;

/// A connection, open or on its way.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: RtcPeerConnection,
    control: Channel,
    bulk: Channel,
    negotiation: Negotiation,
    reporter: Reporter,
    owes_room: bool,
    _on_event: Closure<dyn FnMut(Event)>,
    _will: Option<LastWill>,
}

impl Connection {
    /// A connection with both channels that says nothing yet. `stun` servers are asked for this tab's own address.
    ///
    /// # Errors
    /// What the browser throws: WebRTC is missing, forbidden, or at its limit of connections.
    pub(crate) fn open(id: ConnectionId, stun: &[String], inputs: Inputs) -> Result<Connection, JsValue> {
        let peer = create(stun)?;
        let _will = LastWill::method(&peer, "close");
        let reporter = Reporter::new(id, inputs);
        let control = Channel::create(&peer, &CONTROL, reporter.clone(), |connection, message| {
            Input::Control { connection, message }
        });
        let bulk = Channel::create(&peer, &BULK, reporter.clone(), |connection, frame| Input::Bulk {
            connection,
            frame,
        });
        bulk.report_room_at(LOW_WATER_BYTES);
        let negotiation = Negotiation::new(peer.clone(), reporter.clone());
        let _on_event = listen(&peer, reporter.clone());
        Ok(Connection { peer, control, bulk, negotiation, reporter, owes_room: false, _on_event, _will })
    }

    /// Describes this end first.
    pub(crate) fn offer(&self) {
        self.negotiation.offer();
    }

    /// Takes the other end's description; an end that did not offer answers it.
    pub(crate) fn describe_remote(&self, sdp: String) {
        self.negotiation.describe_remote(sdp);
    }

    /// Takes candidates of the other end.
    pub(crate) fn add_candidates(&self, candidates: Vec<String>) {
        self.negotiation.add_candidates(candidates);
    }

    /// Sends on the control channel.
    pub(crate) fn send_control(&self, message: &Bytes) {
        if self.control.waiting_bytes() > MAX_UNREAD_CONTROL_BYTES || self.control.send(message).is_err() {
            self.reporter.closed();
        }
    }

    /// Sends on the bulk channel.
    pub(crate) fn send_bulk(&mut self, frame: &Bytes) {
        if self.bulk.send(frame).is_err() {
            self.reporter.closed();
        }
        self.owes_room = true;
    }

    /// Reports room in the bulk channel after sending, where the browser will not: it tells only when the
    /// buffer falls to the low-water mark, and little was sent.
    pub(crate) fn report_room(&mut self) {
        let waiting_bytes = self.bulk.waiting_bytes();
        if std::mem::take(&mut self.owes_room) && waiting_bytes <= LOW_WATER_BYTES {
            self.reporter.room(waiting_bytes);
        }
    }

    /// Reports the connection as closed, because the page goes away.
    pub(crate) fn leave(&self) {
        self.reporter.closed();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.peer.set_onicecandidate(None);
        self.peer.set_onconnectionstatechange(None);
        self.control.close();
        self.bulk.close();
        self.peer.close();
    }
}

fn create(stun: &[String]) -> Result<RtcPeerConnection, JsValue> {
    let configuration = RtcConfiguration::new();
    let server = RtcIceServer::new();
    server.set_urls(&stun.iter().map(|url| JsValue::from_str(url)).collect::<Array>());
    let servers = if stun.is_empty() { Array::new() } else { Array::of1(&server) };
    configuration.set_ice_servers(&servers);
    // A relay that names a STUN server wrongly costs us our outside address, not the connection.
    RtcPeerConnection::new_with_configuration(&configuration).or_else(|_| RtcPeerConnection::new())
}

fn listen(peer: &RtcPeerConnection, reporter: Reporter) -> Closure<dyn FnMut(Event)> {
    let watched = peer.clone();
    let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        if let Some(found) = event.dyn_ref::<RtcPeerConnectionIceEvent>() {
            let line = found.candidate().map(|candidate| candidate.candidate());
            reporter.candidate(line.filter(|line| !line.is_empty()));
        } else if matches!(
            watched.connection_state(),
            RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed
        ) {
            reporter.closed();
        }
    });
    let function = Some(on_event.as_ref().unchecked_ref());
    peer.set_onicecandidate(function);
    peer.set_onconnectionstatechange(function);
    on_event
}
