//! Amounts of wei: non-negative integers of any length.
//!
//! Why not 256 bits: coins that a transaction only names (a holder's, a beneficiary's, a payment target's) are never compared with a
//! balance, so valid transactions may carry more. Such amounts are rare: they are kept, compared and added, not computed with fast.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

use crate::{
    U256,
    rlp::{Decode, DecodeError, Encode, Reader, put_integer},
};

/// A number of wei (10⁻¹⁸ THETA or TFUEL), of any length.
/// # Source
/// `docs/spec/ledger.md` §1.2.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Amount(Repr);

/// Longer amounts are shown in hex: writing decimals takes time that grows with the square of the length.
const MAX_DECIMAL_BYTES: usize = 256;

/// Invariant: `Wide` only for what does not fit `Narrow`, big-endian without leading zeros.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Narrow(U256),
    Wide(Box<[u8]>),
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(Repr::Narrow(U256::ZERO));

    /// The number with these big-endian digits.
    pub fn from_be_slice(digits: &[u8]) -> Amount {
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        let digits = digits.get(zeros..).unwrap_or_default();
        match U256::try_from_be_slice(digits) {
            Some(narrow) => Amount(Repr::Narrow(narrow)),
            None => Amount(Repr::Wide(digits.into())),
        }
    }

    /// The big-endian digits, without leading zeros.
    pub fn to_be_vec(&self) -> Vec<u8> {
        match &self.0 {
            Repr::Narrow(narrow) => narrow.to_be_bytes_trimmed_vec(),
            Repr::Wide(digits) => digits.to_vec(),
        }
    }

    /// The number, if it fits 256 bits.
    pub fn to_u256(&self) -> Option<U256> {
        match &self.0 {
            Repr::Narrow(narrow) => Some(*narrow),
            Repr::Wide(_) => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        *self == Amount::ZERO
    }

    /// The sum. There is no overflow.
    #[must_use]
    pub fn plus(&self, other: &Amount) -> Amount {
        if let (Repr::Narrow(a), Repr::Narrow(b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b)
        {
            return Amount(Repr::Narrow(sum));
        }
        let (a, b) = (self.to_be_vec(), other.to_be_vec());
        let mut sum = Vec::new();
        let mut carry = 0u16;
        for place in 0..a.len().max(b.len()) {
            let digit = |digits: &[u8]| u16::from(digits.iter().rev().nth(place).copied().unwrap_or(0));
            carry = carry.wrapping_add(digit(&a)).wrapping_add(digit(&b));
            sum.push(low_byte(carry));
            carry >>= 8;
        }
        sum.push(low_byte(carry));
        sum.reverse();
        Amount::from_be_slice(&sum)
    }

    /// The difference, or `None` when `other` is more.
    pub fn minus(&self, other: &Amount) -> Option<Amount> {
        match self.cmp(other) {
            Ordering::Less => None,
            Ordering::Equal => Some(Amount::ZERO),
            Ordering::Greater => Some(match (&self.0, &other.0) {
                (Repr::Narrow(a), Repr::Narrow(b)) => Amount(Repr::Narrow(a.wrapping_sub(*b))),
                _ => self.minus_wide(other),
            }),
        }
    }

    /// The difference of a wide amount and a smaller one.
    fn minus_wide(&self, other: &Amount) -> Amount {
        let (a, b) = (self.to_be_vec(), other.to_be_vec());
        let mut difference = Vec::new();
        let mut borrow = 0u16;
        for place in 0..a.len() {
            let digit = |digits: &[u8]| u16::from(digits.iter().rev().nth(place).copied().unwrap_or(0));
            let value = digit(&a).wrapping_sub(digit(&b)).wrapping_sub(borrow);
            difference.push(low_byte(value));
            borrow = u16::from(value > 0xff);
        }
        difference.reverse();
        Amount::from_be_slice(&difference)
    }

    /// The product with a small number. There is no overflow.
    #[must_use]
    pub fn times(&self, factor: u64) -> Amount {
        if let Repr::Narrow(narrow) = &self.0
            && let Some(product) = narrow.checked_mul(U256::from(factor))
        {
            return Amount(Repr::Narrow(product));
        }
        let mut product = Vec::new();
        let mut carry = 0u128;
        for &digit in self.to_be_vec().iter().rev() {
            carry = carry.wrapping_add(u128::from(digit).wrapping_mul(u128::from(factor)));
            product.push((carry & 0xff) as u8);
            carry >>= 8;
        }
        product.extend_from_slice(&carry.to_le_bytes());
        product.reverse();
        Amount::from_be_slice(&product)
    }

    /// The quotient by a small number, rounded down; `None` for zero.
    pub fn divided_by(&self, divisor: u64) -> Option<Amount> {
        if let Repr::Narrow(narrow) = &self.0 {
            return narrow.checked_div(U256::from(divisor)).map(|quotient| Amount(Repr::Narrow(quotient)));
        }
        let (quotient, _) = self.divided_with_rest(divisor)?;
        Some(quotient)
    }

    fn divided_with_rest(&self, divisor: u64) -> Option<(Amount, u64)> {
        let mut quotient = Vec::new();
        let mut rest = 0u128;
        for digit in self.to_be_vec() {
            let value = (rest << 8) | u128::from(digit);
            quotient.push((value.checked_div(u128::from(divisor))? & 0xff) as u8);
            rest = value.checked_rem(u128::from(divisor))?;
        }
        Some((Amount::from_be_slice(&quotient), u64::try_from(rest).ok()?))
    }

    /// The number written in decimal digits, and in nothing else.
    pub fn from_decimal(text: &str) -> Option<Amount> {
        let digits = text.bytes().map(|digit| digit.checked_sub(b'0').filter(|&digit| digit < 10));
        digits
            .enumerate()
            .try_fold(Amount::ZERO, |amount, (place, digit)| {
                let within = place < 4096;
                within.then_some(amount.times(10).plus(&Amount::from(u64::from(digit?))))
            })
            .filter(|_| !text.is_empty())
    }
}

fn low_byte(value: u16) -> u8 {
    (value & 0xff) as u8
}

impl From<U256> for Amount {
    fn from(value: U256) -> Amount {
        Amount(Repr::Narrow(value))
    }
}

impl From<u64> for Amount {
    fn from(value: u64) -> Amount {
        Amount(Repr::Narrow(U256::from(value)))
    }
}

impl Default for Amount {
    fn default() -> Amount {
        Amount::ZERO
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Amount) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Narrow(a), Repr::Narrow(b)) => a.cmp(b),
            (Repr::Narrow(_), Repr::Wide(_)) => Ordering::Less,
            (Repr::Wide(_), Repr::Narrow(_)) => Ordering::Greater,
            (Repr::Wide(a), Repr::Wide(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        }
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Amount) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Repr::Narrow(narrow) = &self.0 {
            return write!(f, "{narrow}");
        }
        if self.to_be_vec().len() > MAX_DECIMAL_BYTES {
            return write!(f, "0x{}", hex::encode(self.to_be_vec()));
        }
        let mut digits = Vec::new();
        let mut rest = self.clone();
        while !rest.is_zero() {
            let (quotient, digit) = rest.divided_with_rest(10).unwrap_or_default();
            digits.push(b'0'.wrapping_add((digit & 0x0f) as u8));
            rest = quotient;
        }
        digits.reverse();
        f.write_str(&String::from_utf8_lossy(&digits))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encode for Amount {
    fn encode_to(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Narrow(narrow) => narrow.encode_to(out),
            Repr::Wide(digits) => put_integer(digits, out),
        }
    }
}

impl Decode for Amount {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Amount, DecodeError> {
        reader.integer().map(Amount::from_be_slice)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn any_amount() -> impl Strategy<Value = Amount> {
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(|digits| Amount::from_be_slice(&digits))
    }

    proptest! {
        #[test]
        fn sums_products_and_decimals_come_back(a in any_amount(), b in any_amount(), n in 1u64..) {
            prop_assert_eq!(a.plus(&b).minus(&b), Some(a.clone()));
            prop_assert_eq!(a.plus(&b), b.plus(&a));
            prop_assert_eq!(a.times(n).divided_by(n), Some(a.clone()));
            prop_assert_eq!(a.times(3), a.plus(&a).plus(&a));
            prop_assert_eq!(Amount::from_decimal(&a.to_string()), Some(a.clone()));
            prop_assert_eq!(Amount::decode(&a.encode()), Ok(a));
        }

        #[test]
        fn the_order_is_that_of_the_numbers(a in any_amount(), b in any_amount()) {
            prop_assert_eq!(a.minus(&b).is_some(), a >= b);
            prop_assert!(a.plus(&b) >= a);
        }
    }

    #[test]
    fn decimals_take_digits_only() {
        assert_eq!(Amount::from_decimal(""), None);
        assert_eq!(Amount::from_decimal("-1"), None);
        assert_eq!(Amount::from_decimal("1e3"), None);
        assert_eq!(Amount::from_decimal("0012"), Some(Amount::from(12)));
    }
}
