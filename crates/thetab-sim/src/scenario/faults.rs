//! Machines and networks fail.

use crate::{Access, Ladder, OriginPlan, ViewerId, World, millis, secs};

pub(super) fn origin_killed(seed: u64) -> World {
    let mut world = World::new(seed).named("origin-killed").viewers_joining_every(3, secs(10));
    world.at(secs(60)).kill_origin();
    world.run_until(secs(130));
    world.expect_playheads_to_have_passed_what_was_buffered();
    world.expect_nobody_to_be_banned();
    world
}

pub(super) fn origin_flaky(seed: u64) -> World {
    let plan = OriginPlan { latency: millis(300), errors_percent: 5, ..OriginPlan::default() };
    let mut world = World::new(seed).named("origin-flaky").origin(plan).viewers_joining_every(4, secs(6));
    world.run_until(secs(180));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_offload_of_at_least(50);
    world
}

pub(super) fn relay_killed(seed: u64) -> World {
    let mut world =
        World::new(seed).named("relay-killed").publishing(Ladder::live()).viewers_joining_every(5, secs(1));
    world.at(secs(30)).kill_relay();
    world.at(secs(50)).crash(ViewerId(1));
    world.at(secs(70)).restart_relay();
    world.run_until(secs(130));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_sessions_at_the_relay(4);
    world.expect_everybody_to_be_linked();
    world
}

pub(super) fn crash(seed: u64) -> World {
    let mut world = World::new(seed).named("crash").viewers_joining_every(4, secs(5));
    world.at(millis(27_300)).crash(ViewerId(0));
    world.at(millis(48_700)).crash(ViewerId(2));
    world.run_until(secs(160));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world
}

pub(super) fn half_killed(seed: u64) -> World {
    let mut world = World::new(seed)
        .named("half-killed")
        .publishing(Ladder::live())
        .viewers_joining_every(12, millis(500));
    world.at(secs(40)).crash_half();
    world.run_until(secs(90));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_everybody_to_be_linked();
    world
}

pub(super) fn slow_uplinks(seed: u64) -> World {
    let mut world =
        World::new(seed).named("slow-uplinks").viewers_joining_every(5, secs(8)).on(Access::slow_uplink());
    world.run_until(secs(200));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world.expect_nobody_to_be_banned();
    world.expect_offload_of_at_least(30);
    world
}

pub(super) fn lossy(seed: u64) -> World {
    let mut world = World::new(seed).named("lossy").viewers_joining_every(5, secs(5)).on(Access::lossy());
    world.run_until(secs(200));
    world.expect_every_player_to_have_played_what_was_published();
    // Over bad wireless an attempt that fails late costs a moment.
    world.expect_stalls_of_at_most(secs(1));
    world.expect_nobody_to_be_banned();
    world.expect_offload_of_at_least(20);
    world
}
