//! Verified pieces in memory, under a hard limit.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use bytes::Bytes;
use thetab_wire::{
    PieceIndex, SegmentId, SegmentKind,
    have::PieceSet,
    record::{VerifiedPiece, VerifiedRecord},
};

/// How much nearer to the playhead a common segment must be to be kept like a rare one.
const RARE_SEGMENTS: u64 = 8;

/// What is stored of one segment.
#[derive(Debug)]
struct Stored {
    pieces: Vec<Option<Bytes>>,
    missing: usize,
}

/// All pieces of one presentation that this node has.
#[derive(Debug, Default)]
pub(crate) struct Store {
    segments: BTreeMap<SegmentId, Stored>,
    size_bytes: usize,
}

impl Store {
    /// Stores a piece; false when it was there already.
    pub(crate) fn insert(&mut self, record: &VerifiedRecord, piece: &VerifiedPiece) -> bool {
        let count = usize::from(record.piece_count());
        let stored = self
            .segments
            .entry(piece.segment())
            .or_insert_with(|| Stored { pieces: vec![None; count], missing: count });
        let Some(slot @ None) = stored.pieces.get_mut(usize::from(piece.piece())) else { return false };
        *slot = Some(piece.payload().clone());
        stored.missing = stored.missing.saturating_sub(1);
        self.size_bytes = self.size_bytes.saturating_add(piece.payload().len());
        true
    }

    /// Whether any piece of the segment is there.
    pub(crate) fn contains(&self, segment: &SegmentId) -> bool {
        self.segments.contains_key(segment)
    }

    /// Whether all pieces are there.
    pub(crate) fn is_complete(&self, segment: &SegmentId) -> bool {
        self.segments.get(segment).is_some_and(|stored| stored.missing == 0)
    }

    /// One piece.
    pub(crate) fn piece(&self, segment: &SegmentId, piece: PieceIndex) -> Option<&Bytes> {
        self.segments.get(segment)?.pieces.get(usize::from(piece))?.as_ref()
    }

    /// All pieces of a complete segment, in order.
    pub(crate) fn complete(&self, segment: &SegmentId) -> Option<Vec<Bytes>> {
        self.segments.get(segment)?.pieces.iter().cloned().collect()
    }

    /// Which pieces are there.
    pub(crate) fn pieces(&self, segment: &SegmentId) -> PieceSet {
        let pieces = self.segments.get(segment).map_or(&[][..], |stored| &stored.pieces);
        (0..).zip(pieces).filter(|(_, piece)| piece.is_some()).map(|(index, _)| index).collect()
    }

    /// Every segment, and whether it is complete.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (SegmentId, bool)> {
        self.segments.iter().map(|(segment, stored)| (*segment, stored.missing == 0))
    }

    /// Bytes of all pieces.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Drops whole segments until at most `limit_bytes` are stored, and names them. Initialisation sections and
    /// what `keep` names stay; those farthest behind `playhead` go first, and only then the farthest ahead.
    pub(crate) fn evict(
        &mut self,
        limit_bytes: usize,
        playhead: u64,
        keep: impl Fn(&SegmentId) -> bool,
        copies: impl Fn(&SegmentId) -> usize,
    ) -> Vec<SegmentId> {
        let mut evicted = Vec::new();
        while self.size_bytes > limit_bytes {
            let uselessness = |segment: &&SegmentId| {
                let behind = playhead.saturating_sub(segment.sequence);
                // A segment that hardly anybody else has is kept as long as one a little nearer.
                let rarity = if copies(segment) <= 2 { RARE_SEGMENTS } else { 0 };
                let ahead = segment.sequence.saturating_sub(playhead);
                (behind > 0, behind.saturating_sub(rarity), behind, ahead)
            };
            let candidate = self
                .segments
                .keys()
                .filter(|segment| segment.kind == SegmentKind::Media && !keep(segment))
                .max_by_key(uselessness)
                .copied();
            let Some(segment) = candidate else { break };
            self.remove(&segment);
            evicted.push(segment);
        }
        evicted
    }

    fn remove(&mut self, segment: &SegmentId) {
        if let Some(stored) = self.segments.remove(segment) {
            let size: usize = stored.pieces.iter().flatten().map(Bytes::len).sum();
            self.size_bytes = self.size_bytes.saturating_sub(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{Rig, media, payload};

    const PIECE: usize = 65_536;

    /// Segments of one piece each.
    fn store(sequences: impl IntoIterator<Item = u64>) -> Store {
        let rig = Rig::new();
        let mut store = Store::default();
        for sequence in sequences {
            let signed = rig.signed(media(sequence), 1);
            let config = &rig.swarm.config;
            let record = signed.verify(&config.presentation, &config.publisher).unwrap();
            let piece = record.verify_piece(0, payload(media(sequence), 1)).unwrap();
            assert!(store.insert(&record, &piece) && !store.insert(&record, &piece));
        }
        store
    }

    fn kept(store: &Store) -> Vec<u64> {
        store.segments().map(|(segment, _)| segment.sequence).collect()
    }

    #[test]
    fn the_farthest_behind_goes_first_and_then_the_farthest_ahead() {
        let mut store = store([1, 2, 8, 9, 10, 11, 20]);
        let evicted = store.evict(5 * PIECE, 10, |_| false, |_| 9);
        assert_eq!(evicted, [media(1), media(2)]);
        let evicted = store.evict(2 * PIECE, 10, |_| false, |_| 9);
        assert_eq!(evicted, [media(8), media(9), media(20)]);
        assert_eq!((kept(&store), store.size_bytes()), (vec![10, 11], 2 * PIECE));
    }

    #[test]
    fn what_hardly_anybody_else_has_is_kept_a_little_longer_but_never_before_what_comes_next() {
        let mut store = store([4, 6, 10, 11]);
        let copies = |segment: &SegmentId| if segment.sequence == 4 { 1 } else { 3 };
        assert_eq!(store.evict(3 * PIECE, 10, |_| false, copies), [media(6)]);
        assert_eq!(store.evict(2 * PIECE, 10, |_| false, |_| 0), [media(4)]);
        assert_eq!(kept(&store), [10, 11]);
    }

    #[test]
    fn what_the_player_waits_for_stays_whatever_the_limit() {
        let mut store = store([1, 2, 3]);
        assert_eq!(store.evict(0, 9, |segment| segment.sequence == 2, |_| 9), [media(1), media(3)]);
        assert_eq!(kept(&store), [2]);
    }
}
