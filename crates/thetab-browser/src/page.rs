//! Calls into the page. Each waits until the module has returned: the page may call back at once.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::failure::LastWill;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask, catch)]
    fn queue_microtask(callback: &Function) -> Result<(), JsValue>;
}

/// Calls `function` as soon as the module has returned. What it throws is the page's, and reported as such.
pub(crate) fn call(function: &Function, argument: &JsValue) {
    later(&function.bind1(&JsValue::UNDEFINED, argument));
}

fn later(bound: &Function) {
    // Refused only by a page that is going away.
    let _ = queue_microtask(bound);
}

/// What the page wants to hear: one function each, a later one replaces it.
#[derive(Debug, Default)]
pub(crate) struct Page {
    on_snapshot: RefCell<Option<Function>>,
    on_problem: RefCell<Option<Function>>,
    on_failure: RefCell<Option<LastWill>>,
    latest: RefCell<Option<JsValue>>,
}

impl Page {
    /// Sets who hears of snapshots; the latest one is told at once.
    pub(crate) fn on_snapshot(&self, function: Function) {
        if let Some(latest) = &*self.latest.borrow() {
            call(&function, latest);
        }
        self.on_snapshot.replace(Some(function));
    }

    /// Sets who hears of problems.
    pub(crate) fn on_problem(&self, function: Function) {
        self.on_problem.replace(Some(function));
    }

    /// Sets who hears that the module failed; at once when it has.
    pub(crate) fn on_failure(&self, function: Function) {
        self.on_failure.replace(Some(LastWill::tell(function)));
    }

    /// Shows a snapshot.
    pub(crate) fn show(&self, snapshot: JsValue) {
        if let Some(function) = &*self.on_snapshot.borrow() {
            call(function, &snapshot);
        }
        self.latest.replace(Some(snapshot));
    }

    /// Tells of a problem.
    pub(crate) fn tell_problem(&self, code: &str, message: &str) {
        if let Some(function) = &*self.on_problem.borrow() {
            later(&function.bind2(&JsValue::UNDEFINED, &code.into(), &message.into()));
        }
    }

    /// Says nothing more.
    pub(crate) fn fall_silent(&self) {
        self.on_snapshot.take();
        self.on_problem.take();
        self.on_failure.take();
    }
}
