//! What a world came to, in numbers.

use std::{collections::BTreeSet, fmt, time::Duration};

use thetab_wire::SegmentId;

use super::World;
use crate::{TraceHash, viewer::Viewer};

/// Totals over all honest viewers. Percentages are rounded down.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Over everything that happened.
    pub trace: TraceHash,
    /// Honest viewers.
    pub viewers: usize,
    /// Media time played.
    pub played: Duration,
    /// Bytes delivered to players.
    pub delivered_bytes: u64,
    /// Those that came from peers.
    pub peer_bytes: u64,
    /// Media bytes that the origin sent.
    pub origin_bytes: u64,
    /// Sizes of all different segments that the origin sent anything of.
    pub unique_bytes: u64,
    /// Each viewer's bytes from peers among those delivered, in percent.
    pub offload_by_viewer: Vec<u64>,
    /// Each viewer's bytes from the origin among those delivered to it, in percent.
    pub origin_share_by_viewer: Vec<u64>,
    /// Times that a player waited.
    pub stalls: usize,
    /// How long they waited.
    pub stalled: Duration,
    /// From page to first frame, the slowest in twenty.
    pub first_frame_p95: Duration,
    /// Bytes received more than once.
    pub duplicate_bytes: u64,
    /// Pieces that did not verify.
    pub rejected_pieces: u64,
    /// Bans that nodes spoke.
    pub bans: u64,
    /// Segments that nodes left to plain HTTP.
    pub refusals: u64,
    /// Jain's index of bytes given, in percent.
    pub fairness: u64,
    /// Media requests to the origin.
    pub fetches: u64,
    /// Bytes to and from the relay, of each viewer.
    pub signalling_bytes: u64,
}

/// `part` of `whole` in thousandths; nothing of nothing is nothing.
pub(super) fn permille(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(0)
}

impl Report {
    /// Bytes from peers among those delivered, in thousandths.
    pub fn offload_permille(&self) -> u64 {
        permille(self.peer_bytes, self.delivered_bytes)
    }

    /// Copies of each segment that the origin sent, in hundredths.
    pub fn copies_percent(&self) -> u64 {
        permille(self.origin_bytes, self.unique_bytes) / 10
    }

    /// Bytes received twice for each that was delivered, in thousandths.
    pub fn duplicates_permille(&self) -> u64 {
        permille(self.duplicate_bytes, self.delivered_bytes)
    }

    /// Waiting among all time, in thousandths.
    pub fn stalled_permille(&self) -> u64 {
        let millis = |time: Duration| time.as_millis() as u64;
        permille(millis(self.stalled), millis(self.stalled) + millis(self.played))
    }

    /// The heads of a table's columns.
    pub const COLUMNS: &'static str = "viewers  offload  copies  stalls  stalled     dup  bans  bad  plain  http/seg  fair  first p95  sign/viewer";
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offload, copies) = (self.offload_permille(), self.copies_percent());
        let (duplicates, stalled) = (self.duplicates_permille(), self.stalled_permille());
        let viewers = self.viewers.max(1) as u64;
        write!(
            f,
            "{:>7} {:>5}.{} % {:>4}.{:02} {:>7} {:>4}.{} % {:>3}.{} % {:>5} {:>4} {:>6} {:>9} {:>3} % {:>7} ms {:>9} B",
            self.viewers,
            offload / 10,
            offload % 10,
            copies / 100,
            copies % 100,
            self.stalls,
            stalled / 10,
            stalled % 10,
            duplicates / 10,
            duplicates % 10,
            self.bans,
            self.rejected_pieces,
            self.refusals,
            self.fetches,
            self.fairness,
            self.first_frame_p95.as_millis(),
            self.signalling_bytes / viewers,
        )
    }
}

impl World {
    /// Totals up to now.
    pub fn report(&self) -> Report {
        let honest: Vec<&Viewer> = self.viewers.iter().filter(|viewer| viewer.is_honest()).collect();
        let sum = |count: &dyn Fn(&Viewer) -> u64| honest.iter().map(|viewer| count(viewer)).sum::<u64>();
        let stalls = honest.iter().flat_map(|viewer| viewer.player.stalls(self.now));
        let (stall_count, stalled) =
            stalls.fold((0, Duration::ZERO), |(count, total), stall| (count + 1, total + stall.lasted));
        let fetched: BTreeSet<&SegmentId> = self.origin.sent_bytes.keys().collect();
        Report {
            seed: self.seed,
            trace: self.trace_hash(),
            viewers: honest.len(),
            played: honest.iter().map(|viewer| viewer.player.played(self.now)).sum(),
            delivered_bytes: sum(&delivered),
            peer_bytes: sum(&|viewer| viewer.tally.from_peers_bytes),
            origin_bytes: self.origin.sent_bytes.values().sum(),
            unique_bytes: fetched.iter().map(|segment| self.publication.payload(segment).len() as u64).sum(),
            offload_by_viewer: honest.iter().map(|viewer| offload_percent(viewer)).collect(),
            origin_share_by_viewer: honest.iter().map(|viewer| origin_percent(viewer)).collect(),
            stalls: stall_count,
            stalled,
            first_frame_p95: first_frame_p95(&honest),
            duplicate_bytes: sum(&|viewer| viewer.stats().duplicate_bytes),
            rejected_pieces: sum(&|viewer| viewer.stats().rejected_pieces),
            bans: sum(&|viewer| viewer.stats().banned_peers),
            refusals: sum(&|viewer| viewer.tally.refusals),
            fairness: fairness(&honest),
            fetches: sum(&|viewer| viewer.tally.fetches),
            signalling_bytes: sum(&|viewer| viewer.tally.signalling_bytes),
        }
    }
}

pub(super) fn delivered(viewer: &Viewer) -> u64 {
    viewer.tally.from_peers_bytes + viewer.tally.from_origin_bytes + viewer.tally.plain_bytes
}

pub(super) fn offload_percent(viewer: &Viewer) -> u64 {
    permille(viewer.tally.from_peers_bytes, delivered(viewer)) / 10
}

fn origin_percent(viewer: &Viewer) -> u64 {
    permille(viewer.tally.fetched_bytes, delivered(viewer)) / 10
}

fn first_frame_p95(viewers: &[&Viewer]) -> Duration {
    let mut times: Vec<Duration> = viewers.iter().filter_map(|viewer| viewer.player.first_frame()).collect();
    times.sort_unstable();
    times.get(times.len() * 19 / 20).or(times.last()).copied().unwrap_or_default()
}

/// (Σx)² / (n · Σx²), where all who may give count.
fn fairness(viewers: &[&Viewer]) -> u64 {
    let given =
        viewers.iter().filter(|viewer| viewer.opened_any()).map(|viewer| viewer.tally.given_bytes >> 10);
    let (count, sum, squares) = given.fold((0u128, 0u128, 0u128), |(count, sum, squares), given| {
        let given = u128::from(given);
        (count + 1, sum + given, squares + given * given)
    });
    u64::try_from((sum * sum * 100).checked_div(count * squares).unwrap_or(0)).unwrap_or(0)
}
