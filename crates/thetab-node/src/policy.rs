//! What a node may do for others: the visitor's answer, and what the device says against it.
//!
//! Invariants: nothing counts as a yes but a yes; a reason only ever takes something away.

use core::time::Duration;

use crate::{
    effect::{EffectiveMode, ModeReason},
    input::{Conditions, Settings, SharingMode},
};

/// A hidden tab goes on sharing this long after playback stopped.
pub(crate) const HIDDEN_PAUSE: Duration = Duration::from_secs(60);

/// What the relay says about the audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Viewers of the presentation, this one among them.
    pub(crate) viewers: u32,
    /// Peers are introduced from this many on.
    pub(crate) minimum_viewers: u32,
}

impl Audience {
    /// Whether there is anybody to be introduced to.
    pub(crate) fn is_enough(self) -> bool {
        self.viewers >= self.minimum_viewers.max(2)
    }
}

/// What the node does, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What it does.
    pub(crate) mode: EffectiveMode,
    /// Why.
    pub(crate) reason: ModeReason,
}

/// Decides. `paused_for` is how long playback has not moved; `audience` is `None` until the relay said.
pub(crate) fn decide(
    settings: &Settings,
    conditions: &Conditions,
    paused_for: Duration,
    audience: Option<Audience>,
) -> Decision {
    let decision = |mode, reason| Decision { mode, reason };
    let Some(chosen) = settings.sharing else {
        return decision(SharingMode::Off, ModeReason::NoConsent);
    };
    if chosen == SharingMode::Share
        && let Some(reason) = against_sharing(settings, conditions, paused_for)
    {
        return decision(SharingMode::Download, reason);
    }
    let alone = chosen != SharingMode::Off && audience.is_some_and(|audience| !audience.is_enough());
    decision(chosen, if alone { ModeReason::FewViewers } else { ModeReason::Chosen })
}

fn against_sharing(settings: &Settings, conditions: &Conditions, paused_for: Duration) -> Option<ModeReason> {
    if settings.metered || conditions.save_data {
        Some(ModeReason::Metered)
    } else if conditions.battery_low {
        Some(ModeReason::Battery)
    } else if conditions.hidden && conditions.paused && paused_for >= HIDDEN_PAUSE {
        Some(ModeReason::Hidden)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SharingMode::{Download, Off, Share};

    fn settings(sharing: Option<SharingMode>) -> Settings {
        Settings { sharing, upload_cap_bytes_per_second: 1_000_000, metered: false }
    }

    fn decided(settings: Settings, conditions: Conditions, paused: u64) -> (SharingMode, ModeReason) {
        let decision = decide(&settings, &conditions, Duration::from_secs(paused), None);
        (decision.mode, decision.reason)
    }

    #[test]
    fn nothing_counts_as_a_yes_but_a_yes() {
        let calm = Conditions::default();
        assert_eq!(decided(settings(None), calm, 0), (Off, ModeReason::NoConsent));
        assert_eq!(decided(settings(Some(Off)), calm, 0), (Off, ModeReason::Chosen));
        assert_eq!(decided(settings(Some(Download)), calm, 0), (Download, ModeReason::Chosen));
        assert_eq!(decided(settings(Some(Share)), calm, 0), (Share, ModeReason::Chosen));
    }

    #[test]
    fn costly_connections_and_low_batteries_only_take() {
        let metered = Settings { metered: true, ..settings(Some(Share)) };
        assert_eq!(decided(metered, Conditions::default(), 0), (Download, ModeReason::Metered));
        let saving = Conditions { save_data: true, ..Conditions::default() };
        assert_eq!(decided(settings(Some(Share)), saving, 0), (Download, ModeReason::Metered));
        let low = Conditions { battery_low: true, ..Conditions::default() };
        assert_eq!(decided(settings(Some(Share)), low, 0), (Download, ModeReason::Battery));
        assert_eq!(decided(settings(Some(Download)), low, 0), (Download, ModeReason::Chosen));
    }

    #[test]
    fn a_hidden_tab_shares_while_it_plays_and_a_minute_longer() {
        let playing = Conditions { hidden: true, ..Conditions::default() };
        assert_eq!(decided(settings(Some(Share)), playing, 0), (Share, ModeReason::Chosen));
        let paused = Conditions { paused: true, ..playing };
        assert_eq!(decided(settings(Some(Share)), paused, 59), (Share, ModeReason::Chosen));
        assert_eq!(decided(settings(Some(Share)), paused, 60), (Download, ModeReason::Hidden));
        let in_sight = Conditions { hidden: false, ..paused };
        assert_eq!(decided(settings(Some(Share)), in_sight, 3600), (Share, ModeReason::Chosen));
    }

    #[test]
    fn a_lone_viewer_is_told_so() {
        let audience = |viewers| Some(Audience { viewers, minimum_viewers: 3 });
        let calm = Conditions::default();
        let alone = decide(&settings(Some(Share)), &calm, Duration::ZERO, audience(2));
        assert_eq!((alone.mode, alone.reason), (Share, ModeReason::FewViewers));
        let company = decide(&settings(Some(Share)), &calm, Duration::ZERO, audience(3));
        assert_eq!(company.reason, ModeReason::Chosen);
        let off = decide(&settings(Some(Off)), &calm, Duration::ZERO, audience(1));
        assert_eq!(off.reason, ModeReason::Chosen);
    }
}
