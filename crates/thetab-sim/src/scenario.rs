//! The worlds that are tried, and what is expected of them.

mod faults;
mod plain;
mod strangers;

use crate::World;

/// One kind of world.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What to type.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// Makes the world of a seed, runs it and judges it.
    pub run: fn(u64) -> World,
    /// Too long for tests.
    pub is_long: bool,
}

const fn scenario(name: &'static str, about: &'static str, run: fn(u64) -> World) -> Scenario {
    Scenario { name, about, run, is_long: false }
}

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    scenario("vod-3", "three viewers of a film, ten seconds apart", plain::vod_three),
    scenario("vod-5", "five of them", plain::vod_five),
    scenario("vod-8", "eight of them", plain::vod_eight),
    scenario("live-3", "three viewers of a live stream in segments of 4 s", plain::live_three),
    scenario("live-5", "five of them", plain::live_five),
    scenario("live-8", "eight of them", plain::live_eight),
    scenario("flash-crowd", "fifty viewers of a live stream within five seconds", plain::flash_crowd),
    scenario(
        "switches-and-seeks",
        "renditions with audio; forced switches and jumps",
        plain::switches_and_seeks,
    ),
    scenario("consent", "one viewer says no, one never answers, one answers late", plain::consent),
    scenario("origin-killed", "the origin is killed half-way through a film", faults::origin_killed),
    scenario("origin-flaky", "every twentieth answer of a slow origin is an error", faults::origin_flaky),
    scenario(
        "relay-killed",
        "the relay is killed, and starts again forty seconds later",
        faults::relay_killed,
    ),
    scenario("crash", "a viewer crashes while it gives", faults::crash),
    scenario("half-killed", "half of the viewers of a live stream crash at once", faults::half_killed),
    scenario("slow-uplinks", "nobody can give as much as it takes", faults::slow_uplinks),
    scenario("lossy", "packets are lost, attempts fail, delays vary", faults::lossy),
    scenario("corrupt", "a peer changes the bytes that it gives", strangers::corrupt),
    scenario("zero-length", "a peer gives frames without bytes", strangers::zero_length),
    scenario("stalling", "a peer accepts requests and gives nothing", strangers::stalling),
    scenario("lying", "a peer claims to have everything and gives nothing", strangers::lying),
    scenario("flooding", "a peer asks for more than anyone may", strangers::flooding),
    scenario("forging", "a peer sends records that nobody signed", strangers::forging),
    scenario("evil-fifth", "a fifth of ten viewers is evil in its own way each", strangers::evil_fifth),
    Scenario {
        name: "thousand",
        about: "a thousand viewers of a live stream",
        run: plain::thousand,
        is_long: true,
    },
];

impl Scenario {
    /// The scenario of that name.
    pub fn find(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// The world of `seed`, run and judged.
    pub fn world(&self, seed: u64) -> World {
        (self.run)(seed)
    }
}
