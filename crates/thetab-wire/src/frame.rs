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
    check_size(message.len())?;
    Ok([&(message.len() as u32).to_be_bytes()[..], message].concat())
}

/// Cuts a byte stream back into messages. Holds at most one frame beyond what was last given in.
#[derive(Clone, Debug, Default)]
pub struct FrameDecoder {
    buffered: Vec<u8>,
}

impl FrameDecoder {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffered.extend_from_slice(bytes);
    }

    /// The next whole message, if it has arrived.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] for a length of zero or above the limit; the stream is then unusable.
    pub fn pop(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some((length, rest)) = self.buffered.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        check_size(length)?;
        let Some(message) = rest.get(..length).map(Bytes::copy_from_slice) else { return Ok(None) };
        self.buffered.drain(..4 + length);
        Ok(Some(message))
    }
}

fn check_size(length: usize) -> Result<(), DecodeError> {
    if length == 0 || length > MAX_FRAME_SIZE_BYTES { Err(DecodeError::Bounds("frame")) } else { Ok(()) }
}
