//! Supervised learners that know no domain: boosted trees, random forest, ridge, calibration, tree attributions.
//!
//! Input: a [`Table`] of numbers (NaN = missing) and classes or targets, settings and a seed.
//! Output: fitted, immutable models with probabilities, attributions that sum to the log-odds, and measures of quality.
//! Never: knows what a column means; reads the clock, a file or the network; lets a library panic reach the caller.
//!
//! The only place that speaks to `linfa` (on ndarray 0.16) and `smartcore`. Same input, settings and seed give the
//! same model: sums run in a fixed order over values rounded to a grid, and nothing iterates over a hash map.

mod boosting;
mod calibration;
mod challenger;
mod metrics;
mod rates;
mod ridge;
mod surrogate;
mod table;

pub use boosting::{
    Attribution, Booster, BoosterError, Fitted, History, Labelled, Objective, Params, ParamsError, Trend,
};
pub use calibration::Calibration;
pub use challenger::{Forest, ForestError, ForestParams};
pub use metrics::{
    ClassQuality, Quality, ReliabilityBin, average_precision, brier_score, calibration_error, log_loss, quality,
    recall_in_top, reliability,
};
pub use rates::{RateEncoder, RateError};
pub use ridge::{Ridge, RidgeError};
pub use surrogate::{Surrogate, SurrogateError};
pub use table::{Levels, Table, TableError, Targets};
