use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::clock::Clock;

/// How much is read from the origin, and for how long: the time in which any read was under way counts once.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    clock: Clock,
    readings: Rc<Readings>,
}

#[derive(Debug, Default)]
struct Readings {
    bytes: Cell<u64>,
    ended_ms: Cell<f64>,
    under_way: RefCell<Option<UnderWay>>,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    since_ms: f64,
    count: u32,
}

impl Meter {
    pub(super) fn new(clock: Clock) -> Meter {
        Meter { clock, readings: Rc::default() }
    }

    /// A read begins; it ends when the guard is dropped.
    pub(super) fn begin(&self) -> Reading {
        let since_ms = self.clock.now_ms();
        let mut under_way = self.readings.under_way.borrow_mut();
        under_way.get_or_insert(UnderWay { since_ms, count: 0 }).count += 1;
        Reading(self.clone())
    }

    /// Bytes arrived.
    pub(super) fn add(&self, bytes: u32) {
        self.readings.bytes.set(self.readings.bytes.get() + u64::from(bytes));
    }

    /// All bytes, and all milliseconds.
    pub(super) fn totals(&self) -> (u64, f64) {
        let running_ms = self.readings.under_way.borrow().map_or(0.0, |it| self.clock.now_ms() - it.since_ms);
        (self.readings.bytes.get(), self.readings.ended_ms.get() + running_ms)
    }

    fn end(&self) {
        let mut under_way = self.readings.under_way.borrow_mut();
        let Some(UnderWay { since_ms, count }) = *under_way else { return };
        *under_way = if count > 1 {
            Some(UnderWay { since_ms, count: count - 1 })
        } else {
            self.readings.ended_ms.set(self.readings.ended_ms.get() + self.clock.now_ms() - since_ms);
            None
        };
    }
}

/// One read under way.
#[derive(Debug)]
pub(super) struct Reading(Meter);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.end();
    }
}
