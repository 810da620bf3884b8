use std::{cell::Cell, rc::Rc};

use thetab_node::{ConnectionId, Input};

use crate::inputs::Inputs;

/// Says what happens to one connection.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    connection: ConnectionId,
    inputs: Inputs,
    said: Rc<Said>,
}

#[derive(Debug, Default)]
struct Said {
    open_channels: Cell<u8>,
    is_closed: Cell<bool>,
}

impl Reporter {
    pub(super) fn new(connection: ConnectionId, inputs: Inputs) -> Reporter {
        Reporter { connection, inputs, said: Rc::default() }
    }

    /// One more channel is open: the connection is when both are.
    pub(super) fn channel_opened(&self) {
        self.said.open_channels.set(self.said.open_channels.get() + 1);
        if self.said.open_channels.get() == 2 {
            self.report(|connection| Input::Opened { connection });
        }
    }

    /// The connection is over.
    pub(super) fn closed(&self) {
        self.report(|connection| Input::Closed { connection });
        self.said.is_closed.set(true);
    }

    /// This end's description is ready.
    pub(super) fn described(&self, sdp: String) {
        self.report(|connection| Input::Described { connection, sdp });
    }

    /// A candidate of this end, or the end of them.
    pub(super) fn candidate(&self, candidate: Option<String>) {
        self.report(|connection| Input::LocalCandidate { connection, candidate });
    }

    /// How much waits in the bulk channel's send buffer.
    pub(super) fn room(&self, waiting_bytes: u32) {
        let buffered_bytes = waiting_bytes as usize;
        self.report(|connection| Input::Buffered { connection, buffered_bytes });
    }

    /// Anything else. Nothing is said after the end.
    pub(super) fn report(&self, input: impl FnOnce(ConnectionId) -> Input) {
        if !self.said.is_closed.get() {
            self.inputs.input(input(self.connection));
        }
    }
}
