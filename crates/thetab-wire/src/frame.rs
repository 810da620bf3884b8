//! Messages on a byte stream: a big-endian 32-bit length, then that many bytes.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::codec::DecodeError;

/// Largest message on a stream, in bytes. Every message protocol on a stream stays below.
pub const MAX_FRAME_SIZE_BYTES: usize = 64 * 1024;

/// The message with its length in front.
///
/// # Errors
/// [`DecodeError::Bounds`] for an empty message and above [`MAX_FRAME_SIZE_BYTES`].
pub fn encode_frame(message: &[u8]) -> Result<Vec<u8>, DecodeError> {
    check_size(message.len(), MAX_FRAME_SIZE_BYTES)?;
    Ok([&(message.len() as u32).to_be_bytes()[..], message].concat())
}

/// Cuts a byte stream back into messages. Holds at most one frame beyond what was last given in.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    buffered: Vec<u8>,
    /// Bytes at the front of `buffered` that were handed out already.
    taken: usize,
    limit: usize,
}

impl Default for FrameDecoder {
    fn default() -> FrameDecoder {
        FrameDecoder::with_limit(MAX_FRAME_SIZE_BYTES)
    }
}

impl FrameDecoder {
    /// A decoder for a protocol whose messages have at most `limit` bytes.
    pub const fn with_limit(limit: usize) -> FrameDecoder {
        FrameDecoder { buffered: Vec::new(), taken: 0, limit }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffered.drain(..core::mem::take(&mut self.taken));
        self.buffered.extend_from_slice(bytes);
    }

    /// The next whole message, if it has arrived.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] for a length of zero or above the limit; the stream is then unusable.
    pub fn pop(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let waiting = self.buffered.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = waiting.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        check_size(length, self.limit)?;
        let Some(message) = rest.get(..length).map(Bytes::copy_from_slice) else { return Ok(None) };
        self.taken += 4 + length;
        Ok(Some(message))
    }
}

fn check_size(length: usize, limit: usize) -> Result<(), DecodeError> {
    if length == 0 || length > limit { Err(DecodeError::Bounds("frame")) } else { Ok(()) }
}
