//! What the signers of a transaction sign.
//!
//! The payload is the raw transaction without the signatures, after the chain id; it is wrapped into the shape of an unsigned
//! Ethereum transaction, in one of two forms.

use alloc::vec::Vec;

use super::{
    CoinbaseTx, DepositStakeTx, DepositStakeTxV2, ReleaseFundTx, ReserveFundTx, SendTx, ServicePaymentTx,
    SlashTx, SmartContractTx, SplitRuleTx, StakeRewardDistributionTx, Transaction, TxInput, WithdrawStakeTx,
    purpose,
};
use crate::{
    Address,
    account::Coins,
    rlp::{Encode, put_list, put_string},
    secp::Signature,
};

/// The first form of sign bytes, which is always accepted. `payload` is that of [`Transaction::sign_payload`].
/// # Source
/// `docs/spec/ledger.md` §6.2.
pub fn sign_bytes_v1(chain_id: &str, payload: &[u8]) -> Vec<u8> {
    wrap(chain_id, payload, &[])
}

/// The second form, accepted from the height of the wrapper extension on, though not for coinbase and service payment.
/// It ends in 1, 0, 0 on every chain, as if the numeric chain id were Ethereum's.
pub fn sign_bytes_v2(chain_id: &str, payload: &[u8]) -> Vec<u8> {
    wrap(chain_id, payload, &[1, 0, 0])
}

fn wrap(chain_id: &str, payload: &[u8], end: &[u64]) -> Vec<u8> {
    let mut inner = chain_id.encode();
    inner.extend_from_slice(payload);
    let mut out = Vec::new();
    put_list(&mut out, |out| {
        [0u64; 3].iter().for_each(|zero| zero.encode_to(out));
        Address::ZERO.encode_to(out);
        0u64.encode_to(out);
        put_string(&inner, out);
        end.iter().for_each(|number| number.encode_to(out));
    });
    out
}

impl Transaction {
    /// The raw transaction as its signers sign it, to be wrapped. For a service payment: as the recipient signs it.
    ///
    /// Deposits are the exception. Both their types sign the encoding of type 8 for validators and of type 10 for guardians and
    /// edge nodes; for any other purpose there is nothing in the payload.
    pub fn sign_payload(&self) -> Vec<u8> {
        let blank: Transaction = match self {
            Transaction::Coinbase(tx) => CoinbaseTx { proposer: tx.proposer.unsigned(), ..tx.clone() }.into(),
            Transaction::Slash(tx) => SlashTx { proposer: tx.proposer.unsigned(), ..tx.clone() }.into(),
            Transaction::Send(tx) => {
                SendTx { inputs: tx.inputs.iter().map(TxInput::unsigned).collect(), ..tx.clone() }.into()
            }
            Transaction::ReserveFund(tx) => {
                ReserveFundTx { source: tx.source.unsigned(), ..tx.clone() }.into()
            }
            Transaction::ReleaseFund(tx) => {
                ReleaseFundTx { source: tx.source.unsigned(), ..tx.clone() }.into()
            }
            Transaction::ServicePayment(tx) => {
                ServicePaymentTx { target: tx.target.unsigned(), ..tx.clone() }.into()
            }
            Transaction::SplitRule(tx) => {
                SplitRuleTx { initiator: tx.initiator.unsigned(), ..tx.clone() }.into()
            }
            Transaction::SmartContract(tx) => {
                SmartContractTx { from: tx.from.unsigned(), ..tx.clone() }.into()
            }
            Transaction::DepositStake(tx) => return tx.clone().into_v2().sign_payload(),
            Transaction::DepositStakeV2(tx) => return tx.sign_payload(),
            Transaction::WithdrawStake(tx) => {
                WithdrawStakeTx { source: tx.source.unsigned(), ..tx.clone() }.into()
            }
            Transaction::StakeRewardDistribution(tx) => {
                StakeRewardDistributionTx { holder: tx.holder.unsigned(), ..tx.clone() }.into()
            }
        };
        blank.encode()
    }
}

impl ServicePaymentTx {
    /// The raw transaction as the payer signs it: fee, sequences of the inputs and the target's coins are zero.
    pub fn payer_payload(&self) -> Vec<u8> {
        let bare = |input: &TxInput, coins: Coins| TxInput {
            address: input.address,
            coins,
            sequence: 0,
            signature: Signature::EMPTY,
        };
        let tx = ServicePaymentTx {
            fee: Coins::default(),
            source: bare(&self.source, self.source.coins.clone()),
            target: bare(&self.target, Coins::default()),
            ..self.clone()
        };
        Transaction::from(tx).encode()
    }
}

impl DepositStakeTx {
    /// The same deposit as type 10, without BLS fields.
    pub fn into_v2(self) -> DepositStakeTxV2 {
        DepositStakeTxV2 {
            fee: self.fee,
            source: self.source,
            holder: self.holder,
            purpose: self.purpose,
            bls_public_key: None,
            bls_possession: None,
            holder_signature: Signature::EMPTY,
        }
    }
}

impl DepositStakeTxV2 {
    fn sign_payload(&self) -> Vec<u8> {
        let source = self.source.unsigned();
        match self.purpose {
            purpose::VALIDATOR => {
                let (fee, holder) = (self.fee.clone(), self.holder.clone());
                Transaction::from(DepositStakeTx { fee, source, holder, purpose: self.purpose }).encode()
            }
            purpose::GUARDIAN | purpose::ELITE_EDGE_NODE => {
                Transaction::from(DepositStakeTxV2 { source, ..self.clone() }).encode()
            }
            _ => Vec::new(),
        }
    }
}
