//! The way to a head behind which too few trusted validators stand: through bundles in between.
//!
//! Bounded: [`MAX_QUESTIONS`] without a new final block end it.

use alloc::vec::Vec;

use thetab_sansio::Instant;
use thetab_types::{B256, keys, stake::HeightList};
use thetab_wire::chain::{BundleAt, Nodes, StakeHeightsAt};

use super::{Distrust, Effect, Light, Purpose, RelayId, validators_of};
use crate::state::decoded;

/// Most questions without a new final block.
const MAX_QUESTIONS: u32 = 128;

/// Most heights of stake changes that are remembered.
const MAX_CHANGES: usize = 4096;

/// Where to go next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for a bundle at this height.
    Ask(u64),
    /// Take the latest final block as the anchor.
    AdoptHead,
    /// There is no way.
    GiveUp,
}

/// A way that has been begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Pursuit {
    /// A height whose bundle was too far away.
    high: u64,
    /// Up to here there is no bundle above the latest final block.
    low: u64,
    /// Where stake changed, ascending, if the relay says. It may lie: these are only places to look at first.
    changes: Vec<u64>,
    /// The block that was adopted last.
    adopted: Option<u64>,
    /// The latest final block, and questions since then.
    reached: u64,
    questions: u32,
}

impl Pursuit {
    /// The head is at this height.
    pub(super) fn aim(&mut self, height: u64) {
        self.high = height;
    }

    /// Takes what the head's state says about stake changes.
    pub(super) fn learn(&mut self, heights: Option<HeightList>) {
        let mut heights = heights.map(|list| list.heights).unwrap_or_default();
        heights.sort_unstable();
        heights.dedup();
        // The latest ones matter: what lies below the latest final block is behind us.
        let surplus = heights.len().saturating_sub(MAX_CHANGES);
        self.changes = heights.split_off(surplus);
    }

    /// The bundle at a height between was too far away.
    pub(super) fn too_far(&mut self, asked: u64, height: u64) {
        if height < self.high {
            self.high = height;
        } else {
            self.missed(asked);
        }
    }

    /// At a height, and between it and the latest final block, there is no bundle.
    pub(super) fn missed(&mut self, height: u64) {
        self.changes.retain(|&change| change > height);
        self.low = self.low.max(height);
    }

    /// Where to go next, from an anchor and the latest final block.
    ///
    /// A final block that changed stake becomes the anchor itself. Else the middle one of the stake changes on the way is looked at, then
    /// the middle of the way.
    pub(super) fn next(&mut self, anchor: u64, latest: u64) -> Next {
        if latest > self.reached {
            (self.reached, self.questions) = (latest, 0);
        }
        self.questions = self.questions.saturating_add(1);
        if self.questions > MAX_QUESTIONS {
            return Next::GiveUp;
        }
        let may_adopt = anchor < latest && self.adopted != Some(latest);
        let is_change = self.changes.iter().any(|&change| anchor < change && change <= latest);
        let changes = self.changes.iter().copied().filter(|&change| latest < change && change < self.high);
        let changes: Vec<_> = changes.collect();
        let low = self.low.max(latest);
        let middle = low.saturating_add(self.high.saturating_sub(low) / 2);
        match changes.get(changes.len() / 2) {
            _ if may_adopt && is_change => (),
            Some(&change) => return Next::Ask(change),
            None if middle > low => return Next::Ask(middle),
            None if may_adopt => (),
            None => return Next::GiveUp,
        }
        self.adopted = Some(latest);
        self.low = 0;
        Next::AdoptHead
    }
}

/// On the way to a head that is too far away.
impl Light {
    /// Sets out for a head that too few trusted validators stand behind: asks first where stake changed.
    ///
    /// The bundle is not believed, and neither is what its state says. It only says where to look.
    pub(super) fn set_out(&mut self, now: Instant, relay: RelayId, height: u64, (block, root): (B256, B256)) {
        let Some(state) = self.relays.get_mut(&relay) else { return };
        let is_new = state.pursuit.is_none();
        state.pursuit.get_or_insert_default().aim(height);
        match is_new {
            true => self.request(now, relay, Purpose::StakeHeights(root), StakeHeightsAt { block: block.0 }),
            false => self.pursue(now, relay),
        }
    }

    pub(super) fn took_stake_heights(&mut self, now: Instant, relay: RelayId, root: &B256, nodes: &Nodes) {
        match decoded(root, keys::STAKE_HEIGHTS, nodes) {
            Ok(heights) => {
                if let Some(pursuit) = self.pursuit(relay) {
                    pursuit.learn(heights);
                }
                self.pursue(now, relay);
            }
            Err(error) => self.distrust(now, relay, Distrust::State(error)),
        }
    }

    pub(super) fn took_head_pool(&mut self, now: Instant, relay: RelayId, block: &B256, pool: &Nodes) {
        let Some(trust) = &mut self.trust else { return };
        let is_head = trust.head().is_some_and(|head| head.header().hash() == *block);
        if is_head && let Err(error) = trust.adopt_head(pool) {
            return self.distrust(now, relay, Distrust::Pool(error));
        }
        let saved = trust.save();
        self.effects.push_back(Effect::Save(saved));
        self.request(now, relay, Purpose::Latest, BundleAt { height: None });
    }

    /// The bundle in between was too far away as well.
    pub(super) fn too_far(&mut self, now: Instant, relay: RelayId, asked: u64, height: u64) {
        if let Some(pursuit) = self.pursuit(relay) {
            pursuit.too_far(asked, height);
        }
        self.pursue(now, relay);
    }

    /// There was no bundle where one was looked for.
    pub(super) fn missed(&mut self, now: Instant, relay: RelayId, height: u64) {
        if let Some(pursuit) = self.pursuit(relay) {
            pursuit.missed(height);
        }
        self.pursue(now, relay);
    }

    pub(super) fn pursue(&mut self, now: Instant, relay: RelayId) {
        let Some(trust) = &self.trust else { return };
        let (anchor, latest) = (trust.anchor().height(), trust.latest_height());
        let head = trust.head().map(|head| head.header().hash());
        let Some(pursuit) = self.pursuit(relay) else { return };
        match (pursuit.next(anchor, latest), head) {
            (Next::Ask(height), _) => {
                self.request(now, relay, Purpose::Between(height), BundleAt { height: Some(height) });
            }
            (Next::AdoptHead, Some(head)) => {
                self.request(now, relay, Purpose::HeadPool(head), validators_of(head.0));
            }
            (Next::AdoptHead | Next::GiveUp, _) => self.distrust(now, relay, Distrust::NoWay),
        }
    }

    fn pursuit(&mut self, relay: RelayId) -> Option<&mut Pursuit> {
        self.relays.get_mut(&relay)?.pursuit.as_mut()
    }

    pub(super) fn end_pursuit(&mut self, relay: RelayId) {
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.pursuit = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pursuit(high: u64, changes: &[u64]) -> Pursuit {
        let mut pursuit = Pursuit::default();
        pursuit.aim(high);
        pursuit.learn(Some(HeightList { heights: changes.to_vec() }));
        pursuit
    }

    #[test]
    fn stake_changes_are_looked_at_first_and_adopted() {
        let mut pursuit = pursuit(1000, &[5, 100, 200, 300, 2000]);
        assert_eq!(pursuit.next(50, 50), Next::Ask(200));
        pursuit.too_far(200, 200);
        assert_eq!(pursuit.next(50, 50), Next::Ask(100));
        assert_eq!(pursuit.next(99, 100), Next::AdoptHead);
        pursuit.aim(1000);
        assert_eq!(pursuit.next(100, 100), Next::Ask(300));
    }

    #[test]
    fn without_a_word_about_changes_the_way_is_halved() {
        let mut pursuit = pursuit(1000, &[]);
        assert_eq!(pursuit.next(0, 0), Next::Ask(500));
        pursuit.too_far(500, 500);
        assert_eq!(pursuit.next(0, 0), Next::Ask(250));
        pursuit.missed(250);
        assert_eq!(pursuit.next(0, 0), Next::Ask(375));
        pursuit.too_far(375, 374);
        assert_eq!(pursuit.next(370, 373), Next::AdoptHead);
        assert_eq!(pursuit.next(373, 373), Next::GiveUp);
    }

    #[test]
    fn a_relay_that_answers_beside_the_question_is_given_up() {
        for height in [0, 7, u64::MAX] {
            let mut pursuit = pursuit(u64::MAX, &(0..200).collect::<Vec<_>>());
            let mut questions = 0;
            while let Next::Ask(asked) = pursuit.next(0, 0) {
                questions += 1;
                pursuit.too_far(asked, height);
            }
            assert!(questions <= MAX_QUESTIONS, "{height}");
        }
    }
}
