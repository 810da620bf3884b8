//! Theta's RLP dialect: the framing of Ethereum, strict, with Theta's mapping of types.
//!
//! Threat model: the bytes are a stranger's. Every length is checked against the bytes at hand before anything is allocated, the
//! depth of nesting is that of the types, and every non-canonical form is refused.

use alloc::vec::Vec;

mod codec;

pub(crate) use codec::record;
pub use codec::{Decode, Encode};

/// Why bytes are not the object that they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside an item.
    #[error("the bytes end inside an item")]
    Truncated,
    /// Bytes are left after the item.
    #[error("{0} bytes are left after the item")]
    Trailing(usize),
    /// A size is not in its shortest form.
    #[error("a size is not in its shortest form")]
    Size,
    /// An integer has leading zero bytes.
    #[error("an integer has leading zero bytes")]
    LeadingZero,
    /// An integer does not fit its type.
    #[error("an integer does not fit its type")]
    Overflow,
    /// A list stands where a string belongs.
    #[error("a list stands where a string belongs")]
    ExpectedString,
    /// A string stands where a list belongs.
    #[error("a string stands where a list belongs")]
    ExpectedList,
    /// A string of fixed length has another one.
    #[error("{actual} bytes where {expected} belong")]
    Length {
        /// What the type holds.
        expected: usize,
        /// What was found.
        actual: usize,
    },
    /// A truth value is neither 0x01 nor 0x80.
    #[error("a truth value is neither 0x01 nor 0x80")]
    Bool,
    /// A list ends before its last field.
    #[error("a list has too few fields")]
    TooFew,
    /// A list goes on after its last field.
    #[error("a list has too many fields")]
    TooMany,
    /// A header does not have the fields of its height.
    #[error("a header does not have the fields of its height")]
    Form,
    /// Votes are not in the order of their voters, or repeat.
    #[error("votes are not in the order of their voters, or repeat")]
    VoteOrder,
    /// A BLS point does not decode.
    #[error("a BLS point does not decode")]
    Point,
    /// A transaction has a type that does not exist.
    #[error("transaction type {0} does not exist")]
    TransactionType(u16),
    /// More bytes than the object may have.
    #[error("{actual} bytes where at most {limit} are allowed")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was offered.
        actual: usize,
    },
    /// The object encodes differently from the bytes that were read.
    #[error("the bytes are not the canonical encoding")]
    NotCanonical,
    /// A value that names a kind is unknown.
    #[error("{0} has a value that does not exist")]
    Unknown(&'static str),
}

/// One RLP item, as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A string's bytes.
    String(&'a [u8]),
    /// A list's payload.
    List(&'a [u8]),
}

/// Reads items from the front of a byte string.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Whether every item has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one item's framing and content.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::Size`] for sizes that are not in their shortest form.
    /// # Source
    /// `docs/spec/chain.md` §1.2.
    pub fn item(&mut self) -> Result<Item<'a>, DecodeError> {
        let (&first, after) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        match first {
            0x00..=0x7f => {
                let (item, rest) = self.rest.split_at_checked(1).ok_or(DecodeError::Truncated)?;
                self.rest = rest;
                Ok(Item::String(item))
            }
            0x80..=0xb7 => {
                let content = self.take(after, usize::from(first.wrapping_sub(0x80)))?;
                if matches!(content, [0x00..=0x7f]) {
                    return Err(DecodeError::Size);
                }
                Ok(Item::String(content))
            }
            0xb8..=0xbf => self.long(after, first.wrapping_sub(0xb7)).map(Item::String),
            0xc0..=0xf7 => self.take(after, usize::from(first.wrapping_sub(0xc0))).map(Item::List),
            0xf8..=0xff => self.long(after, first.wrapping_sub(0xf7)).map(Item::List),
        }
    }

    fn take(&mut self, after: &'a [u8], length: usize) -> Result<&'a [u8], DecodeError> {
        let (content, rest) = after.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(content)
    }

    fn long(&mut self, after: &'a [u8], digits: u8) -> Result<&'a [u8], DecodeError> {
        let (size, after) = after.split_at_checked(usize::from(digits)).ok_or(DecodeError::Truncated)?;
        if size.first() == Some(&0) {
            return Err(DecodeError::Size);
        }
        let length = size.iter().fold(0u64, |length, &digit| (length << 8) | u64::from(digit));
        if length < 56 {
            return Err(DecodeError::Size);
        }
        self.take(after, usize::try_from(length).or(Err(DecodeError::Truncated))?)
    }

    /// Reads one item and gives its bytes, framing included.
    ///
    /// # Errors
    /// As [`Reader::item`]. What is inside a list is not looked at.
    pub fn raw(&mut self) -> Result<&'a [u8], DecodeError> {
        let before = self.rest;
        self.item()?;
        let length = before.len().saturating_sub(self.rest.len());
        before.get(..length).ok_or(DecodeError::Truncated)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// As [`Reader::item`], or [`DecodeError::ExpectedString`].
    pub fn string(&mut self) -> Result<&'a [u8], DecodeError> {
        match self.item()? {
            Item::String(bytes) => Ok(bytes),
            Item::List(_) => Err(DecodeError::ExpectedString),
        }
    }

    /// Enters a list.
    ///
    /// # Errors
    /// As [`Reader::item`], or [`DecodeError::ExpectedList`].
    pub fn list(&mut self) -> Result<Reader<'a>, DecodeError> {
        match self.item()? {
            Item::List(payload) => Ok(Reader::new(payload)),
            Item::String(_) => Err(DecodeError::ExpectedList),
        }
    }

    /// Reads an integer's bytes, without leading zeros.
    ///
    /// # Errors
    /// As [`Reader::string`], or [`DecodeError::LeadingZero`].
    pub fn integer(&mut self) -> Result<&'a [u8], DecodeError> {
        let digits = self.string()?;
        if digits.first() == Some(&0) { Err(DecodeError::LeadingZero) } else { Ok(digits) }
    }

    /// Reads one field of a list.
    ///
    /// # Errors
    /// [`DecodeError::TooFew`] at the end of the list, or what the field's type says.
    pub fn field<T: Decode>(&mut self) -> Result<T, DecodeError> {
        if self.is_empty() { Err(DecodeError::TooFew) } else { T::decode_from(self) }
    }

    /// Says that the list has no more fields.
    ///
    /// # Errors
    /// [`DecodeError::TooMany`] when it has.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError::TooMany) }
    }
}

/// Appends a string.
pub fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    if !matches!(bytes, [0x00..=0x7f]) {
        let start = out.len();
        put_size(0x80, bytes.len(), start, out);
    }
    out.extend_from_slice(bytes);
}

/// Appends a list whose payload `fill` writes.
pub fn put_list(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    fill(out);
    let length = out.len().saturating_sub(start);
    put_size(0xc0, length, start, out);
}

/// Appends an integer given as big-endian bytes; leading zeros are dropped.
pub fn put_integer(digits: &[u8], out: &mut Vec<u8>) {
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    put_string(digits.get(zeros..).unwrap_or_default(), out);
}

/// Inserts the framing of `length` bytes at `start`.
fn put_size(base: u8, length: usize, start: usize, out: &mut Vec<u8>) {
    let mut frame = [0u8; 9];
    let digits = (length as u64).to_be_bytes();
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let used = if length < 56 {
        frame = [base.wrapping_add(digits[7]), 0, 0, 0, 0, 0, 0, 0, 0];
        1
    } else {
        let shown = digits.get(zeros..).unwrap_or_default();
        let count = u8::try_from(shown.len()).unwrap_or(8);
        for (place, digit) in
            frame.iter_mut().zip([base.wrapping_add(55).wrapping_add(count)].iter().chain(shown))
        {
            *place = *digit;
        }
        shown.len().saturating_add(1)
    };
    out.splice(start..start, frame.into_iter().take(used));
}
