//! The severity model: probabilities and reasons for one alert.

use crate::learn::{Booster, Calibration};
use crate::series::Labels;

use super::features::{FEATURES, row, values};
use super::policy::Policy;
use super::types::{AlertFacts, Assessment, Severity, SeverityReason};

/// A trained model, immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct SeverityModel {
    pub(super) version: String,
    pub(super) seed: u64,
    pub(super) rows: usize,
    pub(super) booster: Booster,
    pub(super) calibration: Calibration,
}

/// Why a severity is likely or not: what each fact adds to its log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The severity that is explained.
    pub severity: Severity,
    /// Its log-odds against the geometric mean of the other three: `ln p - mean(ln p of the others)`.
    pub log_odds: f64,
    /// The log-odds when nothing is known.
    pub base: f64,
    /// What each fact adds, in the order of the features; `base + Σ weights = log_odds` up to 1e-9. A fact that is
    /// missing may weigh too: that it is missing says something.
    pub weights: [f64; 12],
}

impl SeverityModel {
    /// Version of the model.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Seed that it was trained with.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows that it was made of, those for validation and test included.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.booster.n_trees()
    }

    /// Name and version, as assessments carry them.
    #[must_use]
    pub fn name(&self) -> String {
        format!("severity-{}", self.version)
    }

    /// Calibrated probabilities of critical, error, warning, info; they sum to 1. O(trees × depth).
    ///
    /// Everything else equal, more users, impact, score, duration, series, services, burn or resolution time never
    /// makes a severity at least as bad as any given one less likely, nor do fewer hours to exhaustion or a lower
    /// share that resolves by itself. Between a known and a missing fact nothing is promised.
    #[must_use]
    pub fn probabilities(&self, facts: &AlertFacts) -> [f64; 4] {
        let p = self.calibration.probabilities(&self.booster.scores(&row(facts)));
        std::array::from_fn(|class| p.get(class).copied().unwrap_or(f64::NAN))
    }

    /// What each fact adds to the log-odds of `severity` (exact Shapley values of the trees). O(trees × leaves × depth²).
    #[must_use]
    pub fn explain(&self, facts: &AlertFacts, severity: Severity) -> Explanation {
        let row = row(facts);
        let log_odds = against_others(&self.calibration.scores(&self.booster.scores(&row)), severity);
        let parts = self.booster.attribution(&row);
        let base = against_others(&self.calibration.scores(&parts.base), severity);
        let weight = |by_class: &Vec<f64>| self.calibration.sharpness * against_others(by_class, severity);
        let weights = std::array::from_fn(|feature| parts.features.get(feature).map_or(0.0, weight));
        Explanation { severity, log_odds, base, weights }
    }

    /// Judges an alert: the model's probabilities, then the policy, then the reasons: what the policy did, the
    /// weightiest facts for the severity given (at most `policy.max_facts`), and what was not known.
    #[must_use]
    pub fn assess(
        &self,
        facts: &AlertFacts,
        incoming: Option<Severity>,
        labels: &Labels,
        policy: &Policy,
    ) -> Assessment {
        let probabilities = self.probabilities(facts);
        let decision = policy.decide(&probabilities, incoming, labels);
        let explanation = self.explain(facts, decision.severity);
        let mut because = decision.because;
        because.extend(fact_reasons(facts, &explanation, policy.max_facts));
        because.extend(missing(facts).map(|fact| SeverityReason::Missing { fact: fact.to_owned() }));
        Assessment {
            severity: decision.severity,
            probabilities,
            abstained: decision.abstained,
            because,
            model: self.name(),
        }
    }
}

/// The facts that are known, weightiest first.
fn fact_reasons(facts: &AlertFacts, explanation: &Explanation, most: usize) -> Vec<SeverityReason> {
    let mut known: Vec<(&'static str, f64, f64)> = FEATURES
        .iter()
        .zip(values(facts))
        .zip(explanation.weights)
        .filter_map(|((feature, value), weight)| {
            value.filter(|value| value.is_finite()).map(|value| (feature.name, value, weight))
        })
        .collect();
    known.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    let reason =
        |(fact, value, weight): (&str, f64, f64)| SeverityReason::Fact { fact: fact.to_owned(), value, weight };
    known.into_iter().take(most).map(reason).collect()
}

fn missing(facts: &AlertFacts) -> impl Iterator<Item = &'static str> {
    FEATURES.iter().zip(values(facts)).filter(|(_, value)| value.is_none_or(|v| !v.is_finite())).map(|(f, _)| f.name)
}

/// The score of `severity` minus the mean of the others'.
fn against_others(scores: &[f64], severity: Severity) -> f64 {
    let own = Severity::ALL.iter().position(|other| *other == severity).and_then(|class| scores.get(class));
    let own = own.copied().unwrap_or(f64::NAN);
    let others = scores.iter().sum::<f64>() - own;
    own - others / (scores.len().max(2) - 1) as f64
}
