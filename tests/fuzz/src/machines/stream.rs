//! A small genuine stream, and what peers may say about it.

use std::sync::LazyLock;

use bytes::Bytes;
use thetab_wire::{
    PIECE_SIZE_BYTES, SegmentId, SegmentKind,
    bulk::BulkFrame,
    codec::List,
    have::{PieceSet, SequenceSet},
    peer::{
        Bye, Cancel, Have, HaveDelta, Hello, Partial, PeerMessage, Ping, Pong, Record, RecordRequest, Refuse,
        Request, Status,
    },
    record::{RecordPage, SegmentRecord, SignedRecord},
};

use crate::{script::Script, wire::publisher};

const RENDITIONS: u16 = 2;
const SEQUENCES: u64 = 7;

/// One segment as published.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) payload: Bytes,
    pub(super) record: SignedRecord,
}

static SEGMENTS: LazyLock<Vec<Segment>> = LazyLock::new(|| {
    let (signing, _, presentation) = publisher();
    let media = |rendition| (0..SEQUENCES).map(move |sequence| SegmentId::media(rendition, sequence));
    let ids = (0..RENDITIONS).flat_map(|rendition| media(rendition).chain([SegmentId::init(rendition)]));
    ids.map(|id| {
        let size = match (id.kind, id.rendition) {
            (SegmentKind::Init, _) => 500,
            (SegmentKind::Media, 0) => 2 * PIECE_SIZE_BYTES + 5_000,
            (SegmentKind::Media, _) => 9_000,
        };
        let seed = id.sequence * 31 + u64::from(id.rendition) * 7;
        let payload: Bytes = (0..size).map(|index| ((index as u64 * 17 + seed) % 253) as u8).collect();
        let made = SegmentRecord::new(id, 2_000, [0; 32], &payload).expect("neither empty nor large");
        Segment { id, record: made.sign(&presentation, &signing), payload }
    })
    .collect()
});

/// Every segment that exists.
pub(super) fn segments() -> &'static [Segment] {
    &SEGMENTS
}

pub(super) fn segment(id: &SegmentId) -> Option<&'static Segment> {
    SEGMENTS.iter().find(|segment| segment.id == *id)
}

/// The sidecar page as the origin serves it.
pub(super) fn page(rendition: u16, number: Option<u64>) -> RecordPage {
    let kind = if number.is_some() { SegmentKind::Media } else { SegmentKind::Init };
    let here = SEGMENTS.iter().filter(|segment| segment.id.rendition == rendition && segment.id.kind == kind);
    let records =
        if number.unwrap_or(0) == 0 { here.map(|segment| segment.record.clone()).collect() } else { vec![] };
    RecordPage { records: records.try_into().expect("fewer than a page") }
}

/// Whether the bytes of a frame stand at its place in some genuine segment.
pub(super) fn is_genuine(frame: &BulkFrame) -> bool {
    let start = usize::from(frame.piece) * PIECE_SIZE_BYTES + frame.offset_bytes;
    let end = start + frame.payload.len();
    SEGMENTS.iter().any(|segment| segment.payload.get(start..end) == Some(&frame.payload[..]))
}

/// The frames with which a peer answers `request`; `damage` says in which way it lies.
pub(super) fn answer(request: &Request, damage: u8) -> Vec<Bytes> {
    let Some(segment) = segment(&request.segment) else { return Vec::new() };
    let mut frames = Vec::new();
    for piece in request.pieces.iter() {
        let start = (usize::from(piece) * PIECE_SIZE_BYTES).min(segment.payload.len());
        let end = (start + PIECE_SIZE_BYTES).min(segment.payload.len());
        for frame in BulkFrame::split(request.request, piece, &segment.payload.slice(start..end)) {
            frames.push(frame.encode());
        }
    }
    match damage % 6 {
        1 => frames.truncate(1),
        2 => frames.reverse(),
        3 => frames.extend(frames.clone()),
        4 => frames = frames.into_iter().map(|frame| spoilt(&frame, frame.len() - 1)).collect(),
        5 => frames = frames.into_iter().map(|frame| spoilt(&frame, 7)).collect(),
        _ => {}
    }
    frames
}

/// The same with one bit changed.
pub(super) fn spoilt(bytes: &Bytes, place: usize) -> Bytes {
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= 1;
    }
    changed.into()
}

/// A segment that exists, most of the time.
pub(super) fn choose_segment(script: &mut Script<'_>) -> SegmentId {
    let choice = script.choice(SEGMENTS.len() + 4);
    match SEGMENTS.get(choice) {
        Some(segment) => segment.id,
        None => SegmentId::media(script.byte().into(), u64::from(script.number()) << (choice % 4 * 16)),
    }
}

fn choose_pieces(script: &mut Script<'_>) -> PieceSet {
    match script.byte() {
        count @ 0..=3 => PieceSet::full(count.into()),
        255 => PieceSet::full(256),
        piece => PieceSet::from_iter([u16::from(piece)]),
    }
}

fn choose_segments<const MAX: usize>(script: &mut Script<'_>) -> List<SegmentId, MAX> {
    let count = script.choice(MAX + 1);
    List::split((0..count).map(|_| choose_segment(script)).collect::<Vec<_>>()).0
}

/// A message that decodes, whatever it says.
pub(super) fn choose_message(script: &mut Script<'_>) -> PeerMessage {
    match script.choice(13) {
        0 => Hello { version: u16::from(script.byte()), maximum_pieces: script.number() }.into(),
        1 => {
            let flags = script.byte();
            let (rendition, playhead_sequence) = (script.byte().into(), script.number().into());
            Status { sharing: flags & 1 == 1, choking: flags & 2 == 2, rendition, playhead_sequence }.into()
        }
        2 => {
            let (rendition, count) = (u16::from(script.byte()) % 3, script.number());
            let step = usize::from(script.byte()) + 1;
            let complete = SequenceSet::newest((0..u64::from(count)).step_by(step));
            Have { rendition, complete, init: script.flip() }.into()
        }
        3 => HaveDelta { added: choose_segments(script), removed: choose_segments(script) }.into(),
        4 => Partial { segment: choose_segment(script), pieces: choose_pieces(script) }.into(),
        5 => {
            let request = script.byte().into();
            Request { request, segment: choose_segment(script), pieces: choose_pieces(script) }.into()
        }
        6 => Cancel { request: script.byte().into(), pieces: Some(choose_pieces(script)) }.into(),
        7 => Refuse { request: script.byte().into(), pieces: None, reason: script.byte() }.into(),
        8 => RecordRequest { segments: choose_segments(script) }.into(),
        9 => {
            let mut record = segments()[script.choice(SEGMENTS.len())].record.clone();
            record.signature[0] ^= u8::from(script.byte() == 1);
            Record { record }.into()
        }
        10 => Ping { nonce: script.byte().into() }.into(),
        11 => Pong { nonce: script.byte().into() }.into(),
        _ => Bye { reason: script.byte() }.into(),
    }
}
