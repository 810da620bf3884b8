//! `fetch`: tickets, pages of records and ranges of segments.
//!
//! A body is read up to what was asked for and no further, and given up when it stalls.

use std::{cell::RefCell, ops::Range, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::Either};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Reflect, Uint8Array};
use thetab_node::Input;
use thetab_swarm::FetchId;
use thetab_wire::{
    Decode as _, SealKey, SegmentId, SegmentKind, SessionKey, record::RecordPage, ticket::SignedTicket,
};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader, Request, RequestInit, Response, Window};

use crate::{clock::Clock, inputs::Inputs, options::Options};

/// A response or a further chunk that takes longer does not come.
const STALL: Duration = Duration::from_secs(10);
const MAX_JSON_SIZE_BYTES: usize = 64 * 1024;

/// Why nothing came of a request. What it was is in the browser's own network log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpFailed;

impl From<JsValue> for HttpFailed {
    fn from(_: JsValue) -> HttpFailed {
        HttpFailed
    }
}

/// Media bytes read from the origin, and for how long anything was being read.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    reading: u32,
    since_ms: f64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Milliseconds during which at least one body was being read.
    pub(crate) ms: f64,
}

impl Meter {
    fn new(clock: Clock) -> Meter {
        Meter { clock, reading: 0, since_ms: 0.0, bytes: 0, ms: 0.0 }
    }

    fn advance(&mut self) {
        let now_ms = self.clock.now_ms();
        if self.reading > 0 {
            self.ms += now_ms - self.since_ms;
        }
        self.since_ms = now_ms;
    }
}

/// One body being read, for the meter; over when this is dropped.
struct Reading(Rc<RefCell<Meter>>);

impl Reading {
    fn begin(meter: &Rc<RefCell<Meter>>) -> Reading {
        meter.borrow_mut().advance();
        meter.borrow_mut().reading += 1;
        Reading(meter.clone())
    }

    fn read(&self, size_bytes: usize) {
        let mut meter = self.0.borrow_mut();
        meter.advance();
        meter.bytes += size_bytes as u64;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut meter = self.0.borrow_mut();
        meter.advance();
        meter.reading = meter.reading.saturating_sub(1);
    }
}

/// The relay's API and the origin, as one node uses them.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    window: Window,
    options: Rc<Options>,
    meter: Rc<RefCell<Meter>>,
}

/// A request in flight: aborted when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(AbortController);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    pub(crate) fn new(window: Window, options: Rc<Options>, clock: Clock) -> Http {
        Http { window, options, meter: Rc::new(RefCell::new(Meter::new(clock))) }
    }

    /// Media bytes read so far, and for how long.
    pub(crate) fn fetched(&self) -> (u64, f64) {
        let meter = self.meter.borrow();
        (meter.bytes, meter.ms)
    }

    /// `GET /api/v1/relay`
    ///
    /// # Errors
    /// [`HttpFailed`]
    pub(crate) async fn relay(&self) -> Result<RelayInfo, HttpFailed> {
        let request = Request::new_with_str(&format!("{}/api/v1/relay", self.options.api_base))?;
        let value = self.json(&request).await?;
        serde_wasm_bindgen::from_value(value).or(Err(HttpFailed))
    }

    /// `POST /api/v1/streams/<name>/ticket`
    ///
    /// # Errors
    /// [`HttpFailed`]
    pub(crate) async fn ticket(
        &self,
        session: SessionKey,
        seal: SealKey,
    ) -> Result<SignedTicket, HttpFailed> {
        let Options { api_base, name, .. } = &*self.options;
        let init = RequestInit::new();
        init.set_method("POST");
        let body = format!(r#"{{"session_key":"{session}","seal_key":"{seal}"}}"#);
        init.set_body(&body.into());
        let url = format!("{api_base}/api/v1/streams/{name}/ticket");
        let request = Request::new_with_str_and_init(&url, &init)?;
        request.headers().set("Content-Type", "application/json")?;
        let value = self.json(&request).await?;
        let ticket = Reflect::get(&value, &"ticket".into())?.as_string().ok_or(HttpFailed)?;
        let bytes = hex::decode(ticket).or(Err(HttpFailed))?;
        SignedTicket::decode(&bytes).or(Err(HttpFailed))
    }

    async fn json(&self, request: &Request) -> Result<JsValue, HttpFailed> {
        let response = self.respond(request).await?;
        let body = read_all(&response, MAX_JSON_SIZE_BYTES).await?;
        let text = std::str::from_utf8(&body).or(Err(HttpFailed))?;
        Ok(js_sys::JSON::parse(text)?)
    }

    /// Fetches a page of records and reports it, until the returned handle is dropped.
    pub(crate) fn fetch_records(
        &self,
        fetch: FetchId,
        (rendition, page, after): (u16, Option<u64>, Option<u64>),
        inputs: Inputs,
    ) -> Option<Running> {
        let page = page.map_or("init".to_owned(), |page| page.to_string());
        let query = after.map_or(String::new(), |after| format!("?after={after}"));
        let url = format!("{}r{rendition}/records/{page}.bin{query}", self.options.media_base);
        let (request, running) = abortable(&url).ok()?;
        let http = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            inputs.send(match http.records(&request).await {
                Ok(page) => Input::Records { fetch, page },
                Err(HttpFailed) => Input::OriginEnded { fetch, success: false },
            });
        });
        Some(running)
    }

    async fn records(&self, request: &Request) -> Result<RecordPage, HttpFailed> {
        let response = self.respond(request).await?;
        let body = read_all(&response, RecordPage::MAX_SIZE_BYTES).await?;
        RecordPage::decode(&body).or(Err(HttpFailed))
    }

    /// Fetches a range of a segment and reports its bytes as they come, until the returned handle is dropped.
    pub(crate) fn fetch_range(
        &self,
        fetch: FetchId,
        segment: SegmentId,
        range: Range<u32>,
        inputs: Inputs,
        arrived: impl Fn() + 'static,
    ) -> Option<Running> {
        let file = match segment.kind {
            SegmentKind::Init => "init.mp4".to_owned(),
            SegmentKind::Media => format!("{}.m4s", segment.sequence),
        };
        let url = format!("{}r{}/{file}", self.options.media_base, segment.rendition);
        let (request, running) = abortable(&url).ok()?;
        let last = range.end.saturating_sub(1);
        request.headers().set("Range", &format!("bytes={}-{last}", range.start)).ok()?;
        let http = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let report = |payload| {
                arrived();
                inputs.send(Input::OriginData { fetch, payload });
            };
            let success = http.range(&request, range, report).await.is_ok();
            inputs.send(Input::OriginEnded { fetch, success });
        });
        Some(running)
    }

    async fn range(
        &self,
        request: &Request,
        range: Range<u32>,
        report: impl Fn(Bytes),
    ) -> Result<(), HttpFailed> {
        let response = self.respond(request).await?;
        // A server without ranges sends everything from the start.
        let mut skip = if response.status() == 206 { 0 } else { range.start as usize };
        let mut missing = range.len();
        let mut body = Body::of(&response)?;
        let reading = Reading::begin(&self.meter);
        while missing > 0 {
            let chunk = body.next().await?.ok_or(HttpFailed)?;
            reading.read(chunk.len());
            let before = skip.min(chunk.len());
            skip -= before;
            let payload = chunk.slice(before..chunk.len().min(before.saturating_add(missing)));
            missing -= payload.len();
            if !payload.is_empty() {
                report(payload);
            }
        }
        Ok(())
    }

    async fn respond(&self, request: &Request) -> Result<Response, HttpFailed> {
        let response = in_time(JsFuture::from(self.window.fetch_with_request(request))).await?;
        let response: Response = response.dyn_into()?;
        if response.ok() { Ok(response) } else { Err(HttpFailed) }
    }
}

/// What the relay says about itself.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct RelayInfo {
    pub(crate) addresses: Vec<String>,
    pub(crate) stun: Vec<String>,
}

fn abortable(url: &str) -> Result<(Request, Running), JsValue> {
    let controller = AbortController::new()?;
    let init = RequestInit::new();
    init.set_signal(Some(&controller.signal()));
    Ok((Request::new_with_str_and_init(url, &init)?, Running(controller)))
}

async fn read_all(response: &Response, limit_bytes: usize) -> Result<Vec<u8>, HttpFailed> {
    let (mut body, mut whole) = (Body::of(response)?, Vec::new());
    while let Some(chunk) = body.next().await? {
        if whole.len().saturating_add(chunk.len()) > limit_bytes {
            return Err(HttpFailed);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// A response's body, chunk by chunk; what is not read is cancelled.
struct Body(ReadableStreamDefaultReader);

impl Body {
    fn of(response: &Response) -> Result<Body, HttpFailed> {
        let stream = response.body().ok_or(HttpFailed)?;
        Ok(Body(stream.get_reader().dyn_into()?))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, HttpFailed> {
        let result = in_time(JsFuture::from(self.0.read())).await?;
        if Reflect::get(&result, &"done".into())?.is_truthy() {
            return Ok(None);
        }
        let chunk: Uint8Array = Reflect::get(&result, &"value".into())?.dyn_into()?;
        Ok(Some(chunk.to_vec().into()))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // Cancelling a body that has ended changes nothing; nobody waits for the rest.
        let cancelled = self.0.cancel();
        wasm_bindgen_futures::spawn_local(JsFuture::from(cancelled).map(drop));
    }
}

impl From<Object> for HttpFailed {
    fn from(_: Object) -> HttpFailed {
        HttpFailed
    }
}

async fn in_time(
    future: impl Future<Output = Result<JsValue, JsValue>> + Unpin,
) -> Result<JsValue, HttpFailed> {
    let stall = TimeoutFuture::new(STALL.as_millis() as u32);
    match futures::future::select(future, stall).await {
        Either::Left((done, _)) => Ok(done?),
        Either::Right(_) => Err(HttpFailed),
    }
}
