//! What a relay reads by itself.

use crate::Target;

pub(crate) const TARGETS: &[Target] = &[];
