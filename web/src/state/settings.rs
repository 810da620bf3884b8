//! Limits that a visitor can choose.

/// Upload limits on offer, in bits a second.
pub const UPLOAD_CAPS_BPS: [u64; 6] = [500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000];

/// What is suggested to somebody who has not chosen.
pub const SUGGESTED_CAP_BPS: u64 = 2_000_000;

/// The limits to offer while `current` is in force: one that was set elsewhere stays on the list.
pub fn offered_caps(current: u64) -> Vec<u64> {
    let mut caps = UPLOAD_CAPS_BPS.to_vec();
    if current > 0 && !caps.contains(&current) {
        caps.push(current);
        caps.sort_unstable();
    }
    caps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_set_elsewhere_stays_on_the_list() {
        assert_eq!(offered_caps(2_000_000), UPLOAD_CAPS_BPS);
        assert_eq!(offered_caps(3_000_000)[3], 3_000_000);
        assert_eq!(offered_caps(0), UPLOAD_CAPS_BPS);
    }
}
