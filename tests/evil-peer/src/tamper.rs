//! What is put in the place of honest messages and frames.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use thetab_wire::{
    PresentationId, SegmentId,
    bulk::{BulkFrame, HEADER_SIZE_BYTES, MAX_PAYLOAD_SIZE_BYTES},
    codec::{List, put_varint},
    have::PieceSet,
    peer::{HaveDelta, PeerMessage, Ping, Record, Refuse, Request},
    record::{MAX_PIECES, SegmentRecord},
};

/// No protocol has this tag.
const UNKNOWN_TAG: u64 = 60_000;
/// Segments that no stream has.
const FAR_AHEAD: u64 = 1 << 40;
/// Pings and frames of one wave of a flood.
const WAVE: u32 = 400;

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// On the control channel.
    Control(Bytes),
    /// On the bulk channel.
    Bulk(Bytes),
}

impl From<PeerMessage> for Said {
    fn from(message: PeerMessage) -> Said {
        Said::Control(message.encode().into())
    }
}

/// The frame with one wrong bit, where a piece begins; others as they are.
pub(crate) fn flip_a_bit(frame: &Bytes) -> Option<Bytes> {
    let begins = BulkFrame::decode(frame).is_ok_and(|frame| frame.offset_bytes == 0);
    let mut changed = frame.to_vec();
    *changed.get_mut(HEADER_SIZE_BYTES).filter(|_| begins)? ^= 1;
    Some(changed.into())
}

/// The frame's header alone, or nothing at all.
pub(crate) fn empty(frame: &Bytes, with_header: bool) -> Bytes {
    if with_header { frame.slice(..HEADER_SIZE_BYTES.min(frame.len())) } else { Bytes::new() }
}

/// Refuses a request for what was announced, and announces it again.
pub(crate) fn lie(request: &Request) -> [Said; 2] {
    let refuse = Refuse { request: request.request, pieces: None, reason: 0 };
    let (added, _) = List::split([request.segment]);
    let again = HaveDelta { added, removed: List::default() };
    [PeerMessage::from(refuse).into(), PeerMessage::from(again).into()]
}

/// One wave of a flood: pings, requests for everything that may be asked for, and frames that nobody wants.
pub(crate) fn flood(wave: u32) -> Vec<Said> {
    let first = wave.wrapping_mul(WAVE);
    let pings =
        (0..WAVE).map(|number| PeerMessage::from(Ping { nonce: u64::from(first.wrapping_add(number)) }));
    let segment = SegmentId::media(0, u64::from(wave % 64));
    let pieces = PieceSet::full(MAX_PIECES as u16);
    let request = PeerMessage::from(Request { request: first, segment, pieces });
    let frame =
        BulkFrame { request: u32::MAX, piece: 0, offset_bytes: 0, payload: Bytes::from_static(&[0; 64]) };
    let frames = std::iter::repeat_n(Said::Bulk(frame.encode()), 32);
    pings.map(Said::from).chain([request.into()]).chain(frames).collect()
}

/// Records of segments to come, signed by a key that is not the publisher's.
pub(crate) fn forged_records(presentation: &PresentationId) -> Vec<Said> {
    (0..4).filter_map(|number| forged_record(presentation, SegmentId::media(0, FAR_AHEAD + number))).collect()
}

/// A record of `segment` that its publisher never saw.
pub(crate) fn forged_record(presentation: &PresentationId, segment: SegmentId) -> Option<Said> {
    let stranger = SigningKey::from_bytes(&[0x5e; 32]);
    let record = SegmentRecord::new(segment, 4000, [0; 32], b"not what was published").ok()?;
    Some(PeerMessage::from(Record { record: record.sign(presentation, &stranger) }).into())
}

/// A message of a newer protocol.
pub(crate) fn unknown_message() -> Said {
    Said::Control(with_unknown_field(&[]))
}

/// The message with one more field, or a whole new one when there is none.
pub(crate) fn with_unknown_field(message: &[u8]) -> Bytes {
    let mut out = message.to_vec();
    if out.is_empty() {
        put_varint(UNKNOWN_TAG, &mut out);
    }
    put_varint(UNKNOWN_TAG, &mut out);
    put_varint(5, &mut out);
    out.extend_from_slice(b"newer");
    if out.len() <= PeerMessage::MAX_SIZE_BYTES { out.into() } else { message.to_vec().into() }
}

/// Something beyond its bounds; `kind` chooses what.
pub(crate) fn oversize(kind: u64) -> Said {
    match kind % 4 {
        0 => Said::Control(vec![0xff; PeerMessage::MAX_SIZE_BYTES + 1].into()),
        1 => Said::Bulk(vec![0; HEADER_SIZE_BYTES + MAX_PAYLOAD_SIZE_BYTES + 1].into()),
        2 => Said::Control(list_of_seventeen()),
        _ => Said::Control(endless_field()),
    }
}

/// Asks for the records of one segment more than a message may name.
fn list_of_seventeen() -> Bytes {
    let mut out = vec![9];
    for _ in 0..17 {
        out.extend_from_slice(&[1, 11, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
    }
    out.into()
}

/// A field that claims more bytes than there are in the world.
fn endless_field() -> Bytes {
    let mut out = vec![10, 1];
    put_varint(1 << 62, &mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thetab_wire::{PublisherKey, record::RecordError};

    #[test]
    fn one_bit_is_flipped_where_a_piece_begins_and_nowhere_else() {
        let payload = Bytes::from(vec![8; 40_000]);
        let frames: Vec<Bytes> = BulkFrame::split(1, 2, &payload).map(|frame| frame.encode()).collect();
        let flipped = BulkFrame::decode(&flip_a_bit(&frames[0]).unwrap()).unwrap();
        assert_eq!((flipped.payload[0], flipped.payload[1]), (9, 8));
        assert!(frames[1..].iter().all(|frame| flip_a_bit(frame).is_none()));
    }

    #[test]
    fn empty_frames_are_no_frames() {
        let frame = BulkFrame { request: 1, piece: 0, offset_bytes: 0, payload: vec![1; 10].into() }.encode();
        for with_header in [true, false] {
            assert!(BulkFrame::decode(&empty(&frame, with_header)).is_err());
        }
    }

    #[test]
    fn what_is_beyond_its_bounds_does_not_decode() {
        for kind in 0..4 {
            let is_refused = match oversize(kind) {
                Said::Control(message) => PeerMessage::decode(&message).is_err(),
                Said::Bulk(frame) => BulkFrame::decode(&frame).is_err(),
            };
            assert!(is_refused, "{kind}");
        }
    }

    #[test]
    fn what_is_of_a_newer_protocol_is_skipped() {
        let Said::Control(unknown) = unknown_message() else { panic!("on the control channel") };
        assert_eq!(PeerMessage::decode(&unknown), Ok(None));
        let ping = PeerMessage::from(Ping { nonce: 7 });
        assert_eq!(PeerMessage::decode(&with_unknown_field(&ping.encode())), Ok(Some(ping)));
    }

    #[test]
    fn a_forged_record_decodes_and_is_not_the_publishers() {
        let publisher = PublisherKey(SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes());
        let presentation = PresentationId::new(&publisher, "sample");
        for said in forged_records(&presentation) {
            let Said::Control(message) = said else { panic!("on the control channel") };
            let Ok(Some(PeerMessage::Record(record))) = PeerMessage::decode(&message) else {
                panic!("a record")
            };
            assert_eq!(record.record.verify(&presentation, &publisher), Err(RecordError::Signature));
        }
    }
}
