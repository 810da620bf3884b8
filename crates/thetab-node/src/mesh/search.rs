use core::time::Duration;

use thetab_sansio::Instant;
use thetab_wire::relay::{Find, MAX_CANDIDATES};

use crate::{outbox::Outbox, policy::Audience, random::Random};

/// When several nodes learn at once that there is company, they do not all ask at once.
const SPREAD_MS: u64 = 400;

/// Asks the relay for peers: at once on arrival, then less and less often while it brings nothing.
#[derive(Debug)]
pub(super) struct Search {
    audience: Option<Audience>,
    joined: bool,
    attempt: u32,
    next: Option<Instant>,
    outstanding: bool,
}

impl Search {
    pub(super) const fn new() -> Search {
        Search { audience: None, joined: false, attempt: 0, next: None, outstanding: false }
    }

    /// The relay line changed.
    pub(super) fn relay(
        &mut self,
        now: Instant,
        joined: bool,
        audience: Option<Audience>,
        random: &mut Random,
    ) {
        let arrived = joined && !self.joined;
        let grew = self.audience.map_or(0, |audience| audience.viewers)
            < audience.map_or(0, |audience| audience.viewers);
        self.joined = joined;
        self.audience = audience;
        if arrived {
            self.begin(now);
        } else if grew && joined {
            self.begin(now + Duration::from_millis(random.number() % SPREAD_MS));
        }
    }

    /// Starts over at `at`: there is a reason to hope.
    pub(super) fn begin(&mut self, at: Instant) {
        self.attempt = 0;
        self.outstanding = false;
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// The relay said that this was too often.
    pub(super) fn slow_down(&mut self, now: Instant, random: &mut Random) {
        self.attempt = self.attempt.saturating_add(1);
        self.next = Some(now + random.back_off(self.attempt));
    }

    /// Whether an answer is awaited; it is then no longer.
    pub(super) fn take_outstanding(&mut self) -> bool {
        core::mem::take(&mut self.outstanding)
    }

    /// When to ask next, if anybody could be missing among `wanted` when `connected` are there.
    pub(super) fn next_due(&self, wanted: usize, connected: usize) -> Option<Instant> {
        self.next.filter(|_| self.joined && self.missing(wanted, connected) > 0)
    }

    /// Asks, if it is time.
    pub(super) fn timeout(
        &mut self,
        now: Instant,
        wanted: usize,
        connected: usize,
        random: &mut Random,
        out: &mut Outbox,
    ) {
        if self.next_due(wanted, connected).is_none_or(|at| at > now) {
            return;
        }
        let count = self.missing(wanted, connected).min(MAX_CANDIDATES);
        out.relay(Find { count: count as u8 });
        self.outstanding = true;
        self.next = Some(now + random.back_off(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
    }

    fn missing(&self, wanted: usize, connected: usize) -> usize {
        let Some(audience) = self.audience.filter(|audience| audience.is_enough()) else { return 0 };
        let others = audience.viewers.saturating_sub(1) as usize;
        wanted.min(others).saturating_sub(connected)
    }
}
