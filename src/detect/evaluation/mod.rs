//! How good scores are, judged against labels.
//!
//! Input: labels, scores and alarms of series, point by point; values for the baselines. Labels are for judging only:
//! nothing here hands them to a detector.
//! Output: [`Figures`] of one detector over many series, [`SeriesFigures`] of one, the curves behind them, the scores of
//! the [`Baseline`] detectors.
//! Never: adjusts a point to its event (a random score looks good then); never chooses a threshold by the labels, except
//! in the figures that say so ([`best_f1`], [`recall_within`]).
//!
//! All metrics take arrays that are already cut to the judged part. A NaN score counts as the lowest. Definitions and
//! reference values: `data/reference/evaluation/make.py`.

mod baselines;
mod budget;
mod curves;
mod events;
mod figures;
#[cfg(test)]
mod fixtures;
mod isolation;
mod nab;
mod rolling;
mod vus;

pub use baselines::{Baseline, BaselineError};
pub use budget::{BudgetCheck, BudgetVerdict, poisson_interval};
pub use curves::{CurvePoint, Pooled, average_precision, best_f1, precision_at, quantile, recall_curve, recall_within};
pub use events::{EventStatistics, Span, event_statistics, merging_gap, runs, spans, tail_threshold};
pub use figures::{Figures, Judgement, SeriesFigures};
pub use nab::{NabFile, NabScores, nab_scores};
pub use vus::{dominant_period, vus_pr};
