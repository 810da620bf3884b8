//! The host of an edge node in a browser tab.
