use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use futures::future::{AbortHandle, Abortable};
use wasm_bindgen_futures::spawn_local;

use crate::failure;

/// Something that goes on beside the rest, and is dropped with this.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Begins `future`.
    pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Task {
        let (handle, registration) = AbortHandle::new_pair();
        let abortable = Abortable::new(future, registration);
        go_on(async move {
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

/// Begins `future` and lets go of it: it ends by itself, or rests for ever once the module is dead. What others left
/// half done then is not to be touched.
pub(crate) fn go_on(future: impl Future<Output = ()> + 'static) {
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    spawn_local(poll_fn(
        move |context| {
            if failure::is_dead() { Poll::Pending } else { future.as_mut().poll(context) }
        },
    ));
}
