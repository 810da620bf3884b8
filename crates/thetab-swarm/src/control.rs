//! What peers say and send: announcements, requests, pieces. Nothing of it is believed without a check.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use thetab_wire::{
    SegmentId,
    bulk::BulkFrame,
    codec::List,
    peer::{Hello, PEER_PROTOCOL_VERSION, PeerMessage, Pong, Record, RecordRequest, Refuse, Status},
};

use crate::{
    effect::{BanReason, Effect},
    input::PeerId,
    link::{Assembled, Link},
    swarm::Swarm,
};

const BAN: Duration = Duration::from_secs(600);
/// Frames that answer nothing, before a peer is taken for a flooder: more than cancelled requests can explain.
const MAX_STRAYS: u32 = 512;
/// Pieces in a row that did not come, before the link is closed.
const MAX_DISAPPOINTMENTS: u32 = 4;
/// Bans that are remembered.
const MAX_BANNED: usize = 1024;

impl Swarm {
    pub(crate) fn control(&mut self, peer: PeerId, message: &[u8]) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.may_speak(now) {
            return self.ban(peer, BanReason::Protocol);
        }
        match PeerMessage::decode(message) {
            Ok(Some(message)) => self.hear(peer, message),
            Ok(None) => {}
            Err(_) => self.ban(peer, BanReason::Protocol),
        }
    }

    fn hear(&mut self, peer: PeerId, message: PeerMessage) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        match message {
            PeerMessage::Hello(hello) => self.hello(peer, &hello),
            PeerMessage::Status(status) => self.status(peer, &status),
            PeerMessage::Have(have) => link.announced(have.rendition, have.complete.iter(), have.init),
            PeerMessage::HaveDelta(delta) => {
                delta.removed.iter().for_each(|segment| link.removed(segment));
                delta.added.iter().for_each(|segment| link.added(*segment));
            }
            PeerMessage::Partial(partial) => link.partly(partial.segment, partial.pieces),
            PeerMessage::Request(request) => self.requested(peer, &request),
            PeerMessage::Cancel(cancel) => self.cancelled(peer, &cancel),
            PeerMessage::Refuse(refuse) => self.refused(peer, &refuse),
            PeerMessage::RecordRequest(request) => self.records_requested(peer, &request.segments),
            PeerMessage::Record(record) => self.record_received(peer, record),
            PeerMessage::Ping(ping) => self.send(peer, Pong { nonce: ping.nonce }),
            PeerMessage::Pong(pong) => self.pong(peer, pong.nonce),
            PeerMessage::Bye(_) => self.disconnect(peer),
        }
    }

    fn hello(&mut self, peer: PeerId, hello: &Hello) {
        if hello.version != PEER_PROTOCOL_VERSION {
            self.disconnect(peer);
        }
    }

    fn status(&mut self, peer: PeerId, status: &Status) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.sharing = status.sharing;
        link.choking = status.choking;
        link.position = Some((status.rendition, status.playhead_sequence));
        if !status.sharing || status.choking {
            link.asked.clear();
        }
    }

    fn refused(&mut self, peer: PeerId, refuse: &Refuse) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(asked) = link.asked.remove(&refuse.request) {
            link.lied(&asked.segment, asked.piece);
        }
    }

    fn pong(&mut self, peer: PeerId, nonce: u64) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some((_, at)) = link.pinged.take_if(|(pinged, _)| *pinged == nonce) {
            link.estimate.measured_delay(now.saturating_since(at));
        }
    }

    fn records_requested(&mut self, peer: PeerId, segments: &[SegmentId]) {
        let found: Vec<Record> = segments
            .iter()
            .filter_map(|segment| self.records.get(segment))
            .map(|record| Record { record: record.signed().clone() })
            .collect();
        if self.policy.upload {
            found.into_iter().for_each(|record| self.send(peer, record));
        }
    }

    fn record_received(&mut self, peer: PeerId, Record { record }: Record) {
        let known = record.claimed_segment().is_ok_and(|segment| self.records.contains_key(&segment));
        if !known && !self.believe(record) {
            self.ban(peer, BanReason::BadRecord);
        }
    }

    /// Asks one peer that announced a segment for its record; false when there is nobody left to ask.
    pub(crate) fn ask_record(&mut self, segment: SegmentId) -> bool {
        let holder = self.links.iter_mut().find(|(_, link)| {
            link.sharing && link.has_any(&segment) && !link.records_asked.contains(&segment)
        });
        let Some((peer, link)) = holder else { return false };
        link.records_asked.insert(segment);
        if link.records_asked.len() > 256 {
            link.records_asked.pop_first();
        }
        let (peer, segments) = (*peer, List::split([segment]).0);
        self.send(peer, RecordRequest { segments });
        true
    }

    pub(crate) fn bulk(&mut self, peer: PeerId, frame: &Bytes) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Ok(frame) = BulkFrame::decode(frame) else { return self.ban(peer, BanReason::Protocol) };
        let Some(asked) = link.asked.get_mut(&frame.request) else {
            return self.stray(peer, frame.payload.len());
        };
        match asked.assemble(&frame) {
            Assembled::Partly => {}
            Assembled::Wrong => self.ban(peer, BanReason::Protocol),
            Assembled::Whole(payload) => {
                let Some(asked) = link.asked.remove(&frame.request) else { return };
                let begun = asked.since.max(link.last_arrival);
                link.estimate.measured_rate(payload.len() as u64, now.saturating_since(begun));
                link.last_arrival = now;
                self.piece_received(peer, asked.segment, asked.piece, payload);
            }
        }
    }

    fn piece_received(&mut self, peer: PeerId, segment: SegmentId, piece: u16, payload: Bytes) {
        let Some(record) = self.records.get(&segment).cloned() else { return };
        let size_bytes = payload.len() as u64;
        match record.verify_piece(piece, payload) {
            Ok(verified) => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.disappointments = 0;
                    link.credit_bytes = link.credit_bytes.saturating_add(size_bytes);
                }
                self.stats.peer_bytes += size_bytes;
                self.forget_requests(&segment, piece);
                self.keep(&record, &verified, true);
            }
            Err(_) => {
                self.stats.rejected_pieces += 1;
                self.stats.rejected_bytes += size_bytes;
                self.ban(peer, BanReason::BadPiece);
            }
        }
    }

    /// A frame for nothing that is open: late after a cancel, or a flood.
    fn stray(&mut self, peer: PeerId, size_bytes: usize) {
        self.stats.duplicate_bytes += size_bytes as u64;
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.strays = link.strays.saturating_add(1);
        if link.strays > MAX_STRAYS {
            self.ban(peer, BanReason::Protocol);
        }
    }

    /// Stops what other peers were asked for a piece that is here now.
    fn forget_requests(&mut self, segment: &SegmentId, piece: u16) {
        let open: Vec<(PeerId, u32)> = self
            .links
            .iter()
            .flat_map(|(peer, link)| link.asked.iter().map(|(request, asked)| (*peer, *request, asked)))
            .filter(|(_, _, asked)| asked.segment == *segment && asked.piece == piece)
            .map(|(peer, request, _)| (peer, request))
            .collect();
        for (peer, request) in open {
            self.withdraw(peer, request);
        }
    }

    /// Takes a request back.
    pub(crate) fn withdraw(&mut self, peer: PeerId, request: u32) {
        if self.links.get_mut(&peer).and_then(|link| link.asked.remove(&request)).is_some() {
            self.send(peer, thetab_wire::peer::Cancel { request, pieces: None });
        }
    }

    /// Takes back what did not come in time, and closes links that disappoint again and again.
    pub(crate) fn give_up_late_requests(&mut self) {
        let now = self.now;
        let late: Vec<(PeerId, u32)> = self
            .links
            .iter()
            .flat_map(|(peer, link)| {
                link.asked.iter().map(|(request, asked)| (*peer, *request, asked.give_up))
            })
            .filter(|(_, _, give_up)| *give_up <= now)
            .map(|(peer, request, _)| (peer, request))
            .collect();
        for (peer, request) in late {
            let Some(link) = self.links.get_mut(&peer) else { continue };
            if let Some(asked) = link.asked.get(&request) {
                let (segment, piece, begun) = (asked.segment, asked.piece, asked.has_begun());
                link.estimate.disappointed();
                link.disappointments = link.disappointments.saturating_add(1);
                if !begun {
                    link.lied(&segment, piece);
                }
            }
            let hopeless = link.disappointments >= MAX_DISAPPOINTMENTS;
            self.withdraw(peer, request);
            if hopeless {
                self.disconnect(peer);
            }
        }
    }

    pub(crate) fn disconnect(&mut self, peer: PeerId) {
        if self.links.remove(&peer).is_some() {
            self.effects.push_back(Effect::Disconnect { peer });
        }
    }

    pub(crate) fn ban(&mut self, peer: PeerId, reason: BanReason) {
        self.links.remove(&peer);
        self.banned.insert(peer, self.now + BAN);
        while self.banned.len() > MAX_BANNED {
            let soonest = self.banned.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer);
            soonest.map(|peer| self.banned.remove(&peer));
        }
        self.stats.banned_peers += 1;
        self.effects.push_back(Effect::Ban { peer, reason, duration: BAN });
    }

    /// Peers that may be asked for a piece, best first.
    pub(crate) fn holders(&self, segment: &SegmentId, piece: u16) -> Vec<(PeerId, &Link)> {
        let has_room = |link: &Link| link.asked.len() < link.window();
        let mut holders: Vec<(PeerId, &Link)> = self
            .links
            .iter()
            .filter(|(_, link)| link.sharing && !link.choking && link.has(segment, piece) && has_room(link))
            .map(|(peer, link)| (*peer, link))
            .collect();
        holders.sort_by_key(|(peer, link)| (link.time_for(thetab_wire::PIECE_SIZE_BYTES), *peer));
        holders
    }
}
