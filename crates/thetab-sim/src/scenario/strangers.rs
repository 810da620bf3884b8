//! Peers that break the rules.

use crate::{Evil, World, secs};

pub(super) fn corrupt(seed: u64) -> World {
    let mut world = one_of_five("corrupt", seed, Evil::Corrupt);
    world.expect_bans();
    world.expect_rejected_pieces();
    world
}

pub(super) fn zero_length(seed: u64) -> World {
    let mut world = one_of_five("zero-length", seed, Evil::ZeroLength);
    world.expect_bans();
    world
}

pub(super) fn stalling(seed: u64) -> World {
    one_of_five("stalling", seed, Evil::Stalling)
}

pub(super) fn lying(seed: u64) -> World {
    one_of_five("lying", seed, Evil::Lying)
}

pub(super) fn flooding(seed: u64) -> World {
    let mut world = one_of_five("flooding", seed, Evil::Flooding);
    world.expect_bans();
    world
}

pub(super) fn forging(seed: u64) -> World {
    let mut world = one_of_five("forging", seed, Evil::Forging);
    world.expect_bans();
    world
}

fn one_of_five(name: &str, seed: u64, evil: Evil) -> World {
    let world = World::new(seed).named(name).viewers_joining_every(5, secs(6)).evil(20, &[evil]);
    judged(world, 180)
}

pub(super) fn evil_fifth(seed: u64) -> World {
    // Each seed shows two of the kinds.
    let first = (seed % 3) as usize * 2;
    let kinds = [Evil::ALL[first], Evil::ALL[first + 1]];
    let world = World::new(seed).named("evil-fifth").viewers_joining_every(10, secs(4)).evil(20, &kinds);
    judged(world, 190)
}

fn judged(mut world: World, until: u64) -> World {
    world.run_until(secs(until));
    world.expect_every_player_to_have_played_what_was_published();
    world.expect_no_stalls();
    world
}
