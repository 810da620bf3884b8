//! What is published: real bytes, really hashed and signed, the same in every world.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use thetab_sansio::Instant;
use thetab_wire::{
    PresentationId, PublisherKey, SealKey, SegmentId, SegmentKind, SessionKey,
    record::{RECORDS_PER_PAGE, RecordPage, SegmentRecord, SignedRecord},
    ticket::{JoinTicket, SignedTicket},
};

/// Unix time at the start of every world.
pub(crate) const STARTED_UNIX_SECONDS: u64 = 1_800_000_000;
const TICKET_SECONDS: u64 = 3600;
const TICKET_LINKS: u16 = 16;
const INIT_BYTES: usize = 1200;
/// Segments in the window of a live playlist; as many exist when a world starts.
pub(crate) const WINDOW_SEGMENTS: u64 = 15;

/// Renditions and segments of a presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Bits per second of each video rendition.
    pub video_bps: Vec<u64>,
    /// Bits per second of the audio rendition, which comes after the video ones.
    pub audio_bps: Option<u64>,
    /// Playing time of each segment.
    pub segment: Duration,
    /// How many there are; a live presentation has no end.
    pub segments: Option<u64>,
}

impl Ladder {
    /// One video rendition of 1.57 Mbit/s, the rate at which other engines were measured.
    pub fn vod(segments: u64) -> Ladder {
        Ladder {
            video_bps: vec![1_570_000],
            audio_bps: None,
            segment: Duration::from_secs(4),
            segments: Some(segments),
        }
    }

    /// The same without an end.
    pub fn live() -> Ladder {
        Ladder { segments: None, ..Ladder::vod(0) }
    }

    /// Two video renditions and audio.
    pub fn adaptive(segments: u64) -> Ladder {
        Ladder { video_bps: vec![1_570_000, 700_000], audio_bps: Some(128_000), ..Ladder::vod(segments) }
    }

    /// The audio rendition.
    pub(crate) fn audio(&self) -> Option<u16> {
        self.audio_bps.map(|_| self.video_bps.len() as u16)
    }

    fn bps(&self, rendition: u16) -> Option<u64> {
        let rendition = usize::from(rendition);
        let audio = self.audio_bps.filter(|_| rendition == self.video_bps.len());
        self.video_bps.get(rendition).copied().or(audio)
    }

    pub(crate) fn segment_ms(&self) -> u64 {
        u64::try_from(self.segment.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// The last segment that exists at `now`.
    pub(crate) fn last(&self, now: Instant) -> u64 {
        let complete = now.since_start().as_millis() as u64 / self.segment_ms();
        self.segments.map_or(WINDOW_SEGMENTS + complete, |count| count) - 1
    }

    pub(crate) fn exists(&self, segment: &SegmentId, now: Instant) -> bool {
        self.bps(segment.rendition).is_some()
            && (segment.kind == SegmentKind::Init || segment.sequence <= self.last(now))
    }
}

/// One published segment.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) payload: Bytes,
    record: SignedRecord,
}

/// A publisher and its presentation. Segments are made when first asked for.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) ladder: Ladder,
    pub(crate) presentation: PresentationId,
    pub(crate) publisher: PublisherKey,
    signing: SigningKey,
    made: RefCell<BTreeMap<SegmentId, Published>>,
}

thread_local! {
    /// Worlds of one test share what was published: it does not depend on the seed.
    static PUBLICATIONS: RefCell<Vec<Rc<Publication>>> = const { RefCell::new(Vec::new()) };
}

impl Publication {
    pub(crate) fn of(ladder: &Ladder) -> Rc<Publication> {
        PUBLICATIONS.with_borrow_mut(|publications| {
            if let Some(found) = publications.iter().find(|publication| publication.ladder == *ladder) {
                return found.clone();
            }
            let new = Rc::new(Publication::new(ladder.clone()));
            publications.push(new.clone());
            new
        })
    }

    fn new(ladder: Ladder) -> Publication {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let publisher = PublisherKey(signing.verifying_key().to_bytes());
        let presentation = PresentationId::new(&publisher, "simulated");
        Publication { ladder, presentation, publisher, signing, made: RefCell::default() }
    }

    /// The bytes of a segment, whether it exists yet or not.
    pub(crate) fn payload(&self, segment: &SegmentId) -> Bytes {
        self.published(segment).payload
    }

    fn published(&self, segment: &SegmentId) -> Published {
        if let Some(made) = self.made.borrow().get(segment) {
            return made.clone();
        }
        let payload = self.make(segment);
        let duration_ms = if segment.kind == SegmentKind::Init { 0 } else { self.ladder.segment_ms() as u32 };
        let record = SegmentRecord::new(*segment, duration_ms, [0; 32], &payload)
            .expect("segments are neither empty nor above 16 MiB")
            .sign(&self.presentation, &self.signing);
        let published = Published { payload, record };
        self.made.borrow_mut().insert(*segment, published.clone());
        published
    }

    /// Bytes that nobody guesses, of a size that varies by a tenth around the rendition's rate.
    fn make(&self, segment: &SegmentId) -> Bytes {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"simulated segment").update(&thetab_wire::Encode::encode(segment));
        let vary = u64::from(hasher.finalize().as_bytes()[0]);
        let bytes = self.ladder.bps(segment.rendition).unwrap_or(0) * self.ladder.segment_ms() / 8000;
        let size = match segment.kind {
            SegmentKind::Init => INIT_BYTES,
            SegmentKind::Media => (bytes * 9 / 10 + bytes * vary / 1280).max(1) as usize,
        };
        let mut payload = vec![0; size];
        hasher.finalize_xof().fill(&mut payload);
        payload.into()
    }

    /// A page of the sidecar, as far as it exists at `now`; `None` without a record to give.
    pub(crate) fn page(
        &self,
        rendition: u16,
        page: Option<u64>,
        after: Option<u64>,
        now: Instant,
    ) -> Option<RecordPage> {
        let segments: Vec<SegmentId> = match page {
            None => vec![SegmentId::init(rendition)],
            Some(page) => {
                let first = page * RECORDS_PER_PAGE;
                (first..first + RECORDS_PER_PAGE)
                    .filter(|sequence| after.is_none_or(|after| *sequence > after))
                    .map(|sequence| SegmentId::media(rendition, sequence))
                    .collect()
            }
        };
        let exist = segments.iter().filter(|segment| self.ladder.exists(segment, now));
        let records: Vec<SignedRecord> = exist.map(|segment| self.published(segment).record).collect();
        let starts_later = page.is_some_and(|page| page * RECORDS_PER_PAGE > self.ladder.last(now));
        if starts_later || self.ladder.bps(rendition).is_none() {
            return None;
        }
        RecordPage { records: records.try_into().ok()? }.into()
    }

    /// The publisher's word that a session may join.
    pub(crate) fn ticket(&self, session: SessionKey, seal: SealKey, now: Instant) -> SignedTicket {
        let ticket = JoinTicket {
            presentation: self.presentation,
            session,
            seal,
            expires_unix_seconds: STARTED_UNIX_SECONDS + now.since_start().as_secs() + TICKET_SECONDS,
            maximum_links: TICKET_LINKS,
        };
        ticket.sign(&self.signing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_page_grows_with_time_and_can_be_trimmed() {
        let publication = Publication::new(Ladder::live());
        let count = |after, ms| {
            let page = publication.page(0, Some(0), after, Instant::from_millis(ms));
            page.map(|page| page.records.len())
        };
        assert_eq!(count(None, 0), Some(15));
        assert_eq!(count(None, 8_000), Some(17));
        assert_eq!(count(Some(14), 8_000), Some(2));
        assert_eq!(publication.page(0, Some(1), None, Instant::ZERO), None);
        assert_eq!(publication.page(7, Some(0), None, Instant::ZERO), None);
    }

    #[test]
    fn records_verify_the_bytes_that_are_published() {
        let publication = Publication::new(Ladder::adaptive(3));
        let page = publication.page(1, Some(0), None, Instant::ZERO).unwrap();
        for signed in page.records.into_inner() {
            let record = signed.verify(&publication.presentation, &publication.publisher).unwrap();
            let payload = publication.payload(&record.segment);
            assert_eq!(payload.len(), record.size_bytes as usize);
            assert!(record.verify_piece(0, payload.slice(..record.piece_size_bytes(0))).is_ok());
        }
    }
}
