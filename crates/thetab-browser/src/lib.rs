//! The host of an edge node in a browser tab.
//!
//! Why a crate of its own: a tab lends a node its network (libp2p to the relay, WebRTC to peers, `fetch` to the
//! origin), its clock and its storage, and all of that is JavaScript. What to do with them is decided by
//! [`thetab_node::Node`]; this crate carries out each of its effects and reports each of its inputs, and
//! compiles to nothing outside the browser. The page sees one class, `EdgeNode`, and plain data.
//!
//! Promises: a load that was begun is answered or rejected, whatever happens, a panic included; after `close`,
//! a panic or a page that goes away, no connection, request, timer or callback of the node is left; a call into
//! the page is never made from inside the module (the page may call back at once).
//!
//! # Threat model
//!
//! - **Peers** send whatever they like on two channels that both ends create by themselves; a third is
//!   ignored. Messages above the protocol's size are not copied in, the queue to the node is bounded, and a
//!   peer that does not read is let go. Everything else about peers is the node's to judge.
//! - **The relay** is authenticated by the peer id that its API names over the page's own origin; it sees
//!   the tab's address, its join ticket and sealed signalling. It chooses the STUN server; no other is asked. A page
//!   from the open internet never dials loopback, nor a private network while the relay has a public address.
//! - **The origin** may answer anything: bodies are read up to what was asked for, and a body that stalls is
//!   given up. Pieces and records are verified by the node.
//! - **The page** that loads the module is trusted with the visitor's answers, and no more than other scripts of its
//!   origin with the account key: that is kept for the relay's own pages only, sealed under a `CryptoKey` that
//!   cannot be exported. Copied storage does not open it; a script that runs on the origin can have it used.
//! - **Transport and session keys** live as long as the page and are stored nowhere, so that two visits cannot be
//!   linked by them. Nothing is logged: no address leaves this crate except to the peers and the relay concerned.
//! - Left out: other scripts in the same page, which can do all that the page can; the visitor's address, which
//!   peers see once a yes was given.
#![cfg(target_arch = "wasm32")]

mod account;
mod api;
mod clock;
mod connection;
mod error;
mod failure;
mod host;
mod http;
mod inputs;
mod loads;
mod options;
mod page;
mod relay;
mod snapshot;
mod task;

pub use api::{EdgeNode, FailureCallback, ProblemCallback, SnapshotCallback};
pub use options::NodeOptions;
