//! Ethereum's transactions, and their signatures on Theta's contract transactions.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{SmartContractTx, TxInput, TxOutput};
use crate::{
    Address, Amount, B256, U256,
    account::Coins,
    keccak256,
    rlp::{Decode, DecodeError, Encode, Reader, put_list, put_string, record},
    secp::{Signature, recover_public_key},
};

/// Half of the order of the group: the largest `s` that Ethereum allows.
const HALF_ORDER: U256 =
    U256::from_limbs([0xdfe9_2f46_681b_20a0, 0x5d57_6e73_57a4_501d, u64::MAX, 0x7fff_ffff_ffff_ffff]);

/// Why an Ethereum signature or transaction does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EthereumError {
    /// The bytes are no legacy transaction.
    #[error("the bytes are no legacy transaction")]
    Decode(#[from] DecodeError),
    /// The transaction sends THETA, which Ethereum's form cannot say.
    #[error("the transaction sends THETA")]
    Theta,
    /// No key can be recovered from the signature.
    #[error("no key can be recovered from the signature")]
    Signature,
    /// Somebody else signed.
    #[error("signed by {0}")]
    Signer(Address),
}

impl SmartContractTx {
    /// The hash that Ethereum's wallets sign for this transaction on the chain with this numeric id.
    /// # Source
    /// `docs/spec/ledger.md` §6.3.
    pub fn ethereum_signing_hash(&self, chain_id: U256) -> B256 {
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            self.put_ethereum_fields(out);
            chain_id.encode_to(out);
            [0u64; 2].iter().for_each(|zero| zero.encode_to(out));
        });
        keccak256(out)
    }

    fn put_ethereum_fields(&self, out: &mut Vec<u8>) {
        self.from.sequence.wrapping_sub(1).encode_to(out);
        self.gas_price.encode_to(out);
        self.gas_limit.encode_to(out);
        put_string(if self.to.address.is_zero() { &[] } else { self.to.address.as_slice() }, out);
        self.from.coins.tfuel_wei.encode_to(out);
        self.data.encode_to(out);
    }

    /// Checks an Ethereum signature. The caller has found the native one invalid, and the height to allow Ethereum's.
    ///
    /// # Errors
    /// [`EthereumError`].
    pub fn verify_ethereum(&self, chain_id: U256) -> Result<(), EthereumError> {
        if !self.from.coins.theta_wei.is_zero() {
            return Err(EthereumError::Theta);
        }
        let (r, s, v) = self.from.signature.parts().ok_or(EthereumError::Signature)?;
        let recovery_id = match v {
            27 => 0,
            28 => 1,
            35.. => 1 & !v,
            _ => return Err(EthereumError::Signature),
        };
        let signer = recover_low_s(&self.ethereum_signing_hash(chain_id), &r, &s, recovery_id)?;
        if signer == self.from.address { Ok(()) } else { Err(EthereumError::Signer(signer)) }
    }

    /// The hash by which Ethereum's tools know this transaction.
    pub fn ethereum_hash(&self, chain_id: U256) -> Option<B256> {
        let (r, s, v) = self.from.signature.parts()?;
        let v = Amount::from(chain_id).times(2).plus(&Amount::from(8)).plus(&Amount::from(u64::from(v)));
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            self.put_ethereum_fields(out);
            v.encode_to(out);
            U256::from_be_bytes(r).encode_to(out);
            U256::from_be_bytes(s).encode_to(out);
        });
        Some(keccak256(out))
    }
}

fn recover_low_s(hash: &B256, r: &[u8; 32], s: &[u8; 32], recovery_id: u8) -> Result<Address, EthereumError> {
    if U256::from_be_bytes(*s) > HALF_ORDER {
        return Err(EthereumError::Signature);
    }
    let key = recover_public_key(hash, r, s, recovery_id).ok_or(EthereumError::Signature)?;
    Ok(key.address())
}

/// Where a contract call goes: twenty bytes, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient(pub Option<Address>);

impl Encode for Recipient {
    fn encode_to(&self, out: &mut Vec<u8>) {
        put_string(self.0.as_ref().map_or(&[][..], |address| address.as_slice()), out);
    }
}

impl Decode for Recipient {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Recipient, DecodeError> {
        match reader.clone().string()? {
            [] => reader.string().map(|_| Recipient(None)),
            _ => Address::decode_from(reader).map(|address| Recipient(Some(address))),
        }
    }
}

record! {
    /// A legacy transaction of Ethereum. Typed ones do not decode.
    pub struct EthereumTransaction {
        /// Transactions sent before it.
        pub nonce: u64,
        /// Wei for one unit of gas.
        pub gas_price: Amount,
        /// Most gas.
        pub gas: u64,
        /// Who is called.
        pub to: Recipient,
        /// Wei sent along.
        pub value: Amount,
        /// Input.
        pub data: Bytes,
        /// Recovery id and chain id in one.
        pub v: U256,
        /// Half of the signature.
        pub r: U256,
        /// The other half.
        pub s: U256,
    }
}

impl EthereumTransaction {
    /// The chain that the signature names; `None` for transactions that may be replayed anywhere.
    pub fn chain_id(&self) -> Option<U256> {
        self.v.checked_sub(U256::from(35)).map(|v| v.wrapping_shr(1))
    }

    /// The native transaction that a node broadcasts in its place.
    ///
    /// A transaction without a chain id is hashed with chain id zero, as Theta's node does: it gets a sender who never signed it.
    ///
    /// # Errors
    /// [`EthereumError::Signature`].
    pub fn into_native(self) -> Result<SmartContractTx, EthereumError> {
        let chain_id = self.chain_id().unwrap_or_default();
        let recovery_id = match self.chain_id() {
            Some(_) => !self.v.byte(0) & 1,
            None if self.v == U256::from(27) => 0,
            None if self.v == U256::from(28) => 1,
            None => return Err(EthereumError::Signature),
        };
        let v = if recovery_id == 0 { 27 } else { 28 };
        let signature = [&self.r.to_be_bytes::<32>()[..], &self.s.to_be_bytes::<32>(), &[v]].concat();
        let mut tx = SmartContractTx {
            from: TxInput {
                address: Address::ZERO,
                coins: Coins { theta_wei: Amount::ZERO, tfuel_wei: self.value },
                sequence: self.nonce.wrapping_add(1),
                signature: Signature::from_slice(&signature),
            },
            to: TxOutput { address: self.to.0.unwrap_or_default(), coins: Coins::default() },
            gas_limit: self.gas,
            gas_price: self.gas_price,
            data: self.data,
        };
        let hash = tx.ethereum_signing_hash(chain_id);
        let (r, s) = (self.r.to_be_bytes(), self.s.to_be_bytes());
        tx.from.address = recover_low_s(&hash, &r, &s, recovery_id)?;
        Ok(tx)
    }
}
