//! What an HTTP client reads when something is refused.

use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
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
    /// Size of the file whose range cannot be.
    pub(crate) size_bytes: Option<u64>,
}

impl ApiError {
    /// An error that waiting does not mend.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), retry_after_seconds: None, size_bytes: None }
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

    /// The request is not what belongs here.
    pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// The address is right and the method is not.
    pub(crate) fn method() -> ApiError {
        let message = "this address does not take this method; see the Allow header";
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
    }

    /// The range lies outside the file, or is none.
    pub(crate) fn range(size_bytes: u64) -> ApiError {
        let message = format!("the range lies outside the file, which has {size_bytes} bytes");
        let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", message);
        ApiError { size_bytes: Some(size_bytes), ..error }
    }

    /// The answer took too long.
    pub(crate) fn late() -> ApiError {
        let message = "the relay did not have an answer in time; try again soon";
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "late", message);
        ApiError { retry_after_seconds: Some(2), ..error }
    }

    /// Too many requests.
    pub(crate) fn rate_limited(retry_after_seconds: u64) -> ApiError {
        let message = format!("too many requests from this address; try again in {retry_after_seconds} s");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        ApiError { retry_after_seconds: Some(retry_after_seconds), ..error }
    }

    /// Too many answers in progress.
    pub(crate) fn busy() -> ApiError {
        ApiError::busy_with("the relay is at its limit; try again soon")
    }

    /// Too many connections.
    pub(crate) fn busy_with(message: &str) -> ApiError {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
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

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> ApiError {
        let message = rejection.body_text();
        match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "too_large", message),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::new(status, "bad_request", message),
            _ => ApiError::bad_request(message),
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> ApiError {
        ApiError::bad_request(rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> ApiError {
        ApiError::bad_request(rejection.body_text())
    }
}

impl ApiError {
    /// The body that says it.
    pub(crate) fn body(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "code": self.code, "message": self.message } })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(range) =
            self.size_bytes.and_then(|size| HeaderValue::try_from(format!("bytes */{size}")).ok())
        {
            headers.insert(header::CONTENT_RANGE, range);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // A page of any origin may read why, also when a limit answers before the route.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        response
    }
}
