//! One validated, immutable settings value.
