use futures::channel::oneshot;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{Event, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransactionMode};

use super::sealing::Sealed;

const DATABASE: &str = "thetab";
const STORE: &str = "keys";
const ACCOUNT: &str = "account";

/// The origin's own database; closed when dropped.
#[derive(Debug)]
pub(super) struct Database {
    database: IdbDatabase,
}

impl Database {
    /// Opens it, making it on the first visit.
    pub(super) async fn open() -> Result<Database, JsValue> {
        let factory = web_sys::window().ok_or(JsValue::NULL)?.indexed_db()?.ok_or(JsValue::NULL)?;
        let request = factory.open_with_u32(DATABASE, 1)?;
        let making = request.clone();
        let make = Closure::once(move |_: Event| {
            if let Ok(Ok(database)) = making.result().map(JsValue::dyn_into::<IdbDatabase>) {
                // Refused only where the opening fails as well.
                let _ = database.create_object_store(STORE);
            }
        });
        request.set_onupgradeneeded(Some(make.as_ref().unchecked_ref()));
        let opened = done(&request).await;
        request.set_onupgradeneeded(None);
        Ok(Database { database: opened?.dyn_into()? })
    }

    /// The stored account key, if there is one.
    pub(super) async fn read(&self) -> Result<Option<Sealed>, JsValue> {
        let store = self.store(IdbTransactionMode::Readonly)?;
        Ok(Sealed::from_stored(done(&store.get(&ACCOUNT.into())?).await?))
    }

    /// Stores `sealed` unless there is a key by now; gives what is stored.
    pub(super) async fn add(&self, sealed: &Sealed) -> Result<Sealed, JsValue> {
        let store = self.store(IdbTransactionMode::Readwrite)?;
        let added = store.add_with_key(sealed.as_stored(), &ACCOUNT.into())?;
        match done(&added).await {
            Ok(_) => Ok(sealed.clone()),
            Err(error) => self.read().await?.ok_or(error),
        }
    }

    fn store(&self, mode: IdbTransactionMode) -> Result<IdbObjectStore, JsValue> {
        self.database.transaction_with_str_and_mode(STORE, mode)?.object_store(STORE)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.database.close();
    }
}

/// Waits for a request's result.
async fn done(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let (sender, settled) = oneshot::channel();
    let on_event = Closure::once(move |event: Event| {
        event.prevent_default();
        // Nobody waits any more when the node was closed meanwhile.
        let _ = sender.send(event.type_() == "success");
    });
    let function = Some(on_event.as_ref().unchecked_ref());
    request.set_onsuccess(function);
    request.set_onerror(function);
    let succeeded = settled.await.unwrap_or(false);
    request.set_onsuccess(None);
    request.set_onerror(None);
    if succeeded { request.result() } else { Err(JsValue::NULL) }
}
