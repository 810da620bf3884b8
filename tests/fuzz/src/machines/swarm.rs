//! A swarm among peers and an origin that do as they please.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use thetab_sansio::{Instant, Machine as _};
use thetab_swarm::{Config, Effect, Input, PeerId, SharePolicy, Swarm};
use thetab_wire::{
    SegmentKind, SessionKey,
    bulk::BulkFrame,
    peer::{PeerMessage, Request},
};

use super::{
    origin::{Origin, Reply},
    stream,
};
use crate::{
    script::{Script, Steps},
    wire::{self, publisher},
};

const PEERS: usize = 6;
const LINKS: usize = 4;
/// Room for two video segments, so that scripts reach it.
const STORED_BYTES: usize = 300_000;

struct World {
    swarm: Swarm,
    now: Instant,
    origin: Origin,
    requests: Vec<(PeerId, Request)>,
    banned: BTreeMap<PeerId, Instant>,
    uploads: bool,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> World {
    let mut script = Script::new(bytes);
    let mut world = World::new(script.byte());
    while let Some(step) = script.step() {
        world.step(step, &mut script);
    }
    world.end();
    world
}

fn peer(number: usize) -> PeerId {
    SessionKey([number as u8 + 1; 32])
}

impl World {
    fn new(kind: u8) -> World {
        let (_, publisher, presentation) = publisher();
        let config = Config {
            seed: [3; 32],
            presentation,
            publisher,
            local: SessionKey([200; 32]),
            live: kind % 2 == 1,
            memory_limit_bytes: STORED_BYTES,
            prefetch_horizon_ms: 8_000,
            maximum_links: LINKS,
        };
        World {
            swarm: Swarm::new(config),
            now: Instant::ZERO,
            origin: Origin::default(),
            requests: Vec::new(),
            banned: BTreeMap::new(),
            uploads: false,
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 15 {
            0 => self.pass(Duration::from_millis(u64::from(script.byte()) * 20)),
            1 => self.input(Input::LinkUp { peer: peer(script.choice(PEERS)) }),
            2 => self.input(Input::LinkDown { peer: peer(script.choice(PEERS)) }),
            3 => {
                let (peer, message) = (peer(script.choice(PEERS)), Bytes::copy_from_slice(script.bytes()));
                self.input(Input::Control { peer, message });
            }
            4 => {
                let peer = peer(script.choice(PEERS));
                let message = stream::choose_message(script).encode().into();
                self.input(Input::Control { peer, message });
            }
            5 => {
                let (peer, frame) = (peer(script.choice(PEERS)), Bytes::copy_from_slice(script.bytes()));
                self.input(Input::Bulk { peer, frame });
            }
            6 => self.answer(script),
            7 => {
                let segment = stream::choose_segment(script);
                let deadline = self.now + Duration::from_millis(u64::from(script.byte()) * 100);
                let request = self.origin.want(segment);
                self.input(Input::Want { request, segment, deadline });
            }
            8 => {
                if let Some(request) = self.origin.abandon(script) {
                    self.input(Input::Abandon { request });
                }
            }
            9 => {
                let (sequence, last) = (u64::from(script.byte()) % 9, script.byte());
                let last_sequence = (last % 2 == 0).then_some(u64::from(last));
                self.input(Input::Playhead {
                    renditions: vec![0, 1],
                    sequence,
                    last_sequence,
                    paused: last == 1,
                });
            }
            10 | 11 => {
                for reply in self.origin.reply(script) {
                    self.reply(reply);
                }
            }
            12 => {
                let (flags, cap) = (script.byte(), u64::from(script.number()) * 1_000);
                let (download, upload) = (flags & 1 == 1, flags & 3 == 3);
                self.uploads = upload;
                self.input(Input::Share(SharePolicy { download, upload, upload_cap_bytes_per_second: cap }));
            }
            13 => {
                let segment = stream::choose_segment(script);
                let published = stream::segment(&segment).map(|found| found.payload.clone());
                let payload = published.unwrap_or_else(|| Bytes::copy_from_slice(script.bytes()));
                let payload = if script.byte() == 1 { stream::spoilt(&payload, 3) } else { payload };
                self.input(Input::Offered { segment, payload });
            }
            _ => {
                let buffered_bytes = usize::from(script.number()) * 16;
                self.input(Input::Buffered { peer: peer(script.choice(PEERS)), buffered_bytes });
            }
        }
    }

    fn answer(&mut self, script: &mut Script<'_>) {
        let (which, how) = (script.byte(), script.byte());
        let Some((peer, request)) =
            self.requests.get(usize::from(which) % self.requests.len().max(1)).cloned()
        else {
            return;
        };
        for frame in stream::answer(&request, how) {
            self.input(Input::Bulk { peer, frame });
        }
    }

    fn reply(&mut self, reply: Reply) {
        self.input(match reply {
            Reply::Data(fetch, payload) => Input::OriginData { fetch, payload },
            Reply::Records(fetch, page) => Input::Records { fetch, page },
            Reply::Ended(fetch, success) => Input::OriginEnded { fetch, success },
        });
    }

    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut turns = 0;
        while let Some(due) = self.swarm.poll_timeout().filter(|due| *due <= until) {
            turns += 1;
            assert!(turns < 5_000, "a timer is due again and again");
            self.now = self.now.max(due);
            self.swarm.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn input(&mut self, input: Input) {
        self.swarm.handle(self.now, input);
        self.drain();
        let wanted: u64 =
            self.origin.wants.values().filter_map(stream::segment).map(|s| s.payload.len() as u64).sum();
        let kept: u64 = stream::segments()
            .iter()
            .filter(|segment| segment.id.kind == SegmentKind::Init)
            .map(|segment| segment.payload.len() as u64)
            .sum();
        assert!(
            self.swarm.stats().stored_bytes <= STORED_BYTES as u64 + wanted + kept,
            "more is stored than may be"
        );
        assert!(self.swarm.stats().links as usize <= LINKS);
    }

    fn drain(&mut self) {
        let mut effects = 0;
        while let Some(effect) = self.swarm.poll_effect() {
            effects += 1;
            assert!(effects < 5_000, "one input has endless consequences");
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Deliver { request, pieces, .. } => self.origin.delivered(request, &pieces),
            Effect::PlainHttp { request } => self.origin.left_to_http(request),
            Effect::FetchOrigin { fetch, segment, range } => self.origin.fetch(fetch, segment, range),
            Effect::FetchRecords { fetch, rendition, page, .. } => {
                self.origin.fetch_records(fetch, rendition, page)
            }
            Effect::CancelFetch { fetch } => self.origin.cancel(fetch),
            Effect::SendControl { peer, message } => {
                assert!(
                    self.banned.get(&peer).is_none_or(|until| *until <= self.now),
                    "said to a banned peer"
                );
                let message =
                    PeerMessage::decode(&message).expect("what we write reads").expect("and is known");
                if let PeerMessage::Request(request) = message {
                    self.requests.push((peer, request));
                    self.requests.drain(..self.requests.len().saturating_sub(64));
                }
            }
            Effect::SendBulk { frame, .. } => {
                assert!(self.uploads, "given without a yes");
                assert!(stream::is_genuine(&BulkFrame::decode(&frame).expect("what we write reads")));
            }
            Effect::Ban { peer, duration, .. } => drop(self.banned.insert(peer, self.now + duration)),
            _ => {}
        }
    }

    /// The origin fails for good and time goes on: every want gets its answer.
    fn end(&mut self) {
        for _ in 0..90 {
            for reply in self.origin.fail() {
                self.reply(reply);
            }
            self.pass(Duration::from_secs(1));
            if self.origin.wants.is_empty() {
                return;
            }
        }
        panic!("these were never answered: {:?}", self.origin.wants);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    // Two peers, records from the origin, a want that a peer serves, one that the origin does.
    let start =
        || Steps::default().step(&[0]).step(&[12, 3, 100, 0]).step(&[9, 0, 8]).step(&[1, 0]).step(&[1, 1]);
    let shares = [4, 0, 1, 1, 0, 0, 0];
    let has_all = [4, 0, 2, 0, 0, 7, 0, 0];
    let served = start()
        .step(&shares)
        .step(&has_all)
        .step(&[7, 0, 80])
        .step(&[10, 0, 3])
        .step(&[0, 10])
        .step(&[6, 0, 0])
        .step(&[6, 1, 0])
        .step(&[6, 2, 0])
        .step(&[0, 250])
        .end();
    let by_origin =
        start().step(&[7, 1, 40]).step(&[10, 0, 3]).step(&[0, 100]).step(&[10, 0, 4]).step(&[0, 50]).end();
    let lying = start()
        .step(&shares)
        .step(&has_all)
        .step(&[7, 0, 80])
        .step(&[10, 0, 3])
        .step(&[6, 0, 4])
        .step(&[0, 50])
        .end();
    let asked = start()
        .step(&[13, 0, 0])
        .step(&[7, 0, 200])
        .step(&[10, 0, 3])
        .step(&[4, 0, 5, 1, 0, 3])
        .step(&[14, 0, 0, 0])
        .step(&[0, 200])
        .step(&[4, 0, 6, 1, 3])
        .end();
    let mut raw = start();
    for message in wire::peer_messages() {
        raw = raw.with(&[3, 0], &message.encode());
    }
    vec![served, by_origin, lying, asked, raw.with(&[5, 1], &[0; 12]).step(&[2, 0]).end()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_what_they_are_for() {
        let played: Vec<_> = seeds().iter().map(|seed| play(seed).swarm.stats()).collect();
        assert!(played[0].peer_bytes > 100_000, "{:?}", played[0]);
        assert!(played[1].origin_bytes > 100_000, "{:?}", played[1]);
        assert_eq!((played[2].rejected_pieces, played[2].banned_peers), (1, 1), "{:?}", played[2]);
        assert!(played[3].given_bytes > 100_000, "{:?}", played[3]);
        assert_eq!(played[4].banned_peers, 2, "{:?}", played[4]);
    }
}
