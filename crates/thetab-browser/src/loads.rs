//! Segments that the player waits for.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bytes::Bytes;
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use thetab_swarm::{Delivery, RequestId};
use wasm_bindgen::JsValue;

use crate::{error::NodeError, failure::LastWill};

/// One promise that a page holds.
#[derive(Debug)]
struct Load {
    resolve: Function,
    reject: Function,
    since_ms: f64,
    /// Rejects it should the module die.
    _will: LastWill,
}

/// Every open promise, by the player's request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loads(Rc<RefCell<BTreeMap<RequestId, Load>>>);

impl Loads {
    /// A promise of the segment that `request` names. A number that is open already counts for the later one.
    pub(crate) fn begin(&self, request: RequestId, now_ms: f64) -> Promise {
        self.reject(request, NodeError::Abandoned);
        Promise::new(&mut |resolve, reject: Function| {
            let _will = LastWill::reject(reject.clone());
            self.0.borrow_mut().insert(request, Load { resolve, reject, since_ms: now_ms, _will });
        })
    }

    /// Keeps the promise: the bytes are copied, because the node goes on sharing its own.
    pub(crate) fn deliver(&self, request: RequestId, pieces: &[Bytes], delivery: Delivery) {
        let load = self.0.borrow_mut().remove(&request);
        if let Some(load) = load {
            // A promise's own function does not throw.
            let _ = load.resolve.call1(&JsValue::UNDEFINED, &segment(pieces, delivery));
        }
    }

    /// Breaks the promise.
    pub(crate) fn reject(&self, request: RequestId, why: NodeError) {
        let load = self.0.borrow_mut().remove(&request);
        if let Some(load) = load {
            let _ = load.reject.call1(&JsValue::UNDEFINED, &why.into());
        }
    }

    /// Breaks all of them.
    pub(crate) fn reject_all(&self, why: &NodeError) {
        let requests: Vec<RequestId> = self.0.borrow().keys().copied().collect();
        requests.into_iter().for_each(|request| self.reject(request, why.clone()));
    }

    /// When the request was made, in milliseconds of the node's clock.
    pub(crate) fn since_ms(&self, request: RequestId) -> Option<f64> {
        self.0.borrow().get(&request).map(|load| load.since_ms)
    }
}

fn segment(pieces: &[Bytes], delivery: Delivery) -> JsValue {
    let size_bytes: usize = pieces.iter().map(Bytes::len).sum();
    let data = Uint8Array::new_with_length(u32::try_from(size_bytes).unwrap_or(u32::MAX));
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.len() as u32;
        data.subarray(start, end).copy_from(piece);
        start = end;
    }
    let object = Object::new();
    for (name, value) in [
        ("data", data.buffer().into()),
        ("peerBytes", JsValue::from(delivery.peer_bytes as f64)),
        ("originBytes", JsValue::from(delivery.origin_bytes as f64)),
        ("wasStored", JsValue::from(delivery.was_stored)),
    ] {
        // A fresh object takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}
