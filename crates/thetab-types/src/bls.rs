//! BLS signatures of guardians and elite edge nodes: public keys in G1, signatures in G2, Theta's own map of messages.
//!
//! Not an IETF suite and not Ethereum's: the message point is found by trying coordinates upwards from a hash and cleared with the
//! full cofactor, which is matched here by `clear_cofactor` and a corrected base point.
//!
//! Threat model: keys of nodes that run the stock software follow from public data, so that a valid signature says little about who made it.
//! Decoding is as lax as Theta's (no subgroup check; the identity counts); whoever wants more asks [`BlsPublicKey::is_in_subgroup`].

use alloc::vec::Vec;
use core::fmt;

use bls12_381::{G1Affine, G1Projective, G2Affine, G2Prepared, G2Projective, Gt, Scalar, multi_miller_loop};
use sha2::{Digest, Sha512};

use crate::rlp::{Decode, DecodeError, Encode, Reader, put_string};

/// `[adj⁻²]G1`: the base point that makes the library's cofactor clearing agree with Theta's.
const BASE: [u8; 48] = [
    0x8e, 0x32, 0xe6, 0x0e, 0xbe, 0x39, 0xbe, 0x5b, 0xd2, 0x49, 0xa2, 0x11, 0x2e, 0x90, 0xa1, 0x0d, 0xb2,
    0x56, 0x8d, 0x35, 0x44, 0xfd, 0x30, 0xd2, 0x4d, 0x56, 0x24, 0xdb, 0xc8, 0xf9, 0x0b, 0xc7, 0xe1, 0x8f,
    0x4f, 0x10, 0x77, 0xd1, 0xd6, 0xec, 0x59, 0x8a, 0x08, 0x06, 0x46, 0x76, 0x70, 0x49,
];

/// `(3(z² − 1))⁻¹ mod r`, little-endian limbs.
const ADJ: [u64; 4] =
    [0x5555_5554_aaaa_aaab, 0x37d2_aaab_5554_3d54, 0x6668_9d58_0335_f2ac, 0x26a4_8d1b_b889_d46d];

/// The field's modulus, big-endian.
const MODULUS: [u8; 48] = [
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7, 0x64,
    0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab,
    0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
];

/// A compressed public key. Whether it is a point is found when it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlsPublicKey(pub [u8; 48]);

/// A compressed signature. Whether it is a point is found when it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlsSignature(pub [u8; 96]);

impl BlsPublicKey {
    /// Reads a key as Theta's node does: bytes beyond 48 are dropped, and what is kept is the point's own encoding.
    ///
    /// # Errors
    /// [`DecodeError::Point`] for what is no point of the curve; the subgroup is not checked.
    /// # Source
    /// `docs/spec/chain.md` §1.4, "Laxness of the pinned decoder".
    pub fn from_lax(bytes: &[u8]) -> Result<BlsPublicKey, DecodeError> {
        let key = BlsPublicKey(*bytes.first_chunk().ok_or(DecodeError::Point)?);
        key.point().map(|point| BlsPublicKey(point.to_compressed())).ok_or(DecodeError::Point)
    }

    fn point(&self) -> Option<G1Affine> {
        match identity_form(&self.0) {
            Some(is_identity) => is_identity.then(G1Affine::identity),
            None => G1Affine::from_compressed_unchecked(&self.0).into(),
        }
    }

    /// Whether it is a point of the right order, and not the identity.
    pub fn is_in_subgroup(&self) -> bool {
        self.point().is_some_and(|point| bool::from(point.is_torsion_free() & !point.is_identity()))
    }

    /// Checks a proof of possession: a signature over the key's own bytes.
    pub fn verify_possession(&self, proof: &BlsSignature) -> bool {
        proof.verify(self, &self.0)
    }
}

impl BlsSignature {
    /// The sum of no signatures.
    pub const IDENTITY: BlsSignature = {
        let mut bytes = [0; 96];
        bytes[0] = 0xc0;
        BlsSignature(bytes)
    };

    /// Reads a signature as Theta's node does; see [`BlsPublicKey::from_lax`].
    ///
    /// # Errors
    /// [`DecodeError::Point`].
    pub fn from_lax(bytes: &[u8]) -> Result<BlsSignature, DecodeError> {
        let signature = BlsSignature(*bytes.first_chunk().ok_or(DecodeError::Point)?);
        signature.point().map(|point| BlsSignature(point.to_compressed())).ok_or(DecodeError::Point)
    }

    fn point(&self) -> Option<G2Affine> {
        match identity_form(&self.0) {
            Some(is_identity) => is_identity.then(G2Affine::identity),
            None => G2Affine::from_compressed_unchecked(&self.0).into(),
        }
    }

    /// Whether it is a point of the right order, and not the identity.
    pub fn is_in_subgroup(&self) -> bool {
        self.point().is_some_and(|point| bool::from(point.is_torsion_free() & !point.is_identity()))
    }

    /// Checks that `key` signed `message`.
    pub fn verify(&self, key: &BlsPublicKey, message: &[u8]) -> bool {
        match (key.point(), self.point()) {
            (Some(key), Some(signature)) => pairing_holds(&key, &signature, message),
            _ => false,
        }
    }

    /// Checks an aggregate: each key signed `message` as often as its multiplicity says.
    ///
    /// `false` when the numbers of keys and multiplicities differ, and when a key that signed is no point. Nobody having signed is
    /// valid with the identity, as it is for Theta's node.
    pub fn verify_aggregate<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a BlsPublicKey>,
        multiplicities: &[u32],
        message: &[u8],
    ) -> bool {
        let Some(sum) = weighted_sum(keys, multiplicities) else { return false };
        self.point().is_some_and(|signature| pairing_holds(&sum, &signature, message))
    }

    /// The sum of signatures of one message, each as often as its multiplicity says; `None` when one is no point.
    pub fn aggregate<'a>(
        signatures: impl IntoIterator<Item = (&'a BlsSignature, u32)>,
    ) -> Option<BlsSignature> {
        let mut sum = G2Projective::identity();
        for (signature, multiplicity) in signatures {
            if multiplicity > 0 {
                sum = add2(sum, G2Projective::from(signature.point()?), multiplicity);
            }
        }
        Some(BlsSignature(G2Affine::from(sum).to_compressed()))
    }
}

/// The aggregate key of signers with multiplicities; `None` when the numbers differ or a key that counts is no point.
pub fn aggregate_keys<'a>(
    keys: impl IntoIterator<Item = &'a BlsPublicKey>,
    multiplicities: &[u32],
) -> Option<BlsPublicKey> {
    weighted_sum(keys, multiplicities).map(|sum| BlsPublicKey(sum.to_compressed()))
}

/// Sums keys by the bits of their multiplicities: 32 doublings in all, and one addition for each set bit.
#[allow(clippy::arithmetic_side_effects, reason = "additions of points cannot overflow")]
fn weighted_sum<'a>(
    keys: impl IntoIterator<Item = &'a BlsPublicKey>,
    multiplicities: &[u32],
) -> Option<G1Affine> {
    let mut keys = keys.into_iter();
    let mut signers = Vec::new();
    for &multiplicity in multiplicities {
        let key = keys.next()?;
        if multiplicity > 0 {
            signers.push((key.point()?, multiplicity));
        }
    }
    if keys.next().is_some() {
        return None;
    }
    let mut sum = G1Projective::identity();
    for bit in (0..32).rev() {
        sum = sum.double();
        for (key, _) in signers.iter().filter(|(_, multiplicity)| multiplicity >> bit & 1 == 1) {
            sum += key;
        }
    }
    Some(sum.into())
}

#[allow(clippy::arithmetic_side_effects, reason = "additions of points cannot overflow")]
fn add2(sum: G2Projective, point: G2Projective, multiplicity: u32) -> G2Projective {
    let mut times = G2Projective::identity();
    for bit in (0..32).rev() {
        times = times.double();
        if multiplicity >> bit & 1 == 1 {
            times += point;
        }
    }
    sum + times
}

#[allow(clippy::arithmetic_side_effects, reason = "the negation of a point cannot overflow")]
fn pairing_holds(key: &G1Affine, signature: &G2Affine, message: &[u8]) -> bool {
    let base = Option::<G1Affine>::from(G1Affine::from_compressed_unchecked(&BASE));
    let base = base.expect("the constant is a point of the curve");
    let message = G2Affine::from(message_point(message));
    let terms = [(&-base, &G2Prepared::from(*signature)), (key, &G2Prepared::from(message))];
    multi_miller_loop(&terms).final_exponentiation() == Gt::identity()
}

/// Theta's map of a message to G2, with the cofactor cleared.
///
/// The first 48 bytes of SHA-512, little-endian, are cut below the modulus and taken as the real part of x; x is raised by one until
/// the curve has a point there, and the larger y is taken.
/// # Source
/// `docs/spec/chain.md` §1.4.
fn message_point(message: &[u8]) -> G2Projective {
    let digest = Sha512::digest(message);
    let mut x = [0u8; 48];
    for (place, byte) in x.iter_mut().rev().zip(digest.iter()) {
        *place = *byte;
    }
    x[0] &= 0x1f;
    if x >= MODULUS {
        x[0] &= 0x0f;
    }
    loop {
        let mut compressed = [0u8; 96];
        compressed[0] = 0xa0;
        compressed[48..].copy_from_slice(&x);
        if let Some(point) = Option::<G2Affine>::from(G2Affine::from_compressed_unchecked(&compressed)) {
            return G2Projective::from(point).clear_cofactor();
        }
        increment(&mut x);
    }
}

fn increment(x: &mut [u8; 48]) {
    for digit in x.iter_mut().rev() {
        *digit = digit.wrapping_add(1);
        if *digit != 0 {
            break;
        }
    }
    if *x == MODULUS {
        *x = [0; 48];
    }
}

/// `None` when the infinity flag is clear; else whether the rest has a form that Theta's node takes for the identity.
fn identity_form(bytes: &[u8]) -> Option<bool> {
    let (first, rest) = bytes.split_first()?;
    let (_last, middle) = rest.split_last()?;
    (first & 0x40 != 0).then(|| *first == 0xc0 && middle.iter().all(|&byte| byte == 0))
}

/// A secret key. It does not show in `Debug`.
#[derive(Clone)]
pub struct BlsSecretKey(Scalar);

impl BlsSecretKey {
    /// The key with these 32 big-endian bytes; `None` for the group's order or more.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<BlsSecretKey> {
        let mut little_endian = *bytes;
        little_endian.reverse();
        Option::<Scalar>::from(Scalar::from_bytes(&little_endian)).map(BlsSecretKey)
    }

    /// The key that Theta's stock node derives from its **public** secp256k1 key: no secret at all. For tests and for showing that it is so.
    /// # Source
    /// `docs/spec/chain.md` §1.4, "How nodes obtain their BLS key".
    pub fn of_stock_node(public_key: &crate::secp::PublicKey) -> BlsSecretKey {
        let text = hex::encode(public_key.to_uncompressed());
        let mut bytes = [0u8; 32];
        for (place, character) in bytes.iter_mut().rev().zip(text.bytes()) {
            *place = character;
        }
        BlsSecretKey::from_bytes(&bytes).expect("ASCII digits are below the order")
    }

    /// The 32 big-endian bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = self.0.to_bytes();
        bytes.reverse();
        bytes
    }

    /// The public key.
    #[allow(clippy::arithmetic_side_effects, reason = "multiplication of a point cannot overflow")]
    pub fn public_key(&self) -> BlsPublicKey {
        BlsPublicKey(G1Affine::from(G1Projective::generator() * self.0).to_compressed())
    }

    /// Signs a message, as it is: there is no domain.
    #[allow(clippy::arithmetic_side_effects, reason = "multiplication of a point cannot overflow")]
    pub fn sign(&self, message: &[u8]) -> BlsSignature {
        let adj = Scalar::from_raw(ADJ);
        let point = message_point(message) * (self.0 * adj * adj);
        BlsSignature(G2Affine::from(point).to_compressed())
    }

    /// Proves possession of the secret.
    pub fn prove_possession(&self) -> BlsSignature {
        self.sign(&self.public_key().0)
    }
}

impl fmt::Debug for BlsSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlsSecretKey(…)")
    }
}

impl fmt::Debug for BlsPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlsPublicKey({})", hex::encode(self.0))
    }
}

impl fmt::Debug for BlsSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlsSignature({})", hex::encode(self.0))
    }
}

/// A key as pools in state hold it: 48 bytes, not looked at until it is used, since a pool may have thousands.
impl Encode for BlsPublicKey {
    fn encode_to(&self, out: &mut Vec<u8>) {
        self.0.encode_to(out);
    }
}

impl Decode for BlsPublicKey {
    fn decode_from(reader: &mut Reader<'_>) -> Result<BlsPublicKey, DecodeError> {
        <[u8; 48]>::decode_from(reader).map(BlsPublicKey)
    }
}

/// A key or none, as transactions hold it.
impl Encode for Option<BlsPublicKey> {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self.as_ref().map_or(&[][..], |key| &key.0), out);
    }
}

/// Lax and normalised; see [`BlsPublicKey::from_lax`].
impl Decode for Option<BlsPublicKey> {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Option<BlsPublicKey>, DecodeError> {
        match reader.string()? {
            [] => Ok(None),
            bytes => BlsPublicKey::from_lax(bytes).map(Some),
        }
    }
}

impl Encode for Option<BlsSignature> {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self.as_ref().map_or(&[][..], |signature| &signature.0), out);
    }
}

impl Decode for Option<BlsSignature> {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Option<BlsSignature>, DecodeError> {
        match reader.string()? {
            [] => Ok(None),
            bytes => BlsSignature::from_lax(bytes).map(Some),
        }
    }
}
