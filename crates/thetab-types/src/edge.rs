//! Votes of elite edge nodes for a checkpoint. They carry no finality, and their keys follow from public data: see [`crate::guardian`].

use alloc::vec::Vec;

use crate::{
    Address, Amount, B256,
    bls::{BlsPublicKey, BlsSignature},
    guardian::AggregateError,
    rlp::{Encode, put_list, record},
};

record! {
    /// One elite edge node's vote.
    /// # Source
    /// `docs/spec/chain.md` §2.9.
    pub struct EdgeVote {
        /// The block.
        pub block: B256,
        /// Its height; not signed.
        pub height: u64,
        /// The voter.
        pub address: Address,
        /// The voter's signature.
        pub signature: Option<BlsSignature>,
        /// Unix seconds; not signed.
        pub timestamp: Amount,
    }
}

record! {
    /// Votes of elite edge nodes for one checkpoint block.
    pub struct AggregatedEdgeVotes {
        /// The block.
        pub block: B256,
        /// How often each signed.
        pub multiplicities: Vec<u32>,
        /// Who signed, ascending.
        pub addresses: Vec<Address>,
        /// The sum of the signatures.
        pub signature: Option<BlsSignature>,
    }
}

/// The bytes that each elite edge node signs.
pub fn edge_sign_bytes(block: &B256) -> Vec<u8> {
    let mut out = Vec::new();
    put_list(&mut out, |out| block.encode_to(out));
    out
}

impl EdgeVote {
    /// Checks the signature against the node's key.
    pub fn verify(&self, key: &BlsPublicKey) -> bool {
        self.signature.is_some_and(|signature| signature.verify(key, &edge_sign_bytes(&self.block)))
    }
}

impl AggregatedEdgeVotes {
    /// Checks the aggregate against the keys of its addresses, in their order. Whether each was drawn for the block is not checked here.
    ///
    /// # Errors
    /// [`AggregateError`]; [`AggregateError::Pool`] when the addresses are not strictly ascending, or there are none.
    pub fn verify(&self, keys: &[BlsPublicKey]) -> Result<(), AggregateError> {
        let ascending = self.addresses.is_sorted_by(|a, b| a < b);
        if self.addresses.is_empty() || !ascending {
            return Err(AggregateError::Pool);
        }
        if self.multiplicities.len() != self.addresses.len() || keys.len() != self.addresses.len() {
            return Err(AggregateError::Count {
                expected: self.addresses.len(),
                actual: self.multiplicities.len(),
            });
        }
        let signature = self.signature.ok_or(AggregateError::Missing)?;
        let valid = signature.verify_aggregate(keys, &self.multiplicities, &edge_sign_bytes(&self.block));
        if valid { Ok(()) } else { Err(AggregateError::Signature) }
    }
}
