//! Tests of `severity`.
