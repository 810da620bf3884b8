//! Numeric chain ids, which Ethereum's signatures and the second wrapper of sign bytes name.

use crate::{Forks, U256, keccak256};

/// The numeric id of a chain at a height.
/// # Source
/// `docs/spec/ledger.md` §6.3.
pub fn numeric(chain_id: &str, height: u64, forks: &Forks) -> U256 {
    if height >= forks.metachain
        && let Some(subchain) = subchain(chain_id)
    {
        return U256::from(subchain);
    }
    let base = match chain_id {
        "mainnet" => U256::from(1),
        "testnet_sapphire" => U256::from(3),
        "testnet_amber" => U256::from(4),
        "testnet" => U256::from(5),
        "privatenet" => U256::from(6),
        other => U256::from_be_bytes(keccak256(other).0),
    };
    if height >= forks.rpc_compatibility { base.wrapping_add(U256::from(360)) } else { base }
}

/// The number of a subchain: `tsub` and at least 1000 in decimal digits, without a leading zero, in 63 bits.
pub fn subchain(chain_id: &str) -> Option<u64> {
    let digits = chain_id.strip_prefix("tsub")?;
    let plain = !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<i64>().ok().filter(|_| plain)?;
    u64::try_from(number).ok().filter(|&number| number >= 1000)
}
