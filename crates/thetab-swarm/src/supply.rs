//! Serving peers: within the visitor's cap, in turns, to those chosen for now.

use alloc::vec::Vec;
use core::time::Duration;

use rand_chacha::rand_core::RngCore as _;
use thetab_wire::{
    PIECE_SIZE_BYTES,
    bulk::BulkFrame,
    peer::{Cancel, Ping, Refuse, Request},
};

use crate::{
    effect::{BanReason, Effect},
    input::{PeerId, SharePolicy},
    link::{Link, MAX_QUEUED_PIECES},
    swarm::{Swarm, Timer},
};

/// Peers that are served because they serve; one more is served by lot.
const SLOTS: usize = 4;
const RECHOKE: Duration = Duration::from_secs(5);
/// Bytes in a channel's send buffer beyond which nothing is added.
const HIGH_WATER_BYTES: usize = 256 * 1024;
pub(crate) const REFUSED_MISSING: u8 = 0;
const REFUSED_NOT_SHARING: u8 = 1;
const REFUSED_CHOKED: u8 = 3;

impl Swarm {
    pub(crate) fn share(&mut self, policy: SharePolicy) {
        let before = core::mem::replace(&mut self.policy, policy);
        if !policy.upload {
            for link in self.links.values_mut() {
                link.queued.clear();
                link.sending.clear();
            }
        }
        if !policy.download {
            let open: Vec<(PeerId, u32)> = self
                .links
                .iter()
                .flat_map(|(peer, link)| link.asked.keys().map(|request| (*peer, *request)))
                .collect();
            open.into_iter().for_each(|(peer, request)| self.withdraw(peer, request));
        }
        if before.upload != policy.upload {
            let peers: Vec<PeerId> = self.links.keys().copied().collect();
            peers.into_iter().for_each(|peer| self.introduce(peer));
        }
    }

    pub(crate) fn requested(&mut self, peer: PeerId, request: &Request) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let refusal = match () {
            () if !self.policy.upload => Some(REFUSED_NOT_SHARING),
            () if link.choked => Some(REFUSED_CHOKED),
            () => None,
        };
        if let Some(reason) = refusal {
            return self.send(peer, Refuse { request: request.request, pieces: None, reason });
        }
        if link.queued.len().saturating_add(request.pieces.len()) > MAX_QUEUED_PIECES {
            return self.ban(peer, BanReason::Protocol);
        }
        let (here, missing): (Vec<u16>, Vec<u16>) =
            request.pieces.iter().partition(|piece| self.store.piece(&request.segment, *piece).is_some());
        link.queued.extend(here.into_iter().map(|piece| (request.request, request.segment, piece)));
        if !missing.is_empty() {
            let pieces = Some(missing.into_iter().collect());
            self.send(peer, Refuse { request: request.request, pieces, reason: REFUSED_MISSING });
        }
        self.supply();
    }

    pub(crate) fn cancelled(&mut self, peer: PeerId, cancel: &Cancel) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let stopped = |request: u32, piece: u16| {
            request == cancel.request && cancel.pieces.as_ref().is_none_or(|pieces| pieces.contains(piece))
        };
        link.queued.retain(|(request, _, piece)| !stopped(*request, *piece));
        link.sending.retain(|frame| !stopped(frame.request, frame.piece));
    }

    pub(crate) fn buffered(&mut self, peer: PeerId, buffered_bytes: usize) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.buffered_bytes = buffered_bytes;
        }
        self.supply();
    }

    /// Sends what the cap and the channels' buffers allow, a frame to each peer in turn.
    pub(crate) fn supply(&mut self) {
        if !self.policy.upload {
            return;
        }
        self.refill();
        let mut idle_turns = 0;
        while idle_turns < self.links.len() {
            let Some(peer) = self.next_in_turn() else { return };
            match self.next_frame(peer) {
                None => idle_turns += 1,
                Some(frame) if frame.payload.len() as u64 <= self.upload_tokens => {
                    idle_turns = 0;
                    self.send_frame(peer, &frame);
                }
                Some(frame) => {
                    let size_bytes = frame.payload.len() as u64;
                    if let Some(link) = self.links.get_mut(&peer) {
                        link.sending.push_front(frame);
                    }
                    return self.wait_for_tokens(size_bytes);
                }
            }
        }
    }

    fn send_frame(&mut self, peer: PeerId, frame: &BulkFrame) {
        let (payload_bytes, encoded) = (frame.payload.len() as u64, frame.encode());
        self.upload_tokens -= payload_bytes;
        self.stats.given_bytes += payload_bytes;
        if let Some(link) = self.links.get_mut(&peer) {
            link.buffered_bytes = link.buffered_bytes.saturating_add(encoded.len());
        }
        self.effects.push_back(Effect::SendBulk { peer, frame: encoded });
    }

    /// The peer after the last one served.
    fn next_in_turn(&mut self) -> Option<PeerId> {
        let after = self.next_turn.and_then(|last| {
            use core::ops::Bound::{Excluded, Unbounded};
            self.links.range((Excluded(last), Unbounded)).next().map(|(peer, _)| *peer)
        });
        let peer = after.or_else(|| self.links.keys().next().copied())?;
        self.next_turn = Some(peer);
        Some(peer)
    }

    fn next_frame(&mut self, peer: PeerId) -> Option<BulkFrame> {
        let link = self.links.get_mut(&peer)?;
        if link.buffered_bytes >= HIGH_WATER_BYTES {
            return None;
        }
        while link.sending.is_empty() {
            let (request, segment, piece) = link.queued.pop_front()?;
            if let Some(payload) = self.store.piece(&segment, piece) {
                link.sending.extend(BulkFrame::split(request, piece, payload));
            }
        }
        link.sending.pop_front()
    }

    fn refill(&mut self) {
        let elapsed = self.now.saturating_since(self.tokens_at);
        let rate = self.policy.upload_cap_bytes_per_second;
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let earned = rate.saturating_mul(micros) / 1_000_000;
        if earned == 0 {
            return;
        }
        self.tokens_at = self.now;
        let burst = (rate / 4).max(PIECE_SIZE_BYTES as u64);
        self.upload_tokens = self.upload_tokens.saturating_add(earned).min(burst);
    }

    fn wait_for_tokens(&mut self, size_bytes: u64) {
        let rate = self.policy.upload_cap_bytes_per_second;
        if rate == 0 {
            return;
        }
        let lacking = size_bytes.saturating_sub(self.upload_tokens);
        let micros = lacking.saturating_mul(1_000_000) / rate;
        self.timers.set(Timer::Supply, self.now + Duration::from_micros(micros.saturating_add(1_000)));
    }

    /// Chooses whom to serve for the next seconds: those who give most, and one by lot.
    pub(crate) fn rechoke(&mut self) {
        if self.links.is_empty() {
            return;
        }
        self.timers.set(Timer::Rechoke, self.now + RECHOKE);
        let mut order: Vec<(u64, u32, PeerId)> = Vec::with_capacity(self.links.len());
        for (peer, link) in &mut self.links {
            order.push((u64::MAX - link.credit_bytes, self.random.next_u32(), *peer));
            link.credit_bytes = link.credit_bytes / 4 * 3;
            // Honest strays, frames under way when a request was taken back, are spread over hours.
            link.strays /= 2;
        }
        // Equal givers, all who cannot give among them, stand in the order of the lot.
        order.sort_unstable();
        let mut served: Vec<PeerId> = order.iter().take(SLOTS).map(|(_, _, peer)| *peer).collect();
        let by_lot = order.iter().skip(SLOTS).min_by_key(|(_, lot, _)| *lot);
        served.extend(by_lot.map(|(_, _, peer)| *peer));
        for (_, _, peer) in order {
            let choked = !served.contains(&peer);
            self.choke(peer, choked);
            self.ping(peer);
        }
    }

    fn choke(&mut self, peer: PeerId, choked: bool) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.choked != choked {
            link.choked = choked;
            if choked {
                Link::drop_requests(link);
            }
            self.announce_status_to(peer);
        }
    }

    fn ping(&mut self, peer: PeerId) {
        let nonce = self.random.next_u64();
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.pinged.is_none() {
            link.pinged = Some((nonce, self.now));
            self.send(peer, Ping { nonce });
        }
    }
}

impl Link {
    fn drop_requests(&mut self) {
        self.queued.clear();
        self.sending.clear();
    }
}
