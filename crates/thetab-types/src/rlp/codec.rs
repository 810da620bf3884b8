//! How Rust types map to RLP.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;

use super::{DecodeError, Reader, put_integer, put_list, put_string};
use crate::{Address, B256, U256};

/// What can be written.
pub trait Encode {
    /// Appends the value's one encoding.
    fn encode_to(&self, out: &mut Vec<u8>);

    /// The value's one encoding.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }
}

/// What can be read.
pub trait Decode: Sized {
    /// Reads the value from the front of `reader`.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but one value of this type.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that fills `bytes` exactly.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when bytes are left, else as [`Decode::decode_from`].
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode_from(&mut reader)?;
        if reader.is_empty() { Ok(value) } else { Err(DecodeError::Trailing(reader.rest().len())) }
    }
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Encode for $type {
            fn encode_to(&self, out: &mut Vec<u8>) {
                put_integer(&self.to_be_bytes(), out);
            }
        }

        impl Decode for $type {
            fn decode_from(reader: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let mut digits = [0u8; size_of::<$type>()];
                right_align(reader.integer()?, &mut digits)?;
                Ok(<$type>::from_be_bytes(digits))
            }
        }
    )*};
}

integer!(u8 u16 u32 u64);

fn right_align(digits: &[u8], into: &mut [u8]) -> Result<(), DecodeError> {
    let start = into.len().checked_sub(digits.len()).ok_or(DecodeError::Overflow)?;
    into.get_mut(start..).ok_or(DecodeError::Overflow)?.copy_from_slice(digits);
    Ok(())
}

impl Encode for U256 {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_integer(&self.to_be_bytes::<32>(), out);
    }
}

impl Decode for U256 {
    fn decode_from(reader: &mut Reader<'_>) -> Result<U256, DecodeError> {
        let mut digits = [0u8; 32];
        right_align(reader.integer()?, &mut digits)?;
        Ok(U256::from_be_bytes(digits))
    }
}

impl Encode for bool {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.push(if *self { 0x01 } else { 0x80 });
    }
}

impl Decode for bool {
    fn decode_from(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
        match reader.string()? {
            [] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::Bool),
        }
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self, out);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode_from(reader: &mut Reader<'_>) -> Result<[u8; N], DecodeError> {
        let bytes = reader.string()?;
        bytes.try_into().or(Err(DecodeError::Length { expected: N, actual: bytes.len() }))
    }
}

impl Encode for B256 {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.0.encode_to(out);
    }
}

impl Decode for B256 {
    fn decode_from(reader: &mut Reader<'_>) -> Result<B256, DecodeError> {
        <[u8; 32]>::decode_from(reader).map(B256::new)
    }
}

impl Encode for Address {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.0.0.encode_to(out);
    }
}

impl Decode for Address {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Address, DecodeError> {
        <[u8; 20]>::decode_from(reader).map(Address::from)
    }
}

/// A string of any bytes: Theta's strings need not be UTF-8.
impl Encode for Bytes {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self, out);
    }
}

impl Decode for Bytes {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
        reader.string().map(Bytes::copy_from_slice)
    }
}

impl Encode for str {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self.as_bytes(), out);
    }
}

impl Encode for String {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.as_str().encode_to(out);
    }
}

impl<T: Encode> Encode for [T] {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_list(out, |out| self.iter().for_each(|item| item.encode_to(out)));
    }
}

/// A list. Byte strings are [`Bytes`]; `Vec<u8>` would be a list of small integers.
impl<T: Encode> Encode for Vec<T> {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.as_slice().encode_to(out);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        let mut list = reader.list()?;
        let mut items = Vec::new();
        while !list.is_empty() {
            items.push(T::decode_from(&mut list)?);
        }
        Ok(items)
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode_to(&self, out: &mut Vec<u8>) {
        T::encode_to(self, out);
    }
}

/// Defines a struct that is the list of its fields, in their order.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $crate::rlp::Encode for $name {
            fn encode_to(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::rlp::put_list(out, |out| {
                    $($crate::rlp::Encode::encode_to(&self.$field, out);)*
                });
            }
        }

        impl $crate::rlp::Decode for $name {
            fn decode_from(reader: &mut $crate::rlp::Reader<'_>) -> Result<Self, $crate::rlp::DecodeError> {
                let mut list = reader.list()?;
                $(let $field = list.field()?;)*
                list.end()?;
                Ok($name { $($field,)* })
            }
        }
    };
}

pub(crate) use record;
