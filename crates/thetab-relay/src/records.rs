//! Signed records: written beside the segments of a VOD, made on demand for a loop.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
};

use ed25519_dalek::SigningKey;
use thetab_wire::{
    Decode as _, DecodeError, Encode as _, Hash, PresentationId, SegmentId,
    record::{RECORDS_PER_PAGE, RecordPage, SegmentRecord, SignedRecord},
};

use crate::{live::Window, store::Presentation};

/// Why a record page cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// There is no such page now.
    #[error("there is no such page of records")]
    Missing,
    /// A segment or a page on disk cannot be read.
    #[error("a file of the stream cannot be read")]
    Io(#[from] io::Error),
    /// A segment on disk is empty or too large, or a page on disk is not one.
    #[error("a file of the stream is not what it should be")]
    Content(#[from] DecodeError),
}

/// Signs every segment of one rendition folder and writes its `records/` pages.
///
/// # Errors
/// [`RecordsError`] when a segment is missing, empty or above 16 MiB.
pub(crate) fn write_records(
    folder: &Path,
    rendition: u16,
    durations_ms: &[u32],
    presentation: &PresentationId,
    signing: &SigningKey,
) -> Result<(), RecordsError> {
    fs::create_dir_all(folder.join("records"))?;
    let init =
        SegmentRecord::new(SegmentId::init(rendition), 0, [0; 32], &fs::read(folder.join("init.mp4"))?)?;
    write_page(&folder.join("records/init.bin"), vec![init.sign(presentation, signing)])?;
    let mut previous: Hash = [0; 32];
    let pages = durations_ms.chunks(RECORDS_PER_PAGE as usize);
    for (page, durations) in (0u64..).zip(pages) {
        let mut records = Vec::with_capacity(durations.len());
        for (sequence, &duration_ms) in (page * RECORDS_PER_PAGE..).zip(durations) {
            let payload = fs::read(folder.join(format!("{sequence}.m4s")))?;
            let segment = SegmentId::media(rendition, sequence);
            let signed =
                SegmentRecord::new(segment, duration_ms, previous, &payload)?.sign(presentation, signing);
            previous = *blake3::hash(&signed.body).as_bytes();
            records.push(signed);
        }
        write_page(&folder.join(format!("records/{page}.bin")), records)?;
    }
    Ok(())
}

fn write_page(path: &Path, records: Vec<SignedRecord>) -> Result<(), RecordsError> {
    Ok(fs::write(path, RecordPage { records: records.try_into()? }.encode())?)
}

/// A stored page, without the records up to `after`.
///
/// # Errors
/// [`RecordsError::Missing`] without the file; otherwise as it reads.
pub(crate) fn stored_page(folder: &Path, page: &str, after: Option<u64>) -> Result<Vec<u8>, RecordsError> {
    let bytes = match fs::read(folder.join("records").join(format!("{page}.bin"))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RecordsError::Missing),
        read => read?,
    };
    let Some(after) = after else { return Ok(bytes) };
    let mut records = RecordPage::decode(&bytes)?.records.into_inner();
    records.retain(|record| record.claimed_segment().is_ok_and(|segment| segment.sequence > after));
    Ok(RecordPage { records: records.try_into()? }.encode())
}

/// Records of looped streams, signed when first asked for. Bounded: only sequences near the live window are kept.
#[derive(Debug)]
pub(crate) struct LiveRecords {
    signing: SigningKey,
    signed: Mutex<BTreeMap<(PresentationId, u16, u64), Arc<SignedRecord>>>,
}

impl LiveRecords {
    /// No records yet, to be signed with `signing`.
    pub(crate) fn new(signing: SigningKey) -> LiveRecords {
        LiveRecords { signing, signed: Mutex::default() }
    }

    /// The page's records that exist within `window` and after `after`. Records of a loop are not chained:
    /// their `previous` is zero.
    ///
    /// # Errors
    /// [`RecordsError`]
    pub(crate) fn page(
        &self,
        presentation: &Presentation,
        rendition: u16,
        page: u64,
        window: Window,
        after: Option<u64>,
    ) -> Result<Vec<u8>, RecordsError> {
        let first = page.saturating_mul(RECORDS_PER_PAGE);
        let from = first.max(window.first).max(after.map_or(0, |after| after.saturating_add(1)));
        let until = first.saturating_add(RECORDS_PER_PAGE - 1).min(window.last);
        if first > window.last {
            return Err(RecordsError::Missing);
        }
        let mut records = Vec::new();
        for sequence in from..=until {
            records.push(self.record(presentation, rendition, sequence, window)?.as_ref().clone());
        }
        Ok(RecordPage { records: records.try_into()? }.encode())
    }

    fn record(
        &self,
        presentation: &Presentation,
        rendition: u16,
        sequence: u64,
        window: Window,
    ) -> Result<Arc<SignedRecord>, RecordsError> {
        let key = (presentation.id, rendition, sequence);
        if let Some(found) = self.lock().get(&key) {
            return Ok(found.clone());
        }
        let stored = sequence % window.count;
        let payload = fs::read(presentation.folder.join(format!("r{rendition}/{stored}.m4s")))?;
        let durations =
            presentation.manifest.renditions.get(usize::from(rendition)).ok_or(RecordsError::Missing)?;
        let duration_ms = durations.segment_durations_ms.get(stored as usize).copied().unwrap_or(0);
        let record =
            SegmentRecord::new(SegmentId::media(rendition, sequence), duration_ms, [0; 32], &payload)?;
        let signed = Arc::new(record.sign(&presentation.id, &self.signing));
        let mut cache = self.lock();
        cache.retain(|(id, _, known), _| *id != presentation.id || *known >= window.first);
        cache.insert(key, signed.clone());
        Ok(signed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(PresentationId, u16, u64), Arc<SignedRecord>>> {
        self.signed.lock().expect("nothing panics while it holds the lock")
    }
}
