//! Counts what is really sent, and logs it at `debug`: path, status, bytes and user agent, never an address.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures::StreamExt as _;

use crate::metrics::{Metrics, ServedKind, ServedLabels};

/// One response on its way; accounts for itself when its body ends or is dropped.
struct Served {
    metrics: Metrics,
    kind: ServedKind,
    path: String,
    user_agent: String,
    status: u16,
    bytes: u64,
}

impl Drop for Served {
    fn drop(&mut self) {
        let labels = ServedLabels { kind: self.kind };
        self.metrics.origin_requests.get_or_create(&labels).inc();
        self.metrics.origin_bytes.get_or_create(&labels).inc_by(self.bytes);
        tracing::debug!(
            target: "thetab_relay::access",
            path = self.path,
            status = self.status,
            bytes = self.bytes,
            kind = self.kind.as_str(),
            user_agent = self.user_agent,
        );
    }
}

/// Middleware: counts the bytes of each response body as they leave.
pub(crate) async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.unwrap_or_default().to_owned();
    let response = next.run(request).await;
    let (kind, status) = (kind_of(&path), response.status().as_u16());
    let mut served = Served { metrics: metrics.as_ref().clone(), kind, path, user_agent, status, bytes: 0 };
    let (parts, body) = response.into_parts();
    let counted = body.into_data_stream().map(move |chunk: Result<Bytes, axum::Error>| {
        // The whole account moves into the closure, and is settled when the closure is dropped.
        let served = &mut served;
        served.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        chunk
    });
    Response::from_parts(parts, Body::from_stream(counted))
}

fn kind_of(path: &str) -> ServedKind {
    let Some(media) = path.strip_prefix("/media/") else {
        return if path.starts_with("/api/") { ServedKind::api } else { ServedKind::app };
    };
    match media.rsplit('.').next() {
        Some("m3u8") => ServedKind::playlist,
        Some("bin") => ServedKind::record,
        _ => ServedKind::media,
    }
}
