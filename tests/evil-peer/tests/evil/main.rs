//! An honest node beside an evil one, at a real relay: every byte is right, and the evil one is let go.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stories;
mod support;
