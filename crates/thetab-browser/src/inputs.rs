use std::{
    cell::Cell,
    rc::Rc,
    task::{Context, Poll},
};

use futures::{
    StreamExt as _,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use thetab_node::Input;

/// Messages of peers that may wait for the node; a peer that sends beyond is let go.
const MAX_WAITING: usize = 4096;

/// Where everything that happens in the tab goes, on its way to the node.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// `None` closes the node.
    sender: UnboundedSender<Option<Input>>,
    waiting: Rc<Cell<usize>>,
}

/// The node's end.
#[derive(Debug)]
pub(crate) struct InputQueue {
    receiver: UnboundedReceiver<Option<Input>>,
    waiting: Rc<Cell<usize>>,
    is_closed: bool,
}

/// An empty queue and its two ends.
pub(crate) fn queue() -> (Inputs, InputQueue) {
    let ((sender, receiver), waiting) = (unbounded(), Rc::<Cell<usize>>::default());
    (Inputs { sender, waiting: waiting.clone() }, InputQueue { receiver, waiting, is_closed: false })
}

impl Inputs {
    /// Reports something that the tab itself did or saw: as much as the node asked for.
    pub(crate) fn send(&self, input: Input) {
        self.push(Some(input));
    }

    /// Reports something that a stranger sent; false when too much waits already.
    #[must_use]
    pub(crate) fn send_bounded(&self, input: Input) -> bool {
        let has_room = self.waiting.get() < MAX_WAITING;
        if has_room {
            self.push(Some(input));
        }
        has_room
    }

    /// Ends the node once it has seen everything before.
    pub(crate) fn close(&self) {
        self.push(None);
    }

    fn push(&self, input: Option<Input>) {
        // Refused only after the node's end, when nothing counts any more.
        if self.sender.unbounded_send(input).is_ok() {
            self.waiting.set(self.waiting.get() + 1);
        }
    }
}

impl InputQueue {
    /// The next input; `None` once the node is to end.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Input>> {
        if self.is_closed {
            return Poll::Ready(None);
        }
        let Poll::Ready(next) = self.receiver.poll_next_unpin(context) else { return Poll::Pending };
        self.waiting.set(self.waiting.get().saturating_sub(1));
        let input = next.flatten();
        self.is_closed = input.is_none();
        Poll::Ready(input)
    }

    /// Whether the node was told to end.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}
