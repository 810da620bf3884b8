//! Relays of every kind around the machine, in virtual time.

use core::time::Duration;
use std::{collections::BTreeMap, format, rc::Rc, vec, vec::Vec};

use bytes::Bytes;
use thetab_sansio::{Instant, Machine};
use thetab_types::{Address, B256, keys};
use thetab_wire::chain::{
    ChainAnswer, ChainRequest, Code, Guardians, Headers, State, Storage, Transaction, Unavailable,
};

use super::{
    fixture::{BASE, Fixture},
    raw_header,
    world::{BIRTH, CODE, World},
};
use crate::{Config, Effect, Input, Light, Proven, Query, QueryError, QueryId, RelayId, RequestId, UnixTime};

/// Something that can answer as a relay does, as far as it has come.
pub(crate) trait Archive {
    /// The answer at a time when blocks up to this height are there.
    fn answer(&self, height: u64, request: &ChainRequest) -> Option<ChainAnswer>;
}

/// One branch of a world.
pub(crate) struct Branch {
    pub(crate) world: Rc<World>,
    /// Its blocks, the lowest first.
    pub(crate) blocks: Vec<usize>,
}

impl Branch {
    pub(crate) fn to(world: &Rc<World>, tip: usize) -> Branch {
        let mut blocks: Vec<_> = core::iter::successors(Some(tip), |&b| world.made[b].parent).collect();
        blocks.reverse();
        Branch { world: world.clone(), blocks }
    }

    fn find(&self, hash: &[u8; 32]) -> Option<usize> {
        self.blocks.iter().copied().find(|&block| self.world.header(block).hash().0 == *hash)
    }

    fn at(&self, height: u64) -> Option<usize> {
        self.blocks.iter().copied().find(|&block| self.world.header(block).height == height)
    }

    /// The bundle for the highest block up to a height, below the tip.
    fn bundle(&self, height: u64, tip: u64) -> Option<ChainAnswer> {
        let height = height.min(tip.checked_sub(1)?);
        let children = self.blocks.windows(3).rev();
        let mut children = children.filter(|three| self.world.header(three[1]).height <= height);
        children.next().map(|three| self.world.bundle([three[0], three[1], three[2]]).into())
    }
}

impl Archive for Branch {
    fn answer(&self, tip: u64, request: &ChainRequest) -> Option<ChainAnswer> {
        let world = &self.world;
        let state = |block: &[u8; 32], keys: &[&[u8]]| {
            let nodes = world.proof(self.find(block)?, keys);
            Some(ChainAnswer::from(State { nodes }))
        };
        match request {
            ChainRequest::HeaderOf(ask) => {
                let header = raw_header(world.header(self.find(&ask.block)?));
                Some(Headers { headers: vec![header].try_into().unwrap() }.into())
            }
            ChainRequest::HeadersAt(ask) => {
                let heights = ask.from..ask.from + u64::from(ask.count);
                let headers = heights.filter_map(|height| self.at(height));
                let headers: Vec<_> = headers.map(|block| raw_header(world.header(block))).collect();
                Some(Headers { headers: headers.try_into().unwrap() }.into())
            }
            ChainRequest::BundleAt(ask) => self.bundle(ask.height.unwrap_or(u64::MAX), tip),
            ChainRequest::StateAt(ask) => {
                state(&ask.block, &ask.keys.iter().map(|key| &key[..]).collect::<Vec<_>>())
            }
            ChainRequest::StakeHeightsAt(ask) => state(&ask.block, &[keys::STAKE_HEIGHTS]),
            ChainRequest::StorageAt(ask) => {
                let block = self.find(&ask.block)?;
                let address = Address::from(ask.address);
                let slots: Vec<_> = ask.slots.iter().map(|slot| B256::new(*slot)).collect();
                let account = world.proof(block, &[&keys::account(&address)]);
                Some(Storage { account, slots: world.storage_proof(block, &address, &slots) }.into())
            }
            ChainRequest::CodeOf(_) => Some(Code { code: CODE.to_vec().try_into().unwrap() }.into()),
            ChainRequest::TransactionOf(ask) => self.transaction(&ask.hash),
            ChainRequest::GuardiansAt(_) => None,
        }
    }
}

impl Branch {
    fn transaction(&self, hash: &[u8; 32]) -> Option<ChainAnswer> {
        self.blocks.iter().find_map(|&block| {
            let raws = &self.world.made[block].transactions;
            let index = raws.iter().position(|raw| thetab_types::keccak256(raw).0 == *hash)?;
            let answer = Transaction {
                header: raw_header(self.world.header(block)),
                index: index as u32,
                raw: raws[index].to_vec().try_into().unwrap(),
                nodes: self.world.transaction_proof(block, index as u64),
            };
            Some(answer.into())
        })
    }
}

/// The recorded chain answers with what its file has proofs of.
impl Archive for Fixture {
    fn answer(&self, _tip: u64, request: &ChainRequest) -> Option<ChainAnswer> {
        let find = |hash: &[u8; 32]| self.blocks.iter().position(|block| block.header.hash().0 == *hash);
        let headers = |list: Vec<_>| Some(Headers { headers: list.try_into().unwrap() }.into());
        match request {
            ChainRequest::HeaderOf(ask) => headers(vec![raw_header(self.header(find(&ask.block)?))]),
            ChainRequest::HeadersAt(ask) => {
                let first = (ask.from - BASE) as usize;
                headers((first..first + usize::from(ask.count)).map(|n| raw_header(self.header(n))).collect())
            }
            ChainRequest::BundleAt(ask) => {
                let height = ask.height.unwrap_or(u64::MAX);
                let mut bundles = (0..103).rev().filter_map(|number| self.bundle(number));
                let at_most = |raw: &[u8]| {
                    thetab_types::Header::decode(raw, &self.profile.forks).unwrap().height <= height
                };
                bundles.find(|bundle| at_most(&bundle.block)).map(Into::into)
            }
            ChainRequest::StateAt(ask) => {
                let proof = self.proof(find(&ask.block)? as u64, ask.keys.first()?)?;
                Some(State { nodes: proof.nodes.clone() }.into())
            }
            ChainRequest::GuardiansAt(ask) => {
                let number = ask.height - BASE;
                let header = self.header((self.guardian_header_height - BASE) as usize);
                let pool = self.proof(number, keys::GUARDIANS)?.nodes.clone();
                let checkpoint = raw_header(self.header(number as usize));
                Some(Guardians { checkpoint, header: raw_header(header), pool }.into())
            }
            _ => None,
        }
    }
}

/// How a relay behaves.
#[derive(Clone)]
pub(crate) enum Manner {
    /// As it should.
    Honest(Rc<dyn Archive>),
    /// So many blocks behind.
    Lagging(Rc<dyn Archive>, u64),
    /// As it should, but it flips a bit of each answer whose number divides by this.
    Flipping(Rc<dyn Archive>, u64),
    /// It answers each question three times, and questions that nobody asked.
    Flooding(Rc<dyn Archive>),
    /// It answers with random bytes.
    Garbage,
    /// It has nothing.
    Empty,
    /// It answers the question before.
    Late(Rc<dyn Archive>),
    /// It does not answer.
    Silent,
}

pub(crate) struct Rig {
    pub(crate) light: Light,
    pub(crate) now: Instant,
    pub(crate) relays: BTreeMap<RelayId, Manner>,
    /// The height of the chain's tip when the rig began, and how many blocks it grows in a minute.
    pub(crate) tip: u64,
    pub(crate) growth: u64,
    /// Answers under way.
    arriving: Vec<(Instant, RequestId, Option<Bytes>)>,
    before: BTreeMap<RelayId, ChainRequest>,
    random: u64,
    pub(crate) effects: Vec<Effect>,
    pub(crate) asked: Vec<(RelayId, ChainRequest)>,
}

pub(crate) const REFRESH: Duration = Duration::from_secs(6);

impl Rig {
    pub(crate) fn new(light: Light, seed: u64, clock: UnixTime, relays: Vec<Manner>) -> Rig {
        let mut rig = Rig {
            light,
            now: Instant::ZERO,
            relays: (0u32..).map(RelayId).zip(relays).collect(),
            tip: u64::MAX,
            growth: 0,
            arriving: vec![],
            before: BTreeMap::new(),
            random: seed,
            effects: vec![],
            asked: vec![],
        };
        let ids: Vec<_> = rig.relays.keys().copied().collect();
        ids.into_iter().for_each(|relay| rig.input(Input::RelayUp(relay)));
        rig.input(Input::Clock(clock));
        rig
    }

    pub(crate) fn config(world: &World) -> Config {
        let header = world.header(0);
        Config {
            profile: world.profile.clone(),
            checkpoint: crate::Checkpoint { hash: header.hash(), time: UnixTime::from_secs(BIRTH) },
            refresh: REFRESH,
            patience: Duration::from_secs(5),
        }
    }

    /// A number below a bound; the same for the same seed.
    fn draw(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.light.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.light.poll_effect() {
            if let Effect::Request { relay, request, what } = &effect {
                self.asked.push((*relay, what.clone()));
                self.serve(*relay, *request, what.clone());
            }
            self.effects.push(effect);
        }
    }

    fn serve(&mut self, relay: RelayId, request: RequestId, what: ChainRequest) {
        let minutes = self.now.since_start().as_secs() / 60;
        let tip = self.tip.saturating_add(self.growth * minutes);
        let nothing = || {
            let code = thetab_wire::codec::Text::try_from("unknown_block").unwrap();
            ChainAnswer::from(Unavailable { code, message: Default::default() })
        };
        let Some(manner) = self.relays.get(&relay).cloned() else { return };
        let before = self.before.insert(relay, what.clone());
        let from = |archive: &Rc<dyn Archive>, tip, what: &ChainRequest| {
            archive.answer(tip, what).unwrap_or_else(nothing).encode()
        };
        let mut answers = match &manner {
            Manner::Silent => return,
            Manner::Empty => vec![nothing().encode()],
            Manner::Honest(archive) => vec![from(archive, tip, &what)],
            Manner::Lagging(archive, blocks) => vec![from(archive, tip.saturating_sub(*blocks), &what)],
            Manner::Late(archive) => vec![from(archive, tip, before.as_ref().unwrap_or(&what))],
            Manner::Flooding(archive) => vec![from(archive, tip, &what); 3],
            Manner::Flipping(archive, _) => vec![from(archive, tip, &what)],
            Manner::Garbage => {
                let length = self.draw(200);
                vec![(0..length).map(|_| self.draw(256) as u8).collect()]
            }
        };
        if let Manner::Flipping(_, every) = manner
            && (self.asked.len() as u64).is_multiple_of(every)
        {
            let place = self.draw(answers[0].len() as u64) as usize;
            answers[0][place] ^= 1 << self.draw(8);
        }
        for answer in answers {
            let at = self.now + Duration::from_millis(20 + self.draw(400));
            self.arriving.push((at, request, Some(answer.into())));
            if let Manner::Flooding(_) = manner {
                let unasked = RequestId(1_000_000 + self.draw(1000));
                self.arriving.push((at, unasked, Some(Bytes::from_static(b"flood"))));
            }
        }
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let arrival = self.arriving.iter().map(|(at, ..)| *at).min();
            let next = [arrival, self.light.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            self.now = next.max(self.now);
            match self.arriving.iter().position(|(at, ..)| *at <= self.now) {
                Some(place) if arrival == Some(next) => {
                    let (_, request, bytes) = self.arriving.remove(place);
                    self.input(match bytes {
                        Some(bytes) => Input::Answered { request, bytes },
                        None => Input::Failed { request },
                    });
                }
                _ => {
                    self.light.handle_timeout(self.now);
                    self.drain();
                }
            }
        }
        self.now = until;
    }

    pub(crate) fn head(&self) -> Option<u64> {
        Some(self.light.trust()?.head()?.header().height)
    }

    /// Asks, waits, and gives the answer.
    pub(crate) fn query(&mut self, what: Query) -> Result<Proven, QueryError> {
        let query = QueryId(self.asked.len() as u64);
        self.input(Input::Ask { query, what });
        self.run(Duration::from_secs(40));
        let answer = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Answer { query: answered, result } if *answered == query => {
                Some(result.clone().map(|proven| *proven))
            }
            _ => None,
        });
        answer.unwrap_or_else(|| panic!("{}", format!("no answer to {query:?}")))
    }

    /// What the relays were caught at.
    pub(crate) fn caught(&self) -> Vec<(RelayId, &crate::Distrust)> {
        let caught = |effect: &'_ Effect| matches!(effect, Effect::Distrust { .. });
        let effects = self.effects.iter().filter(|effect| caught(effect));
        effects
            .filter_map(|effect| match effect {
                Effect::Distrust { relay, reason, .. } => Some((*relay, reason)),
                _ => None,
            })
            .collect()
    }
}
