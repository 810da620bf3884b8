//! secp256k1 keys and signatures as Theta uses them: recover the signer, compare the address.
//!
//! Threat model: there is no low-s rule and recovery ids 2 and 3 count, so anyone can turn one valid signature into another of the
//! same message and signer. Nothing may be identified by a signature's bytes.

use alloc::vec::Vec;
use core::fmt;

use k256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{
        PrimeField,
        group::Group,
        ops::{LinearCombination, Reduce},
        point::DecompressPoint,
        sec1::ToEncodedPoint,
        subtle::Choice,
    },
};

use crate::{
    Address, B256, U256, keccak256,
    rlp::{Decode, DecodeError, Encode, Reader, put_string},
};

/// Order of the group.
const ORDER: U256 =
    U256::from_limbs([0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, u64::MAX]);

/// A signature `r ‖ s ‖ v` as it stands in votes, headers and transactions. Empty stands for none; other lengths than 65 decode,
/// and never verify.
/// # Source
/// `docs/spec/chain.md` §1.3, `docs/spec/ledger.md` §1.4.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Signature(Vec<u8>);

/// Why a signature is not its signer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is no signature.
    #[error("there is no signature")]
    Missing,
    /// Not 65 bytes, or a recovery id above 3, or r or s out of range, or no point for r.
    #[error("no key can be recovered from the signature")]
    Malformed,
    /// Somebody else signed.
    #[error("signed by {actual}, not by {expected}")]
    Signer {
        /// Who should have.
        expected: Address,
        /// Who did.
        actual: Address,
    },
}

impl Signature {
    /// No signature.
    pub const EMPTY: Signature = Signature(Vec::new());

    /// A signature of these bytes, whatever their number.
    pub fn from_slice(bytes: &[u8]) -> Signature {
        Signature(bytes.to_vec())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// `r`, `s` and the last byte, when there are 65 bytes.
    pub fn parts(&self) -> Option<([u8; 32], [u8; 32], u8)> {
        let (r, rest) = self.0.split_first_chunk::<32>()?;
        let (s, rest) = rest.split_first_chunk::<32>()?;
        let [v] = rest else { return None };
        Some((*r, *s, *v))
    }

    /// Who signed the bytes `message`.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] or [`SignatureError::Malformed`].
    pub fn recover(&self, message: &[u8]) -> Result<Address, SignatureError> {
        self.recover_prehashed(&keccak256(message))
    }

    /// Who signed this hash.
    ///
    /// # Errors
    /// As [`Signature::recover`].
    pub fn recover_prehashed(&self, hash: &B256) -> Result<Address, SignatureError> {
        if self.is_empty() {
            return Err(SignatureError::Missing);
        }
        let (r, s, v) = self.parts().ok_or(SignatureError::Malformed)?;
        recover_public_key(hash, &r, &s, v).map(|key| key.address()).ok_or(SignatureError::Malformed)
    }

    /// Checks that `signer` signed the bytes `message`.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, message: &[u8], signer: &Address) -> Result<(), SignatureError> {
        let actual = self.recover(message)?;
        if actual == *signer { Ok(()) } else { Err(SignatureError::Signer { expected: *signer, actual }) }
    }

    /// The other signature of the same message by the same key: `s` negated, the parity flipped.
    pub fn twin(&self) -> Option<Signature> {
        let (r, s, v) = self.parts()?;
        let s = ORDER.checked_sub(U256::from_be_bytes(s))?;
        Some(Signature([&r[..], &s.to_be_bytes::<32>(), &[v ^ 1]].concat()))
    }
}

/// Recovers the key that made a signature. `s` may be high; `v` is 0 to 3.
///
/// Written out instead of called: the library's recovery refuses high `s`, and verifies once more what it has just derived.
pub fn recover_public_key(hash: &B256, r: &[u8; 32], s: &[u8; 32], v: u8) -> Option<PublicKey> {
    let r_scalar = nonzero(r)?;
    let s_scalar = nonzero(s)?;
    let x = match v {
        0 | 1 => *r,
        2 | 3 => U256::from_be_bytes(*r).checked_add(ORDER)?.to_be_bytes(),
        _ => return None,
    };
    let nonce = Option::<AffinePoint>::from(AffinePoint::decompress(&x.into(), Choice::from(v & 1)))?;
    let message = <Scalar as Reduce<k256::U256>>::reduce_bytes(&hash.0.into());
    let inverse = Option::<Scalar>::from(r_scalar.invert())?;
    let (from_generator, from_nonce) = coefficients(&inverse, &message, &s_scalar);
    let generator = ProjectivePoint::GENERATOR;
    let key = ProjectivePoint::lincomb(&generator, &from_generator, &nonce.into(), &from_nonce);
    if bool::from(key.is_identity()) {
        return None;
    }
    PublicKey::from_point(&key.to_affine())
}

#[allow(clippy::arithmetic_side_effects, reason = "arithmetic modulo the group's order cannot overflow")]
fn coefficients(inverse: &Scalar, message: &Scalar, s: &Scalar) -> (Scalar, Scalar) {
    (-(inverse * message), inverse * s)
}

fn nonzero(digits: &[u8; 32]) -> Option<Scalar> {
    Option::<Scalar>::from(Scalar::from_repr((*digits).into())).filter(|scalar| !bool::from(scalar.is_zero()))
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(&self.0))
    }
}

impl Encode for Signature {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(&self.0, out);
    }
}

impl Decode for Signature {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Signature, DecodeError> {
        reader.string().map(Signature::from_slice)
    }
}

/// A public key: the coordinates X ‖ Y.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 64]);

impl PublicKey {
    fn from_point(point: &AffinePoint) -> Option<PublicKey> {
        let encoded = point.to_encoded_point(false);
        encoded.as_bytes().get(1..)?.try_into().ok().map(PublicKey)
    }

    /// Reads 65 bytes that begin with 04; `None` for what is no point of the curve.
    pub fn from_uncompressed(bytes: &[u8; 65]) -> Option<PublicKey> {
        let key = k256::PublicKey::from_sec1_bytes(bytes).ok()?;
        PublicKey::from_point(key.as_affine())
    }

    /// The 65 bytes that begin with 04.
    pub fn to_uncompressed(&self) -> [u8; 65] {
        let mut bytes = [4u8; 65];
        bytes[1..].copy_from_slice(&self.0);
        bytes
    }

    /// The last 20 bytes of the hash of the coordinates.
    pub fn address(&self) -> Address {
        Address::from_raw_public_key(&self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.0))
    }
}

/// A secret key. It is wiped when dropped and does not show in `Debug`.
#[derive(Clone)]
pub struct SecretKey(k256::ecdsa::SigningKey);

impl SecretKey {
    /// The key with these 32 big-endian bytes; `None` for zero and for the group's order or more.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<SecretKey> {
        k256::ecdsa::SigningKey::from_bytes(&(*bytes).into()).ok().map(SecretKey)
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_point(self.0.verifying_key().as_affine()).expect("a public key is never the identity")
    }

    /// The key's address.
    pub fn address(&self) -> Address {
        self.public_key().address()
    }

    /// Signs the bytes `message`: one Keccak-256, RFC 6979 nonce, low s.
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.sign_prehashed(&keccak256(message))
    }

    /// Signs a hash.
    pub fn sign_prehashed(&self, hash: &B256) -> Signature {
        let (signature, id) = self.0.sign_prehash_recoverable(&hash.0).expect("32 bytes are a whole digest");
        Signature([&signature.to_bytes()[..], &[id.to_byte()]].concat())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_signature_and_its_twin_recover_to_the_signer(seed in 1u64.., message: Vec<u8>) {
            let mut bytes = [0x11; 32];
            bytes[24..].copy_from_slice(&seed.to_be_bytes());
            let key = SecretKey::from_bytes(&bytes).unwrap();
            let signature = key.sign(&message);
            prop_assert_eq!(signature.verify(&message, &key.address()), Ok(()));
            prop_assert_eq!(signature.twin().unwrap().verify(&message, &key.address()), Ok(()));
            prop_assert_eq!(Signature::decode(&signature.encode()), Ok(signature));
        }

        #[test]
        fn any_bytes_recover_or_err(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            let _ = Signature::from_slice(&bytes).recover(b"message");
        }
    }

    #[test]
    fn a_reduced_nonce_recovers_with_ids_two_and_three() {
        let hash = keccak256(b"message");
        let s = [1u8; 32];
        let keys = |r: u8, ids: [u8; 2]| {
            let r = U256::from(r).to_be_bytes();
            ids.into_iter().filter_map(|v| recover_public_key(&hash, &r, &s, v)).collect::<Vec<_>>()
        };
        let small = (1..).find(|&r| !keys(r, [2, 3]).is_empty()).unwrap();
        let reduced = keys(small, [2, 3]);
        assert_eq!(reduced.len(), 2);
        assert!(reduced.iter().all(|key| !keys(small, [0, 1]).contains(key)));
        let small_r = U256::from(small).to_be_bytes();
        assert_eq!(recover_public_key(&hash, &small_r, &s, 4), None);
        assert_eq!(recover_public_key(&hash, &[0; 32], &s, 0), None);
        assert_eq!(recover_public_key(&hash, &ORDER.to_be_bytes(), &s, 0), None);
    }
}
