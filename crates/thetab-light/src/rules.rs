//! The rules by which trust moves on, each the answer to an attack.

/// The rules whose absence an attack of the specification's §6.6 needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An anchor older than the trusting period is not believed.
    Age,
    /// An anchor is as old as its block, not as its receipt.
    TimeOfMaking,
    /// An anchor is no younger than its height allows.
    TimeByHeight,
    /// A block is believed only above the latest final one.
    Forward,
    /// An anchor never gives way to a lower one.
    AnchorForward,
    /// More than two thirds of the trusted stake must stand behind a step.
    TwoThirdsOverlap,
    /// In sequential mode each block shows its own validators.
    Evidence,
    /// In sequential mode a set that is not final yet needs two thirds of the one before.
    ConfirmedSet,
}

/// Which rules hold: all of them. Only this crate's tests can leave one out, to show what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    left_out: Option<Rule>,
}

impl Rules {
    #[cfg(test)]
    pub(crate) fn without(rule: Rule) -> Rules {
        Rules { left_out: Some(rule) }
    }

    pub(crate) fn hold(self, rule: Rule) -> bool {
        self.left_out != Some(rule)
    }
}
