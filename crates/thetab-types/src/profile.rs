//! Network profiles: what differs from network to network, carried along instead of compiled in.

use alloc::string::{String, ToString};

use alloy_primitives::b256;

use crate::{B256, text::lenient_hash};

/// Heights from which rules hold. A rule is active at every height from its own on.
/// # Source
/// `docs/spec/chain.md` §2.2, `docs/spec/ledger.md` §2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forks {
    /// Validators are rewarded in TFUEL.
    pub validator_reward: u64,
    /// Headers have guardian votes.
    pub theta2: u64,
    /// Guardians need 1,000 THETA instead of 10,000.
    pub guardian_stake_1000: u64,
    /// Smart contracts.
    pub smart_contract: u64,
    /// Stake rewards are drawn by lot.
    pub sample_staking_reward: u64,
    /// Higher fees.
    pub june_2021_fee: u64,
    /// Headers have elite edge node votes.
    pub theta3: u64,
    /// Ethereum signatures, and numeric chain ids above 360.
    pub rpc_compatibility: u64,
    /// The second wrapper of sign bytes.
    pub tx_wrapper_extension: u64,
    /// Contracts move THETA.
    pub theta_in_contracts: u64,
    /// Validators need 200,000 THETA instead of 2,000,000.
    pub validator_stake_200k: u64,
    /// Precompiled stake contracts.
    pub wrapped_theta: u64,
    /// Subchains.
    pub metachain: u64,
}

impl Forks {
    /// Those of mainnet, and of any chain run by an unchanged Theta node.
    pub const MAINNET: Forks = Forks {
        validator_reward: 4_164_982,
        theta2: 5_877_350,
        guardian_stake_1000: 8_411_427,
        smart_contract: 8_411_427,
        sample_staking_reward: 9_497_418,
        june_2021_fee: 10_709_540,
        theta3: 10_968_061,
        rpc_compatibility: 11_354_820,
        tx_wrapper_extension: 12_749_952,
        theta_in_contracts: 13_123_789,
        validator_stake_200k: 14_526_120,
        wrapped_theta: 17_285_755,
        metachain: 17_790_756,
    };

    /// Those of the official testnet build.
    pub const TESTNET: Forks = Forks {
        validator_reward: 4_164_982,
        theta2: 5_877_350,
        guardian_stake_1000: 8_411_427,
        smart_contract: 8_411_427,
        sample_staking_reward: 11_636_823,
        june_2021_fee: 11_636_823,
        theta3: 11_636_823,
        rpc_compatibility: 11_636_823,
        tx_wrapper_extension: 12_875_973,
        theta_in_contracts: 13_323_750,
        validator_stake_200k: 14_710_234,
        wrapped_theta: 17_323_521,
        metachain: 17_671_275,
    };

    /// Those of the official private-network build.
    pub const PRIVATENET: Forks = Forks::all_at(2);

    /// Every rule from one height on.
    pub const fn all_at(height: u64) -> Forks {
        Forks {
            validator_reward: height,
            theta2: height,
            guardian_stake_1000: height,
            smart_contract: height,
            sample_staking_reward: height,
            june_2021_fee: height,
            theta3: height,
            rpc_compatibility: height,
            tx_wrapper_extension: height,
            theta_in_contracts: height,
            validator_stake_200k: height,
            wrapped_theta: height,
            metachain: height,
        }
    }

    fn by_name(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "validator_reward" => &mut self.validator_reward,
            "theta2" => &mut self.theta2,
            "guardian_stake_1000" => &mut self.guardian_stake_1000,
            "smart_contract" => &mut self.smart_contract,
            "sample_staking_reward" => &mut self.sample_staking_reward,
            "june_2021_fee" => &mut self.june_2021_fee,
            "theta3" => &mut self.theta3,
            "rpc_compatibility" => &mut self.rpc_compatibility,
            "tx_wrapper_extension" => &mut self.tx_wrapper_extension,
            "theta_in_contracts" => &mut self.theta_in_contracts,
            "validator_stake_200k" => &mut self.validator_stake_200k,
            "wrapped_theta" => &mut self.wrapped_theta,
            "metachain" => &mut self.metachain,
            _ => return None,
        })
    }
}

/// Everything that a verifier must know about a network beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The chain id that headers and transactions carry.
    pub chain_id: String,
    /// Hash of the genesis header.
    pub genesis_hash: B256,
    /// Heights from which rules hold.
    pub forks: Forks,
    /// Blocks for which withdrawn stake stays locked.
    pub stake_return_delay_blocks: u64,
    /// Least time between blocks of honest validators.
    pub minimum_block_interval_ms: u64,
    /// Most validators in a set.
    pub max_validators: usize,
    /// Whether an anchor goes stale. Off only for private networks whose keys are never released.
    pub anchors_expire: bool,
}

/// Why a text is not a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A line is not `name = value`, or the value does not fit the name.
    #[error("line {0} is not `name = value`, or the value does not fit the name")]
    Line(usize),
    /// A line names something that a profile does not have.
    #[error("line {0} names something that a profile does not have")]
    Name(usize),
    /// The chain id or the genesis hash is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
}

impl Profile {
    fn new(chain_id: &str, genesis_hash: B256, forks: Forks) -> Profile {
        Profile {
            chain_id: chain_id.to_string(),
            genesis_hash,
            forks,
            stake_return_delay_blocks: 28_800,
            minimum_block_interval_ms: 6_000,
            max_validators: 31,
            anchors_expire: true,
        }
    }

    /// Theta's mainnet.
    pub fn mainnet() -> Profile {
        let genesis = b256!("d8836c6cf3c3ccea0b015b4ed0f9efb0ffe6254db793a515843c9d0f68cbab65");
        Profile::new("mainnet", genesis, Forks::MAINNET)
    }

    /// Theta's testnet.
    pub fn testnet() -> Profile {
        let genesis = b256!("a58cb754a23975c872ef06d8b54baf16eec88ad60f966368b950a6c16ae52ed9");
        Profile::new("testnet", genesis, Forks::TESTNET)
    }

    /// The testnet called sapphire.
    pub fn testnet_sapphire() -> Profile {
        let genesis = b256!("2789f210f63d15e864ee41a16c87350ffbe02d1f6f9cb723afa3ad956d7a8d25");
        Profile::new("testnet_sapphire", genesis, Forks::TESTNET)
    }

    /// The testnet called amber.
    pub fn testnet_amber() -> Profile {
        let genesis = b256!("1e58bb5dc3be6d2889c76661173abe1dea5be639a655ea2e3f7b1eddda6f3206");
        Profile::new("testnet_amber", genesis, Forks::TESTNET)
    }

    /// The official private-network build with its shipped genesis.
    pub fn privatenet() -> Profile {
        let genesis = b256!("45c579eb4d435ffcd37f0f76beaa772072cea146c4ecec2e52066904b80f4e0a");
        Profile {
            stake_return_delay_blocks: 1_000,
            minimum_block_interval_ms: 1_000,
            anchors_expire: false,
            ..Profile::new("privatenet", genesis, Forks::PRIVATENET)
        }
    }

    /// A profile of this name, if it is one of Theta's networks.
    pub fn named(name: &str) -> Option<Profile> {
        Some(match name {
            "mainnet" => Profile::mainnet(),
            "testnet" => Profile::testnet(),
            "testnet_sapphire" => Profile::testnet_sapphire(),
            "testnet_amber" => Profile::testnet_amber(),
            "privatenet" => Profile::privatenet(),
            _ => return None,
        })
    }

    /// How long an anchor is trusted, in milliseconds: three quarters of the stake's lock at the minimum block interval.
    /// # Source
    /// `docs/spec/chain.md` §6.6.
    pub fn trusting_period_ms(&self) -> u64 {
        self.stake_return_delay_blocks.saturating_mul(self.minimum_block_interval_ms).saturating_mul(3) / 4
    }

    /// Reads a profile from a file of lines `name = value`: the fields of [`Profile`] and, as `forks.<name>`, of [`Forks`].
    ///
    /// Values may be quoted; `#` starts a comment; what is not named is mainnet's. `chain_id` and `genesis_hash` must be named.
    /// `forks = mainnet | testnet | privatenet` sets all heights at once.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn parse(text: &str) -> Result<Profile, ProfileError> {
        let mut profile = Profile::new("", B256::ZERO, Forks::MAINNET);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let (name, value) = line.split_once('=').ok_or(ProfileError::Line(number))?;
                profile.set(number, name.trim(), value.trim().trim_matches('"'))?;
            }
        }
        match &profile {
            Profile { chain_id, .. } if chain_id.is_empty() => Err(ProfileError::Missing("chain_id")),
            Profile { genesis_hash, .. } if genesis_hash.is_zero() => {
                Err(ProfileError::Missing("genesis_hash"))
            }
            _ => Ok(profile),
        }
    }

    fn set(&mut self, line: usize, name: &str, value: &str) -> Result<(), ProfileError> {
        let wrong = ProfileError::Line(line);
        let number = || value.replace('_', "").parse::<u64>().or(Err(ProfileError::Line(line)));
        match name {
            "chain_id" => self.chain_id = value.to_string(),
            "genesis_hash" => self.genesis_hash = exact_hash(value).ok_or(wrong)?,
            "forks" => self.forks = forks_named(value).ok_or(wrong)?,
            "stake_return_delay_blocks" => self.stake_return_delay_blocks = number()?,
            "minimum_block_interval_ms" => self.minimum_block_interval_ms = number()?,
            "max_validators" => self.max_validators = usize::try_from(number()?).or(Err(wrong))?,
            "anchors_expire" => self.anchors_expire = value.parse().or(Err(wrong))?,
            _ => {
                let fork = name.strip_prefix("forks.").and_then(|name| self.forks.by_name(name));
                let fork = fork.ok_or(ProfileError::Name(line))?;
                *fork = number()?;
            }
        }
        Ok(())
    }
}

fn exact_hash(text: &str) -> Option<B256> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() == 64 { lenient_hash(digits) } else { None }
}

fn forks_named(name: &str) -> Option<Forks> {
    match name {
        "mainnet" => Some(Forks::MAINNET),
        "testnet" => Some(Forks::TESTNET),
        "privatenet" => Some(Forks::PRIVATENET),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_overrides_what_it_names() {
        let text = "# ours\nchain_id = \"devnet\"\ngenesis_hash = 0x45c579eb4d435ffcd37f0f76beaa772072cea146c4ecec2e52066904b80f4e0a\n\
                    forks = \"privatenet\"\nforks.metachain = 1_000 # later\nanchors_expire = false\n";
        let profile = Profile::parse(text).unwrap();
        assert_eq!(profile.chain_id, "devnet");
        assert_eq!(profile.forks.theta2, 2);
        assert_eq!(profile.forks.metachain, 1_000);
        assert!(!profile.anchors_expire);
    }

    #[test]
    fn a_wrong_file_says_where() {
        assert_eq!(Profile::parse("chain_id = x"), Err(ProfileError::Missing("genesis_hash")));
        assert_eq!(Profile::parse("chain_id"), Err(ProfileError::Line(1)));
        assert_eq!(Profile::parse("\ncolour = red"), Err(ProfileError::Name(2)));
        assert_eq!(Profile::parse("genesis_hash = 12"), Err(ProfileError::Line(1)));
    }

    #[test]
    fn mainnet_trusts_an_anchor_for_36_hours() {
        assert_eq!(Profile::mainnet().trusting_period_ms(), 36 * 3600 * 1000);
    }
}
