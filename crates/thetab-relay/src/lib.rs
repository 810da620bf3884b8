//! Tracker, signalling and origin for edge nodes.
