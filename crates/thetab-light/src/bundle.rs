//! Bundles: what shows that a block is final, to whoever believes its voters.
//!
//! A bundle that verifies here proves nothing by itself: its voters come out of it. [`Trust`](crate::Trust) ties it to voters that
//! are believed already.
//!
//! Threat model: every byte is a stranger's. Sizes were bounded when the bundle was read; cheap checks come first, hashing before
//! signatures, and at most one signature for each validator is recovered.

use alloc::vec::Vec;

use bytes::Bytes;
use thetab_trie::{ProofError, verify_value};
use thetab_types::{
    B256, Decode, DecodeError, Header, Profile, ValidatorSet, VoteSet, keys, stake::ValidatorCandidatePool,
};
use thetab_wire::chain::{Bundle, Nodes};

use crate::{
    UnixTime,
    votes::{Quorum, VotesError, verify_votes},
};

/// A part of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// P, whose state elects the voters.
    Certified,
    /// B, the block that is final.
    Block,
    /// C, its child.
    Child,
    /// One of the headers that tell the time.
    Ancestor,
    /// The votes for C.
    Votes,
    /// The pool in P's state.
    Pool,
}

/// Why a bundle shows no block to be final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A part is not what it should be.
    #[error("{part:?} does not decode")]
    Decode {
        /// The part.
        part: Part,
        /// Why not.
        source: DecodeError,
    },
    /// A header is another chain's.
    #[error("{0:?} is another chain's")]
    Chain(Part),
    /// Heights or epochs do not follow each other.
    #[error("{0:?} does not follow by height and epoch")]
    Order(Part),
    /// B's certificate is not for P, or C's is not for B.
    #[error("the certificate of {0:?} is for another block")]
    Certificate(Part),
    /// A header's parent is another one.
    #[error("{0:?} has another parent")]
    Parent(Part),
    /// The voters are not proven.
    #[error("the validator candidate pool is not proven")]
    Pool(#[from] PoolError),
    /// The votes do not commit C.
    #[error("the votes do not commit the child")]
    Votes(#[from] VotesError),
}

/// Why nodes do not show a state's validators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The nodes prove nothing.
    #[error("the nodes prove nothing")]
    Proof(#[from] ProofError),
    /// The state has no pool.
    #[error("the state has no pool")]
    Absent,
    /// The value is not a pool.
    #[error("the value is not a pool")]
    Decode(#[from] DecodeError),
    /// Nobody in the pool has stake.
    #[error("nobody in the pool has stake")]
    Empty,
}

/// A bundle whose headers, voters and votes fit together. There is no other way to have one.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    certified: Header,
    block: Header,
    child: Header,
    /// B's parent and on along parents, P among them where the link is direct.
    ancestors: Vec<Header>,
    set: ValidatorSet,
    quorum: Quorum,
    raw: Bundle,
}

impl VerifiedBundle {
    /// P: the block that B's certificate commits.
    pub fn certified(&self) -> &Header {
        &self.certified
    }

    /// B: the block that is final, if the voters are believed.
    pub fn block(&self) -> &Header {
        &self.block
    }

    /// C: B's child.
    pub fn child(&self) -> &Header {
        &self.child
    }

    /// B's parent and on along parents, as far as the bundle has them. With B they are final or not.
    pub fn ancestors(&self) -> &[Header] {
        &self.ancestors
    }

    /// The voters for C: those whom P's state elects.
    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    /// Who voted for C.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The bundle as it was sent.
    pub fn raw(&self) -> &Bundle {
        &self.raw
    }

    /// When C was made, as eleven headers say; `None` without eleven.
    pub fn median_time(&self) -> Option<UnixTime> {
        UnixTime::median([&self.child, &self.block].into_iter().chain(&self.ancestors))
    }
}

/// Checks that a bundle's headers, voters and votes fit together.
///
/// # Errors
/// [`BundleError`].
/// # Source
/// `docs/spec/chain.md` §6.5.
pub fn verify_bundle(profile: &Profile, bundle: Bundle) -> Result<VerifiedBundle, BundleError> {
    let certified = header(profile, Part::Certified, &bundle.certified)?;
    let block = header(profile, Part::Block, &bundle.block)?;
    let child = header(profile, Part::Child, &bundle.child)?;
    links(&certified, &block, &child)?;
    let ancestors = ancestors(profile, &bundle, &certified, &block)?;
    let votes =
        VoteSet::decode(&bundle.votes).map_err(|source| BundleError::Decode { part: Part::Votes, source })?;
    let set = verify_validators(profile, &certified.state_hash, &bundle.pool)?;
    let quorum = verify_votes(&set, &child.hash(), &votes)?;
    Ok(VerifiedBundle { certified, block, child, ancestors, set, quorum, raw: bundle })
}

/// Reads a header of this chain.
fn header(profile: &Profile, part: Part, raw: &[u8]) -> Result<Header, BundleError> {
    let header =
        Header::decode(raw, &profile.forks).map_err(|source| BundleError::Decode { part, source })?;
    if header.chain_id == profile.chain_id.as_bytes() { Ok(header) } else { Err(BundleError::Chain(part)) }
}

/// Checks heights, epochs, parents and certificates of the three headers.
fn links(certified: &Header, block: &Header, child: &Header) -> Result<(), BundleError> {
    let is_direct = block.parent == certified.hash();
    let next = certified.height.checked_add(1);
    let follows = if is_direct {
        next == Some(block.height)
    } else {
        // An ancestor that is not the parent is further below.
        next.is_some_and(|next| next < block.height)
    };
    if !follows || block.epoch <= certified.epoch {
        return Err(BundleError::Order(Part::Block));
    }
    if block.hcc.block != certified.hash() {
        return Err(BundleError::Certificate(Part::Block));
    }
    if block.height.checked_add(1) != Some(child.height) || child.epoch <= block.epoch {
        return Err(BundleError::Order(Part::Child));
    }
    if child.parent != block.hash() {
        return Err(BundleError::Parent(Part::Child));
    }
    if child.hcc.block != block.hash() {
        return Err(BundleError::Certificate(Part::Child));
    }
    Ok(())
}

/// Reads the headers below B, each the parent of the one before.
fn ancestors(
    profile: &Profile,
    bundle: &Bundle,
    certified: &Header,
    block: &Header,
) -> Result<Vec<Header>, BundleError> {
    let mut ancestors = Vec::new();
    if block.parent == certified.hash() {
        ancestors.push(certified.clone());
    }
    for raw in bundle.ancestors.iter() {
        let below = ancestors.last().unwrap_or(block);
        let ancestor = header(profile, Part::Ancestor, raw)?;
        if ancestor.hash() != below.parent {
            return Err(BundleError::Parent(Part::Ancestor));
        }
        if ancestor.height.checked_add(1) != Some(below.height) {
            return Err(BundleError::Order(Part::Ancestor));
        }
        ancestors.push(ancestor);
    }
    Ok(ancestors)
}

/// The nodes as the trie wants them.
pub(crate) fn node_list(nodes: &Nodes) -> Vec<Bytes> {
    nodes.iter().map(|node| node.clone().into_inner()).collect()
}

/// The validators whom the state with this root elects.
///
/// # Errors
/// [`PoolError`].
pub fn verify_validators(profile: &Profile, root: &B256, nodes: &Nodes) -> Result<ValidatorSet, PoolError> {
    let value = verify_value(root, keys::VALIDATORS, &node_list(nodes))?.ok_or(PoolError::Absent)?;
    let pool = ValidatorCandidatePool::decode(&value)?;
    let set = ValidatorSet::select(&pool, profile.max_validators);
    if set.is_empty() { Err(PoolError::Empty) } else { Ok(set) }
}
