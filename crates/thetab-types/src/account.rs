//! Accounts, coins and reserved funds, as state holds them.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    Address, Amount, B256, EMPTY_CODE_HASH, keccak256,
    rlp::{Encode, put_list, record},
    tx::ServicePaymentTx,
};

record! {
    /// An amount of each token.
    /// # Source
    /// `docs/spec/ledger.md` §1.3.
    #[derive(Default, Hash)]
    pub struct Coins {
        /// THETA, in wei.
        pub theta_wei: Amount,
        /// TFUEL, in wei.
        pub tfuel_wei: Amount,
    }
}

impl Coins {
    /// Coins of both tokens.
    pub fn new(theta_wei: impl Into<Amount>, tfuel_wei: impl Into<Amount>) -> Coins {
        Coins { theta_wei: theta_wei.into(), tfuel_wei: tfuel_wei.into() }
    }

    /// Whether there is none of either.
    pub fn is_zero(&self) -> bool {
        self.theta_wei.is_zero() && self.tfuel_wei.is_zero()
    }

    /// Whether both components are at least the other's.
    pub fn covers(&self, other: &Coins) -> bool {
        self.theta_wei >= other.theta_wei && self.tfuel_wei >= other.tfuel_wei
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Coins) -> Coins {
        Coins {
            theta_wei: self.theta_wei.plus(&other.theta_wei),
            tfuel_wei: self.tfuel_wei.plus(&other.tfuel_wei),
        }
    }

    /// The difference, or `None` when a component would be negative.
    pub fn minus(&self, other: &Coins) -> Option<Coins> {
        let theta_wei = self.theta_wei.minus(&other.theta_wei)?;
        let tfuel_wei = self.tfuel_wei.minus(&other.tfuel_wei)?;
        Some(Coins { theta_wei, tfuel_wei })
    }

    /// Per component, `component × percent / 100`, rounded down.
    #[must_use]
    pub fn percent(&self, percent: u64) -> Coins {
        let part = |amount: &Amount| amount.times(percent).divided_by(100).unwrap_or_default();
        Coins { theta_wei: part(&self.theta_wei), tfuel_wei: part(&self.tfuel_wei) }
    }
}

record! {
    /// An account.
    /// # Source
    /// `docs/spec/ledger.md` §5.
    pub struct Account {
        /// Its address, which is also its key.
        pub address: Address,
        /// Sequence of its latest transaction.
        pub sequence: u64,
        /// What it owns.
        pub balance: Coins,
        /// What it has set aside for off-chain payments.
        pub reserved_funds: Vec<ReservedFund>,
        /// Parent height of the block that made the record; it never changes.
        pub last_updated_block_height: u64,
        /// Root of its storage: zero when never written, the empty root when emptied.
        pub root: B256,
        /// Hash of its code.
        pub code_hash: B256,
    }
}

impl Account {
    /// An account without anything, made in the block after `parent_height`.
    pub fn new(address: Address, parent_height: u64) -> Account {
        Account {
            address,
            sequence: 0,
            balance: Coins::default(),
            reserved_funds: Vec::new(),
            last_updated_block_height: parent_height,
            root: B256::ZERO,
            code_hash: EMPTY_CODE_HASH,
        }
    }

    /// Whether it has code, or had some before it destroyed itself.
    pub fn is_contract(&self) -> bool {
        self.code_hash != EMPTY_CODE_HASH
    }
}

/// Address of the contract that `creator` makes with this nonce.
pub fn contract_address(creator: &Address, nonce: u64) -> Address {
    let mut out = Vec::new();
    put_list(&mut out, |out| {
        creator.encode_to(out);
        nonce.encode_to(out);
    });
    Address::from_word(keccak256(out))
}

record! {
    /// Coins set aside for service payments.
    pub struct ReservedFund {
        /// What is lost when the owner overspends.
        pub collateral: Coins,
        /// What was set aside.
        pub initial_fund: Coins,
        /// What has been paid out.
        pub used_fund: Coins,
        /// The resources that it pays for.
        pub resource_ids: Vec<Bytes>,
        /// Last height at which it pays.
        pub end_block_height: u64,
        /// Sequence of the transaction that made it.
        pub reserve_sequence: u64,
        /// Settled payments.
        pub transfer_records: Vec<TransferRecord>,
    }
}

record! {
    /// One settled payment.
    pub struct TransferRecord {
        /// The payment, with both signatures.
        pub service_payment: ServicePaymentTx,
    }
}

record! {
    /// Who else gets a part of the payments for a resource.
    pub struct SplitRule {
        /// Who made the rule.
        pub initiator: Address,
        /// The resource.
        pub resource_id: Bytes,
        /// The parts.
        pub splits: Vec<Split>,
        /// Last height at which it holds.
        pub end_block_height: u64,
    }
}

record! {
    /// A part of a payment.
    pub struct Split {
        /// Who gets it.
        pub address: Address,
        /// How much of a hundred.
        pub percentage: u64,
    }
}
