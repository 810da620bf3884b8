//! The account key: one Ed25519 key for this relay's pages, kept from visit to visit.
//!
//! It lies in IndexedDB, sealed with AES-GCM under a `CryptoKey` that the browser does not export: a copy of
//! the storage is worth nothing by itself. A script on this origin can still have it used; that is why the
//! key is opened on the relay's own pages only, and why nothing but a fingerprint leaves this module.

mod database;
mod sealing;

use ed25519_dalek::SigningKey;
use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

use self::{database::Database, sealing::Sealed};
use crate::{
    inputs::{Event, Inputs},
    task::Task,
};

/// Hexadecimal digits in one group of a fingerprint, and groups.
const GROUP_DIGITS: usize = 4;
const GROUPS: usize = 4;

/// Opens the account key, making one on the first visit, and reports its fingerprint. Where storage or
/// cryptography is missing (private windows, plain HTTP) there is none, and nothing is reported.
pub(crate) fn open(inputs: Inputs) -> Task {
    Task::spawn(async move {
        if let Ok(key) = open_key().await {
            inputs.send(Event::Identity(fingerprint(&key)));
        }
    })
}

async fn open_key() -> Result<SigningKey, JsValue> {
    let database = Database::open().await?;
    let sealed = match database.read().await? {
        Some(sealed) => sealed,
        // Another tab may have been faster: its key counts.
        None => database.add(&Sealed::new(&*fresh_seed()?).await?).await?,
    };
    Ok(SigningKey::from_bytes(&*sealed.open().await?))
}

fn fresh_seed() -> Result<Zeroizing<[u8; 32]>, JsValue> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).or(Err(JsValue::NULL))?;
    Ok(seed)
}

/// What a person compares: 16 hexadecimal digits of the hash of the public key.
fn fingerprint(key: &SigningKey) -> String {
    let hash = blake3::hash(key.verifying_key().as_bytes()).to_hex();
    let groups: Vec<&str> =
        (0..GROUPS).filter_map(|group| hash.get(group * GROUP_DIGITS..(group + 1) * GROUP_DIGITS)).collect();
    groups.join("-")
}
