use clap::ValueEnum;
use serde::Serialize;

/// What the peer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// One flipped bit in every piece it sends
    Corrupt,
    /// Frames without a payload in place of every frame it sends
    Zero,
    /// Takes requests and never answers
    Stall,
    /// Refuses what it announced, and announces it again
    Lie,
    /// Requests, messages and frames without end
    Flood,
    /// Records of segments to come, signed by another key, sent unasked and in answer
    ForgeRecords,
    /// Messages and fields of a protocol that does not exist yet; the rest is honest, and nobody may mind
    UnknownTags,
    /// Frames, messages, lists and lengths beyond their bounds, another kind on each link
    Oversize,
    /// Nothing: the control
    Honest,
}
