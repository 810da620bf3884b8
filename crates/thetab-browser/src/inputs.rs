use std::{cell::Cell, rc::Rc};

use futures::{FutureExt as _, StreamExt as _, channel::mpsc};
use thetab_node::Input;

use crate::{clock::Clock, failure};

/// Events that may wait for the node. It takes them as soon as the callback that brought them returns, so that
/// this many wait only for a node that has stopped.
const MAX_WAITING: usize = 4096;
/// A node that takes nothing for this long has stopped, in a way that no panic told.
const MAX_SILENCE_MS: f64 = 5_000.0;

/// What happened outside, as the host sees it.
#[derive(Debug)]
pub(crate) enum Event {
    /// For the node.
    Input(Input),
    /// For the node, unless the line to the relay is another one by now.
    Relay { line: u64, input: Input },
    /// The relay answers STUN at these addresses.
    Stun(Vec<String>),
    /// The account key is open; its fingerprint.
    Identity(String),
    /// The page goes away, perhaps to come back.
    Leaving,
}

/// The way to the node, for everybody who reports something.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    sender: mpsc::UnboundedSender<Event>,
    waiting: Rc<Waiting>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Waiting {
    count: Cell<usize>,
    since_ms: Cell<f64>,
}

impl Inputs {
    /// Reports something. Without effect once the node is closed or the module dead.
    pub(crate) fn send(&self, event: Event) {
        if failure::is_dead() {
            return;
        }
        let (waiting, now_ms) = (&self.waiting, self.clock.now_ms());
        if waiting.count.get() == 0 {
            waiting.since_ms.set(now_ms);
        } else if waiting.count.get() >= MAX_WAITING || now_ms - waiting.since_ms.get() > MAX_SILENCE_MS {
            return failure::die("the node takes no more inputs");
        }
        if self.sender.unbounded_send(event).is_ok() {
            waiting.count.set(waiting.count.get() + 1);
        }
    }

    /// Reports an input of the node.
    pub(crate) fn input(&self, input: Input) {
        self.send(Event::Input(input));
    }
}

/// The node's end.
#[derive(Debug)]
pub(crate) struct Events {
    receiver: mpsc::UnboundedReceiver<Event>,
    waiting: Rc<Waiting>,
}

impl Events {
    /// The next event.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let event = self.receiver.next().await?;
        self.waiting.count.set(self.waiting.count.get().saturating_sub(1));
        Some(event)
    }

    /// The next event, if it is there.
    pub(crate) fn ready(&mut self) -> Option<Event> {
        self.next().now_or_never().flatten()
    }
}

/// A queue of events.
pub(crate) fn queue(clock: Clock) -> (Inputs, Events) {
    let (sender, receiver) = mpsc::unbounded();
    let waiting = Rc::new(Waiting::default());
    (Inputs { sender, waiting: waiting.clone(), clock }, Events { receiver, waiting })
}
