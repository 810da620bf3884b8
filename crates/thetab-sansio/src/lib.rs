//! State machines without I/O, and the one loop that drives them.
