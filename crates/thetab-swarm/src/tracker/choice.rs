//! Choosing whom a session is introduced to.

use alloc::vec::Vec;

use rand_core::RngCore as _;
use thetab_sansio::Instant;
use thetab_wire::SessionKey;

use super::{StreamKey, Tracker, stream::Session};

/// A playhead this many segments away still counts as near: 30 s of two-second segments.
const NEAR_SEGMENTS: u64 = 15;

/// A session that may be introduced.
pub(super) type Candidate = (StreamKey, SessionKey);

/// Reported lately, another rendition, class of distance: the smaller the better.
type Rank = (bool, bool, u8);

impl Tracker {
    /// At most `count` sharing sessions for the one on `key`: half from its own prefix, a quarter from
    /// around, the rest drawn; what one source lacks the others give. Within each source those that
    /// watch the same rendition at about the same place come first, reported ones last.
    pub(super) fn choose(&mut self, now: Instant, key: StreamKey, count: usize) -> Vec<Candidate> {
        let (lot, spin) = (self.random.next_u64(), self.random.next_u64());
        let Some(stream) = self.streams.get(&key) else { return Vec::new() };
        let Some(session) = &stream.session else { return Vec::new() };
        let Some(audience) = self.audiences.get(&session.presentation) else { return Vec::new() };
        if audience.viewers() < self.config.minimum_viewers {
            return Vec::new();
        }
        let nearby = audience.nearby(&stream.prefix, &session.position, lot, spin);
        let mut chosen: Vec<Candidate> = Vec::new();
        let mut take = |source: &[StreamKey], most: usize| {
            let mut ranked: Vec<_> =
                source.iter().filter_map(|other| self.rank(now, session, *other)).collect();
            ranked.sort_by_key(|(rank, _)| *rank);
            let mut left = most.min(count.saturating_sub(chosen.len()));
            for (_, candidate) in ranked {
                if left > 0 && !chosen.contains(&candidate) {
                    chosen.push(candidate);
                    left -= 1;
                }
            }
        };
        take(&nearby.prefix, count / 2);
        take(&nearby.region, count / 4);
        take(&nearby.lot, count.div_ceil(4));
        for source in [&nearby.place, &nearby.lot, &nearby.region, &nearby.prefix] {
            take(source, count);
        }
        chosen
    }

    /// How well `other` suits `session`; `None` when it is no candidate at all.
    fn rank(&self, now: Instant, session: &Session, other: StreamKey) -> Option<(Rank, Candidate)> {
        let candidate = self.streams.get(&other)?.session.as_ref()?;
        let (ours, theirs) = (session.key(), candidate.key());
        if ours == theirs || !candidate.has_room() || self.conduct.are_apart(now, &ours, &theirs) {
            return None;
        }
        let (here, there) = (session.position.playhead_sequence, candidate.position.playhead_sequence);
        let distance = match here.abs_diff(there) {
            0..=NEAR_SEGMENTS => 0,
            // It has played what we still need.
            _ if there > here => 1,
            _ => 2,
        };
        let other_rendition = session.position.rendition != candidate.position.rendition;
        let suspect = self.conduct.is_suspect(now, &theirs);
        Some(((suspect, other_rendition, distance), (other, theirs)))
    }
}
