//! Blocks, proposals, and the forms in which databases and backups hold blocks.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    Address, B256, Forks, Header,
    rlp::{Decode, DecodeError, Encode, Reader, put_list},
    vote::VoteSet,
};

/// A header and its raw transactions.
/// # Source
/// `docs/spec/chain.md` §2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Raw transactions. Whether their root is the header's is for the trie to say.
    pub transactions: Vec<Bytes>,
}

/// What a proposer sends: a block, and votes that help others to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The block.
    pub block: Block,
    /// Who proposes.
    pub proposer: Address,
    /// Votes for the highest committed block, and votes of the epoch.
    pub votes: VoteSet,
}

/// What a node thinks of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockStatus {
    /// Not yet checked.
    Pending = 0,
    /// Valid.
    Valid = 1,
    /// Invalid.
    Invalid = 2,
    /// Voted for by a majority.
    Committed = 3,
    /// Final by its own child.
    DirectlyFinalized = 4,
    /// Final by a descendant.
    IndirectlyFinalized = 5,
    /// Where the node began.
    Trusted = 6,
    /// Left behind.
    Disposed = 7,
}

impl BlockStatus {
    /// Whether the block is final.
    pub fn is_finalized(self) -> bool {
        matches!(
            self,
            BlockStatus::DirectlyFinalized | BlockStatus::IndirectlyFinalized | BlockStatus::Trusted
        )
    }
}

impl Encode for BlockStatus {
    fn encode_to(&self, out: &mut Vec<u8>) {
        (*self as u8).encode_to(out);
    }
}

impl Decode for BlockStatus {
    fn decode_from(reader: &mut Reader<'_>) -> Result<BlockStatus, DecodeError> {
        Ok(match u8::decode_from(reader)? {
            0 => BlockStatus::Pending,
            1 => BlockStatus::Valid,
            2 => BlockStatus::Invalid,
            3 => BlockStatus::Committed,
            4 => BlockStatus::DirectlyFinalized,
            5 => BlockStatus::IndirectlyFinalized,
            6 => BlockStatus::Trusted,
            7 => BlockStatus::Disposed,
            _ => return Err(DecodeError::Unknown("block status")),
        })
    }
}

/// A block as a database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedBlock {
    /// The block.
    pub block: Block,
    /// Hashes of known children.
    pub children: Vec<B256>,
    /// What the node thinks of it.
    pub status: BlockStatus,
    /// Whether it holds a stake transaction of type 8 or 9 for validators.
    pub has_validator_update: bool,
}

/// A block as a backup holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupBlock {
    /// The block.
    pub block: ExtendedBlock,
    /// Votes for it.
    pub votes: VoteSet,
}

/// What can be read once the forks are known, which decide the form of headers.
pub trait DecodeWith: Sized {
    /// Reads the value from the front of `reader`.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but one value of this type.
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<Self, DecodeError>;

    /// Reads a value that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when bytes are left, else as [`DecodeWith::decode_with`].
    fn decode(bytes: &[u8], forks: &Forks) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode_with(&mut reader, forks)?;
        if reader.is_empty() { Ok(value) } else { Err(DecodeError::Trailing(reader.rest().len())) }
    }
}

impl DecodeWith for Block {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<Block, DecodeError> {
        let mut list = reader.list()?;
        let header = Header::decode_from(&mut list, forks)?;
        let transactions = list.field()?;
        list.end()?;
        Ok(Block { header, transactions })
    }
}

impl Encode for Block {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.header.encode_to(out);
            self.transactions.encode_to(out);
        });
    }
}

impl DecodeWith for Proposal {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<Proposal, DecodeError> {
        let mut list = reader.list()?;
        let block = Block::decode_with(&mut list, forks)?;
        let proposal = Proposal { block, proposer: list.field()?, votes: list.field()? };
        list.end()?;
        Ok(proposal)
    }
}

impl Encode for Proposal {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.block.encode_to(out);
            self.proposer.encode_to(out);
            self.votes.encode_to(out);
        });
    }
}

impl DecodeWith for ExtendedBlock {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<ExtendedBlock, DecodeError> {
        let mut list = reader.list()?;
        let block = Block::decode_with(&mut list, forks)?;
        let (children, status, has_validator_update) = (list.field()?, list.field()?, list.field()?);
        list.end()?;
        Ok(ExtendedBlock { block, children, status, has_validator_update })
    }
}

impl Encode for ExtendedBlock {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.block.encode_to(out);
            self.children.encode_to(out);
            self.status.encode_to(out);
            self.has_validator_update.encode_to(out);
        });
    }
}

impl DecodeWith for BackupBlock {
    fn decode_with(reader: &mut Reader<'_>, forks: &Forks) -> Result<BackupBlock, DecodeError> {
        let mut list = reader.list()?;
        let block = ExtendedBlock::decode_with(&mut list, forks)?;
        let votes = list.field()?;
        list.end()?;
        Ok(BackupBlock { block, votes })
    }
}

impl Encode for BackupBlock {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| {
            self.block.encode_to(out);
            self.votes.encode_to(out);
        });
    }
}
