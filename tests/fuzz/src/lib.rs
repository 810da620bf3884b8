//! Whether a stranger's bytes can break a decoder or a state machine.
//!
//! Every reader of bytes from outside is a [`Target`]: a plain function over bytes, with genuine inputs to
//! start from and the most memory that it may take. One table serves three uses. `cargo test` replays the
//! committed corpus; the `thetab-fuzz` program mutates it on stable, seeded; libFuzzer grows it on nightly.
//! A target fails by a panic, by a broken promise that it asserts, or by taking more memory than it may.

mod chain;
pub mod corpus;
mod machines;
pub mod mutate;
mod relay;
mod script;
mod types;
mod wire;

use std::{fmt, panic::AssertUnwindSafe};

/// One way in which strangers' bytes are read.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: the folder of its corpus.
    pub name: &'static str,
    /// Reads the bytes; panics when a promise does not hold.
    pub run: fn(&[u8]),
    /// Genuine inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The most memory that reading may take at a time.
    pub memory: Memory,
    /// The longest input worth trying, in bytes.
    pub longest: usize,
}

/// Heap bytes that a target may hold at a time: so many for each byte of input, and a fixed amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// For each byte of input.
    pub per_byte: u64,
    /// Whatever the input.
    pub fixed: u64,
}

impl Memory {
    /// For an input of `length` bytes.
    pub fn allowed(self, length: usize) -> u64 {
        self.per_byte.saturating_mul(length as u64).saturating_add(self.fixed)
    }
}

/// How a target failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It panicked; what it said.
    Panic(String),
    /// It took more memory than it may, in bytes.
    Memory {
        /// Held at a time.
        taken: u64,
        /// What it may hold.
        allowed: u64,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Panic(message) => write!(f, "panicked: {message}"),
            Failure::Memory { taken, allowed } => {
                write!(f, "took {taken} bytes of memory, may take {allowed}")
            }
        }
    }
}

impl Target {
    /// Runs the target on `input` and measures it.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn check(&self, input: &[u8]) -> Result<u64, Failure> {
        let mut outcome = Ok(());
        let measured = allocation_counter::measure(|| {
            outcome = std::panic::catch_unwind(AssertUnwindSafe(|| (self.run)(input)));
        });
        outcome.map_err(|panic| Failure::Panic(text_of(panic.as_ref())))?;
        let (taken, allowed) = (measured.bytes_max, self.memory.allowed(input.len()));
        if taken > allowed { Err(Failure::Memory { taken, allowed }) } else { Ok(taken) }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// Every target.
pub fn targets() -> Vec<Target> {
    [wire::TARGETS, types::TARGETS, chain::TARGETS, relay::TARGETS, machines::TARGETS].concat()
}

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}
