//! A whole relay, asked over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod app;
mod identity;
mod limits;
mod live;
mod media;
mod names;
mod records;
mod replace;
mod shutdown;
mod stun;
mod support;
mod tls;
mod tracker;
