//! Running estimates of a source's rate and delay, in whole numbers so that every host agrees.

use core::time::Duration;

/// How fast a source delivers, as an exponentially weighted mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    bytes_per_second: u64,
    delay: Duration,
}

impl Estimate {
    /// A first guess, until something is measured.
    pub(crate) const fn guess(bytes_per_second: u64, delay: Duration) -> Estimate {
        Estimate { bytes_per_second, delay }
    }

    /// `bytes` took `took`, not counting the delay before the first of them.
    pub(crate) fn measured_rate(&mut self, bytes: u64, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1_000);
        let rate = (bytes.saturating_mul(1_000_000) / micros).clamp(1_000, 1_000_000_000);
        self.bytes_per_second = (self.bytes_per_second * 3 + rate) / 4;
    }

    /// The first byte took `delay`.
    pub(crate) fn measured_delay(&mut self, delay: Duration) {
        self.delay = (self.delay * 3 + delay.min(Duration::from_secs(30))) / 4;
    }

    /// Something expected did not come.
    pub(crate) fn disappointed(&mut self) {
        self.bytes_per_second = (self.bytes_per_second / 2).max(1_000);
    }

    /// Bytes a second.
    pub(crate) fn rate(&self) -> u64 {
        self.bytes_per_second
    }

    /// How long `bytes` will take, delay included.
    pub(crate) fn time_for(&self, bytes: u64) -> Duration {
        self.delay + self.time_to_carry(bytes)
    }

    /// How long `bytes` will take once they come.
    pub(crate) fn time_to_carry(&self, bytes: u64) -> Duration {
        Duration::from_micros(bytes.saturating_mul(1_000_000) / self.bytes_per_second)
    }
}
