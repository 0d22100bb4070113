//! Reference values in tests.

use serde_json::Value;

/// A JSON list of numbers.
pub(super) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
}
