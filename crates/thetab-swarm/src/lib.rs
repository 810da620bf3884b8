//! Which peer serves which piece of a stream, and by when.
