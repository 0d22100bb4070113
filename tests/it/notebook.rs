//! Tests of `notebook`.
