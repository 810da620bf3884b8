//! Peers that break the rules, each a real node whose words are changed on the way out.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use thetab_node::{ConnectionId, Effect, Input, Node};
use thetab_sansio::{Instant, Machine};
use thetab_wire::{
    Encode as _, SegmentId,
    bulk::HEADER_SIZE_BYTES,
    codec::Blob,
    have::{PieceSet, SequenceSet},
    peer::{Have, PeerMessage, Record, Request},
    record::{MAX_PIECES, SignedRecord},
};

use crate::viewer::EdgeNode;

const FLOOD_EVERY: Duration = Duration::from_millis(200);
const FLOOD_MESSAGES: u32 = 64;

/// What is wrong with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evil {
    /// Changes a byte of each frame.
    Corrupt,
    /// Sends frames without bytes.
    ZeroLength,
    /// Accepts requests and sends nothing.
    Stalling,
    /// Claims to have everything, and sends nothing.
    Lying,
    /// Asks for more than anyone may, again and again.
    Flooding,
    /// Sends records that the publisher did not sign.
    Forging,
}

impl Evil {
    /// Every kind.
    pub const ALL: [Evil; 6] =
        [Evil::Corrupt, Evil::ZeroLength, Evil::Stalling, Evil::Lying, Evil::Flooding, Evil::Forging];

    pub(crate) fn possess(self, node: Node) -> Box<dyn EdgeNode> {
        Box::new(Possessed {
            node,
            evil: self,
            open: BTreeMap::new(),
            extra: VecDeque::new(),
            floods_at: None,
        })
    }
}

/// A node and the evil in it.
#[derive(Debug)]
struct Possessed {
    node: Node,
    evil: Evil,
    /// Open links, and how often each was flooded.
    open: BTreeMap<ConnectionId, u32>,
    extra: VecDeque<Effect>,
    floods_at: Option<Instant>,
}

impl Possessed {
    fn opened(&mut self, now: Instant, connection: ConnectionId) {
        self.open.insert(connection, 0);
        match self.evil {
            Evil::Lying => (0..4).for_each(|rendition| self.claim(connection, rendition)),
            Evil::Flooding => self.floods_at = Some(now + FLOOD_EVERY),
            Evil::Forging => self.forge(connection, 0),
            _ => {}
        }
    }

    fn say(&mut self, connection: ConnectionId, message: impl Into<PeerMessage>) {
        let message = message.into().encode().into();
        self.extra.push_back(Effect::SendControl { connection, message });
    }

    fn claim(&mut self, connection: ConnectionId, rendition: u16) {
        let complete = SequenceSet::newest(0..4096);
        self.say(connection, Have { rendition, complete, init: true });
    }

    /// A record like the publisher's, signed by nobody.
    fn forge(&mut self, connection: ConnectionId, sequence: u64) {
        let record = thetab_wire::record::SegmentRecord::new(
            SegmentId::media(0, 1_000_000 + sequence),
            4000,
            [0; 32],
            b"not the publisher's",
        );
        let body = record.ok().and_then(|record| Blob::try_from(record.encode()).ok()).unwrap_or_default();
        self.say(connection, Record { record: SignedRecord { body, signature: [3; 64] } });
    }

    fn flood(&mut self, now: Instant) {
        let Some(at) = self.floods_at.filter(|at| *at <= now) else { return };
        self.floods_at = Some(at.max(now) + FLOOD_EVERY);
        for connection in self.open.keys().copied().collect::<Vec<_>>() {
            for request in 0..FLOOD_MESSAGES {
                let segment = SegmentId::media(0, u64::from(request % 8));
                let pieces = PieceSet::full(MAX_PIECES as u16);
                self.say(connection, Request { request: u32::MAX - request, segment, pieces });
            }
        }
    }

    /// What becomes of an effect of the honest node; `None` swallows it.
    fn pervert(&self, effect: Effect) -> Option<Effect> {
        match (self.evil, effect) {
            (Evil::Corrupt, Effect::SendBulk { connection, frame }) => {
                Some(Effect::SendBulk { connection, frame: corrupted(&frame) })
            }
            (Evil::ZeroLength, Effect::SendBulk { connection, frame }) => {
                Some(Effect::SendBulk { connection, frame: frame.slice(..HEADER_SIZE_BYTES) })
            }
            (Evil::Stalling | Evil::Lying, Effect::SendBulk { .. }) => None,
            (Evil::Lying, Effect::SendControl { connection, message }) => {
                let is_refusal = matches!(PeerMessage::decode(&message), Ok(Some(PeerMessage::Refuse(_))));
                (!is_refusal).then_some(Effect::SendControl { connection, message })
            }
            (_, effect) => Some(effect),
        }
    }
}

fn corrupted(frame: &Bytes) -> Bytes {
    let mut frame = frame.to_vec();
    if let Some(last) = frame.last_mut() {
        *last ^= 1;
    }
    frame.into()
}

impl Machine for Possessed {
    type Input = Input;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input) {
        let opened = match &input {
            Input::Opened { connection } => Some(*connection),
            Input::Closed { connection } => {
                self.open.remove(connection);
                None
            }
            _ => None,
        };
        self.node.handle(now, input);
        if let Some(connection) = opened {
            self.opened(now, connection);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
        }
        self.flood(now);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        while let Some(effect) = self.node.poll_effect() {
            if let Effect::CloseConnection { connection } = &effect {
                self.open.remove(connection);
            }
            if let Some(effect) = self.pervert(effect) {
                return Some(effect);
            }
        }
        self.extra.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout().into_iter().chain(self.floods_at.filter(|_| !self.open.is_empty())).min()
    }
}
