//! The edge node as one machine without I/O.
