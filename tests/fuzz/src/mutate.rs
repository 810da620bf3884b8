//! Damages inputs at random: what libFuzzer does, without its eyes. Equal seeds give equal inputs.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// Numbers at which lengths and counts go wrong.
const EDGES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x101,
    0x3fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX >> 1,
    u64::MAX,
];

/// A source of damaged inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    random: ChaCha8Rng,
    longest: usize,
}

impl Mutator {
    /// Inputs of at most `longest` bytes, chosen by `seed`.
    pub fn new(seed: u64, longest: usize) -> Mutator {
        Mutator { random: ChaCha8Rng::seed_from_u64(seed), longest }
    }

    /// One of `corpus`, damaged one to eight times. An empty corpus is as good as one empty input.
    pub fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(corpus).cloned().unwrap_or_default();
        for _ in 0..=self.below(8) {
            self.damage(&mut input, corpus);
        }
        input.truncate(self.longest);
        input
    }

    fn damage(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = self.below(input.len() + 1);
        match self.below(11) {
            0 => self.set(input, place, |byte, random| byte ^ (1 << (random % 8))),
            1 => self.set(input, place, |_, random| random as u8),
            2 => self.set(input, place, |byte, random| byte.wrapping_add((random % 7) as u8).wrapping_sub(3)),
            3 => input.truncate(place),
            4 => {
                let end = (place + 1 + self.below(16)).min(input.len());
                input.drain(place.min(end)..end);
            }
            5 => {
                let bytes: Vec<u8> = (0..=self.below(16)).map(|_| self.random.next_u32() as u8).collect();
                self.insert(input, place, &bytes);
            }
            6 => {
                let end = (place + self.below(64)).min(input.len());
                let copy = input[place..end].to_vec();
                self.insert(input, place, &copy);
            }
            7 => {
                let other = self.one_of(corpus).cloned().unwrap_or_default();
                let (from, to) = (self.below(other.len() + 1), self.below(other.len() + 1));
                let (from, to) = (from.min(to), from.max(to));
                self.insert(input, place, &other[from..to]);
            }
            8 => {
                let edge = self.edge();
                let mut varint = Vec::new();
                thetab_wire::codec::put_varint(edge, &mut varint);
                self.overwrite(input, place, &varint);
            }
            9 => {
                let width = [1, 2, 4, 8][self.below(4)];
                let (edge, big_endian) = (self.edge(), self.below(2) == 0);
                let (little, big) = (edge.to_le_bytes(), edge.to_be_bytes());
                self.overwrite(input, place, if big_endian { &big[8 - width..] } else { &little[..width] });
            }
            _ => {
                let byte = input.get(place).copied().unwrap_or(0);
                let run = vec![byte; 1 << self.below(9)];
                self.insert(input, place, &run);
            }
        }
    }

    fn set(&mut self, input: &mut [u8], place: usize, change: impl Fn(u8, u32) -> u8) {
        let random = self.random.next_u32();
        if let Some(byte) = input.get_mut(place) {
            *byte = change(*byte, random);
        }
    }

    fn insert(&mut self, input: &mut Vec<u8>, place: usize, bytes: &[u8]) {
        let room = self.longest.saturating_sub(input.len()).min(bytes.len());
        input.splice(place..place, bytes[..room].iter().copied());
    }

    fn overwrite(&mut self, input: &mut Vec<u8>, place: usize, bytes: &[u8]) {
        let end = (place + bytes.len()).min(input.len());
        input.splice(place..end, bytes.iter().copied());
    }

    fn edge(&mut self) -> u64 {
        EDGES[self.below(EDGES.len())]
    }

    fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(items.len().max(1));
        items.get(place)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound.max(1) as u64) as usize
    }
}
