//! Theta's bytes: every case of every vector file that this crate can judge.
//!
//! Fields that need a trie are skipped here, by name, and read by the tests of `thetab-trie`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod bls;
mod go_tests;
mod headers;
mod keys;
mod networks;
mod pools;
mod rlp;
mod transactions;

use thetab_types::{Address, B256};
use thetab_vectors::Case;

macro_rules! vectors {
    ($path:literal) => {
        thetab_vectors::Case::open(include_str!(concat!("../vectors/", $path)))
    };
}
pub(crate) use vectors;

pub(crate) trait Fields {
    fn hash(&self, name: &str) -> B256;
    fn address(&self, name: &str) -> Address;
}

impl Fields for Case {
    fn hash(&self, name: &str) -> B256 {
        B256::new(self.array(name))
    }

    /// An address, which must be written as its EIP-55 text or in lower case.
    fn address(&self, name: &str) -> Address {
        let text = self.text(name);
        let address = thetab_types::text::lenient_address(&text).unwrap();
        let checksummed = thetab_types::text::checksummed(&address);
        assert!(text == checksummed || text == checksummed.to_lowercase(), "{text}");
        address
    }
}
