//! What a node reads over HTTP: its stream, ranges of segments, records, tickets, and what the relay says of itself.

use std::{ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Deserialize, de::DeserializeOwned};
use thetab_wire::{
    Decode as _, PIECE_SIZE_BYTES, SealKey, SegmentId, SegmentKind, SessionKey,
    record::{MAX_PIECES, RecordPage},
    ticket::SignedTicket,
};

use crate::{
    playlist::{MAX_PLAYLIST_SIZE_BYTES, Playlist},
    stream::StreamInfo,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A body of which nothing comes for so long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of the JSON API that is read.
const MAX_JSON_SIZE_BYTES: usize = 256 * 1024;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The connection failed, or the answer did not come in time.
    #[error("the relay does not answer")]
    Request(#[from] reqwest::Error),
    /// The relay answered with an error.
    #[error("the relay answers {0}")]
    Status(StatusCode),
    /// The body ends early, is too long, or is not what it should be.
    #[error("the relay's answer is not {0}")]
    Content(&'static str),
}

impl HttpError {
    /// Whether the origin said clearly that it does not have it, rather than failed.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, HttpError::Status(StatusCode::NOT_FOUND | StatusCode::GONE))
    }
}

/// What a relay says of itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RelayInfo {
    pub(crate) peer_id: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) stun: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct TicketAnswer {
    ticket: String,
}

/// One relay's HTTP side.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    client: Client,
    url: Url,
}

impl Relay {
    pub(crate) fn new(url: Url) -> Result<Relay, HttpError> {
        let client = Client::builder()
            .user_agent(concat!("thetab/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()?;
        Ok(Relay { client, url })
    }

    /// Whether the relay is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_loopback = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        is_loopback || host == "localhost" || host.ends_with(".localhost")
    }

    /// How to reach it otherwise.
    pub(crate) async fn info(&self) -> Result<RelayInfo, HttpError> {
        self.json(self.client.get(self.at("/api/v1/relay")?)).await
    }

    /// One of its streams.
    pub(crate) async fn stream(&self, name: &str) -> Result<StreamInfo, HttpError> {
        self.json(self.client.get(self.api(name, None)?)).await
    }

    async fn ticket(
        &self,
        name: &str,
        session: SessionKey,
        seal: SealKey,
    ) -> Result<SignedTicket, HttpError> {
        let body = format!(r#"{{"session_key":"{session}","seal_key":"{seal}"}}"#);
        let url = self.api(name, Some("ticket"))?;
        let request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        let answer: TicketAnswer = self.json(request).await?;
        let signed = hex::decode(answer.ticket).or(Err(HttpError::Content("a ticket")))?;
        SignedTicket::decode(&signed).or(Err(HttpError::Content("a ticket")))
    }

    fn at(&self, path: &str) -> Result<Url, HttpError> {
        self.url.join(path).or(Err(HttpError::Content("a path")))
    }

    fn api(&self, name: &str, last: Option<&str>) -> Result<Url, HttpError> {
        let mut url = self.at("/api/v1/streams")?;
        let mut path = url.path_segments_mut().or(Err(HttpError::Content("a URL with a path")))?;
        path.push(name).extend(last);
        drop(path);
        Ok(url)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, HttpError> {
        let body = read_all(answered(request).await?, MAX_JSON_SIZE_BYTES).await?;
        serde_json::from_slice(&body).or(Err(HttpError::Content("the JSON that was asked for")))
    }
}

/// One stream at its relay.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    relay: Relay,
    name: String,
    media: Url,
}

impl Origin {
    pub(crate) fn new(relay: Relay, stream: &StreamInfo) -> Result<Origin, HttpError> {
        let media = relay.at(&stream.media_base)?;
        Ok(Origin { relay, name: stream.name.clone(), media })
    }

    pub(crate) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Asks for a join ticket.
    pub(crate) async fn ticket(&self, session: SessionKey, seal: SealKey) -> Result<SignedTicket, HttpError> {
        self.relay.ticket(&self.name, session, seal).await
    }

    /// Begins to read a range of a segment.
    pub(crate) async fn range(
        &self,
        segment: SegmentId,
        range: Range<u32>,
    ) -> Result<RangeReader, HttpError> {
        let last = range.end.saturating_sub(1);
        let bytes = format!("bytes={}-{last}", range.start);
        let request = self.relay.client.get(self.segment_url(segment)?).header(header::RANGE, bytes);
        let response = answered(request).await?;
        // An origin without ranges sends everything from the start.
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT;
        let to_skip = if is_partial { 0 } else { range.start as usize };
        Ok(RangeReader { response, to_skip, missing: range.len() })
    }

    /// A whole segment, as a plain player reads it.
    pub(crate) async fn segment(&self, segment: SegmentId) -> Result<Bytes, HttpError> {
        let request = self.relay.client.get(self.segment_url(segment)?);
        read_all(answered(request).await?, MAX_PIECES * PIECE_SIZE_BYTES).await
    }

    /// A page of records.
    pub(crate) async fn records(
        &self,
        rendition: u16,
        page: Option<u64>,
        after: Option<u64>,
    ) -> Result<RecordPage, HttpError> {
        let page = page.map_or("init".to_owned(), |page| page.to_string());
        let mut url = self.media_url(&format!("r{rendition}/records/{page}.bin"))?;
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", &after.to_string());
        }
        let body = read_all(answered(self.relay.client.get(url)).await?, RecordPage::MAX_SIZE_BYTES).await?;
        RecordPage::decode(&body).or(Err(HttpError::Content("a page of records")))
    }

    /// The segments of a rendition that exist now.
    pub(crate) async fn playlist(&self, rendition: u16) -> Result<Playlist, HttpError> {
        let url = self.media_url(&format!("r{rendition}/index.m3u8"))?;
        let body = read_all(answered(self.relay.client.get(url)).await?, MAX_PLAYLIST_SIZE_BYTES).await?;
        Playlist::parse(&body).ok_or(HttpError::Content("a media playlist"))
    }

    fn segment_url(&self, segment: SegmentId) -> Result<Url, HttpError> {
        let SegmentId { rendition, sequence, .. } = segment;
        self.media_url(&match segment.kind {
            SegmentKind::Init => format!("r{rendition}/init.mp4"),
            SegmentKind::Media => format!("r{rendition}/{sequence}.m4s"),
        })
    }

    fn media_url(&self, path: &str) -> Result<Url, HttpError> {
        self.media.join(path).or(Err(HttpError::Content("a path")))
    }
}

/// A range on its way.
#[derive(Debug)]
pub(crate) struct RangeReader {
    response: Response,
    to_skip: usize,
    missing: usize,
}

impl RangeReader {
    /// The next bytes of the range; `None` once all of them came.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        while self.missing > 0 {
            let Some(mut chunk) = self.response.chunk().await? else {
                return Err(HttpError::Content("the whole range"));
            };
            let skipped = chunk.split_to(self.to_skip.min(chunk.len()));
            self.to_skip -= skipped.len();
            chunk.truncate(self.missing);
            self.missing -= chunk.len();
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

async fn answered(request: RequestBuilder) -> Result<Response, HttpError> {
    let response = request.send().await?;
    if response.status().is_success() { Ok(response) } else { Err(HttpError::Status(response.status())) }
}

async fn read_all(mut response: Response, limit_bytes: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit_bytes {
            return Err(HttpError::Content("as short as it should be"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_on_loopback_is_on_this_machine() {
        let is_local = |url: &str| Relay::new(url.parse().unwrap()).unwrap().is_local();
        assert!(
            is_local("http://127.0.0.1:8080") && is_local("http://[::1]/") && is_local("http://localhost:1")
        );
        assert!(!is_local("https://relay.example/") && !is_local("http://192.0.2.1:8080"));
    }

    #[test]
    fn a_stream_is_asked_for_by_its_whole_name() {
        let relay = Relay::new("http://relay.example:8080".parse().unwrap()).unwrap();
        let url = relay.api("../../x", Some("ticket")).unwrap();
        assert_eq!(url.as_str(), "http://relay.example:8080/api/v1/streams/..%2F..%2Fx/ticket");
    }
}
