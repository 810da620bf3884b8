use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bytes::Bytes;
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use thetab_swarm::{Delivery, RequestId};
use thetab_wire::SegmentId;
use wasm_bindgen::JsValue;

use crate::{clock::Clock, error::NodeError, failure::LastWill};

/// Segments that the page waits for. Each promise is settled exactly once, by whatever comes first.
#[derive(Clone, Debug)]
pub(crate) struct Loads {
    clock: Clock,
    open: Rc<RefCell<BTreeMap<RequestId, Load>>>,
}

#[derive(Debug)]
struct Load {
    segment: SegmentId,
    progressed_ms: f64,
    resolve: Function,
    reject: Function,
    _will: LastWill,
}

impl Loads {
    /// None yet.
    pub(crate) fn new(clock: Clock) -> Loads {
        Loads { clock, open: Rc::default() }
    }

    /// Begins to wait. `None` when `request` is open already.
    pub(crate) fn begin(&self, request: RequestId, segment: SegmentId) -> Option<Promise> {
        if self.open.borrow().contains_key(&request) {
            return None;
        }
        let progressed_ms = self.clock.now_ms();
        Some(Promise::new(&mut |resolve, reject| {
            let _will = LastWill::reject(reject.clone());
            let load = Load { segment, progressed_ms, resolve, reject, _will };
            self.open.borrow_mut().insert(request, load);
        }))
    }

    /// Hands a segment out, in memory of its own.
    pub(crate) fn deliver(&self, request: RequestId, pieces: &[Bytes], delivery: Delivery) {
        if let Some(load) = self.take(request) {
            let segment = loaded_segment(pieces, delivery);
            // A promise's own function does not throw.
            let _ = load.resolve.call1(&JsValue::UNDEFINED, &segment);
        }
    }

    /// Says that the segment does not come.
    pub(crate) fn refuse(&self, request: RequestId, error: NodeError) {
        if let Some(load) = self.take(request) {
            load.refuse(error);
        }
    }

    /// Says so to everybody.
    pub(crate) fn refuse_all(&self, error: &NodeError) {
        for load in self.open.take().into_values() {
            load.refuse(error.clone());
        }
    }

    /// Bytes of `segment` came in; of any segment, without one.
    pub(crate) fn progressed(&self, segment: Option<SegmentId>) {
        let now_ms = self.clock.now_ms();
        for load in self.open.borrow_mut().values_mut() {
            if segment.is_none_or(|segment| segment == load.segment) {
                load.progressed_ms = now_ms;
            }
        }
    }

    /// How long nothing came in for a request; for ever when it is over.
    pub(crate) fn idle_ms(&self, request: RequestId) -> f64 {
        let open = self.open.borrow();
        open.get(&request).map_or(f64::INFINITY, |load| self.clock.now_ms() - load.progressed_ms)
    }

    fn take(&self, request: RequestId) -> Option<Load> {
        self.open.borrow_mut().remove(&request)
    }
}

impl Load {
    fn refuse(self, error: NodeError) {
        // A promise's own function does not throw.
        let _ = self.reject.call1(&JsValue::UNDEFINED, &error.into());
    }
}

/// A `LoadedSegment`: the store goes on sharing `pieces`, so the page gets a copy.
fn loaded_segment(pieces: &[Bytes], delivery: Delivery) -> JsValue {
    let size_bytes: usize = pieces.iter().map(Bytes::len).sum();
    let data = Uint8Array::new_with_length(size_bytes as u32);
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.len() as u32;
        data.subarray(start, end).copy_from(piece);
        start = end;
    }
    let fields: [(&str, JsValue); 4] = [
        ("data", data.buffer().into()),
        ("peerBytes", (delivery.peer_bytes as f64).into()),
        ("originBytes", (delivery.origin_bytes as f64).into()),
        ("wasStored", delivery.was_stored.into()),
    ];
    let object = Object::new();
    for (name, value) in fields {
        // A fresh object takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}
