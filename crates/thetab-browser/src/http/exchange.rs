use std::{future::Future, ops::Range, pin::pin};

use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, Request, RequestInit, Response};

use crate::failure::LastWill;

/// An origin that is silent for this long is not going to answer.
const MAX_SILENCE_MS: u32 = 10_000;

/// Why nothing, or not all of it, could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The browser got no answer, or does not let this page see it.
    #[error("no answer")]
    Network,
    /// Nothing came for too long.
    #[error("the answer stalled")]
    Stalled,
    /// The answer is an error.
    #[error("status {0}")]
    Status(u16),
    /// It ended too soon.
    #[error("the answer ended before it was complete")]
    Short,
    /// It is longer than it can be.
    #[error("the answer is too long")]
    Long,
    /// It is not what was asked for.
    #[error("the answer does not decode")]
    Content,
}

impl HttpError {
    /// Whether the origin is well, and just has nothing of use: asking others of it again is no burden.
    pub(crate) fn is_an_answer(&self) -> bool {
        match self {
            HttpError::Status(status) => *status < 500 && *status != 429,
            HttpError::Long | HttpError::Content => true,
            HttpError::Network | HttpError::Stalled | HttpError::Short => false,
        }
    }
}

/// One request and its answer; aborted when dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    controller: AbortController,
    _will: Option<LastWill>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

impl Exchange {
    pub(super) fn new() -> Result<Exchange, HttpError> {
        let controller = AbortController::new().or(Err(HttpError::Network))?;
        let will = LastWill::method(&controller, "abort");
        Ok(Exchange { controller, _will: will })
    }

    /// Gets `url`, or a range of it.
    pub(super) async fn get(&self, url: &str, range: Option<Range<u32>>) -> Result<Answer, HttpError> {
        let init = RequestInit::new();
        if let Some(range) = range {
            let value = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            self.set_header(&init, "range", &value)?;
        }
        self.send(url, &init).await
    }

    /// Posts a JSON text to `url`.
    pub(super) async fn post_json(&self, url: &str, text: &str) -> Result<Answer, HttpError> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&text.into());
        self.set_header(&init, "content-type", "application/json")?;
        self.send(url, &init).await
    }

    fn set_header(&self, init: &RequestInit, name: &str, value: &str) -> Result<(), HttpError> {
        let headers = Headers::new().or(Err(HttpError::Network))?;
        headers.set(name, value).or(Err(HttpError::Network))?;
        init.set_headers(&headers);
        Ok(())
    }

    async fn send(&self, url: &str, init: &RequestInit) -> Result<Answer, HttpError> {
        init.set_signal(Some(&self.controller.signal()));
        let request = Request::new_with_str_and_init(url, init).or(Err(HttpError::Network))?;
        let window = web_sys::window().ok_or(HttpError::Network)?;
        let answer = in_time(JsFuture::from(window.fetch_with_request(&request))).await?;
        let response: Response = answer.or(Err(HttpError::Network))?.unchecked_into();
        if response.ok() { Ok(Answer { response }) } else { Err(HttpError::Status(response.status())) }
    }
}

/// A good answer whose body was not read yet.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
}

impl Answer {
    /// Whether it is the range that was asked for, and not everything.
    pub(super) fn is_partial(&self) -> bool {
        self.response.status() == 206
    }

    pub(super) fn body(&self) -> Result<Body, HttpError> {
        let stream = self.response.body().ok_or(HttpError::Short)?;
        let reader = ReadableStreamDefaultReader::new(&stream).or(Err(HttpError::Network))?;
        Ok(Body { reader })
    }
}

/// A body as it arrives.
#[derive(Debug)]
pub(super) struct Body {
    reader: ReadableStreamDefaultReader,
}

impl Body {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&self) -> Result<Option<Uint8Array>, HttpError> {
        let read = in_time(JsFuture::from(self.reader.read())).await?.or(Err(HttpError::Network))?;
        let field = |name: &str| Reflect::get(&read, &JsValue::from_str(name)).or(Err(HttpError::Network));
        if field("done")?.is_truthy() {
            return Ok(None);
        }
        field("value")?.dyn_into().map(Some).or(Err(HttpError::Network))
    }

    /// All of it, if it is at most `limit_bytes` long.
    pub(super) async fn read_all(&self, limit_bytes: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next().await? {
            if bytes.len() + chunk.length() as usize > limit_bytes {
                return Err(HttpError::Long);
            }
            bytes.extend(chunk.to_vec());
        }
        Ok(bytes)
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, HttpError> {
    match select(pin!(future), TimeoutFuture::new(MAX_SILENCE_MS)).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => Err(HttpError::Stalled),
    }
}
