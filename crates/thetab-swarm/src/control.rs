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
    supply::REFUSED_MISSING,
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
        let Some(asked) = link.asked.remove(&refuse.request) else { return };
        // Any other reason is about now: what the peer announced, it still has, and does not announce again. Of a
        // segment that it dropped a moment ago, only the first refusal goes against its word.
        if refuse.reason != REFUSED_MISSING || link.lied(&asked.segment, asked.piece) {
            self.disappointed(peer);
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
        link.last_frame = now;
        let Some(asked) = link.asked.get_mut(&frame.request) else {
            return self.stray(peer, frame.payload.len());
        };
        match asked.assemble(now, &frame) {
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

    /// Takes back what did not come in time, and closes links that disappoint again and again. What a peer
    /// announced is not forgotten for that: it may be slow, and the only one to have it.
    pub(crate) fn give_up_late_requests(&mut self) {
        let now = self.now;
        let late: Vec<(PeerId, u32)> = self
            .links
            .iter()
            .flat_map(|(peer, link)| link.late_requests(now).map(move |request| (*peer, request)))
            .collect();
        for (peer, request) in late {
            self.withdraw(peer, request);
            self.disappointed(peer);
        }
    }

    /// A peer did not bring what it was rightly asked for. Again and again in a row, and it is let go.
    fn disappointed(&mut self, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.estimate.disappointed();
        link.disappointments = link.disappointments.saturating_add(1);
        if link.disappointments >= MAX_DISAPPOINTMENTS {
            self.disconnect(peer);
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

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use bytes::Bytes;
    use thetab_wire::{PIECE_SIZE_BYTES, bulk::HEADER_SIZE_BYTES, peer::Bye, record::SignedRecord};

    use super::*;
    use crate::{
        input::Input,
        rig::{Rig, at, frames, media, record, status},
    };

    /// A rig that waits for a segment of four pieces, which one peer has and is the one to fetch.
    fn waiting() -> (Rig, PeerId) {
        waiting_for(4)
    }

    fn waiting_for(pieces: usize) -> (Rig, PeerId) {
        let mut rig = Rig::new();
        rig.knows(5..6, pieces);
        let peer = rig.link(1, 5);
        rig.has(peer, [media(5)]);
        rig.playhead(5, 5);
        rig.want(media(5), 30_000);
        assert!(!rig.owns(media(5), 0));
        (rig, peer)
    }

    #[test]
    fn a_segment_whose_pieces_all_came_is_delivered_once() {
        let (mut rig, peer) = waiting();
        assert_eq!(rig.sends_all_that_is_asked_of(peer, 4), 4);
        assert_eq!(rig.delivered().len(), 1);
        assert_eq!(rig.swarm.stats().peer_bytes, 4 * PIECE_SIZE_BYTES as u64);
        assert!(rig.fetches().is_empty());
    }

    #[test]
    fn the_first_wrong_byte_bans_its_sender_and_the_piece_is_asked_of_another() {
        let (mut rig, liar) = waiting();
        let other = rig.link(2, 0);
        rig.has(other, [media(5)]);
        let asked = rig.requests().into_iter().find(|asked| asked.peer == liar).unwrap();
        for (index, frame) in frames(&asked, 4).into_iter().enumerate() {
            let mut frame = frame.to_vec();
            frame[HEADER_SIZE_BYTES] ^= u8::from(index == 0);
            rig.input(Input::Bulk { peer: liar, frame: frame.into() });
        }
        assert_eq!(rig.bans(), [(liar, BanReason::BadPiece)]);
        assert_eq!(rig.swarm.stats().rejected_pieces, 1);
        assert_eq!(rig.swarm.stats().stored_bytes, 0);
        rig.sends_all_that_is_asked_of(other, 4);
        assert_eq!(rig.delivered().len(), 1);
    }

    #[test]
    fn a_banned_peer_is_not_linked_again_for_ten_minutes() {
        let (mut rig, peer) = waiting();
        rig.input(Input::Bulk { peer, frame: Bytes::from_static(&[0; HEADER_SIZE_BYTES]) });
        assert_eq!(rig.bans(), [(peer, BanReason::Protocol)]);
        rig.pass_until(599_000);
        rig.forget();
        rig.input(Input::LinkUp { peer });
        assert_eq!((rig.disconnected(), rig.swarm.stats().links), (vec![peer], 0));
        rig.pass_until(601_000);
        rig.input(Input::LinkUp { peer });
        assert_eq!(rig.swarm.stats().links, 1);
    }

    #[test]
    fn a_record_that_the_publisher_did_not_sign_bans_whoever_sent_it() {
        let mut rig = Rig::new();
        let peer = rig.link(1, 0);
        let signed = rig.signed(media(3), 1);
        rig.says(peer, record(signed.clone()));
        assert!(rig.bans().is_empty());
        let SignedRecord { body, .. } = rig.signed(media(4), 1);
        rig.says(peer, record(SignedRecord { body, signature: signed.signature }));
        assert_eq!(rig.bans(), [(peer, BanReason::BadRecord)]);
    }

    #[test]
    fn a_record_that_is_known_already_is_not_judged_again() {
        let mut rig = Rig::new();
        rig.knows(3..4, 1);
        let peer = rig.link(1, 0);
        let SignedRecord { body, .. } = rig.signed(media(3), 1);
        rig.says(peer, record(SignedRecord { body, signature: [0; 64] }));
        assert!(rig.bans().is_empty());
    }

    #[test]
    fn a_peer_that_does_not_serve_just_now_still_has_what_it_said() {
        for reason in [1, 2, 3] {
            let (mut rig, peer) = waiting();
            let asked = rig.requests().remove(0);
            rig.refuses(&asked, reason);
            assert!(rig.swarm.links[&peer].has(&media(5), asked.pieces[0]), "reason {reason}");
        }
        let (mut rig, peer) = waiting();
        let asked = rig.requests().remove(0);
        rig.refuses(&asked, 0);
        assert!(!rig.swarm.links[&peer].has(&media(5), asked.pieces[0]));
    }

    #[test]
    fn a_peer_that_refuses_what_it_announces_again_and_again_is_let_go() {
        for reason in [0, 1, 2, 3] {
            let (mut rig, peer) = waiting();
            let mut refused = 0;
            while let Some(asked) = rig.requests().get(refused).cloned() {
                rig.refuses(&asked, reason);
                rig.has(peer, [media(5)]);
                refused += 1;
                assert!(refused <= 16, "reason {reason}: asked without end");
            }
            assert_eq!(rig.disconnected(), [peer], "reason {reason}");
            assert!(rig.bans().is_empty());
        }
    }

    #[test]
    fn a_peer_that_dropped_a_segment_while_it_was_asked_for_it_is_kept() {
        let (mut rig, peer) = waiting_for(16);
        rig.link(2, 0);
        rig.swarm.links.get_mut(&peer).unwrap().estimate.measured_rate(8 << 20, Duration::from_secs(1));
        rig.want(media(5), 30_000);
        let asked = rig.requests();
        assert!(asked.len() > MAX_DISAPPOINTMENTS as usize, "{}", asked.len());
        asked.iter().for_each(|asked| rig.refuses(asked, 0));
        assert!(rig.disconnected().is_empty());
    }

    #[test]
    fn a_peer_that_choked_us_is_asked_again_once_it_does_not() {
        let (mut rig, peer) = waiting();
        rig.says(peer, Status { choking: true, ..status(0) });
        rig.forget();
        rig.pass_until(1_000);
        assert!(rig.requests().is_empty());
        rig.says(peer, status(0));
        assert!(!rig.requests().is_empty());
    }

    #[test]
    fn a_peer_that_sends_nothing_is_let_go_and_the_segment_still_comes_in_time() {
        let (mut rig, peer) = waiting();
        rig.pass_until(29_000);
        assert_eq!(rig.disconnected(), [peer]);
        assert_eq!(rig.fetched_pieces(media(5)), [0, 1, 2, 3]);
    }

    #[test]
    fn frames_that_were_under_way_when_a_request_was_taken_back_are_forgiven_and_a_flood_is_not() {
        let (mut rig, peer) = waiting();
        let asked = rig.requests().remove(0);
        let frame = frames(&asked, 4).remove(0);
        rig.input(Input::OriginEnded { fetch: crate::FetchId(9), success: true });
        rig.swarm.withdraw(peer, asked.request);
        for _ in 0..64 {
            rig.input(Input::Bulk { peer, frame: frame.clone() });
        }
        assert!(rig.bans().is_empty());
        for _ in 0..1000 {
            rig.input(Input::Bulk { peer, frame: frame.clone() });
        }
        assert_eq!(rig.bans(), [(peer, BanReason::Protocol)]);
    }

    #[test]
    fn a_peer_of_another_protocol_or_that_says_goodbye_is_let_go_without_hard_feelings() {
        let mut rig = Rig::new();
        let (newer, leaving) = (rig.link(1, 0), rig.link(2, 0));
        rig.says(newer, Hello { version: PEER_PROTOCOL_VERSION + 1, maximum_pieces: 1 });
        rig.says(leaving, Bye { reason: 0 });
        assert_eq!(rig.disconnected(), [newer, leaving]);
        assert!(rig.bans().is_empty());
    }

    #[test]
    fn a_piece_that_came_is_taken_back_from_the_others_that_were_asked() {
        let (mut rig, first) = waiting_for(2);
        let second = rig.link(2, 0);
        rig.has(second, [media(5)]);
        // With little slack left, a second peer is asked as well.
        rig.want(media(5), 850);
        let asked = rig.requests();
        let of = |peer| asked.iter().find(move |asked| asked.peer == peer && asked.pieces == [0]).cloned();
        let (one, other) = (of(first).unwrap(), of(second).unwrap());
        rig.sends(&one, 2);
        assert!(rig.cancels().contains(&(second, other.request)), "{:?}", rig.cancels());
    }

    #[test]
    fn the_round_trip_is_what_a_ping_took() {
        let mut rig = Rig::new();
        let peer = rig.link(1, 0);
        let before = rig.swarm.links[&peer].estimate.time_for(0);
        rig.pass_until(1_000);
        let nonces: Vec<u64> = rig
            .said_to(peer)
            .into_iter()
            .filter_map(|message| if let PeerMessage::Ping(ping) = message { Some(ping.nonce) } else { None })
            .collect();
        rig.now = at(1_900);
        rig.says(peer, Pong { nonce: nonces[0] ^ 1 });
        assert_eq!(rig.swarm.links[&peer].estimate.time_for(0), before);
        rig.says(peer, Pong { nonce: nonces[0] });
        assert!(rig.swarm.links[&peer].estimate.time_for(0) > before + Duration::from_millis(150));
    }
}
