//! Presentations on disk: `<data>/streams/<name>/` with a `stream.json` beside the playlists and segments.
//!
//! A presentation appears by one rename, so that neither a reader nor a crash ever sees half of one. What replaces it is
//! its next revision, in the folder `@1`, `@2`, … below; the file `current`, replaced by one rename as well, says which
//! counts. A revision has an id and addresses of its own: peers and caches never take one for the other. The one before
//! stays, for those who are watching it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use thetab_wire::{PresentationId, PublisherKey};

/// What `stream.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// For people.
    pub title: String,
    /// How it is played.
    pub kind: Kind,
    /// Its renditions, in the order of their ids.
    pub renditions: Vec<Rendition>,
}

/// How a presentation is played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// From its start to its end, by each viewer for itself.
    Vod,
    /// Over and over, live, since this Unix time in milliseconds.
    Loop {
        /// When its first segment began to play.
        started_unix_ms: u64,
    },
}

/// One rendition of a presentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendition {
    /// Index in the presentation; its folder is `r<id>`.
    pub id: u16,
    /// Video or audio.
    #[serde(rename = "type")]
    pub media: Media,
    /// Picture width in pixels; zero for audio.
    pub width: u32,
    /// Picture height in pixels; zero for audio.
    pub height: u32,
    /// Peak rate in bits a second.
    pub bandwidth_bps: u64,
    /// RFC 6381 codecs.
    pub codecs: String,
    /// Playing time of each segment, in milliseconds.
    pub segment_durations_ms: Vec<u32>,
}

/// What a rendition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Manifest {
    /// Reads a `stream.json`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when renditions are missing, misnumbered or of different lengths.
    pub fn from_json(json: &[u8]) -> io::Result<Manifest> {
        let manifest: Manifest = serde_json::from_slice(json)?;
        let counts_agree = manifest
            .renditions
            .windows(2)
            .all(|pair| pair[0].segment_durations_ms.len() == pair[1].segment_durations_ms.len());
        let mut numbered = manifest.renditions.iter().enumerate();
        let ids_agree = numbered.all(|(index, rendition)| usize::from(rendition.id) == index);
        if manifest.renditions.is_empty() || manifest.duration_ms() == 0 || !counts_agree || !ids_agree {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "renditions are missing or do not agree"));
        }
        Ok(manifest)
    }

    /// Playing time of one pass, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.renditions
            .first()
            .map_or(0, |first| first.segment_durations_ms.iter().copied().map(u64::from).sum())
    }

    /// Whether new segments keep appearing.
    pub fn is_live(&self) -> bool {
        matches!(self.kind, Kind::Loop { .. })
    }
}

/// One presentation of the store.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// Its name in URLs.
    pub name: String,
    /// How often the name was given to something else before.
    pub revision: u64,
    /// Its id on the wire.
    pub id: PresentationId,
    /// Its folder.
    pub folder: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
}

impl Presentation {
    /// Where its media begins in URLs.
    pub(crate) fn media_base(&self) -> String {
        match self.revision {
            0 => format!("/media/{}/", self.name),
            revision => format!("/media/{}/@{revision}/", self.name),
        }
    }
}

/// Whether `name` can be a presentation's name: 1 to 64 of a-z, 0-9 and -.
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// The folder of a revision below its name's.
pub(crate) fn revision_folder(named: &Path, revision: u64) -> PathBuf {
    if revision == 0 { named.to_path_buf() } else { named.join(format!("@{revision}")) }
}

/// Which revision counts in the folder of a name.
pub(crate) fn current_revision(named: &Path) -> u64 {
    fs::read_to_string(named.join("current")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// What a revision is called on the wire: no name has an @ in it.
pub(crate) fn presentation_id(publisher: &PublisherKey, name: &str, revision: u64) -> PresentationId {
    match revision {
        0 => PresentationId::new(publisher, name),
        revision => PresentationId::new(publisher, &format!("{name}@{revision}")),
    }
}

/// The presentations of one data folder. Newly published ones are seen without a restart.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    publisher: PublisherKey,
    loaded: Mutex<BTreeMap<PathBuf, (SystemTime, Arc<Presentation>)>>,
}

impl Store {
    /// The store under the data folder `data`, whose presentations `publisher` signs.
    pub fn new(data: &Path, publisher: PublisherKey) -> Store {
        Store { folder: data.join("streams"), publisher, loaded: Mutex::default() }
    }

    /// Whose presentations these are.
    pub fn publisher(&self) -> PublisherKey {
        self.publisher
    }

    /// The presentation called `name`; `None` when there is none, or none that can be read.
    pub fn find(&self, name: &str) -> Option<Arc<Presentation>> {
        if !is_name(name) {
            return None;
        }
        self.load(name, current_revision(&self.folder.join(name)))
    }

    /// One revision of the presentation called `name`: the one that counts, or the one before.
    pub(crate) fn find_revision(&self, name: &str, revision: u64) -> Option<Arc<Presentation>> {
        is_name(name).then(|| self.load(name, revision)).flatten()
    }

    fn load(&self, name: &str, revision: u64) -> Option<Arc<Presentation>> {
        let folder = revision_folder(&self.folder.join(name), revision);
        let file = folder.join("stream.json");
        let Ok(modified) = fs::metadata(&file).and_then(|metadata| metadata.modified()) else {
            self.lock().remove(&folder);
            return None;
        };
        if let Some((at, presentation)) = self.lock().get(&folder)
            && *at == modified
        {
            return Some(presentation.clone());
        }
        let manifest = read_manifest(&file)
            .inspect_err(
                |error| tracing::warn!(stream = name, %error, "stream.json cannot be used; publish it again"),
            )
            .ok()?;
        let (name, id) = (name.to_owned(), presentation_id(&self.publisher, name, revision));
        let presentation = Arc::new(Presentation { name, revision, id, folder: folder.clone(), manifest });
        self.lock().insert(folder, (modified, presentation.clone()));
        Some(presentation)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (SystemTime, Arc<Presentation>)>> {
        self.loaded.lock().expect("nothing panics while it holds the lock")
    }

    /// Every presentation, by name.
    pub fn list(&self) -> Vec<Arc<Presentation>> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names.iter().filter_map(|name| self.find(name)).collect()
    }
}

fn read_manifest(file: &Path) -> io::Result<Manifest> {
    Manifest::from_json(&fs::read(file)?)
}
