//! What the node reads over HTTP: ranges of segments, pages of records, tickets, and what the relay says of itself.

mod exchange;
mod meter;

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, de::DeserializeOwned};
use thetab_node::Input;
use thetab_swarm::FetchId;
use thetab_wire::{
    Decode as _, SealKey, SegmentId, SegmentKind, SessionKey, record::RecordPage, ticket::SignedTicket,
};

use self::{
    exchange::{Exchange, HttpError},
    meter::Meter,
};
use crate::{clock::Clock, inputs::Inputs, options::Options, task::Task};

/// Largest answer of the JSON API that is read.
const MAX_JSON_SIZE_BYTES: usize = 64 * 1024;

/// Everything that is being read, by name. What is removed is aborted, and reports nothing more.
#[derive(Debug)]
pub(crate) struct Http {
    media_base: String,
    ticket_url: String,
    inputs: Inputs,
    meter: Meter,
    running: BTreeMap<FetchId, Running>,
    ticket: Option<Task>,
}

#[derive(Debug)]
struct Running {
    segment: Option<SegmentId>,
    _task: Task,
}

impl Http {
    /// Nothing is being read.
    pub(crate) fn new(options: &Options, inputs: Inputs, clock: Clock) -> Http {
        let name = String::from(js_sys::encode_uri_component(&options.name));
        Http {
            media_base: options.media_base.clone(),
            ticket_url: format!("{}/api/v1/streams/{name}/ticket", options.api_base),
            inputs,
            meter: Meter::new(clock),
            running: BTreeMap::new(),
            ticket: None,
        }
    }

    /// Reads a range of a segment: its bytes as they arrive, then its end.
    pub(crate) fn read_range(&mut self, fetch: FetchId, segment: SegmentId, range: Range<u32>) {
        let url = segment_url(&self.media_base, segment);
        let (inputs, meter) = (self.inputs.clone(), self.meter.clone());
        let task = Task::spawn(async move {
            let success = read_range(&url, range, fetch, &inputs, &meter).await.is_ok();
            inputs.input(Input::OriginEnded { fetch, success });
        });
        self.running.insert(fetch, Running { segment: Some(segment), _task: task });
    }

    /// Reads a page of records.
    pub(crate) fn read_records(
        &mut self,
        fetch: FetchId,
        rendition: u16,
        page: Option<u64>,
        after: Option<u64>,
    ) {
        let page = page.map_or("init".to_owned(), |page| page.to_string());
        let after = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let url = format!("{}r{rendition}/records/{page}.bin{after}", self.media_base);
        let inputs = self.inputs.clone();
        let task = Task::spawn(async move {
            inputs.input(match read_records(&url).await {
                Ok(page) => Input::Records { fetch, page },
                Err(error) => Input::OriginEnded { fetch, success: error.is_an_answer() },
            });
        });
        self.running.insert(fetch, Running { segment: None, _task: task });
    }

    /// Asks for a join ticket.
    pub(crate) fn request_ticket(&mut self, session: SessionKey, seal: SealKey) {
        let (url, inputs) = (self.ticket_url.clone(), self.inputs.clone());
        self.ticket = Some(Task::spawn(async move {
            inputs.input(Input::Ticket(read_ticket(&url, session, seal).await.ok()));
        }));
    }

    /// Stops a read, or forgets one that has ended.
    pub(crate) fn end(&mut self, fetch: FetchId) {
        self.running.remove(&fetch);
    }

    /// The segment that a read is of.
    pub(crate) fn segment(&self, fetch: FetchId) -> Option<SegmentId> {
        self.running.get(&fetch)?.segment
    }

    /// Media bytes read so far, and for how many milliseconds.
    pub(crate) fn totals(&self) -> (u64, f64) {
        self.meter.totals()
    }
}

fn segment_url(media_base: &str, segment: SegmentId) -> String {
    let SegmentId { rendition, sequence, .. } = segment;
    match segment.kind {
        SegmentKind::Init => format!("{media_base}r{rendition}/init.mp4"),
        SegmentKind::Media => format!("{media_base}r{rendition}/{sequence}.m4s"),
    }
}

async fn read_range(
    url: &str,
    range: Range<u32>,
    fetch: FetchId,
    inputs: &Inputs,
    meter: &Meter,
) -> Result<(), HttpError> {
    let exchange = Exchange::new()?;
    let answer = exchange.get(url, Some(range.clone())).await?;
    // An origin without ranges sends everything from the start.
    let mut skipped = if answer.is_partial() { 0 } else { range.start };
    let mut missing = range.end.saturating_sub(range.start);
    let _reading = meter.begin();
    let body = answer.body()?;
    while let Some(chunk) = body.next().await? {
        let start = skipped.min(chunk.length());
        let end = chunk.length().min(start.saturating_add(missing));
        skipped -= start;
        missing -= end - start;
        if start < end {
            meter.add(end - start);
            let payload = chunk.subarray(start, end).to_vec().into();
            inputs.input(Input::OriginData { fetch, payload });
        }
        if end < chunk.length() {
            break;
        }
    }
    if missing == 0 { Ok(()) } else { Err(HttpError::Short) }
}

async fn read_records(url: &str) -> Result<RecordPage, HttpError> {
    let exchange = Exchange::new()?;
    let bytes = exchange.get(url, None).await?.body()?.read_all(RecordPage::MAX_SIZE_BYTES).await?;
    RecordPage::decode(&bytes).or(Err(HttpError::Content))
}

#[derive(Debug, Deserialize)]
struct TicketAnswer {
    ticket: String,
}

async fn read_ticket(url: &str, session: SessionKey, seal: SealKey) -> Result<SignedTicket, HttpError> {
    let exchange = Exchange::new()?;
    let request = format!(r#"{{"session_key":"{session}","seal_key":"{seal}"}}"#);
    let bytes = exchange.post_json(url, &request).await?.body()?.read_all(MAX_JSON_SIZE_BYTES).await?;
    let answer: TicketAnswer = parse_json(&bytes)?;
    let signed = hex::decode(answer.ticket).or(Err(HttpError::Content))?;
    SignedTicket::decode(&signed).or(Err(HttpError::Content))
}

/// What a relay says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct RelayInfo {
    /// Its libp2p peer id.
    pub(crate) peer_id: String,
    /// Multiaddresses at which it may be dialled.
    pub(crate) addresses: Vec<String>,
    /// URLs of STUN servers.
    pub(crate) stun: Vec<String>,
}

/// Asks the relay's API how to reach it.
///
/// # Errors
/// [`HttpError`]
pub(crate) async fn read_relay_info(api_base: &str) -> Result<RelayInfo, HttpError> {
    let exchange = Exchange::new()?;
    let url = format!("{api_base}/api/v1/relay");
    parse_json(&exchange.get(&url, None).await?.body()?.read_all(MAX_JSON_SIZE_BYTES).await?)
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, HttpError> {
    let text = std::str::from_utf8(bytes).or(Err(HttpError::Content))?;
    let value = js_sys::JSON::parse(text).or(Err(HttpError::Content))?;
    serde_wasm_bindgen::from_value(value).or(Err(HttpError::Content))
}
