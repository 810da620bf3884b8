use std::fmt;

use bytes::Bytes;
use thetab_node::{ConnectionId, Input};
use thetab_swarm::tracker::StreamKey;

use super::{World, http::ExchangeId, peering::Channel};
use crate::ViewerId;

/// What happens at a moment.
pub(super) enum Event {
    /// A page opens.
    Join(ViewerId),
    /// Its node has loaded.
    NodeLoaded(ViewerId),
    /// A node's timer may be due.
    NodeTimer(ViewerId),
    /// A player's timer may be due.
    PlayerTimer(ViewerId),
    /// Something reaches a node.
    Input(ViewerId, Input),
    /// A message left the sender's access.
    Departed { from: ViewerId, connection: ConnectionId, size_bytes: usize },
    /// A message reached the receiver's access.
    Landed { to: ViewerId, connection: ConnectionId, channel: Channel, message: Bytes },
    /// A message came out of it.
    Arrived { to: ViewerId, connection: ConnectionId, channel: Channel, message: Bytes },
    /// Channels open at one end.
    ChannelsOpen { at: ViewerId, connection: ConnectionId },
    /// An end learns that the other is gone.
    EndClosed { at: ViewerId, connection: ConnectionId },
    /// The relay hears something.
    ToTracker(thetab_swarm::tracker::Input),
    /// The tracker's timer may be due.
    TrackerTimer,
    /// A node hears something of its relay stream.
    FromRelay { stream: StreamKey, to: ViewerId, input: Input },
    /// An HTTP request reached the origin.
    Request(ExchangeId),
    /// The origin sends the next bytes of an answer.
    Answer(ExchangeId),
    /// Bytes of an answer reached the viewer's access.
    BodyLanded { exchange: ExchangeId, size_bytes: usize },
    /// Bytes of an answer came out of the viewer's access.
    Body { exchange: ExchangeId, size_bytes: usize },
    /// An exchange failed.
    Failed(ExchangeId),
    /// What a scenario wants.
    Act(Box<dyn FnOnce(&mut World)>),
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event")
    }
}

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Join(id) => self.join(id),
            Event::NodeLoaded(id) => self.node_loaded(id),
            Event::NodeTimer(id) => self.node_timer(id),
            Event::PlayerTimer(id) => self.player_timer(id),
            Event::Input(id, input) => self.input(id, input),
            Event::Departed { from, connection, size_bytes } => self.departed(from, connection, size_bytes),
            Event::Landed { to, connection, channel, message } => {
                self.landed(to, connection, channel, message);
            }
            Event::Arrived { to, connection, channel, message } => {
                self.arrived(to, connection, channel, message);
            }
            Event::ChannelsOpen { at, connection } => self.channels_open(at, connection),
            Event::EndClosed { at, connection } => self.end_closed(at, connection),
            Event::ToTracker(input) => self.tell_tracker(input),
            Event::TrackerTimer => self.tracker_timer(),
            Event::FromRelay { stream, to, input } => self.hear_relay(stream, to, input),
            Event::Request(exchange) => self.requested(exchange),
            Event::Answer(exchange) => self.answer(exchange),
            Event::BodyLanded { exchange, size_bytes } => self.body_landed(exchange, size_bytes),
            Event::Body { exchange, size_bytes } => self.body(exchange, size_bytes),
            Event::Failed(exchange) => self.exchange_failed(exchange),
            Event::Act(act) => act(self),
        }
    }
}
