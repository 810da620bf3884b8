//! The light client against a recorded chain, against attacks with real signatures, and against every mutant.

mod attacks;
mod fixture;
mod follow;
mod machine;
mod mutation;
mod rig;
mod world;

use std::vec::Vec;

use bytes::Bytes;
use thetab_wire::chain::{Nodes, RawHeader, RawVotes};

pub(crate) fn nodes(list: impl IntoIterator<Item = Bytes>) -> Nodes {
    let blobs = list.into_iter().map(|node| node.to_vec().try_into().unwrap());
    blobs.collect::<Vec<_>>().try_into().unwrap()
}

pub(crate) fn raw_header(header: &thetab_types::Header) -> RawHeader {
    header.raw().to_vec().try_into().unwrap()
}

pub(crate) fn raw_votes(votes: &thetab_types::VoteSet) -> RawVotes {
    thetab_types::Encode::encode(votes).try_into().unwrap()
}
