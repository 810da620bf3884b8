//! Snapshot files: their records, and what stands before the state.
//!
//! Left out: whether a snapshot is true. Version 4 has no anchor at all, and Theta's own reader does not hash trie nodes; see
//! `docs/spec/chain.md` §5.5 for what a verifier must add.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    B256, Forks, Header,
    block::DecodeWith,
    rlp::{Decode, DecodeError, Encode, Reader, put_list, record},
    vote::VoteSet,
};

/// What the first record of versions 2 to 4 says.
pub const MAGIC: &[u8] = b"ThetaToDaMoon";

record! {
    /// The first record of versions 2 to 4.
    pub struct SnapshotHeader {
        /// [`MAGIC`].
        pub magic: Bytes,
        /// The version.
        pub version: u32,
    }
}

record! {
    /// One record of state: a key and a value, or a node's hash and the node.
    pub struct TrieRecord {
        /// The key.
        pub key: Bytes,
        /// The value.
        pub value: Bytes,
    }
}

record! {
    /// One node of a proof, with the hash that Theta's node looks it up by. Whoever believes that hash believes anything.
    pub struct ProofNode {
        /// What is said to be the node's hash.
        pub key: B256,
        /// The node.
        pub node: Bytes,
    }
}

/// The latest checkpoint, and the headers from the snapshot's parent down to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCheckpoint {
    /// The checkpoint.
    pub checkpoint: Header,
    /// The headers above it, the highest first, and the checkpoint itself.
    pub intermediate: Vec<Header>,
}

/// Three headers that show a validator set to be final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofTrio {
    /// The block with the set in its state.
    pub first: Header,
    /// The set's proof.
    pub proof: Vec<ProofNode>,
    /// Its child.
    pub second: Header,
    /// Its grandchild.
    pub third: Header,
    /// Votes for the grandchild.
    pub votes: VoteSet,
}

/// All trios: one for each change of validators, and that of the snapshot's own block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The changes, ascending; none in version 4.
    pub trios: Vec<ProofTrio>,
    /// Parent, block and child of the snapshot.
    pub tail: ProofTrio,
}

/// What stands before the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// The version: 1 to 4.
    pub version: u32,
    /// Absent in version 1.
    pub last_checkpoint: Option<LastCheckpoint>,
    /// The trios.
    pub metadata: Metadata,
}

/// Reads the records of a snapshot file one after the other.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of a file.
    pub fn new(file: &'a [u8]) -> Records<'a> {
        Records { rest: file }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next record's bytes; `None` at the end of the file.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when the file ends inside a record.
    /// # Source
    /// `docs/spec/chain.md` §5.1.
    pub fn next_record(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (length, after) = self.rest.split_first_chunk::<8>().ok_or(DecodeError::Truncated)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).or(Err(DecodeError::Truncated))?;
        let (record, rest) = after.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(Some(record))
    }

    /// Reads what stands before the state.
    ///
    /// # Errors
    /// [`DecodeError`]; [`DecodeError::Unknown`] for a version that does not exist.
    pub fn preamble(&mut self, forks: &Forks) -> Result<Preamble, DecodeError> {
        let first = self.next_record()?.ok_or(DecodeError::Truncated)?;
        let version = match SnapshotHeader::decode(first) {
            Ok(header) if header.magic == MAGIC => header.version,
            _ => {
                let metadata = Metadata::decode(first, forks)?;
                return Ok(Preamble { version: 1, last_checkpoint: None, metadata });
            }
        };
        if !(2..=4).contains(&version) {
            return Err(DecodeError::Unknown("snapshot version"));
        }
        let checkpoint = self.next_record()?.ok_or(DecodeError::Truncated)?;
        let metadata = self.next_record()?.ok_or(DecodeError::Truncated)?;
        Ok(Preamble {
            version,
            last_checkpoint: Some(LastCheckpoint::decode(checkpoint, forks)?),
            metadata: Metadata::decode(metadata, forks)?,
        })
    }
}

/// Appends a record to a file.
pub fn put_record(record: &[u8], file: &mut Vec<u8>) {
    file.extend_from_slice(&(record.len() as u64).to_le_bytes());
    file.extend_from_slice(record);
}

fn headers(reader: &mut Reader<'_>, forks: &Forks) -> Result<Vec<Header>, DecodeError> {
    let mut list = reader.list()?;
    let mut headers = Vec::new();
    while !list.is_empty() {
        headers.push(Header::decode_from(&mut list, forks)?);
    }
    Ok(headers)
}

impl DecodeWith for LastCheckpoint {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<LastCheckpoint, DecodeError> {
        let mut list = reader.list()?;
        let checkpoint = Header::decode_from(&mut list, forks)?;
        let intermediate = headers(&mut list, forks)?;
        list.end()?;
        Ok(LastCheckpoint { checkpoint, intermediate })
    }
}

impl Encode for LastCheckpoint {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.checkpoint.encode_to(out);
            self.intermediate.encode_to(out);
        });
    }
}

impl DecodeWith for ProofTrio {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<ProofTrio, DecodeError> {
        let mut trio = reader.list()?;
        let mut part = trio.list()?;
        let (first, proof) = (Header::decode_from(&mut part, forks)?, part.field()?);
        part.end()?;
        let mut part = trio.list()?;
        let second = Header::decode_from(&mut part, forks)?;
        part.end()?;
        let mut part = trio.list()?;
        let (third, votes) = (Header::decode_from(&mut part, forks)?, part.field()?);
        part.end()?;
        trio.end()?;
        Ok(ProofTrio { first, proof, second, third, votes })
    }
}

impl Encode for ProofTrio {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            put_list(out, |out| {
                self.first.encode_to(out);
                self.proof.encode_to(out);
            });
            put_list(out, |out| self.second.encode_to(out));
            put_list(out, |out| {
                self.third.encode_to(out);
                self.votes.encode_to(out);
            });
        });
    }
}

impl DecodeWith for Metadata {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<Metadata, DecodeError> {
        let mut list = reader.list()?;
        let mut each = list.list()?;
        let mut trios = Vec::new();
        while !each.is_empty() {
            trios.push(ProofTrio::decode_with(&mut each, forks)?);
        }
        let tail = ProofTrio::decode_with(&mut list, forks)?;
        list.end()?;
        Ok(Metadata { trios, tail })
    }
}

impl Encode for Metadata {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.trios.encode_to(out);
            self.tail.encode_to(out);
        });
    }
}
