//! Real nodes at a real relay, all in this process: what one gets from the other, and what it does without a yes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod sharing;
mod support;
mod trouble;
