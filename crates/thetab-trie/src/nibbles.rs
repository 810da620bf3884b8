//! Paths: keys as nibbles, and the hex-prefix form in which nodes hold them.

use alloc::vec::Vec;

use crate::NodeError;

/// The nibbles of a key, the high one first.
pub(crate) fn unpack(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect()
}

/// The key of whole bytes that these nibbles are; `None` when one is left over.
pub(crate) fn pack(nibbles: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = nibbles.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// How many nibbles two paths share at their start.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The hex-prefix form: a first nibble that says leaf and odd, a padding nibble for even paths, the path.
pub(crate) fn to_hex_prefix(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let (pairs, odd) = match nibbles.split_first() {
        Some((first, rest)) if nibbles.len() & 1 == 1 => (rest, 0x10 | first),
        _ => (nibbles, 0),
    };
    let flags = odd | if leaf { 0x20 } else { 0 };
    let (pairs, _) = pairs.as_chunks::<2>();
    core::iter::once(flags).chain(pairs.iter().map(|[high, low]| high << 4 | low)).collect()
}

/// A path as a node holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    odd: Option<u8>,
    pairs: &'a [u8],
}

impl<'a> Path<'a> {
    /// Reads a hex-prefix form, and whether it is a leaf's.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<(Path<'a>, bool), NodeError> {
        let (&flags, pairs) = bytes.split_first().ok_or(NodeError::Path)?;
        let odd = match flags & 0xd0 {
            0x00 if flags & 0x0f == 0 => None,
            0x10 => Some(flags & 0x0f),
            _ => return Err(NodeError::Path),
        };
        Ok((Path { odd, pairs }, flags & 0x20 != 0))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.odd.is_none() && self.pairs.is_empty()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        self.odd.into_iter().chain(self.pairs.iter().flat_map(|pair| [pair >> 4, pair & 0x0f]))
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.iter().collect()
    }

    /// What `nibbles` go on with after this path; `None` when they do not begin with it.
    pub(crate) fn strip_from(self, nibbles: &[u8]) -> Option<&[u8]> {
        let mut rest = nibbles;
        for nibble in self.iter() {
            rest = match rest.split_first() {
                Some((first, after)) if *first == nibble => after,
                _ => return None,
            };
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use thetab_vectors::Case;

    use super::*;

    #[test]
    fn hex_prefixes_are_theta_s() {
        let file = Case::open(include_str!("../../thetab-types/tests/vectors/chain/go_tests.json"));
        for case in file.cases("hex_prefix", 6) {
            let numbers = case.numbers("nibbles");
            let leaf = numbers.last() == Some(&16);
            let nibbles: Vec<u8> = numbers.iter().map(|&n| n as u8).filter(|&n| n < 16).collect();
            let compact = case.bytes("compact");
            assert_eq!(to_hex_prefix(&nibbles, leaf), compact);
            let (path, is_leaf) = Path::decode(&compact).unwrap();
            assert_eq!((path.to_vec(), is_leaf), (nibbles, leaf));
        }
        // The other fields are read elsewhere.
        file.entries();
    }

    proptest! {
        #[test]
        fn any_hex_prefix_is_canonical_or_refused(bytes: Vec<u8>) {
            if let Ok((path, leaf)) = Path::decode(&bytes) {
                prop_assert_eq!(to_hex_prefix(&path.to_vec(), leaf), bytes);
            }
        }

        #[test]
        fn keys_come_back_from_their_nibbles(key: Vec<u8>) {
            prop_assert_eq!(pack(&unpack(&key)), Some(key));
        }
    }
}
