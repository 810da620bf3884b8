//! What a final block's state holds: accounts, storage, code, pools, transactions.
//!
//! Threat model: whoever answers may send any nodes. Values come out of a proof or not at all, and absence is proven like presence.
//! Whether a contract call succeeded cannot be shown: no header commits to receipts or logs.
//!
//! Source: `docs/spec/chain.md` §6.7.

use alloc::vec::Vec;

use bytes::Bytes;
use thetab_trie::{ProofError, verify_value, verify_values};
use thetab_types::{
    Account, Address, B256, Decode, DecodeError, EMPTY_CODE_HASH, EMPTY_ROOT, Encode, U256, keccak256, keys,
    stake::{GuardianPool, HeightList, ValidatorCandidatePool},
};
use thetab_wire::chain::Nodes;

use crate::{FinalHeader, bundle::node_list};

/// Why an answer does not show what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The nodes prove nothing.
    #[error("the nodes prove nothing")]
    Proof(#[from] ProofError),
    /// The value is not what its key says.
    #[error("the value is not what its key says")]
    Decode(#[from] DecodeError),
    /// The account has another address than its key.
    #[error("the account at {key} says that it is {value}")]
    Address {
        /// Where it stands.
        key: Address,
        /// What it says.
        value: Address,
    },
    /// A slot holds zero, which is never stored.
    #[error("a slot holds zero, which is never stored")]
    ZeroSlot,
    /// The code hashes to something else.
    #[error("the code hashes to {0}")]
    Code(B256),
    /// The transaction is another one.
    #[error("the transaction is another one")]
    Transaction,
}

/// An account of a final block's state, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenAccount {
    block: B256,
    height: u64,
    address: Address,
    account: Option<Account>,
}

impl ProvenAccount {
    /// The block after which the account was so.
    pub fn block(&self) -> B256 {
        self.block
    }

    /// That block's height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Whose account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The account; `None` when there is none.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The hash of its code, if it has some.
    pub fn code_hash(&self) -> Option<B256> {
        self.account.as_ref().map(|account| account.code_hash).filter(|hash| *hash != EMPTY_CODE_HASH)
    }

    /// What its storage has in these slots, in their order. Storage that was never written, or emptied, is proven by no nodes.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_storage(&self, slots: &[B256], nodes: &Nodes) -> Result<Vec<U256>, StateError> {
        let root = self.account.as_ref().map_or(EMPTY_ROOT, |account| account.root);
        let root = if root.is_zero() { EMPTY_ROOT } else { root };
        let values = verify_values(&root, slots, &node_list(nodes))?;
        values.into_iter().map(|value| value.map_or(Ok(U256::ZERO), |raw| slot(&raw))).collect()
    }

    /// Its code. Without code, only no bytes are it.
    ///
    /// # Errors
    /// [`StateError::Code`].
    pub fn verify_code(&self, code: Bytes) -> Result<Bytes, StateError> {
        let expected = self.code_hash().unwrap_or(EMPTY_CODE_HASH);
        let actual = keccak256(&code);
        if actual == expected { Ok(code) } else { Err(StateError::Code(actual)) }
    }
}

/// What the state with this root has at a key.
pub(crate) fn decoded<T: Decode>(root: &B256, key: &[u8], nodes: &Nodes) -> Result<Option<T>, StateError> {
    Ok(verify_value(root, key, &node_list(nodes))?.map(|raw| T::decode(&raw)).transpose()?)
}

fn slot(raw: &[u8]) -> Result<U256, StateError> {
    let value = U256::decode(raw)?;
    if value.is_zero() { Err(StateError::ZeroSlot) } else { Ok(value) }
}

/// A transaction of a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenTransaction {
    /// The block that has it.
    pub block: B256,
    /// That block's height.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// The raw transaction.
    pub raw: Bytes,
}

impl FinalHeader {
    /// The raw value at a key of this block's state.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_state(&self, key: &[u8], nodes: &Nodes) -> Result<Option<Bytes>, StateError> {
        Ok(verify_value(&self.state_hash, key, &node_list(nodes))?)
    }

    /// The raw values at several keys.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_states(&self, keys: &[Bytes], nodes: &Nodes) -> Result<Vec<Option<Bytes>>, StateError> {
        Ok(verify_values(&self.state_hash, keys, &node_list(nodes))?)
    }

    /// An account of this block's state.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_account(&self, address: Address, nodes: &Nodes) -> Result<ProvenAccount, StateError> {
        let value = self.verify_state(&keys::account(&address), nodes)?;
        let account = value.map(|raw| Account::decode(&raw)).transpose()?;
        match &account {
            Some(account) if account.address != address => {
                Err(StateError::Address { key: address, value: account.address })
            }
            _ => Ok(ProvenAccount { block: self.hash(), height: self.height, address, account }),
        }
    }

    /// Everyone with stake for validating.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_candidates(&self, nodes: &Nodes) -> Result<Option<ValidatorCandidatePool>, StateError> {
        self.verify_decoded(keys::VALIDATORS, nodes)
    }

    /// All guardians.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_guardians(&self, nodes: &Nodes) -> Result<Option<GuardianPool>, StateError> {
        self.verify_decoded(keys::GUARDIANS, nodes)
    }

    /// Heights of blocks with stake transactions of validators.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_stake_heights(&self, nodes: &Nodes) -> Result<Option<HeightList>, StateError> {
        self.verify_decoded(keys::STAKE_HEIGHTS, nodes)
    }

    fn verify_decoded<T: Decode>(&self, key: &[u8], nodes: &Nodes) -> Result<Option<T>, StateError> {
        decoded(&self.state_hash, key, nodes)
    }

    /// A transaction of this block. That it is there shows that it succeeded, unless it is a contract call.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn verify_transaction(
        &self,
        hash: &B256,
        index: u32,
        raw: Bytes,
        nodes: &Nodes,
    ) -> Result<ProvenTransaction, StateError> {
        let value = verify_value(&self.tx_hash, &index.encode(), &node_list(nodes))?;
        if keccak256(&raw) != *hash || value.as_ref() != Some(&raw) {
            return Err(StateError::Transaction);
        }
        Ok(ProvenTransaction { block: self.hash(), height: self.height, index, raw })
    }
}
