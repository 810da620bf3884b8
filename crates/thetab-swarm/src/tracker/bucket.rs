use core::time::Duration;

use thetab_sansio::Instant;

const MICRO: u64 = 1_000_000;

/// How fast something may happen: `burst` at once, then `per_second`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u64,
    pub(super) per_second: u64,
    /// Stretches `per_second` over this many seconds, for rates below one a second.
    pub(super) every_seconds: u64,
}

/// A token bucket in whole numbers: equal inputs give equal answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// In millionths of a token.
    level: u64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn full(rate: Rate, now: Instant) -> Bucket {
        Bucket { rate, level: rate.burst.saturating_mul(MICRO), filled_at: now }
    }

    /// Takes `tokens`, or nothing when there are fewer.
    pub(super) fn take(&mut self, now: Instant, tokens: u64) -> bool {
        self.fill(now);
        let wanted = tokens.saturating_mul(MICRO);
        let enough = self.level >= wanted;
        if enough {
            self.level -= wanted;
        }
        enough
    }

    fn fill(&mut self, now: Instant) {
        let stretch = self.rate.every_seconds.max(1);
        let elapsed = duration_micros(now.saturating_since(self.filled_at)) / stretch;
        // The remainder of the division stays in the clock, so that slow buckets fill at their rate.
        self.filled_at = self.filled_at + Duration::from_micros(elapsed.saturating_mul(stretch));
        let gained = elapsed.saturating_mul(self.rate.per_second);
        self.level = self.level.saturating_add(gained).min(self.rate.burst.saturating_mul(MICRO));
    }
}

fn duration_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate_and_never_more() {
        let at = Instant::from_millis;
        let mut bucket = Bucket::full(Rate { burst: 3, per_second: 1, every_seconds: 2 }, at(0));
        assert!((0..3).all(|_| bucket.take(at(0), 1)));
        assert!(!bucket.take(at(1999), 1));
        assert!(bucket.take(at(2000), 1));
        assert!(!bucket.take(at(3999), 1));
        assert!(bucket.take(at(60_000), 3));
        assert!(!bucket.take(at(60_000), 1));
        assert!(!bucket.take(at(60_000), u64::MAX));
    }
}
