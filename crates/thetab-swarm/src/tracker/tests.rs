//! What the tracker promises, tried.
