//! The host of an edge node on a server.
