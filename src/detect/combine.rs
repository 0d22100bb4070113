//! From combined evidence to a p-value.
//!
//! **What the evidence means.** The combined evidence `v` is the mean over the parts of `ln(1 + excess)`: 0.69 when every
//! part stands at its own 95 % level. An alarm at `v = 1.3` is taken to be worth one false alarm a week, and the rate to
//! fall by a factor of e for each 0.4 of `v`.
//!
//! **The map.** `p(v) = r exp(-(v - 1.3) / 0.4)` with `r` = one week's alarm spread over the points of a week; below
//! `v = 0.85` `ln p` runs straight to `p(0) = 1`. The map is fixed: fitting the tail of `v` itself to a short history
//! makes wild claims from few points, and long events that enter the history hide the next one.
//!
//! **The anchor.** What differs between series is how often they cross the line at 1.3. The anchor follows that in the
//! manner of adaptive conformal inference (Gibbs and Candès 2021): each alarm episode at the reference line raises it a
//! little, each quiet point lowers it a little. It is kept within ±0.15, so it leans towards one episode a week but cannot
//! enforce it. It does not depend on the budget, so neither does `p`: a larger budget always means at least the same alarms.
//!
//! **Honestly.** 1.3 and 0.4 are constants read off false-alarm counts on public labelled series, not learned from the
//! series at hand, so `p` is a rank with an approximate rate, not a guarantee. At a budget of one a week (0.14 a day)
//! single series of such sets gave 0.02 to 0.16 false alarms a day; machines of 38 metrics about 1.1, eight times the
//! budget: the same map is used for an entity's evidence and is too generous there. Below the knee `p` is a convention.

use serde::{Deserialize, Serialize};

use super::types::LARGEST_P_STAR;
use crate::series::Step;

/// Evidence that is taken to be reached once a week without cause.
pub(super) const REFERENCE: f64 = 1.3;
/// Evidence by which the rate of false alarms is taken to fall by a factor of e.
const DECAY: f64 = 0.4;
/// Below this `ln p` is a straight line to 0.
const KNEE: f64 = 0.85;
const WEEK_SECS: f64 = 604_800.0;
/// Alarms closer than this are one episode.
const EPISODE_SECS: f64 = 3_600.0;
/// What one episode adds to the anchor; a quiet week takes the same off.
const GAIN: f64 = 0.02;
const LOWEST: f64 = -0.15;
const HIGHEST: f64 = 0.15;

/// The learned anchor of one series or entity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Calibration {
    #[serde(with = "super::exact::one")]
    per_point: f64,
    #[serde(with = "super::exact::one")]
    anchor: f64,
    episode_points: u64,
    since_alarm: u64,
}

impl Calibration {
    pub(super) fn new(step: Step) -> Self {
        let secs = step.secs_f64();
        Self {
            per_point: (secs / WEEK_SECS).clamp(1e-12, LARGEST_P_STAR),
            anchor: 0.0,
            episode_points: ((EPISODE_SECS / secs).round() as u64).clamp(1, 3_600),
            since_alarm: u64::MAX / 2,
        }
    }

    /// The p-value of combined evidence, in (0, 1]; 1 for none.
    pub(super) fn p_value(&self, evidence: f64) -> f64 {
        let height = evidence - self.anchor * (evidence / REFERENCE).clamp(0.0, 1.0);
        if height.is_nan() || height <= 0.0 {
            return 1.0;
        }
        let tail = |at: f64| self.per_point.ln() - (at - REFERENCE) / DECAY;
        let ln_p = if height >= KNEE { tail(height) } else { tail(KNEE) * height / KNEE };
        ln_p.exp().clamp(f64::MIN_POSITIVE, 1.0)
    }

    /// Lets the anchor follow one judged point.
    pub(super) fn learn(&mut self, evidence: f64) {
        self.since_alarm = self.since_alarm.saturating_add(1);
        let mut change = -GAIN * self.per_point;
        if evidence > REFERENCE + self.anchor {
            if self.since_alarm > self.episode_points {
                change += GAIN;
            }
            self.since_alarm = 0;
        }
        self.anchor = (self.anchor + change).clamp(LOWEST, HIGHEST);
    }

    pub(super) fn is_sound(&self) -> bool {
        self.per_point > 0.0 && self.per_point <= LARGEST_P_STAR && (LOWEST..=HIGHEST).contains(&self.anchor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{FalseAlarmBudget, score_of};

    #[test]
    fn the_default_budget_stands_at_the_reference_whatever_the_step() {
        for secs in [10, 60, 300, 3_600] {
            let step = Step::from_secs(secs).expect("step");
            let p_star = FalseAlarmBudget::default().p_star(step);
            let score = score_of(Calibration::new(step).p_value(REFERENCE), p_star);
            assert!((score - 1.0).abs() < 1e-9, "{secs}: {score}");
        }
    }

    #[test]
    fn p_falls_with_evidence_and_stays_a_probability() {
        let mut calibration = Calibration::new(Step::MINUTE);
        for anchor in [LOWEST, 0.0, HIGHEST] {
            calibration.anchor = anchor;
            let p: Vec<f64> = (0..400).map(|i| calibration.p_value(f64::from(i) * 0.02)).collect();
            assert!(p.windows(2).all(|w| w[1] < w[0]), "{anchor}");
            assert!(p.iter().all(|p| *p > 0.0 && *p <= 1.0));
        }
        assert!(calibration.p_value(1e9) > 0.0);
        assert!((calibration.p_value(f64::NAN) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_series_that_alarms_too_often_is_judged_more_mildly() {
        let mut calibration = Calibration::new(Step::MINUTE);
        let before = calibration.p_value(1.5);
        for i in 0..20_000 {
            calibration.learn(if i % 500 == 0 { 1.6 } else { 0.2 });
        }
        assert!(calibration.p_value(1.5) > before);
        assert!(calibration.is_sound());
    }
}
