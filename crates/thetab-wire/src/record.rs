//! What a publisher signs about each segment: its size, and the hash of every piece.
//!
//! Why: size and hashes come from the signed record, never from a peer, so a wrong byte is caught in
//! the piece that carries it, before it is stored, forwarded or played. Left out: freshness. An old
//! record of the same segment stays valid; publishers do not reuse sequence numbers.

use alloc::vec::Vec;

use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    codec::{Blob, Decode, DecodeError, Encode, List, Value, message},
    id::{
        Hash, PIECE_SIZE_BYTES, PieceIndex, PresentationId, PublisherKey, SegmentId, Signature,
        verify_signature,
    },
};

const DOMAIN: &[u8] = b"thetab segment record 1";

/// Most pieces in one segment: 16 MiB.
pub const MAX_PIECES: usize = 256;

/// Records in one page of the sidecar beside a playlist.
pub const RECORDS_PER_PAGE: u64 = 64;

/// BLAKE3 of each piece, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves(Vec<Hash>);

impl core::ops::Deref for Leaves {
    type Target = [Hash];
    fn deref(&self) -> &[Hash] {
        &self.0
    }
}

impl Encode for Leaves {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_flattened());
    }
}

impl Decode for Leaves {
    fn decode(bytes: &[u8]) -> Result<Leaves, DecodeError> {
        let (leaves, rest) = bytes.as_chunks();
        if leaves.is_empty() || leaves.len() > MAX_PIECES || !rest.is_empty() {
            return Err(DecodeError::Bounds("leaves"));
        }
        Ok(Leaves(leaves.to_vec()))
    }
}

impl Value for Leaves {}

message! {
    /// A segment's size, duration and hashes. Its signature covers the presentation as well.
    pub struct SegmentRecord {
        /// Which segment.
        1 => segment: SegmentId,
        /// Size of the segment.
        2 => size_bytes: u32,
        /// Playing time; zero for an initialisation section.
        3 => duration_ms: u32,
        /// Hash of each piece.
        4 => leaves: Leaves,
        /// BLAKE3 of the signed body of the record before this one in its rendition; zero for the first.
        5 => previous: Hash,
    }
}

impl SegmentRecord {
    /// The record of a segment with these bytes.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] for an empty segment and for one of more than [`MAX_PIECES`] pieces.
    pub fn new(
        segment: SegmentId,
        duration_ms: u32,
        previous: Hash,
        payload: &[u8],
    ) -> Result<SegmentRecord, DecodeError> {
        if payload.is_empty() || payload.len() > MAX_PIECES * PIECE_SIZE_BYTES {
            return Err(DecodeError::Bounds("segment size"));
        }
        let leaves = payload.chunks(PIECE_SIZE_BYTES).map(|piece| *blake3::hash(piece).as_bytes()).collect();
        let size_bytes = u32::try_from(payload.len()).or(Err(DecodeError::Bounds("segment size")))?;
        Ok(SegmentRecord { segment, size_bytes, duration_ms, leaves: Leaves(leaves), previous })
    }

    /// Signs the record as `publisher`.
    pub fn sign(&self, presentation: &PresentationId, publisher: &SigningKey) -> SignedRecord {
        let body = self.encode();
        let signature = publisher.sign(&[DOMAIN, &presentation.0, &body].concat()).to_bytes();
        let body = Blob::try_from(body).expect("at most 256 leaves of 32 bytes and 90 bytes more");
        SignedRecord { body, signature }
    }

    /// How many pieces the segment has.
    pub fn piece_count(&self) -> PieceIndex {
        self.leaves.len() as PieceIndex
    }

    /// Size of one piece in bytes; zero beyond the last.
    pub fn piece_size_bytes(&self, piece: PieceIndex) -> usize {
        let start = usize::from(piece) * PIECE_SIZE_BYTES;
        (self.size_bytes as usize).saturating_sub(start).min(PIECE_SIZE_BYTES)
    }
}

message! {
    /// A record's bytes with the publisher's signature, as carried by sidecars and peers.
    pub struct SignedRecord {
        /// The encoded [`SegmentRecord`].
        1 => body: Blob<8448>,
        /// Ed25519 over the domain, the presentation and the body.
        2 => signature: Signature,
    }
}

/// Why a record is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The signature is not the publisher's for this presentation.
    #[error("the record is not signed by this presentation's publisher")]
    Signature,
    /// The signed body is not a record.
    #[error("the signed body is not a record")]
    Decode(#[from] DecodeError),
}

impl SignedRecord {
    /// The segment that the record claims to describe, unverified: good only for deciding whether to verify.
    ///
    /// # Errors
    /// [`DecodeError`] when the body is not a record.
    pub fn claimed_segment(&self) -> Result<SegmentId, DecodeError> {
        SegmentRecord::decode(&self.body).map(|record| record.segment)
    }

    /// Checks the signature, then the body.
    ///
    /// # Errors
    /// [`RecordError::Signature`] before anything in the body is looked at; [`RecordError::Decode`]
    /// when the publisher signed something that is not a record.
    pub fn verify(
        self,
        presentation: &PresentationId,
        publisher: &PublisherKey,
    ) -> Result<VerifiedRecord, RecordError> {
        if !verify_signature(&publisher.0, &[DOMAIN, &presentation.0, &self.body], &self.signature) {
            return Err(RecordError::Signature);
        }
        let record = SegmentRecord::decode(&self.body)?;
        let expected = (record.size_bytes as usize).div_ceil(PIECE_SIZE_BYTES);
        if record.leaves.len() != expected {
            return Err(DecodeError::Bounds("leaves").into());
        }
        Ok(VerifiedRecord { record, signed: self })
    }
}

/// A record that its publisher signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    record: SegmentRecord,
    signed: SignedRecord,
}

impl core::ops::Deref for VerifiedRecord {
    type Target = SegmentRecord;
    fn deref(&self) -> &SegmentRecord {
        &self.record
    }
}

/// Why bytes are not the piece that they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PieceError {
    /// The segment has no such piece.
    #[error("the segment has no piece {0}")]
    Index(PieceIndex),
    /// The length is not the record's.
    #[error("{actual} bytes where the record says {expected}")]
    Size {
        /// Bytes received.
        actual: usize,
        /// Bytes that the record names.
        expected: usize,
    },
    /// The hash is not the record's.
    #[error("the piece does not hash to its leaf")]
    Hash,
}

impl VerifiedRecord {
    /// The record as signed, to pass on.
    pub fn signed(&self) -> &SignedRecord {
        &self.signed
    }

    /// Checks the bytes of one piece against its leaf.
    ///
    /// # Errors
    /// [`PieceError`]; the piece must then be neither stored nor passed on.
    pub fn verify_piece(&self, piece: PieceIndex, payload: Bytes) -> Result<VerifiedPiece, PieceError> {
        let leaf = self.leaves.get(usize::from(piece)).ok_or(PieceError::Index(piece))?;
        let expected = self.piece_size_bytes(piece);
        if payload.len() != expected {
            return Err(PieceError::Size { actual: payload.len(), expected });
        }
        if blake3::hash(&payload).as_bytes() != leaf {
            return Err(PieceError::Hash);
        }
        Ok(VerifiedPiece { segment: self.segment, piece, payload })
    }
}

/// A piece whose bytes hash to its leaf in a signed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPiece {
    segment: SegmentId,
    piece: PieceIndex,
    payload: Bytes,
}

impl VerifiedPiece {
    /// Which segment.
    pub fn segment(&self) -> SegmentId {
        self.segment
    }

    /// Which piece of it.
    pub fn piece(&self) -> PieceIndex {
        self.piece
    }

    /// The bytes.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

message! {
    /// Records of up to [`RECORDS_PER_PAGE`] consecutive segments of one rendition: the sidecar file.
    pub struct RecordPage {
        /// The records, in the order of their sequence numbers.
        1 => records: List<SignedRecord, 64>,
    }
}

impl RecordPage {
    /// The largest sidecar page, in bytes.
    pub const MAX_SIZE_BYTES: usize = 64 * 8600;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publisher() -> (SigningKey, PublisherKey, PresentationId) {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let key = PublisherKey(signing.verifying_key().to_bytes());
        (signing, key, PresentationId::new(&key, "sample"))
    }

    #[test]
    fn a_signed_record_verifies_and_its_pieces_check_out() {
        let (signing, key, presentation) = publisher();
        let payload: Vec<u8> = (0..150_000u32).map(|i| (i % 251) as u8).collect();
        let record = SegmentRecord::new(SegmentId::media(1, 9), 4000, [0; 32], &payload).unwrap();
        let verified = record.sign(&presentation, &signing).verify(&presentation, &key).unwrap();
        assert_eq!(verified.piece_count(), 3);
        let payload = Bytes::from(payload);
        let last = payload.slice(2 * PIECE_SIZE_BYTES..);
        assert!(verified.verify_piece(2, last.clone()).is_ok());
        assert_eq!(
            verified.verify_piece(1, last.clone()),
            Err(PieceError::Size { actual: last.len(), expected: 65536 })
        );
        assert_eq!(verified.verify_piece(3, last.clone()), Err(PieceError::Index(3)));
        let mut wrong = last.to_vec();
        wrong[5] ^= 1;
        assert_eq!(verified.verify_piece(2, wrong.into()), Err(PieceError::Hash));
    }

    #[test]
    fn a_record_of_another_presentation_or_publisher_is_refused() {
        let (signing, key, presentation) = publisher();
        let signed = SegmentRecord::new(SegmentId::init(0), 0, [0; 32], b"moov")
            .unwrap()
            .sign(&presentation, &signing);
        let other = PresentationId::new(&key, "other");
        assert_eq!(signed.clone().verify(&other, &key), Err(RecordError::Signature));
        let stranger = PublisherKey(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        assert_eq!(signed.clone().verify(&presentation, &stranger), Err(RecordError::Signature));
        let mut flipped = signed;
        flipped.signature[0] ^= 1;
        assert_eq!(flipped.verify(&presentation, &key), Err(RecordError::Signature));
    }

    #[test]
    fn a_signed_record_whose_leaves_do_not_fit_its_size_is_refused() {
        let (signing, key, presentation) = publisher();
        let mut record = SegmentRecord::new(SegmentId::media(0, 0), 0, [0; 32], b"abc").unwrap();
        record.size_bytes = PIECE_SIZE_BYTES as u32 + 1;
        let refused = record.sign(&presentation, &signing).verify(&presentation, &key);
        assert_eq!(refused, Err(RecordError::Decode(DecodeError::Bounds("leaves"))));
    }
}
