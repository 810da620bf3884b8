//! The origin as a source: ranges of segments, pages of records, and when to leave it alone.

use alloc::vec::Vec;
use core::{ops::Range, time::Duration};

use bytes::Bytes;
use thetab_wire::{
    PIECE_SIZE_BYTES, PieceIndex, SegmentId, SegmentKind,
    record::{RECORDS_PER_PAGE, RecordPage, SignedRecord, VerifiedPiece, VerifiedRecord},
};

use crate::{
    effect::Effect,
    input::FetchId,
    swarm::{Fetch, Swarm},
};

/// Longest pause between tries of an origin that fails.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Most bytes of offered segments that wait for their records.
const MAX_OFFERED_BYTES: usize = 16 * 1024 * 1024;
/// Most records that are kept.
const MAX_RECORDS: usize = 4096;

impl Swarm {
    /// Whether the origin may be asked now.
    pub(crate) fn origin_available(&self) -> bool {
        self.now >= self.origin_retry
    }

    /// Fetches a run of pieces.
    pub(crate) fn fetch_pieces(&mut self, record: &VerifiedRecord, pieces: Range<PieceIndex>) {
        let fetch = self.name_fetch();
        let start = u32::from(pieces.start) * PIECE_SIZE_BYTES as u32;
        let end = (u32::from(pieces.end) * PIECE_SIZE_BYTES as u32).min(record.size_bytes);
        let (segment, next, since) = (record.segment, pieces.start, self.now);
        let buffer = Vec::new();
        self.fetches
            .insert(fetch, Fetch::Segment { segment, range: start..end, buffer, next, since, first: None });
        self.effects.push_back(Effect::FetchOrigin { fetch, segment, range: start..end });
    }

    /// Whether a running fetch will bring the piece.
    pub(crate) fn origin_is_fetching(&self, segment: &SegmentId, piece: PieceIndex) -> bool {
        let start = u32::from(piece) * PIECE_SIZE_BYTES as u32;
        self.fetches.values().any(|fetch| {
            matches!(fetch, Fetch::Segment { segment: of, range, .. } if of == segment && range.contains(&start))
        })
    }

    /// How many segment fetches run.
    pub(crate) fn origin_fetches(&self) -> usize {
        self.fetches.values().filter(|fetch| matches!(fetch, Fetch::Segment { .. })).count()
    }

    pub(crate) fn cancel_origin(&mut self, segment: &SegmentId) {
        let of_segment = |fetch: &Fetch| matches!(fetch, Fetch::Segment { segment: of, .. } if of == segment);
        let stale: Vec<FetchId> =
            self.fetches.iter().filter(|(_, fetch)| of_segment(fetch)).map(|(id, _)| *id).collect();
        for fetch in stale {
            self.fetches.remove(&fetch);
            self.effects.push_back(Effect::CancelFetch { fetch });
        }
    }

    pub(crate) fn origin_data(&mut self, fetch: FetchId, payload: &[u8]) {
        let now = self.now;
        let Some(Fetch::Segment { segment, range, buffer, next, since, first }) =
            self.fetches.get_mut(&fetch)
        else {
            return;
        };
        if first.is_none() {
            *first = Some(now);
            self.origin.measured_delay(now.saturating_since(*since));
        }
        let received = (usize::from(*next) * PIECE_SIZE_BYTES).saturating_add(buffer.len());
        let room = (range.end as usize).saturating_sub(received);
        buffer.extend_from_slice(payload.get(..room).unwrap_or(payload));
        let segment = *segment;
        let Some(record) = self.records.get(&segment).cloned() else { return };
        let mut pieces = Vec::new();
        while record.piece_size_bytes(*next) > 0 && buffer.len() >= record.piece_size_bytes(*next) {
            let rest = buffer.split_off(record.piece_size_bytes(*next));
            pieces.push((*next, Bytes::from(core::mem::replace(buffer, rest))));
            *next = next.saturating_add(1);
        }
        for (piece, payload) in pieces {
            self.origin_piece(&record, piece, payload);
        }
    }

    fn origin_piece(&mut self, record: &VerifiedRecord, piece: PieceIndex, payload: Bytes) {
        let size_bytes = payload.len() as u64;
        match record.verify_piece(piece, payload) {
            Ok(verified) => {
                self.stats.origin_bytes += size_bytes;
                self.keep(record, &verified, false);
            }
            Err(_) => {
                self.stats.rejected_pieces += 1;
                self.stats.rejected_bytes += size_bytes;
                self.distrust(record.segment);
            }
        }
    }

    pub(crate) fn origin_ended(&mut self, fetch: FetchId, success: bool) {
        let Some(ended) = self.fetches.remove(&fetch) else { return };
        match &ended {
            Fetch::Segment { range, first: Some(first), .. } if success => {
                let took = self.now.saturating_since(*first);
                self.origin.measured_rate(u64::from(range.end.saturating_sub(range.start)), took);
            }
            Fetch::Records { rendition, page } => {
                self.page_retry.insert((*rendition, *page), self.now + Duration::from_secs(2));
            }
            Fetch::Segment { .. } => {}
        }
        if success {
            self.origin_answered();
        } else {
            let backoff = Duration::from_millis(500) * 2u32.saturating_pow(self.origin_failures.min(8));
            self.origin_failures = self.origin_failures.saturating_add(1);
            self.origin_retry = self.now + backoff.min(MAX_BACKOFF);
        }
    }

    /// Whether the origin has just shown that it has no record of the segment, and nobody was asked since.
    pub(crate) fn record_is_absent(&self, segment: &SegmentId) -> bool {
        let asked = self.links.values().any(|link| link.records_asked.contains(segment));
        !asked && self.page_retry.get(&page_of(segment)).is_some_and(|at| *at > self.now)
    }

    /// The origin is well: it may be asked at once.
    fn origin_answered(&mut self) {
        self.origin_failures = 0;
        self.origin_retry = self.now;
    }

    /// Asks for the page that holds a segment's record, unless it is on its way or failed a moment ago.
    pub(crate) fn fetch_record(&mut self, segment: &SegmentId) {
        let key = page_of(segment);
        let (_, page) = key;
        let running = self
            .fetches
            .values()
            .any(|fetch| matches!(fetch, Fetch::Records { rendition, page } if (*rendition, *page) == key));
        let waiting = self.page_retry.get(&key).is_some_and(|at| *at > self.now);
        if running || waiting || !self.origin_available() {
            return;
        }
        let fetch = self.name_fetch();
        let after = self.known_up_to(segment);
        self.fetches.insert(fetch, Fetch::Records { rendition: segment.rendition, page });
        self.effects.push_back(Effect::FetchRecords { fetch, rendition: segment.rendition, page, after });
    }

    /// The last sequence before `segment` up to which its page's records are known without a gap.
    fn known_up_to(&self, segment: &SegmentId) -> Option<u64> {
        if !self.config.live || segment.kind == SegmentKind::Init {
            return None;
        }
        let first = segment.sequence - segment.sequence % RECORDS_PER_PAGE;
        let known = SegmentId::media(segment.rendition, first)..*segment;
        self.records.range(known).next_back().map(|(known, _)| known.sequence)
    }

    pub(crate) fn records_arrived(&mut self, fetch: FetchId, page: RecordPage) {
        let Some(Fetch::Records { rendition, page: number }) = self.fetches.remove(&fetch) else { return };
        self.origin_answered();
        // The same page again only for segments that are newer than it, and not at once.
        self.page_retry.insert((rendition, number), self.now + Duration::from_millis(500));
        for signed in page.records.into_inner() {
            let Ok(segment) = signed.claimed_segment() else { continue };
            if segment.rendition == rendition && !self.records.contains_key(&segment) && !self.believe(signed)
            {
                self.distrust(segment);
            }
        }
    }

    /// Keeps a record if the publisher signed it.
    pub(crate) fn believe(&mut self, signed: SignedRecord) -> bool {
        let Ok(record) = signed.verify(&self.config.presentation, &self.config.publisher) else {
            return false;
        };
        let segment = record.segment;
        self.distrusted.remove(&segment);
        self.records.insert(segment, record);
        let position = self.offered.iter().position(|(offered, _)| *offered == segment);
        if let Some((_, payload)) = position.and_then(|position| self.offered.remove(position)) {
            self.keep_offered(segment, payload);
        }
        true
    }

    /// The player fetched a segment by itself: the origin is there, whatever it was to us before.
    pub(crate) fn offered(&mut self, segment: SegmentId, payload: Bytes) {
        self.origin_answered();
        if payload.is_empty() || self.store.is_complete(&segment) || self.distrusted.contains(&segment) {
            return;
        }
        if self.records.contains_key(&segment) {
            return self.keep_offered(segment, payload);
        }
        self.offered.push_back((segment, payload));
        while self.offered.iter().map(|(_, payload)| payload.len()).sum::<usize>() > MAX_OFFERED_BYTES {
            self.offered.pop_front();
        }
    }

    fn keep_offered(&mut self, segment: SegmentId, payload: Bytes) {
        let Some(record) = self.records.get(&segment).cloned() else { return };
        if payload.len() != record.size_bytes as usize {
            return self.distrust(segment);
        }
        for piece in 0..record.piece_count() {
            let start = usize::from(piece) * PIECE_SIZE_BYTES;
            let end = start.saturating_add(record.piece_size_bytes(piece));
            self.origin_piece(&record, piece, payload.slice(start..end));
        }
    }

    /// Stores a verified piece, tells peers, and hands the segment out when it was the last one.
    pub(crate) fn keep(&mut self, record: &VerifiedRecord, piece: &VerifiedPiece, from_peer: bool) {
        let segment = piece.segment();
        let size_bytes = piece.payload().len() as u64;
        self.stats.verified_pieces += 1;
        if !self.store.insert(record, piece) {
            self.stats.duplicate_bytes += size_bytes;
            return;
        }
        let sources = self.sources.entry(segment).or_default();
        if from_peer {
            sources.peer_bytes += size_bytes;
        } else {
            sources.origin_bytes += size_bytes;
        }
        self.removed.remove(&segment);
        if self.store.is_complete(&segment) {
            self.progressed.remove(&segment);
            self.added.insert(segment);
            self.deliver(&segment);
        } else {
            self.progressed.insert(segment);
        }
        self.announce_soon();
        self.evict();
    }

    /// Leaves a segment to plain HTTP: what the origin says about it is not the publisher's.
    fn distrust(&mut self, segment: SegmentId) {
        self.distrusted.insert(segment);
        while self.distrusted.len() > MAX_RECORDS {
            self.distrusted.pop_first();
        }
        self.cancel_origin(&segment);
        self.report_record(segment, true);
    }

    /// Tells the page once that a segment's record is wrong or missing.
    pub(crate) fn report_record(&mut self, segment: SegmentId, forged: bool) {
        if self.reported.len() < MAX_RECORDS && self.reported.insert(segment) {
            self.effects.push_back(Effect::RecordProblem { segment, forged });
        }
    }

    /// Drops the records farthest from the playhead, beyond the bound.
    pub(crate) fn forget_far_records(&mut self) {
        while self.records.len() > MAX_RECORDS {
            let playhead = self.playhead.sequence;
            let farthest = self
                .records
                .keys()
                .filter(|segment| segment.kind == SegmentKind::Media && !self.store.contains(segment))
                .max_by_key(|segment| segment.sequence.abs_diff(playhead))
                .copied();
            let Some(segment) = farthest else { break };
            self.records.remove(&segment);
        }
    }

    fn name_fetch(&mut self) -> FetchId {
        self.next_fetch = self.next_fetch.wrapping_add(1);
        FetchId(self.next_fetch)
    }
}

/// The sidecar page that holds a segment's record.
fn page_of(segment: &SegmentId) -> (u16, Option<u64>) {
    (segment.rendition, (segment.kind == SegmentKind::Media).then_some(segment.sequence / RECORDS_PER_PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thetab_sansio::{Instant, Machine as _};
    use thetab_wire::{PresentationId, PublisherKey, SessionKey};

    use crate::input::{Config, Input};

    fn lone_swarm() -> Swarm {
        let publisher = PublisherKey([1; 32]);
        Swarm::new(Config {
            seed: [0; 32],
            presentation: PresentationId::new(&publisher, "sample"),
            publisher,
            local: SessionKey([2; 32]),
            live: false,
            memory_limit_bytes: 1 << 20,
            prefetch_horizon_ms: 30_000,
            maximum_links: 8,
        })
    }

    #[test]
    fn an_origin_that_failed_is_asked_again_as_soon_as_the_player_had_something_of_it() {
        let mut swarm = lone_swarm();
        for fetch in 0..8 {
            let fetch = FetchId(fetch);
            swarm.fetches.insert(fetch, Fetch::Records { rendition: 0, page: Some(0) });
            swarm.handle(Instant::ZERO, Input::OriginEnded { fetch, success: false });
        }
        let later = Instant::ZERO + Duration::from_secs(20);
        swarm.handle_timeout(later);
        assert!(!swarm.origin_available());
        let payload = Bytes::from_static(b"media");
        swarm.handle(later, Input::Offered { segment: SegmentId::media(0, 2), payload });
        assert!(swarm.origin_available());
    }
}
