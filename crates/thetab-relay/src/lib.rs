//! Tracker, signalling and origin for edge nodes.
//!
//! A relay serves stored streams over HTTP, signs tickets and records for them, and introduces the nodes that
//! watch the same stream to each other. It never carries media between them, and what it passes between two
//! nodes is sealed. Decisions about who meets whom live in [`thetab_swarm::tracker`].

mod access;
mod app;
mod config;
mod connections;
mod error;
mod folders;
mod http;
mod keys;
mod limits;
mod live;
mod media_path;
mod metrics;
mod network;
mod origin;
mod packaged;
mod records;
mod server;
mod store;
mod stun;
pub mod untrusted;

pub use config::RelayConfig;
pub use folders::MadeFolders;
pub use keys::{KeyError, Keys, publisher_key};
pub use limits::LimitSettings;
pub use network::NetworkError;
pub use packaged::{PackageError, PackagedSource, check_name, publish_packaged};
pub use records::RecordsError;
pub use server::{Relay, StartError};
pub use store::{Kind, Manifest, Media, Presentation, Rendition, Store, is_name};
