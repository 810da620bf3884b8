//! Any bytes decode or err; what a newer end adds is skipped; what we write reads back; every bound holds.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use proptest::{collection::vec, prelude::*};
use thetab_wire::{
    Decode, DecodeError, Encode, PresentationId, PublisherKey, SealKey, SegmentId, SegmentKind, SessionKey,
    bulk::{BulkFrame, MAX_PAYLOAD_SIZE_BYTES},
    codec::{Blob, List, Text, put_varint, take_varint},
    frame::{FrameDecoder, MAX_FRAME_SIZE_BYTES, encode_frame},
    have::{MAX_SPAN, PieceSet, SequenceSet},
    peer::*,
    record::{MAX_PIECES, RecordPage, SegmentRecord, SignedRecord},
    relay::{Find, Found, Join, Joined, Position, Received, Refused, Report, Send, Update, Viewers},
    relay::{RelayEvent, RelayRequest},
    seal::{Answer, Candidates, Decline, Offer, SealPeer, SignalMessage, open, seal},
    session::SessionSecret,
    ticket::{JoinTicket, SignedTicket},
};

/// Around one byte of length, and around two.
const LENGTHS: [usize; 6] = [0, 1, 255, 256, 257, 65_535];

fn signature() -> impl Strategy<Value = [u8; 64]> {
    vec(any::<u8>(), 64).prop_map(|bytes| bytes.try_into().unwrap())
}

fn blob<const MAX: usize>() -> impl Strategy<Value = Blob<MAX>> {
    vec(any::<u8>(), 0..=MAX.min(300)).prop_map(|bytes| bytes.try_into().unwrap())
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    "\\PC{0,7}".prop_map(|text| Text::try_from(text.as_str()).unwrap())
}

fn list<T: Clone + std::fmt::Debug, const MAX: usize>(
    item: impl Strategy<Value = T>,
) -> impl Strategy<Value = List<T, MAX>> {
    vec(item, 0..=MAX.min(8)).prop_map(|items| items.try_into().unwrap())
}

fn segment() -> impl Strategy<Value = SegmentId> {
    (any::<u16>(), any::<Option<u64>>(), any::<Option<u16>>()).prop_map(|(rendition, sequence, part)| {
        match sequence {
            None => SegmentId::init(rendition),
            Some(sequence) => SegmentId { rendition, kind: SegmentKind::Media, sequence, part },
        }
    })
}

fn pieces() -> impl Strategy<Value = PieceSet> {
    vec(any::<u16>(), 0..40).prop_map(|pieces| pieces.into_iter().collect())
}

fn sequences() -> impl Strategy<Value = SequenceSet> {
    (any::<u64>(), vec(0..70_000u64, 0..200)).prop_map(|(base, offsets)| {
        SequenceSet::newest(offsets.into_iter().map(|offset| base.saturating_add(offset)))
    })
}

fn record() -> impl Strategy<Value = SignedRecord> {
    (blob(), signature()).prop_map(|(body, signature)| SignedRecord { body, signature })
}

fn ticket() -> impl Strategy<Value = SignedTicket> {
    (blob(), signature()).prop_map(|(body, signature)| SignedTicket { body, signature })
}

fn position() -> impl Strategy<Value = Position> {
    any::<(bool, u16, u64, u16)>().prop_map(|(sharing, rendition, playhead_sequence, links)| Position {
        sharing,
        rendition,
        playhead_sequence,
        links,
    })
}

fn peer_message() -> impl Strategy<Value = PeerMessage> {
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(version, maximum_pieces)| Hello { version, maximum_pieces }.into()),
        any::<(bool, bool, u16, u64)>().prop_map(|(sharing, choking, rendition, playhead_sequence)| {
            Status { sharing, choking, rendition, playhead_sequence }.into()
        }),
        (any::<u16>(), sequences(), any::<bool>()).prop_map(|(rendition, complete, init)| Have {
            rendition,
            complete,
            init
        }
        .into()),
        (list(segment()), list(segment())).prop_map(|(added, removed)| HaveDelta { added, removed }.into()),
        (segment(), pieces()).prop_map(|(segment, pieces)| Partial { segment, pieces }.into()),
        (any::<u32>(), segment(), pieces()).prop_map(|(request, segment, pieces)| Request {
            request,
            segment,
            pieces
        }
        .into()),
        (any::<u32>(), prop::option::of(pieces()))
            .prop_map(|(request, pieces)| Cancel { request, pieces }.into()),
        (any::<u32>(), prop::option::of(pieces()), any::<u8>())
            .prop_map(|(request, pieces, reason)| Refuse { request, pieces, reason }.into()),
        list(segment()).prop_map(|segments| RecordRequest { segments }.into()),
        record().prop_map(|record| Record { record }.into()),
        any::<u64>().prop_map(|nonce| Ping { nonce }.into()),
        any::<u64>().prop_map(|nonce| Pong { nonce }.into()),
        any::<u8>().prop_map(|reason| Bye { reason }.into()),
    ]
}

fn relay_request() -> impl Strategy<Value = RelayRequest> {
    prop_oneof![
        (ticket(), signature(), position()).prop_map(|(ticket, proof, position)| Join {
            ticket,
            proof,
            position
        }
        .into()),
        position().prop_map(|position| Update { position }.into()),
        any::<u8>().prop_map(|count| Find { count }.into()),
        (any::<[u8; 32]>(), blob()).prop_map(|(to, sealed)| Send { to: SessionKey(to), sealed }.into()),
        any::<[u8; 32]>().prop_map(|peer| Report { peer: SessionKey(peer) }.into()),
    ]
}

fn relay_event() -> impl Strategy<Value = RelayEvent> {
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(viewers, minimum_viewers)| Joined { viewers, minimum_viewers }.into()),
        list(ticket()).prop_map(|peers| Found { peers }.into()),
        (ticket(), blob()).prop_map(|(from, sealed)| Received { from, sealed }.into()),
        any::<u32>().prop_map(|viewers| Viewers { viewers }.into()),
        (text(), text()).prop_map(|(code, message)| Refused { code, message }.into()),
    ]
}

fn signal_message() -> impl Strategy<Value = SignalMessage> {
    prop_oneof![
        (any::<u64>(), text()).prop_map(|(connection, sdp)| Offer { connection, sdp }.into()),
        (any::<u64>(), text()).prop_map(|(connection, sdp)| Answer { connection, sdp }.into()),
        (any::<u64>(), list(text())).prop_map(|(connection, candidates)| Candidates {
            connection,
            candidates
        }
        .into()),
        any::<u64>().prop_map(|connection| Decline { connection }.into()),
    ]
}

/// Reads `bytes` as everything that there is. Whatever is read says the same once written again.
fn decode_all(bytes: &[u8]) {
    fn read<T: Decode + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        if let Ok(value) = T::decode(bytes) {
            assert_eq!(T::decode(&value.encode()), Ok(value));
        }
    }
    macro_rules! protocols {
        ($($protocol:ident)*) => {$(
            if let Ok(Some(message)) = $protocol::decode(bytes) {
                assert_eq!($protocol::decode(&message.encode()), Ok(Some(message)));
            }
        )*};
    }
    protocols!(PeerMessage RelayRequest RelayEvent SignalMessage);
    read::<JoinTicket>(bytes);
    read::<PieceSet>(bytes);
    read::<RecordPage>(bytes);
    read::<SegmentId>(bytes);
    read::<SegmentRecord>(bytes);
    read::<SequenceSet>(bytes);
    read::<SignedRecord>(bytes);
    read::<SignedTicket>(bytes);
    let shared = Bytes::copy_from_slice(bytes);
    if let Ok(frame) = BulkFrame::decode(&shared) {
        assert_eq!(BulkFrame::decode(&frame.encode()), Ok(frame));
    }
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    while let Ok(Some(message)) = decoder.pop() {
        assert!(!message.is_empty() && message.len() <= MAX_FRAME_SIZE_BYTES);
    }
}

/// A field that no message has.
fn unknown_field(out: &mut Vec<u8>, content: &[u8]) {
    put_varint(4_000_000, out);
    put_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_err(bytes in vec(any::<u8>(), 0..400)) {
        decode_all(&bytes);
    }

    #[test]
    fn every_message_between_peers_reads_back(message in peer_message()) {
        let bytes = message.encode();
        prop_assert!(bytes.len() <= PeerMessage::MAX_SIZE_BYTES);
        prop_assert_eq!(PeerMessage::decode(&bytes), Ok(Some(message)));
    }

    #[test]
    fn every_message_to_and_from_the_relay_reads_back(request in relay_request(), event in relay_event()) {
        prop_assert_eq!(RelayRequest::decode(&request.encode()), Ok(Some(request)));
        prop_assert_eq!(RelayEvent::decode(&event.encode()), Ok(Some(event)));
    }

    #[test]
    fn every_signal_reads_back_and_only_where_it_was_sealed_for(message in signal_message(), place: prop::sample::Index) {
        prop_assert_eq!(SignalMessage::decode(&message.encode()), Ok(Some(message.clone())));
        let [alice, bob] = [1, 2].map(|n| SessionSecret::from_entropy([n; 32]));
        let [from, to] = [&alice, &bob].map(|s| SealPeer { session: s.session_key(), seal: s.seal_key() });
        let mut sealed = seal(&alice, &to, [3; 24], &message).unwrap();
        prop_assert_eq!(open(&bob, &from, &sealed), Ok(Some(message)));
        let place = place.index(sealed.len());
        prop_assert!(open(&bob, &from, &sealed[..place]).is_err());
        sealed[place] ^= 1;
        prop_assert!(open(&bob, &from, &sealed).is_err());
    }

    #[test]
    fn damaged_messages_decode_or_err(message in peer_message(), event in relay_event(), place: prop::sample::Index, byte: u8, kind in 0u8..4) {
        for mut bytes in [message.encode(), event.encode()] {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => drop(bytes.remove(place)),
                _ => bytes.truncate(place),
            }
            decode_all(&bytes);
        }
    }

    #[test]
    fn fields_and_messages_of_a_newer_protocol_are_skipped(message in peer_message(), content in vec(any::<u8>(), 0..300)) {
        let mut bytes = message.encode();
        unknown_field(&mut bytes, &content);
        prop_assert_eq!(PeerMessage::decode(&bytes), Ok(Some(message)));
        let mut newer = Vec::new();
        put_varint(77, &mut newer);
        newer.extend_from_slice(&content);
        prop_assert_eq!(PeerMessage::decode(&newer), Ok(None));
    }

    #[test]
    fn varints_read_back_in_their_one_form(value: u64, rest in vec(any::<u8>(), 0..3)) {
        let mut bytes = Vec::new();
        put_varint(value, &mut bytes);
        let length = bytes.len();
        bytes.extend_from_slice(&rest);
        let mut reading = &bytes[..];
        prop_assert_eq!(take_varint(&mut reading), Ok(value));
        prop_assert_eq!(reading, &rest[..]);
        // The same number in one byte more is refused.
        bytes.truncate(length);
        bytes[length - 1] |= 0x80;
        bytes.push(0);
        prop_assert_eq!(take_varint(&mut &bytes[..]), Err(DecodeError::Varint));
    }

    #[test]
    fn sequence_sets_keep_the_newest_span(base: u64, offsets in vec(0..100_000u64, 0..300)) {
        let mut expected: Vec<u64> = offsets
            .iter()
            .filter_map(|offset| base.checked_add(*offset))
            .filter(|sequence| *sequence < u64::MAX - MAX_SPAN)
            .collect();
        expected.sort_unstable();
        expected.dedup();
        let last = expected.last().copied().unwrap_or(0);
        expected.retain(|sequence| last - sequence < MAX_SPAN);
        let set = SequenceSet::newest(offsets.iter().map(|offset| base.saturating_add(*offset)));
        let read = SequenceSet::decode(&set.encode());
        prop_assert_eq!(read.as_ref(), Ok(&set));
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected.clone());
        expected.reverse();
        prop_assert_eq!(set.iter().rev().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_byte_stream_is_cut_back_into_its_messages_wherever_it_is_split(messages in vec(vec(any::<u8>(), 1..400), 0..12), chunk in 1usize..200) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| encode_frame(message).unwrap()).collect();
        let mut decoder = FrameDecoder::default();
        let mut read = Vec::new();
        for part in stream.chunks(chunk) {
            decoder.push(part);
            while let Some(message) = decoder.pop().unwrap() {
                read.push(message.to_vec());
            }
        }
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn a_piece_is_put_together_from_its_frames(request: u32, piece: u16, length in 1usize..=65_536) {
        let payload: Bytes = (0..length).map(|index| (index % 251) as u8).collect();
        let mut whole = vec![0; length];
        for frame in BulkFrame::split(request, piece, &payload) {
            let read = BulkFrame::decode(&frame.encode()).unwrap();
            prop_assert_eq!(&read, &frame);
            prop_assert_eq!((read.request, read.piece), (request, piece));
            whole[read.offset_bytes..read.offset_bytes + read.payload.len()].copy_from_slice(&read.payload);
        }
        prop_assert_eq!(whole, payload.to_vec());
    }

    #[test]
    fn names_read_back_from_their_digits_and_other_text_is_refused(bytes: [u8; 32], text in ".{0,70}") {
        let key = SealKey(bytes);
        prop_assert_eq!(key.to_string().parse(), Ok(key));
        let is_name = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        prop_assert_eq!(text.parse::<SealKey>().is_ok(), is_name);
    }
}

#[test]
fn sequence_sets_of_every_length_read_back_dense_and_sparse() {
    for length in LENGTHS {
        for step in [1, 2, 3, 200] {
            let all: Vec<u64> = (0..length as u64).map(|index| 1_000_000 + index * step).collect();
            let set = SequenceSet::newest(all.iter().copied());
            let kept = set.iter().count();
            assert!(set.iter().eq(all[length - kept..].iter().copied()), "{length} by {step}");
            assert_eq!(kept, length.min((MAX_SPAN.div_ceil(step)) as usize), "{length} by {step}");
            assert_eq!(SequenceSet::decode(&set.encode()), Ok(set));
        }
    }
}

#[test]
fn fifteen_hundred_segments_are_announced_in_two_hundred_bytes() {
    for gaps in [0, 7, 100] {
        let kept = (0..1500u64).filter(|n| gaps == 0 || n % gaps != 3);
        assert!(SequenceSet::newest(kept).encode().len() <= 200);
    }
}

#[test]
fn piece_sets_of_every_length_read_back_up_to_the_largest_segment() {
    for length in LENGTHS {
        let set = PieceSet::full(length as u16);
        assert_eq!(set.len(), length.min(MAX_PIECES));
        assert_eq!(PieceSet::decode(&set.encode()), Ok(set.clone()));
        assert!(set.iter().map(usize::from).eq(0..length.min(MAX_PIECES)));
        let bytes = vec![0xff; length];
        assert_eq!(PieceSet::decode(&bytes).is_ok(), length * 8 <= MAX_PIECES, "{length} bytes");
    }
}

#[test]
fn leaves_of_every_number_are_read_up_to_the_largest_segment() {
    let template = SegmentRecord::new(SegmentId::media(0, 0), 0, [0; 32], b"a").unwrap().encode();
    for length in LENGTHS {
        // Field 4 of the template holds one leaf of 32 bytes.
        let at = template.windows(2).position(|bytes| bytes == [4, 32]).unwrap();
        let mut bytes = template[..at].to_vec();
        put_varint(4, &mut bytes);
        put_varint(length as u64 * 32, &mut bytes);
        bytes.resize(bytes.len() + length * 32, 7);
        bytes.extend_from_slice(&template[at + 34..]);
        let read = SegmentRecord::decode(&bytes);
        assert_eq!(read.is_ok(), (1..=MAX_PIECES).contains(&length), "{length}: {read:?}");
        if let Ok(record) = read {
            assert_eq!((record.leaves.len(), record.encode()), (length, bytes));
        }
    }
}

#[test]
fn segments_of_every_size_are_recorded_up_to_the_largest() {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let publisher = PublisherKey(signing.verifying_key().to_bytes());
    let presentation = PresentationId::new(&publisher, "sample");
    for size in LENGTHS.into_iter().chain([65_536, 65_537, 16 << 20, (16 << 20) + 1]) {
        let payload = vec![1; size];
        let made = SegmentRecord::new(SegmentId::media(0, 1), 2000, [0; 32], &payload);
        assert_eq!(made.is_ok(), (1..=16 << 20).contains(&size), "{size}");
        let Ok(record) = made else { continue };
        let verified = record.sign(&presentation, &signing).verify(&presentation, &publisher).unwrap();
        assert_eq!((verified.size_bytes as usize, verified.leaves.len()), (size, size.div_ceil(65_536)));
    }
}

/// Appends `count` fields with `tag`.
fn repeated(tag: u64, content: &[u8], count: usize, out: &mut Vec<u8>) {
    for _ in 0..count {
        put_varint(tag, out);
        put_varint(content.len() as u64, out);
        out.extend_from_slice(content);
    }
}

#[test]
fn lists_are_read_up_to_their_bound_and_never_beyond() {
    let segment = SegmentId::media(1, 2).encode();
    for length in LENGTHS.into_iter().chain([16, 17, 63, 64, 65]) {
        let mut page = Vec::new();
        let mut body = Vec::new();
        repeated(1, b"body", 1, &mut body);
        repeated(2, &[0; 64], 1, &mut body);
        repeated(1, &body, length, &mut page);
        let read = RecordPage::decode(&page);
        assert_eq!(read.is_ok(), length <= 64, "{length} records");
        assert!(read.is_ok() || read == Err(DecodeError::Bounds("records")));

        let mut delta = vec![4];
        repeated(1, &segment, length, &mut delta);
        assert_eq!(PeerMessage::decode(&delta).is_ok(), length <= 64, "{length} segments");
        let mut request = vec![9];
        repeated(1, &segment, length, &mut request);
        assert_eq!(PeerMessage::decode(&request).is_ok(), length <= 16, "{length} asked for");
    }
}

#[test]
fn lists_split_at_their_bound() {
    for length in LENGTHS {
        let (head, rest) = List::<usize, 64>::split(0..length);
        assert_eq!((head.len(), rest.len()), (length.min(64), length.saturating_sub(64)));
        assert!(head.iter().chain(&rest).copied().eq(0..length));
        assert_eq!(List::<usize, 256>::try_from((0..length).collect::<Vec<_>>()).is_ok(), length <= 256);
    }
}

#[test]
fn opaque_bytes_and_text_are_read_up_to_their_bound() {
    for length in LENGTHS {
        let bytes = vec![b'a'; length];
        assert_eq!(Blob::<256>::decode(&bytes).is_ok(), length <= 256);
        assert_eq!(Text::<256>::decode(&bytes).is_ok(), length <= 256);
        assert_eq!(Blob::<65_535>::try_from(bytes.clone()).map(|blob| blob.encode()), Ok(bytes));
    }
    assert_eq!(Text::<8>::decode(&[0xff]), Err(DecodeError::Utf8));
}

#[test]
fn frames_of_every_length_are_read_up_to_the_limit_of_their_protocol() {
    for length in LENGTHS.into_iter().chain([65_536, 65_537]) {
        let framed = encode_frame(&vec![9; length]);
        assert_eq!(framed.is_ok(), (1..=MAX_FRAME_SIZE_BYTES).contains(&length));
        let Ok(framed) = framed else { continue };
        let mut decoder = FrameDecoder::default();
        decoder.push(&framed);
        assert_eq!(decoder.pop().unwrap().unwrap().len(), length);
        let mut small = FrameDecoder::with_limit(256);
        // The length alone says that it is too much: nothing waits for the rest.
        small.push(&framed[..4]);
        assert_eq!(small.pop().is_err(), length > 256);
    }
}

#[test]
fn a_message_longer_than_its_protocol_allows_is_refused_unread() {
    let mut long = vec![11];
    unknown_field(&mut long, &vec![0; PeerMessage::MAX_SIZE_BYTES]);
    assert_eq!(PeerMessage::decode(&long), Err(DecodeError::Bounds("message")));
    assert_eq!(SignalMessage::decode(&long), Err(DecodeError::Bounds("message")));
    assert!(RelayRequest::decode(&vec![77; RelayRequest::MAX_SIZE_BYTES + 1]).is_err());
    assert_eq!(RelayEvent::decode(&vec![77; RelayEvent::MAX_SIZE_BYTES]), Ok(None));
}

#[test]
fn the_largest_genuine_messages_fit_their_protocols() {
    let widest =
        SegmentId { rendition: u16::MAX, kind: SegmentKind::Media, sequence: u64::MAX, part: Some(u16::MAX) };
    let all: Vec<SegmentId> = vec![widest; 64];
    let (added, removed) = (List::split(all.clone()).0, List::split(all).0);
    assert!(PeerMessage::from(HaveDelta { added, removed }).encode().len() <= PeerMessage::MAX_SIZE_BYTES);
    let every_second = SequenceSet::newest((0..MAX_SPAN).step_by(2));
    let have = Have { rendition: u16::MAX, complete: every_second, init: true };
    assert!(PeerMessage::from(have).encode().len() <= PeerMessage::MAX_SIZE_BYTES);
    let signing = SigningKey::from_bytes(&[7; 32]);
    let largest = SegmentRecord::new(widest, u32::MAX, [9; 32], &vec![0; 16 << 20]).unwrap();
    let record = largest.sign(&PresentationId([1; 32]), &signing);
    assert!(
        PeerMessage::from(Record { record: record.clone() }).encode().len() <= PeerMessage::MAX_SIZE_BYTES
    );
    let page = RecordPage { records: vec![record; 64].try_into().unwrap() };
    assert!(page.encode().len() <= RecordPage::MAX_SIZE_BYTES);
    let ticket = SignedTicket { body: vec![0; 256].try_into().unwrap(), signature: [0; 64] };
    let sealed: Blob<17_408> = vec![0; 17_408].try_into().unwrap();
    assert!(
        RelayEvent::from(Received { from: ticket.clone(), sealed }).encode().len()
            <= RelayEvent::MAX_SIZE_BYTES
    );
    let peers = vec![ticket; 8].try_into().unwrap();
    assert!(RelayEvent::from(Found { peers }).encode().len() <= RelayEvent::MAX_SIZE_BYTES);
}

#[test]
fn bulk_frames_that_are_empty_too_long_or_beyond_their_piece_are_refused() {
    let frame = |offset: u16, payload: usize| {
        let mut bytes = vec![0, 0, 0, 1, 0, 2];
        bytes.extend_from_slice(&offset.to_be_bytes());
        bytes.resize(12 + payload, 0);
        BulkFrame::decode(&bytes.into())
    };
    assert_eq!(frame(0, 0), Err(DecodeError::Truncated));
    assert!(frame(0, 1).is_ok() && frame(0, MAX_PAYLOAD_SIZE_BYTES).is_ok());
    assert!(frame(0, MAX_PAYLOAD_SIZE_BYTES + 1).is_err());
    assert!(frame(255, 256).is_ok());
    assert!(frame(255, 257).is_err() && frame(256, 1).is_err() && frame(u16::MAX, 1).is_err());
    for length in 0..12 {
        assert_eq!(BulkFrame::decode(&vec![0; length].into()), Err(DecodeError::Truncated));
    }
}
