//! Categorical columns of many values as numbers: the smoothed rate of each class at each value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::Targets;

/// Turns the values of one categorical column into `n_classes - 1` log-rates and the logarithm of the value's count.
///
/// A value that was not seen gets the overall rates and a count of 0. Training rows are encoded by
/// [`RateEncoder::fit_in_order`] from the rows before them only, so that no row sees its own class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateEncoder {
    prior: Vec<f64>,
    smoothing: f64,
    counts: BTreeMap<String, Vec<f64>>,
}

/// Why rates cannot be learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RateError {
    /// A value per class is needed.
    #[error("{targets} rows have a class, {values} a value: they must be as many and at least one")]
    Rows {
        /// Number of values.
        values: usize,
        /// Number of classes given.
        targets: usize,
    },
    /// Smoothing out of range.
    #[error("smoothing must be in (0, 1e9], got {0}")]
    Smoothing(f64),
}

impl RateEncoder {
    /// Learns from rows in order of time; also returns the encoding of each row from the rows before it, column by
    /// column (`n_classes` columns). `smoothing` is how many rows the overall rate weighs. O(rows × classes).
    ///
    /// # Errors
    /// No rows, or not as many values as classes; smoothing not in (0, 1e9].
    pub fn fit_in_order(
        values: &[&str],
        targets: &Targets,
        smoothing: f64,
    ) -> Result<(Self, Vec<Vec<f64>>), RateError> {
        if values.len() != targets.classes().len() || values.is_empty() {
            return Err(RateError::Rows { values: values.len(), targets: targets.classes().len() });
        }
        if !(smoothing > 0.0 && smoothing <= 1e9) {
            return Err(RateError::Smoothing(smoothing));
        }
        let n_classes = targets.n_classes();
        let total = values.len() as f64 + n_classes as f64;
        let prior = targets.counts().into_iter().map(|count| (count as f64 + 1.0) / total).collect();
        let mut encoder = Self { prior, smoothing, counts: BTreeMap::new() };
        let mut columns = vec![Vec::with_capacity(values.len()); n_classes];
        for (value, class) in values.iter().zip(targets.classes()) {
            columns.iter_mut().zip(encoder.encode(value)).for_each(|(column, number)| column.push(number));
            encoder.counts.entry((*value).to_owned()).or_insert_with(|| vec![0.0; n_classes])[*class] += 1.0;
        }
        Ok((encoder, columns))
    }

    /// The numbers of a value: per class but the last the logarithm of its rate over the overall rate, then
    /// `ln(1 + count)`.
    #[must_use]
    pub fn encode(&self, value: &str) -> Vec<f64> {
        let none = vec![0.0; self.prior.len()];
        let counts = self.counts.get(value).unwrap_or(&none);
        let rows: f64 = counts.iter().sum();
        let rate =
            |(count, prior): (&f64, &f64)| ((count + self.smoothing * prior) / (rows + self.smoothing) / prior).ln();
        let rates = counts.iter().zip(&self.prior).take(self.prior.len().saturating_sub(1)).map(rate);
        rates.chain([rows.ln_1p()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_do_not_see_their_own_class_and_unseen_values_are_neutral() {
        let targets = Targets::new(vec![0, 0, 1, 0], 2).unwrap();
        let (encoder, columns) = RateEncoder::fit_in_order(&["a", "a", "b", "a"], &targets, 2.0).unwrap();
        assert!(columns[0][0].abs() < 1e-12);
        assert!(columns[0][1] > 0.0 && columns[0][3] > columns[0][1]);
        assert!((columns[1][3] - 2.0_f64.ln_1p()).abs() < 1e-12);
        assert_eq!(encoder.encode("new"), [0.0, 0.0]);
        assert!(encoder.encode("b")[0] < 0.0);
    }

    #[test]
    fn what_cannot_be_learned_is_refused() {
        let targets = Targets::new(vec![0], 2).unwrap();
        assert!(RateEncoder::fit_in_order(&[], &targets, 1.0).is_err());
        assert!(RateEncoder::fit_in_order(&["a"], &targets, f64::NAN).is_err());
    }
}
