//! Links to peers: attempts over the relay's sealed signalling, and what becomes of them.
//!
//! Promises: no connection while the mesh is closed (no yes was given); nothing but sealed messages
//! goes to the relay; one attempt and one link for each peer; two ends that offer at once agree on
//! one connection. Threats: a relay that invents, repeats, swaps or floods (tickets and seals are
//! checked, a number works once, attempts are bounded); peers that were banned. Left out: choosing
//! whom to ask for what, which is the swarm's, and rotating links that are slow.

mod attempt;
mod avoided;
mod search;
mod signals;

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
};
use core::time::Duration;

use bytes::Bytes;
use thetab_sansio::{Instant, Timers};
use thetab_swarm::{BanReason, Input as SwarmInput};
use thetab_wire::{
    PresentationId, PublisherKey, SessionKey,
    relay::{Found, Received, Report, Send},
    seal::{SealPeer, SignalMessage, seal},
    session::SessionSecret,
};

use self::{
    attempt::{Attempt, Role},
    avoided::Avoided,
    search::Search,
};
use crate::{
    effect::Effect,
    input::{Config, ConnectionId},
    outbox::Outbox,
    policy::Audience,
    random::Random,
};

/// An attempt that takes longer has failed.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Candidates are sent together that are found within this time.
const CANDIDATE_BATCH: Duration = Duration::from_millis(50);
/// Numbers of offers that were seen: a repeated one is not answered again.
const MAX_SEEN_OFFERS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Attempt(SessionKey),
    Candidates(SessionKey),
}

/// All attempts and links of a node.
#[derive(Debug)]
pub(crate) struct Mesh {
    presentation: PresentationId,
    publisher: PublisherKey,
    secret: SessionSecret,
    started_unix_seconds: u64,
    random: Random,
    wanted_links: usize,
    maximum_links: usize,
    ticket_links: usize,
    is_open: bool,
    search: Search,
    next_connection: u64,
    attempts: BTreeMap<SessionKey, Attempt>,
    links: BTreeMap<SessionKey, ConnectionId>,
    peers: BTreeMap<ConnectionId, SessionKey>,
    banned: Avoided,
    /// Let go by the swarm: neither asked nor answered for a while.
    dropped: Avoided,
    /// Not reached: not asked for a while, but answered.
    failed: Avoided,
    seen_offers: VecDeque<(SessionKey, u64)>,
    timers: Timers<Timer>,
}

impl Mesh {
    /// A closed mesh.
    pub(crate) fn new(config: &Config, secret: SessionSecret) -> Mesh {
        Mesh {
            presentation: config.presentation,
            publisher: config.publisher,
            secret,
            started_unix_seconds: config.started_unix_seconds,
            random: Random::new(&config.entropy, "thetab node mesh 1"),
            wanted_links: config.wanted_links,
            maximum_links: config.maximum_links,
            ticket_links: usize::MAX,
            is_open: false,
            search: Search::new(),
            next_connection: 0,
            attempts: BTreeMap::new(),
            links: BTreeMap::new(),
            peers: BTreeMap::new(),
            banned: Avoided::default(),
            dropped: Avoided::default(),
            failed: Avoided::default(),
            seen_offers: VecDeque::new(),
            timers: Timers::new(),
        }
    }

    /// Opens the mesh after a yes, or closes it and every connection at once.
    pub(crate) fn open(&mut self, is_open: bool, out: &mut Outbox) {
        self.is_open = is_open;
        if !is_open {
            self.close_all(out);
        }
    }

    /// The line to the relay or the audience changed; `maximum_links` is what the ticket allows.
    pub(crate) fn relay(
        &mut self,
        now: Instant,
        joined: bool,
        audience: Option<Audience>,
        maximum_links: Option<usize>,
        out: &mut Outbox,
    ) {
        self.ticket_links = maximum_links.unwrap_or(self.ticket_links);
        self.search.relay(now, joined, audience, &mut self.random);
        self.find(now, out);
    }

    /// The relay refused a request as one too many.
    pub(crate) fn slow_down(&mut self, now: Instant) {
        self.search.slow_down(now, &mut self.random);
    }

    /// Offers to peers that the relay found. Only an answer to a question counts.
    pub(crate) fn found(&mut self, now: Instant, found: Found, out: &mut Outbox) {
        if !self.is_open || !self.search.take_outstanding() {
            return;
        }
        for ticket in found.peers.into_inner() {
            let room = self.wanted_links.saturating_sub(self.connected());
            let Some(peer) = self.verified(now, ticket).filter(|_| room > 0) else { continue };
            if self.may_offer(now, &peer.session) {
                self.offer(now, peer, out);
            }
        }
    }

    /// Takes a sealed message that the relay passed on.
    pub(crate) fn received(&mut self, now: Instant, received: Received, out: &mut Outbox) {
        if !self.is_open {
            return;
        }
        let Some(peer) = self.verified(now, received.from) else { return };
        if self.banned.contains(now, &peer.session) {
            return;
        }
        if let Ok(Some(message)) = thetab_wire::seal::open(&self.secret, &peer, &received.sealed) {
            self.signal(now, peer, message, out);
        }
    }

    /// A connection described itself.
    pub(crate) fn described(&mut self, now: Instant, connection: ConnectionId, sdp: &str, out: &mut Outbox) {
        let Some(attempt) = self.attempt(connection) else { return };
        let peer = attempt.peer;
        match attempt.describe(sdp) {
            Some(message) => {
                self.send_sealed(peer, &message, out);
                self.send_candidates(peer.session, out);
            }
            None => self.fail(now, peer.session, out),
        }
    }

    /// A connection found a candidate of its own.
    pub(crate) fn local_candidate(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        candidate: Option<String>,
    ) {
        let Some(attempt) = self.attempt(connection) else { return };
        let timer = Timer::Candidates(attempt.peer.session);
        attempt.add_local(candidate.as_deref());
        if self.timers.due(&timer).is_none() {
            self.timers.set(timer, now + CANDIDATE_BATCH);
        }
    }

    /// Both channels of a connection are open: it is a link, and replaces an older one to the same peer.
    pub(crate) fn opened(&mut self, connection: ConnectionId, out: &mut Outbox) {
        let Some(peer) = self.attempt(connection).map(|attempt| attempt.peer.session) else { return };
        self.drop_link(peer, out);
        let Some(mut attempt) = self.take_attempt(&peer) else { return };
        self.peers.insert(connection, peer);
        self.links.insert(peer, connection);
        self.failed.remove(&peer);
        out.swarm(SwarmInput::LinkUp { peer });
        while let Some(message) = attempt.pop_early() {
            out.swarm(SwarmInput::Control { peer, message });
        }
    }

    /// A connection failed or closed.
    pub(crate) fn closed(&mut self, now: Instant, connection: ConnectionId, out: &mut Outbox) {
        let Some(peer) = self.peers.get(&connection).copied() else { return };
        if self.links.get(&peer) == Some(&connection) {
            self.peers.remove(&connection);
            self.links.remove(&peer);
            out.swarm(SwarmInput::LinkDown { peer });
            self.search.begin(now);
        } else {
            self.fail(now, peer, out);
        }
        self.find(now, out);
    }

    /// A control message came in.
    pub(crate) fn control(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        message: Bytes,
        out: &mut Outbox,
    ) {
        if let Some(peer) = self.linked(connection) {
            out.swarm(SwarmInput::Control { peer, message });
        } else if let Some(attempt) = self.attempt(connection) {
            let peer = attempt.peer.session;
            if attempt.keep_early(message).is_err() {
                self.fail(now, peer, out);
            }
        }
    }

    /// The swarm lets go of a peer.
    pub(crate) fn disconnect(&mut self, now: Instant, peer: SessionKey, out: &mut Outbox) {
        self.drop_peer(peer, out);
        self.dropped.insert_again(now, peer);
        self.search.begin(now);
        self.find(now, out);
    }

    /// The swarm bans a peer: nothing of it is taken for `duration`. The relay hears of forged data
    /// only: a peer that breaks the protocol may just be older than we are.
    pub(crate) fn ban(
        &mut self,
        now: Instant,
        peer: SessionKey,
        reason: BanReason,
        duration: Duration,
        out: &mut Outbox,
    ) {
        let known = self.banned.contains(now, &peer);
        self.banned.insert(peer, now + duration);
        self.drop_peer(peer, out);
        if !known && matches!(reason, BanReason::BadPiece | BanReason::BadRecord) {
            out.relay(Report { peer });
        }
        self.search.begin(now);
        self.find(now, out);
    }

    /// The peer at the other end of an open link.
    pub(crate) fn linked(&self, connection: ConnectionId) -> Option<SessionKey> {
        let peer = self.peers.get(&connection)?;
        (self.links.get(peer) == Some(&connection)).then_some(*peer)
    }

    /// The open link to a peer.
    pub(crate) fn link(&self, peer: &SessionKey) -> Option<ConnectionId> {
        self.links.get(peer).copied()
    }

    /// How many links are open.
    pub(crate) fn link_count(&self) -> usize {
        self.links.len()
    }

    /// When something is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let search = self.search.next_due(self.wanted_links, self.connected()).filter(|_| self.is_open);
        self.timers.next_due().into_iter().chain(search).min()
    }

    /// Does what is due.
    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Attempt(peer) => self.fail(now, peer, out),
                Timer::Candidates(peer) => self.send_candidates(peer, out),
            }
        }
        self.find(now, out);
    }

    fn find(&mut self, now: Instant, out: &mut Outbox) {
        if self.is_open {
            let (wanted, connected) = (self.wanted_links, self.connected());
            self.search.timeout(now, wanted, connected, &mut self.random, out);
        }
    }

    fn may_offer(&self, now: Instant, peer: &SessionKey) -> bool {
        self.connected() < self.maximum_links()
            && !self.attempts.contains_key(peer)
            && !self.links.contains_key(peer)
            && !self.banned.contains(now, peer)
            && !self.dropped.contains(now, peer)
            && !self.failed.contains(now, peer)
    }

    fn offer(&mut self, now: Instant, peer: SealPeer, out: &mut Outbox) {
        let number = self.random.number();
        let connection = self.begin(now, number, peer, Role::Offering { answered: false });
        out.host(Effect::OpenConnection { connection, offer: true });
    }

    fn begin(&mut self, now: Instant, number: u64, peer: SealPeer, role: Role) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.peers.insert(connection, peer.session);
        self.attempts.insert(peer.session, Attempt::new(now, connection, number, peer, role));
        self.timers.set(Timer::Attempt(peer.session), now + ATTEMPT_TIMEOUT);
        connection
    }

    fn maximum_links(&self) -> usize {
        self.maximum_links.min(self.ticket_links)
    }

    /// Peers that are linked or being connected to.
    fn connected(&self) -> usize {
        self.links.len() + self.attempts.keys().filter(|peer| !self.links.contains_key(*peer)).count()
    }

    fn attempt(&mut self, connection: ConnectionId) -> Option<&mut Attempt> {
        let peer = self.peers.get(&connection)?;
        self.attempts.get_mut(peer).filter(|attempt| attempt.connection == connection)
    }

    fn take_attempt(&mut self, peer: &SessionKey) -> Option<Attempt> {
        let attempt = self.attempts.remove(peer)?;
        self.peers.remove(&attempt.connection);
        self.timers.cancel(&Timer::Attempt(*peer));
        self.timers.cancel(&Timer::Candidates(*peer));
        Some(attempt)
    }

    fn drop_attempt(&mut self, peer: &SessionKey, out: &mut Outbox) {
        if let Some(attempt) = self.take_attempt(peer) {
            out.host(Effect::CloseConnection { connection: attempt.connection });
        }
    }

    fn fail(&mut self, now: Instant, peer: SessionKey, out: &mut Outbox) {
        self.drop_attempt(&peer, out);
        self.failed.insert_again(now, peer);
    }

    fn drop_link(&mut self, peer: SessionKey, out: &mut Outbox) {
        if let Some(connection) = self.links.remove(&peer) {
            self.peers.remove(&connection);
            out.host(Effect::CloseConnection { connection });
            out.swarm(SwarmInput::LinkDown { peer });
        }
    }

    fn drop_peer(&mut self, peer: SessionKey, out: &mut Outbox) {
        self.drop_attempt(&peer, out);
        self.drop_link(peer, out);
    }

    fn close_all(&mut self, out: &mut Outbox) {
        while let Some((&peer, _)) = self.attempts.first_key_value() {
            self.drop_attempt(&peer, out);
        }
        while let Some((&peer, _)) = self.links.first_key_value() {
            self.drop_link(peer, out);
        }
        self.search = Search::new();
    }

    fn send_sealed(&mut self, peer: SealPeer, message: &SignalMessage, out: &mut Outbox) {
        // A peer whose key cannot be sealed to gets nothing; its attempt times out.
        let Ok(sealed) = seal(&self.secret, &peer, self.random.nonce(), message) else { return };
        if let Ok(sealed) = sealed.try_into() {
            out.relay(Send { to: peer.session, sealed });
        }
    }

    fn send_candidates(&mut self, peer: SessionKey, out: &mut Outbox) {
        while let Some((to, batch)) =
            self.attempts.get_mut(&peer).and_then(|attempt| Some((attempt.peer, attempt.next_batch()?)))
        {
            self.send_sealed(to, &batch, out);
        }
    }
}
