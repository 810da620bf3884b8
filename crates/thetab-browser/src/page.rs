//! Calls into the page. Each waits until the module has returned: the page may call back at once.

use js_sys::Function;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask, catch)]
    fn queue_microtask(callback: &Function) -> Result<(), JsValue>;
}

/// Calls `function` as soon as the module has returned. What it throws is the page's, and reported as such.
pub(crate) fn call(function: &Function, argument: &JsValue) {
    later(&function.bind1(&JsValue::UNDEFINED, argument));
}

/// The same with two arguments.
pub(crate) fn call_with_two(function: &Function, first: &JsValue, second: &JsValue) {
    later(&function.bind2(&JsValue::UNDEFINED, first, second));
}

fn later(bound: &Function) {
    // Refused only by a page that is going away.
    let _ = queue_microtask(bound);
}
