//! The relay's HTTP side: origin, JSON API, health, metrics and the web app.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts, Request, State, rejection::JsonRejection},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use ed25519_dalek::SigningKey;
use libp2p::{Multiaddr, PeerId};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use thetab_swarm::tracker::Input;
use thetab_wire::{Encode as _, PresentationId, SealKey, SessionKey, ticket::JoinTicket};
use tower_http::{
    cors::{Any, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{
    access, app,
    error::ApiError,
    limits::{self, Client, Limits},
    metrics::Metrics,
    network::{TrackerInputs, ViewerCounts},
    origin,
    records::LiveRecords,
    store::{Presentation, Store},
};

/// How long a join ticket lasts.
const TICKET_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// Most links that a ticket allows.
const TICKET_LINKS: u16 = 16;
const MAX_BODY_SIZE_BYTES: usize = 4 * 1024;
/// Longest time that the API takes over an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A path's parts, or an error in words.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub(crate) struct Path<T>(pub(crate) T);

/// A query's fields, or an error in words.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub(crate) struct Query<T>(pub(crate) T);

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<Store>,
    pub(crate) signing: SigningKey,
    pub(crate) live_records: LiveRecords,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    pub(crate) limits: Arc<Limits>,
    pub(crate) peer_id: PeerId,
    pub(crate) addresses: Arc<RwLock<Vec<Multiaddr>>>,
    pub(crate) stun: Vec<String>,
    pub(crate) minimum_viewers: u32,
    pub(crate) viewers: ViewerCounts,
    pub(crate) tracker: TrackerInputs,
}

impl App {
    pub(crate) fn now_unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Every route, with limits, counters and headers around them.
pub(crate) fn router(app: Arc<App>, web: Option<&std::path::Path>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::RANGE])
        .expose_headers([header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ETAG, header::RETRY_AFTER])
        .max_age(Duration::from_secs(86_400));
    let wrong_method = || async { ApiError::method() };
    let media = Router::new().route("/media/{name}/{*path}", get(origin::media));
    let api = Router::new()
        .route("/api/v1/relay", get(relay))
        .route("/api/v1/streams", get(streams))
        .route("/api/v1/streams/{name}", get(stream))
        .route("/api/v1/streams/{name}/ticket", post(ticket))
        .route("/api/{*rest}", get(|| async { ApiError::not_found() }))
        .layer(middleware::from_fn(in_time));
    let open = media.merge(api).method_not_allowed_fallback(wrong_method).layer(cors);
    let operator = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(wrong_method);
    let nosniff = (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let counters = Arc::new(app.metrics.clone());
    let limits = app.limits.clone();
    open.layer(DefaultBodyLimit::max(MAX_BODY_SIZE_BYTES))
        .merge(operator)
        .with_state(app)
        .merge(app::router(web))
        .layer(SetResponseHeaderLayer::if_not_present(nosniff.0, nosniff.1))
        .layer(middleware::from_fn_with_state(limits, limits::enforce))
        .layer(middleware::from_fn_with_state(counters, access::count))
}

/// Middleware: an answer that takes too long is an error in words.
async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answer.unwrap_or_else(|_| ApiError::late().into_response())
}

#[derive(Debug, Serialize)]
struct RelayInfo {
    version: &'static str,
    peer_id: String,
    addresses: Vec<String>,
    stun: Vec<String>,
    minimum_viewers: u32,
}

async fn relay(State(app): State<Arc<App>>) -> impl IntoResponse {
    let addresses = app.addresses.read().expect("nothing panics while it holds the lock");
    let info = RelayInfo {
        version: env!("CARGO_PKG_VERSION"),
        peer_id: app.peer_id.to_string(),
        addresses: addresses.iter().map(Multiaddr::to_string).collect(),
        stun: app.stun.clone(),
        minimum_viewers: app.minimum_viewers,
    };
    uncached(Json(info))
}

/// What a page needs to know about a stream.
#[derive(Debug, Serialize)]
struct StreamInfo {
    name: String,
    title: String,
    live: bool,
    duration_seconds: Option<f64>,
    presentation: PresentationText,
    publisher: String,
    media_base: String,
    playlist: String,
    viewers: u32,
    renditions: Vec<RenditionInfo>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct PresentationText(String);

impl From<PresentationId> for PresentationText {
    fn from(id: PresentationId) -> PresentationText {
        PresentationText(id.to_string())
    }
}

#[derive(Debug, Serialize)]
struct RenditionInfo {
    id: u16,
    #[serde(rename = "type")]
    media: crate::store::Media,
    width: u32,
    height: u32,
    bandwidth_bps: u64,
    codecs: String,
}

fn describe(app: &App, presentation: &Presentation) -> StreamInfo {
    let manifest = &presentation.manifest;
    let media_base = presentation.media_base();
    let renditions = manifest.renditions.iter().map(|rendition| RenditionInfo {
        id: rendition.id,
        media: rendition.media,
        width: rendition.width,
        height: rendition.height,
        bandwidth_bps: rendition.bandwidth_bps,
        codecs: rendition.codecs.clone(),
    });
    StreamInfo {
        name: presentation.name.clone(),
        title: manifest.title.clone(),
        live: manifest.is_live(),
        duration_seconds: (!manifest.is_live()).then(|| manifest.duration_ms() as f64 / 1000.0),
        presentation: presentation.id.into(),
        publisher: app.store.publisher().to_string(),
        playlist: format!("{media_base}master.m3u8"),
        media_base,
        viewers: app.viewers.of(&presentation.id),
        renditions: renditions.collect(),
    }
}

async fn streams(State(app): State<Arc<App>>) -> impl IntoResponse {
    let streams: Vec<StreamInfo> = app.store.list().iter().map(|found| describe(&app, found)).collect();
    uncached(Json(serde_json::json!({ "streams": streams })))
}

async fn stream(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = app.store.find(&name).ok_or_else(|| ApiError::stream_not_found(&name))?;
    Ok(uncached(Json(describe(&app, &found))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketRequest {
    session_key: String,
    seal_key: String,
}

async fn ticket(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Extension(Client(address)): Extension<Client>,
    body: Result<Json<TicketRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    app.limits.ticket(address)?;
    let found = app.store.find(&name).ok_or_else(|| ApiError::stream_not_found(&name))?;
    let Json(request) = body?;
    let expected = |field: &str| ApiError::bad_request(format!("`{field}` must be 64 hexadecimal digits"));
    let session: SessionKey = request.session_key.parse().or(Err(expected("session_key")))?;
    let seal: SealKey = request.seal_key.parse().or(Err(expected("seal_key")))?;
    let ticket = JoinTicket {
        presentation: found.id,
        session,
        seal,
        expires_unix_seconds: app.now_unix_ms() / 1000 + TICKET_LIFETIME.as_secs(),
        maximum_links: TICKET_LINKS,
    };
    // A stream that was published a moment ago is known to the tracker before anyone joins with its ticket.
    app.tracker.send(Input::Presentation { presentation: found.id, publisher: app.store.publisher() }).await;
    app.metrics.tickets.inc();
    let signed = hex::encode(ticket.sign(&app.signing).encode());
    Ok(uncached(Json(serde_json::json!({ "ticket": signed }))))
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.registry)
        .expect("writing to a string cannot fail");
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

fn uncached(response: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], response).into_response()
}
