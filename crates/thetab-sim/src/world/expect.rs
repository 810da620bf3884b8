//! What a scenario expects of its world in the end. Broken rules are noticed on the way by themselves.

use std::time::Duration;

use super::{
    World,
    report::{delivered, permille},
};
use crate::{ViewerId, viewer::Viewer};

impl World {
    /// Every player that stayed played to the end; a live one is near the edge.
    pub fn expect_every_player_to_have_played_what_was_published(&mut self) {
        let (now, segment_ms) = (self.now, self.ladder.segment_ms());
        let live = self.ladder.segments.is_none();
        let edge_ms = (self.ladder.last(now) + 1) * segment_ms;
        let reached = |viewer: &Viewer| {
            if live {
                viewer.player.position_ms(now) + 6 * segment_ms >= edge_ms && viewer.player.skipped == 0
            } else {
                viewer.player.has_ended()
            }
        };
        self.expect_of_each("plays only as far as", |viewer| {
            (!reached(viewer)).then(|| format!("{} of {edge_ms} ms", viewer.player.position_ms(now)))
        });
    }

    /// No honest player waited for anything after its first frame.
    pub fn expect_no_stalls(&mut self) {
        self.expect_stalls_of_at_most(Duration::ZERO);
    }

    /// No honest player waited for longer than this altogether.
    pub fn expect_stalls_of_at_most(&mut self, most: Duration) {
        let now = self.now;
        self.expect_of_each("stalled", |viewer| {
            let stalls = viewer.player.stalls(now);
            let waited: Duration = stalls.iter().map(|stall| stall.lasted).sum();
            let first = stalls.first().map(|stall| stall.at.since_start()).unwrap_or_default();
            (waited > most)
                .then(|| format!("for {waited:.3?} in {} stalls, first at {first:.3?}", stalls.len()))
        });
    }

    /// Bytes from peers among those delivered.
    pub fn expect_offload_of_at_least(&mut self, percent: u64) {
        let offload = self.report().offload_permille();
        self.expect(offload >= percent * 10, || format!("offload is {offload} ‰, not {percent} %"));
    }

    /// Copies of each segment that the origin sent, in hundredths.
    pub fn expect_copies_of_at_most(&mut self, hundredths: u64) {
        let copies = self.report().copies_percent();
        self.expect(copies <= hundredths, || {
            format!("the origin sent {copies} % of each segment, not {hundredths} %")
        });
    }

    /// Media bytes from the origin, of those delivered to this viewer.
    pub fn expect_origin_share_of_at_most(&mut self, id: ViewerId, percent: u64) {
        let Some(viewer) = self.viewers.get(id.0) else { return };
        let share = permille(viewer.tally.fetched_bytes, delivered(viewer));
        self.expect(share <= percent * 10, || {
            format!("{id} took {share} ‰ from the origin, not {percent} %")
        });
    }

    /// Bytes received more than once, of those delivered.
    pub fn expect_duplicates_of_at_most(&mut self, permille: u64) {
        let duplicates = self.report().duplicates_permille();
        self.expect(duplicates <= permille, || format!("duplicates are {duplicates} ‰, not {permille} ‰"));
    }

    /// Jain's index of what each gave.
    pub fn expect_fairness_of_at_least(&mut self, percent: u64) {
        let fairness = self.report().fairness;
        self.expect(fairness >= percent, || format!("fairness is {fairness} %, not {percent} %"));
    }

    /// Nobody banned anybody, and nothing was rejected.
    pub fn expect_nobody_to_be_banned(&mut self) {
        let report = self.report();
        let (bans, rejected) = (report.bans, report.rejected_pieces);
        self.expect(bans == 0 && rejected == 0, || format!("{bans} bans and {rejected} rejected pieces"));
    }

    /// Somebody was.
    pub fn expect_bans(&mut self) {
        let bans = self.report().bans;
        self.expect(bans > 0, || "nobody was banned".into());
    }

    /// Some pieces were not what they should have been.
    pub fn expect_rejected_pieces(&mut self) {
        let rejected = self.report().rejected_pieces;
        self.expect(rejected > 0, || "no piece was rejected".into());
    }

    /// Everybody's playhead passed what its player had buffered when the origin was killed.
    pub fn expect_playheads_to_have_passed_what_was_buffered(&mut self) {
        let now = self.now;
        let marks = self.marks.clone();
        self.expect(!marks.is_empty(), || "nobody played when the origin was killed".into());
        for (id, mark_ms) in marks {
            let Some(viewer) = self.viewers.get(id.0).filter(|viewer| !viewer.is_gone) else { continue };
            let position_ms = viewer.player.position_ms(now);
            self.expect(position_ms > mark_ms, || {
                format!("{id} stopped at {position_ms} ms, {mark_ms} ms were buffered")
            });
        }
    }

    /// Everybody is linked to somebody.
    pub fn expect_everybody_to_be_linked(&mut self) {
        self.expect_of_each("is not linked", |viewer| (viewer.stats().links == 0).then(String::new));
    }

    /// The tracker knows this many.
    pub fn expect_sessions_at_the_relay(&mut self, count: u32) {
        let joined = self.joined();
        self.expect(joined == count, || format!("{joined} sessions at the relay, not {count}"));
    }

    /// This viewer opened no connection and took and gave nothing.
    pub fn expect_no_peers_of(&mut self, id: ViewerId) {
        let Some(viewer) = self.viewers.get(id.0) else { return };
        let tally = viewer.tally;
        let is_alone = tally.opened == 0 && tally.given_bytes == 0 && tally.from_peers_bytes == 0;
        self.expect(is_alone, || format!("{id} had to do with peers: {tally:?}"));
    }

    /// This viewer gave something.
    pub fn expect_bytes_given_by(&mut self, id: ViewerId) {
        let given = self.viewers.get(id.0).map_or(0, |viewer| viewer.tally.given_bytes);
        self.expect(given > 0, || format!("{id} gave nothing"));
    }

    /// This viewer gave nothing.
    pub fn expect_nothing_given_by(&mut self, id: ViewerId) {
        let given = self.viewers.get(id.0).map_or(0, |viewer| viewer.tally.given_bytes);
        self.expect(given == 0, || format!("{id} gave {given} bytes"));
    }

    fn expect_of_each(&mut self, what: &str, fails: impl Fn(&Viewer) -> Option<String>) {
        let honest = self.viewers.iter().enumerate();
        let honest = honest.filter(|(_, viewer)| viewer.is_honest() && !viewer.is_gone);
        let failing: Vec<(usize, String)> =
            honest.filter_map(|(index, viewer)| Some((index, fails(viewer)?))).collect();
        for (index, how) in failing {
            self.violated(format!("{} {what} {how}", ViewerId(index)));
        }
    }

    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let otherwise = otherwise();
            self.violated(otherwise);
        }
    }
}
