//! What this node tells its peers: what it has, where it is, whether it serves.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use bytes::Bytes;
use thetab_wire::{
    SegmentId, SegmentKind,
    codec::List,
    have::SequenceSet,
    peer::{Have, HaveDelta, Hello, PEER_PROTOCOL_VERSION, Partial, PeerMessage, Record, Status},
};

use crate::{
    effect::Effect,
    input::PeerId,
    link::{Link, MAX_QUEUED_PIECES},
    swarm::{Swarm, Timer},
};

const COALESCE_LIVE: Duration = Duration::from_millis(50);
const COALESCE_VOD: Duration = Duration::from_millis(250);
/// Records sent ahead of a live announcement.
const MAX_PUSHED_RECORDS: usize = 16;

impl Swarm {
    pub(crate) fn send(&mut self, peer: PeerId, message: impl Into<PeerMessage>) {
        let message = Bytes::from(message.into().encode());
        self.effects.push_back(Effect::SendControl { peer, message });
    }

    pub(crate) fn link_up(&mut self, peer: PeerId) {
        if self.banned.get(&peer).is_some_and(|until| *until > self.now)
            || self.links.len() >= self.config.maximum_links
        {
            self.effects.push_back(Effect::Disconnect { peer });
            return;
        }
        self.banned.remove(&peer);
        self.links.insert(peer, Link::new(self.now));
        let maximum_pieces = MAX_QUEUED_PIECES as u16;
        self.send(peer, Hello { version: PEER_PROTOCOL_VERSION, maximum_pieces });
        self.introduce(peer);
        if self.timers.due(&Timer::Rechoke).is_none() {
            self.timers.set(Timer::Rechoke, self.now + Duration::from_secs(1));
        }
    }

    pub(crate) fn link_down(&mut self, peer: &PeerId) {
        self.links.remove(peer);
    }

    /// Tells a peer what is stored, and only then that it may ask: it decides at once what to take from where.
    pub(crate) fn introduce(&mut self, peer: PeerId) {
        self.send_all(peer);
        self.send_status(peer);
    }

    fn send_status(&mut self, peer: PeerId) {
        let Some(link) = self.links.get(&peer) else { return };
        let status = Status {
            sharing: self.policy.upload,
            choking: link.choked,
            rendition: self.playhead.renditions.first().copied().unwrap_or(0),
            playhead_sequence: self.playhead.sequence,
        };
        self.send(peer, status);
    }

    /// Tells every peer where this node is and whether it serves.
    pub(crate) fn announce_status(&mut self) {
        for peer in self.links.keys().copied().collect::<Vec<_>>() {
            self.send_status(peer);
        }
    }

    /// Tells one peer whether it is served.
    pub(crate) fn announce_status_to(&mut self, peer: PeerId) {
        self.send_status(peer);
    }

    /// Sends everything that is stored, to a peer that knows nothing yet.
    fn send_all(&mut self, peer: PeerId) {
        if !self.policy.upload {
            return;
        }
        let mut complete: BTreeMap<u16, (Vec<u64>, bool)> = BTreeMap::new();
        let mut partial = Vec::new();
        for (segment, is_complete) in self.store.segments() {
            let rendition = complete.entry(segment.rendition).or_default();
            match (is_complete, segment.kind) {
                (true, SegmentKind::Init) => rendition.1 = true,
                (true, SegmentKind::Media) => rendition.0.push(segment.sequence),
                (false, _) => partial.push(segment),
            }
        }
        for (rendition, (sequences, init)) in complete {
            self.send(peer, Have { rendition, complete: SequenceSet::newest(sequences), init });
        }
        for segment in partial {
            self.send(peer, Partial { segment, pieces: self.store.pieces(&segment) });
        }
    }

    /// Sends changes a moment from now, together.
    pub(crate) fn announce_soon(&mut self) {
        let coalesce = if self.config.live { COALESCE_LIVE } else { COALESCE_VOD };
        if !self.links.is_empty() && self.timers.due(&Timer::Announce).is_none() {
            self.timers.set(Timer::Announce, self.now + coalesce);
        }
    }

    pub(crate) fn announce(&mut self) {
        let added = core::mem::take(&mut self.added);
        let removed = core::mem::take(&mut self.removed);
        let progressed = core::mem::take(&mut self.progressed);
        if !self.policy.upload {
            return;
        }
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        let partials: Vec<Partial> = progressed
            .into_iter()
            .map(|segment| Partial { segment, pieces: self.store.pieces(&segment) })
            .collect();
        let records = if self.config.live { self.newest_records(&added) } else { Vec::new() };
        for peer in peers {
            for record in &records {
                self.send(peer, record.clone());
            }
            for partial in &partials {
                self.send(peer, partial.clone());
            }
            let (mut added, mut removed): (Vec<SegmentId>, Vec<SegmentId>) =
                (added.iter().copied().collect(), removed.iter().copied().collect());
            while !added.is_empty() || !removed.is_empty() {
                let (head, rest) = List::split(added);
                let (gone, left) = List::split(removed);
                (added, removed) = (rest, left);
                self.send(peer, HaveDelta { added: head, removed: gone });
            }
        }
    }

    fn newest_records(&self, segments: &alloc::collections::BTreeSet<SegmentId>) -> Vec<Record> {
        let found = segments.iter().rev().filter_map(|segment| self.records.get(segment));
        found.take(MAX_PUSHED_RECORDS).map(|record| Record { record: record.signed().clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{
        input::Input,
        rig::{Rig, media, peer, pieces},
    };

    fn tags(messages: &[PeerMessage]) -> Vec<&'static str> {
        let tag = |message: &PeerMessage| match message {
            PeerMessage::Hello(_) => "hello",
            PeerMessage::Have(_) => "have",
            PeerMessage::Partial(_) => "partial",
            PeerMessage::HaveDelta(_) => "delta",
            PeerMessage::Record(_) => "record",
            PeerMessage::Status(_) => "status",
            _ => "other",
        };
        messages.iter().map(tag).collect()
    }

    #[test]
    fn whoever_hears_that_we_serve_knows_already_what_we_have() {
        let mut rig = Rig::new();
        rig.knows(0..3, 2);
        rig.offers(media(0), 2);
        rig.input(Input::LinkUp { peer: peer(1) });
        assert_eq!(tags(&rig.said_to(peer(1))), ["hello", "have", "status"]);
        rig.share(true, false, 0);
        rig.forget();
        rig.share(true, true, 1_000_000);
        assert_eq!(tags(&rig.said_to(peer(1))), ["have", "status"]);
    }

    #[test]
    fn nothing_is_announced_by_those_who_only_take() {
        let mut rig = Rig::new();
        rig.share(true, false, 0);
        rig.knows(0..2, 1);
        rig.offers(media(0), 1);
        let peer = rig.link(1, 0);
        rig.offers(media(1), 1);
        rig.pass_until(1_000);
        let said = rig.said_to(peer);
        assert!(!tags(&said).iter().any(|tag| ["have", "delta", "partial"].contains(tag)), "{said:?}");
        assert!(said.iter().any(|message| matches!(message, PeerMessage::Status(status) if !status.sharing)));
    }

    #[test]
    fn changes_are_told_together_a_moment_later_and_pieces_as_soon_as_they_are_there() {
        let mut rig = Rig::new();
        rig.knows(0..3, 2);
        let (giver, listener) = (rig.link(1, 0), rig.link(2, 0));
        rig.has(giver, [media(2)]);
        rig.want(media(2), 20_000);
        rig.offers(media(0), 2);
        rig.offers(media(1), 2);
        let asked = rig.requests().remove(0);
        rig.sends(&asked, 2);
        rig.forget();
        rig.pass_until(1_000);
        let told = rig.said_to(listener);
        let partial = Partial { segment: media(2), pieces: pieces(&asked.pieces) };
        assert!(told.contains(&partial.into()), "{told:?}");
        let added = |message: &PeerMessage| match message {
            PeerMessage::HaveDelta(delta) => Some(delta.added.to_vec()),
            _ => None,
        };
        assert_eq!(told.iter().filter_map(added).collect::<Vec<_>>(), [vec![media(0), media(1)]]);
    }

    #[test]
    fn a_live_announcement_carries_the_record() {
        let mut rig = Rig::live();
        rig.knows(0..1, 1);
        let listener = rig.link(1, 0);
        rig.forget();
        rig.offers(media(0), 1);
        rig.pass_until(60);
        assert_eq!(tags(&rig.said_to(listener)), ["record", "delta"]);
    }

    #[test]
    fn what_was_dropped_is_taken_back() {
        let mut rig = Rig::with(|config| config.memory_limit_bytes = 3 * 65_536);
        rig.knows(0..4, 1);
        rig.playhead(3, 3);
        let listener = rig.link(1, 3);
        for sequence in 0..4 {
            rig.offers(media(sequence), 1);
        }
        rig.pass_until(1_000);
        let removed: Vec<SegmentId> = rig
            .said_to(listener)
            .into_iter()
            .filter_map(
                |message| if let PeerMessage::HaveDelta(delta) = message { Some(delta) } else { None },
            )
            .flat_map(|delta| delta.removed.into_inner())
            .collect();
        assert_eq!(removed, [media(0)]);
    }

    #[test]
    fn there_is_room_for_so_many_links_and_no_more() {
        let mut rig = Rig::with(|config| config.maximum_links = 2);
        rig.link(1, 0);
        rig.link(2, 0);
        rig.input(Input::LinkUp { peer: peer(3) });
        assert_eq!(rig.disconnected(), [peer(3)]);
        assert_eq!(rig.swarm.stats().links, 2);
    }
}
