//! Nothing goes wrong.

use thetab_node::SharingMode;

use crate::{Ladder, ViewerId, ViewerPlan, World, secs};

pub(super) fn vod_three(seed: u64) -> World {
    let mut world = staggered("vod-3", seed, 3);
    world.expect_offload_of_at_least(45);
    world.expect_copies_of_at_most(125);
    world.expect_origin_share_of_at_most(ViewerId(1), 50);
    world.expect_origin_share_of_at_most(ViewerId(2), 50);
    world
}

pub(super) fn vod_five(seed: u64) -> World {
    let mut world = staggered("vod-5", seed, 5);
    world.expect_offload_of_at_least(60);
    world.expect_copies_of_at_most(150);
    world
}

pub(super) fn vod_eight(seed: u64) -> World {
    let mut world = staggered("vod-8", seed, 8);
    world.expect_offload_of_at_least(70);
    world.expect_copies_of_at_most(180);
    world
}

/// A film of two minutes; each viewer comes ten seconds after the last.
fn staggered(name: &str, seed: u64, viewers: usize) -> World {
    let mut world = World::new(seed).named(name).viewers_joining_every(viewers, secs(10));
    world.run_until(secs(10 * viewers as u64 + 150));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world
}

pub(super) fn live_three(seed: u64) -> World {
    let mut world = live("live-3", seed, 3);
    world.expect_offload_of_at_least(55);
    world.expect_copies_of_at_most(150);
    world
}

pub(super) fn live_five(seed: u64) -> World {
    let mut world = live("live-5", seed, 5);
    world.expect_offload_of_at_least(70);
    world.expect_copies_of_at_most(150);
    world
}

pub(super) fn live_eight(seed: u64) -> World {
    let mut world = live("live-8", seed, 8);
    world.expect_offload_of_at_least(75);
    world.expect_copies_of_at_most(180);
    world
}

fn live(name: &str, seed: u64, viewers: usize) -> World {
    let mut world =
        World::new(seed).named(name).publishing(Ladder::live()).viewers_joining_every(viewers, secs(1));
    world.run_until(secs(120));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world
}

pub(super) fn flash_crowd(seed: u64) -> World {
    let mut world = World::new(seed)
        .named("flash-crowd")
        .publishing(Ladder::live())
        .viewers_joining_every(50, crate::millis(100));
    world.run_until(secs(60));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_everybody_to_be_linked();
    world.expect_offload_of_at_least(70);
    world
}

pub(super) fn thousand(seed: u64) -> World {
    let mut world = World::new(seed)
        .named("thousand")
        .publishing(Ladder::live())
        .viewers_joining_every(1000, crate::millis(20))
        .each(|_, plan| plan.memory_limit_bytes = 12 * 1024 * 1024);
    world.run_until(secs(90));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_stalls_of_at_most(secs(1));
    world.expect_nobody_to_be_banned();
    world
}

pub(super) fn switches_and_seeks(seed: u64) -> World {
    let mut world = World::new(seed)
        .named("switches-and-seeks")
        .publishing(Ladder::adaptive(60))
        .viewers_joining_every(4, secs(3));
    for (second, viewer, rendition) in
        [(12, 0, 1), (20, 1, 1), (26, 0, 0), (33, 2, 1), (41, 1, 0), (50, 3, 1)]
    {
        world.at(secs(second)).switch(ViewerId(viewer), rendition);
    }
    for (second, viewer, sequence) in
        [(15, 3, 20), (22, 2, 30), (30, 0, 2), (38, 1, 45), (45, 3, 5), (55, 2, 50), (60, 0, 55), (62, 0, 30)]
    {
        world.at(secs(second)).seek(ViewerId(viewer), sequence);
    }
    world.run_until(secs(320));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_offload_of_at_least(30);
    world.expect_duplicates_of_at_most(30);
    world
}

pub(super) fn consent(seed: u64) -> World {
    let answers = |sharing, joins| ViewerPlan { sharing, joins: secs(joins), ..ViewerPlan::default() };
    let [giver, no, silent, late, taker] = [0, 1, 2, 3, 4].map(ViewerId);
    let mut world = World::new(seed)
        .named("consent")
        .viewer(answers(Some(SharingMode::Share), 0))
        .viewer(answers(Some(SharingMode::Off), 4))
        .viewer(answers(None, 5))
        .viewer(answers(None, 6))
        .viewer(answers(Some(SharingMode::Download), 7));
    world.at(secs(40)).answers(late, SharingMode::Share);
    world.at(secs(70)).answers(late, SharingMode::Off);
    world.run_until(secs(150));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_no_peers_of(no);
    world.expect_no_peers_of(silent);
    world.expect_nothing_given_by(taker);
    world.expect_bytes_given_by(giver);
    world
}
