//! The recorded chain, followed from its first block to its head: by bundles, and block by block.

use std::{vec, vec::Vec};

use thetab_types::{Decode, edge::reward_weight, keys, stake::BlsHolder};

use super::fixture::{BASE, Fixture, address_of};
use crate::{
    Sequential, SequentialError, StepError, Trust, VoterEvidence, verify_bundle, verify_guardian_votes,
};

fn step(trust: &mut Trust, chain: &Fixture, certified: usize) -> Result<u64, StepError> {
    let bundle = verify_bundle(&chain.profile, chain.bundle(certified).unwrap()).unwrap();
    trust.step(chain.clock(), bundle).map(|head| head.header().height - BASE)
}

#[test]
fn bundles_lead_from_the_first_block_to_the_head_through_three_changes_of_validators() {
    let chain = Fixture::open();
    let mut trust = Trust::new(chain.profile.clone(), chain.anchor());
    let certified = [0, 4, 5, 39, 40, 60, 102];
    let finals: Vec<_> = certified.map(|number| step(&mut trust, &chain, number).unwrap()).into();
    assert_eq!(finals, [1, 5, 6, 40, 41, 62, 103]);
    assert_eq!(trust.anchor().set(), chain.voters_for(104));
    assert_eq!(trust.head().unwrap().header().hash(), chain.header(103).hash());
    assert_eq!(trust.anchor().hash(), chain.header(102).hash());
}

#[test]
fn one_bundle_leads_to_the_head_where_enough_validators_stayed() {
    let chain = Fixture::open();
    let mut trust = Trust::new(chain.profile.clone(), chain.anchor());
    assert_eq!(step(&mut trust, &chain, 102), Ok(103));
    assert_eq!(
        step(&mut trust, &chain, 5),
        Err(StepError::NotAbove { height: BASE + 6, latest: BASE + 103 })
    );
}

#[test]
fn every_set_is_the_one_that_the_chain_says() {
    let chain = Fixture::open();
    for certified in [0, 4, 5, 39, 40, 60, 102] {
        let bundle = verify_bundle(&chain.profile, chain.bundle(certified).unwrap()).unwrap();
        let child = bundle.child().height;
        assert_eq!(bundle.set(), chain.voters_for(child - BASE), "+{certified}");
        assert!(chain.statuses[(bundle.block().height - BASE) as usize].contains("finalized"));
    }
    assert!(chain.bundle(59).is_none(), "no child of +60 certifies it");
}

/// What shows each block's validators: a proof where stake changed, the bodies elsewhere.
fn evidence(chain: &Fixture, after: usize, number: usize) -> VoterEvidence {
    match chain.proof(number as u64, b"ls/vcp") {
        Some(proof) => VoterEvidence::Pool(proof.nodes.clone()),
        None => VoterEvidence::Bodies(chain.blocks[after + 1..=number].to_vec()),
    }
}

/// The numbers of the blocks on the way along certificates, up to the last block.
fn certified_path(chain: &Fixture) -> Vec<usize> {
    let mut path = vec![chain.blocks.len() - 1];
    while let Some(&number) = path.last().filter(|&&number| number > 0) {
        let hcc = chain.header(number).hcc.block;
        path.push((0..number).find(|&below| chain.header(below).hash() == hcc).unwrap());
    }
    path.reverse();
    path
}

#[test]
fn certificates_lead_block_by_block_to_the_head() {
    let chain = Fixture::open();
    let mut sequential =
        Sequential::new(chain.profile.clone(), &chain.anchor(), chain.header(0).clone()).unwrap();
    let path = certified_path(&chain);
    assert!(!path.contains(&19) && !path.contains(&61), "skipped by +20 and by +62");
    let mut finals = vec![];
    for pair in path.windows(2) {
        let [after, number] = *pair else { unreachable!("windows of two") };
        let evidence = evidence(&chain, after, number);
        let finalized = sequential.push(chain.clock(), chain.header(number).clone(), &evidence).unwrap();
        finals.extend(finalized.map(|header| (header.height - BASE) as usize));
    }
    let last = sequential.push_votes(chain.clock(), &chain.tip_votes).unwrap().unwrap();
    assert_eq!(last.hash(), chain.header(103).hash());
    assert_eq!(sequential.accepted(), chain.voters_for(104));
    let directly = (1..103).filter(|&number| chain.statuses[number] == "directly_finalized");
    assert_eq!(finals, directly.collect::<Vec<_>>());
}

#[test]
fn bodies_that_change_stake_or_are_not_all_there_show_nothing() {
    let chain = Fixture::open();
    let mut at_change =
        Sequential::new(chain.profile.clone(), &chain.anchor(), chain.header(0).clone()).unwrap();
    let push = |sequential: &mut Sequential, number: usize, evidence: &VoterEvidence| {
        sequential.push(chain.clock(), chain.header(number).clone(), evidence)
    };
    for number in 1..5 {
        push(&mut at_change, number, &evidence(&chain, number - 1, number)).unwrap();
    }
    let bodies = |range: core::ops::Range<usize>| VoterEvidence::Bodies(chain.blocks[range].to_vec());
    let changes = push(&mut at_change, 5, &bodies(5..6));
    assert!(
        matches!(changes, Err(SequentialError::Bodies(crate::BodyError::Stake(height))) if height == BASE + 5)
    );
    let missing = push(&mut at_change, 5, &bodies(4..5));
    assert!(matches!(missing, Err(SequentialError::Bodies(crate::BodyError::Link))));
    let none = push(&mut at_change, 5, &bodies(0..0));
    assert!(matches!(none, Err(SequentialError::Bodies(crate::BodyError::Count(0)))));
    let mut without_body = chain.blocks[5].clone();
    without_body.transactions.clear();
    let emptied = push(&mut at_change, 5, &VoterEvidence::Bodies(vec![without_body]));
    assert!(matches!(emptied, Err(SequentialError::Bodies(crate::BodyError::Root))));
    let nothing = push(&mut at_change, 5, &VoterEvidence::None);
    assert_eq!(nothing.unwrap_err(), SequentialError::NoEvidence(BASE + 5));
    push(&mut at_change, 5, &evidence(&chain, 4, 5)).unwrap();
}

/// All states that the proofs are of become final on the way.
fn followed(chain: &Fixture) -> Trust {
    let mut trust = Trust::new(chain.profile.clone(), chain.anchor());
    step(&mut trust, chain, 0).unwrap();
    step(&mut trust, chain, 102).unwrap();
    let headers = (1..94).rev().map(|number| chain.header(number).clone());
    assert_eq!(trust.walk_back(headers), 93);
    trust
}

#[test]
fn every_proof_of_the_file_shows_its_value() {
    let chain = Fixture::open();
    let trust = followed(&chain);
    for proof in chain.proofs.iter().filter(|proof| proof.height > BASE) {
        let block = trust.final_at(proof.height).unwrap();
        let value = block.verify_state(&proof.key, &proof.nodes).unwrap();
        assert_eq!(value.as_deref(), proof.value.as_deref());
        match &proof.key[..] {
            b"ls/vcp" => assert!(block.verify_candidates(&proof.nodes).unwrap().is_some()),
            b"ls/gcp" => assert!(block.verify_guardians(&proof.nodes).unwrap().is_some()),
            b"ls/sthl" => {
                let heights = block.verify_stake_heights(&proof.nodes).unwrap().unwrap().heights;
                assert_eq!(heights, [0, BASE + 5, BASE + 40, BASE + 60]);
            }
            key if key.starts_with(b"ls/a/") => {
                let account = block.verify_account(address_of(key), &proof.nodes).unwrap();
                assert_eq!(account.account().is_some(), proof.value.is_some());
                assert_eq!(
                    account.verify_storage(&[[7; 32].into()], &super::nodes([])),
                    Ok(vec![Default::default()])
                );
                assert!(account.verify_code("".into()).is_ok());
            }
            key => assert!(key.starts_with(b"ls/een"), "{key:?}"),
        }
    }
}

#[test]
fn guardians_votes_are_a_share_of_their_stake() {
    let chain = Fixture::open();
    let trust = followed(&chain);
    let header = trust.final_at(chain.guardian_header_height).unwrap();
    let checkpoint = chain.header(1);
    assert_eq!(checkpoint.hash(), chain.guardian_vote_block);
    let pool = &chain.proof(1, b"ls/gcp").unwrap().nodes;
    let evidence = verify_guardian_votes(&chain.profile, header, checkpoint.raw(), pool).unwrap();
    let signers = chain.guardian_multiplicities.iter().filter(|&&times| times > 0).count();
    assert_eq!((evidence.signers, evidence.guardians), (signers, chain.guardian_multiplicities.len()));
    assert!((1..=10_000).contains(&evidence.basis_points()));
    assert_eq!(evidence.is_strong(), evidence.basis_points() > 6_666);

    use crate::GuardianError;
    let refused = |header, checkpoint: &[u8], pool| {
        verify_guardian_votes(&chain.profile, header, checkpoint, pool).unwrap_err()
    };
    let other = trust.final_at(BASE + 100).unwrap();
    assert_eq!(refused(other, checkpoint.raw(), pool), GuardianError::NoVotes);
    assert_eq!(refused(header, chain.header(2).raw(), pool), GuardianError::Block);
    assert!(matches!(refused(header, b"", pool), GuardianError::Checkpoint(_)));
    let foreign = &chain.proof(0, b"ls/vcp").unwrap().nodes;
    assert!(matches!(refused(header, checkpoint.raw(), foreign), GuardianError::Pool(_)));
}

#[test]
fn edge_nodes_that_voted_were_drawn_and_signed() {
    let chain = Fixture::open();
    let trust = followed(&chain);
    let votes = trust.final_at(chain.guardian_header_height).unwrap().edge_votes.clone().unwrap();
    let checkpoint = trust.final_at(BASE + 1).unwrap();
    let total = chain.proof(1, keys::EDGE_TOTAL_STAKE).unwrap();
    let total = checkpoint.verify_state(keys::EDGE_TOTAL_STAKE, &total.nodes).unwrap().unwrap();
    let total = thetab_types::Amount::from_be_slice(&total);
    let voters = votes.addresses.iter().map(|address| {
        let proof = chain.proof(1, &keys::edge_node(address)).unwrap();
        let raw = checkpoint.verify_state(&proof.key, &proof.nodes).unwrap().unwrap();
        let node = BlsHolder::decode(&raw).unwrap();
        let stake = node.stake_holder.total();
        assert!(reward_weight(&votes.block, address, &stake, &total) > 0);
        node.public_key
    });
    let voters: Vec<_> = voters.collect();
    assert_eq!(votes.verify(&voters), Ok(()));
}
