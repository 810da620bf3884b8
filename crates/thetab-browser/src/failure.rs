//! What is done when the module itself fails: said once, and everything let go of.
//!
//! A panic ends a WebAssembly module where it stands: nothing is unwound, tasks stay half done and their borrows
//! stay taken. So the last will is kept as JavaScript functions, which need nothing of the module: pending
//! loads are rejected, connections and requests closed, pages told. After that every entry is a refusal.

use std::{cell::Cell, panic};

use js_sys::{Array, Function, Reflect, Set};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};

use crate::{error::NodeError, page};

thread_local! {
    static WILL: Will = Will::default();
}

struct Will {
    message: Cell<Option<String>>,
    is_dead: Cell<bool>,
    rejecters: Set,
    closers: Set,
    mourners: Set,
}

impl Default for Will {
    fn default() -> Will {
        Will {
            message: Cell::new(None),
            is_dead: Cell::new(false),
            rejecters: Set::new(&JsValue::UNDEFINED),
            closers: Set::new(&JsValue::UNDEFINED),
            mourners: Set::new(&JsValue::UNDEFINED),
        }
    }
}

/// Runs once when the module is loaded: from here on a panic is a failure that pages hear of.
#[wasm_bindgen(start)]
fn install() {
    panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        die(&panic.to_string());
    }));
}

/// Whether the module has failed. Nothing may be begun then.
pub(crate) fn is_dead() -> bool {
    WILL.with(|will| will.is_dead.get())
}

/// Fails the module: the first message counts.
pub(crate) fn die(message: &str) {
    WILL.with(|will| {
        if will.is_dead.replace(true) {
            return;
        }
        will.message.set(Some(message.to_owned()));
        let error = JsValue::from(NodeError::Failed(message.to_owned()));
        for reject in functions(&will.rejecters) {
            // A function that throws changes nothing about the others.
            let _ = reject.call1(&JsValue::UNDEFINED, &error);
        }
        for close in functions(&will.closers) {
            let _ = close.call0(&JsValue::UNDEFINED);
        }
        for mourner in functions(&will.mourners) {
            page::call(&mourner, &message.into());
        }
    });
}

/// Why the module is dead.
pub(crate) fn reason() -> NodeError {
    WILL.with(|will| {
        let message = will.message.take().unwrap_or_default();
        will.message.set(Some(message.clone()));
        NodeError::Failed(message)
    })
}

fn functions(set: &Set) -> impl Iterator<Item = Function> {
    Array::from(set).to_vec().into_iter().map(Function::from)
}

/// Something that is called when the module dies, for as long as this lives.
#[derive(Debug)]
pub(crate) struct LastWill {
    heirs: Set,
    function: Function,
}

impl LastWill {
    /// Rejects a promise.
    pub(crate) fn reject(function: Function) -> LastWill {
        LastWill::add(WILL.with(|will| will.rejecters.clone()), function)
    }

    /// Calls a method of one of the platform's objects, with nothing.
    pub(crate) fn method(object: &JsValue, name: &str) -> Option<LastWill> {
        let method: Function = Reflect::get(object, &name.into()).ok()?.dyn_into().ok()?;
        Some(LastWill::add(WILL.with(|will| will.closers.clone()), method.bind0(object)))
    }

    /// Tells a page, now if it is too late for later.
    pub(crate) fn tell(function: Function) -> LastWill {
        if is_dead() {
            page::call(&function, &reason().to_string().into());
        }
        LastWill::add(WILL.with(|will| will.mourners.clone()), function)
    }

    fn add(heirs: Set, function: Function) -> LastWill {
        heirs.add(&function);
        LastWill { heirs, function }
    }
}

impl Drop for LastWill {
    fn drop(&mut self) {
        self.heirs.delete(&self.function);
    }
}
