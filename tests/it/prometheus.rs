//! Tests of `prometheus`.
