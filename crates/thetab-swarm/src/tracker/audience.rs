//! Who watches one presentation, indexed so that choosing peers looks at a bounded number of them.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Bound;

use thetab_wire::{PublisherKey, SessionKey, relay::Position};

use super::{StreamKey, stream::Stream};

/// Sessions looked at in each index for one answer.
const LOOKED_AT: usize = 32;

/// The sessions of one presentation. Those that share stand in the indices as well.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) publisher: PublisherKey,
    by_session: BTreeMap<SessionKey, StreamKey>,
    by_prefix: BTreeSet<(Vec<u8>, StreamKey)>,
    by_place: BTreeSet<(u16, u64, StreamKey)>,
    by_lot: BTreeSet<(u64, StreamKey)>,
    /// The number of viewers that sessions were last told.
    pub(super) announced: u32,
}

/// Where candidates for one session come from, each list in an order that differs from asker to asker.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    pub(super) prefix: Vec<StreamKey>,
    pub(super) region: Vec<StreamKey>,
    pub(super) place: Vec<StreamKey>,
    pub(super) lot: Vec<StreamKey>,
}

impl Audience {
    pub(super) fn new(publisher: PublisherKey) -> Audience {
        Audience {
            publisher,
            by_session: BTreeMap::new(),
            by_prefix: BTreeSet::new(),
            by_place: BTreeSet::new(),
            by_lot: BTreeSet::new(),
            announced: 0,
        }
    }

    pub(super) fn viewers(&self) -> u32 {
        u32::try_from(self.by_session.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn stream_of(&self, session: &SessionKey) -> Option<StreamKey> {
        self.by_session.get(session).copied()
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = StreamKey> {
        self.by_session.values().copied()
    }

    pub(super) fn insert(&mut self, key: StreamKey, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        self.by_session.insert(session.key(), key);
        self.index(key, stream);
    }

    pub(super) fn remove(&mut self, key: StreamKey, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        if self.by_session.get(&session.key()) == Some(&key) {
            self.by_session.remove(&session.key());
        }
        self.unindex(key, stream);
    }

    /// Moves a session's place in the indices around `change`.
    pub(super) fn reposition(&mut self, key: StreamKey, stream: &mut Stream, position: Position) {
        self.unindex(key, stream);
        if let Some(session) = &mut stream.session {
            session.position = position;
        }
        self.index(key, stream);
    }

    fn index(&mut self, key: StreamKey, stream: &Stream) {
        let Some(session) = stream.session.as_ref().filter(|session| session.position.sharing) else {
            return;
        };
        self.by_prefix.insert((stream.prefix.clone(), key));
        self.by_place.insert((session.position.rendition, session.position.playhead_sequence, key));
        self.by_lot.insert((session.lot, key));
    }

    fn unindex(&mut self, key: StreamKey, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        self.by_prefix.remove(&(stream.prefix.clone(), key));
        self.by_place.remove(&(session.position.rendition, session.position.playhead_sequence, key));
        self.by_lot.remove(&(session.lot, key));
    }

    /// Sharing sessions worth a look for one at `position` behind `prefix`; `lot` turns every wheel.
    pub(super) fn nearby(&self, prefix: &[u8], position: &Position, lot: u64, spin: u64) -> Nearby {
        let region = prefix.get(..prefix.len().div_ceil(2)).unwrap_or_default();
        Nearby {
            prefix: self.same_block(prefix, spin),
            region: self.same_block(region, spin),
            place: self.same_place(position),
            lot: self.drawn(lot),
        }
    }

    /// Sessions whose prefix starts with `block`, from a turned start and around.
    fn same_block(&self, block: &[u8], spin: u64) -> Vec<StreamKey> {
        if block.is_empty() {
            return Vec::new();
        }
        let first = (block.to_vec(), StreamKey(0));
        let inside = || {
            let from = (Bound::Included(&first), Bound::Unbounded);
            self.by_prefix.range::<(Vec<u8>, StreamKey), _>(from).take_while(|(p, _)| p.starts_with(block))
        };
        // A block larger than this is entered at one of its first 1,024 sessions: bounded work.
        let size = inside().take(1024).count().max(1) as u64;
        let skip = usize::try_from(spin % size).unwrap_or(0);
        let keys = inside().skip(skip).take(LOOKED_AT).chain(inside().take(skip.min(LOOKED_AT)));
        keys.take(LOOKED_AT).map(|(_, key)| *key).collect()
    }

    /// Sessions of the same rendition whose playheads are next to `position`, ahead and behind.
    fn same_place(&self, position: &Position) -> Vec<StreamKey> {
        let here = (position.rendition, position.playhead_sequence, StreamKey(0));
        let same = |place: &&(u16, u64, StreamKey)| place.0 == position.rendition;
        let ahead = self.by_place.range(here..).take_while(same).take(LOOKED_AT / 2);
        let behind = self.by_place.range(..here).rev().take_while(same).take(LOOKED_AT / 2);
        ahead.chain(behind).map(|(_, _, key)| *key).collect()
    }

    fn drawn(&self, lot: u64) -> Vec<StreamKey> {
        let from = (lot, StreamKey(0));
        let after = self.by_lot.range(from..);
        after.chain(self.by_lot.range(..from)).take(LOOKED_AT).map(|(_, key)| *key).collect()
    }
}
