//! Makes a stream of a video file: a ladder of renditions by ffmpeg, hashed, signed and moved into the store.
//!
//! Promises: a file that cannot be used leaves nothing behind but its error; a stream appears whole or not
//! at all; a name that is taken stays as it is unless it is to be replaced. An already packaged stream
//! needs no ffmpeg.

mod encode;
mod ladder;
mod master;
mod packaged;
mod probe;

use std::{
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use thetab_relay::{Kind, MadeFolders, PackageError, PackagedSource, check_name, publish_packaged};

/// What to publish, where and how.
#[derive(Clone, Debug)]
pub(crate) struct PublishOptions {
    /// Folder of keys and streams.
    pub(crate) data: PathBuf,
    /// What to take.
    pub(crate) source: Source,
    /// Name in URLs.
    pub(crate) name: String,
    /// Title for people.
    pub(crate) title: String,
    /// Whether it is played as an endless live stream.
    pub(crate) looped: bool,
    /// Whether a stream of the same name gives way.
    pub(crate) replace: bool,
}

/// Where a stream comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A video file, to be cut into segments of this many seconds.
    File {
        /// Which file.
        path: PathBuf,
        /// Length of a segment.
        segment_seconds: u32,
    },
    /// A packaged CMAF HLS folder or .tar.
    Packaged {
        /// Which.
        path: PathBuf,
    },
}

/// A stream that was published.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Its name in URLs.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) manifest: thetab_relay::Manifest,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PublishError {
    /// ffmpeg or ffprobe cannot be started.
    #[error(
        "{program} is needed to convert a video and was not found; install it (Debian, Ubuntu: `apt install ffmpeg`; \
         Fedora: `dnf install ffmpeg-free`; macOS: `brew install ffmpeg`), or publish an already packaged stream with --packaged"
    )]
    Missing {
        /// Which program.
        program: &'static str,
    },
    /// The file is not there or cannot be opened.
    #[error("{path} cannot be opened")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no video that can be used.
    #[error("{path} cannot be published: {problem}")]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder or program of our own failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The packaged form is not what the store takes.
    #[error(transparent)]
    Package(#[from] PackageError),
}

impl PublishError {
    fn unsupported(path: &Path, problem: impl Into<String>) -> PublishError {
        PublishError::Unsupported { path: path.to_path_buf(), problem: problem.into() }
    }

    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> PublishError {
        let what = what.into();
        move |source| PublishError::Io { what, source }
    }
}

/// Publishes one stream. Dropping the future stops ffmpeg and removes what was written so far.
///
/// # Errors
/// [`PublishError`]; the store is then as it was.
pub(crate) async fn publish(options: PublishOptions) -> Result<Published, PublishError> {
    check_name(&options.data, &options.name, options.replace)?;
    match &options.source {
        Source::File { path, segment_seconds } => {
            let media = probe::probe(path).await?;
            let ladder = ladder::Ladder::new(&media, *segment_seconds)
                .map_err(|problem| PublishError::unsupported(path, problem))?;
            let streams = options.data.join("streams");
            let _folders = MadeFolders::make(&streams)
                .map_err(PublishError::io(format!("{} cannot be made", streams.display())))?;
            let staging = tempfile::Builder::new().prefix(".encoding-").tempdir_in(&streams);
            let staging =
                staging.map_err(PublishError::io(format!("{} cannot be written to", streams.display())))?;
            encode::encode(path, &ladder, staging.path()).await?;
            master::write(path, &ladder, staging.path())?;
            store(&options, staging.path())
        }
        Source::Packaged { path } => packaged::with_packaged(path, |folder| store(&options, folder)),
    }
}

fn store(options: &PublishOptions, folder: &Path) -> Result<Published, PublishError> {
    let source = PackagedSource {
        folder,
        name: &options.name,
        title: &options.title,
        kind: if options.looped { running_loop() } else { Kind::Vod },
        replace: options.replace,
    };
    let manifest = publish_packaged(&options.data, &source)?;
    Ok(Published { name: options.name.clone(), manifest })
}

/// A loop that began a while ago, so that its window is full from the first viewer on.
fn running_loop() -> Kind {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Kind::Loop { started_unix_ms: now_ms.saturating_sub(60_000) }
}
