//! The policy around the model: what the model says is one voice, not the last word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::series::Labels;

use super::types::{Severity, SeverityReason};

/// What the policy allows and demands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The model abstains when its highest probability is below this, 0 (never) to 1.
    pub abstain_below: f64,
    /// Whether an alert that came in as critical may be lowered.
    pub may_lower_critical: bool,
    /// Least severities by label; all that match apply.
    pub floors: Vec<Floor>,
    /// Most facts named as reasons.
    pub max_facts: usize,
}

/// Alerts with these labels are at least this severe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Labels that must all be present with these values; at least one.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// The least severity.
    pub at_least: Severity,
}

/// Why a policy is not one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The threshold is out of range.
    #[error("abstain_below must be in [0, 1], got {0}")]
    AbstainBelow(f64),
    /// A floor that would match every alert.
    #[error("floor {0} must name at least one label to match")]
    FloorMatchesAll(usize),
}

/// What the policy decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The severity.
    pub severity: Severity,
    /// Whether the model's voice was not counted.
    pub abstained: bool,
    /// Which rules applied, in the order of application.
    pub because: Vec<SeverityReason>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { abstain_below: 0.45, may_lower_critical: false, floors: Vec::new(), max_facts: 5 }
    }
}

impl Policy {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`PolicyError`] for a threshold out of range or a floor without labels.
    pub fn check(&self) -> Result<(), PolicyError> {
        if !(0.0..=1.0).contains(&self.abstain_below) {
            return Err(PolicyError::AbstainBelow(self.abstain_below));
        }
        match self.floors.iter().position(|floor| floor.matches.is_empty()) {
            Some(index) => Err(PolicyError::FloorMatchesAll(index)),
            None => Ok(()),
        }
    }

    /// Decides from the model's `probabilities` (critical, error, warning, info), the severity that the alert came in
    /// with and its labels.
    ///
    /// 1. The most probable class; of equal ones the worse. Below `abstain_below` (or when probabilities are NaN) the
    ///    incoming severity stands, or `warning` without one.
    /// 2. An alert that came in as critical stays critical, unless `may_lower_critical`.
    /// 3. The worst of the floors that match.
    #[must_use]
    pub fn decide(&self, probabilities: &[f64; 4], incoming: Option<Severity>, labels: &Labels) -> Decision {
        let (best, top) = most_probable(probabilities);
        let sure = top >= self.abstain_below;
        let abstained = !sure;
        let mut because = Vec::new();
        let mut severity = best;
        if abstained {
            severity = incoming.unwrap_or(Severity::Warning);
            because.push(SeverityReason::Abstained { top });
        }
        if incoming == Some(Severity::Critical) && !self.may_lower_critical && severity != Severity::Critical {
            severity = Severity::Critical;
            because.push(SeverityReason::KeptIncoming { severity });
        }
        let floor = self.floors.iter().filter(|floor| floor.applies(labels)).map(|floor| floor.at_least).min();
        if let Some(floor) = floor.filter(|floor| *floor < severity) {
            severity = floor;
            because.push(SeverityReason::Floor { severity: floor });
        }
        Decision { severity, abstained, because }
    }
}

impl Floor {
    fn applies(&self, labels: &Labels) -> bool {
        !self.matches.is_empty() && self.matches.iter().all(|(name, value)| labels.get(name) == Some(value.as_str()))
    }
}

/// The class of the highest probability (the worse of equal ones); NaN counts as 0.
fn most_probable(probabilities: &[f64; 4]) -> (Severity, f64) {
    let mut best = (Severity::Critical, 0.0);
    for (severity, p) in Severity::ALL.into_iter().zip(probabilities) {
        if *p > best.1 {
            best = (severity, *p);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, Error, Info, Warning};

    const SURE_INFO: [f64; 4] = [0.01, 0.04, 0.15, 0.8];
    const SURE_CRITICAL: [f64; 4] = [0.9, 0.06, 0.03, 0.01];
    const TORN: [f64; 4] = [0.2, 0.3, 0.3, 0.2];

    fn policy() -> Policy {
        let floor = |name: &str, value: &str, at_least| Floor {
            matches: [(name.to_owned(), value.to_owned())].into(),
            at_least,
        };
        Policy { floors: vec![floor("tier", "gold", Error), floor("team", "payments", Warning)], ..Policy::default() }
    }

    #[track_caller]
    fn check(p: [f64; 4], incoming: Option<Severity>, labels: &[(&str, &str)], want: Severity, reasons: &[&str]) {
        check_with(&policy(), p, incoming, labels, (want, reasons));
    }

    #[track_caller]
    fn check_with(
        policy: &Policy,
        p: [f64; 4],
        incoming: Option<Severity>,
        labels: &[(&str, &str)],
        (want, reasons): (Severity, &[&str]),
    ) {
        let got = policy.decide(&p, incoming, &labels.iter().copied().collect());
        let names: Vec<&str> = got
            .because
            .iter()
            .map(|reason| match reason {
                SeverityReason::Abstained { .. } => "abstained",
                SeverityReason::KeptIncoming { .. } => "kept",
                SeverityReason::Floor { .. } => "floor",
                SeverityReason::Fact { .. } => "fact",
                SeverityReason::Missing { .. } => "missing",
            })
            .collect();
        assert_eq!((got.severity, names.as_slice(), got.abstained), (want, reasons, reasons.contains(&"abstained")));
    }

    #[test]
    fn scenarios() {
        // The model alone.
        check(SURE_INFO, None, &[], Info, &[]);
        check(SURE_CRITICAL, None, &[], Critical, &[]);
        // It may raise and lower what came in, but not lower a critical.
        check(SURE_CRITICAL, Some(Warning), &[], Critical, &[]);
        check(SURE_INFO, Some(Error), &[], Info, &[]);
        check(SURE_INFO, Some(Critical), &[], Critical, &["kept"]);
        check(SURE_CRITICAL, Some(Critical), &[], Critical, &[]);
        // It abstains when torn: what came in stands, or warning.
        check(TORN, None, &[], Warning, &["abstained"]);
        check(TORN, Some(Info), &[], Info, &["abstained"]);
        check(TORN, Some(Critical), &[], Critical, &["abstained"]);
        check([f64::NAN; 4], Some(Error), &[], Error, &["abstained"]);
        // Floors raise, never lower, and the worst wins.
        check(SURE_INFO, None, &[("team", "payments")], Warning, &["floor"]);
        check(SURE_INFO, None, &[("team", "payments"), ("tier", "gold")], Error, &["floor"]);
        check(SURE_CRITICAL, None, &[("tier", "gold")], Critical, &[]);
        check(TORN, None, &[("tier", "gold")], Error, &["abstained", "floor"]);
        check(SURE_INFO, None, &[("team", "search")], Info, &[]);
        check(SURE_INFO, Some(Critical), &[("tier", "gold")], Critical, &["kept"]);
        // Told so, it may lower a critical.
        let lowering = Policy { may_lower_critical: true, ..policy() };
        check_with(&lowering, SURE_INFO, Some(Critical), &[], (Info, &[]));
        check_with(&lowering, SURE_INFO, Some(Critical), &[("tier", "gold")], (Error, &["floor"]));
        check_with(&lowering, TORN, Some(Critical), &[], (Critical, &["abstained"]));
        // A threshold of 0 never abstains; of equal classes the worse is taken.
        let bold = Policy { abstain_below: 0.0, ..policy() };
        check_with(&bold, TORN, None, &[], (Error, &[]));
    }

    #[test]
    fn a_policy_is_checked() {
        assert_eq!(Policy::default().check(), Ok(()));
        assert!(Policy { abstain_below: f64::NAN, ..Policy::default() }.check().is_err());
        let all = Policy { floors: vec![Floor { matches: BTreeMap::new(), at_least: Error }], ..Policy::default() };
        assert_eq!(all.check(), Err(PolicyError::FloorMatchesAll(0)));
    }
}
