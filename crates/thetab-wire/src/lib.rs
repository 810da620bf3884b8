//! Messages among edge nodes and relays: versioned, bounded, fuzzed.
