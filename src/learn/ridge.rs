//! Ridge regression (smartcore) on columns standardised by linfa-preprocessing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use linfa::prelude::{Fit, Transformer};
use linfa_preprocessing::linear_scaling::LinearScaler;
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};

/// A fitted linear model `intercept + Σ coefficient × value`, in the units of the columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ridge {
    /// Value where every column is 0.
    pub intercept: f64,
    /// Per column, in the unit of the target per unit of the column; 0 for a column that did not vary.
    pub coefficients: Vec<f64>,
    /// Standard deviation of the residuals over the training rows, in the unit of the target.
    pub residual_deviation: f64,
}

/// Why no line could be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RidgeError {
    /// Columns of unequal length.
    #[error("every column must have {needed} rows like the target, got {got}")]
    Ragged {
        /// Rows of the column.
        got: usize,
        /// Rows of the target.
        needed: usize,
    },
    /// Too few rows.
    #[error("ridge regression over {columns} columns needs more than {columns} rows, got {rows}")]
    TooFewRows {
        /// Rows.
        rows: usize,
        /// Columns that vary.
        columns: usize,
    },
    /// A value that is not finite, or larger than 1e150.
    #[error("values must be finite and at most 1e150 in size, got {0}")]
    Value(f64),
    /// The penalty is out of range.
    #[error("alpha must be in (0, 1e12], got {0}")]
    Alpha(f64),
    /// The library refused or panicked.
    #[error("ridge regression failed: {0}")]
    Library(String),
}

impl Ridge {
    /// Fits `target` by the `columns`, each of the target's length. `alpha` is the L2 penalty on coefficients of
    /// columns with mean 0 and deviation 1, so its meaning does not depend on units. Columns that do not vary get 0.
    ///
    /// O(rows × columns² + columns³). NaN is refused.
    ///
    /// # Errors
    /// Unequal lengths, not more rows than columns that vary, a value that is not finite or beyond 1e150, alpha out of
    /// range, a failure of the library.
    pub fn fit(columns: &[Vec<f64>], target: &[f64], alpha: f64) -> Result<Self, RidgeError> {
        if !(alpha > 0.0 && alpha <= 1e12) {
            return Err(RidgeError::Alpha(alpha));
        }
        if let Some(column) = columns.iter().find(|column| column.len() != target.len()) {
            return Err(RidgeError::Ragged { got: column.len(), needed: target.len() });
        }
        if let Some(value) = columns.iter().flatten().chain(target).find(|value| value.is_nan() || value.abs() > 1e150)
        {
            return Err(RidgeError::Value(*value));
        }
        let varying: Vec<usize> = (0..columns.len()).filter(|index| varies(&columns[*index])).collect();
        if target.len() <= varying.len() || target.is_empty() {
            return Err(RidgeError::TooFewRows { rows: target.len(), columns: varying.len() });
        }
        let mean = target.iter().map(|value| value / target.len() as f64).sum::<f64>();
        let mut ridge = Self { intercept: mean, coefficients: vec![0.0; columns.len()], residual_deviation: 0.0 };
        if !varying.is_empty() {
            ridge.solve(columns, &varying, target, alpha)?;
        }
        ridge.residual_deviation = ridge.deviation(columns, target, varying.len());
        Ok(ridge)
    }

    /// The value for a row; a missing or absent column counts as 0, so fill it beforehand.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept
            + self.coefficients.iter().zip(row).filter(|(_, x)| x.is_finite()).map(|(b, x)| b * x).sum::<f64>()
    }

    fn solve(&mut self, columns: &[Vec<f64>], varying: &[usize], target: &[f64], alpha: f64) -> Result<(), RidgeError> {
        let (rows, mean) = (target.len(), self.intercept);
        let sizes: Vec<f64> = varying.iter().map(|index| largest(&columns[*index])).collect();
        let scale = largest(target);
        let Standardised { values, offsets, scales } = standardised(columns, varying, &sizes)?;
        let x = DenseMatrix::new(rows, varying.len(), values, false).map_err(library)?;
        let y: Vec<f64> = target.iter().map(|value| (value - mean) / scale).collect();
        let mut params = RidgeRegressionParameters::default().with_alpha(alpha);
        params.normalize = false;
        let model = catch_unwind(AssertUnwindSafe(|| RidgeRegression::fit(&x, &y, params)))
            .map_err(|_| RidgeError::Library("the library panicked".to_owned()))?
            .map_err(library)?;
        for (k, index) in varying.iter().enumerate() {
            let slope = *model.coefficients().get((k, 0)) * scales[k] * scale;
            self.coefficients[*index] = slope / sizes[k];
            self.intercept -= slope * offsets[k];
        }
        if self.intercept.is_finite() && self.coefficients.iter().all(|b| b.is_finite()) {
            Ok(())
        } else {
            Err(RidgeError::Library("the solution is not finite".to_owned()))
        }
    }

    fn deviation(&self, columns: &[Vec<f64>], target: &[f64], used: usize) -> f64 {
        let free = target.len().saturating_sub(used + 1).max(1) as f64;
        let errors = target.iter().enumerate().map(|(row, value)| {
            let row: Vec<f64> = columns.iter().map(|column| column[row]).collect();
            value - self.predict(&row)
        });
        errors.map(|error| error * error / free).sum::<f64>().sqrt()
    }
}

/// Standardised columns, row by row: `(value / size - offset) × scale`.
struct Standardised {
    values: Vec<f64>,
    offsets: Vec<f64>,
    scales: Vec<f64>,
}

/// Columns divided by their size and standardised by linfa.
fn standardised(columns: &[Vec<f64>], varying: &[usize], sizes: &[f64]) -> Result<Standardised, RidgeError> {
    let rows = columns[varying[0]].len();
    let values = linfa_nd::Array2::from_shape_fn((rows, varying.len()), |(row, k)| columns[varying[k]][row] / sizes[k]);
    let dataset = linfa::DatasetBase::from(values);
    let scaler = catch_unwind(AssertUnwindSafe(|| LinearScaler::standard().fit(&dataset)))
        .map_err(|_| RidgeError::Library("the scaler panicked".to_owned()))?
        .map_err(|error| RidgeError::Library(error.to_string()))?;
    let scaled = scaler.transform(dataset);
    Ok(Standardised {
        values: scaled.records().iter().copied().collect(),
        offsets: scaler.offsets().to_vec(),
        scales: scaler.scales().to_vec(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn library(error: smartcore::error::Failed) -> RidgeError {
    RidgeError::Library(error.to_string())
}

/// Largest size, 1 if all are 0.
fn largest(values: &[f64]) -> f64 {
    let size = values.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
    if size > 0.0 { size } else { 1.0 }
}

/// Whether the column varies by more than rounding.
fn varies(column: &[f64]) -> bool {
    let (low, high) =
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    high - low > largest(column) * 1e-12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{got} instead of {want}");
    }

    #[test]
    fn a_line_is_found_in_the_units_of_its_columns() {
        let x: Vec<f64> = (0..50).map(|i| f64::from(i) * 1e9).collect();
        let z: Vec<f64> = (0..50).map(|i| f64::from(i * i % 7)).collect();
        let y: Vec<f64> = x.iter().zip(&z).map(|(x, z)| 3.0 + 2e-9 * x - 5.0 * z).collect();
        let ridge = Ridge::fit(&[x, vec![4.0; 50], z], &y, 1e-9).unwrap();
        near(ridge.intercept, 3.0);
        near(ridge.coefficients[0] * 1e9, 2.0);
        near(ridge.coefficients[1], 0.0);
        near(ridge.coefficients[2], -5.0);
        near(ridge.predict(&[1e9, 4.0, 1.0]), 0.0);
        assert!(ridge.residual_deviation < 1e-5);
    }

    /// scikit-learn 1.9.1 `Ridge(alpha)` on columns standardised by `StandardScaler`, see `data/reference/boosting/make.py`.
    #[test]
    fn shrinkage_is_that_of_scikit_learn() {
        let x = vec![1.0, 2.0, 3.0, 4.0, 6.0];
        let z = vec![2.0, 1.0, 0.5, 3.0, 2.5];
        let ridge = Ridge::fit(&[x, z], &[1.0, 3.0, 2.0, 5.0, 7.0], 2.0).unwrap();
        near(ridge.coefficients[0], RIDGE_X);
        near(ridge.coefficients[1], RIDGE_Z);
        near(ridge.intercept, RIDGE_0);
    }
    const RIDGE_X: f64 = 0.740_046_323_8;
    const RIDGE_Z: f64 = 0.558_443_289_4;
    const RIDGE_0: f64 = 0.226_653_843_0;

    #[test]
    fn bad_input_is_refused_with_its_reason() {
        let check = |columns: &[Vec<f64>], target: &[f64], alpha: f64, says: &str| {
            assert_eq!(Ridge::fit(columns, target, alpha).unwrap_err().to_string(), says);
        };
        check(&[], &[], 1.0, "ridge regression over 0 columns needs more than 0 rows, got 0");
        check(&[vec![1.0]], &[1.0, 2.0], 1.0, "every column must have 2 rows like the target, got 1");
        check(&[vec![f64::NAN]], &[1.0], 1.0, "values must be finite and at most 1e150 in size, got NaN");
        check(&[vec![1.0, 2.0]], &[1.0, 2.0], f64::NAN, "alpha must be in (0, 1e12], got NaN");
        check(
            &[vec![1.0, 2.0], vec![2.0, 1.0]],
            &[1.0, 2.0],
            1.0,
            "ridge regression over 2 columns needs more than 2 rows, got 2",
        );
    }

    #[test]
    fn constant_and_extreme_columns_do_no_harm() {
        near(Ridge::fit(&[vec![5.0; 3]], &[1.0, 2.0, 3.0], 1.0).unwrap().predict(&[5.0]), 2.0);
        near(Ridge::fit(&[], &[1.0, 2.0], 1.0).unwrap().predict(&[]), 1.5);
        let big = Ridge::fit(&[vec![1e150, -1e150, 0.0, 5e149]], &[1e150, -1e150, 0.0, 5e149], 1e-9).unwrap();
        near(big.coefficients[0], 1.0);
    }
}
