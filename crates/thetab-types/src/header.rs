//! Block headers, in their three forms.
//!
//! A [`Header`] keeps the bytes that it was read from and their hash. It is made only from bytes that are the canonical encoding of
//! its fields, in the form of its height: the rule that removes every corner of the dialect.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    Address, Amount, B256, Forks,
    edge::AggregatedEdgeVotes,
    guardian::AggregatedVotes,
    keccak256,
    rlp::{Decode, DecodeError, Encode, Reader, put_list},
    secp::{SecretKey, Signature, SignatureError},
    vote::CommitCertificate,
};

/// The largest header that is read, in bytes. Those with the votes of thousands of edge nodes are the big ones.
/// # Source
/// `docs/spec/chain.md` §6.10.
pub const MAX_HEADER_BYTES: usize = 256 * 1024;

/// Which fields a header has. It follows from the height alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeaderForm {
    /// Twelve fields.
    Theta1,
    /// Guardian votes too.
    Theta2,
    /// Elite edge node votes too.
    Theta3,
}

impl HeaderForm {
    /// The form of headers at a height.
    pub fn at(height: u64, forks: &Forks) -> HeaderForm {
        if height >= forks.theta3 {
            HeaderForm::Theta3
        } else if height >= forks.theta2 {
            HeaderForm::Theta2
        } else {
            HeaderForm::Theta1
        }
    }
}

/// The fields of a header, in the order of their encoding.
/// # Source
/// `docs/spec/chain.md` §2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFields {
    /// Name of the chain.
    pub chain_id: Bytes,
    /// Epoch in which it was proposed.
    pub epoch: u64,
    /// Height.
    pub height: u64,
    /// Hash of the parent.
    pub parent: B256,
    /// Highest commit certificate that the proposer knew.
    pub hcc: CommitCertificate,
    /// Root of the transactions.
    pub tx_hash: B256,
    /// A constant that nobody validates.
    pub receipt_hash: B256,
    /// Zero bytes that nobody validates.
    pub bloom: [u8; 256],
    /// Root of the state after this block.
    pub state_hash: B256,
    /// Unix seconds that nobody validates.
    pub timestamp: Amount,
    /// Who proposed.
    pub proposer: Address,
    /// The proposer's signature.
    pub signature: Signature,
    /// Votes of guardians for an earlier checkpoint. `None` before Theta2.
    pub guardian_votes: Option<AggregatedVotes>,
    /// Votes of elite edge nodes for an earlier checkpoint. `None` before Theta3.
    pub edge_votes: Option<AggregatedEdgeVotes>,
}

impl HeaderFields {
    /// The header in which every field is zero: what stands where Theta's node has none.
    pub fn zero() -> HeaderFields {
        HeaderFields {
            chain_id: Bytes::new(),
            epoch: 0,
            height: 0,
            parent: B256::ZERO,
            hcc: CommitCertificate::default(),
            tx_hash: B256::ZERO,
            receipt_hash: B256::ZERO,
            bloom: [0; 256],
            state_hash: B256::ZERO,
            timestamp: Amount::ZERO,
            proposer: Address::ZERO,
            signature: Signature::EMPTY,
            guardian_votes: None,
            edge_votes: None,
        }
    }

    fn encode_signed_by(&self, signature: &Signature, form: HeaderForm) -> Vec<u8> {
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            self.chain_id.encode_to(out);
            self.epoch.encode_to(out);
            self.height.encode_to(out);
            self.parent.encode_to(out);
            self.hcc.encode_to(out);
            self.tx_hash.encode_to(out);
            self.receipt_hash.encode_to(out);
            self.bloom.encode_to(out);
            self.state_hash.encode_to(out);
            self.timestamp.encode_to(out);
            self.proposer.encode_to(out);
            signature.encode_to(out);
            if form >= HeaderForm::Theta2 {
                put_optional(self.guardian_votes.as_ref(), out);
            }
            if form >= HeaderForm::Theta3 {
                put_optional(self.edge_votes.as_ref(), out);
            }
        });
        out
    }

    /// The bytes that the proposer signs: the header without its signature.
    pub fn sign_bytes(&self, forks: &Forks) -> Vec<u8> {
        self.encode_signed_by(&Signature::EMPTY, HeaderForm::at(self.height, forks))
    }

    /// Signs as the owner of `key`, who becomes the proposer.
    #[must_use]
    pub fn signed(mut self, key: &SecretKey, forks: &Forks) -> HeaderFields {
        self.proposer = key.address();
        self.signature = key.sign(&self.sign_bytes(forks));
        self
    }

    /// Encodes the fields in the form of their height and hashes them. Votes that the form has no place for are left out.
    pub fn seal(mut self, forks: &Forks) -> Header {
        let form = HeaderForm::at(self.height, forks);
        self.guardian_votes = self.guardian_votes.filter(|_| form >= HeaderForm::Theta2);
        self.edge_votes = self.edge_votes.filter(|_| form >= HeaderForm::Theta3);
        let raw = self.encode_signed_by(&self.signature, form);
        Header { hash: keccak256(&raw), raw: raw.into(), fields: self, form }
    }

    fn read(mut list: Reader<'_>, forks: &Forks) -> Result<(HeaderFields, HeaderForm), DecodeError> {
        let mut fields = HeaderFields {
            chain_id: list.field()?,
            epoch: list.field()?,
            height: list.field()?,
            parent: list.field()?,
            hcc: list.field()?,
            tx_hash: list.field()?,
            receipt_hash: list.field()?,
            bloom: list.field()?,
            state_hash: list.field()?,
            timestamp: list.field()?,
            proposer: list.field()?,
            signature: list.field()?,
            guardian_votes: None,
            edge_votes: None,
        };
        let form = HeaderForm::at(fields.height, forks);
        if form >= HeaderForm::Theta2 {
            fields.guardian_votes = optional(&mut list)?;
        }
        if form >= HeaderForm::Theta3 {
            fields.edge_votes = optional(&mut list)?;
        }
        if list.is_empty() { Ok((fields, form)) } else { Err(DecodeError::Form) }
    }
}

fn put_optional(value: Option<&impl Encode>, out: &mut Vec<u8>) {
    match value {
        Some(value) => value.encode_to(out),
        None => out.push(0xc0),
    }
}

fn optional<T: Decode>(list: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    if list.is_empty() {
        return Err(DecodeError::Form);
    }
    match list.raw()? {
        [0xc0] => Ok(None),
        item => T::decode(item).map(Some),
    }
}

/// A header with its bytes and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    fields: HeaderFields,
    form: HeaderForm,
    raw: Bytes,
    hash: B256,
}

impl core::ops::Deref for Header {
    type Target = HeaderFields;
    fn deref(&self) -> &HeaderFields {
        &self.fields
    }
}

/// Why a header is not one that its proposer signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Another chain's.
    #[error("the header is another chain's")]
    Chain,
    /// The parent, the certified block or the proposer is zero.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// The proposer did not sign.
    #[error("the proposer did not sign")]
    Signature(#[from] SignatureError),
}

impl Header {
    /// Reads a header that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`DecodeError::Form`] when the number of fields is not that of the height, [`DecodeError::TooLarge`] above
    /// [`MAX_HEADER_BYTES`], [`DecodeError::NotCanonical`] when the fields encode differently.
    /// # Source
    /// `docs/spec/chain.md` §1.2 and §2.3.
    pub fn decode(bytes: &[u8], forks: &Forks) -> Result<Header, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = Header::decode_from(&mut reader, forks)?;
        if reader.is_empty() { Ok(header) } else { Err(DecodeError::Trailing(reader.rest().len())) }
    }

    /// Reads a header from the front of `reader`.
    ///
    /// # Errors
    /// As [`Header::decode`].
    pub fn decode_from(reader: &mut Reader<'_>, forks: &Forks) -> Result<Header, DecodeError> {
        let raw = reader.raw()?;
        if raw.len() > MAX_HEADER_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_HEADER_BYTES, actual: raw.len() });
        }
        let (fields, form) = HeaderFields::read(Reader::new(raw).list()?, forks)?;
        if fields.encode_signed_by(&fields.signature, form) != raw {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Header { fields, form, hash: keccak256(raw), raw: Bytes::copy_from_slice(raw) })
    }

    /// The header in which every field is zero.
    pub fn zero(forks: &Forks) -> Header {
        HeaderFields::zero().seal(forks)
    }

    /// Keccak-256 of the bytes, the signature among them: who holds a header can make another one of it with a different hash.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// The bytes.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Which fields it has.
    pub fn form(&self) -> HeaderForm {
        self.form
    }

    /// The fields, to make another header of them.
    pub fn into_fields(self) -> HeaderFields {
        self.fields
    }

    /// The bytes that the proposer signed.
    pub fn sign_bytes(&self) -> Vec<u8> {
        self.fields.encode_signed_by(&Signature::EMPTY, self.form)
    }

    /// Checks what a header alone can show: chain, non-zero links, the proposer's signature.
    ///
    /// # Errors
    /// [`HeaderError`].
    /// # Source
    /// `docs/spec/chain.md` §2.4.
    pub fn verify(&self, chain_id: &str) -> Result<(), HeaderError> {
        if self.chain_id != chain_id.as_bytes() {
            return Err(HeaderError::Chain);
        }
        let zero = [("the parent", self.parent.is_zero()), ("the certified block", self.hcc.block.is_zero())];
        if let Some((name, _)) = zero.into_iter().find(|(_, zero)| *zero) {
            return Err(HeaderError::Zero(name));
        }
        if self.proposer.is_zero() {
            return Err(HeaderError::Zero("the proposer"));
        }
        Ok(self.signature.verify(&self.sign_bytes(), &self.proposer)?)
    }
}

impl Encode for Header {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.raw);
    }
}
