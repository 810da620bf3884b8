//! What peers say through the relay before they are connected.

use core::time::Duration;

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

/// Offers that cross do so within this time. A peer that offers later did not get ours.
const GLARE_WINDOW: Duration = Duration::from_secs(2);

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
        if !self.is_new_offer(peer.session, offer.connection) || self.keeps_own_offer(now, &peer.session) {
            return;
        }
        self.drop_attempt(&peer.session, out);
        let is_linked = self.links.contains_key(&peer.session);
        let is_full = !is_linked && self.connected() >= self.maximum_links();
        if is_full || self.dropped.contains(now, &peer.session) {
            return self.send_sealed(peer, &attempt::decline(offer.connection), out);
        }
        let connection = self.begin(now, offer.connection, peer, Role::Answering);
        out.host(Effect::OpenConnection { connection, offer: false });
        out.host(Effect::RemoteDescription { connection, sdp: (*offer.sdp).into() });
    }

    /// Glare: of two offers that cross, the one of the smaller session key stands. Once ours was
    /// answered, or should have been, a new one means that the peer gave up or never had it.
    fn keeps_own_offer(&self, now: Instant, peer: &SessionKey) -> bool {
        let stands = |attempt: &super::Attempt| {
            attempt.role == (Role::Offering { answered: false })
                && now.saturating_since(attempt.since) < GLARE_WINDOW
        };
        self.attempts.get(peer).is_some_and(stands) && self.secret.session_key() < *peer
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use ed25519_dalek::SigningKey;
    use thetab_wire::{
        PresentationId, PublisherKey,
        codec::Text,
        relay::{Found, Received},
        seal,
        session::SessionSecret,
        ticket::JoinTicket,
    };

    use crate::{input::Config, policy::Audience};

    const START: Instant = Instant::from_millis(10_000);

    /// A mesh that has just offered to a peer whose session key is the larger one.
    struct Offered {
        mesh: Mesh,
        out: Outbox,
        ours: SealPeer,
        peer: SessionSecret,
        ticket: SignedTicket,
    }

    impl Offered {
        fn new() -> Offered {
            let publisher = SigningKey::from_bytes(&[7; 32]);
            let key = PublisherKey(publisher.verifying_key().to_bytes());
            let mut secrets = [1, 2].map(|seed| SessionSecret::from_entropy([seed; 32]));
            secrets.sort_by_key(SessionSecret::session_key);
            let [own, peer] = secrets;
            let config = Config {
                entropy: [3; 32],
                started_unix_seconds: 0,
                presentation: PresentationId::new(&key, "sample"),
                publisher: key,
                live: false,
                memory_limit_bytes: 0,
                prefetch_horizon_ms: 0,
                wanted_links: 8,
                maximum_links: 16,
            };
            let ticket = JoinTicket {
                presentation: config.presentation,
                session: peer.session_key(),
                seal: peer.seal_key(),
                expires_unix_seconds: 1_000,
                maximum_links: 16,
            };
            let ticket = ticket.sign(&publisher);
            let ours = SealPeer { session: own.session_key(), seal: own.seal_key() };
            let (mut mesh, mut out) = (Mesh::new(&config, own), Outbox::default());
            mesh.open(true, &mut out);
            let audience = Some(Audience { viewers: 2, minimum_viewers: 2 });
            mesh.relay(START, true, audience, None, &mut out);
            let peers = vec![ticket.clone()].try_into().unwrap();
            mesh.found(START, Found { peers }, &mut out);
            let mut offered = Offered { mesh, out, ours, peer, ticket };
            assert_eq!(offered.opened(), [true]);
            offered
        }

        fn receive_offer(&mut self, now: Instant) {
            let offer = Offer { connection: 5, sdp: Text::try_from("v=0").unwrap() }.into();
            let sealed = seal::seal(&self.peer, &self.ours, [9; 24], &offer).unwrap().try_into().unwrap();
            self.mesh.received(now, Received { from: self.ticket.clone(), sealed }, &mut self.out);
        }

        /// Connections opened since the last look, and whether this end offers.
        fn opened(&mut self) -> Vec<bool> {
            let effects = core::mem::take(&mut self.out.effects).into_iter();
            let offers = effects.filter_map(|effect| match effect {
                Effect::OpenConnection { offer, .. } => Some(offer),
                _ => None,
            });
            offers.collect()
        }
    }

    #[test]
    fn of_two_offers_that_cross_the_one_of_the_smaller_key_stands() {
        let mut offered = Offered::new();
        offered.receive_offer(START + Duration::from_millis(500));
        assert!(offered.opened().is_empty());
    }

    #[test]
    fn a_peer_that_did_not_get_our_offer_is_answered_when_it_offers_itself() {
        let mut offered = Offered::new();
        offered.receive_offer(START + GLARE_WINDOW);
        assert_eq!(offered.opened(), [false]);
    }
}
