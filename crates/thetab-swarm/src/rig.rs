//! A swarm on a bench: a publisher, a clock, peers that say what a test wants.

use alloc::{vec, vec::Vec};
use core::{ops::Range, time::Duration};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use thetab_sansio::{Instant, Machine as _};
use thetab_wire::{
    PIECE_SIZE_BYTES, PieceIndex, PresentationId, PublisherKey, SegmentId, SessionKey,
    bulk::BulkFrame,
    codec::List,
    have::PieceSet,
    peer::{HaveDelta, PeerMessage, Record, Refuse, Request, Status},
    record::{SegmentRecord, SignedRecord},
};

use crate::{
    effect::{BanReason, Effect},
    input::{Config, FetchId, Input, PeerId, RequestId, SharePolicy},
    swarm::Swarm,
};

pub(crate) const SEGMENT_MS: u32 = 4000;

/// A swarm, and what it wanted done since it was last asked.
pub(crate) struct Rig {
    pub(crate) swarm: Swarm,
    pub(crate) now: Instant,
    pub(crate) effects: Vec<Effect>,
    signing: SigningKey,
    next_request: u64,
}

/// A request that the swarm sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) peer: PeerId,
    pub(crate) request: u32,
    pub(crate) segment: SegmentId,
    pub(crate) pieces: Vec<PieceIndex>,
}

pub(crate) fn peer(number: u8) -> PeerId {
    SessionKey([number; 32])
}

pub(crate) fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

pub(crate) fn media(sequence: u64) -> SegmentId {
    SegmentId::media(0, sequence)
}

/// The bytes of a segment of `pieces` whole pieces.
pub(crate) fn payload(segment: SegmentId, pieces: usize) -> Bytes {
    let seed = segment.sequence as usize * 31 + usize::from(segment.rendition);
    (0..pieces * PIECE_SIZE_BYTES).map(|index| ((index / 7 + seed) % 251) as u8).collect()
}

impl Rig {
    /// A swarm that may give and take, of which nothing else is known.
    pub(crate) fn new() -> Rig {
        Rig::with(|_| {})
    }

    pub(crate) fn live() -> Rig {
        Rig::with(|config| config.live = true)
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Rig {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let publisher = PublisherKey(signing.verifying_key().to_bytes());
        let mut config = Config {
            seed: [1; 32],
            presentation: PresentationId::new(&publisher, "sample"),
            publisher,
            local: peer(101),
            live: false,
            memory_limit_bytes: 64 << 20,
            prefetch_horizon_ms: 30_000,
            maximum_links: 8,
        };
        change(&mut config);
        let swarm = Swarm::new(config);
        let mut rig = Rig { swarm, now: at(0), effects: Vec::new(), signing, next_request: 0 };
        rig.share(true, true, 10_000_000);
        rig
    }

    pub(crate) fn share(&mut self, download: bool, upload: bool, upload_cap_bytes_per_second: u64) {
        self.input(Input::Share(SharePolicy { download, upload, upload_cap_bytes_per_second }));
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.swarm.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, with every timer on the way.
    pub(crate) fn pass_until(&mut self, ms: u64) {
        while let Some(due) = self.swarm.poll_timeout().filter(|due| *due <= at(ms)) {
            self.now = self.now.max(due);
            self.swarm.handle_timeout(self.now);
            self.drain();
        }
        self.now = at(ms);
    }

    fn drain(&mut self) {
        while let Some(effect) = self.swarm.poll_effect() {
            self.effects.push(effect);
        }
    }

    /// Forgets what was wanted so far.
    pub(crate) fn forget(&mut self) {
        self.effects.clear();
    }

    /// The player wants a segment within `slack_ms`.
    pub(crate) fn want(&mut self, segment: SegmentId, slack_ms: u64) -> RequestId {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let deadline = self.now + Duration::from_millis(slack_ms);
        self.input(Input::Want { request, segment, deadline });
        request
    }

    pub(crate) fn playhead(&mut self, sequence: u64, last: u64) {
        let (renditions, last_sequence) = (vec![0], Some(last));
        self.input(Input::Playhead { renditions, sequence, last_sequence, paused: false });
    }

    pub(crate) fn signed(&self, segment: SegmentId, pieces: usize) -> SignedRecord {
        let record = SegmentRecord::new(segment, SEGMENT_MS, [0; 32], &payload(segment, pieces)).unwrap();
        record.sign(&self.swarm.config.presentation, &self.signing)
    }

    /// Teaches it the records of segments of `pieces` pieces.
    pub(crate) fn knows(&mut self, sequences: Range<u64>, pieces: usize) {
        for sequence in sequences {
            let signed = self.signed(media(sequence), pieces);
            assert!(self.swarm.believe(signed));
        }
    }

    /// Links a peer that serves and is at `sequence`.
    pub(crate) fn link(&mut self, number: u8, sequence: u64) -> PeerId {
        let peer = peer(number);
        self.input(Input::LinkUp { peer });
        self.says(peer, status(sequence));
        peer
    }

    pub(crate) fn says(&mut self, peer: PeerId, message: impl Into<PeerMessage>) {
        let message = message.into().encode().into();
        self.input(Input::Control { peer, message });
    }

    /// A peer announces whole segments.
    pub(crate) fn has(&mut self, peer: PeerId, segments: impl IntoIterator<Item = SegmentId>) {
        let (added, removed) = (List::split(segments).0, List::default());
        self.says(peer, HaveDelta { added, removed });
    }

    pub(crate) fn refuses(&mut self, asked: &Asked, reason: u8) {
        self.says(asked.peer, Refuse { request: asked.request, pieces: None, reason });
    }

    /// A peer sends what was asked of it.
    pub(crate) fn sends(&mut self, asked: &Asked, segment_pieces: usize) {
        for frame in frames(asked, segment_pieces) {
            self.input(Input::Bulk { peer: asked.peer, frame });
        }
    }

    /// A peer answers every request, those that its answers lead to as well; how many.
    pub(crate) fn sends_all_that_is_asked_of(&mut self, peer: PeerId, segment_pieces: usize) -> usize {
        let mut answered = 0;
        while let Some(asked) = self.requests().into_iter().filter(|asked| asked.peer == peer).nth(answered) {
            self.sends(&asked, segment_pieces);
            answered += 1;
        }
        answered
    }

    /// Whether this node is the one to fetch a piece whose record it knows.
    pub(crate) fn owns(&self, segment: SegmentId, piece: PieceIndex) -> bool {
        self.swarm.owns(&self.swarm.records[&segment], piece)
    }

    pub(crate) fn offers(&mut self, segment: SegmentId, pieces: usize) {
        self.input(Input::Offered { segment, payload: payload(segment, pieces) });
    }

    /// Requests sent since the last [`forget`](Rig::forget).
    pub(crate) fn requests(&self) -> Vec<Asked> {
        let requests = self.said().into_iter().filter_map(|(peer, message)| match message {
            PeerMessage::Request(Request { request, segment, pieces }) => {
                Some(Asked { peer, request, segment, pieces: pieces.iter().collect() })
            }
            _ => None,
        });
        requests.collect()
    }

    pub(crate) fn cancels(&self) -> Vec<(PeerId, u32)> {
        let cancels = self.said().into_iter().filter_map(|(peer, message)| match message {
            PeerMessage::Cancel(cancel) => Some((peer, cancel.request)),
            _ => None,
        });
        cancels.collect()
    }

    /// Everything said on control channels.
    pub(crate) fn said(&self) -> Vec<(PeerId, PeerMessage)> {
        let messages = self.effects.iter().filter_map(|effect| match effect {
            Effect::SendControl { peer, message } => {
                Some((*peer, PeerMessage::decode(message).unwrap().unwrap()))
            }
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn said_to(&self, peer: PeerId) -> Vec<PeerMessage> {
        self.said().into_iter().filter(|(to, _)| *to == peer).map(|(_, message)| message).collect()
    }

    /// Ranges asked of the origin.
    pub(crate) fn fetches(&self) -> Vec<Fetched> {
        let fetches = self.effects.iter().filter_map(|effect| match effect {
            Effect::FetchOrigin { fetch, segment, range } => {
                Some(Fetched { fetch: *fetch, segment: *segment, range: range.clone() })
            }
            _ => None,
        });
        fetches.collect()
    }

    pub(crate) fn fetched_pieces(&self, segment: SegmentId) -> Vec<PieceIndex> {
        let of_segment = self.fetches().into_iter().filter(|fetch| fetch.segment == segment);
        let mut pieces: Vec<PieceIndex> = of_segment.flat_map(|fetch| fetch.pieces()).collect();
        pieces.sort_unstable();
        pieces
    }

    pub(crate) fn delivered(&self) -> Vec<RequestId> {
        let delivered = self.effects.iter().filter_map(|effect| match effect {
            Effect::Deliver { request, .. } => Some(*request),
            _ => None,
        });
        delivered.collect()
    }

    pub(crate) fn bans(&self) -> Vec<(PeerId, BanReason)> {
        let bans = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ban { peer, reason, .. } => Some((*peer, *reason)),
            _ => None,
        });
        bans.collect()
    }

    pub(crate) fn disconnected(&self) -> Vec<PeerId> {
        let disconnected = self.effects.iter().filter_map(|effect| match effect {
            Effect::Disconnect { peer } => Some(*peer),
            _ => None,
        });
        disconnected.collect()
    }
}

/// A range that was asked of the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) fetch: FetchId,
    pub(crate) segment: SegmentId,
    pub(crate) range: Range<u32>,
}

impl Fetched {
    pub(crate) fn pieces(&self) -> Range<PieceIndex> {
        let piece = |byte: u32| (byte as usize).div_ceil(PIECE_SIZE_BYTES) as PieceIndex;
        piece(self.range.start)..piece(self.range.end)
    }
}

/// The right answer to a request, in frames.
pub(crate) fn frames(asked: &Asked, segment_pieces: usize) -> Vec<Bytes> {
    let bytes = payload(asked.segment, segment_pieces);
    let piece = |index: &PieceIndex| {
        let start = usize::from(*index) * PIECE_SIZE_BYTES;
        bytes.slice(start..start + PIECE_SIZE_BYTES)
    };
    let of_piece = |index: &PieceIndex| {
        BulkFrame::split(asked.request, *index, &piece(index)).map(|frame| frame.encode()).collect::<Vec<_>>()
    };
    asked.pieces.iter().flat_map(of_piece).collect()
}

pub(crate) fn status(playhead_sequence: u64) -> Status {
    Status { sharing: true, choking: false, rendition: 0, playhead_sequence }
}

pub(crate) fn record(signed: SignedRecord) -> Record {
    Record { record: signed }
}

pub(crate) fn pieces(pieces: &[PieceIndex]) -> PieceSet {
    pieces.iter().copied().collect()
}
