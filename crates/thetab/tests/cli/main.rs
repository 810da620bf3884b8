//! The binary, as people type it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod edge;
mod help;
mod interrupt;
mod packaged;
mod publish;
mod refused;
mod relay;
mod settings;
mod support;
