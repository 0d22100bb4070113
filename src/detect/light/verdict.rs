//! From evidence to a judgement with reasons.

use jiff::Timestamp;

use crate::detect::explain::{self, TELLING};
use crate::detect::types::{Attribution, Direction, PointScore, Reason, Watch};

/// `ln` of the number of p-values of which the smallest counts (Bonferroni).
pub(super) const LN_CHANCES: f64 = std::f64::consts::LN_2;
/// So many equal values in a row stand still, where so large a share of points moves.
pub(super) const FLAT_POINTS: u32 = 12;
pub(super) const USUALLY_MOVES: f64 = 0.8;
/// Weights of the parts: one-step error, deviation from the season, mean deviation, size of errors.
const QUICK: [f64; 2] = [0.8, 0.2];
const SLOW: [f64; 3] = [0.3, 0.35, 0.35];
/// Mean deviations and sizes vary less than single ones.
const MEAN_UNIT: f64 = 2.0;
/// Mean size of ordinary one-step errors, about; sizes are counted from here.
const ORDINARY_SIZE: f64 = 0.8;
/// From these values on a part is a reason.
const SHIFTED: f64 = 2.0;
const LARGE_STEP: f64 = 4.0;
const MORE_VARIABLE: f64 = 2.0;
/// A spike has at most so many points.
const SHORT: u32 = 2;

/// How unusual a value is, by parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// Standardised one-step error, deviation from the season, its mean over some points, mean size of one-step errors.
    pub(super) parts: [f64; 4],
    /// Weighted geometric means of `1 + part`, less 1.
    pub(super) quick: f64,
    pub(super) slow: f64,
    /// The side of the quick evidence.
    pub(super) is_above: bool,
    /// Outliers in a row before this point.
    outliers: u32,
    season_missed: bool,
    stays: bool,
}

/// What else a judgement is made of.
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) value: f64,
    pub(super) expected: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) quick_ln_p: f64,
    pub(super) slow_ln_p: f64,
    pub(super) ln_p_star: f64,
    pub(super) confidence: f64,
    pub(super) imputed: bool,
    pub(super) counts: bool,
    pub(super) is_early: bool,
    pub(super) watch: Watch,
}

impl Evidence {
    pub(super) fn new(parts: [f64; 4], outliers: u32, season_missed: bool, stays: bool) -> Self {
        let [step, season, _, _] = parts;
        let [step_ln, season_ln, sustained_ln, variable_ln] = logs(&parts);
        Self {
            parts,
            quick: (QUICK[0] * step_ln + QUICK[1] * season_ln).exp_m1(),
            slow: (SLOW[0] * season_ln + SLOW[1] * sustained_ln + SLOW[2] * variable_ln).exp_m1(),
            is_above: if step.abs() > season.abs() { step >= 0.0 } else { season >= 0.0 },
            outliers,
            season_missed,
            stays,
        }
    }
}

/// `ln(1 + part)` of each part, standardised.
fn logs(parts: &[f64; 4]) -> [f64; 4] {
    let [step, season, sustained, variable] = *parts;
    [
        step.abs().ln_1p(),
        season.abs().ln_1p(),
        (MEAN_UNIT * sustained.abs()).ln_1p(),
        (MEAN_UNIT * (variable - ORDINARY_SIZE).max(0.0)).ln_1p(),
    ]
}

/// The judgement.
pub(super) fn of(point: &Point, evidence: &Evidence) -> PointScore {
    let unwanted = |is_above: bool| match point.watch {
        Watch::Both => false,
        Watch::Above => !is_above,
        Watch::Below => is_above,
    };
    let quick = if unwanted(evidence.is_above) { 0.0 } else { point.quick_ln_p };
    let slow = if unwanted(evidence.parts[1] >= 0.0) { 0.0 } else { point.slow_ln_p };
    let ln_p = if point.counts { (quick.min(slow) + LN_CHANCES).clamp(f64::MIN_POSITIVE.ln(), 0.0) } else { 0.0 };
    let score = (ln_p / point.ln_p_star).abs();
    let direction = explain::direction(point.value, point.lower, point.upper);
    let telling = point.counts && score >= TELLING;
    let mut reasons = Vec::new();
    if point.imputed {
        reasons.push(Reason::Missing);
    } else {
        if telling {
            reasons_into(&mut reasons, evidence, direction, quick <= slow);
        }
        if point.is_early {
            reasons.push(Reason::WarmingUp);
        }
    }
    PointScore {
        at: point.at,
        value: point.value,
        expected: point.expected,
        lower: point.lower,
        upper: point.upper,
        p_value: ln_p.exp().max(f64::MIN_POSITIVE),
        score,
        is_anomaly: point.counts && score >= 1.0,
        direction,
        confidence: point.confidence,
        imputed: point.imputed,
        suppressed: None,
        reasons,
        attribution: if telling { attribution(evidence, quick <= slow) } else { Vec::new() },
        changes: Vec::new(),
    }
}

/// Reasons of an unusual point, most important first, at least one.
fn reasons_into(reasons: &mut Vec<Reason>, evidence: &Evidence, direction: Direction, is_quick: bool) {
    let [step, season, sustained, variable] = evidence.parts;
    let side = match direction {
        Direction::Above => Some(Reason::AboveExpected),
        Direction::Below => Some(Reason::BelowExpected),
        Direction::Within => None,
    };
    reasons.extend(side);
    if evidence.season_missed {
        reasons.push(Reason::MissingSeason);
    }
    if evidence.stays {
        reasons.push(Reason::Flatline);
    }
    if sustained.abs() > SHIFTED {
        reasons.push(Reason::LevelShift);
    } else if is_quick && step.abs() > LARGE_STEP && evidence.outliers <= SHORT {
        reasons.push(if step > 0.0 { Reason::Spike } else { Reason::Dip });
    }
    if !is_quick && variable > MORE_VARIABLE && season.abs() > 0.0 {
        reasons.push(Reason::MoreVariable);
    }
    if reasons.is_empty() {
        reasons.push(if is_quick { Reason::SuddenChange } else { Reason::UnusualPattern });
    }
}

/// Shares of the parts in the evidence that counted, largest first, summing to 1.
fn attribution(evidence: &Evidence, is_quick: bool) -> Vec<Attribution> {
    let [step, season, sustained, variable] = logs(&evidence.parts);
    let shares = if is_quick {
        [QUICK[0] * step, QUICK[1] * season, 0.0, 0.0]
    } else {
        [0.0, SLOW[0] * season, SLOW[1] * sustained, SLOW[2] * variable]
    };
    let names = ["one_step_error", "deviation_from_season", "sustained_deviation", "variability"];
    explain::normalised(names.iter().map(|name| (*name).to_owned()).zip(shares).collect())
}
