//! Which source brings which piece, judged by the time until playback would stall.
//!
//! Zones of a wanted segment, by slack (deadline minus now): *panic*, when an HTTP fetch of the rest
//! would barely make it: fetch what no peer is about to bring; *risk*: ask a second peer as well;
//! *normal*: peers only. A piece that nobody has belongs to one node of the neighbourhood by rendezvous
//! hash; the others wait for that one, for half of the slack they had. Without links there is nothing to wait for.

use alloc::{collections::BTreeSet, vec::Vec};
use core::{ops::Range, time::Duration};

use thetab_sansio::Instant;
use thetab_wire::{
    PIECE_SIZE_BYTES, PieceIndex, SegmentId, have::PieceSet, peer::Request, record::VerifiedRecord,
};

use crate::{
    input::{PeerId, RequestId},
    link::Asked,
    swarm::{Swarm, Timer},
};

/// How often wants are looked at while any is open, and the prefetch window while there are links.
const TICK: Duration = Duration::from_millis(100);
const IDLE_TICK: Duration = Duration::from_millis(500);
/// Time for hand-over and scheduling, kept off every slack.
const SAFETY: Duration = Duration::from_millis(300);
/// Stripes, and the bytes from which on a segment has one more.
const MAX_STRIPES: u64 = 4;
const STRIPE_BYTES: u64 = 256 * 1024;
/// Farthest that this node fetches ahead of its own playhead for others.
const MAX_AHEAD_MS: u64 = 60_000;
const MAX_PREFETCH_FETCHES: usize = 4;
const MAX_PREFETCH_SEGMENTS: u64 = 32;
const DEFAULT_DURATION_MS: u64 = 4_000;
/// Shortest time that a peer gets for a piece.
const MIN_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Panic,
    Risk,
    Normal,
}

impl Swarm {
    /// Looks at everything wanted, most urgent first, then at what comes next.
    pub(crate) fn schedule(&mut self) {
        self.give_up_late_requests();
        let mut wants: Vec<(Instant, RequestId, SegmentId)> =
            self.wants.iter().map(|(request, want)| (want.deadline, *request, want.segment)).collect();
        wants.sort_unstable();
        for (_, request, segment) in wants {
            self.schedule_want(request, segment);
        }
        if self.policy.download && !self.playhead.paused {
            self.prefetch();
        }
        self.set_tick();
    }

    fn set_tick(&mut self) {
        let busy = !self.wants.is_empty() || self.links.values().any(|link| !link.asked.is_empty());
        if busy {
            self.timers.set(Timer::Schedule, self.now + TICK);
        } else if !self.links.is_empty() && self.policy.download {
            self.timers.set(Timer::Schedule, self.now + IDLE_TICK);
        } else {
            self.timers.cancel(&Timer::Schedule);
        }
    }

    fn schedule_want(&mut self, request: RequestId, segment: SegmentId) {
        if self.distrusted.contains(&segment) {
            return self.give_up(request);
        }
        if self.store.is_complete(&segment) {
            return self.deliver(&segment);
        }
        let Some(want) = self.wants.get(&request) else { return };
        let (deadline, patience_ends) = (want.deadline, want.patience_ends);
        let Some(record) = self.records.get(&segment).cloned() else {
            return self.want_record(request, segment, deadline);
        };
        let missing = self.missing(&record);
        let missing_bytes: usize = missing.iter().map(|piece| record.piece_size_bytes(*piece)).sum();
        let zone = self.zone(deadline, missing_bytes as u64);
        self.ask_peers(&record, &missing, deadline, zone == Zone::Risk);
        let nobody_to_wait_for = !self.policy.download || self.links.is_empty();
        match zone {
            Zone::Panic => self.rescue(request, &record, deadline),
            _ if nobody_to_wait_for => self.fetch_unserved(&record, |_, _| true),
            _ => {
                let impatient = self.now >= patience_ends;
                self.fetch_unserved(&record, |swarm, piece| impatient || swarm.owns(&record, piece));
            }
        }
    }

    /// A wanted segment without a record: ask for it, and do not wait for it beyond the slack of an HTTP fetch.
    fn want_record(&mut self, request: RequestId, segment: SegmentId, deadline: Instant) {
        if self.policy.download {
            self.ask_record(segment);
        }
        self.fetch_record(&segment);
        if self.record_is_absent(&segment) {
            self.report_record(segment, false);
            return self.give_up(request);
        }
        if self.zone(deadline, self.typical_size_bytes(segment.rendition)) == Zone::Panic {
            self.give_up(request);
        }
    }

    fn typical_size_bytes(&self, rendition: u16) -> u64 {
        let range = SegmentId::media(rendition, 0)..=SegmentId::media(rendition, u64::MAX);
        self.records.range(range).next_back().map_or(256 * 1024, |(_, record)| u64::from(record.size_bytes))
    }

    fn zone(&self, deadline: Instant, missing_bytes: u64) -> Zone {
        let slack = deadline.saturating_since(self.now).saturating_sub(SAFETY);
        let by_http = self.origin.time_for(missing_bytes);
        match slack {
            slack if slack * 5 < by_http * 6 => Zone::Panic,
            slack if slack * 2 < by_http * 5 => Zone::Risk,
            _ => Zone::Normal,
        }
    }

    fn missing(&self, record: &VerifiedRecord) -> Vec<PieceIndex> {
        (0..record.piece_count())
            .filter(|piece| self.store.piece(&record.segment, *piece).is_none())
            .collect()
    }

    /// Requests missing pieces of the peers that have them; with `hedge`, of a second one too.
    fn ask_peers(&mut self, record: &VerifiedRecord, missing: &[PieceIndex], deadline: Instant, hedge: bool) {
        if !self.policy.download {
            return;
        }
        let segment = record.segment;
        for &piece in missing {
            let asked: Vec<PeerId> = self.asked_of(&segment, piece);
            let wanted = if hedge { 2 } else { 1 };
            if asked.len() >= wanted || (asked.is_empty() && self.origin_is_fetching(&segment, piece)) {
                continue;
            }
            let share = usize::from(record.piece_count()).div_ceil(2).max(1);
            let holders = self.holders(&segment, piece);
            let others = holders.len() > 1;
            let choice = holders
                .iter()
                .filter(|(peer, _)| !asked.contains(peer))
                // Nobody owns more than half of a segment that others have as well.
                .find(|(_, link)| {
                    let open = link.asked.values().filter(|asked| asked.segment == segment).count();
                    !others || open < share
                })
                .map(|(peer, link)| (*peer, link.time_for(record.piece_size_bytes(piece))));
            if let Some((peer, expected)) = choice {
                self.ask(peer, record, piece, expected, deadline);
            }
        }
    }

    fn ask(
        &mut self,
        peer: PeerId,
        record: &VerifiedRecord,
        piece: PieceIndex,
        expected: Duration,
        deadline: Instant,
    ) {
        self.next_request = self.next_request.wrapping_add(1);
        let (request, segment) = (self.next_request, record.segment);
        let slack = deadline.saturating_since(self.now);
        let patience = (expected * 4).max(MIN_PATIENCE).min(slack.max(MIN_PATIENCE) + MIN_PATIENCE);
        let asked = Asked::new(segment, piece, record.piece_size_bytes(piece), self.now, patience);
        if let Some(link) = self.links.get_mut(&peer) {
            link.asked.insert(request, asked);
            self.send(peer, Request { request, segment, pieces: PieceSet::from_iter([piece]) });
        }
    }

    fn asked_of(&self, segment: &SegmentId, piece: PieceIndex) -> Vec<PeerId> {
        let open = |asked: &Asked| asked.segment == *segment && asked.piece == piece;
        self.links.iter().filter(|(_, link)| link.asked.values().any(open)).map(|(peer, _)| *peer).collect()
    }

    /// The deadline is near: fetch what no peer is about to bring, or leave it all to the player.
    fn rescue(&mut self, request: RequestId, record: &VerifiedRecord, deadline: Instant) {
        // A fetch of the rest would end then; until then, peers may go on with what they send.
        let rest: u64 = self.missing(record).iter().map(|piece| record.piece_size_bytes(*piece) as u64).sum();
        let by_http = (self.now + self.origin.time_for(rest)).max(deadline - SAFETY);
        let in_time = |swarm: &Swarm, piece: PieceIndex| {
            swarm.links.values().any(|link| {
                let of_piece = |a: &&Asked| a.segment == record.segment && a.piece == piece;
                let ends = link.asked.values().find(of_piece).and_then(|a| a.ends(swarm.now, &link.estimate));
                ends.is_some_and(|ends| ends <= by_http)
            })
        };
        if self.origin_available() {
            let tail: Vec<PieceIndex> = self
                .missing(record)
                .into_iter()
                .filter(|piece| !self.origin_is_fetching(&record.segment, *piece) && !in_time(self, *piece))
                .collect();
            self.fetch_runs(record, &tail);
        } else if self.now >= deadline {
            self.give_up(request);
        }
    }

    /// Fetches from the origin what no peer has or brings, where `mine` says so.
    fn fetch_unserved(&mut self, record: &VerifiedRecord, mine: impl Fn(&Swarm, PieceIndex) -> bool) {
        if !self.origin_available() {
            return;
        }
        let segment = record.segment;
        let unserved = |swarm: &Swarm, piece: PieceIndex| {
            let has_holder =
                swarm.policy.download && swarm.links.values().any(|link| link.may_bring(&segment, piece));
            !has_holder
                && !swarm.origin_is_fetching(&segment, piece)
                && swarm.asked_of(&segment, piece).is_empty()
        };
        let pieces: Vec<PieceIndex> = self
            .missing(record)
            .into_iter()
            .filter(|piece| unserved(self, *piece) && mine(self, *piece))
            .collect();
        self.fetch_runs(record, &pieces);
    }

    fn fetch_runs(&mut self, record: &VerifiedRecord, pieces: &[PieceIndex]) {
        for run in runs(pieces) {
            self.fetch_pieces(record, run);
        }
    }

    /// Whether this node is the one of its neighbourhood that fetches a piece from the origin.
    pub(crate) fn owns(&self, record: &VerifiedRecord, piece: PieceIndex) -> bool {
        let stripes = u64::from(record.size_bytes).div_ceil(STRIPE_BYTES).clamp(1, MAX_STRIPES);
        let stripe = u64::from(piece) * stripes / u64::from(record.piece_count()).max(1);
        let score = |node: &PeerId| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&node.0).update(&record.segment.rendition.to_be_bytes());
            hasher.update(&record.segment.sequence.to_be_bytes()).update(&stripe.to_be_bytes());
            *hasher.finalize().as_bytes()
        };
        let mine = score(&self.config.local);
        let fetches_for_us = |link: &crate::link::Link| {
            link.sharing
                && link.position.is_some_and(|(rendition, _)| self.playhead.renditions.contains(&rendition))
        };
        self.links.iter().filter(|(_, link)| fetches_for_us(link)).all(|(peer, _)| score(peer) < mine)
    }

    /// What comes next: from peers whatever they have, from the origin what this node owns. Nothing from the
    /// origin ahead of time without a link: a lone node is a plain player.
    fn prefetch(&mut self) {
        if self.links.is_empty() {
            return;
        }
        let start = self.playhead.sequence;
        for rendition in self.playhead.renditions.clone() {
            for sequence in start..=self.window_end(rendition) {
                self.prefetch_segment(SegmentId::media(rendition, sequence));
            }
        }
    }

    fn prefetch_segment(&mut self, segment: SegmentId) {
        if self.store.is_complete(&segment) || self.distrusted.contains(&segment) {
            return;
        }
        let Some(record) = self.records.get(&segment).cloned() else {
            if !self.ask_record(segment) {
                self.fetch_record(&segment);
            }
            return;
        };
        let missing = self.missing(&record);
        let far = self.now + Duration::from_secs(30);
        self.ask_peers(&record, &missing, far, false);
        if self.origin_fetches() < MAX_PREFETCH_FETCHES && self.policy.upload {
            self.fetch_unserved(&record, |swarm, piece| swarm.owns(&record, piece));
        }
    }

    /// Last media sequence worth having now: the horizon ahead of the most advanced player nearby.
    fn window_end(&self, rendition: u16) -> u64 {
        let duration_ms = self.segment_duration_ms(rendition);
        let segments = |ms: u64| (ms / duration_ms).min(MAX_PREFETCH_SEGMENTS);
        let own = self.playhead.sequence;
        let leader = self
            .links
            .values()
            .filter_map(|link| link.position)
            .map(|(_, sequence)| sequence)
            .filter(|sequence| *sequence <= own.saturating_add(segments(MAX_AHEAD_MS)))
            .fold(own, u64::max);
        let end = leader.saturating_add(segments(u64::from(self.config.prefetch_horizon_ms)));
        let end = end.min(own.saturating_add(segments(MAX_AHEAD_MS)));
        let announced = self.links.values().filter_map(|link| link.last_announced(rendition)).max();
        match self.playhead.last_sequence.max(announced) {
            Some(last) => end.min(last),
            // Without a word about the end, nothing beyond what the player asked for is guessed.
            None => own,
        }
    }

    fn segment_duration_ms(&self, rendition: u16) -> u64 {
        let range = SegmentId::media(rendition, 0)..=SegmentId::media(rendition, u64::MAX);
        let known: BTreeSet<u32> =
            self.records.range(range).take(8).map(|(_, record)| record.duration_ms).collect();
        known.last().copied().filter(|ms| *ms > 0).map_or(DEFAULT_DURATION_MS, u64::from)
    }
}

/// Consecutive pieces as ranges.
fn runs(pieces: &[PieceIndex]) -> Vec<Range<PieceIndex>> {
    let mut runs: Vec<Range<PieceIndex>> = Vec::new();
    for &piece in pieces {
        match runs.last_mut() {
            Some(run) if run.end == piece => run.end = piece.saturating_add(1),
            _ => runs.push(piece..piece.saturating_add(1)),
        }
    }
    debug_assert!(runs.iter().all(|run| usize::from(run.end) * PIECE_SIZE_BYTES <= u32::MAX as usize));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_pieces_become_one_range() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[0, 1, 2, 5, 7, 8]), [0..3, 5..6, 7..9]);
    }
}
