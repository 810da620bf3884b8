//! What is known of one linked peer: what it has, how fast it is, what was asked of it.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec,
    vec::Vec,
};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::Instant;
use thetab_wire::{
    PIECE_SIZE_BYTES, PieceIndex, SegmentId, SegmentKind,
    bulk::{BulkFrame, MAX_PAYLOAD_SIZE_BYTES},
    have::PieceSet,
};

use crate::estimate::Estimate;

/// Most segments that are remembered of one peer's announcements.
const MAX_KNOWN_SEGMENTS: usize = 8192;
/// Segments beyond that before the oldest are forgotten, all at once: looking for them costs as much as the whole set.
const FORGET_AT_ONCE: usize = 1024;
/// Control messages that a peer may send at once, and then each millisecond: several times what the fastest link needs.
const MESSAGE_BURST: u64 = 4_000;
const MESSAGES_PER_MILLISECOND: u64 = 1;
/// Most segments in progress that are remembered of one peer's announcements.
const MAX_KNOWN_PARTIALS: usize = 64;
/// Most pieces that one peer may have asked for and not yet got.
pub(crate) const MAX_QUEUED_PIECES: usize = 256;
/// A link on which nothing came for this long does not bring what is late.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// Longest time that a peer gets for a piece, however busily it sends others.
const MAX_PATIENCE: Duration = Duration::from_secs(10);
const FRAMES_PER_PIECE: usize = PIECE_SIZE_BYTES / MAX_PAYLOAD_SIZE_BYTES;

/// A piece that was asked of a peer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) segment: SegmentId,
    pub(crate) piece: PieceIndex,
    pub(crate) size_bytes: usize,
    pub(crate) since: Instant,
    give_up: Instant,
    begun: Option<Instant>,
    received_bytes: usize,
    buffer: Vec<u8>,
    frames: [bool; FRAMES_PER_PIECE],
}

/// What became of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Assembled {
    /// More frames are to come.
    Partly,
    /// All bytes are there.
    Whole(Bytes),
    /// Not a frame that an honest peer sends.
    Wrong,
}

impl Asked {
    pub(crate) fn new(
        segment: SegmentId,
        piece: PieceIndex,
        size_bytes: usize,
        since: Instant,
        patience: Duration,
    ) -> Asked {
        Asked {
            segment,
            piece,
            size_bytes,
            since,
            give_up: since + patience,
            begun: None,
            received_bytes: 0,
            buffer: Vec::new(),
            frames: [false; FRAMES_PER_PIECE],
        }
    }

    /// When all of it will be here, by how fast it has come so far; `None` until some has.
    pub(crate) fn ends(&self, now: Instant, rate: &Estimate) -> Option<Instant> {
        let begun = self.begun?;
        let (received, left) = (self.received_bytes as u64, self.left_bytes() as u64);
        let elapsed_micros = u64::try_from(now.saturating_since(begun).as_micros()).unwrap_or(u64::MAX);
        let as_before = Duration::from_micros(elapsed_micros.saturating_mul(left) / received.max(1));
        Some(now + as_before.max(rate.time_to_carry(left)))
    }

    fn left_bytes(&self) -> usize {
        self.size_bytes.saturating_sub(self.received_bytes)
    }

    pub(crate) fn assemble(&mut self, now: Instant, frame: &BulkFrame) -> Assembled {
        let expected = self.size_bytes.saturating_sub(frame.offset_bytes).min(MAX_PAYLOAD_SIZE_BYTES);
        let index = frame.offset_bytes / MAX_PAYLOAD_SIZE_BYTES;
        let aligned = frame.offset_bytes.is_multiple_of(MAX_PAYLOAD_SIZE_BYTES);
        if frame.piece != self.piece || !aligned || frame.payload.len() != expected {
            return Assembled::Wrong;
        }
        if self.buffer.is_empty() {
            self.buffer = vec![0; self.size_bytes];
        }
        let end = frame.offset_bytes.saturating_add(expected);
        let (Some(seen), Some(target)) =
            (self.frames.get_mut(index), self.buffer.get_mut(frame.offset_bytes..end))
        else {
            return Assembled::Wrong;
        };
        if !core::mem::replace(seen, true) {
            self.received_bytes = self.received_bytes.saturating_add(expected);
        }
        self.begun.get_or_insert(now);
        target.copy_from_slice(&frame.payload);
        let needed = self.size_bytes.div_ceil(MAX_PAYLOAD_SIZE_BYTES);
        if self.frames.iter().take(needed).all(|seen| *seen) {
            Assembled::Whole(core::mem::take(&mut self.buffer).into())
        } else {
            Assembled::Partly
        }
    }
}

/// One linked peer.
#[derive(Debug)]
pub(crate) struct Link {
    complete: BTreeSet<SegmentId>,
    partial: BTreeMap<SegmentId, PieceSet>,
    /// The peer answers requests.
    pub(crate) sharing: bool,
    /// The peer does not answer ours for now.
    pub(crate) choking: bool,
    /// Rendition and media sequence under its playhead.
    pub(crate) position: Option<(u16, u64)>,
    pub(crate) estimate: Estimate,
    pub(crate) asked: BTreeMap<u32, Asked>,
    /// When the last piece was whole.
    pub(crate) last_arrival: Instant,
    /// When the last frame came, of whatever piece.
    pub(crate) last_frame: Instant,
    /// Pieces in a row that did not come in time.
    pub(crate) disappointments: u32,
    /// Requests of the peer, not yet begun.
    pub(crate) queued: VecDeque<(u32, SegmentId, PieceIndex)>,
    /// Frames of the piece being sent.
    pub(crate) sending: VecDeque<BulkFrame>,
    /// Bytes in the channel's send buffer.
    pub(crate) buffered_bytes: usize,
    /// We do not answer its requests for now.
    pub(crate) choked: bool,
    /// Verified bytes from it, fading.
    pub(crate) credit_bytes: u64,
    /// Nonsense from it that a race could explain.
    pub(crate) strays: u32,
    /// Records it was asked for, not asked again soon.
    pub(crate) records_asked: BTreeSet<SegmentId>,
    /// Ping in flight.
    pub(crate) pinged: Option<(u64, Instant)>,
    /// Control messages that it may still send now, and when that was reckoned.
    messages_left: u64,
    heard_at: Instant,
}

impl Link {
    pub(crate) fn new(now: Instant) -> Link {
        Link {
            complete: BTreeSet::new(),
            partial: BTreeMap::new(),
            sharing: false,
            choking: false,
            position: None,
            estimate: Estimate::guess(250_000, Duration::from_millis(100)),
            asked: BTreeMap::new(),
            last_arrival: now,
            last_frame: now,
            disappointments: 0,
            queued: VecDeque::new(),
            sending: VecDeque::new(),
            buffered_bytes: 0,
            choked: false,
            credit_bytes: 0,
            strays: 0,
            records_asked: BTreeSet::new(),
            pinged: None,
            messages_left: MESSAGE_BURST,
            heard_at: now,
        }
    }

    /// Whether the peer said that it has the piece.
    pub(crate) fn has(&self, segment: &SegmentId, piece: PieceIndex) -> bool {
        self.complete.contains(segment)
            || self.partial.get(segment).is_some_and(|pieces| pieces.contains(piece))
    }

    /// Whether the peer said that it has anything of the segment.
    pub(crate) fn has_any(&self, segment: &SegmentId) -> bool {
        self.complete.contains(segment) || self.partial.contains_key(segment)
    }

    /// The last media sequence of a rendition that it announced.
    pub(crate) fn last_announced(&self, rendition: u16) -> Option<u64> {
        let range = SegmentId::media(rendition, 0)..=SegmentId::media(rendition, u64::MAX);
        self.complete.range(range).next_back().map(|segment| segment.sequence)
    }

    /// All complete segments of a rendition.
    pub(crate) fn announced(
        &mut self,
        rendition: u16,
        sequences: impl DoubleEndedIterator<Item = u64>,
        init: bool,
    ) {
        self.complete.retain(|segment| segment.rendition != rendition);
        if init {
            self.added(SegmentId::init(rendition));
        }
        for sequence in sequences.rev().take(MAX_KNOWN_SEGMENTS) {
            self.added(SegmentId::media(rendition, sequence));
        }
    }

    /// One more complete segment. Beyond the bound the oldest are forgotten, initialisation sections last.
    pub(crate) fn added(&mut self, segment: SegmentId) {
        self.partial.remove(&segment);
        self.complete.insert(segment);
        if self.complete.len() >= MAX_KNOWN_SEGMENTS + FORGET_AT_ONCE {
            let mut known: Vec<SegmentId> = self.complete.iter().copied().collect();
            known.sort_unstable_by_key(|segment| {
                (segment.kind == SegmentKind::Init, segment.sequence, *segment)
            });
            for oldest in known.iter().take(FORGET_AT_ONCE) {
                self.complete.remove(oldest);
            }
        }
    }

    /// Counts a control message; false when the peer sends more than any honest one.
    pub(crate) fn may_speak(&mut self, now: Instant) -> bool {
        let elapsed_ms = u64::try_from(now.saturating_since(self.heard_at).as_millis()).unwrap_or(u64::MAX);
        // The rest of a millisecond stays in the clock.
        self.heard_at = self.heard_at + Duration::from_millis(elapsed_ms);
        let earned = elapsed_ms.saturating_mul(MESSAGES_PER_MILLISECOND);
        self.messages_left = self.messages_left.saturating_add(earned).min(MESSAGE_BURST);
        let may = self.messages_left > 0;
        self.messages_left = self.messages_left.saturating_sub(1);
        may
    }

    pub(crate) fn removed(&mut self, segment: &SegmentId) {
        self.complete.remove(segment);
        self.partial.remove(segment);
    }

    pub(crate) fn partly(&mut self, segment: SegmentId, pieces: PieceSet) {
        if self.complete.contains(&segment) {
            return;
        }
        self.partial.insert(segment, pieces);
        while self.partial.len() > MAX_KNOWN_PARTIALS {
            let oldest = self.partial.keys().min_by_key(|segment| segment.sequence).copied();
            oldest.map(|segment| self.partial.remove(&segment));
        }
    }

    /// The peer does not have it after all: whether it had said so.
    pub(crate) fn lied(&mut self, segment: &SegmentId, piece: PieceIndex) -> bool {
        let said = self.has(segment, piece);
        self.complete.remove(segment);
        if let Some(pieces) = self.partial.get_mut(segment) {
            pieces.remove(piece);
        }
        said
    }

    /// Whether the peer is expected to bring a piece when asked.
    pub(crate) fn may_bring(&self, segment: &SegmentId, piece: PieceIndex) -> bool {
        self.sharing && !self.choking && self.disappointments == 0 && self.has(segment, piece)
    }

    /// Requests that should have been answered by now, on a link that brings nothing or far too little.
    pub(crate) fn late_requests(&self, now: Instant) -> impl Iterator<Item = u32> {
        let is_silent = now.saturating_since(self.last_frame) >= SILENCE;
        let is_late = move |asked: &Asked| {
            (asked.give_up <= now && is_silent) || now.saturating_since(asked.since) >= MAX_PATIENCE
        };
        self.asked.iter().filter(move |(_, asked)| is_late(asked)).map(|(request, _)| *request)
    }

    /// How many pieces to have asked at a time: three quarters of a second's worth.
    pub(crate) fn window(&self) -> usize {
        let pieces = self.estimate.rate().saturating_mul(3) / 4 / PIECE_SIZE_BYTES as u64;
        usize::try_from(pieces).unwrap_or(usize::MAX).clamp(1, 32)
    }

    /// When `size_bytes` more would be here.
    pub(crate) fn time_for(&self, size_bytes: usize) -> Duration {
        let ahead: usize = self.asked.values().map(|asked| asked.size_bytes).sum();
        self.estimate.time_for(ahead.saturating_add(size_bytes) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_announcement_is_remembered_up_to_the_bound_newest_first() {
        let mut link = Link::new(Instant::ZERO);
        link.announced(0, 0..65_536, true);
        assert_eq!(link.complete.len(), MAX_KNOWN_SEGMENTS + 1);
        assert!(link.has_any(&SegmentId::init(0)) && link.has_any(&SegmentId::media(0, 65_535)));
        assert!(!link.has_any(&SegmentId::media(0, 0)));
    }

    #[test]
    fn announcements_of_every_rendition_stay_within_the_bound() {
        let mut link = Link::new(Instant::ZERO);
        for rendition in 0..u16::MAX {
            link.added(SegmentId::init(rendition));
            link.added(SegmentId::media(rendition, 7));
            assert!(link.complete.len() <= MAX_KNOWN_SEGMENTS + FORGET_AT_ONCE);
        }
    }

    #[test]
    fn a_peer_may_speak_as_often_as_a_fast_link_needs_and_no_more() {
        let mut link = Link::new(Instant::ZERO);
        let spoken = (0..10_000).filter(|_| link.may_speak(Instant::ZERO)).count() as u64;
        assert_eq!(spoken, MESSAGE_BURST);
        let steady = (1..10_000u64).all(|ms| link.may_speak(Instant::from_millis(ms)));
        assert!(steady);
    }
}
