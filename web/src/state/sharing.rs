//! What the tab does with other viewers, in one word for the page and one sentence for a person.

use crate::{
    format,
    state::snapshot::{Mode, NodeState, Reason, RelayLine, Snapshot},
    words::Words,
};

/// What takes giving away for the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The connection costs by the byte.
    Metered,
    /// The battery runs low.
    Battery,
    /// The tab is out of sight and does not play.
    Hidden,
    /// Playback is paused.
    Paused,
}

/// What the tab does with other viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// This browser cannot share.
    Unavailable,
    /// The node stopped.
    Failed,
    /// The visitor has not answered yet.
    Unasked,
    /// The visitor said no.
    Off,
    /// A yes, and the first frame is not there yet.
    Starting,
    /// The relay is being asked who else is here.
    Connecting,
    /// The line to the relay broke, and nobody is linked.
    Reconnecting,
    /// Too few others watch.
    Alone,
    /// Others watch; no link is open yet.
    Looking,
    /// Gives and takes.
    Both {
        /// Open links.
        peers: u32,
    },
    /// Only takes, as the visitor chose.
    Taking {
        /// Open links.
        peers: u32,
    },
    /// Only takes, for a reason that passes.
    Held {
        /// The reason.
        hold: Hold,
    },
}

/// How much attention a state asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing happens, and nothing should.
    Idle,
    /// Something is about to happen.
    Pending,
    /// It works.
    Active,
    /// It stopped and will not go on by itself.
    Problem,
}

impl Sharing {
    /// Reads it off a snapshot.
    pub fn of(snapshot: &Snapshot) -> Sharing {
        let sharing = snapshot.sharing;
        match (snapshot.node, sharing.chosen) {
            (NodeState::Off, _) => Sharing::Unavailable,
            (NodeState::Failed, _) => Sharing::Failed,
            _ if sharing.reason == Reason::NoConsent => Sharing::Unasked,
            (_, Mode::Off) => Sharing::Off,
            (NodeState::Loading, _) => Sharing::Starting,
            (NodeState::Connecting, _) => Sharing::Connecting,
            (NodeState::Ready, chosen) => Sharing::running(snapshot, chosen),
        }
    }

    fn running(snapshot: &Snapshot, chosen: Mode) -> Sharing {
        if let Some(hold) = hold(snapshot.sharing.reason) {
            return Sharing::Held { hold };
        }
        match (snapshot.peers, chosen) {
            (0, _) if snapshot.relay != RelayLine::Connected => Sharing::Reconnecting,
            (0, _) if snapshot.sharing.reason == Reason::FewViewers => Sharing::Alone,
            (0, _) => Sharing::Looking,
            (peers, Mode::Download) => Sharing::Taking { peers },
            (peers, _) => Sharing::Both { peers },
        }
    }

    /// The state right after the visitor's answer, which the node repeats only a moment later.
    pub fn after(self, answer: Option<Mode>) -> Sharing {
        match (self, answer) {
            (Sharing::Unasked, Some(Mode::Off)) => Sharing::Off,
            (Sharing::Unasked, Some(_)) => Sharing::Connecting,
            (state, _) => state,
        }
    }

    /// The state without the numbers that tick: what a screen reader hears change.
    pub fn steady(self) -> Sharing {
        match self {
            Sharing::Both { .. } => Sharing::Both { peers: 1 },
            Sharing::Taking { .. } => Sharing::Taking { peers: 1 },
            other => other,
        }
    }

    /// How much attention it asks for.
    pub fn tone(self) -> Tone {
        match self {
            Sharing::Unavailable | Sharing::Unasked | Sharing::Off => Tone::Idle,
            Sharing::Failed => Tone::Problem,
            Sharing::Starting
            | Sharing::Connecting
            | Sharing::Reconnecting
            | Sharing::Alone
            | Sharing::Looking => Tone::Pending,
            Sharing::Both { .. } | Sharing::Taking { .. } | Sharing::Held { .. } => Tone::Active,
        }
    }

    /// One line that says it.
    pub fn headline(self, words: &Words) -> String {
        let texts = &words.sharing;
        let viewers = |one: &str, other: &str, peers: u32| words.counted(one, other, u64::from(peers));
        match self {
            Sharing::Unavailable => texts.unavailable.to_owned(),
            Sharing::Failed => texts.failed.to_owned(),
            Sharing::Unasked | Sharing::Off => texts.off.to_owned(),
            Sharing::Starting => texts.starting.to_owned(),
            Sharing::Connecting => texts.connecting.to_owned(),
            Sharing::Reconnecting => texts.reconnecting.to_owned(),
            Sharing::Alone => texts.alone.to_owned(),
            Sharing::Looking => texts.looking.to_owned(),
            Sharing::Both { peers } => viewers(texts.both_one, texts.both_other, peers),
            Sharing::Taking { peers } => viewers(texts.taking_one, texts.taking_other, peers),
            Sharing::Held { .. } => texts.held.to_owned(),
        }
    }

    /// The sentence below the line: why, and what happens next.
    pub fn detail(self, upload_cap_bps: u64, words: &Words) -> String {
        let texts = &words.sharing;
        match self {
            Sharing::Unavailable => texts.unavailable_why.to_owned(),
            Sharing::Failed => texts.failed_why.to_owned(),
            Sharing::Unasked | Sharing::Off => texts.off_why.to_owned(),
            Sharing::Starting => texts.starting_why.to_owned(),
            Sharing::Connecting => texts.connecting_why.to_owned(),
            Sharing::Reconnecting => texts.reconnecting_why.to_owned(),
            Sharing::Alone => texts.alone_why.to_owned(),
            Sharing::Looking => texts.looking_why.to_owned(),
            Sharing::Both { .. } => {
                words.fill(texts.both_why, &[("cap", &format::rate(upload_cap_bps, words).to_string())])
            }
            Sharing::Taking { .. } => texts.taking_why.to_owned(),
            Sharing::Held { hold: Hold::Metered } => texts.held_metered.to_owned(),
            Sharing::Held { hold: Hold::Battery } => texts.held_battery.to_owned(),
            Sharing::Held { hold: Hold::Hidden } => texts.held_hidden.to_owned(),
            Sharing::Held { hold: Hold::Paused } => texts.held_paused.to_owned(),
        }
    }
}

fn hold(reason: Reason) -> Option<Hold> {
    match reason {
        Reason::Metered => Some(Hold::Metered),
        Reason::Battery => Some(Hold::Battery),
        Reason::Hidden => Some(Hold::Hidden),
        Reason::Paused => Some(Hold::Paused),
        Reason::Ok | Reason::NoConsent | Reason::Off | Reason::FewViewers => None,
    }
}

/// How far a fact is checked: the product's four marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This tab checked it.
    Verified,
    /// It is being checked, or there is nothing to check yet.
    Pending,
    /// Somebody said so.
    Reported,
    /// Checked, and wrong.
    Distrusted,
}

impl Proof {
    /// What the pieces of a stream deserve.
    pub fn of_pieces(snapshot: &Snapshot) -> Proof {
        let record_is_wrong = snapshot.error.as_ref().is_some_and(|error| error.code == "record_invalid");
        if record_is_wrong {
            Proof::Distrusted
        } else if snapshot.pieces.verified > 0 {
            Proof::Verified
        } else {
            Proof::Pending
        }
    }

    /// Its name.
    pub fn name(self, words: &Words) -> &'static str {
        match self {
            Proof::Verified => words.proof.verified,
            Proof::Pending => words.proof.pending,
            Proof::Reported => words.proof.reported,
            Proof::Distrusted => words.proof.distrusted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::snapshot::{PlayerError, SharingSnapshot},
        words::Language,
    };

    fn running(chosen: Mode, reason: Reason, peers: u32) -> Snapshot {
        Snapshot {
            node: NodeState::Ready,
            relay: RelayLine::Connected,
            sharing: SharingSnapshot { chosen, effective: chosen, reason, ..SharingSnapshot::default() },
            peers,
            ..Snapshot::default()
        }
    }

    #[test]
    fn nothing_but_an_answer_ends_the_question() {
        let unasked = running(Mode::Off, Reason::NoConsent, 0);
        assert_eq!(Sharing::of(&unasked), Sharing::Unasked);
        assert_eq!(Sharing::of(&running(Mode::Off, Reason::Off, 0)), Sharing::Off);
        assert_eq!(Sharing::of(&running(Mode::Off, Reason::Ok, 0)), Sharing::Off);
    }

    #[test]
    fn an_answer_shows_before_the_node_repeats_it() {
        assert_eq!(Sharing::Unasked.after(None), Sharing::Unasked);
        assert_eq!(Sharing::Unasked.after(Some(Mode::Share)), Sharing::Connecting);
        assert_eq!(Sharing::Unasked.after(Some(Mode::Off)), Sharing::Off);
        assert_eq!(Sharing::Looking.after(Some(Mode::Off)), Sharing::Looking);
    }

    #[test]
    fn a_browser_that_cannot_share_is_not_asked() {
        let snapshot = Snapshot { node: NodeState::Off, ..running(Mode::Off, Reason::NoConsent, 0) };
        assert_eq!(Sharing::of(&snapshot), Sharing::Unavailable);
        let snapshot = Snapshot { node: NodeState::Failed, ..running(Mode::Share, Reason::Ok, 0) };
        assert_eq!(Sharing::of(&snapshot).tone(), Tone::Problem);
    }

    #[test]
    fn a_yes_waits_for_the_first_frame_and_then_for_the_relay() {
        let loading = Snapshot { node: NodeState::Loading, ..running(Mode::Share, Reason::Off, 0) };
        assert_eq!(Sharing::of(&loading), Sharing::Starting);
        let connecting = Snapshot { node: NodeState::Connecting, ..loading };
        assert_eq!(Sharing::of(&connecting), Sharing::Connecting);
    }

    #[test]
    fn a_lone_viewer_and_one_who_waits_for_a_link_read_differently() {
        assert_eq!(Sharing::of(&running(Mode::Share, Reason::FewViewers, 0)), Sharing::Alone);
        assert_eq!(Sharing::of(&running(Mode::Share, Reason::Ok, 0)), Sharing::Looking);
        assert_eq!(Sharing::of(&running(Mode::Share, Reason::FewViewers, 1)), Sharing::Both { peers: 1 });
        let lost = Snapshot { relay: RelayLine::Lost, ..running(Mode::Share, Reason::Ok, 0) };
        assert_eq!(Sharing::of(&lost), Sharing::Reconnecting);
        let lost_but_linked = Snapshot { relay: RelayLine::Lost, ..running(Mode::Share, Reason::Ok, 2) };
        assert_eq!(Sharing::of(&lost_but_linked), Sharing::Both { peers: 2 });
    }

    #[test]
    fn a_reason_against_giving_is_named() {
        for (reason, hold) in [
            (Reason::Metered, Hold::Metered),
            (Reason::Battery, Hold::Battery),
            (Reason::Hidden, Hold::Hidden),
            (Reason::Paused, Hold::Paused),
        ] {
            assert_eq!(Sharing::of(&running(Mode::Share, reason, 3)), Sharing::Held { hold });
        }
        assert_eq!(Sharing::of(&running(Mode::Download, Reason::Ok, 1)), Sharing::Taking { peers: 1 });
    }

    #[test]
    fn counts_are_said_in_the_singular_and_the_plural() {
        let words = Language::English.words();
        assert_eq!(Sharing::Both { peers: 1 }.headline(words), "Sharing with 1 viewer");
        assert_eq!(Sharing::Both { peers: 2 }.headline(words), "Sharing with 2 viewers");
    }

    #[test]
    fn what_a_screen_reader_hears_does_not_tick() {
        assert_eq!(Sharing::Both { peers: 2 }.steady(), Sharing::Both { peers: 7 }.steady());
        assert_ne!(Sharing::Both { peers: 2 }.steady(), Sharing::Looking.steady());
    }

    #[test]
    fn a_wrong_record_is_distrusted_however_many_pieces_fit() {
        let mut snapshot = running(Mode::Share, Reason::Ok, 0);
        assert_eq!(Proof::of_pieces(&snapshot), Proof::Pending);
        snapshot.pieces.verified = 12;
        assert_eq!(Proof::of_pieces(&snapshot), Proof::Verified);
        snapshot.error = Some(PlayerError { code: "record_invalid".into(), message: String::new() });
        assert_eq!(Proof::of_pieces(&snapshot), Proof::Distrusted);
    }
}
