//! Join tickets: a publisher's word that a session may join a presentation.
//!
//! Why: tickets bind session keys to a presentation, so that the tracker that passes sealed signalling
//! between them can neither read nor swap it. A publisher (or the relay that holds its key) still
//! decides whom it gives tickets: what a flood of invented peers can waste is bounded by the swarm.

use ed25519_dalek::{Signer, SigningKey};

use crate::{
    codec::{Blob, Decode, DecodeError, Encode, message},
    id::{PresentationId, PublisherKey, SealKey, SessionKey, Signature, verify_signature},
};

const DOMAIN: &[u8] = b"thetab join ticket 1";

message! {
    /// What a publisher says about a session.
    pub struct JoinTicket {
        /// The presentation that the session may join.
        1 => presentation: PresentationId,
        /// The session's name and signing key.
        2 => session: SessionKey,
        /// The key to which signalling for the session is sealed.
        3 => seal: SealKey,
        /// When the ticket ends, in seconds of Unix time.
        4 => expires_unix_seconds: u64,
        /// Most links that the session may hold.
        5 => maximum_links: u16,
    }
}

impl JoinTicket {
    /// Signs the ticket as the presentation's publisher.
    pub fn sign(&self, publisher: &SigningKey) -> SignedTicket {
        let body = self.encode();
        let signature = publisher.sign(&[DOMAIN, &body].concat()).to_bytes();
        SignedTicket { body: Blob::try_from(body).expect("five short fields"), signature }
    }
}

message! {
    /// A ticket's bytes with the publisher's signature.
    pub struct SignedTicket {
        /// The encoded [`JoinTicket`].
        1 => body: Blob<256>,
        /// Ed25519 over the domain and the body.
        2 => signature: Signature,
    }
}

/// Why a ticket is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The signature is not the publisher's.
    #[error("the ticket is not signed by this presentation's publisher")]
    Signature,
    /// The ticket is for another presentation.
    #[error("the ticket is for another presentation")]
    Presentation,
    /// The ticket has ended.
    #[error("the ticket expired; ask for a new one")]
    Expired,
    /// The signed body is not a ticket.
    #[error("the signed body is not a ticket")]
    Decode(#[from] DecodeError),
}

impl SignedTicket {
    /// Checks signature, presentation and, where the caller knows the time, expiry.
    ///
    /// # Errors
    /// [`TicketError`], signature first.
    pub fn verify(
        self,
        presentation: &PresentationId,
        publisher: &PublisherKey,
        now_unix_seconds: u64,
    ) -> Result<VerifiedTicket, TicketError> {
        if !verify_signature(&publisher.0, &[DOMAIN, &self.body], &self.signature) {
            return Err(TicketError::Signature);
        }
        let ticket = JoinTicket::decode(&self.body)?;
        if ticket.presentation != *presentation {
            return Err(TicketError::Presentation);
        }
        if ticket.expires_unix_seconds <= now_unix_seconds {
            return Err(TicketError::Expired);
        }
        Ok(VerifiedTicket { ticket, signed: self })
    }

    /// The presentation that the ticket claims, unverified: good only for choosing whose key to verify with.
    ///
    /// # Errors
    /// [`DecodeError`] when the body is not a ticket.
    pub fn claimed_presentation(&self) -> Result<PresentationId, DecodeError> {
        JoinTicket::decode(&self.body).map(|ticket| ticket.presentation)
    }
}

/// A ticket that the presentation's publisher signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTicket {
    ticket: JoinTicket,
    signed: SignedTicket,
}

impl core::ops::Deref for VerifiedTicket {
    type Target = JoinTicket;
    fn deref(&self) -> &JoinTicket {
        &self.ticket
    }
}

impl VerifiedTicket {
    /// The ticket as signed, to pass on.
    pub fn signed(&self) -> &SignedTicket {
        &self.signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_verifies_for_its_presentation_until_it_expires() {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let publisher = PublisherKey(signing.verifying_key().to_bytes());
        let presentation = PresentationId::new(&publisher, "sample");
        let ticket = JoinTicket {
            presentation,
            session: SessionKey([1; 32]),
            seal: SealKey([2; 32]),
            expires_unix_seconds: 100,
            maximum_links: 12,
        };
        let signed = ticket.sign(&signing);
        assert_eq!(*signed.clone().verify(&presentation, &publisher, 99).unwrap(), ticket);
        assert_eq!(signed.clone().verify(&presentation, &publisher, 100), Err(TicketError::Expired));
        let other = PresentationId::new(&publisher, "other");
        assert_eq!(signed.clone().verify(&other, &publisher, 0), Err(TicketError::Presentation));
        let stranger = PublisherKey(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        assert_eq!(signed.verify(&presentation, &stranger, 0), Err(TicketError::Signature));
    }
}
