//! An edge node with a bad will between it and its host.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use thetab_node::{Config, ConnectionId, Effect, Input, Node};
use thetab_sansio::{Instant, Machine};
use thetab_wire::{
    PresentationId,
    bulk::BulkFrame,
    peer::{PeerMessage, RecordRequest, Request},
};

use crate::{
    mode::Mode,
    statistics::Statistics,
    tamper::{self, Said},
};

/// Between two waves of whatever is sent unasked.
const WAVE_INTERVAL: Duration = Duration::from_millis(25);

/// A real node. What peers ask of it, and what it sends them, is changed on the way; its own links and its own
/// downloads are honest.
#[derive(Debug)]
pub(crate) struct EvilNode {
    node: Node,
    mode: Mode,
    presentation: PresentationId,
    statistics: Arc<Statistics>,
    links: BTreeSet<ConnectionId>,
    effects: VecDeque<Effect>,
    next_wave: Option<Instant>,
    waves: u32,
}

impl EvilNode {
    /// A node that does `mode` wrong, and counts it.
    pub(crate) fn new(config: Config, mode: Mode, statistics: Arc<Statistics>) -> EvilNode {
        EvilNode {
            presentation: config.presentation,
            node: Node::new(config),
            mode,
            statistics,
            links: BTreeSet::new(),
            effects: VecDeque::new(),
            next_wave: None,
            waves: 0,
        }
    }

    /// A message from a peer: whether the honest node may see it.
    fn hears(&mut self, connection: ConnectionId, message: &Bytes) -> bool {
        self.statistics.messages_received.add(1);
        match PeerMessage::decode(message) {
            Ok(Some(PeerMessage::Request(request))) => self.hears_request(connection, &request),
            Ok(Some(PeerMessage::RecordRequest(request))) => self.hears_record_request(connection, &request),
            // The victim's answers to a flood would look like one.
            Ok(Some(PeerMessage::Pong(_) | PeerMessage::Refuse(_))) => self.mode != Mode::Flood,
            _ => true,
        }
    }

    fn hears_request(&mut self, connection: ConnectionId, request: &Request) -> bool {
        self.statistics.requests.add(1);
        self.statistics.pieces_requested.add(request.pieces.len());
        match self.mode {
            Mode::Stall => {
                self.statistics.tampered.add(request.pieces.len());
                false
            }
            Mode::Lie => {
                self.misbehave(connection, tamper::lie(request));
                false
            }
            _ => true,
        }
    }

    fn hears_record_request(&mut self, connection: ConnectionId, request: &RecordRequest) -> bool {
        self.statistics.record_requests.add(1);
        if self.mode != Mode::ForgeRecords {
            return true;
        }
        let forged = request.segments.iter().filter_map(|s| tamper::forged_record(&self.presentation, *s));
        let forged: Vec<Said> = forged.collect();
        self.misbehave(connection, forged);
        false
    }

    fn opened(&mut self, now: Instant, connection: ConnectionId) {
        self.links.insert(connection);
        self.statistics.links_opened.add(1);
        match self.mode {
            Mode::Flood => self.next_wave = Some(now),
            Mode::ForgeRecords => self.misbehave(connection, tamper::forged_records(&self.presentation)),
            Mode::UnknownTags => self.misbehave(connection, [tamper::unknown_message()]),
            Mode::Oversize => self.misbehave(connection, [tamper::oversize(connection.0)]),
            _ => {}
        }
    }

    fn closed(&mut self, connection: ConnectionId) {
        if self.links.remove(&connection) {
            self.statistics.links_closed.add(1);
        }
    }

    fn misbehave(&mut self, connection: ConnectionId, said: impl IntoIterator<Item = Said>) {
        for said in said {
            self.statistics.tampered.add(1);
            self.send(connection, said);
        }
    }

    fn send(&mut self, connection: ConnectionId, said: Said) {
        let effect = match said {
            Said::Control(message) => {
                self.statistics.messages_sent.add(1);
                Effect::SendControl { connection, message }
            }
            Said::Bulk(frame) => {
                let begins = BulkFrame::decode(&frame).map_or(true, |frame| frame.offset_bytes == 0);
                self.statistics.pieces_sent.add(usize::from(begins));
                self.statistics.frames_sent.add(1);
                self.statistics.bytes_sent.add(frame.len());
                Effect::SendBulk { connection, frame }
            }
        };
        self.effects.push_back(effect);
    }

    /// What becomes of everything that the honest node wants done.
    fn twist(&mut self) {
        while let Some(effect) = self.node.poll_effect() {
            match effect {
                Effect::SendBulk { connection, frame } => self.twist_frame(connection, frame),
                Effect::SendControl { connection, message } if self.mode == Mode::UnknownTags => {
                    self.misbehave(connection, [Said::Control(tamper::with_unknown_field(&message))]);
                }
                Effect::SendControl { connection, message } => self.send(connection, Said::Control(message)),
                Effect::CloseConnection { connection } => {
                    self.closed(connection);
                    self.effects.push_back(Effect::CloseConnection { connection });
                }
                effect => self.effects.push_back(effect),
            }
        }
    }

    fn twist_frame(&mut self, connection: ConnectionId, frame: Bytes) {
        match self.mode {
            Mode::Corrupt => match tamper::flip_a_bit(&frame) {
                Some(changed) => self.misbehave(connection, [Said::Bulk(changed)]),
                None => self.send(connection, Said::Bulk(frame)),
            },
            Mode::Zero => {
                let with_header = self.statistics.tampered.count().is_multiple_of(2);
                self.misbehave(connection, [Said::Bulk(tamper::empty(&frame, with_header))]);
            }
            _ => self.send(connection, Said::Bulk(frame)),
        }
    }

    fn wave(&mut self, now: Instant) {
        self.next_wave = (!self.links.is_empty()).then(|| now + WAVE_INTERVAL);
        self.waves = self.waves.wrapping_add(1);
        for connection in self.links.clone() {
            self.misbehave(connection, tamper::flood(self.waves));
        }
    }
}

impl Machine for EvilNode {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        let passes = match &input {
            Input::Control { connection, message } => self.hears(*connection, message),
            _ => true,
        };
        let opened = if let Input::Opened { connection } = &input { Some(*connection) } else { None };
        if let Input::Closed { connection } = &input {
            self.closed(*connection);
        }
        if passes {
            self.node.handle(now, input);
            self.twist();
        }
        // After the node's own greeting.
        if let Some(connection) = opened {
            self.opened(now, connection);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next_wave.is_some_and(|at| at <= now) {
            self.wave(now);
        }
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
        self.twist();
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout().into_iter().chain(self.next_wave).min()
    }
}
