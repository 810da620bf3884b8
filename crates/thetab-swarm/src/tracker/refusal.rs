//! What is refused, and in which words.

/// A request that is not carried out: code and message of the `Refused` event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal(pub(super) &'static str, pub(super) &'static str);

pub(super) const RATE_LIMITED: Refusal =
    Refusal("rate_limited", "too many messages; wait a second and send fewer");
pub(super) const FULL: Refusal = Refusal("full", "this relay is full; try again in a minute");
pub(super) const FULL_PREFIX: Refusal =
    Refusal("full", "too many sessions from your network; try again in a minute");
pub(super) const BANNED: Refusal =
    Refusal("banned", "this session or network served bad pieces; try again in ten minutes");
pub(super) const PROTOCOL: Refusal =
    Refusal("protocol", "the message does not decode; speak /thetab/tracker/1");
pub(super) const JOIN_FIRST: Refusal = Refusal("protocol", "join with a ticket first, and once");
pub(super) const UNKNOWN: Refusal =
    Refusal("unknown_presentation", "this relay does not serve the presentation");
pub(super) const TICKET: Refusal =
    Refusal("ticket_invalid", "the publisher did not sign this ticket; ask for a new one");
pub(super) const PROOF: Refusal =
    Refusal("ticket_invalid", "the proof of the session key does not hold for this connection");
pub(super) const EXPIRED: Refusal = Refusal("ticket_expired", "the ticket expired; ask for a new one");
pub(super) const LATE: Refusal = Refusal("protocol", "no join came within ten seconds");
pub(super) const REPLACED: Refusal = Refusal("protocol", "the session joined again on another stream");
