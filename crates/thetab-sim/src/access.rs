//! Access networks: rate, delay, jitter and loss, in whole numbers.

use std::time::Duration;

use thetab_sansio::Instant;

/// Bytes in one packet, for loss.
const PACKET_BYTES: u64 = 1200;

/// How a viewer is connected to everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Shared by everything that the viewer sends.
    pub up_bytes_per_second: u64,
    /// Shared by everything that the viewer receives, peers and origin alike.
    pub down_bytes_per_second: u64,
    /// One way, to the middle of the network.
    pub delay: Duration,
    /// Most that is added to `delay`, drawn for each message.
    pub jitter: Duration,
    /// Packets of a thousand that are lost, on this viewer's side of a path.
    pub loss_permille: u32,
    /// Connection attempts of a hundred that never open.
    pub failing_attempts_percent: u32,
}

impl Access {
    /// A good line at home: 50 Mbit/s down, 20 up.
    pub const fn home() -> Access {
        Access {
            up_bytes_per_second: 2_500_000,
            down_bytes_per_second: 6_250_000,
            delay: Duration::from_millis(8),
            jitter: Duration::from_millis(4),
            loss_permille: 0,
            failing_attempts_percent: 0,
        }
    }

    /// 16 Mbit/s down, 1 up.
    pub const fn slow_uplink() -> Access {
        Access {
            up_bytes_per_second: 125_000,
            down_bytes_per_second: 2_000_000,
            delay: Duration::from_millis(15),
            ..Access::home()
        }
    }

    /// Bad wireless: three of a thousand packets lost, long and unsteady delays, every fifth attempt fails.
    pub const fn lossy() -> Access {
        Access {
            up_bytes_per_second: 1_000_000,
            down_bytes_per_second: 4_000_000,
            delay: Duration::from_millis(25),
            jitter: Duration::from_millis(30),
            loss_permille: 3,
            failing_attempts_percent: 20,
        }
    }
}

/// A queue that empties at a fixed rate, first in, first out.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    bytes_per_second: u64,
    free_at: Instant,
}

impl Pipe {
    pub(crate) const fn new(bytes_per_second: u64) -> Pipe {
        Pipe { bytes_per_second, free_at: Instant::ZERO }
    }

    /// When `size_bytes` that enter at `now` have passed.
    pub(crate) fn pass(&mut self, now: Instant, size_bytes: usize) -> Instant {
        let micros = (size_bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second.max(1);
        self.free_at = self.free_at.max(now) + Duration::from_micros(micros);
        self.free_at
    }
}

/// What one path does to what is sent along it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// One way, without jitter.
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    loss_permille: u64,
}

impl Path {
    pub(crate) fn between(one: &Access, other: &Access) -> Path {
        Path {
            delay: one.delay + other.delay,
            jitter: one.jitter + other.jitter,
            loss_permille: u64::from(one.loss_permille) + u64::from(other.loss_permille),
        }
    }

    pub(crate) fn round_trip(&self) -> Duration {
        (self.delay + self.jitter / 2) * 2
    }

    /// What congestion control makes of loss, after Mathis et al.: packet size / round trip × √(3 / 2p).
    pub(crate) fn bytes_per_second(&self) -> u64 {
        let round_trip_micros = u64::try_from(self.round_trip().as_micros()).unwrap_or(u64::MAX).max(1_000);
        let unlimited = 1_000_000_000;
        let Some(square) = 1_500_000_000u64.checked_div(self.loss_permille) else { return unlimited };
        (PACKET_BYTES * square.isqrt() * 1_000 / round_trip_micros).min(unlimited)
    }

    /// How long one message is on its way. `draw` gives numbers below its argument.
    pub(crate) fn transit(&self, size_bytes: usize, draw: &mut impl FnMut(u64) -> u64) -> Duration {
        let jitter_micros = u64::try_from(self.jitter.as_micros()).unwrap_or(0);
        let mut transit = self.delay + Duration::from_micros(draw(jitter_micros + 1));
        let packets = (size_bytes as u64).div_ceil(PACKET_BYTES).max(1);
        let mut lost = (0..packets).filter(|_| draw(1000) < self.loss_permille).count();
        while lost > 0 {
            transit += self.round_trip() * 3 / 2;
            lost = (0..lost).filter(|_| draw(1000) < self.loss_permille).count();
        }
        transit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_empties_at_its_rate_and_in_order() {
        let at = Instant::from_millis;
        let mut pipe = Pipe::new(1_000);
        assert_eq!(pipe.pass(at(0), 500), at(500));
        assert_eq!(pipe.pass(at(100), 500), at(1000));
        assert_eq!(pipe.pass(at(5000), 100), at(5100));
    }

    #[test]
    fn loss_slows_a_path_and_delays_what_is_lost() {
        let clean = Path::between(&Access::home(), &Access::home());
        let lossy = Path::between(&Access::lossy(), &Access::lossy());
        assert_eq!(clean.bytes_per_second(), 1_000_000_000);
        assert!((50_000..500_000).contains(&lossy.bytes_per_second()), "{}", lossy.bytes_per_second());
        assert!(clean.transit(16_384, &mut |_| 0) == clean.delay);
        let mut first = true;
        let delayed = lossy.transit(100, &mut |below| {
            if below == 1000 && std::mem::take(&mut first) { 0 } else { below - 1 }
        });
        assert_eq!(delayed, lossy.delay + lossy.jitter + lossy.round_trip() * 3 / 2);
    }
}
