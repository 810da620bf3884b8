use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};
use zeroize::Zeroizing;

const NONCE_SIZE_BYTES: usize = 12;
const PURPOSE: &[u8] = b"thetab account key 1";

/// The account's seed as it is stored: a key that cannot be exported, and what it sealed.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    object: Object,
}

impl Sealed {
    /// Seals `seed` under a fresh key.
    pub(super) async fn new(seed: &[u8; 32]) -> Result<Sealed, JsValue> {
        let algorithm = object(&[("name", "AES-GCM".into()), ("length", 256.into())])?;
        let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
        let is_extractable = false;
        let subtle = subtle()?;
        let made = subtle.generate_key_with_object(&algorithm, is_extractable, &usages)?;
        let key: CryptoKey = JsFuture::from(made).await?.dyn_into()?;
        let mut nonce = [0; NONCE_SIZE_BYTES];
        getrandom::fill(&mut nonce).or(Err(JsValue::NULL))?;
        let nonce = Uint8Array::from(&nonce[..]);
        let sealing = subtle.encrypt_with_object_and_u8_array(&gcm(&nonce)?, &key, seed)?;
        let sealed = JsFuture::from(sealing).await?;
        let object = object(&[("key", key.into()), ("nonce", nonce.into()), ("sealed", sealed)])?;
        Ok(Sealed { object })
    }

    /// What storage gave back; whether it opens is another matter.
    pub(super) fn from_stored(stored: JsValue) -> Option<Sealed> {
        stored.dyn_into().ok().map(|object| Sealed { object })
    }

    /// What to store.
    pub(super) fn as_stored(&self) -> &JsValue {
        &self.object
    }

    /// Opens the seed.
    pub(super) async fn open(&self) -> Result<Zeroizing<[u8; 32]>, JsValue> {
        let field = |name: &str| Reflect::get(&self.object, &name.into());
        let key: CryptoKey = field("key")?.dyn_into()?;
        let nonce: Uint8Array = field("nonce")?.dyn_into()?;
        let sealed: ArrayBuffer = field("sealed")?.dyn_into()?;
        let opening =
            subtle()?.decrypt_with_object_and_buffer_source(&gcm(&nonce)?, &key, sealed.unchecked_ref())?;
        let opened = Uint8Array::new(&JsFuture::from(opening).await?);
        let mut seed = Zeroizing::new([0; 32]);
        if opened.length() as usize != seed.len() {
            return Err(JsValue::NULL);
        }
        opened.copy_to(&mut *seed);
        opened.fill(0, 0, opened.length());
        Ok(seed)
    }
}

fn gcm(nonce: &Uint8Array) -> Result<Object, JsValue> {
    let purpose = Uint8Array::from(PURPOSE);
    object(&[("name", "AES-GCM".into()), ("iv", nonce.into()), ("additionalData", purpose.into())])
}

fn object(fields: &[(&str, JsValue)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object)
}

/// `undefined` away from HTTPS and localhost.
fn subtle() -> Result<SubtleCrypto, JsValue> {
    let crypto = web_sys::window().ok_or(JsValue::NULL)?.crypto()?;
    Reflect::get(&crypto, &"subtle".into())?.dyn_into()
}
