//! What edge nodes and relays say to each other.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use thetab_wire::{
    Decode, Encode, PresentationId, PublisherKey, SealKey, SegmentId, SegmentKind, SessionKey,
    bulk::BulkFrame,
    codec::{Blob, List, Text, put_varint, take_varint},
    frame::{FrameDecoder, MAX_FRAME_SIZE_BYTES, encode_frame},
    have::{PieceSet, SequenceSet},
    peer::{
        Bye, Cancel, Have, HaveDelta, Hello, Partial, PeerMessage, Ping, Pong, Record, RecordRequest, Refuse,
        Request, Status,
    },
    record::{RecordPage, SegmentRecord, SignedRecord},
    relay::{
        Find, Found, Join, Joined, Position, Received, Refused, RelayEvent, RelayRequest, Report, Send,
        Update, Viewers,
    },
    seal::{Answer, Candidates, Decline, Offer, SealPeer, SignalMessage, open, seal},
    session::SessionSecret,
    ticket::{JoinTicket, SignedTicket},
};

use crate::{Memory, Target};

/// A message is read, written and read again; lists grow by doubling.
const MESSAGE: Memory = Memory { per_byte: 64, fixed: 4 * 1024 };

/// A byte of a bitmap becomes up to four runs of sequence numbers; written again they may take a bitmap of 8 KiB.
const SEQUENCES: Memory = Memory { per_byte: 320, fixed: 32 * 1024 };

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, longest: usize) -> Target {
    Target { name, run, seeds, memory: MESSAGE, longest }
}

pub(crate) const TARGETS: &[Target] = &[
    target("varint", varint, varint_seeds, 64),
    target("values", values, value_seeds, 700),
    target("segment-id", segment_id, segment_id_seeds, 64),
    target("names", names, name_seeds, 200),
    target("frame-stream", frame_stream, frame_seeds, 4096),
    target("bulk-frame", bulk_frame, bulk_seeds, 20_000),
    Target { memory: SEQUENCES, ..target("sequence-set", sequence_set, sequence_seeds, 9000) },
    target("piece-set", piece_set, piece_seeds, 64),
    target("segment-record", segment_record, segment_record_seeds, 9000),
    target("record-page", record_page, record_page_seeds, 20_000),
    target("ticket", ticket, ticket_seeds, 600),
    Target { memory: SEQUENCES, ..target("peer-message", peer_message, peer_message_seeds, 17_000) },
    target("relay-request", relay_request, relay_request_seeds, 21_000),
    target("relay-event", relay_event, relay_event_seeds, 21_000),
    target("signal-message", signal_message, signal_message_seeds, 17_000),
    target("sealed-message", sealed_message, sealed_message_seeds, 18_000),
];

pub(crate) fn publisher() -> (SigningKey, PublisherKey, PresentationId) {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let key = PublisherKey(signing.verifying_key().to_bytes());
    (signing, key, PresentationId::new(&key, "sample"))
}

pub(crate) fn secret(number: u8) -> SessionSecret {
    SessionSecret::from_entropy([number; 32])
}

pub(crate) fn peer(secret: &SessionSecret) -> SealPeer {
    SealPeer { session: secret.session_key(), seal: secret.seal_key() }
}

/// What reads must read the same again once it is written.
fn again<T: Decode + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let value = T::decode(bytes).ok()?;
    assert_eq!(T::decode(&value.encode()).as_ref(), Ok(&value));
    Some(value)
}

fn varint(mut bytes: &[u8]) {
    while let Ok(value) = take_varint(&mut bytes) {
        let mut written = Vec::new();
        put_varint(value, &mut written);
        assert_eq!(take_varint(&mut &written[..]), Ok(value));
    }
}

fn varint_seeds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    [0, 127, 128, 65_535, u64::MAX].into_iter().for_each(|value| put_varint(value, &mut all));
    vec![all]
}

fn values(bytes: &[u8]) {
    again::<u8>(bytes);
    again::<u16>(bytes);
    again::<u32>(bytes);
    again::<u64>(bytes);
    again::<bool>(bytes);
    again::<[u8; 32]>(bytes);
    again::<Blob<256>>(bytes);
    again::<Text<256>>(bytes);
}

fn value_seeds() -> Vec<Vec<u8>> {
    vec![vec![1], u64::MAX.encode(), vec![7; 32], "Größe".as_bytes().to_vec(), vec![b'a'; 256]]
}

fn segment_id(bytes: &[u8]) {
    if let Some(segment) = again::<SegmentId>(bytes) {
        assert_eq!(segment.encode(), bytes);
    }
}

fn segment_id_seeds() -> Vec<Vec<u8>> {
    let part = SegmentId { rendition: 3, kind: SegmentKind::Media, sequence: 9, part: Some(1) };
    [SegmentId::init(0), SegmentId::media(1, u64::MAX), part].map(|segment| segment.encode()).to_vec()
}

fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = text.parse::<SealKey>() {
        assert_eq!(key.to_string(), text.to_ascii_lowercase());
    }
    let _ = PresentationId::new(&PublisherKey([1; 32]), text);
}

fn name_seeds() -> Vec<Vec<u8>> {
    vec![SealKey([0xab; 32]).to_string().into_bytes()]
}

fn frame_stream(bytes: &[u8]) {
    let (chunk, stream) = bytes.split_first().map_or((1, bytes), |(&first, rest)| (first.max(1), rest));
    for limit in [256, MAX_FRAME_SIZE_BYTES] {
        let mut decoder = FrameDecoder::with_limit(limit);
        for part in stream.chunks(usize::from(chunk)) {
            decoder.push(part);
            loop {
                match decoder.pop() {
                    Ok(Some(message)) => assert!((1..=limit).contains(&message.len())),
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

fn frame_seeds() -> Vec<Vec<u8>> {
    let frames: Vec<u8> = [1, 255, 256, 300]
        .into_iter()
        .flat_map(|size| encode_frame(&vec![5; size]).expect("short"))
        .collect();
    vec![[&[1], &frames[..]].concat(), [&[200], &frames[..]].concat()]
}

fn bulk_frame(bytes: &[u8]) {
    let shared = Bytes::copy_from_slice(bytes);
    if let Ok(frame) = BulkFrame::decode(&shared) {
        assert!(!frame.payload.is_empty() && frame.offset_bytes + frame.payload.len() <= 65_536);
        assert_eq!(BulkFrame::decode(&frame.encode()).as_ref(), Ok(&frame));
    }
}

fn bulk_seeds() -> Vec<Vec<u8>> {
    let payload = Bytes::from(vec![8; 20_000]);
    let mut seeds: Vec<Vec<u8>> =
        BulkFrame::split(1, 2, &payload.slice(16_000..)).map(|frame| frame.encode().to_vec()).collect();
    seeds.extend(BulkFrame::split(9, 0, &payload.slice(..40)).map(|frame| frame.encode().to_vec()));
    seeds
}

fn sequence_set(bytes: &[u8]) {
    if let Some(set) = again::<SequenceSet>(bytes) {
        let (first, last) = (set.iter().next(), set.iter().next_back());
        let span = last.zip(first).map_or(0, |(last, first)| last - first);
        assert!(span < thetab_wire::have::MAX_SPAN);
        assert!(set.iter().zip(set.iter().skip(1)).take(1000).all(|(one, next)| one < next));
    }
}

fn sequence_seeds() -> Vec<Vec<u8>> {
    let sparse = SequenceSet::newest((0..200u64).map(|n| 1_000_000 + n * n));
    let dense = SequenceSet::newest(0..257);
    let alternating = SequenceSet::newest((5..600u64).step_by(2));
    [sparse, dense, alternating, SequenceSet::default()].map(|set| set.encode()).to_vec()
}

fn piece_set(bytes: &[u8]) {
    if let Some(mut set) = again::<PieceSet>(bytes) {
        assert_eq!((set.encode(), set.iter().count()), (bytes.to_vec(), set.len()));
        let pieces: Vec<u16> = set.iter().collect();
        pieces.iter().for_each(|piece| set.remove(*piece));
        assert_eq!(set, PieceSet::new());
    }
}

fn piece_seeds() -> Vec<Vec<u8>> {
    vec![PieceSet::full(31).encode(), PieceSet::full(256).encode(), PieceSet::from_iter([200]).encode()]
}

fn segment_record(bytes: &[u8]) {
    if let Some(record) = again::<SegmentRecord>(bytes) {
        let sizes: usize = (0..=record.piece_count()).map(|piece| record.piece_size_bytes(piece)).sum();
        assert!(sizes <= record.size_bytes as usize);
    }
    let (_, key, presentation) = recorded();
    if let Some(signed) = again::<SignedRecord>(bytes)
        && let Ok(verified) = signed.verify(&presentation, &key)
    {
        let sizes: usize = (0..verified.piece_count()).map(|piece| verified.piece_size_bytes(piece)).sum();
        assert_eq!(sizes, verified.size_bytes as usize);
        let _ = verified.verify_piece(0, Bytes::from_static(b"not it"));
    }
}

/// Not the presentation of the state machines' stream: it has other records of the same segments.
fn recorded() -> (SigningKey, PublisherKey, PresentationId) {
    let (signing, key, _) = publisher();
    (signing, key, PresentationId::new(&key, "recorded"))
}

/// The records of a segment of one piece and of one of three.
fn signed_records() -> Vec<SignedRecord> {
    let (signing, _, presentation) = recorded();
    let record = |segment, size: usize| {
        let made =
            SegmentRecord::new(segment, 4000, [1; 32], &vec![3; size]).expect("neither empty nor large");
        made.sign(&presentation, &signing)
    };
    vec![record(SegmentId::init(0), 700), record(SegmentId::media(1, 77), 150_000)]
}

fn segment_record_seeds() -> Vec<Vec<u8>> {
    let signed = signed_records();
    let bodies = signed.iter().map(|record| record.body.to_vec());
    bodies.chain(signed.iter().map(Encode::encode)).collect()
}

fn record_page(bytes: &[u8]) {
    let (_, key, presentation) = recorded();
    let Some(page) = again::<RecordPage>(bytes) else { return };
    for record in page.records.into_inner() {
        let claimed = record.claimed_segment();
        if let Ok(verified) = record.verify(&presentation, &key) {
            assert_eq!(claimed, Ok(verified.segment));
        }
    }
}

fn record_page_seeds() -> Vec<Vec<u8>> {
    let records = signed_records().try_into().expect("two records");
    vec![RecordPage { records }.encode()]
}

fn ticket(bytes: &[u8]) {
    again::<JoinTicket>(bytes);
    let (_, key, presentation) = publisher();
    if let Some(signed) = again::<SignedTicket>(bytes) {
        let claimed = signed.claimed_presentation();
        if signed.verify(&presentation, &key, 0).is_ok() {
            assert_eq!(claimed, Ok(presentation));
        }
    }
}

/// The ticket of a session, for as long as a script may run.
pub(crate) fn ticket_for(secret: &SessionSecret) -> SignedTicket {
    let (signing, _, presentation) = publisher();
    let (session, seal) = (secret.session_key(), secret.seal_key());
    let ticket =
        JoinTicket { presentation, session, seal, expires_unix_seconds: 2_000_000_000, maximum_links: 12 };
    ticket.sign(&signing)
}

fn ticket_seeds() -> Vec<Vec<u8>> {
    let signed = ticket_for(&secret(1));
    vec![signed.body.to_vec(), signed.encode()]
}

/// One genuine message of each kind between peers.
pub(crate) fn peer_messages() -> Vec<PeerMessage> {
    let segment = SegmentId::media(0, 3);
    let pieces = PieceSet::full(3);
    let segments = || List::split([SegmentId::init(1), segment, SegmentId::media(1, 4)]).0;
    let record = signed_records().swap_remove(0);
    let complete = SequenceSet::newest([1, 2, 3, 9]);
    vec![
        Hello { version: 1, maximum_pieces: 256 }.into(),
        Status { sharing: true, choking: false, rendition: 0, playhead_sequence: 2 }.into(),
        Have { rendition: 0, complete, init: true }.into(),
        HaveDelta { added: segments(), removed: List::default() }.into(),
        Partial { segment, pieces: pieces.clone() }.into(),
        Request { request: 1, segment, pieces: pieces.clone() }.into(),
        Cancel { request: 1, pieces: Some(pieces.clone()) }.into(),
        Refuse { request: 1, pieces: None, reason: 3 }.into(),
        RecordRequest { segments: List::split([segment]).0 }.into(),
        Record { record }.into(),
        Ping { nonce: 5 }.into(),
        Pong { nonce: 5 }.into(),
        Bye { reason: 0 }.into(),
    ]
}

macro_rules! protocol_targets {
    ($($run:ident $protocol:ident $seeds:ident $genuine:ident;)*) => {$(
        fn $run(bytes: &[u8]) {
            if let Ok(Some(message)) = $protocol::decode(bytes) {
                assert_eq!($protocol::decode(&message.encode()), Ok(Some(message)));
            }
        }

        fn $seeds() -> Vec<Vec<u8>> {
            $genuine().iter().map($protocol::encode).collect()
        }
    )*};
}

protocol_targets! {
    peer_message PeerMessage peer_message_seeds peer_messages;
    relay_request RelayRequest relay_request_seeds relay_requests;
    relay_event RelayEvent relay_event_seeds relay_events;
    signal_message SignalMessage signal_message_seeds signal_messages;
}

fn relay_requests() -> Vec<RelayRequest> {
    let (secret, other) = (secret(1), secret(2));
    let position = Position { sharing: true, rendition: 1, playhead_sequence: 700, links: 3 };
    let (_, _, presentation) = publisher();
    let proof = secret.prove_join(&presentation, b"relay", b"node");
    vec![
        Join { ticket: ticket_for(&secret), proof, position: position.clone() }.into(),
        Update { position }.into(),
        Find { count: 8 }.into(),
        Send { to: other.session_key(), sealed: vec![1; 100].try_into().expect("short") }.into(),
        Report { peer: SessionKey([4; 32]) }.into(),
    ]
}

fn relay_events() -> Vec<RelayEvent> {
    let ticket = ticket_for(&secret(2));
    let (code, message) = (Text::try_from("rate_limited"), Text::try_from("too many messages"));
    vec![
        Joined { viewers: 3, minimum_viewers: 2 }.into(),
        Found { peers: List::split([ticket.clone(), ticket_for(&secret(3))]).0 }.into(),
        Received { from: ticket, sealed: vec![1; 100].try_into().expect("short") }.into(),
        Viewers { viewers: 256 }.into(),
        Refused { code: code.expect("short"), message: message.expect("short") }.into(),
    ]
}

pub(crate) fn signal_messages() -> Vec<SignalMessage> {
    let sdp = Text::try_from("v=0\r\na=fingerprint:sha-256 AB:CD\r\n").expect("short");
    let line = Text::try_from("candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host").expect("short");
    let candidates = List::split([line, Text::default()]).0;
    vec![
        Offer { connection: 1, sdp: sdp.clone() }.into(),
        Answer { connection: 1, sdp }.into(),
        Candidates { connection: 1, candidates }.into(),
        Decline { connection: 1 }.into(),
    ]
}

/// The first byte says whether the rest is what arrived, or is to be sealed first.
fn sealed_message(bytes: &[u8]) {
    let Some((&kind, content)) = bytes.split_first() else { return };
    let (alice, bob) = (secret(1), secret(2));
    if kind.is_multiple_of(2) {
        assert_eq!(
            open(&bob, &peer(&alice), content).ok().flatten(),
            genuine(content).and_then(|_| open(&bob, &peer(&alice), content).ok()?)
        );
    } else if let Ok(Some(message)) = SignalMessage::decode(content) {
        let sealed = seal(&alice, &peer(&bob), [kind; 24], &message).expect("Bob's key is sound");
        assert_eq!(open(&bob, &peer(&alice), &sealed), Ok(Some(message)));
        assert!(open(&alice, &peer(&bob), &sealed).is_err());
    }
}

/// Nobody but Alice seals as Alice: what opens is one of the messages that she sealed.
fn genuine(content: &[u8]) -> Option<()> {
    sealed_by_alice().iter().any(|sealed| sealed == content).then_some(())
}

fn sealed_by_alice() -> Vec<Vec<u8>> {
    let (alice, bob) = (secret(1), secret(2));
    let sealed = |message: &SignalMessage| seal(&alice, &peer(&bob), [5; 24], message).expect("a sound key");
    signal_messages().iter().map(sealed).collect()
}

fn sealed_message_seeds() -> Vec<Vec<u8>> {
    let arrived = sealed_by_alice().into_iter().map(|sealed| [&[0], &sealed[..]].concat());
    arrived.chain(signal_messages().iter().map(|message| [&[1], &message.encode()[..]].concat())).collect()
}
