//! The reference cases, for tests.

use serde_json::Value;

/// Everything that `data/reference/evaluation/make.py` wrote.
fn all() -> Value {
    serde_json::from_str(include_str!("../../../data/reference/evaluation/cases.json")).expect("the cases are JSON")
}

pub(super) fn case(kind: &str) -> Value {
    all()[kind].clone()
}

pub(super) fn cases(kind: &str) -> Vec<Value> {
    all()[kind].as_array().cloned().unwrap_or_default()
}

pub(super) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().map(|v| v.as_f64().expect("a number")).collect()
}

pub(super) fn bools(value: &Value) -> Vec<bool> {
    value.as_array().expect("labels").iter().map(|v| v.as_u64() == Some(1)).collect()
}

pub(super) fn integer(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("small")
}

#[track_caller]
pub(super) fn close(got: f64, expected: f64, name: &Value) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{name}: got {got}, expected {expected}");
}

#[track_caller]
pub(super) fn close_option(got: Option<f64>, expected: &Value, name: &Value) {
    match (got, expected.as_f64()) {
        (None, None) => {}
        (Some(got), Some(expected)) => close(got, expected, name),
        (got, expected) => panic!("{name}: got {got:?}, expected {expected:?}"),
    }
}
