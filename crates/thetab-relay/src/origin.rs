//! The HTTP origin: playlists, segments with ranges, and the records beside them.

use std::{io, path::PathBuf, sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::{
    error::ApiError,
    http::{App, Path, Query},
    live::{self, Window},
    media_path::{MediaFile, MediaPath},
    records::{self, RecordsError},
    store::Presentation,
};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const VOD_PLAYLIST: &str = "public, max-age=60";
const LIVE: &str = "no-cache";
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct RecordsQuery {
    after: Option<u64>,
}

/// `GET /media/<name>/<path>`
pub(crate) async fn media(
    State(app): State<Arc<App>>,
    Path((name, path)): Path<(String, String)>,
    Query(query): Query<RecordsQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let current = app.store.find(&name).ok_or_else(|| ApiError::stream_not_found(&name))?;
    let path = MediaPath::parse(&path).ok_or_else(ApiError::not_found)?;
    if path == (MediaPath { revision: 0, file: MediaFile::Master }) && current.revision > 0 {
        return Ok(moved_to(&current));
    }
    let presentation = if path.revision == current.revision {
        current
    } else {
        app.store.find_revision(&name, path.revision).ok_or_else(ApiError::not_found)?
    };
    let window = live::window(&presentation.manifest, app.now_unix_ms());
    match path.file {
        MediaFile::Master => {
            file(presentation.folder.join("master.m3u8"), PLAYLIST_TYPE, VOD_PLAYLIST, request).await
        }
        MediaFile::Playlist { rendition } => playlist(&presentation, rendition, window, request).await,
        MediaFile::Init { rendition } => {
            file(folder_of(&presentation, rendition)?.join("init.mp4"), "video/mp4", IMMUTABLE, request).await
        }
        MediaFile::Segment { rendition, sequence } => {
            let stored = stored_sequence(&presentation, window, sequence)?;
            let path = folder_of(&presentation, rendition)?.join(format!("{stored}.m4s"));
            file(path, "video/iso.segment", IMMUTABLE, request).await
        }
        MediaFile::Records { rendition, page } => {
            record_page(&app, &presentation, rendition, page, window, query.after)
        }
    }
}

/// A player that knows nothing of revisions goes on from the one that counts.
fn moved_to(current: &Presentation) -> Response {
    let location = format!("{}master.m3u8", current.media_base());
    let headers = [(header::LOCATION, location.as_str()), (header::CACHE_CONTROL, "no-cache")];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

async fn playlist(
    presentation: &Presentation,
    rendition: u16,
    window: Option<Window>,
    request: Request,
) -> Result<Response, ApiError> {
    let folder = folder_of(presentation, rendition)?;
    match window {
        Some(window) => live_playlist(presentation, rendition, window),
        None if presentation.manifest.is_live() => Err(ApiError::not_found()),
        None => file(folder.join("index.m3u8"), PLAYLIST_TYPE, VOD_PLAYLIST, request).await,
    }
}

fn live_playlist(presentation: &Presentation, id: u16, window: Window) -> Result<Response, ApiError> {
    let rendition = presentation.manifest.renditions.get(usize::from(id)).ok_or_else(ApiError::not_found)?;
    let headers = [(header::CONTENT_TYPE, PLAYLIST_TYPE), (header::CACHE_CONTROL, LIVE)];
    Ok((headers, live::playlist(rendition, window)).into_response())
}

/// Which stored segment a media sequence is: itself, or for a loop one that is not far behind the window.
fn stored_sequence(
    presentation: &Presentation,
    window: Option<Window>,
    sequence: u64,
) -> Result<u64, ApiError> {
    match window {
        Some(window) if (window.first.saturating_sub(window.count)..=window.last).contains(&sequence) => {
            Ok(sequence % window.count)
        }
        None if !presentation.manifest.is_live() => Ok(sequence),
        _ => Err(ApiError::not_found()),
    }
}

fn record_page(
    app: &App,
    presentation: &Presentation,
    rendition: u16,
    page: Option<u64>,
    window: Option<Window>,
    after: Option<u64>,
) -> Result<Response, ApiError> {
    let folder = folder_of(presentation, rendition)?;
    let found = match (page, presentation.manifest.is_live()) {
        (Some(page), true) => match window {
            Some(window) => app.live_records.page(presentation, rendition, page, window, after),
            None => Err(RecordsError::Missing),
        },
        (Some(page), false) => records::stored_page(&folder, &page.to_string(), after),
        (None, _) => records::stored_page(&folder, "init", None),
    };
    let bytes = found.map_err(|error| records_error(&error))?;
    let cache = if presentation.manifest.is_live() && page.is_some() { LIVE } else { VOD_PLAYLIST };
    let headers = [(header::CONTENT_TYPE, "application/vnd.thetab.records"), (header::CACHE_CONTROL, cache)];
    Ok((headers, bytes).into_response())
}

fn records_error(error: &RecordsError) -> ApiError {
    match error {
        RecordsError::Missing => ApiError::not_found(),
        error => {
            tracing::error!(%error, "a stream on disk is damaged; publish it again");
            ApiError::internal()
        }
    }
}

fn folder_of(presentation: &Presentation, rendition: u16) -> Result<PathBuf, ApiError> {
    let exists = usize::from(rendition) < presentation.manifest.renditions.len();
    if exists { Ok(presentation.folder.join(format!("r{rendition}"))) } else { Err(ApiError::not_found()) }
}

/// Serves one file with ranges and an ETag of its size and time.
async fn file(
    path: PathBuf,
    content_type: &'static str,
    cache_control: &'static str,
    mut request: Request<Body>,
) -> Result<Response, ApiError> {
    let metadata = match tokio::fs::metadata(&path).await {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ApiError::not_found()),
        Err(error) => {
            tracing::error!(%error, "a stream's file cannot be read");
            return Err(ApiError::internal());
        }
    };
    let since = metadata.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let etag = format!("\"{:x}-{:x}\"", metadata.len(), since.unwrap_or_default().as_nanos());
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let mut response = if known.into_iter().any(|value| matches_etag(value.as_bytes(), &etag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        if !wants_range(request.headers(), &etag) {
            request.headers_mut().remove(header::RANGE);
        }
        ServeFile::new(&path).oneshot(request).await.expect("serving a file is infallible").into_response()
    };
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(ApiError::range(metadata.len()).into_response());
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    let etag = HeaderValue::from_str(&etag).expect("hexadecimal digits are a header value");
    headers.insert(header::ETAG, etag);
    Ok(response)
}

/// Whether an `If-None-Match` names `etag`.
pub(crate) fn matches_etag(header: &[u8], etag: &str) -> bool {
    header
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .any(|value| value == b"*" || value.strip_prefix(b"W/").unwrap_or(value) == etag.as_bytes())
}

/// Whether the range that is asked for counts: one range of bytes, of the file as it is now. Otherwise the whole is sent.
fn wants_range(headers: &HeaderMap, etag: &str) -> bool {
    let same = headers.get(header::IF_RANGE).is_none_or(|validator| validator.as_bytes() == etag.as_bytes());
    let one =
        |range: &HeaderValue| range.as_bytes().starts_with(b"bytes=") && !range.as_bytes().contains(&b',');
    same && headers.get(header::RANGE).is_some_and(one)
}
