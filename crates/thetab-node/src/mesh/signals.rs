//! What peers say through the relay before they are connected.

use thetab_sansio::Instant;
use thetab_wire::{
    SessionKey,
    seal::{Answer, Candidates, Decline, Offer, SealPeer, SignalMessage},
    ticket::SignedTicket,
};

use super::{
    MAX_SEEN_OFFERS, Mesh,
    attempt::{self, Role},
};
use crate::{effect::Effect, outbox::Outbox};

impl Mesh {
    /// The peer of a ticket that holds now and is not our own.
    pub(super) fn verified(&self, now: Instant, ticket: SignedTicket) -> Option<SealPeer> {
        let unix = self.started_unix_seconds.saturating_add(now.since_start().as_secs());
        let ticket = ticket.verify(&self.presentation, &self.publisher, unix).ok()?;
        let peer = SealPeer { session: ticket.session, seal: ticket.seal };
        (peer.session != self.secret.session_key()).then_some(peer)
    }

    pub(super) fn signal(&mut self, now: Instant, peer: SealPeer, message: SignalMessage, out: &mut Outbox) {
        match message {
            SignalMessage::Offer(offer) => self.offered(now, peer, &offer, out),
            SignalMessage::Answer(answer) => self.answered(&peer.session, &answer, out),
            SignalMessage::Candidates(candidates) => self.candidates(&peer.session, &candidates, out),
            SignalMessage::Decline(decline) => self.declined(now, peer.session, &decline, out),
        }
    }

    fn offered(&mut self, now: Instant, peer: SealPeer, offer: &Offer, out: &mut Outbox) {
        if !self.is_new_offer(peer.session, offer.connection) || self.keeps_own_offer(&peer.session) {
            return;
        }
        self.drop_attempt(&peer.session, out);
        let is_linked = self.links.contains_key(&peer.session);
        if !is_linked && self.connected() >= self.maximum_links() {
            return self.send_sealed(peer, &attempt::decline(offer.connection), out);
        }
        let connection = self.begin(now, offer.connection, peer, Role::Answering);
        out.host(Effect::OpenConnection { connection, offer: false });
        out.host(Effect::RemoteDescription { connection, sdp: (*offer.sdp).into() });
    }

    /// Glare: of two offers that cross, the one of the smaller session key stands. Once ours was
    /// answered, a new one means that the peer gave up.
    fn keeps_own_offer(&self, peer: &SessionKey) -> bool {
        self.attempts.get(peer).is_some_and(|attempt| attempt.role == Role::Offering { answered: false })
            && self.secret.session_key() < *peer
    }

    fn is_new_offer(&mut self, peer: SessionKey, number: u64) -> bool {
        if self.seen_offers.contains(&(peer, number)) {
            return false;
        }
        if self.seen_offers.len() >= MAX_SEEN_OFFERS {
            self.seen_offers.pop_front();
        }
        self.seen_offers.push_back((peer, number));
        true
    }

    fn answered(&mut self, peer: &SessionKey, answer: &Answer, out: &mut Outbox) {
        let Some(attempt) = self.attempts.get_mut(peer) else { return };
        if attempt.number == answer.connection && attempt.role == (Role::Offering { answered: false }) {
            attempt.role = Role::Offering { answered: true };
            let connection = attempt.connection;
            out.host(Effect::RemoteDescription { connection, sdp: (*answer.sdp).into() });
        }
    }

    fn candidates(&mut self, peer: &SessionKey, candidates: &Candidates, out: &mut Outbox) {
        let Some(attempt) = self.attempts.get_mut(peer) else { return };
        if attempt.number != candidates.connection || !attempt.is_described_by_peer() {
            return;
        }
        let lines = attempt.take_remote(&candidates.candidates);
        if !lines.is_empty() {
            out.host(Effect::RemoteCandidates { connection: attempt.connection, candidates: lines });
        }
    }

    fn declined(&mut self, now: Instant, peer: SessionKey, decline: &Decline, out: &mut Outbox) {
        let offered = |attempt: &super::Attempt| {
            attempt.number == decline.connection && matches!(attempt.role, Role::Offering { .. })
        };
        if self.attempts.get(&peer).is_some_and(offered) {
            self.fail(now, peer, out);
            self.find(now, out);
        }
    }
}
