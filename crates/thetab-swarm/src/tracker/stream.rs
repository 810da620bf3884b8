use alloc::{collections::VecDeque, vec::Vec};

use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_wire::{PresentationId, SessionKey, relay::Position, ticket::VerifiedTicket};

use super::bucket::{Bucket, Rate};

/// Most other sessions that a session is remembered to have been introduced to.
const MAXIMUM_MET: usize = 256;

/// One open stream, joined or not yet.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) transport_id: Bytes,
    pub(super) prefix: Vec<u8>,
    pub(super) limits: Limits,
    pub(super) session: Option<Session>,
}

/// What a stream says about itself once its ticket and proof held.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) presentation: PresentationId,
    pub(super) ticket: VerifiedTicket,
    pub(super) position: Position,
    /// Place in the lottery from which random candidates are drawn.
    pub(super) lot: u64,
    met: VecDeque<SessionKey>,
}

impl Session {
    pub(super) fn new(ticket: VerifiedTicket, position: Position, lot: u64) -> Session {
        Session { presentation: ticket.presentation, ticket, position, lot, met: VecDeque::new() }
    }

    pub(super) fn key(&self) -> SessionKey {
        self.ticket.session
    }

    /// Remembers an introduction; the oldest is forgotten when there are too many.
    pub(super) fn meet(&mut self, other: SessionKey) {
        if self.has_met(&other) {
            return;
        }
        if self.met.len() >= MAXIMUM_MET {
            self.met.pop_front();
        }
        self.met.push_back(other);
    }

    pub(super) fn has_met(&self, other: &SessionKey) -> bool {
        self.met.contains(other)
    }

    pub(super) fn has_room(&self) -> bool {
        self.position.links < self.ticket.maximum_links
    }
}

const fn rate(burst: u64, per_second: u64, every_seconds: u64) -> Rate {
    Rate { burst, per_second, every_seconds }
}

/// What one session may ask for, and what may be asked of it.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) messages: Bucket,
    pub(super) updates: Bucket,
    pub(super) finds: Bucket,
    pub(super) sends: Bucket,
    pub(super) sent_bytes: Bucket,
    pub(super) reports: Bucket,
    /// Sealed messages that reach it, from sessions it was introduced to.
    pub(super) received: Bucket,
    /// The same from sessions it was not: enough for peers that outlived a restart of the relay.
    pub(super) received_from_strangers: Bucket,
    /// `rate_limited` answers, so that a flood is not answered by a flood.
    pub(super) notices: Bucket,
    /// Refused messages before the stream is closed.
    pub(super) patience: Bucket,
}

impl Limits {
    pub(super) fn new(now: Instant) -> Limits {
        let full = |rate| Bucket::full(rate, now);
        Limits {
            messages: full(rate(300, 30, 1)),
            updates: full(rate(10, 2, 1)),
            finds: full(rate(10, 1, 2)),
            sends: full(rate(150, 15, 1)),
            sent_bytes: full(rate(512 * 1024, 48 * 1024, 1)),
            reports: full(rate(8, 1, 30)),
            received: full(rate(300, 30, 1)),
            received_from_strangers: full(rate(20, 1, 1)),
            notices: full(rate(3, 1, 1)),
            patience: full(rate(100, 1, 1)),
        }
    }
}
