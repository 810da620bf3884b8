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
        self.send_status(peer);
        self.send_all(peer);
        if self.timers.due(&Timer::Rechoke).is_none() {
            self.timers.set(Timer::Rechoke, self.now + Duration::from_secs(1));
        }
    }

    pub(crate) fn link_down(&mut self, peer: &PeerId) {
        self.links.remove(peer);
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
    pub(crate) fn send_all(&mut self, peer: PeerId) {
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
