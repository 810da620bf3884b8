//! The player and the origin beside a swarm: what is open towards them, and whether their promises are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bytes::Bytes;
use thetab_swarm::{FetchId, RequestId};
use thetab_wire::{Decode as _, SegmentId, record::RecordPage};

use super::stream;
use crate::script::Script;

/// What is open.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) wants: BTreeMap<RequestId, SegmentId>,
    fetches: BTreeMap<FetchId, (SegmentId, Range<u32>)>,
    pages: BTreeMap<FetchId, (u16, Option<u64>)>,
    named: BTreeSet<FetchId>,
    next_request: u64,
}

/// What the origin says next.
#[derive(Debug)]
pub(super) enum Reply {
    Data(FetchId, Bytes),
    Records(FetchId, RecordPage),
    Ended(FetchId, bool),
}

impl Origin {
    /// A new want.
    pub(super) fn want(&mut self, segment: SegmentId) -> RequestId {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.wants.insert(request, segment);
        request
    }

    /// Gives up one of the wants.
    pub(super) fn abandon(&mut self, script: &mut Script<'_>) -> Option<RequestId> {
        let request = *self.wants.keys().nth(script.choice(self.wants.len()))?;
        self.wants.remove(&request);
        Some(request)
    }

    /// A delivery answers an open want, with the published bytes.
    pub(super) fn delivered(&mut self, request: RequestId, pieces: &[Bytes]) {
        let segment = self.wants.remove(&request).expect("only an open request is answered, and once");
        let published = stream::segment(&segment).expect("only what exists is delivered");
        assert!(pieces.concat() == published.payload, "another segment than the published one");
    }

    pub(super) fn left_to_http(&mut self, request: RequestId) {
        assert!(self.wants.remove(&request).is_some(), "only an open request is answered, and once");
    }

    pub(super) fn fetch(&mut self, fetch: FetchId, segment: SegmentId, range: Range<u32>) {
        let published = stream::segment(&segment).expect("only what has a record is fetched");
        let size = published.payload.len();
        assert!(
            range.start < range.end && range.end as usize <= size,
            "{range:?} of {segment:?} with {size} bytes"
        );
        assert!(self.named.insert(fetch), "a fetch has a name of its own");
        self.fetches.insert(fetch, (segment, range));
    }

    pub(super) fn fetch_records(&mut self, fetch: FetchId, rendition: u16, page: Option<u64>) {
        assert!(self.named.insert(fetch), "a fetch has a name of its own");
        self.pages.insert(fetch, (rendition, page));
    }

    pub(super) fn cancel(&mut self, fetch: FetchId) {
        self.fetches.remove(&fetch);
        self.pages.remove(&fetch);
    }

    /// One answer to one of the fetches, honest or not.
    pub(super) fn reply(&mut self, script: &mut Script<'_>) -> Vec<Reply> {
        let (which, how) = (script.byte(), script.byte());
        let open: Vec<FetchId> = self.fetches.keys().chain(self.pages.keys()).copied().collect();
        let Some(&fetch) = open.get(usize::from(which) % open.len().max(1)) else { return Vec::new() };
        if let Some((rendition, page)) = self.pages.remove(&fetch) {
            return vec![match how % 4 {
                0 => Reply::Ended(fetch, false),
                1 => Reply::Records(
                    fetch,
                    RecordPage::decode(script.bytes()).unwrap_or_else(|_| forged(rendition, page)),
                ),
                2 => Reply::Records(fetch, forged(rendition, page)),
                _ => Reply::Records(fetch, stream::page(rendition, page)),
            }];
        }
        let Some((segment, range)) = self.fetches.get(&fetch).cloned() else { return Vec::new() };
        let published = stream::segment(&segment).map(|segment| segment.payload.clone()).unwrap_or_default();
        let honest = published.slice(range.start as usize..range.end as usize);
        if how % 5 != 1 {
            self.fetches.remove(&fetch);
        }
        match how % 5 {
            0 => vec![Reply::Ended(fetch, false)],
            1 => vec![Reply::Data(fetch, honest.slice(..honest.len() / 2))],
            2 => vec![Reply::Data(fetch, stream::spoilt(&honest, 0)), Reply::Ended(fetch, true)],
            3 => vec![Reply::Data(fetch, [&honest[..], &honest].concat().into()), Reply::Ended(fetch, true)],
            _ => vec![Reply::Data(fetch, honest), Reply::Ended(fetch, true)],
        }
    }

    /// The origin is gone: everything open fails.
    pub(super) fn fail(&mut self) -> Vec<Reply> {
        let open =
            std::mem::take(&mut self.fetches).into_keys().chain(std::mem::take(&mut self.pages).into_keys());
        open.map(|fetch| Reply::Ended(fetch, false)).collect()
    }
}

/// A page whose signatures are wrong.
fn forged(rendition: u16, page: Option<u64>) -> RecordPage {
    let mut records = stream::page(rendition, page).records.into_inner();
    records.iter_mut().for_each(|record| record.signature[9] ^= 1);
    RecordPage { records: records.try_into().expect("as many as before") }
}
