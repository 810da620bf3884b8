//! The machine among relays of every kind.

use core::time::Duration;
use std::{rc::Rc, vec, vec::Vec};

use bytes::Bytes;
use thetab_types::{Address, B256, U256, keccak256, keys};
use thetab_wire::chain::ChainRequest;

use super::{
    fixture::{BASE, Fixture},
    rig::{Archive, Branch, Manner, Rig},
    world::{BIRTH, CODE, CONTRACT, Draft, PLAIN, Stakes, World, hour},
};
use crate::{
    Checkpoint, Config, Distrust, Effect, Freshness, Input, Light, MAX_QUERIES, MAX_RELAYS, Proven, Query,
    QueryError, QueryId, RelayId, ResumeError, Trust, UnixTime,
};

const FOUR: [(u8, u64); 4] = [(1, 10), (2, 10), (3, 10), (4, 10)];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A quiet chain of so many blocks, and the archive of it.
fn quiet(blocks: usize) -> (Rc<World>, Rc<dyn Archive>) {
    let mut world = World::new(&FOUR);
    let tip = world.grow(0, blocks);
    let world = Rc::new(world);
    let branch = Branch::to(&world, tip);
    (world, Rc::new(branch))
}

/// A chain whose validators are replaced, all of them, again and again.
fn restless(changes: usize, blocks_between: usize) -> (Rc<World>, Rc<dyn Archive>) {
    let mut world = World::new(&FOUR);
    let mut tip = world.grow(0, blocks_between);
    for change in 1..=changes as u8 {
        let stakes: Stakes = FOUR.into_iter().map(|(number, stake)| (number + 10 * change, stake)).collect();
        tip = world.make(Draft { parent: tip, stakes: Some(stakes), ..Draft::default() });
        tip = world.grow(tip, blocks_between);
    }
    let world = Rc::new(world);
    let branch = Branch::to(&world, tip);
    (world, Rc::new(branch))
}

fn rig(world: &World, seed: u64, relays: Vec<Manner>) -> Rig {
    Rig::new(Light::new(Rig::config(world)), seed, hour(1), relays)
}

#[test]
fn a_checkpoint_leads_to_the_head_and_follows_it() {
    let (world, archive) = quiet(60);
    let mut rig = rig(&world, 1, vec![Manner::Honest(archive)]);
    (rig.tip, rig.growth) = (20, 10);
    rig.run(secs(5));
    assert_eq!(rig.head(), Some(19));
    rig.run(secs(180));
    assert_eq!(rig.head(), Some(49));
    let (head, hash) = (rig.light.trust().unwrap().head().unwrap(), world.header(49).hash());
    assert_eq!(head.header().hash(), hash);
    assert!(rig.effects.contains(&Effect::Head { height: 49, hash }));
    assert!(rig.caught().is_empty());
    let relay = rig.light.relays().next().unwrap();
    assert_eq!((relay.height, relay.is_silent, relay.distrust.is_none()), (Some(49), false, true));
    assert_eq!(rig.light.freshness(rig.now), Freshness::Old(secs(3600 - 49 * 6 + 185)));
}

#[test]
fn the_recorded_chain_is_followed_from_its_first_block_to_its_head() {
    let chain = Fixture::open();
    let config = Config {
        profile: chain.profile.clone(),
        checkpoint: chain.checkpoint(),
        refresh: secs(6),
        patience: secs(5),
    };
    let clock = chain.clock();
    let hash = chain.header(103).hash();
    let mut rig = Rig::new(Light::new(config), 1, clock, vec![Manner::Honest(Rc::new(chain))]);
    rig.run(secs(10));
    assert_eq!(rig.head(), Some(BASE + 103));
    assert!(rig.effects.contains(&Effect::Head { height: BASE + 103, hash }));
    let Ok(Proven::Guardians(evidence)) = rig.query(Query::Guardians(None)) else { panic!("evidence") };
    assert_eq!((evidence.height, evidence.signers, evidence.guardians), (BASE + 1, 3, 4));
    assert_eq!(rig.light.freshness(rig.now), Freshness::Fresh);
    assert!(rig.caught().is_empty());
}

#[test]
fn validators_who_are_all_replaced_again_and_again_are_followed() {
    let (world, archive) = restless(6, 9);
    let mut rig = rig(&world, 1, vec![Manner::Honest(archive)]);
    rig.run(secs(60));
    let top = world.made.len() as u64 - 2;
    assert_eq!(rig.head(), Some(top), "{:?}", rig.caught());
    let asked = rig.asked.iter().filter(|(_, what)| matches!(what, ChainRequest::BundleAt(_))).count();
    assert!(asked <= 40, "{asked} bundles for six changes");
}

/// A relay that does not say where stake changed.
struct Reticent(Rc<dyn Archive>);

impl Archive for Reticent {
    fn answer(&self, height: u64, request: &ChainRequest) -> Option<thetab_wire::chain::ChainAnswer> {
        match request {
            ChainRequest::StakeHeightsAt(_) => None,
            request => self.0.answer(height, request),
        }
    }
}

#[test]
fn changes_are_found_by_halving_where_nobody_says_where_they_are() {
    let (world, archive) = restless(3, 15);
    let mut rig = rig(&world, 1, vec![Manner::Honest(Rc::new(Reticent(archive)))]);
    rig.run(secs(60));
    assert_eq!(rig.head(), Some(world.made.len() as u64 - 2), "{:?}", rig.caught());
}

/// A chain and a private one beside it, which holders of a third of the stake sign, as if all others had left.
fn forked() -> (Rc<World>, Rc<dyn Archive>, Rc<dyn Archive>) {
    let mut world = World::new(&[(1, 33), (2, 33), (3, 34)]);
    let fork = world.grow(0, 10);
    let tip = world.grow(fork, 50);
    let alone: Stakes = vec![(1, 33)];
    let mut private = fork;
    for _ in 0..60 {
        private = world.make(Draft {
            parent: private,
            stakes: Some(alone.clone()),
            voters: Some(vec![1]),
            timestamp: Some(BIRTH + 3599),
            ..Draft::default()
        });
    }
    let world = Rc::new(world);
    let (real, private) = (Branch::to(&world, tip), Branch::to(&world, private));
    (world, Rc::new(real), Rc::new(private))
}

#[test]
fn one_honest_relay_among_hostile_ones_is_found() {
    let (world, real, private) = forked();
    for seed in 0..12 {
        let hostile = [
            Manner::Honest(private.clone()),
            Manner::Garbage,
            Manner::Flipping(real.clone(), 1),
            Manner::Flooding(private.clone()),
            Manner::Late(private.clone()),
            Manner::Silent,
            Manner::Empty,
        ];
        let mut relays: Vec<_> = hostile.into();
        relays.insert(seed as usize % 8, Manner::Honest(real.clone()));
        let mut rig = rig(&world, seed, relays);
        rig.run(secs(120));
        assert_eq!(rig.head(), Some(59), "seed {seed}");
        assert_eq!(rig.light.trust().unwrap().head().unwrap().header().hash(), world.header(59).hash());
        let honest = RelayId(seed as u32 % 8);
        assert!(rig.caught().iter().all(|(relay, _)| *relay != honest), "seed {seed}: {:?}", rig.caught());
    }
}

#[test]
fn hostile_relays_alone_never_show_a_wrong_head_and_staleness_is_said() {
    let (world, real, private) = forked();
    for seed in 0..12 {
        let relays = vec![
            Manner::Honest(private.clone()),
            Manner::Lagging(real.clone(), 55),
            Manner::Flipping(real.clone(), 2),
            Manner::Flooding(private.clone()),
            Manner::Garbage,
        ];
        let mut rig = rig(&world, seed, relays);
        rig.tip = 60;
        rig.run(secs(600));
        if let Some(head) = rig.light.trust().and_then(Trust::head) {
            let header = head.header();
            assert_eq!(header.hash(), world.header(header.height as usize).hash(), "seed {seed}");
        }
        assert!(matches!(rig.light.freshness(rig.now), Freshness::Old(_) | Freshness::Unknown));
    }
}

#[test]
fn equal_seeds_give_equal_effects() {
    let (world, real, private) = forked();
    let play = || {
        let relays =
            vec![Manner::Honest(private.clone()), Manner::Flipping(real.clone(), 3), Manner::Garbage];
        let mut rig = rig(&world, 7, relays);
        rig.run(secs(100));
        rig.effects
    };
    assert_eq!(play(), play());
}

/// A relay that has a head, and nothing on the way to it.
struct Leaping(Rc<dyn Archive>);

impl Archive for Leaping {
    fn answer(&self, height: u64, request: &ChainRequest) -> Option<thetab_wire::chain::ChainAnswer> {
        match request {
            ChainRequest::BundleAt(ask) if ask.height.is_some() => None,
            request => self.0.answer(height, request),
        }
    }
}

#[test]
fn a_head_to_which_nothing_leads_is_given_up_and_its_relay_left_alone_longer_each_time() {
    let (world, _, private) = forked();
    let mut rig = rig(&world, 1, vec![Manner::Honest(Rc::new(Leaping(private)))]);
    rig.run(secs(20));
    assert!(matches!(rig.caught()[..], [(RelayId(0), Distrust::NoWay)]), "{:?}", rig.caught());
    assert!(rig.asked.len() <= 20, "{} questions", rig.asked.len());
    rig.run(secs(1000));
    let times = rig.caught().len();
    assert!((3..=6).contains(&times), "caught {times} times: pauses of 30, 60, 120, 240, … seconds");
    assert_eq!(rig.head(), None);
}

#[test]
fn a_private_chain_is_followed_as_far_as_all_validators_signed_it() {
    let (world, real, private) = forked();
    let mut rig = rig(&world, 1, vec![Manner::Honest(private), Manner::Lagging(real, 52)]);
    rig.tip = 61;
    rig.run(secs(20));
    assert!(matches!(rig.caught()[..], [(RelayId(0), Distrust::Bundle(_))]), "{:?}", rig.caught());
    assert_eq!(rig.head(), Some(8));
}

#[test]
fn two_quorums_end_trust_until_the_user_begins_anew() {
    let mut world = World::new(&FOUR);
    let fork = world.grow(0, 10);
    let one = world.grow(fork, 5);
    let beside = world.make(Draft { parent: fork, timestamp: Some(BIRTH + 90), ..Draft::default() });
    let other = world.grow(beside, 7);
    let world = Rc::new(world);
    let (one, other) = (Branch::to(&world, one), Branch::to(&world, other));
    let mut rig = rig(&world, 1, vec![Manner::Honest(Rc::new(one))]);
    rig.run(secs(10));
    assert_eq!(rig.head(), Some(14));
    rig.relays.insert(RelayId(9), Manner::Honest(Rc::new(other)));
    rig.input(Input::RelayUp(RelayId(9)));
    rig.run(secs(10));
    let conflicts = rig.effects.iter().filter(|effect| matches!(effect, Effect::Conflict(_))).count();
    assert_eq!(conflicts, 1);
    let evidence = rig.light.trust().unwrap().evidence().unwrap().clone();
    assert_eq!((evidence.height, evidence.believed.0), (14, world.header(14).hash()));
    let asked = rig.asked.len();
    rig.run(secs(60));
    assert_eq!(rig.asked.len(), asked, "nobody is asked any more");
    // What was saved has not forgotten.
    let saved = rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Save(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let resumed = Trust::resume(world.profile.clone(), &saved.unwrap()).unwrap();
    assert_eq!(resumed.evidence(), Some(&evidence));
    rig.input(Input::RelayDown(RelayId(0)));
    rig.input(Input::Restart(Checkpoint { hash: world.header(0).hash(), time: UnixTime::from_secs(BIRTH) }));
    rig.run(secs(10));
    assert_eq!(rig.light.trust().unwrap().head().unwrap().header().height, 17);
}

#[test]
fn old_validators_are_not_believed_until_the_user_begins_anew() {
    let (world, archive) = quiet(30);
    let clock = hour(37);
    let mut rig = Rig::new(Light::new(Rig::config(&world)), 1, clock, vec![Manner::Honest(archive)]);
    rig.run(secs(60));
    assert_eq!(rig.head(), None);
    assert!(rig.light.has_expired());
    assert_eq!(rig.effects.iter().filter(|effect| **effect == Effect::Expired).count(), 1);
    assert_eq!(rig.query(Query::Account(PLAIN)), Err(QueryError::Unavailable));
    let published = Checkpoint { hash: world.header(5).hash(), time: hour(36) };
    rig.input(Input::Restart(published));
    rig.run(secs(10));
    assert_eq!(rig.head(), Some(29));
}

#[test]
fn saved_trust_goes_on_without_the_checkpoint() {
    let (world, archive) = quiet(40);
    let mut first = rig(&world, 1, vec![Manner::Honest(archive.clone())]);
    first.tip = 20;
    first.run(secs(10));
    let saved = first.light.trust().unwrap().save();
    let trust = Trust::resume(world.profile.clone(), &saved).unwrap();
    assert_eq!(trust.save(), saved);
    assert_eq!(trust.anchor(), first.light.trust().unwrap().anchor());
    let light = Light::resumed(Rig::config(&world), trust);
    let mut second = Rig::new(light, 2, hour(2), vec![Manner::Honest(archive)]);
    second.run(secs(10));
    assert_eq!(second.head(), Some(39));
    assert!(second.asked.iter().all(|(_, what)| matches!(what, ChainRequest::BundleAt(_))));
}

#[test]
fn damaged_or_foreign_savings_are_refused() {
    let (world, archive) = quiet(20);
    let mut rig = rig(&world, 1, vec![Manner::Honest(archive)]);
    rig.run(secs(10));
    let saved = rig.light.trust().unwrap().save();
    let mut testnet = world.profile.clone();
    testnet.genesis_hash = B256::repeat_byte(1);
    assert_eq!(Trust::resume(testnet, &saved).unwrap_err(), ResumeError::Network);
    let mut newer = saved.clone();
    newer[3] = 2;
    assert_eq!(Trust::resume(world.profile.clone(), &newer).unwrap_err(), ResumeError::Version(2));
    for place in (0..saved.len()).step_by(7) {
        let mut damaged = saved.clone();
        damaged[place] ^= 0x41;
        if let Ok(trust) = Trust::resume(world.profile.clone(), &damaged) {
            assert_ne!(trust.save(), saved);
        }
        assert!(Trust::resume(world.profile.clone(), &saved[..place]).is_err());
    }
}

/// A head, and a relay that lies before the honest one is asked.
fn asking(first: impl Fn(&Rc<dyn Archive>) -> Manner) -> (Rc<World>, Rig) {
    let (world, archive) = quiet(30);
    let liar = first(&archive);
    let mut rig = rig(&world, 1, vec![Manner::Honest(archive.clone()), Manner::Honest(archive)]);
    rig.run(secs(5));
    rig.relays.insert(RelayId(0), liar);
    (world, rig)
}

#[test]
fn accounts_storage_code_and_pools_are_proven() {
    let (world, mut rig) = asking(|archive| Manner::Honest(archive.clone()));
    let head = world.header(29).hash();
    let Ok(Proven::Account(plain)) = rig.query(Query::Account(PLAIN)) else { panic!("an account") };
    assert_eq!((plain.block(), plain.height(), plain.address()), (head, 29, PLAIN));
    assert!(plain.account().is_some() && plain.code_hash().is_none());
    let Ok(Proven::Account(absent)) = rig.query(Query::Account(Address::ZERO)) else { panic!("absence") };
    assert!(absent.account().is_none());
    let slots = vec![B256::with_last_byte(1), B256::with_last_byte(2)];
    let Ok(Proven::Storage(_, values)) = rig.query(Query::Storage(CONTRACT, slots.clone())) else {
        panic!("storage")
    };
    assert_eq!(values, [U256::from(7), U256::ZERO]);
    let Ok(Proven::Storage(_, values)) = rig.query(Query::Storage(PLAIN, slots)) else {
        panic!("no storage")
    };
    assert_eq!(values, [U256::ZERO; 2]);
    let Ok(Proven::Code(_, code)) = rig.query(Query::Code(CONTRACT)) else { panic!("code") };
    assert_eq!(code, CODE);
    let Ok(Proven::Code(_, code)) = rig.query(Query::Code(PLAIN)) else { panic!("no code") };
    assert!(code.is_empty());
    let Ok(Proven::Candidates(at, Some(pool))) = rig.query(Query::Candidates) else { panic!("candidates") };
    assert_eq!((at.hash(), pool.candidates.len()), (head, 4));
    assert_eq!(
        rig.query(Query::GuardianPool).map(|proven| matches!(proven, Proven::GuardianPool(_, None))),
        Ok(true)
    );
    let keys = vec![Bytes::from_static(keys::STAKE_HEIGHTS), Bytes::from_static(b"nothing")];
    let Ok(Proven::State(_, values)) = rig.query(Query::State(keys)) else { panic!("state") };
    assert!(values[0].is_some() && values[1].is_none());
    assert!(rig.caught().is_empty());
}

#[test]
fn who_lies_to_a_query_is_caught_and_another_relay_asked() {
    type Liar = fn(&Rc<dyn Archive>) -> Manner;
    let liars: [Liar; 4] = [
        |archive| Manner::Flipping(archive.clone(), 1),
        |_| Manner::Garbage,
        |archive| Manner::Late(archive.clone()),
        |_| Manner::Silent,
    ];
    for liar in liars {
        let (_, mut rig) = asking(liar);
        let caught_or_silent = |rig: &Rig| {
            let relay = rig.light.relays().next().unwrap();
            relay.distrust.is_some() || relay.is_silent
        };
        rig.input(Input::Ask { query: QueryId(99), what: Query::Account(PLAIN) });
        rig.run(secs(12));
        let answered = rig.effects.iter().any(|effect| {
            matches!(effect, Effect::Answer { query: QueryId(99), result: Ok(proven) } if matches!(**proven, Proven::Account(_)))
        });
        assert!(answered && caught_or_silent(&rig));
    }
}

/// A chain with a transaction every ten blocks.
fn with_transactions(blocks: u64) -> (Rc<World>, Rc<dyn Archive>) {
    let mut world = World::new(&FOUR);
    let mut tip = 0;
    for height in 1..=blocks {
        let transactions = match height % 10 {
            0 => vec![Bytes::from(std::format!("transaction of {height}")), Bytes::from_static(b"another")],
            _ => vec![],
        };
        tip = world.make(Draft { parent: tip, transactions, ..Draft::default() });
    }
    let world = Rc::new(world);
    let branch = Branch::to(&world, tip);
    (world, Rc::new(branch))
}

fn transaction_of(height: u64) -> Query {
    Query::Transaction(keccak256(std::format!("transaction of {height}")))
}

#[test]
fn transactions_are_proven_by_walking_down_from_the_head() {
    let (world, archive) = with_transactions(300);
    let mut rig = rig(&world, 1, vec![Manner::Honest(archive)]);
    rig.run(secs(5));
    assert_eq!(rig.head(), Some(299));
    for height in [290, 200, 100] {
        let Ok(Proven::Transaction(proven)) = rig.query(transaction_of(height)) else { panic!("{height}") };
        assert_eq!(
            (proven.block, proven.height, proven.index),
            (world.header(height as usize).hash(), height, 0)
        );
    }
    let walked = rig.asked.iter().filter(|(_, what)| matches!(what, ChainRequest::HeadersAt(_))).count();
    assert!(walked <= 7, "{walked} questions for two hundred headers");
    assert_eq!(rig.query(transaction_of(10)), Err(QueryError::TooOld(10)));
    assert_eq!(rig.query(transaction_of(300)), Err(QueryError::NotFinal(300)));
    assert_eq!(rig.query(transaction_of(301)), Err(QueryError::Unavailable));
    assert!(rig.caught().is_empty());
}

#[test]
fn a_liar_about_a_transaction_is_not_believed() {
    let (world, archive) = with_transactions(60);
    for seed in 0..40 {
        let mut rig = rig(&world, seed, vec![Manner::Honest(archive.clone())]);
        rig.run(secs(5));
        rig.relays.insert(RelayId(0), Manner::Flipping(archive.clone(), 1));
        if let Ok(Proven::Transaction(proven)) = rig.query(transaction_of(20)) {
            assert_eq!((proven.height, proven.index), (20, 0));
            assert_eq!(proven.raw, "transaction of 20");
        }
    }
}

#[test]
fn what_a_user_may_ask_is_bounded() {
    let (world, archive) = quiet(5);
    let mut rig = rig(&world, 1, vec![Manner::Silent]);
    let refused = |rig: &mut Rig, query: u64, what: Query| {
        rig.input(Input::Ask { query: QueryId(query), what });
        rig.effects.contains(&Effect::Answer { query: QueryId(query), result: Err(QueryError::TooMuch) })
    };
    assert!(refused(&mut rig, 0, Query::Storage(PLAIN, vec![B256::ZERO; 17])));
    assert!(refused(&mut rig, 1, Query::State(vec![Bytes::from(vec![0; 513])])));
    for query in 0..MAX_QUERIES as u64 {
        assert!(!refused(&mut rig, 100 + query, Query::Candidates));
    }
    assert!(refused(&mut rig, 2, Query::Candidates));
    for relay in 1..20 {
        rig.relays.insert(RelayId(relay), Manner::Honest(archive.clone()));
        rig.input(Input::RelayUp(RelayId(relay)));
    }
    assert_eq!(rig.light.relays().count(), MAX_RELAYS);
    rig.run(secs(20));
    let answered = rig
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Answer { result: Ok(proven), .. } if matches!(**proven, Proven::Candidates(..))));
    assert_eq!(answered.count(), MAX_QUERIES, "they waited for a head");
}
