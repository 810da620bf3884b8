//! The twelve transaction types.
//!
//! A raw transaction is two items, the type and the list of fields; bytes after them are ignored, and are part of the hash. So
//! a transaction is known by its raw bytes, never by what they decode to.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    Address, Amount, B256,
    account::{Coins, Split},
    bls::{BlsPublicKey, BlsSignature},
    keccak256,
    rlp::{Decode, DecodeError, Encode, Reader, record},
    secp::Signature,
};

mod ethereum;
mod sign;

pub use ethereum::{EthereumError, EthereumTransaction};
pub use sign::{sign_bytes_v1, sign_bytes_v2};

/// The largest raw transaction that is read, in bytes.
pub const MAX_TRANSACTION_BYTES: usize = 8 * 1024 * 1024;

record! {
    /// Who pays.
    pub struct TxInput {
        /// The account.
        pub address: Address,
        /// How much.
        pub coins: Coins,
        /// One more than the account's sequence.
        pub sequence: u64,
        /// The account's signature.
        pub signature: Signature,
    }
}

impl TxInput {
    /// The input without its signature.
    #[must_use]
    pub fn unsigned(&self) -> TxInput {
        TxInput { signature: Signature::EMPTY, ..self.clone() }
    }
}

record! {
    /// Who is paid, or only named.
    pub struct TxOutput {
        /// The account.
        pub address: Address,
        /// How much; nothing bounds it where the account is only named.
        pub coins: Coins,
    }
}

record! {
    /// Type 0: pays a block's rewards.
    pub struct CoinbaseTx {
        /// Who proposed the block.
        pub proposer: TxInput,
        /// The rewards.
        pub outputs: Vec<TxOutput>,
        /// Height of the parent.
        pub block_height: u64,
    }
}

record! {
    /// Type 1: slashes. No chain executes it.
    pub struct SlashTx {
        /// Who proposed the block.
        pub proposer: TxInput,
        /// Who is slashed.
        pub slashed_address: Address,
        /// For which reserved fund.
        pub reserve_sequence: u64,
        /// Why.
        pub slash_proof: Bytes,
    }
}

record! {
    /// Type 2: sends coins.
    pub struct SendTx {
        /// The fee.
        pub fee: Coins,
        /// Who pays.
        pub inputs: Vec<TxInput>,
        /// Who is paid.
        pub outputs: Vec<TxOutput>,
    }
}

record! {
    /// Type 3: sets coins aside.
    pub struct ReserveFundTx {
        /// The fee.
        pub fee: Coins,
        /// Who sets aside, and how much.
        pub source: TxInput,
        /// What is lost on overspending.
        pub collateral: Coins,
        /// The resources that the fund pays for.
        pub resource_ids: Vec<Bytes>,
        /// For how many blocks.
        pub duration: u64,
    }
}

record! {
    /// Type 4: asks for a reserved fund back.
    pub struct ReleaseFundTx {
        /// The fee.
        pub fee: Coins,
        /// Whose fund.
        pub source: TxInput,
        /// Which fund.
        pub reserve_sequence: u64,
    }
}

record! {
    /// Type 5: settles an off-chain payment.
    pub struct ServicePaymentTx {
        /// The fee, which the recipient pays.
        pub fee: Coins,
        /// Who pays, and how much.
        pub source: TxInput,
        /// Who is paid.
        pub target: TxInput,
        /// Number of the payment.
        pub payment_sequence: u64,
        /// The fund that pays.
        pub reserve_sequence: u64,
        /// What is paid for.
        pub resource_id: Bytes,
    }
}

record! {
    /// Type 6: splits the payments for a resource.
    pub struct SplitRuleTx {
        /// The fee.
        pub fee: Coins,
        /// The resource.
        pub resource_id: Bytes,
        /// Who makes the rule.
        pub initiator: TxInput,
        /// The parts.
        pub splits: Vec<Split>,
        /// For how many blocks.
        pub duration: u64,
    }
}

record! {
    /// Type 7: calls or makes a contract.
    pub struct SmartContractTx {
        /// Who calls, and with how much.
        pub from: TxInput,
        /// Who is called; the zero address makes a contract.
        pub to: TxOutput,
        /// Most gas.
        pub gas_limit: u64,
        /// TFUEL wei for one unit of gas.
        pub gas_price: Amount,
        /// Input, or the code that makes the contract.
        pub data: Bytes,
    }
}

record! {
    /// Type 8: deposits stake.
    pub struct DepositStakeTx {
        /// The fee.
        pub fee: Coins,
        /// Who stakes, and how much.
        pub source: TxInput,
        /// The node that it is for.
        pub holder: TxOutput,
        /// See [`purpose`].
        pub purpose: u8,
    }
}

record! {
    /// Type 9: withdraws stake.
    pub struct WithdrawStakeTx {
        /// The fee.
        pub fee: Coins,
        /// Whose stake.
        pub source: TxInput,
        /// The node that it was for.
        pub holder: TxOutput,
        /// See [`purpose`].
        pub purpose: u8,
    }
}

record! {
    /// Type 10: deposits stake, and for guardians and edge nodes says their BLS key.
    pub struct DepositStakeTxV2 {
        /// The fee.
        pub fee: Coins,
        /// Who stakes, and how much.
        pub source: TxInput,
        /// The node that it is for.
        pub holder: TxOutput,
        /// See [`purpose`].
        pub purpose: u8,
        /// The node's BLS key.
        pub bls_public_key: Option<BlsPublicKey>,
        /// The proof that the node has it.
        pub bls_possession: Option<BlsSignature>,
        /// The node's signature over the hash of that proof.
        pub holder_signature: Signature,
    }
}

record! {
    /// Type 11: gives a part of a node's rewards to somebody else.
    pub struct StakeRewardDistributionTx {
        /// The fee.
        pub fee: Coins,
        /// The node.
        pub holder: TxInput,
        /// Who gets the part.
        pub beneficiary: TxOutput,
        /// How much of ten thousand.
        pub split_basis_point: u64,
    }
}

/// What stake is for.
pub mod purpose {
    /// A validator.
    pub const VALIDATOR: u8 = 0;
    /// A guardian.
    pub const GUARDIAN: u8 = 1;
    /// An elite edge node.
    pub const ELITE_EDGE_NODE: u8 = 2;
}

macro_rules! transactions {
    ($($number:literal => $variant:ident($type:ident),)*) => {
        /// A transaction.
        /// # Source
        /// `docs/spec/ledger.md` §6.1.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the struct inside says it")]
        pub enum Transaction { $($variant($type),)* }

        impl Transaction {
            /// The number that stands before the fields.
            pub fn type_number(&self) -> u16 {
                match self { $(Transaction::$variant(_) => $number,)* }
            }

            fn encode_fields(&self, out: &mut Vec<u8>) {
                match self { $(Transaction::$variant(fields) => fields.encode_to(out),)* }
            }

            fn decode_fields(number: u16, reader: &mut Reader<'_>) -> Result<Transaction, DecodeError> {
                match number {
                    $($number => $type::decode_from(reader).map(Transaction::$variant),)*
                    other => Err(DecodeError::TransactionType(other)),
                }
            }
        }

        $(impl From<$type> for Transaction {
            fn from(fields: $type) -> Transaction { Transaction::$variant(fields) }
        })*
    };
}

transactions! {
    0 => Coinbase(CoinbaseTx),
    1 => Slash(SlashTx),
    2 => Send(SendTx),
    3 => ReserveFund(ReserveFundTx),
    4 => ReleaseFund(ReleaseFundTx),
    5 => ServicePayment(ServicePaymentTx),
    6 => SplitRule(SplitRuleTx),
    7 => SmartContract(SmartContractTx),
    8 => DepositStake(DepositStakeTx),
    9 => WithdrawStake(WithdrawStakeTx),
    10 => DepositStakeV2(DepositStakeTxV2),
    11 => StakeRewardDistribution(StakeRewardDistributionTx),
}

impl Transaction {
    /// Reads a raw transaction, and says how many bytes after it were ignored.
    ///
    /// # Errors
    /// [`DecodeError::TooLarge`] above [`MAX_TRANSACTION_BYTES`], [`DecodeError::TransactionType`], or what the fields say.
    pub fn decode(raw: &[u8]) -> Result<(Transaction, usize), DecodeError> {
        if raw.len() > MAX_TRANSACTION_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_TRANSACTION_BYTES, actual: raw.len() });
        }
        let mut reader = Reader::new(raw);
        let number = u16::decode_from(&mut reader)?;
        let transaction = Transaction::decode_fields(number, &mut reader)?;
        Ok((transaction, reader.rest().len()))
    }

    /// The raw transaction.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.type_number().encode();
        self.encode_fields(&mut out);
        out
    }

    /// The hash of a raw transaction: of all its bytes, those after the fields among them.
    pub fn hash_of(raw: &[u8]) -> B256 {
        keccak256(raw)
    }
}
