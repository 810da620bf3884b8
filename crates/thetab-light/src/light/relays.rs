//! The relays, compared: who is how far, who was caught, who is silent.

use core::time::Duration;

use thetab_sansio::Instant;

use super::{Distrust, Effect, Light, Pending, Purpose, RelayId, Timer, pursuit::Pursuit};
use crate::StepError;

/// Most relays that are asked.
pub const MAX_RELAYS: usize = 8;

/// How long a relay is left alone the first time it is caught; twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What is known of a relay.
#[derive(Clone, Debug)]
pub struct RelayStatus<'a> {
    /// The relay.
    pub relay: RelayId,
    /// The highest block that it showed to be final.
    pub height: Option<u64>,
    /// What it was caught at last, and when it is asked again.
    pub distrust: Option<(&'a Distrust, Instant)>,
    /// Whether it left the last question unanswered.
    pub is_silent: bool,
}

#[derive(Debug, Default)]
pub(super) struct Relay {
    /// Whether a question about the head is open. There is one at a time.
    pub(super) is_asked: bool,
    pub(super) is_silent: bool,
    pub(super) pursuit: Option<Pursuit>,
    height: Option<u64>,
    distrust: Option<(Distrust, Instant)>,
    /// How often it was caught.
    caught: u32,
}

impl Relay {
    pub(super) fn is_idle(&self) -> bool {
        !self.is_asked && self.distrust.is_none()
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.distrust.is_none()
    }

    pub(super) fn status(&self, relay: RelayId) -> RelayStatus<'_> {
        let distrust = self.distrust.as_ref().map(|(reason, until)| (reason, *until));
        RelayStatus { relay, height: self.height, distrust, is_silent: self.is_silent }
    }
}

impl Light {
    pub(super) fn relay_up(&mut self, now: Instant, relay: RelayId) {
        if self.relays.len() < MAX_RELAYS || self.relays.contains_key(&relay) {
            self.relays.entry(relay).or_default();
            self.ask_for_head(now, relay);
            self.start_waiting(now);
        }
    }

    pub(super) fn relay_down(&mut self, now: Instant, relay: RelayId) {
        self.relays.remove(&relay);
        self.timers.cancel(&Timer::Pardon(relay));
        let open = self.pending.iter().filter(|(_, pending)| pending.relay == relay);
        let open: alloc::vec::Vec<_> = open.map(|(request, _)| *request).collect();
        for request in open {
            if let Some(Pending { purpose: Purpose::Query(query), .. }) = self.take_pending(request) {
                self.try_next(now, query);
            }
        }
    }

    /// Remembers how far a relay is, if what it showed is believed.
    pub(super) fn note_height(&mut self, relay: RelayId, height: u64, step: &Result<(), StepError>) {
        let is_believed = matches!(step, Ok(()) | Err(StepError::NotAbove { .. }));
        if let Some(relay) = self.relays.get_mut(&relay).filter(|_| is_believed) {
            relay.height = relay.height.max(Some(height));
        }
    }

    pub(super) fn distrust(&mut self, now: Instant, relay: RelayId, reason: Distrust) {
        let Some(caught) = self.relays.get(&relay).map(|relay| relay.caught) else { return };
        let doublings = caught.min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let until = self.set_timer(Timer::Pardon(relay), now, pause);
        let Some(state) = self.relays.get_mut(&relay) else { return };
        state.caught = state.caught.saturating_add(1);
        state.distrust = Some((reason.clone(), until));
        state.pursuit = None;
        self.effects.push_back(Effect::Distrust { relay, reason, until });
    }

    pub(super) fn pardon(&mut self, now: Instant, relay: RelayId) {
        if let Some(state) = self.relays.get_mut(&relay) {
            state.distrust = None;
            self.ask_for_head(now, relay);
            self.start_waiting(now);
        }
    }
}
