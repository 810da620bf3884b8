use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use thetab_sansio::{Bounded, Full, Instant};
use thetab_wire::{
    codec::{List, Text},
    peer::PeerMessage,
    seal::{Answer, Candidates, Decline, Offer, SealPeer, SignalMessage},
};

use crate::input::ConnectionId;

/// Candidates of one end in one attempt; more are left out.
const MAX_CANDIDATES: usize = 64;
/// Control messages of an end whose channels opened first. It says hello and what it has; a flood is cut off.
const MAX_EARLY_MESSAGES: usize = 64;

/// Which end of the attempt this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It offered; `answered` once the other end's description is set.
    Offering {
        /// Whether an answer came.
        answered: bool,
    },
    /// It answers.
    Answering,
}

/// A connection that is not open yet.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) connection: ConnectionId,
    /// The attempt's name among the two peers, chosen by the offering one.
    pub(super) number: u64,
    pub(super) peer: SealPeer,
    pub(super) role: Role,
    /// When it began.
    pub(super) since: Instant,
    described: bool,
    local: Vec<Text<512>>,
    local_count: usize,
    remote_count: usize,
    early: Bounded<Bytes>,
}

impl Attempt {
    pub(super) fn new(
        since: Instant,
        connection: ConnectionId,
        number: u64,
        peer: SealPeer,
        role: Role,
    ) -> Attempt {
        Attempt {
            connection,
            number,
            peer,
            role,
            since,
            described: false,
            local: Vec::new(),
            local_count: 0,
            remote_count: 0,
            early: Bounded::new(MAX_EARLY_MESSAGES),
        }
    }

    /// The message that carries this end's description; `None` when it is too long for one.
    pub(super) fn describe(&mut self, sdp: &str) -> Option<SignalMessage> {
        let (connection, sdp) = (self.number, Text::try_from(sdp).ok()?);
        self.described = true;
        Some(match self.role {
            Role::Offering { .. } => Offer { connection, sdp }.into(),
            Role::Answering => Answer { connection, sdp }.into(),
        })
    }

    /// Keeps a candidate of this end for the next batch; the end of them reads as an empty line.
    pub(super) fn add_local(&mut self, candidate: Option<&str>) {
        let Ok(line) = Text::try_from(candidate.unwrap_or_default()) else { return };
        if self.local_count < MAX_CANDIDATES {
            self.local_count += 1;
            self.local.push(line);
        }
    }

    /// The next batch of candidates. None go out before the description that they belong to.
    pub(super) fn next_batch(&mut self) -> Option<SignalMessage> {
        if !self.described || self.local.is_empty() {
            return None;
        }
        let (candidates, rest) = List::split(core::mem::take(&mut self.local));
        self.local = rest;
        Some(Candidates { connection: self.number, candidates }.into())
    }

    /// Whether the other end's description is set, so that its candidates mean something.
    pub(super) fn is_described_by_peer(&self) -> bool {
        matches!(self.role, Role::Answering | Role::Offering { answered: true })
    }

    /// The lines that count among `candidates` of the other end.
    pub(super) fn take_remote(&mut self, candidates: &[Text<512>]) -> Vec<String> {
        let room = MAX_CANDIDATES.saturating_sub(self.remote_count);
        let lines: Vec<String> = candidates
            .iter()
            .filter(|line| !line.is_empty())
            .take(room)
            .map(|line| (**line).into())
            .collect();
        self.remote_count += lines.len();
        lines
    }

    /// Keeps a control message that came before both channels were open here.
    ///
    /// # Errors
    /// [`Full`] when the other end sends more than a greeting, or something that is no message.
    pub(super) fn keep_early(&mut self, message: Bytes) -> Result<(), Full<Bytes>> {
        if message.len() > PeerMessage::MAX_SIZE_BYTES {
            return Err(Full(message));
        }
        self.early.push(message)
    }

    /// Takes the oldest message kept.
    pub(super) fn pop_early(&mut self) -> Option<Bytes> {
        self.early.pop()
    }
}

/// Turns down the offer `number`.
pub(super) fn decline(number: u64) -> SignalMessage {
    Decline { connection: number }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thetab_wire::{SealKey, SessionKey};

    #[test]
    fn what_comes_before_the_channels_are_open_is_kept_within_bounds() {
        let peer = SealPeer { session: SessionKey([1; 32]), seal: SealKey([2; 32]) };
        let mut attempt = Attempt::new(Instant::ZERO, ConnectionId(1), 1, peer, Role::Answering);
        let largest = Bytes::from(alloc::vec![0; PeerMessage::MAX_SIZE_BYTES]);
        let larger = Bytes::from(alloc::vec![0; PeerMessage::MAX_SIZE_BYTES + 1]);
        assert!(attempt.keep_early(larger).is_err());
        assert!((0..MAX_EARLY_MESSAGES).all(|_| attempt.keep_early(largest.clone()).is_ok()));
        assert!(attempt.keep_early(largest).is_err());
    }
}
