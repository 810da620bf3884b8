//! Text forms of hashes and addresses.

use alloc::{format, string::String, vec::Vec};

use crate::{Address, B256};

/// The EIP-55 text of an address, with `0x`. Validators with equal stake are ordered by it, so it matters in consensus.
/// # Source
/// `docs/spec/chain.md` §1.1 and §4.4.
pub fn checksummed(address: &Address) -> String {
    format!("{address}")
}

/// Reads an address as Theta's RPC does: `0x` or not, left-padded when short, cropped on the left when long.
/// `None` when a character is no hex digit.
pub fn lenient_address(text: &str) -> Option<Address> {
    lenient(text).map(Address::from)
}

/// Reads a hash as Theta's RPC does; see [`lenient_address`].
pub fn lenient_hash(text: &str) -> Option<B256> {
    lenient(text).map(B256::new)
}

fn lenient<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = strip_prefix(text);
    let even = if digits.len() & 1 == 1 { format!("0{digits}") } else { String::from(digits) };
    let bytes: Vec<u8> = hex::decode(even).ok()?;
    let mut fixed = [0u8; N];
    for (place, byte) in fixed.iter_mut().rev().zip(bytes.iter().rev()) {
        *place = *byte;
    }
    Some(fixed)
}

/// Whether a text is an address: forty hex digits after an optional `0x` or `0X`.
pub fn is_address(text: &str) -> bool {
    let digits = strip_prefix(text);
    digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn strip_prefix(text: &str) -> &str {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text)
}
