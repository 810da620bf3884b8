//! Trust on disk: saved, and resumed by a later run.
//!
//! Threat model: the place where it is saved belongs to the client, like its code; who can write there can make it believe anything.
//! What is read back is bounded and checked for shape, so that a damaged file is refused and not followed.

use alloc::{boxed::Box, vec::Vec};

use thetab_types::{
    Address, Amount, B256, Decode, DecodeError, Encode, Header, Profile, Validator, ValidatorSet,
    rlp::{Reader, put_list, put_string},
};
use thetab_wire::chain::{Bundle, ChainAnswer};

use crate::{
    UnixTime,
    trust::{Anchor, Evidence, FinalHeader, Head, Trust},
};

/// The version of the format.
const VERSION: u8 = 1;

/// The largest file that is read, in bytes.
pub const MAX_SAVED_BYTES: usize = 32 * 1024 * 1024;

/// Why saved trust is not resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The bytes are not saved trust.
    #[error("the bytes are not saved trust")]
    Decode(#[from] DecodeError),
    /// A newer program saved it.
    #[error("version {0} of the format is not known")]
    Version(u8),
    /// It is for another network.
    #[error("it was saved for another network")]
    Network,
}

impl Trust {
    /// What to keep of it: the anchor, the latest final block with its bundle, and evidence of a conflict.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_list(&mut out, |out| {
            VERSION.encode_to(out);
            self.profile.chain_id.encode_to(out);
            self.profile.genesis_hash.encode_to(out);
            put_anchor(&self.anchor, out);
            put_list(out, |out| self.head.iter().for_each(|head| put_head(head, out)));
            put_list(out, |out| self.evidence.iter().for_each(|evidence| put_evidence(evidence, out)));
        });
        out
    }

    /// Goes on where it was saved. How old it is shows at the next step.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn resume(profile: Profile, saved: &[u8]) -> Result<Trust, ResumeError> {
        if saved.len() > MAX_SAVED_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_SAVED_BYTES, actual: saved.len() }.into());
        }
        let mut outer = Reader::new(saved);
        let mut list = outer.list()?;
        if !outer.is_empty() {
            return Err(DecodeError::Trailing(outer.rest().len()).into());
        }
        match list.field::<u8>()? {
            VERSION => (),
            other => return Err(ResumeError::Version(other)),
        }
        let is_ours = list.string()? == profile.chain_id.as_bytes();
        if !(list.field::<B256>()? == profile.genesis_hash && is_ours) {
            return Err(ResumeError::Network);
        }
        let anchor = anchor(&mut list)?;
        let mut trust = Trust::new(profile, anchor);
        trust.resume_head(list.list()?)?;
        trust.resume_evidence(list.list()?)?;
        list.end()?;
        Ok(trust)
    }

    fn resume_head(&mut self, mut list: Reader<'_>) -> Result<(), ResumeError> {
        if list.is_empty() {
            return Ok(());
        }
        let header = FinalHeader(Header::decode(list.string()?, &self.profile.forks)?);
        let (time, bundle) = (time(&mut list)?, bundle(list.string()?)?);
        list.end()?;
        self.finals.insert(header.height, header.clone());
        self.head = Some(Head { header, time, bundle });
        Ok(())
    }

    fn resume_evidence(&mut self, mut list: Reader<'_>) -> Result<(), ResumeError> {
        if list.is_empty() {
            return Ok(());
        }
        let (height, believed) = (list.field()?, list.field()?);
        let shown = bundle(list.string()?)?;
        let other = bundle(list.string()?)?.ok_or(DecodeError::Truncated)?;
        list.end()?;
        self.evidence = Some(Box::new(Evidence { height, believed: (believed, shown), other }));
        Ok(())
    }
}

fn put_anchor(anchor: &Anchor, out: &mut Vec<u8>) {
    put_list(out, |out| {
        anchor.height.encode_to(out);
        anchor.hash.encode_to(out);
        anchor.state_hash.encode_to(out);
        anchor.time.millis().encode_to(out);
        put_list(out, |out| {
            for validator in anchor.set.validators() {
                put_list(out, |out| {
                    validator.address.encode_to(out);
                    validator.stake.encode_to(out);
                });
            }
        });
    });
}

fn anchor(list: &mut Reader<'_>) -> Result<Anchor, DecodeError> {
    let mut list = list.list()?;
    let (height, hash, state_hash) = (list.field()?, list.field()?, list.field()?);
    let time = time(&mut list)?;
    let mut each = list.list()?;
    list.end()?;
    let mut validators = Vec::new();
    while !each.is_empty() {
        let mut validator = each.list()?;
        let (address, stake): (Address, Amount) = (validator.field()?, validator.field()?);
        validator.end()?;
        validators.push(Validator { address, stake });
    }
    let set = ValidatorSet::new(validators);
    if set.is_empty() {
        return Err(DecodeError::TooFew);
    }
    Ok(Anchor { height, hash, state_hash, set, time })
}

fn time(list: &mut Reader<'_>) -> Result<UnixTime, DecodeError> {
    u64::decode_from(list).map(UnixTime::from_millis)
}

fn put_head(head: &Head, out: &mut Vec<u8>) {
    put_string(head.header.raw(), out);
    head.time.millis().encode_to(out);
    put_bundle(head.bundle.as_ref(), out);
}

fn put_evidence(evidence: &Evidence, out: &mut Vec<u8>) {
    evidence.height.encode_to(out);
    evidence.believed.0.encode_to(out);
    put_bundle(evidence.believed.1.as_ref(), out);
    put_bundle(Some(&evidence.other), out);
}

fn put_bundle(bundle: Option<&Bundle>, out: &mut Vec<u8>) {
    let raw = bundle.map(|bundle| ChainAnswer::from(bundle.clone()).encode());
    put_string(&raw.unwrap_or_default(), out);
}

fn bundle(raw: &[u8]) -> Result<Option<Bundle>, DecodeError> {
    match (raw.is_empty(), ChainAnswer::decode(raw)) {
        (true, _) => Ok(None),
        (false, Ok(Some(ChainAnswer::Bundle(bundle)))) => Ok(Some(bundle)),
        (false, _) => Err(DecodeError::Unknown("bundle")),
    }
}
