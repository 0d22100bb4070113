//! Many values into one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clamp_magnitude;

/// How the values of a longer step come from those of a shorter one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Arithmetic mean.
    #[default]
    Mean,
    /// Largest value.
    Max,
    /// Smallest value.
    Min,
    /// Latest value.
    Last,
    /// Sum; a step with some values missing sums the others.
    Sum,
}

/// Why a text names no aggregate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("aggregate must be one of mean, max, min, last, sum, got `{0}`")]
pub struct AggregateError(pub String);

impl Aggregate {
    /// The aggregate of `values` in time order, over those that are finite; NaN when none is.
    ///
    /// Values beyond ±[`MAX_MAGNITUDE`](super::MAX_MAGNITUDE) count as that, so the result is finite. O(n).
    #[must_use]
    pub fn apply(self, values: impl IntoIterator<Item = f64>) -> f64 {
        let (mut count, mut sum, mut result) = (0_u32, 0.0, f64::NAN);
        for value in values.into_iter().filter(|v| v.is_finite()).map(clamp_magnitude) {
            count += 1;
            match self {
                Self::Mean | Self::Sum => sum += value,
                // `f64::max` and `f64::min` return the other operand when one is NaN, as the first `result` is
                Self::Max => result = value.max(result),
                Self::Min => result = value.min(result),
                Self::Last => result = value,
            }
        }
        match self {
            Self::Mean if count > 0 => sum / f64::from(count),
            Self::Sum if count > 0 => sum,
            _ => result,
        }
    }
}

impl FromStr for Aggregate {
    type Err = AggregateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mean" => Ok(Self::Mean),
            "max" => Ok(Self::Max),
            "min" => Ok(Self::Min),
            "last" => Ok(Self::Last),
            "sum" => Ok(Self::Sum),
            _ => Err(AggregateError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, values: &[f64], expected: f64) {
        let got = name.parse::<Aggregate>().expect("an aggregate").apply(values.iter().copied());
        assert!(got.total_cmp(&expected).is_eq(), "{name} of {values:?}: {got}, expected {expected}");
    }

    #[test]
    fn aggregates_skip_what_is_not_finite() {
        let values = [3.0, f64::NAN, 1.0, f64::INFINITY, 2.0, f64::NEG_INFINITY];
        check("mean", &values, 2.0);
        check("max", &values, 3.0);
        check("min", &values, 1.0);
        check("last", &values, 2.0);
        check("sum", &values, 6.0);
        check("mean", &[1e308; 4], 1e150);
        assert_eq!("median".parse::<Aggregate>().expect_err("unknown").to_string().split(',').count(), 6);
    }

    #[test]
    fn nothing_gives_nan() {
        for name in ["mean", "max", "min", "last", "sum"] {
            assert!(name.parse::<Aggregate>().expect("an aggregate").apply([f64::NAN]).is_nan(), "{name}");
        }
    }
}
