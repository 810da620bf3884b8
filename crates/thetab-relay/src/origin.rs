//! The HTTP origin: playlists, segments with ranges, and the records beside them.

use std::{io, path::PathBuf, sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::{
    error::ApiError,
    http::App,
    live::{self, Window},
    records::{self, RecordsError},
    store::Presentation,
};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const VOD_PLAYLIST: &str = "public, max-age=60";
const LIVE: &str = "no-cache";

/// `GET /media/<name>/master.m3u8`
pub(crate) async fn master(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let presentation = find(&app, &name)?;
    let path = presentation.folder.join("master.m3u8");
    file(path, "application/vnd.apple.mpegurl", VOD_PLAYLIST, request).await
}

/// `GET /media/<name>/r<N>/<file>`
pub(crate) async fn rendition_file(
    State(app): State<Arc<App>>,
    Path((name, rendition, file_name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let presentation = find(&app, &name)?;
    let id = rendition_id(&presentation, &rendition)?;
    let folder = presentation.folder.join(format!("r{id}"));
    let window = live::window(&presentation.manifest, app.now_unix_ms());
    if file_name == "index.m3u8" {
        return match window {
            Some(window) => Ok(live_playlist(&presentation, id, window)),
            None if presentation.manifest.is_live() => Err(ApiError::not_found()),
            None => {
                file(folder.join("index.m3u8"), "application/vnd.apple.mpegurl", VOD_PLAYLIST, request).await
            }
        };
    }
    if file_name == "init.mp4" {
        return file(folder.join("init.mp4"), "video/mp4", IMMUTABLE, request).await;
    }
    let sequence: u64 = file_name
        .strip_suffix(".m4s")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(ApiError::not_found)?;
    let stored = match window {
        Some(window) if (window.first.saturating_sub(window.count)..=window.last).contains(&sequence) => {
            sequence % window.count
        }
        None if !presentation.manifest.is_live() => sequence,
        _ => return Err(ApiError::not_found()),
    };
    file(folder.join(format!("{stored}.m4s")), "video/iso.segment", IMMUTABLE, request).await
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordsQuery {
    after: Option<u64>,
}

/// `GET /media/<name>/r<N>/records/<page>.bin`
pub(crate) async fn record_page(
    State(app): State<Arc<App>>,
    Path((name, rendition, page)): Path<(String, String, String)>,
    Query(query): Query<RecordsQuery>,
) -> Result<Response, ApiError> {
    let presentation = find(&app, &name)?;
    let id = rendition_id(&presentation, &rendition)?;
    let page = page.strip_suffix(".bin").ok_or_else(ApiError::not_found)?;
    let number: Option<u64> = page.parse().ok();
    if number.is_none() && page != "init" {
        return Err(ApiError::not_found());
    }
    let folder = presentation.folder.join(format!("r{id}"));
    let found = match (number, presentation.manifest.is_live()) {
        (Some(number), true) => match live::window(&presentation.manifest, app.now_unix_ms()) {
            Some(window) => app.live_records.page(&presentation, id, number, window, query.after),
            None => Err(RecordsError::Missing),
        },
        (Some(number), false) => records::stored_page(&folder, &number.to_string(), query.after),
        (None, _) => records::stored_page(&folder, "init", None),
    };
    let bytes = found.map_err(|error| records_error(&error))?;
    let cache = if presentation.manifest.is_live() && number.is_some() { LIVE } else { VOD_PLAYLIST };
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

fn live_playlist(presentation: &Presentation, id: u16, window: Window) -> Response {
    let Some(rendition) = presentation.manifest.renditions.get(usize::from(id)) else {
        return ApiError::not_found().into_response();
    };
    let headers = [(header::CONTENT_TYPE, "application/vnd.apple.mpegurl"), (header::CACHE_CONTROL, LIVE)];
    (headers, live::playlist(rendition, window)).into_response()
}

fn find(app: &App, name: &str) -> Result<Arc<Presentation>, ApiError> {
    app.store.find(name).ok_or_else(|| ApiError::stream_not_found(name))
}

fn rendition_id(presentation: &Presentation, text: &str) -> Result<u16, ApiError> {
    let id = text.strip_prefix('r').and_then(|digits| digits.parse::<u16>().ok());
    id.filter(|id| usize::from(*id) < presentation.manifest.renditions.len()).ok_or_else(ApiError::not_found)
}

/// Serves one file with ranges and an ETag of its size and time.
async fn file(
    path: PathBuf,
    content_type: &'static str,
    cache_control: &'static str,
    request: Request<Body>,
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
    let etag = HeaderValue::from_str(&etag).expect("hexadecimal digits are a header value");
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let unchanged =
        known.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|value| {
            let value = value.trim();
            value == "*" || value.trim_start_matches("W/").as_bytes() == etag.as_bytes()
        });
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ServeFile::new(&path).oneshot(request).await.expect("serving a file is infallible").into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(header::ETAG, etag);
    Ok(response)
}
