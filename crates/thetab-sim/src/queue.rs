//! What happens next: events in the order of time, then of their making.

use std::{cmp::Ordering, collections::BinaryHeap};

use thetab_sansio::Instant;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    made: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Instant,
    made: u64,
    event: E,
}

impl<E> Queue<E> {
    pub(crate) const fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), made: 0 }
    }

    pub(crate) fn push(&mut self, at: Instant, event: E) {
        self.made += 1;
        self.heap.push(Entry { at, made: self.made, event });
    }

    /// The first event, unless it comes after `until`.
    pub(crate) fn pop(&mut self, until: Instant) -> Option<(Instant, E)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    /// The heap gives its greatest first: earlier is greater.
    fn cmp(&self, other: &Entry<E>) -> Ordering {
        (other.at, other.made).cmp(&(self.at, self.made))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_moment_come_in_the_order_of_their_making() {
        let at = Instant::from_millis;
        let mut queue = Queue::new();
        for (moment, name) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            queue.push(at(moment), name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop(at(5))).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        queue.push(at(6), "later");
        assert_eq!(queue.pop(at(5)), None);
    }
}
