use std::future::Future;

use futures::future::{AbortHandle, Abortable};
use wasm_bindgen_futures::spawn_local;

/// Something that goes on beside the rest, and is dropped with this.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Begins `future`.
    pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Task {
        let (handle, registration) = AbortHandle::new_pair();
        let abortable = Abortable::new(future, registration);
        spawn_local(async move {
            // Aborted or done: either way it is over.
            let _ = abortable.await;
        });
        Task(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
