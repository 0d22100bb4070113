//! Tests of `forecast`.
