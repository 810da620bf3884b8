//! Frames of the bulk channel: a 12-byte header and at most 16 KiB of one piece.
//!
//! Header, big-endian: request (4), piece (2), offset in units of 256 bytes (2), flags (4). The
//! channel is unordered; each frame says where its bytes belong.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    codec::DecodeError,
    id::{PIECE_SIZE_BYTES, PieceIndex},
};

/// Size of the header in bytes.
pub const HEADER_SIZE_BYTES: usize = 12;
/// Most payload bytes in one frame.
pub const MAX_PAYLOAD_SIZE_BYTES: usize = 16 * 1024;
const OFFSET_UNIT_BYTES: usize = 256;

/// Part of one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkFrame {
    /// The request that it answers.
    pub request: u32,
    /// Which piece.
    pub piece: PieceIndex,
    /// Where in the piece, in bytes; a multiple of 256.
    pub offset_bytes: usize,
    /// The bytes; never empty.
    pub payload: Bytes,
}

impl BulkFrame {
    /// Cuts one piece into frames that share its memory.
    pub fn split(request: u32, piece: PieceIndex, payload: &Bytes) -> impl Iterator<Item = BulkFrame> {
        (0..payload.len()).step_by(MAX_PAYLOAD_SIZE_BYTES).map(move |start| BulkFrame {
            request,
            piece,
            offset_bytes: start,
            payload: payload.slice(start..payload.len().min(start + MAX_PAYLOAD_SIZE_BYTES)),
        })
    }

    /// The frame's bytes: header and payload in one buffer, as a data channel sends it.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_SIZE_BYTES + self.payload.len());
        out.extend_from_slice(&self.request.to_be_bytes());
        out.extend_from_slice(&self.piece.to_be_bytes());
        out.extend_from_slice(&((self.offset_bytes / OFFSET_UNIT_BYTES) as u16).to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.payload);
        out.into()
    }

    /// Reads one frame; the payload shares the memory of `bytes`. Flags are reserved and ignored.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] without a header and a payload byte, [`DecodeError::Bounds`] for a
    /// payload above the limit or beyond the end of a piece.
    pub fn decode(bytes: &Bytes) -> Result<BulkFrame, DecodeError> {
        let &[r0, r1, r2, r3, p0, p1, o0, o1, _, _, _, _, _, ..] = &bytes[..] else {
            return Err(DecodeError::Truncated);
        };
        let payload = bytes.slice(HEADER_SIZE_BYTES..);
        let offset_bytes = usize::from(u16::from_be_bytes([o0, o1])) * OFFSET_UNIT_BYTES;
        if payload.len() > MAX_PAYLOAD_SIZE_BYTES || offset_bytes + payload.len() > PIECE_SIZE_BYTES {
            return Err(DecodeError::Bounds("bulk payload"));
        }
        let request = u32::from_be_bytes([r0, r1, r2, r3]);
        Ok(BulkFrame { request, piece: u16::from_be_bytes([p0, p1]), offset_bytes, payload })
    }
}
