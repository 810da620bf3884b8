//! One hash over everything that went into and came out of the cores, and when.

use std::fmt::{self, Write as _};

use thetab_node::{Effect, Input};
use thetab_sansio::Instant;

/// The fingerprint of a whole run: equal for equal seeds and equal code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceHash([u8; 8]);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHash({self})")
    }
}

/// Takes part in the hash.
pub(crate) trait Traced {
    fn trace(&self, into: &mut Trace);
}

/// A run so far.
#[derive(Debug, Default)]
pub(crate) struct Trace(blake3::Hasher);

impl Trace {
    pub(crate) fn record(&mut self, now: Instant, who: u64, what: &impl Traced) {
        let micros = now.since_start().as_micros();
        self.0.update(&micros.to_be_bytes()).update(&who.to_be_bytes());
        what.trace(self);
    }

    pub(crate) fn hash(&self) -> TraceHash {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        TraceHash([a, b, c, d, e, f, g, h])
    }

    fn text(&mut self, what: &impl fmt::Debug) {
        write!(self, "{what:?}").expect("a hasher takes everything");
    }

    fn bytes(&mut self, name: &str, number: u64, bytes: &[u8]) {
        self.0.update(name.as_bytes()).update(&number.to_be_bytes()).update(bytes);
    }
}

impl fmt::Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Traced for Input {
    /// Large payloads as they are: their text would be four times as long.
    fn trace(&self, into: &mut Trace) {
        match self {
            Input::Bulk { connection, frame } => into.bytes("bulk", connection.0, frame),
            Input::OriginData { fetch, payload } => into.bytes("data", fetch.0, payload),
            Input::Offered { segment, payload } => {
                into.text(segment);
                into.bytes("offered", 0, payload);
            }
            Input::Records { fetch, page } => {
                into.bytes("records", fetch.0, &thetab_wire::Encode::encode(page));
            }
            other => into.text(other),
        }
    }
}

impl Traced for Effect {
    fn trace(&self, into: &mut Trace) {
        match self {
            // The frame's header says which bytes it holds; the receiver's input carries them.
            Effect::SendBulk { connection, frame } => {
                into.bytes("send bulk", connection.0, frame.get(..16).unwrap_or(frame));
            }
            Effect::Deliver { request, pieces, delivery } => {
                into.text(delivery);
                pieces.iter().for_each(|piece| into.bytes("deliver", request.0, piece));
            }
            other => into.text(other),
        }
    }
}

impl Traced for thetab_swarm::tracker::Input {
    fn trace(&self, into: &mut Trace) {
        into.text(self);
    }
}

impl Traced for thetab_swarm::tracker::Effect {
    fn trace(&self, into: &mut Trace) {
        into.text(self);
    }
}
