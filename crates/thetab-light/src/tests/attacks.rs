//! The attacks of the specification's §6.6, as data with real signatures. Each is refused with the rule that it meets, and each
//! succeeds once that rule is left out.

use std::{vec, vec::Vec};

use thetab_types::keys;
use thetab_wire::chain::Bundle;

use super::world::{BIRTH, Draft, Stakes, World, hour};
use crate::{
    FinalHeader, Rule, Sequential, SequentialError, StepError, Trust, UnixTime, VoterEvidence, verify_bundle,
};

const FOUR: [(u8, u64); 4] = [(1, 10), (2, 10), (3, 10), (4, 10)];

fn step(trust: &mut Trust, clock: UnixTime, bundle: Bundle) -> Result<u64, StepError> {
    let bundle = verify_bundle(trust.profile(), bundle).unwrap();
    trust.step(clock, bundle).map(|head| head.header().height)
}

/// A genuine chain of about an hour, and a private continuation that its validators sign when their stake has long been free.
struct Stale {
    world: World,
    genuine: Bundle,
    private: Bundle,
}

/// `genuine_timestamp` is what the headers of the first hour say, if not the truth.
fn stale(genuine_timestamp: Option<u64>) -> Stale {
    let mut world = World::new(&FOUR);
    let mut tip = 0;
    for height in 590..604 {
        let timestamp = Some(genuine_timestamp.unwrap_or(BIRTH + 6 * height));
        tip = world.make(Draft { parent: tip, height: Some(height), timestamp, ..Draft::default() });
    }
    let genuine = world.bundle_below(tip);
    for height in 30_000..30_014 {
        let timestamp = Some(BIRTH + 69 * 3600);
        tip = world.make(Draft { parent: tip, height: Some(height), timestamp, ..Draft::default() });
    }
    let private = world.bundle_below(tip);
    Stale { world, genuine, private }
}

impl Stale {
    /// A client that was away for 35 hours takes the bundle that is 34 hours old, and 35 hours later the private history.
    fn play(&self, mut trust: Trust) -> Result<u64, StepError> {
        assert_eq!(step(&mut trust, hour(35), self.genuine.clone()), Ok(602));
        step(&mut trust, hour(70), self.private.clone())
    }

    fn trust(&self) -> Trust {
        Trust::new(self.world.profile.clone(), self.world.anchor(0))
    }
}

#[test]
fn a_stale_refresh_does_not_make_old_validators_young() {
    let attack = stale(None);
    assert!(matches!(attack.play(attack.trust()), Err(StepError::Expired { .. })));
    assert_eq!(attack.play(attack.trust().without(Rule::Age)), Ok(30_012));
    assert_eq!(attack.play(attack.trust().without(Rule::TimeOfMaking)), Ok(30_012));
}

#[test]
fn planted_timestamps_do_not_make_old_validators_young() {
    let attack = stale(Some(BIRTH + 35 * 3600));
    assert!(matches!(attack.play(attack.trust()), Err(StepError::Expired { .. })));
    assert_eq!(attack.play(attack.trust().without(Rule::TimeByHeight)), Ok(30_012));
}

#[test]
fn timestamps_of_the_future_do_not_make_validators_younger_than_the_clock() {
    let attack = stale(Some(BIRTH + 500 * 3600));
    let mut trust = attack.trust().without(Rule::TimeByHeight);
    step(&mut trust, hour(35), attack.genuine.clone()).unwrap();
    assert_eq!(trust.anchor().time(), hour(35));
}

/// Old validators hold a tenth of the stake after block 4, keep signing the real chain, and sign another one beside it.
struct Frozen {
    world: World,
    real: Vec<usize>,
    forged: Vec<usize>,
}

fn frozen() -> Frozen {
    let mut world = World::new(&FOUR);
    let mut real = vec![0];
    let mut tip = world.grow(0, 3);
    real.extend([1, 2, 3]);
    let stakes: Stakes = FOUR.into_iter().chain([(5, 120), (6, 120), (7, 120)]).collect();
    tip = world.make(Draft { parent: tip, stakes: Some(stakes), ..Draft::default() });
    real.push(tip);
    for _ in 0..4 {
        tip = world.on(tip);
        real.push(tip);
    }
    let mut forged = vec![];
    for _ in 0..4 {
        tip = world.make(Draft { parent: tip, voters: Some(vec![1, 2, 3, 4]), ..Draft::default() });
        forged.push(tip);
    }
    Frozen { world, real, forged }
}

impl Frozen {
    /// What becomes final above the real blocks.
    fn play(
        &self,
        mut sequential: Sequential,
        with_proofs: bool,
    ) -> Result<Option<FinalHeader>, SequentialError> {
        let mut last = None;
        for &block in self.real.iter().skip(1).chain(&self.forged) {
            let evidence = match with_proofs {
                true => VoterEvidence::Pool(self.world.proof(block, &[keys::VALIDATORS])),
                false => VoterEvidence::None,
            };
            last = sequential.push(hour(1), self.world.header(block).clone(), &evidence)?;
        }
        Ok(last)
    }

    fn sequential(&self) -> Sequential {
        let (profile, anchor) = (self.world.profile.clone(), self.world.anchor(0));
        Sequential::new(profile, &anchor, self.world.header(0).clone()).unwrap()
    }
}

#[test]
fn a_frozen_set_does_not_stay_in_office_for_want_of_proof() {
    let attack = frozen();
    assert_eq!(attack.play(attack.sequential(), false), Err(SequentialError::NoEvidence(1)));
    let shown = attack.play(attack.sequential(), true);
    assert!(matches!(shown, Err(SequentialError::Votes(crate::VotesError::Quorum { .. }))), "{shown:?}");
    let fooled = attack.play(attack.sequential().without(Rule::Evidence), false).unwrap().unwrap();
    assert_eq!(fooled.hash(), attack.world.header(attack.forged[1]).hash());
}

#[test]
fn a_rollback_does_not_bring_an_old_block_back() {
    let mut world = World::new(&FOUR);
    let ten = world.grow(0, 10);
    let thirteen = world.grow(ten, 3);
    let block = world.make(Draft { parent: thirteen, hcc: Some(ten), ..Draft::default() });
    let child = world.on(block);
    let bundle = world.bundle([ten, block, child]);
    let between = world.bundle([ten + 1, ten + 2, ten + 3]);
    let play = |mut trust: Trust| {
        assert_eq!(step(&mut trust, hour(1), bundle.clone()), Ok(14));
        step(&mut trust, hour(1), between.clone())
    };
    let trust = Trust::new(world.profile.clone(), world.anchor(0));
    assert_eq!(play(trust.clone()), Err(StepError::NotAbove { height: 12, latest: 14 }));
    assert_eq!(play(trust.without(Rule::Forward)), Ok(12));
}

#[test]
fn a_rollback_does_not_bring_old_validators_back() {
    let mut world = World::new(&FOUR);
    let five = world.grow(0, 5);
    let others: Stakes = vec![(1, 10), (2, 10), (3, 10), (5, 1)];
    let changed = world.make(Draft { parent: five, stakes: Some(others), ..Draft::default() });
    let twenty = world.grow(changed, 14);
    let top = world.grow(twenty, 2);
    let refresh = world.bundle([twenty, twenty + 1, twenty + 2]);
    // Its certificate reaches back to before the change, so that the old validators vote for its child.
    let block = world.make(Draft { parent: top, hcc: Some(five), ..Draft::default() });
    let child = world.on(block);
    let back = world.bundle([five, block, child]);
    let play = |mut trust: Trust| {
        assert_eq!(step(&mut trust, hour(1), refresh.clone()), Ok(21));
        assert_eq!(step(&mut trust, hour(1), back.clone()), Ok(23), "the block itself is final");
        trust.anchor().height()
    };
    let trust = Trust::new(world.profile.clone(), world.anchor(0));
    assert_eq!(play(trust.clone()), 20);
    assert_eq!(play(trust.without(Rule::AnchorForward)), 5);
}

/// A deposit in F, which is committed and never final, elects X alone; message delay lets both branches have their quorum.
struct Unconfirmed {
    world: World,
    /// The path along certificates up to F, B1 and C1.
    path: Vec<usize>,
    unconfirmed: Bundle,
    genuine: Bundle,
}

fn unconfirmed() -> Unconfirmed {
    const X: u8 = 9;
    let old: Stakes = vec![(1, 33), (2, 2), (3, 33), (4, 32)];
    let mut world = World::new(&old);
    let nine = world.grow(0, 9);
    let with_x: Stakes = old.iter().copied().chain([(X, 300)]).collect();
    let f = world.make(Draft { parent: nine, stakes: Some(with_x), ..Draft::default() });
    let ten = world.make(Draft { parent: nine, timestamp: Some(BIRTH + 61), ..Draft::default() });
    // Validators 2, 3 and 4 go on without F; 2 votes on both sides.
    let side = || Some(vec![2, 3, 4]);
    let eleven = world.make(Draft { parent: ten, hcc: Some(nine), voters: side(), ..Draft::default() });
    let twelve = world.make(Draft { parent: eleven, hcc: Some(nine), voters: side(), ..Draft::default() });
    let b2 = world.make(Draft { parent: twelve, hcc: Some(eleven), voters: side(), ..Draft::default() });
    let c2 = world.make(Draft { parent: b2, voters: side(), ..Draft::default() });
    let child_of_f = world.make(Draft { parent: f, hcc: Some(nine), ..Draft::default() });
    let b1 = world.make(Draft { parent: child_of_f, hcc: Some(f), ..Draft::default() });
    let c1 = world.make(Draft { parent: b1, voters: Some(vec![1, 2, X]), ..Draft::default() });
    let unconfirmed = world.bundle([f, b1, c1]);
    let genuine = world.bundle([eleven, b2, c2]);
    let path = (1..=nine).chain([f, b1, c1]).collect();
    Unconfirmed { world, path, unconfirmed, genuine }
}

#[test]
fn an_unconfirmed_set_is_not_believed_because_a_third_stands_behind_it() {
    let attack = unconfirmed();
    let trust = Trust::new(attack.world.profile.clone(), attack.world.anchor(0));
    let refused = step(&mut trust.clone(), hour(1), attack.unconfirmed.clone());
    assert_eq!(refused, Err(StepError::Overlap { behind: 35.into(), total: 100.into() }));
    assert_eq!(step(&mut trust.clone(), hour(1), attack.genuine.clone()), Ok(13));
    let mut fooled = trust.without(Rule::TwoThirdsOverlap);
    assert_eq!(step(&mut fooled, hour(1), attack.unconfirmed.clone()), Ok(12));
}

#[test]
fn an_unconfirmed_set_is_not_believed_block_by_block() {
    let attack = unconfirmed();
    let world = &attack.world;
    let play = |mut sequential: Sequential| {
        for &block in &attack.path {
            let evidence = VoterEvidence::Pool(world.proof(block, &[keys::VALIDATORS]));
            sequential.push(hour(1), world.header(block).clone(), &evidence)?;
        }
        let votes = &world.made[*attack.path.last().unwrap()].votes;
        sequential.push_votes(hour(1), votes)
    };
    let anchor = world.anchor(0);
    let sequential = Sequential::new(world.profile.clone(), &anchor, world.header(0).clone()).unwrap();
    assert_eq!(play(sequential.clone()), Err(SequentialError::UnconfirmedSet(10)));
    let fooled = play(sequential.without(Rule::ConfirmedSet)).unwrap().unwrap();
    assert_eq!(fooled.height, 12);
}

#[test]
fn two_blocks_with_a_quorum_end_trust_and_both_are_kept() {
    let attack = unconfirmed();
    let mut world = attack.world;
    // All old validators sign a second block beside the one that was final, and its child.
    let other = world.make(Draft { parent: 9, timestamp: Some(BIRTH + 62), ..Draft::default() });
    let child = world.on(other);
    let grandchild = world.on(child);
    let first = attack.genuine;
    let second = world.bundle([other, child, grandchild]);
    let mut trust = Trust::new(world.profile.clone(), world.anchor(0));
    assert_eq!(step(&mut trust, hour(1), first.clone()), Ok(13));
    let Err(StepError::Conflict(evidence)) = step(&mut trust, hour(1), second.clone()) else {
        panic!("a conflict")
    };
    assert_eq!(evidence.height, 11);
    assert_eq!((&evidence.believed.1, &evidence.other), (&Some(first.clone()), &second));
    assert_eq!(trust.evidence(), Some(&*evidence));
    assert_eq!(step(&mut trust, hour(1), first), Err(StepError::Halted));
}

#[test]
fn a_fork_by_a_third_contradicts_and_ends_nothing() {
    let mut world = World::new(&FOUR);
    let ten = world.grow(0, 10);
    let top = world.grow(ten, 3);
    let first = world.bundle_below(top);
    // One of four makes itself the only validator on its own branch, and has a quorum there.
    let alone: Stakes = vec![(1, 10)];
    let fork = world.make(Draft {
        parent: 8,
        stakes: Some(alone),
        voters: Some(vec![1]),
        timestamp: Some(BIRTH + 70),
        ..Draft::default()
    });
    let voters = || Some(vec![1]);
    let child = world.make(Draft { parent: fork, voters: voters(), ..Draft::default() });
    let grandchild = world.make(Draft { parent: child, voters: voters(), ..Draft::default() });
    let forged = world.bundle([fork, child, grandchild]);
    let mut trust = Trust::new(world.profile.clone(), world.anchor(0));
    assert_eq!(step(&mut trust, hour(1), first), Ok(12));
    assert_eq!(step(&mut trust, hour(1), forged), Err(StepError::Contradiction { height: 10 }));
    assert!(trust.evidence().is_none());
}

#[test]
fn a_change_of_most_validators_is_crossed_by_the_block_that_makes_it() {
    let mut world = World::new(&FOUR);
    let ten = world.grow(0, 10);
    let new: Stakes = vec![(5, 10), (6, 10), (7, 10), (8, 10)];
    let change = world.make(Draft { parent: ten, stakes: Some(new), ..Draft::default() });
    let top = world.grow(change, 20);
    let beyond = world.bundle_below(top);
    let at_change = world.bundle([ten, change, change + 1]);
    let mut trust = Trust::new(world.profile.clone(), world.anchor(0));
    let refused = step(&mut trust, hour(1), beyond.clone());
    assert_eq!(refused, Err(StepError::Overlap { behind: 0.into(), total: 40.into() }));
    assert_eq!(step(&mut trust, hour(1), at_change), Ok(11));
    assert!(step(&mut trust, hour(1), beyond.clone()).is_err(), "the anchor is still below the change");
    trust.adopt_head(&world.proof(ten, &[keys::VALIDATORS])).unwrap_err();
    trust.adopt_head(&world.proof(change, &[keys::VALIDATORS])).unwrap();
    assert_eq!(trust.anchor().height(), 11);
    assert_eq!(step(&mut trust, hour(1), beyond), Ok(30));
}
