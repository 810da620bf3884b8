use core::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment on the host's own monotonic clock, counted from the host's start.
///
/// Saturates at both ends, so that arithmetic on numbers from outside cannot panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The host's start.
    pub const ZERO: Instant = Instant(Duration::ZERO);

    /// The moment `millis` milliseconds after the host's start.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(Duration::from_millis(millis))
    }

    /// The moment `micros` microseconds after the host's start.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(Duration::from_micros(micros))
    }

    /// Time since the host's start.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn saturating_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, delay: Duration) -> Instant {
        Instant(self.0.saturating_add(delay))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, delay: Duration) -> Instant {
        Instant(self.0.saturating_sub(delay))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_since(earlier)
    }
}
