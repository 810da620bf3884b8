//! State machines without I/O, and the one loop that drives them.
//!
//! Why: a decision that decides money or playback must replay. A [`Machine`] sees only inputs and a
//! virtual [`Instant`]; it gives out effects. Every host (tab, server, simulator) implements
//! [`Runtime`] and runs the same [`drive`]. Left out on purpose: clocks, threads, sockets, logs.
#![no_std]

extern crate alloc;

mod bounded;
mod instant;
mod timers;

pub use bounded::{Bounded, Full};
pub use instant::Instant;
pub use timers::Timers;

use core::future::Future;

/// A state machine: inputs and time in, effects out.
///
/// Callers mutate (`handle` or `handle_timeout`), drain `poll_effect`, then mutate again. Equal
/// seeds and inputs give equal effects.
pub trait Machine {
    /// What happened outside.
    type Input;
    /// What the host must do next.
    type Effect;

    /// Takes one input at `now`, which never runs backwards.
    fn handle(&mut self, now: Instant, input: Self::Input);
    /// Does what is due at `now`. Called when [`poll_timeout`](Self::poll_timeout) has passed.
    fn handle_timeout(&mut self, now: Instant);
    /// The next thing the host must do, in order.
    fn poll_effect(&mut self) -> Option<Self::Effect>;
    /// When [`handle_timeout`](Self::handle_timeout) is wanted, if no input comes first.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// What a host gives a machine: a clock, hands, and the next thing that happens.
pub trait Runtime<M: Machine> {
    /// Time since the host started.
    fn now(&self) -> Instant;
    /// Carries out one effect; never blocks.
    fn perform(&mut self, effect: M::Effect);
    /// The next input; `None` when `deadline` came first, or when the host is closing
    /// (then `now` is before `deadline`, or there was none).
    fn next_input(&mut self, deadline: Option<Instant>) -> impl Future<Output = Option<M::Input>>;
}

/// Runs `machine` on `runtime` until the runtime closes.
pub async fn drive<M: Machine, R: Runtime<M>>(machine: &mut M, runtime: &mut R) {
    loop {
        while let Some(effect) = machine.poll_effect() {
            runtime.perform(effect);
        }
        let deadline = machine.poll_timeout();
        match runtime.next_input(deadline).await {
            Some(input) => machine.handle(runtime.now(), input),
            None if deadline.is_some_and(|at| at <= runtime.now()) => {
                machine.handle_timeout(runtime.now());
            }
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use core::{
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    /// Echoes numbers, and says 0 one second after each.
    #[derive(Default)]
    struct Echo {
        effects: Vec<u32>,
        timers: Timers<u32>,
    }

    impl Machine for Echo {
        type Input = u32;
        type Effect = u32;
        fn handle(&mut self, now: Instant, input: u32) {
            self.effects.push(input);
            self.timers.set(input, now + Duration::from_secs(1));
        }
        fn handle_timeout(&mut self, now: Instant) {
            while self.timers.pop_due(now).is_some() {
                self.effects.push(0);
            }
        }
        fn poll_effect(&mut self) -> Option<u32> {
            (!self.effects.is_empty()).then(|| self.effects.remove(0))
        }
        fn poll_timeout(&self) -> Option<Instant> {
            self.timers.next_due()
        }
    }

    struct Script {
        now: Instant,
        inputs: Vec<(Instant, u32)>,
        seen: Vec<(Instant, u32)>,
    }

    impl Runtime<Echo> for Script {
        fn now(&self) -> Instant {
            self.now
        }
        fn perform(&mut self, effect: u32) {
            self.seen.push((self.now, effect));
        }
        async fn next_input(&mut self, deadline: Option<Instant>) -> Option<u32> {
            match (self.inputs.first().copied(), deadline) {
                (Some((at, input)), until) if until.is_none_or(|until| at < until) => {
                    self.now = at;
                    self.inputs.remove(0);
                    Some(input)
                }
                (_, Some(until)) => {
                    self.now = until;
                    None
                }
                (_, None) => None,
            }
        }
    }

    #[test]
    fn inputs_and_deadlines_are_served_in_the_order_of_time_until_the_host_closes() {
        let at = Instant::from_millis;
        let mut script = Script { now: at(0), inputs: vec![(at(100), 7), (at(900), 8)], seen: vec![] };
        let mut machine = Echo::default();
        let done = pin!(drive(&mut machine, &mut script)).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(done, Poll::Ready(()));
        let expected = vec![(at(100), 7), (at(900), 8), (at(1100), 0), (at(1900), 0)];
        assert_eq!(script.seen, expected);
    }
}
