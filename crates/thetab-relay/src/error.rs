//! What an HTTP client reads when something is refused.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// An error of the JSON API: `{"error":{"code","message"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Stable name.
    pub(crate) code: &'static str,
    /// What happened and what to do.
    pub(crate) message: String,
    /// Seconds to wait before the next try.
    pub(crate) retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// An error that waiting does not mend.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), retry_after_seconds: None }
    }

    /// No such stream.
    pub(crate) fn stream_not_found(name: &str) -> ApiError {
        let name: String = name.chars().take(64).collect();
        let message =
            format!("this relay has no stream called `{name}`; see /api/v1/streams for those it has");
        ApiError::new(StatusCode::NOT_FOUND, "stream_not_found", message)
    }

    /// No such file of a stream.
    pub(crate) fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
    }

    /// Too many requests.
    pub(crate) fn rate_limited(retry_after_seconds: u64) -> ApiError {
        let message = format!("too many requests from this address; try again in {retry_after_seconds} s");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        ApiError { retry_after_seconds: Some(retry_after_seconds), ..error }
    }

    /// Too many connections.
    pub(crate) fn busy() -> ApiError {
        let error = ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the relay is at its limit; try again soon",
        );
        ApiError { retry_after_seconds: Some(2), ..error }
    }

    /// Something of our own went wrong; the log says what.
    pub(crate) fn internal() -> ApiError {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the relay could not read this stream; its log says why",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
