//! Takes a packaged CMAF HLS folder into the store: checks it, signs it, and moves it in with one rename.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use m3u8_rs::{AlternativeMediaType, MasterPlaylist, MediaPlaylist};
use thetab_wire::{PIECE_SIZE_BYTES, record::MAX_PIECES};

use crate::{
    folders::MadeFolders,
    keys::{KeyError, Keys, publisher_key},
    records::{RecordsError, write_records},
    store::{Kind, Manifest, Media, Rendition, current_revision, is_name, presentation_id, revision_folder},
};

/// No conversion that is still going on left its folder alone for this long.
const ABANDONED: Duration = Duration::from_secs(3 * 24 * 60 * 60);
const MAX_SEGMENT_SIZE_BYTES: u64 = (MAX_PIECES * PIECE_SIZE_BYTES) as u64;

/// What to take in.
#[derive(Clone, Debug)]
pub struct PackagedSource<'a> {
    /// A folder with `master.m3u8` and `r0/`, `r1/`, …, each with `index.m3u8`, `init.mp4` and `0.m4s`, `1.m4s`, ….
    pub folder: &'a Path,
    /// The presentation's name in URLs.
    pub name: &'a str,
    /// Its title for people.
    pub title: &'a str,
    /// How it is played.
    pub kind: Kind,
    /// Whether a presentation of the same name gives way.
    pub replace: bool,
}

/// Why a packaged folder is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The name cannot stand in a URL.
    #[error("`{0}` is not a stream name; use 1 to 64 of a-z, 0-9 and -")]
    Name(String),
    /// The name is taken.
    #[error("a stream called `{0}` exists already; choose another name, or pass --replace")]
    Taken(String),
    /// The folder does not hold what it should.
    #[error("{path}: {problem}")]
    Layout {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A segment cannot be signed.
    #[error("a segment cannot be signed")]
    Records(#[from] RecordsError),
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Refuses a name that is no name or is taken.
///
/// # Errors
/// [`PackageError::Name`], [`PackageError::Taken`]
pub fn check_name(data: &Path, name: &str, replace: bool) -> Result<(), PackageError> {
    if !is_name(name) {
        return Err(PackageError::Name(name.to_owned()));
    }
    if !replace && data.join("streams").join(name).exists() {
        return Err(PackageError::Taken(name.to_owned()));
    }
    Ok(())
}

/// Copies the folder into the store of `data`, signed. Nothing is left behind when it fails.
///
/// # Errors
/// [`PackageError`]
pub fn publish_packaged(data: &Path, source: &PackagedSource<'_>) -> Result<Manifest, PackageError> {
    check_name(data, source.name, source.replace)?;
    let manifest = Manifest {
        title: source.title.to_owned(),
        kind: source.kind,
        renditions: read_renditions(source.folder)?,
    };
    check_files(source.folder, &manifest)?;
    let streams = data.join("streams");
    let _folders = MadeFolders::make(&streams).map_err(io_error(&streams))?;
    remove_abandoned(&streams);
    let signing = Keys::new(data).publisher()?;
    let target = streams.join(source.name);
    let revision = if target.exists() { current_revision(&target).saturating_add(1) } else { 0 };
    let presentation = presentation_id(&publisher_key(&signing), source.name, revision);
    let staging =
        tempfile::Builder::new().prefix(".publishing-").tempdir_in(&streams).map_err(io_error(&streams))?;
    fill(staging.path(), source.folder, &manifest, |folder, rendition| {
        Ok(write_records(folder, rendition.id, &rendition.segment_durations_ms, &presentation, &signing)?)
    })?;
    if revision == 0 {
        move_in(staging, &target, source.name)?
    } else {
        move_in_revision(staging, &target, revision)?
    }
    Ok(manifest)
}

/// Removes what publishers left that were killed, or whose machine went down, days ago.
fn remove_abandoned(streams: &Path) {
    for entry in fs::read_dir(streams).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_work = [".publishing-", ".encoding-"].iter().any(|prefix| name.starts_with(prefix));
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if is_work && age > ABANDONED {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The files of one rendition, as the layout calls them.
fn file_names(rendition: &Rendition) -> impl Iterator<Item = String> {
    let segments = (0..rendition.segment_durations_ms.len()).map(|sequence| format!("{sequence}.m4s"));
    ["index.m3u8".to_owned(), "init.mp4".to_owned()].into_iter().chain(segments)
}

/// Looks at every file before anything is made or copied.
fn check_files(folder: &Path, manifest: &Manifest) -> Result<(), PackageError> {
    for rendition in &manifest.renditions {
        for name in file_names(rendition) {
            let path = folder.join(format!("r{}", rendition.id)).join(name);
            match fs::metadata(&path).map_err(io_error(&path))?.len() {
                0 => return Err(layout(&path, "is empty")),
                size if size > MAX_SEGMENT_SIZE_BYTES => {
                    return Err(layout(&path, "is larger than 16 MiB; cut shorter segments"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Copies playlists and segments, has each rendition's folder signed, and writes the manifest.
fn fill(
    staging: &Path,
    from: &Path,
    manifest: &Manifest,
    sign: impl Fn(&Path, &Rendition) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    copy_file(from, staging, "master.m3u8")?;
    for rendition in &manifest.renditions {
        let name = format!("r{}", rendition.id);
        let (from, to) = (from.join(&name), staging.join(&name));
        fs::create_dir(&to).map_err(io_error(&to))?;
        for file in file_names(rendition) {
            copy_file(&from, &to, &file)?;
        }
        sign(&to, rendition)?;
    }
    let json = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    let file = staging.join("stream.json");
    fs::write(&file, json).map_err(io_error(&file))
}

/// The first revision of a name: the folder appears by one rename. One that was published meanwhile stays.
fn move_in(staging: tempfile::TempDir, target: &Path, name: &str) -> Result<(), PackageError> {
    open_to_all(staging.path())?;
    fs::rename(staging.path(), target).map_err(|error| match error.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
            PackageError::Taken(name.to_owned())
        }
        _ => io_error(target)(error),
    })?;
    let _ = staging.keep();
    Ok(())
}

/// A later revision: its folder is put beside the one that counts, then one rename says that this one counts.
fn move_in_revision(staging: tempfile::TempDir, target: &Path, revision: u64) -> Result<(), PackageError> {
    let folder = revision_folder(target, revision);
    // Left by a publisher that ended between the two renames.
    let _ = fs::remove_dir_all(&folder);
    open_to_all(staging.path())?;
    fs::rename(staging.path(), &folder).map_err(io_error(&folder))?;
    let _ = staging.keep();
    let current = target.join("current");
    let written = tempfile::NamedTempFile::new_in(target).and_then(|mut file| {
        io::Write::write_all(&mut file, revision.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        open_file_to_all(file.path())?;
        Ok(file.persist(&current)?)
    });
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&folder);
        return Err(io_error(&current)(error));
    }
    remove_before(target, revision.saturating_sub(1));
    Ok(())
}

/// Removes every revision before `oldest`. What cannot be removed is tried again the next time.
fn remove_before(target: &Path, oldest: u64) {
    for entry in fs::read_dir(target).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let revision = name.strip_prefix('@').and_then(|digits| digits.parse::<u64>().ok());
        let obsolete = match revision {
            Some(revision) => revision < oldest,
            None => oldest > 0 && name != "current",
        };
        if obsolete {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// Temporary folders are their owner's alone; a relay may run as somebody else.
fn open_to_all(folder: &Path) -> Result<(), PackageError> {
    set_mode(folder, 0o755).map_err(io_error(folder))
}

fn open_file_to_all(file: &Path) -> io::Result<()> {
    set_mode(file, 0o644)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

fn copy_file(from: &Path, to: &Path, name: &str) -> Result<(), PackageError> {
    let path = from.join(name);
    fs::copy(&path, to.join(name)).map(drop).map_err(io_error(&path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> PackageError {
    let path = path.to_path_buf();
    move |source| PackageError::Io { path: path.clone(), source }
}

fn layout(path: &Path, problem: impl Into<String>) -> PackageError {
    PackageError::Layout { path: path.to_path_buf(), problem: problem.into() }
}

fn read_renditions(folder: &Path) -> Result<Vec<Rendition>, PackageError> {
    let path = folder.join("master.m3u8");
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    let mut renditions = read_master(&bytes).map_err(|problem| layout(&path, problem))?;
    for rendition in &mut renditions {
        let path = folder.join(format!("r{}/index.m3u8", rendition.id));
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        rendition.segment_durations_ms = read_media(&bytes).map_err(|problem| layout(&path, problem))?;
    }
    let shortest = renditions.iter().map(|rendition| rendition.segment_durations_ms.len()).min().unwrap_or(0);
    if shortest == 0 {
        return Err(layout(&path, "names no rendition with segments"));
    }
    if renditions.iter().any(|rendition| rendition.segment_durations_ms.len() != shortest) {
        return Err(layout(&path, "its renditions do not have the same number of segments"));
    }
    Ok(renditions)
}

/// The renditions that a master playlist names, without their segments.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_master(bytes: &[u8]) -> Result<Vec<Rendition>, String> {
    let (_, master) = m3u8_rs::parse_master_playlist(bytes).or(Err("is not a master playlist"))?;
    let mut renditions = described(&master)?;
    renditions.sort_by_key(|rendition| rendition.id);
    let numbered = renditions.iter().enumerate().all(|(index, rendition)| usize::from(rendition.id) == index);
    if numbered { Ok(renditions) } else { Err("its renditions must be r0, r1, r2, … without a gap".into()) }
}

/// The playing times of a media playlist's segments, in milliseconds.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_media(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let (_, playlist): (_, MediaPlaylist) =
        m3u8_rs::parse_media_playlist(bytes).or(Err("is not a media playlist"))?;
    let mut durations = Vec::with_capacity(playlist.segments.len());
    for (index, segment) in playlist.segments.iter().enumerate() {
        if segment.uri != format!("{index}.m4s") {
            return Err(format!("segment {index} should be called {index}.m4s, not {}", segment.uri));
        }
        durations.push((segment.duration * 1000.0).round() as u32);
    }
    Ok(durations)
}

fn described(master: &MasterPlaylist) -> Result<Vec<Rendition>, String> {
    let blank = |uri: &str, media| {
        let id = uri
            .strip_prefix('r')
            .and_then(|rest| rest.strip_suffix("/index.m3u8"))
            .and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| format!("`{uri}` should read r<number>/index.m3u8"))?;
        Ok::<_, String>(Rendition {
            id,
            media,
            width: 0,
            height: 0,
            bandwidth_bps: 0,
            codecs: String::new(),
            segment_durations_ms: Vec::new(),
        })
    };
    let mut renditions: Vec<Rendition> = Vec::new();
    for variant in &master.variants {
        let resolution = variant.resolution.ok_or_else(|| format!("`{}` has no RESOLUTION", variant.uri))?;
        let codecs = variant.codecs.clone().ok_or_else(|| format!("`{}` has no CODECS", variant.uri))?;
        let video = blank(&variant.uri, Media::Video)?;
        let pixels = |length: u64| u32::try_from(length).or(Err(format!("`{}` is too large", variant.uri)));
        let (width, height) = (pixels(resolution.width)?, pixels(resolution.height)?);
        renditions.push(Rendition { width, height, bandwidth_bps: variant.bandwidth, codecs, ..video });
    }
    for alternative in &master.alternatives {
        if let (AlternativeMediaType::Audio, Some(uri)) = (&alternative.media_type, &alternative.uri) {
            renditions.push(Rendition { codecs: "mp4a.40.2".to_owned(), ..blank(uri, Media::Audio)? });
        }
    }
    renditions.dedup_by_key(|rendition| rendition.id);
    Ok(renditions)
}
