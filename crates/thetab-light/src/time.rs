//! The world's time. It is an input: nothing here has a clock.

use core::time::Duration;

use thetab_types::{Amount, Header};

/// Headers whose timestamps together tell when the last of them was made.
/// # Source
/// `docs/spec/chain.md` §6.6, "Age".
pub const HEADERS_THAT_TELL_THE_TIME: usize = 11;

/// A moment, in milliseconds since 1970. Saturates, so that timestamps from outside cannot panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment this many milliseconds after 1970 began.
    pub const fn from_millis(millis: u64) -> UnixTime {
        UnixTime(millis)
    }

    /// The moment this many seconds after 1970 began.
    pub const fn from_secs(secs: u64) -> UnixTime {
        UnixTime(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: UnixTime) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `delay` later.
    #[must_use]
    pub fn saturating_add(self, delay: Duration) -> UnixTime {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        UnixTime(self.0.saturating_add(millis))
    }

    /// What a header says. Nobody validates it.
    pub fn said_by(header: &Header) -> UnixTime {
        let seconds = |amount: &Amount| amount.to_u256().and_then(|secs| u64::try_from(secs).ok());
        UnixTime::from_secs(seconds(&header.timestamp).unwrap_or(u64::MAX))
    }

    /// The median of what the first eleven headers say; `None` when there are fewer.
    pub(crate) fn median<'a>(headers: impl Iterator<Item = &'a Header>) -> Option<UnixTime> {
        let mut said: alloc::vec::Vec<_> =
            headers.take(HEADERS_THAT_TELL_THE_TIME).map(UnixTime::said_by).collect();
        said.sort_unstable();
        if said.len() < HEADERS_THAT_TELL_THE_TIME { None } else { said.get(said.len() / 2).copied() }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use thetab_types::{Forks, header::HeaderFields};

    use super::*;

    fn header(timestamp: impl Into<Amount>) -> Header {
        HeaderFields { timestamp: timestamp.into(), ..HeaderFields::zero() }.seal(&Forks::MAINNET)
    }

    #[test]
    fn five_liars_of_eleven_do_not_move_the_median_beyond_the_honest() {
        let mut headers: Vec<_> = (100..106u64).map(header).collect();
        headers.extend((0..5).map(|_| header(u64::MAX)));
        let median = UnixTime::median(headers.iter());
        assert_eq!(median, Some(UnixTime::from_secs(105)));
        assert_eq!(UnixTime::median(headers[..10].iter()), None);
    }

    #[test]
    fn a_timestamp_of_any_length_is_a_moment() {
        let huge = Amount::from_be_slice(&[255; 64]);
        assert_eq!(UnixTime::said_by(&header(huge)).millis(), u64::MAX);
    }
}
