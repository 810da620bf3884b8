//! The account key: one Ed25519 key that stays when the page goes, on the relay's own origin.
//!
//! It lies in IndexedDB, sealed with AES-GCM under a `CryptoKey` that cannot be exported: a copy of the
//! storage does not open it. Nothing signs with it yet; the page shows its fingerprint.

use std::rc::Rc;

use ed25519_dalek::SigningKey;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CryptoKey, IdbDatabase, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransactionMode, SubtleCrypto,
};
use zeroize::Zeroizing;

use crate::host::Shared;

const DATABASE: &str = "thetab";
const STORE: &str = "account";
const RECORD: &str = "key";
const NONCE_SIZE_BYTES: usize = 12;
/// Bytes of the key's hash that a fingerprint shows.
const FINGERPRINT_SIZE_BYTES: usize = 4;

/// Opens or makes the account key and shows its fingerprint. Without storage (private windows) there is none.
pub(crate) fn open(shared: Rc<Shared>) {
    wasm_bindgen_futures::spawn_local(async move {
        if let Ok(key) = open_key().await {
            let hash = blake3::hash(key.verifying_key().as_bytes());
            let fingerprint = hex::encode(&hash.as_bytes()[..FINGERPRINT_SIZE_BYTES]);
            *shared.identity.borrow_mut() = Some(fingerprint);
            shared.show();
        }
    });
}

async fn open_key() -> Result<SigningKey, JsValue> {
    let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
    let subtle = window.crypto()?.subtle();
    let database = open_database(&window.indexed_db()?.ok_or(JsValue::UNDEFINED)?).await?;
    let stored = done(&store(&database, IdbTransactionMode::Readonly)?.get(&RECORD.into())?).await?;
    if stored.is_object() {
        return unseal(&subtle, &stored).await;
    }
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).or(Err(JsValue::UNDEFINED))?;
    let record = seal(&subtle, &secret).await?;
    // Two tabs may come here at once: the first one's key stays, and both use it.
    let kept = store(&database, IdbTransactionMode::Readwrite)?.add_with_key(&record, &RECORD.into())?;
    if done(&kept).await.is_ok() {
        return Ok(SigningKey::from_bytes(&secret));
    }
    let stored = done(&store(&database, IdbTransactionMode::Readonly)?.get(&RECORD.into())?).await?;
    unseal(&subtle, &stored).await
}

async fn open_database(factory: &web_sys::IdbFactory) -> Result<IdbDatabase, JsValue> {
    let request = factory.open_with_u32(DATABASE, 1)?;
    let opened = request.clone();
    let on_upgrade = Closure::once(move |_: JsValue| {
        let database = opened.result().ok().and_then(|result| result.dyn_into::<IdbDatabase>().ok());
        if let Some(database) = database {
            // Fails only when the store exists, which an upgrade from nothing rules out.
            let _ = database.create_object_store(STORE);
        }
    });
    request.set_onupgradeneeded(Some(on_upgrade.as_ref().unchecked_ref()));
    let opened = done(request.unchecked_ref::<IdbOpenDbRequest>()).await;
    request.set_onupgradeneeded(None);
    opened?.dyn_into()
}

fn store(database: &IdbDatabase, mode: IdbTransactionMode) -> Result<IdbObjectStore, JsValue> {
    database.transaction_with_str_and_mode(STORE, mode)?.object_store(STORE)
}

/// What a request comes to.
async fn done(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let ended = JsFuture::from(promise).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    ended?;
    request.result()
}

fn algorithm(nonce: &Uint8Array) -> Result<Object, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"AES-GCM".into())?;
    Reflect::set(&algorithm, &"iv".into(), nonce)?;
    Ok(algorithm)
}

/// Seals the secret under a fresh key that cannot be exported.
async fn seal(subtle: &SubtleCrypto, secret: &[u8; 32]) -> Result<JsValue, JsValue> {
    let kind = Object::new();
    Reflect::set(&kind, &"name".into(), &"AES-GCM".into())?;
    Reflect::set(&kind, &"length".into(), &256.into())?;
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let key: CryptoKey =
        JsFuture::from(subtle.generate_key_with_object(&kind, false, &usages)?).await?.dyn_into()?;
    let mut nonce = [0; NONCE_SIZE_BYTES];
    getrandom::fill(&mut nonce).or(Err(JsValue::UNDEFINED))?;
    let nonce = Uint8Array::from(&nonce[..]);
    let sealed =
        JsFuture::from(subtle.encrypt_with_object_and_u8_array(&algorithm(&nonce)?, &key, secret)?).await?;
    let record = Object::new();
    for (name, value) in [("key", key.into()), ("nonce", nonce.into()), ("sealed", sealed)] {
        Reflect::set(&record, &name.into(), &value)?;
    }
    Ok(record.into())
}

async fn unseal(subtle: &SubtleCrypto, record: &JsValue) -> Result<SigningKey, JsValue> {
    let part = |name: &str| Reflect::get(record, &name.into());
    let key: CryptoKey = part("key")?.dyn_into()?;
    let algorithm = algorithm(&part("nonce")?.dyn_into()?)?;
    let sealed: Object = part("sealed")?.dyn_into()?;
    let opened =
        JsFuture::from(subtle.decrypt_with_object_and_buffer_source(&algorithm, &key, &sealed)?).await?;
    let secret = Zeroizing::new(Uint8Array::new(&opened).to_vec());
    let secret: Zeroizing<[u8; 32]> =
        Zeroizing::new(secret.as_slice().try_into().or(Err(JsValue::UNDEFINED))?);
    Ok(SigningKey::from_bytes(&secret))
}
