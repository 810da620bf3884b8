use thetab_sansio::Instant;
use web_sys::Performance;

/// The page's monotonic clock, counted from the node's start.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    performance: Performance,
    started_ms: f64,
}

impl Clock {
    /// Starts counting.
    pub(crate) fn new(performance: Performance) -> Clock {
        let started_ms = performance.now();
        Clock { performance, started_ms }
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros((self.now_ms() * 1000.0) as u64)
    }

    /// The same in milliseconds.
    pub(crate) fn now_ms(&self) -> f64 {
        (self.performance.now() - self.started_ms).max(0.0)
    }
}

/// Unix time in milliseconds, by the device's wall clock.
pub(crate) fn unix_ms() -> f64 {
    js_sys::Date::now()
}
