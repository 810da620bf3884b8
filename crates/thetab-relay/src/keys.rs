//! The relay's secrets on disk: created on first use with mode 0600, refused when others can read them.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use libp2p::identity::Keypair;
use libp2p_webrtc::tokio::Certificate;
use rand_core::{OsRng, RngCore as _};
use thetab_wire::PublisherKey;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("key file {path} cannot be read or written")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner can read it.
    #[error("key file {path} can be read by others; run: chmod 600 {path:?}")]
    Permissions {
        /// Which file.
        path: PathBuf,
    },
    /// It does not hold a key of this kind.
    #[error(
        "key file {path} does not hold {expected}; restore it from a backup, or move it away to make a new one"
    )]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
}

/// The keys of one data folder, `<data>/keys`.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// The keys under the data folder `data`. Nothing is read or made yet.
    pub fn new(data: &Path) -> Keys {
        Keys { folder: data.join("keys") }
    }

    /// The key that signs this relay's records and tickets.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn publisher(&self) -> Result<SigningKey, KeyError> {
        Ok(SigningKey::from_bytes(&self.seed("publisher.key")?))
    }

    /// The relay's libp2p identity.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn identity(&self) -> Result<Keypair, KeyError> {
        Ok(Keypair::ed25519_from_bytes(self.seed("relay.key")?).expect("any 32 bytes are an Ed25519 seed"))
    }

    /// The DTLS certificate of the WebRTC listener; kept, or the relay's address would change at each start.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn certificate(&self) -> Result<Certificate, KeyError> {
        let path = self.folder.join("webrtc.pem");
        let fresh = || Certificate::generate(&mut rand::rng()).map(|made| made.serialize_pem().into_bytes());
        let pem = read_or_create(&path, || fresh().map_err(io::Error::other))?;
        let content = KeyError::Content { path, expected: "a certificate with its key in PEM" };
        String::from_utf8(pem).ok().and_then(|pem| Certificate::from_pem(&pem).ok()).ok_or(content)
    }

    fn seed(&self, name: &str) -> Result<[u8; 32], KeyError> {
        let path = self.folder.join(name);
        let text = read_or_create(&path, || {
            let mut seed = [0; 32];
            OsRng.fill_bytes(&mut seed);
            Ok(hex::encode(seed).into_bytes())
        })?;
        let mut seed = [0; 32];
        let content = KeyError::Content { path, expected: "64 hexadecimal digits" };
        hex::decode_to_slice(text.trim_ascii(), &mut seed).or(Err(content))?;
        Ok(seed)
    }
}

/// The public half of a publisher's key.
pub fn publisher_key(signing: &SigningKey) -> PublisherKey {
    PublisherKey(signing.verifying_key().to_bytes())
}

fn read_or_create(path: &Path, make: impl FnOnce() -> io::Result<Vec<u8>>) -> Result<Vec<u8>, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_path_buf(), source };
    match fs::metadata(path) {
        Ok(metadata) if readable_by_others(&metadata) => {
            Err(KeyError::Permissions { path: path.to_path_buf() })
        }
        Ok(_) => fs::read(path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let content = make().map_err(failed)?;
            create(path, &content).map_err(failed)?;
            Ok(content)
        }
        Err(error) => Err(failed(error)),
    }
}

fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("key files lie in the keys folder");
    fs::create_dir_all(folder)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600);
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn readable_by_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn readable_by_others(_metadata: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_to_their_owner() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::new(data.path());
        let first = (keys.publisher().unwrap(), keys.identity().unwrap().public());
        let certificate = keys.certificate().unwrap().fingerprint();
        assert_eq!((keys.publisher().unwrap(), keys.identity().unwrap().public()), first);
        assert_eq!(keys.certificate().unwrap().fingerprint(), certificate);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = data.path().join("keys/relay.key");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(keys.identity(), Err(KeyError::Permissions { .. })));
        }
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("keys/publisher.key");
        create(&path, b"not a key").unwrap();
        assert!(matches!(Keys::new(data.path()).publisher(), Err(KeyError::Content { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }
}
