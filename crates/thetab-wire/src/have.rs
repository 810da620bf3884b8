//! Sets of sequence numbers and of pieces, as announced among peers.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{
    codec::{Decode, DecodeError, Encode, Value, put_varint, take_varint},
    id::PieceIndex,
    record::MAX_PIECES,
};

/// Widest span of one [`SequenceSet`]: first to last announced sequence.
pub const MAX_SPAN: u64 = 65_536;

/// Sequence numbers from here on cannot be announced: a span that starts there would leave 64 bits.
const END: u64 = u64::MAX - MAX_SPAN;

/// Media sequence numbers that lie within [`MAX_SPAN`] of each other.
///
/// Encoded as the shorter of run lengths and a bitmap, each from the first sequence: 1,500 segments never
/// take more than 200 bytes. Run lengths alternate, present first. Held as runs too, so that a few bytes
/// of a stranger never become thousands of numbers in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet {
    /// Ascending, none empty, none touching the next.
    runs: Vec<Range<u64>>,
}

impl SequenceSet {
    /// The newest of `sequences`, in any order, that lie within one span. Those from 2⁶⁴ − 65,537 on are left out.
    pub fn newest(sequences: impl IntoIterator<Item = u64>) -> SequenceSet {
        let mut sequences: Vec<u64> = sequences.into_iter().filter(|sequence| *sequence < END).collect();
        sequences.sort_unstable();
        let last = sequences.last().copied().unwrap_or(0);
        let mut set = SequenceSet::default();
        for sequence in sequences.into_iter().filter(|sequence| last - sequence < MAX_SPAN) {
            set.append(sequence..sequence + 1);
        }
        set
    }

    /// The sequence numbers, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.runs.iter().cloned().flatten()
    }

    /// Adds a run that starts in the last one or after it.
    fn append(&mut self, run: Range<u64>) {
        match self.runs.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            _ => self.runs.push(run),
        }
    }

    fn base(&self) -> Option<u64> {
        self.runs.first().map(|run| run.start)
    }

    fn encode_runs(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut end = self.base();
        for run in &self.runs {
            if let Some(end) = end.filter(|end| *end < run.start) {
                put_varint(run.start - end, &mut out);
            }
            put_varint(run.end - run.start, &mut out);
            end = Some(run.end);
        }
        out
    }

    fn encode_bitmap(&self) -> Vec<u8> {
        let mut bitmap = Vec::new();
        let base = self.base().unwrap_or(0);
        for sequence in self.iter() {
            set_bit(&mut bitmap, (sequence - base) as usize);
        }
        bitmap
    }
}

fn set_bit(bitmap: &mut Vec<u8>, index: usize) {
    if bitmap.len() <= index / 8 {
        bitmap.resize(index / 8 + 1, 0);
    }
    bitmap[index / 8] |= 1 << (index % 8);
}

fn bits(bitmap: &[u8]) -> impl Iterator<Item = usize> {
    (0..bitmap.len() * 8).filter(|index| bitmap[index / 8] >> (index % 8) & 1 == 1)
}

impl Encode for SequenceSet {
    fn encode_to(&self, out: &mut Vec<u8>) {
        let Some(base) = self.base() else { return };
        put_varint(base, out);
        let (runs, bitmap) = (self.encode_runs(), self.encode_bitmap());
        let (kind, body) = if runs.len() <= bitmap.len() { (0, runs) } else { (1, bitmap) };
        out.push(kind);
        out.extend_from_slice(&body);
    }
}

impl Decode for SequenceSet {
    fn decode(mut bytes: &[u8]) -> Result<SequenceSet, DecodeError> {
        if bytes.is_empty() {
            return Ok(SequenceSet::default());
        }
        let base = take_varint(&mut bytes)?;
        if base >= END {
            return Err(DecodeError::Bounds("sequence"));
        }
        let (&kind, body) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        match kind {
            0 => decode_runs(base, body),
            1 => decode_bitmap(base, body),
            _ => Err(DecodeError::Bounds("sequence set")),
        }
    }
}

fn decode_runs(base: u64, mut body: &[u8]) -> Result<SequenceSet, DecodeError> {
    let mut set = SequenceSet::default();
    let mut offset = 0u64;
    let mut present = true;
    while !body.is_empty() {
        let run = take_varint(&mut body)?;
        if run == 0 || run > MAX_SPAN - offset {
            return Err(DecodeError::Bounds("run"));
        }
        if present {
            set.append(base + offset..base + offset + run);
        }
        offset += run;
        present = !present;
    }
    if present {
        return Err(DecodeError::Truncated);
    }
    Ok(set)
}

fn decode_bitmap(base: u64, body: &[u8]) -> Result<SequenceSet, DecodeError> {
    let starts_and_ends = body.first().is_some_and(|byte| byte & 1 == 1) && body.last() != Some(&0);
    if body.len() as u64 * 8 > MAX_SPAN || !starts_and_ends {
        return Err(DecodeError::Bounds("sequence set"));
    }
    let mut set = SequenceSet::default();
    for index in bits(body) {
        let sequence = base + index as u64;
        set.append(sequence..sequence + 1);
    }
    Ok(set)
}

impl Value for SequenceSet {}

/// A set of pieces of one segment: bit `i` of byte `i / 8`, low bit first, without trailing zero bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceSet(Vec<u8>);

impl PieceSet {
    /// No pieces.
    pub const fn new() -> PieceSet {
        PieceSet(Vec::new())
    }

    /// Every piece of a segment of `count` pieces.
    pub fn full(count: PieceIndex) -> PieceSet {
        (0..count).collect()
    }

    /// Adds `piece`; false, and nothing done, beyond [`MAX_PIECES`].
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        let fits = usize::from(piece) < MAX_PIECES;
        if fits {
            set_bit(&mut self.0, usize::from(piece));
        }
        fits
    }

    /// Removes `piece`.
    pub fn remove(&mut self, piece: PieceIndex) {
        if let Some(byte) = self.0.get_mut(usize::from(piece) / 8) {
            *byte &= !(1 << (piece % 8));
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Whether `piece` is in the set.
    pub fn contains(&self, piece: PieceIndex) -> bool {
        self.0.get(usize::from(piece) / 8).is_some_and(|byte| byte >> (piece % 8) & 1 == 1)
    }

    /// The pieces, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> {
        bits(&self.0).map(|index| index as PieceIndex)
    }

    /// How many pieces.
    pub fn len(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<PieceIndex> for PieceSet {
    fn from_iter<I: IntoIterator<Item = PieceIndex>>(pieces: I) -> PieceSet {
        let mut set = PieceSet::new();
        for piece in pieces {
            set.insert(piece);
        }
        set
    }
}

impl Encode for PieceSet {
    fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Decode for PieceSet {
    fn decode(bytes: &[u8]) -> Result<PieceSet, DecodeError> {
        if bytes.len() * 8 > MAX_PIECES || bytes.last() == Some(&0) {
            return Err(DecodeError::Bounds("piece set"));
        }
        Ok(PieceSet(bytes.to_vec()))
    }
}

impl Value for PieceSet {}
