//! Counts what is really sent, and logs it at `debug`: path, status, bytes and user agent, never an address.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::{Metrics, ServedKind, ServedLabels};

/// One response on its way; accounts for itself when its body ends or is dropped.
struct Served {
    metrics: Metrics,
    kind: ServedKind,
    path: String,
    user_agent: String,
    status: u16,
    bytes: u64,
    /// Its place among the answers in progress.
    _permit: Option<Permit>,
}

/// A place among the answers in progress, on its way to the body that holds it.
pub(crate) type Permit = Arc<OwnedSemaphorePermit>;

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
    let mut response = next.run(request).await;
    let (kind, status) = (kind_of(&path), response.status().as_u16());
    let _permit = response.extensions_mut().remove::<Permit>();
    let metrics = metrics.as_ref().clone();
    let served = Served { metrics, kind, path, user_agent, status, bytes: 0, _permit };
    response.map(|body| Body::new(Counted { body, served }))
}

/// A body that is counted as it leaves.
struct Counted {
    body: Body,
    served: Served,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.served.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
