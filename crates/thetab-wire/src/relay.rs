//! What an edge node and a relay say to each other on `/thetab/tracker/1`.

use crate::{
    codec::{Blob, List, Text, message, protocol},
    id::{SessionKey, Signature},
    ticket::SignedTicket,
};

/// The libp2p protocol name.
pub const TRACKER_PROTOCOL: &str = "/thetab/tracker/1";

/// Most candidates in one answer.
pub const MAX_CANDIDATES: usize = 8;

message! {
    /// Where a node is in a presentation.
    pub struct Position {
        /// Whether it answers requests of peers (a yes was given and nothing speaks against it now).
        1 => sharing: bool,
        /// The video rendition that it plays.
        2 => rendition: u16,
        /// Media sequence of the segment under its playhead.
        3 => playhead_sequence: u64,
        /// Links that it has.
        4 => links: u16,
    }
}

message! {
    /// Joins the presentation of the ticket; the first message on a stream.
    pub struct Join {
        /// Issued for this presentation and session.
        1 => ticket: SignedTicket,
        /// Proof of the session key: see `session::SessionSecret::prove_join`.
        2 => proof: Signature,
        /// Where the node is.
        3 => position: Position,
    }
}

message! {
    /// The node's position changed; at most once a second.
    pub struct Update {
        /// Where the node is.
        1 => position: Position,
    }
}

message! {
    /// Asks for peers to connect to.
    pub struct Find {
        /// At most this many.
        1 => count: u8,
    }
}

message! {
    /// A sealed message for another session of the same presentation.
    pub struct Send {
        /// The receiver.
        1 => to: SessionKey,
        /// Nonce and ciphertext: see `seal`.
        2 => sealed: Blob<17408>,
    }
}

message! {
    /// Names a peer that served a piece which does not hash to its leaf.
    pub struct Report {
        /// The peer.
        1 => peer: SessionKey,
    }
}

protocol! {
    /// From node to relay.
    pub enum RelayRequest: 20480 {
        /// First on a stream.
        1 => Join,
        /// Where the node is.
        2 => Update,
        /// Peers, please.
        3 => Find,
        /// Pass this on.
        4 => Send,
        /// A peer served a bad piece.
        5 => Report,
    }
}

message! {
    /// The join was accepted.
    pub struct Joined {
        /// Viewers of this presentation now, the joining node among them.
        1 => viewers: u32,
        /// Peers are introduced from this many viewers on.
        2 => minimum_viewers: u32,
    }
}

message! {
    /// Peers to connect to. The receiver offers.
    pub struct Found {
        /// Their tickets.
        1 => peers: List<SignedTicket, 8>,
    }
}

message! {
    /// A sealed message from another session.
    pub struct Received {
        /// The sender's ticket.
        1 => from: SignedTicket,
        /// Nonce and ciphertext.
        2 => sealed: Blob<17408>,
    }
}

message! {
    /// The number of viewers changed; at most once a second.
    pub struct Viewers {
        /// Viewers of this presentation.
        1 => viewers: u32,
    }
}

message! {
    /// A request was not carried out. A refused join ends the stream.
    pub struct Refused {
        /// Stable name: `ticket_invalid`, `ticket_expired`, `rate_limited`, `full`, `unknown_presentation`, `banned`, `protocol`.
        1 => code: Text<32>,
        /// What happened and what to do.
        2 => message: Text<256>,
    }
}

protocol! {
    /// From relay to node.
    pub enum RelayEvent: 20480 {
        /// Joined.
        1 => Joined,
        /// Peers to connect to.
        2 => Found,
        /// A sealed message.
        3 => Received,
        /// The number of viewers.
        4 => Viewers,
        /// Something was refused.
        5 => Refused,
    }
}
