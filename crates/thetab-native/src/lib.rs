//! The host of an edge node on a server: Tokio, webrtc-rs and libp2p around the same node that a tab runs.
//!
//! Why a crate of its own: a server lends a node its sockets, its clock and its disk, which a tab does not have.
//! What to do with them is decided by [`thetab_node::Node`]; this crate carries out each of its effects and
//! reports each of its inputs, and decides nothing. [`EdgeNode`] is its handle; [`Viewer`] asks it for segments
//! as a player would.
//!
//! Promises: a load that was begun is answered, whatever happens; after [`EdgeNode::shut_down`] no connection,
//! request or task of the node is left; no address is logged at `info` or above.
//!
//! # Threat model
//!
//! - **Peers** send whatever they like on two channels that both ends create by themselves. A message above the
//!   protocol's size, or text, reaches the node as an empty one, and the node judges its sender by that. What
//!   a peer sends faster than the node works waits in the peer's own window; a peer that does not read is let go.
//! - **The relay** is authenticated by the peer id that its HTTP API names: the URL is where trust begins. It
//!   chooses the STUN server; no other is asked. A relay that is not on this machine is never dialled on loopback.
//! - **The origin** may answer anything: bodies are read up to what was asked for, and one that stalls is given up.
//! - Left out: other programs of the same user, and what a peer learns from this node's address once a yes was given.

mod connection;
mod fetches;
mod host;
mod links;
mod loads;
mod node;
mod options;
mod origin;
mod playlist;
mod relay_line;
mod routes;
mod stream;
mod viewer;

pub use loads::{LoadError, LoadedSegment};
pub use node::{EdgeNode, Problem, StartError};
pub use options::NodeOptions;
pub use origin::HttpError;
pub use playlist::{Playlist, PlaylistSegment};
pub use reqwest::Url;
pub use stream::{RenditionInfo, StreamInfo};
pub use viewer::{Viewer, Watched};
