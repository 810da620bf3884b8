//! `chain/headers.json`: headers of all forms, votes, proposals, blocks.

use thetab_types::{
    Amount, CommitCertificate, Decode, Encode, Forks, Header, Vote, VoteSet,
    block::{BackupBlock, Block, DecodeWith, ExtendedBlock, Proposal},
    bls::BlsPublicKey,
    edge::{EdgeVote, edge_sign_bytes},
    guardian::AggregatedVotes,
    keccak256,
    secp::{SecretKey, Signature},
    stake::GuardianPool,
};
use thetab_vectors::Case;

use crate::{Fields, vectors};

const FORKS: Forks = Forks::MAINNET;

#[test]
fn headers_votes_and_blocks_encode_as_theta_s() {
    let file = vectors!("chain/headers.json");
    file.skip(&["description"]);
    // Read by the tests of thetab-trie.
    file.skip(&["tx_root_items", "tx_roots"]);
    let pool = GuardianPool::decode(&file.bytes("guardian_pool_rlp")).unwrap();
    assert_eq!(keccak256(pool.encode()), file.hash("guardian_pool_hash"));
    let edge_keys: Vec<_> =
        file.byte_list("een_bls_pubkeys").iter().map(|key| BlsPublicKey::from_lax(key).unwrap()).collect();
    let headers: Vec<_> =
        file.cases("headers", 8).iter().map(|case| header(case, &pool, &edge_keys)).collect();
    let voted = headers.iter().find_map(|header| header.guardian_votes.clone()).unwrap();
    assert_eq!(AggregatedVotes::sign_bytes(&voted.block, &voted.gcp), file.bytes("guardian_vote_sign_bytes"));
    votes(&file);
    blocks(&file);
    let raw = file.bytes("een_vote_rlp");
    let edge_vote = EdgeVote::decode(&raw).unwrap();
    assert_eq!(edge_vote.encode(), raw);
    assert_eq!(edge_sign_bytes(&edge_vote.block), file.bytes("een_vote_sign_bytes"));
    assert!(edge_keys.iter().any(|key| edge_vote.verify(key)));
}

fn header(case: &Case, pool: &GuardianPool, edge_keys: &[BlsPublicKey]) -> Header {
    let name = case.text("name");
    case.skip(&["note"]);
    let raw = case.bytes("rlp");
    let header = Header::decode(&raw, &FORKS).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(header.raw(), &raw);
    assert_eq!(header.clone().into_fields().seal(&FORKS), header, "{name}");
    assert_eq!(header.hash(), case.hash("hash"));
    assert_eq!(header.sign_bytes(), case.bytes("sign_bytes"));
    assert_eq!(header.chain_id, case.text("chain_id"));
    assert_eq!((header.epoch, header.height), (case.number("epoch"), case.number("height")));
    assert_eq!(header.parent, case.hash("parent"));
    assert_eq!(header.hcc.block, case.hash("hcc_block"));
    assert_eq!(header.tx_hash, case.hash("tx_hash"));
    assert_eq!(header.receipt_hash, case.hash("receipt_hash"));
    assert_eq!(header.state_hash, case.hash("state_hash"));
    assert_eq!(header.proposer, case.address("proposer"));
    let votes = case.any_cases("hcc_votes");
    assert_eq!(header.hcc.votes.votes().len(), votes.len());
    for (vote, case) in header.hcc.votes.votes().iter().zip(votes) {
        assert_vote(vote, &case);
    }
    if case.has("signature") {
        assert_eq!(header.timestamp, Amount::from(case.number("timestamp")));
        assert_eq!(header.signature.as_slice(), case.bytes("signature"));
        assert_eq!(header.verify("privatenet"), Ok(()));
        assert!(header.verify("mainnet").is_err());
    }
    if let Some(votes) = &header.guardian_votes {
        assert_eq!(votes.verify(pool), Ok(()), "{name}");
        let (signed, total) = votes.signed_stake(pool);
        assert!(signed <= total && signed.is_zero() == (name == "theta3_guardian_identity"));
    }
    if let Some(votes) = &header.edge_votes {
        let keys: Vec<_> = edge_keys.iter().copied().take(votes.addresses.len()).collect();
        let swapped: Vec<_> = keys.iter().rev().copied().collect();
        assert!(votes.verify(&keys).is_ok() || votes.verify(&swapped).is_ok(), "{name}");
    }
    header
}

fn assert_vote(vote: &Vote, case: &Case) {
    let raw = case.bytes("rlp");
    assert_eq!(vote.encode(), raw);
    assert_eq!(vote, &Vote::decode(&raw).unwrap());
    assert_eq!(vote.block, case.hash("block"));
    assert_eq!((vote.epoch, vote.height), (case.number("epoch"), case.number("height")));
    assert_eq!(vote.id, case.address("id"));
    assert_eq!(vote.sign_bytes(), case.bytes("sign_bytes"));
    assert_eq!(vote.signature.as_slice(), case.bytes("signature"));
    assert_eq!(vote.verify(), Ok(()));
}

fn votes(file: &Case) {
    let case = file.case("vote");
    let raw = thetab_vectors::hex_bytes(case.value("rlp").as_str().unwrap());
    let vote = Vote::decode(&raw).unwrap();
    assert_eq!(vote.encode(), raw);
    assert_eq!(vote.hash(), file.hash("vote_hash"));
    assert_eq!(vote.block, case.hash("block"));
    assert_eq!((vote.epoch, vote.height), (case.number("epoch"), case.number("height")));
    assert_eq!(vote.id, case.address("id"));
    assert_eq!(vote.sign_bytes(), case.bytes("sign_bytes"));
    assert_eq!(vote.signature.as_slice(), case.bytes("signature"));
    let key = SecretKey::from_bytes(&keccak256("theta-vector-validator-1").0).unwrap();
    assert_eq!(Vote::sign(vote.block, vote.height, vote.epoch, &key), vote);
    let unsigned = Vote { signature: Signature::EMPTY, ..vote };
    assert_eq!(unsigned.encode(), file.bytes("unsigned_vote_rlp"));
    assert!(unsigned.verify().is_err());
    let raw = file.bytes("voteset_rlp");
    let set = VoteSet::decode(&raw).unwrap();
    assert_eq!(set.encode(), raw);
    assert_eq!(set.votes().iter().rev().cloned().collect::<VoteSet>(), set);
    let unsorted: Vec<_> = set.votes().iter().rev().cloned().collect();
    assert!(VoteSet::decode(&unsorted.encode()).is_err());
    assert_eq!(VoteSet::new().encode(), file.bytes("empty_voteset_rlp"));
    let raw = file.bytes("nil_voteset_in_cc_rlp");
    assert_eq!(CommitCertificate::decode(&raw).unwrap().encode(), raw);
}

fn blocks(file: &Case) {
    let raw = file.bytes("block_rlp");
    assert_eq!(Block::decode(&raw, &FORKS).unwrap().encode(), raw);
    for name in ["proposal_rlp", "proposal_without_votes_rlp", "empty_proposal_rlp"] {
        let raw = file.bytes(name);
        let proposal = Proposal::decode(&raw, &FORKS).unwrap();
        assert_eq!(proposal.encode(), raw, "{name}");
    }
    let raw = file.bytes("extended_block_rlp");
    assert_eq!(ExtendedBlock::decode(&raw, &FORKS).unwrap().encode(), raw);
    let raw = file.bytes("backup_block_rlp");
    assert_eq!(BackupBlock::decode(&raw, &FORKS).unwrap().encode(), raw);
}
