//! Reads an input as a script: bytes choose what happens next to a state machine. Beyond the end, nothing does.

/// What is left of a script.
#[derive(Clone, Debug)]
pub(crate) struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Script<'a> {
        Script { rest: bytes }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next step; `None` at the end.
    pub(crate) fn step(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.step().unwrap_or(0)
    }

    /// One of `count` choices.
    pub(crate) fn choice(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// Heads or tails.
    pub(crate) fn flip(&mut self) -> bool {
        self.byte().is_multiple_of(2)
    }

    pub(crate) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A length, and that many bytes as far as there are.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.number()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }
}

/// Writes scripts, for the seeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps(Vec<u8>);

impl Steps {
    pub(crate) fn step(mut self, bytes: &[u8]) -> Steps {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A step that ends with a length and `bytes`.
    pub(crate) fn with(mut self, step: &[u8], bytes: &[u8]) -> Steps {
        self.0.extend_from_slice(step);
        let length = u16::try_from(bytes.len()).expect("a script's bytes fit two bytes of length");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.0
    }
}
