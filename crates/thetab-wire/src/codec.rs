//! The codec: varints, fields, bounded lists.
//!
//! Invariant: decoding is total (any bytes give a value or an error), and equal values have one
//! encoding among those our own encoder writes.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;

/// Why bytes are not the message that they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// Bytes are left after the value.
    #[error("{0} bytes are left after the value")]
    Trailing(usize),
    /// A varint is overlong or exceeds 64 bits.
    #[error("a varint is overlong or exceeds 64 bits")]
    Varint,
    /// A value has a length or a number outside its bounds.
    #[error("{0} is outside its bounds")]
    Bounds(&'static str),
    /// A required field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field that may stand once stands twice.
    #[error("field {0} is repeated")]
    Repeated(&'static str),
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
}

/// Appends the varint of `value`: seven bits a byte, low bits first.
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one varint from the front of `bytes`.
///
/// # Errors
/// [`DecodeError::Truncated`], or [`DecodeError::Varint`] for overlong forms and more than 64 bits.
pub fn take_varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0u64;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        *bytes = rest;
        let overflows = shift > 63 || (shift == 63 && byte > 1);
        let overlong = shift > 0 && byte == 0;
        if overflows || overlong {
            return Err(DecodeError::Varint);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

/// Takes a varint length and that many bytes from the front of `bytes`.
pub(crate) fn take_block<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(take_varint(bytes)?).or(Err(DecodeError::Truncated))?;
    let (block, rest) = bytes.split_at_checked(length).ok_or(DecodeError::Truncated)?;
    *bytes = rest;
    Ok(block)
}

/// What can be written.
pub trait Encode {
    /// Appends the value's bytes, without a length.
    fn encode_to(&self, out: &mut Vec<u8>);

    /// The value's bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }
}

/// What can be read from bytes that it fills exactly.
pub trait Decode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`DecodeError`] when `bytes` are not exactly one value.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// A value that fits into one field. Only those types implement it that are not `Option` or [`List`].
pub trait Value: Encode + Decode {}

/// How a member of a message maps to fields: required, optional or a bounded list.
pub trait Field: Sized {
    /// What has been read of it so far.
    type Slot: Default;
    /// Appends the member as fields with `tag`.
    fn put(&self, tag: u64, out: &mut Vec<u8>);
    /// Reads one field into `slot`.
    fn take(slot: &mut Self::Slot, name: &'static str, bytes: &[u8]) -> Result<(), DecodeError>;
    /// The member, once all fields were read.
    fn finish(slot: Self::Slot, name: &'static str) -> Result<Self, DecodeError>;
}

fn put_field(tag: u64, value: &impl Encode, out: &mut Vec<u8>) {
    let body = value.encode();
    put_varint(tag, out);
    put_varint(body.len() as u64, out);
    out.extend_from_slice(&body);
}

impl<T: Value> Field for T {
    type Slot = Option<T>;
    fn put(&self, tag: u64, out: &mut Vec<u8>) {
        put_field(tag, self, out);
    }
    fn take(slot: &mut Option<T>, name: &'static str, bytes: &[u8]) -> Result<(), DecodeError> {
        match slot.replace(T::decode(bytes)?) {
            None => Ok(()),
            Some(_) => Err(DecodeError::Repeated(name)),
        }
    }
    fn finish(slot: Option<T>, name: &'static str) -> Result<T, DecodeError> {
        slot.ok_or(DecodeError::Missing(name))
    }
}

impl<T: Value> Field for Option<T> {
    type Slot = Option<T>;
    fn put(&self, tag: u64, out: &mut Vec<u8>) {
        if let Some(value) = self {
            put_field(tag, value, out);
        }
    }
    fn take(slot: &mut Option<T>, name: &'static str, bytes: &[u8]) -> Result<(), DecodeError> {
        <T as Field>::take(slot, name, bytes)
    }
    fn finish(slot: Option<T>, _name: &'static str) -> Result<Option<T>, DecodeError> {
        Ok(slot)
    }
}

/// At most `MAX` values, each in a field of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// The first `MAX` of `items`; what does not fit is given back for the next message.
    pub fn split(items: impl IntoIterator<Item = T>) -> (List<T, MAX>, Vec<T>) {
        let mut items = items.into_iter();
        let head = items.by_ref().take(MAX).collect();
        (List(head), items.collect())
    }

    /// The values.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> core::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for List<T, MAX> {
    type Error = DecodeError;
    fn try_from(items: Vec<T>) -> Result<Self, DecodeError> {
        if items.len() > MAX { Err(DecodeError::Bounds("list")) } else { Ok(List(items)) }
    }
}

impl<T: Value, const MAX: usize> Field for List<T, MAX> {
    type Slot = Vec<T>;
    fn put(&self, tag: u64, out: &mut Vec<u8>) {
        for value in &self.0 {
            put_field(tag, value, out);
        }
    }
    fn take(slot: &mut Vec<T>, name: &'static str, bytes: &[u8]) -> Result<(), DecodeError> {
        if slot.len() >= MAX {
            return Err(DecodeError::Bounds(name));
        }
        slot.push(T::decode(bytes)?);
        Ok(())
    }
    fn finish(slot: Vec<T>, _name: &'static str) -> Result<Self, DecodeError> {
        Ok(List(slot))
    }
}

macro_rules! unsigned_values {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            fn encode_to(&self, out: &mut Vec<u8>) {
                put_varint(u64::from(*self), out);
            }
        }
        impl Decode for $type {
            fn decode(mut bytes: &[u8]) -> Result<Self, DecodeError> {
                let value = take_varint(&mut bytes)?;
                if !bytes.is_empty() {
                    return Err(DecodeError::Trailing(bytes.len()));
                }
                <$type>::try_from(value).or(Err(DecodeError::Bounds(stringify!($type))))
            }
        }
        impl Value for $type {}
    )*};
}
unsigned_values!(u8, u16, u32, u64);

impl Encode for bool {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(bytes: &[u8]) -> Result<bool, DecodeError> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::Bounds("bool")),
        }
    }
}

impl Value for bool {}

impl<const N: usize> Encode for [u8; N] {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        bytes.try_into().or(Err(DecodeError::Bounds("fixed bytes")))
    }
}

impl<const N: usize> Value for [u8; N] {}

/// At most `MAX` opaque bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob<const MAX: usize>(Bytes);

impl<const MAX: usize> Blob<MAX> {
    /// The bytes.
    pub fn into_inner(self) -> Bytes {
        self.0
    }
}

impl<const MAX: usize> core::ops::Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<Vec<u8>> for Blob<MAX> {
    type Error = DecodeError;
    fn try_from(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        if bytes.len() > MAX { Err(DecodeError::Bounds("bytes")) } else { Ok(Blob(bytes.into())) }
    }
}

impl<const MAX: usize> Encode for Blob<MAX> {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl<const MAX: usize> Decode for Blob<MAX> {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX {
            Err(DecodeError::Bounds("bytes"))
        } else {
            Ok(Blob(Bytes::copy_from_slice(bytes)))
        }
    }
}

impl<const MAX: usize> Value for Blob<MAX> {}

/// At most `MAX` bytes of UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> core::ops::Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = DecodeError;
    fn try_from(text: &str) -> Result<Self, DecodeError> {
        if text.len() > MAX { Err(DecodeError::Bounds("text")) } else { Ok(Text(text.into())) }
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl<const MAX: usize> Decode for Text<MAX> {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::try_from(core::str::from_utf8(bytes).or(Err(DecodeError::Utf8))?)
    }
}

impl<const MAX: usize> Value for Text<MAX> {}

/// Defines a message: each member with its field tag.
macro_rules! message {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* $tag:literal => $member:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $member: $type,)* }

        impl $crate::codec::Encode for $name {
            #[allow(unused_variables, reason = "a message may have no fields")]
            fn encode_to(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::codec::Field::put(&self.$member, $tag, out);)*
            }
        }

        impl $crate::codec::Decode for $name {
            #[allow(clippy::never_loop, unused_mut, reason = "a message may have no fields")]
            fn decode(mut bytes: &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                $(let mut $member = <$type as $crate::codec::Field>::Slot::default();)*
                while !bytes.is_empty() {
                    let tag = $crate::codec::take_varint(&mut bytes)?;
                    let value = $crate::codec::take_block(&mut bytes)?;
                    match tag {
                        $($tag => <$type as $crate::codec::Field>::take(&mut $member, stringify!($member), value)?,)*
                        _ => { let _ = value; }
                    }
                }
                Ok($name { $($member: <$type as $crate::codec::Field>::finish($member, stringify!($member))?,)* })
            }
        }

        impl $crate::codec::Value for $name {}
    };
}

/// Defines a protocol: an enum of messages, each with its tag.
macro_rules! protocol {
    ($(#[$meta:meta])* pub enum $name:ident: $max:literal { $($(#[$doc:meta])* $tag:literal => $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant($variant),)* }

        impl $name {
            /// The largest encoded message, in bytes.
            pub const MAX_SIZE_BYTES: usize = $max;

            /// The message's bytes: its tag, then its fields.
            pub fn encode(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::new();
                match self {
                    $($name::$variant(message) => {
                        $crate::codec::put_varint($tag, &mut out);
                        $crate::codec::Encode::encode_to(message, &mut out);
                    })*
                }
                out
            }

            /// Reads one message; `None` for a tag from a newer protocol, which the caller skips.
            ///
            /// # Errors
            /// [`DecodeError`]($crate::DecodeError) for anything else that is not one message.
            pub fn decode(mut bytes: &[u8]) -> Result<Option<$name>, $crate::codec::DecodeError> {
                if bytes.len() > Self::MAX_SIZE_BYTES {
                    return Err($crate::codec::DecodeError::Bounds("message"));
                }
                let message = match $crate::codec::take_varint(&mut bytes)? {
                    $($tag => $name::$variant($crate::codec::Decode::decode(bytes)?),)*
                    _ => return Ok(None),
                };
                Ok(Some(message))
            }
        }

        $(impl From<$variant> for $name {
            fn from(message: $variant) -> $name { $name::$variant(message) }
        })*
    };
}

pub(crate) use {message, protocol};
