//! Training of the severity model, and the report on how good it became.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::learn::{
    Booster, BoosterError, Calibration, Forest, Labelled, Objective, Quality, ReliabilityBin, Surrogate, Table,
    TableError, Targets, Trend, average_precision, brier_score, calibration_error, log_loss, quality, recall_in_top,
    reliability,
};

use super::dataset::LabelledAlert;
use super::features::{FEATURES, row};
use super::model::SeverityModel;
use super::settings::{SettingsError, TrainSettings};
use super::types::Severity;

/// A trained model and the report on it.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model.
    pub model: SeverityModel,
    /// How good it is.
    pub report: TrainReport,
}

/// How a model was trained and how good it is on rows that it has not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// Rows for fitting, for early stopping and calibration, and for this report.
    pub rows: [usize; 3],
    /// Rows per severity over all parts: critical, error, warning, info.
    pub rows_by_severity: [usize; 4],
    /// Whether the parts follow each other in time; otherwise rows were drawn, because some have no time.
    pub in_order_of_time: bool,
    /// Facts that no row knows: the model cannot use them.
    pub unknown_facts: Vec<String>,
    /// Rounds of boosting kept.
    pub rounds: usize,
    /// Measures on the test part.
    pub metrics: Metrics,
    /// Decisions on the test part by severity: confusion, precision, recall, F1.
    pub quality: Quality,
    /// Reliability of the probability of "critical or error" on the test part, in tenths.
    pub reliability: Vec<ReliabilityBin>,
    /// How the random forest did on the same rows, if one was asked for.
    pub challenger: Option<Challenger>,
    /// Mean absolute weight of each fact in the log-odds of critical, over up to 100 test rows, weightiest first.
    pub importance: Vec<(String, f64)>,
    /// Rules of a small tree that imitates the model, if it could be fitted.
    pub rules: Option<Rules>,
}

/// Measures on rows that the model has not seen. "Urgent" is critical or error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean negative log-probability of the true severity.
    pub log_loss: f64,
    /// The same when every row is given the shares of the fitting rows: what a model must beat.
    pub log_loss_of_shares: f64,
    /// Brier score, 0 to 2.
    pub brier: f64,
    /// Share of rows given their severity.
    pub accuracy: f64,
    /// Mean F1 over severities.
    pub macro_f1: f64,
    /// Expected calibration error of the most probable severity's probability, in tenths.
    pub calibration_error: f64,
    /// Expected calibration error of the probability of urgent, in tenths.
    pub urgent_calibration_error: f64,
    /// Average precision of urgent.
    pub urgent_average_precision: f64,
    /// Share of the urgent among the 5 % of rows with the highest probability of it.
    pub urgent_recall_in_top_5_percent: f64,
}

/// How the random forest did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Challenger {
    /// It was fitted and measured on the same rows.
    Measured {
        /// Share of rows given their severity.
        accuracy: f64,
        /// Mean F1 over severities.
        macro_f1: f64,
    },
    /// It failed; the model does not depend on it.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Rules that imitate the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Indented `if`/`else` text with thresholds in the units of the facts.
    pub text: String,
    /// Share of the fitting rows on which rules and model agree.
    pub fidelity: f64,
}

/// Why no model could be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A setting out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Too few rows.
    #[error("training needs at least {needed} labelled alerts, got {got}")]
    TooFewRows {
        /// Rows.
        got: usize,
        /// Rows needed.
        needed: usize,
    },
    /// Nothing to tell apart.
    #[error("training needs at least two severities among the earliest {rows} alerts, all of them are {severity}")]
    OneSeverity {
        /// The only one.
        severity: Severity,
        /// Rows for fitting.
        rows: usize,
    },
    /// A fact that is infinite.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The booster refused.
    #[error(transparent)]
    Booster(#[from] BoosterError),
}

/// One part of the rows.
struct Part {
    table: Table,
    targets: Targets,
}

/// Trains a model: fits on the earliest rows, stops and calibrates on later ones, and reports on the latest.
///
/// When a row has no time, parts are drawn at random with `seed` instead. Same rows, settings and seed give the same
/// model; only the printed rules may differ where the library finds two splits equally good.
///
/// O(rounds × rows) plus the challenger.
///
/// # Errors
/// [`TrainError`]: settings out of range, too few rows, only one severity in the fitting part.
pub fn train(rows: &[LabelledAlert], settings: &TrainSettings, seed: u64) -> Result<Trained, TrainError> {
    settings.check()?;
    if rows.len() < settings.min_rows {
        return Err(TrainError::TooFewRows { got: rows.len(), needed: settings.min_rows });
    }
    let (order, in_order_of_time) = order(rows, seed);
    let [fit, validation, test] = split(rows, &order, settings)?;
    let counts = fit.targets.counts();
    if let Some(only) = counts.iter().position(|count| *count == fit.table.n_rows()) {
        return Err(TrainError::OneSeverity { severity: Severity::ALL[only], rows: fit.table.n_rows() });
    }
    let trends: Vec<Trend> = FEATURES.iter().map(|feature| feature.trend).collect();
    let validation_part = Some(validation.labelled());
    let fitted = Booster::fit(Objective::Ordinal, fit.labelled(), validation_part, &trends, &settings.booster, seed)?;
    let scores: Vec<Vec<f64>> = validation.rows().map(|row| fitted.booster.scores(&row)).collect();
    let calibration = Calibration::fit(&scores, &validation.targets);
    let model = SeverityModel {
        version: settings.version.clone(),
        seed,
        rows: rows.len(),
        booster: fitted.booster,
        calibration,
    };
    let report = report(&model, [&fit, &validation, &test], in_order_of_time, settings);
    Ok(Trained { model, report })
}

impl Metrics {
    /// The measures by name, rounded to six decimals; those that are not finite are left out.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<String, f64> {
        let all = [
            ("log_loss", self.log_loss),
            ("log_loss_of_shares", self.log_loss_of_shares),
            ("brier", self.brier),
            ("accuracy", self.accuracy),
            ("macro_f1", self.macro_f1),
            ("calibration_error", self.calibration_error),
            ("urgent_calibration_error", self.urgent_calibration_error),
            ("urgent_average_precision", self.urgent_average_precision),
            ("urgent_recall_in_top_5_percent", self.urgent_recall_in_top_5_percent),
        ];
        let finite = all.into_iter().filter(|(_, value)| value.is_finite());
        finite.map(|(name, value)| (name.to_owned(), (value * 1e6).round() / 1e6)).collect()
    }
}

impl Part {
    const fn labelled(&self) -> Labelled<'_> {
        Labelled { table: &self.table, targets: &self.targets }
    }

    fn rows(&self) -> impl Iterator<Item = Vec<f64>> {
        (0..self.table.n_rows()).map(|index| self.table.row(index))
    }
}

/// The order of rows: by time if all have one, else drawn.
fn order(rows: &[LabelledAlert], seed: u64) -> (Vec<usize>, bool) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let timed = rows.iter().all(|row| row.time.is_some());
    if timed {
        order.sort_by_key(|index| rows[*index].time);
    } else {
        order.shuffle(&mut Pcg64::seed_from_u64(seed));
    }
    (order, timed)
}

/// The parts for fitting, validation and test.
fn split(rows: &[LabelledAlert], order: &[usize], settings: &TrainSettings) -> Result<[Part; 3], TableError> {
    let numbers: Vec<Vec<f64>> = rows.iter().map(|alert| row(&alert.facts)).collect();
    let columns: Vec<Vec<f64>> =
        (0..FEATURES.len()).map(|feature| numbers.iter().map(|row| row[feature]).collect()).collect();
    let table = Table::new(FEATURES.map(|feature| feature.name.to_owned()).to_vec(), &columns)?;
    let targets = Targets::new(rows.iter().map(|alert| class(alert.severity)).collect(), 4)?;
    let count = |share: f64| (rows.len() as f64 * share) as usize;
    let test_start = rows.len() - count(settings.test_share);
    let validation_start = test_start - count(settings.validation_share);
    let part = |range: std::ops::Range<usize>| Part {
        table: table.select(&order[range.clone()]),
        targets: targets.select(&order[range]),
    };
    Ok([part(0..validation_start), part(validation_start..test_start), part(test_start..rows.len())])
}

/// Place of a severity among the classes.
pub(super) fn class(severity: Severity) -> usize {
    Severity::ALL.iter().position(|other| *other == severity).unwrap_or(0)
}

fn report(model: &SeverityModel, parts: [&Part; 3], in_order_of_time: bool, settings: &TrainSettings) -> TrainReport {
    let [fit, _, test] = parts;
    let probabilities = probabilities(model, test);
    let given: Vec<usize> = probabilities.iter().map(|p| most_probable(p)).collect();
    let quality = quality(&test.targets, &given);
    let urgent: Vec<f64> = probabilities.iter().map(|p| p[0] + p[1]).collect();
    let was_urgent: Vec<bool> = test.targets.classes().iter().map(|class| *class <= 1).collect();
    let reliability = reliability(&urgent, &was_urgent, 10);
    let unknown = (0..FEATURES.len()).filter(|feature| fit.table.column(*feature).iter().all(|value| value.is_nan()));
    TrainReport {
        rows: parts.map(|part| part.table.n_rows()),
        rows_by_severity: std::array::from_fn(|class| parts.iter().map(|part| part.targets.counts()[class]).sum()),
        in_order_of_time,
        unknown_facts: unknown.map(|feature| FEATURES[feature].name.to_owned()).collect(),
        rounds: model.booster.rounds(),
        metrics: metrics(fit, test, &probabilities, &quality, &reliability),
        quality,
        reliability,
        challenger: challenge(fit, test, settings, model.seed),
        importance: importance(model, test),
        rules: rules(model, fit, settings.rules_depth),
    }
}

fn metrics(
    fit: &Part,
    test: &Part,
    probabilities: &[Vec<f64>],
    quality: &Quality,
    urgent_reliability: &[ReliabilityBin],
) -> Metrics {
    let shares: Vec<f64> =
        fit.targets.counts().iter().map(|count| (*count as f64 + 1.0) / (fit.table.n_rows() as f64 + 4.0)).collect();
    let tops: Vec<f64> = probabilities.iter().map(|p| p[most_probable(p)]).collect();
    let right: Vec<bool> =
        probabilities.iter().zip(test.targets.classes()).map(|(p, class)| most_probable(p) == *class).collect();
    let urgent: Vec<f64> = probabilities.iter().map(|p| p[0] + p[1]).collect();
    let was_urgent: Vec<bool> = test.targets.classes().iter().map(|class| *class <= 1).collect();
    Metrics {
        log_loss: log_loss(&test.targets, probabilities),
        log_loss_of_shares: log_loss(&test.targets, &vec![shares; probabilities.len()]),
        brier: brier_score(&test.targets, probabilities),
        accuracy: quality.accuracy,
        macro_f1: quality.macro_f1,
        calibration_error: calibration_error(&reliability(&tops, &right, 10)),
        urgent_calibration_error: calibration_error(urgent_reliability),
        urgent_average_precision: average_precision(&urgent, &was_urgent),
        urgent_recall_in_top_5_percent: recall_in_top(&urgent, &was_urgent, 0.05),
    }
}

fn probabilities(model: &SeverityModel, part: &Part) -> Vec<Vec<f64>> {
    part.rows().map(|row| model.calibration.probabilities(&model.booster.scores(&row))).collect()
}

fn challenge(fit: &Part, test: &Part, settings: &TrainSettings, seed: u64) -> Option<Challenger> {
    let params = settings.challenger.as_ref()?;
    let forest = Forest::fit(&fit.table, &fit.targets, params, seed);
    Some(match forest.and_then(|forest| forest.predict(&test.table)) {
        Ok(given) => {
            let Quality { accuracy, macro_f1, .. } = quality(&test.targets, &given);
            Challenger::Measured { accuracy, macro_f1 }
        }
        Err(error) => Challenger::Failed { reason: error.to_string() },
    })
}

fn importance(model: &SeverityModel, test: &Part) -> Vec<(String, f64)> {
    let mut sums = [0.0; 12];
    let rows = test.table.n_rows().min(100);
    for row in test.rows().take(rows) {
        let known: [Option<f64>; 12] = std::array::from_fn(|index| row.get(index).copied());
        let explanation = model.explain(&super::features::facts(known), Severity::Critical);
        sums.iter_mut().zip(explanation.weights).for_each(|(sum, weight)| *sum += weight.abs());
    }
    let mean = |sum: f64| sum / rows.max(1) as f64;
    let mut named: Vec<(String, f64)> =
        FEATURES.iter().zip(sums).map(|(f, sum)| (f.name.to_owned(), mean(sum))).collect();
    named.sort_by(|a, b| b.1.total_cmp(&a.1));
    named
}

fn rules(model: &SeverityModel, fit: &Part, depth: usize) -> Option<Rules> {
    let given = probabilities(model, fit).iter().map(|p| most_probable(p)).collect();
    let surrogate = Surrogate::fit(&fit.table, &Targets::new(given, 4).ok()?, depth).ok()?;
    let text = surrogate.rules(&Severity::ALL.map(Severity::as_str));
    Some(Rules { text, fidelity: surrogate.fidelity() })
}

/// Class of the highest probability; of equal ones the first, which is the worse.
fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = class;
        }
    }
    best
}
