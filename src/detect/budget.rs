//! The false-alarm budget as arithmetic: how it is shared out, what came of it, and how boundaries follow.
//!
//! # Sharing
//! A budget is a rate. With the scope `series` each of `m` series has the whole of it times its weight `w`, so that the
//! detector may raise `budget * sum(w)`; with the scope `detector` each has `budget * w / sum(w)`, which sums to the budget
//! for one series and for thousands: the expected number of false alarms is controlled for the family (Benjamini and
//! Hochberg 1997, weighted hypotheses). A team's budget caps the sum over all detectors: all are scaled alike.
//!
//! # Tuning
//! What fires is compared with what was accepted, and the boundary follows slowly: [`retune`] is the update of adaptive
//! conformal inference (Gibbs and Candès 2021, `alpha += gamma (target - error rate)`) in logarithms, over a trailing
//! window and with bounds, so that a bad week moves a boundary by a few percent and nothing moves it more than eightfold.

use serde::{Deserialize, Serialize};

use super::gates::GateError;
use super::types::BudgetScope;
use crate::series::Labels;

const LEAST_WEIGHT: f64 = 0.1;
const MOST_WEIGHT: f64 = 10.0;
/// Seconds that tuning looks back: 28 days.
pub const TUNING_SPAN_SECS: f64 = 28.0 * DAY_SECS;
const DAY_SECS: f64 = 86_400.0;
/// Largest change of the logarithm of a boundary in a day: 2.5 %. Times half the span of 28 days this is about `1 / e`,
/// the gain at which a loop with that delay settles without swinging.
const PER_DAY: f64 = 0.025;
/// Alarms that stand for what was believed before any fired: a short history moves little.
const BELIEF: f64 = 3.0;
/// A boundary is tuned by at most this factor, up and down.
const MOST_TUNING: f64 = 8.0;
/// Fewer expected alarms than this do not tell whether a budget is kept.
const FEWEST_EXPECTED: f64 = 3.0;
/// False alarms from which an overrun shows before one was to be expected.
const SEVERAL: f64 = 4.0;
/// Two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Series with these labels weigh so much: `{ match: { tier: gold }, weight: 2.0 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WeightKeys", into = "WeightKeys")]
pub struct WeightSettings {
    matches: Labels,
    weight: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightKeys {
    #[serde(rename = "match", default)]
    matches: Labels,
    weight: f64,
}

/// Alerts of some time against what was accepted for it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BudgetFigures {
    /// False alarms that the budget accepts for the series and the time watched.
    pub expected: f64,
    /// Alerts that fired.
    pub fired: u64,
    /// Those that a verdict calls false alarms.
    pub judged_false: u64,
    /// Those that a verdict calls right, in whatever way.
    pub judged_right: u64,
}

/// Whether a budget is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Yes, as far as can be told.
    Yes,
    /// No: more fired than chance explains.
    No,
    /// Too little time has passed.
    Unknown,
}

impl WeightSettings {
    /// A weight of 0.1 to 10 for what carries all of these labels; none match everything.
    ///
    /// # Errors
    /// [`GateError`] when the weight is out of range or NaN.
    pub fn try_new(matches: Labels, weight: f64) -> Result<Self, GateError> {
        if (LEAST_WEIGHT..=MOST_WEIGHT).contains(&weight) {
            return Ok(Self { matches, weight });
        }
        Err(GateError(format!("business_weight must be {LEAST_WEIGHT} to {MOST_WEIGHT}, got {weight}")))
    }

    /// The weight of something with these labels: that of the first rule that matches, else 1.
    #[must_use]
    pub fn of(rules: &[Self], labels: &Labels) -> f64 {
        rules.iter().find(|rule| labels.contains_all(&rule.matches)).map_or(1.0, |rule| rule.weight)
    }
}

impl BudgetScope {
    /// The share of a detector's budget that one of its series has, by its weight and the sum of all weights.
    #[must_use]
    pub fn share(self, weight: f64, sum: f64) -> f64 {
        match self {
            Self::Series => weight,
            Self::Detector => weight / sum.max(weight),
        }
    }

    /// How many times its budget a whole detector may use, by the sum of the weights of its series.
    #[must_use]
    pub const fn total(self, sum: f64) -> f64 {
        match self {
            Self::Series => sum,
            Self::Detector => 1.0,
        }
    }
}

/// The factor of all budgets under the team's: 1 while they add up to no more than it. Rates, both in the same unit.
#[must_use]
pub fn team_share(team: Option<f64>, sum: f64) -> f64 {
    team.map_or(1.0, |team| if sum > team && team > 0.0 { team / sum } else { 1.0 })
}

impl BudgetFigures {
    /// Alerts without a verdict.
    #[must_use]
    pub const fn unjudged(&self) -> u64 {
        self.fired.saturating_sub(self.judged_false + self.judged_right)
    }

    /// False alarms as far as is known: those judged so, and of the others the share that verdicts suggest,
    /// `(false + 1) / (judged + 1)`. Without any verdict every alert counts.
    #[must_use]
    pub fn false_alarms(&self) -> f64 {
        let judged = self.judged_false + self.judged_right;
        let share = (self.judged_false as f64 + 1.0) / (judged as f64 + 1.0);
        self.judged_false as f64 + self.unjudged() as f64 * share
    }

    /// False alarms over those accepted; `None` when nothing was watched.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.expected > 0.0).then(|| self.false_alarms() / self.expected)
    }

    /// The 95 % interval of the ratio; `None` when nothing was watched.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        let (low, high) = poisson_interval(self.false_alarms());
        (self.expected > 0.0).then(|| (low / self.expected, high / self.expected))
    }

    /// Whether the budget is kept: no when the whole interval lies above 1, and either one alarm was to be expected by now or
    /// several came; yes when it does not and at least three alarms were to be expected. Otherwise it is too early: a single
    /// alert in the first hour says nothing about alerts a week.
    #[must_use]
    pub fn within(&self) -> Within {
        match self.interval() {
            Some((low, _)) if low > 1.0 => {
                let tells = self.expected >= 1.0 || self.false_alarms() >= SEVERAL;
                if tells { Within::No } else { Within::Unknown }
            }
            Some(_) if self.expected >= FEWEST_EXPECTED => Within::Yes,
            _ => Within::Unknown,
        }
    }
}

/// The 95 % interval of the mean of a Poisson variable of which `count` was seen.
///
/// By Byar's approximation (Breslow and Day 1987, within 1 % of the exact one from a count of 1 on). A count that is negative or NaN is taken as 0.
#[must_use]
pub fn poisson_interval(count: f64) -> (f64, f64) {
    let count = if count > 0.0 { count } else { 0.0 };
    let cubed = |n: f64, z: f64| n * (1.0 - 1.0 / (9.0 * n) + z / (3.0 * n.sqrt())).max(0.0).powi(3);
    let low = if count > 0.0 { cubed(count, -Z) } else { 0.0 };
    // below 1 the approximation is loose; 3.689 is exact for 0
    let high = if count < 1.0 { 3.689 + count * (cubed(2.0, Z) - 3.689) } else { cubed(count + 1.0, Z) };
    (low, high)
}

/// The tuning factor after `elapsed_secs` more.
///
/// From the one before, the alarms that were to be expected in the last 28 days and those that came. More than expected make it smaller, fewer larger, by at most 2.5 % a day and within
/// 1/8 to 8. Numbers that are none leave it where it was.
#[must_use]
pub fn retune(previous: f64, expected: f64, observed: f64, elapsed_secs: f64) -> f64 {
    let previous = if previous > 0.0 { previous.clamp(1.0 / MOST_TUNING, MOST_TUNING) } else { 1.0 };
    let error = ((expected.max(0.0) + BELIEF) / (observed.max(0.0) + BELIEF)).ln();
    let days = (elapsed_secs / DAY_SECS).clamp(0.0, 7.0);
    let change = PER_DAY * days * error.clamp(-1.0, 1.0);
    if !change.is_finite() {
        return previous;
    }
    (previous * change.exp()).clamp(1.0 / MOST_TUNING, MOST_TUNING)
}

impl TryFrom<WeightKeys> for WeightSettings {
    type Error = GateError;

    fn try_from(keys: WeightKeys) -> Result<Self, Self::Error> {
        Self::try_new(keys.matches, keys.weight)
    }
}

impl From<WeightSettings> for WeightKeys {
    fn from(rule: WeightSettings) -> Self {
        Self { matches: rule.matches, weight: rule.weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_the_budget_whatever_the_weights() {
        let weights = [0.1, 1.0, 1.0, 10.0, 2.5];
        let sum: f64 = weights.iter().sum();
        let total: f64 = weights.iter().map(|w| BudgetScope::Detector.share(*w, sum)).sum();
        assert!((total - BudgetScope::Detector.total(sum)).abs() < 1e-12);
        let total: f64 = weights.iter().map(|w| BudgetScope::Series.share(*w, sum)).sum();
        assert!((total - BudgetScope::Series.total(sum)).abs() < 1e-12);
        assert!((BudgetScope::Detector.share(2.0, 0.0) - 1.0).abs() < 1e-12, "the first of its kind");
        assert!((team_share(Some(5.0), 20.0) - 0.25).abs() < 1e-12);
        for (team, sum) in [(Some(5.0), 4.0), (None, 1e9), (Some(5.0), f64::NAN)] {
            assert!((team_share(team, sum) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_first_rule_that_matches_weighs() {
        let rule =
            |tier: &str, weight| WeightSettings::try_new(Labels::new().with("tier", tier), weight).expect("fine");
        let rules = [rule("gold", 4.0), rule("silver", 2.0)];
        let of = |tier: &str| WeightSettings::of(&rules, &Labels::new().with("tier", tier).with("a", "b"));
        assert_eq!((of("gold"), of("silver"), of("tin")), (4.0, 2.0, 1.0));
        for weight in [0.0, 0.09, 10.1, f64::NAN, f64::INFINITY] {
            assert!(WeightSettings::try_new(Labels::new(), weight).is_err(), "{weight}");
        }
        let read = |json: &str| serde_json::from_str::<WeightSettings>(json);
        assert!(read(r#"{"match":{"tier":"gold"},"weight":2}"#).is_ok());
        assert!(read(r#"{"weight":200}"#).expect_err("too much").to_string().contains("0.1 to 10, got 200"));
    }

    #[test]
    fn the_interval_is_that_of_the_chi_squared_quantiles() {
        // scipy.stats: chi2.ppf(0.025, 2 k) / 2 and chi2.ppf(0.975, 2 (k + 1)) / 2
        for (count, low, high) in [
            (0.0, 0.0, 3.689),
            (1.0, 0.0253, 5.572),
            (5.0, 1.623, 11.668),
            (20.0, 12.217, 30.888),
            (100.0, 81.36, 121.63),
        ] {
            let (got_low, got_high) = poisson_interval(count);
            assert!((got_low - low).abs() < 0.02 + 0.01 * low, "{count}: {got_low}");
            assert!((got_high - high).abs() < 0.01 * high, "{count}: {got_high}");
        }
        assert_eq!(poisson_interval(f64::NAN), poisson_interval(0.0));
        let highs: Vec<f64> = (0..40).map(|k| poisson_interval(f64::from(k) / 10.0).1).collect();
        assert!(highs.windows(2).all(|pair| pair[0] < pair[1]), "{highs:?}");
    }

    #[test]
    fn verdicts_correct_what_fired() {
        let figures =
            |expected, fired, judged_false, judged_right| BudgetFigures { expected, fired, judged_false, judged_right };
        assert!((figures(4.0, 6, 0, 0).false_alarms() - 6.0).abs() < 1e-12, "without a verdict all count");
        assert!((figures(4.0, 6, 0, 6).false_alarms()).abs() < 1e-12);
        assert!((figures(4.0, 10, 1, 3).false_alarms() - (1.0 + 6.0 * 0.4)).abs() < 1e-12);
        assert_eq!(figures(4.0, 5, 0, 0).within(), Within::Yes);
        assert_eq!(figures(4.0, 12, 0, 0).within(), Within::No);
        assert_eq!(figures(1.0, 2, 0, 0).within(), Within::Unknown);
        assert_eq!(figures(0.02, 1, 0, 0).within(), Within::Unknown, "one alert right after the start");
        assert_eq!(figures(0.02, 9, 0, 0).within(), Within::No, "a flood right after the start");
        assert_eq!(figures(0.0, 0, 0, 0).within(), Within::Unknown);
        assert_eq!(figures(0.0, 3, 0, 0).ratio(), None);
    }

    #[test]
    fn tuning_is_slow_and_bounded() {
        let day = DAY_SECS;
        assert!((retune(1.0, 4.0, 4.0, day) - 1.0).abs() < 1e-12);
        let after = retune(1.0, 4.0, 400.0, day);
        assert!(after < 1.0 && after > 0.97, "{after}");
        assert!(retune(1.0, 40.0, 0.0, day) < 1.03);
        assert!((retune(1.0, 1.0, 100.0, 0.0) - 1.0).abs() < 1e-12);
        assert!(retune(0.125, 0.0, 1e9, 7.0 * day) >= 0.125);
        assert!(retune(8.0, 1e9, 0.0, 7.0 * day) <= 8.0);
        for (expected, observed, elapsed) in [(f64::NAN, 1.0, day), (1.0, f64::NAN, day), (1.0, 9.0, f64::NAN)] {
            let factor = retune(1.0, expected, observed, elapsed);
            assert!(factor > 0.9 && factor < 1.1, "{factor}");
        }
    }

    /// A detector that alarms `bias` times as often as it should, tuned every day, over 3 years; deterministic counts.
    #[test]
    fn a_boundary_that_is_off_fourfold_is_brought_to_its_budget() {
        for bias in [4.0, 0.25, 1.0] {
            let (mut factor, accepted) = (1.0_f64, 1.0);
            let mut rates = Vec::new();
            for day in 0..1_000_usize {
                rates.push(accepted * bias * factor);
                let window = &rates[day.saturating_sub(27)..];
                let (expected, observed) = (accepted * window.len() as f64, window.iter().sum());
                factor = retune(factor, expected, observed, DAY_SECS);
            }
            let settled = &rates[500..];
            assert!(settled.iter().all(|rate| (rate / accepted - 1.0).abs() < 0.2), "{bias}: {:?}", settled.last());
            let overshoot =
                rates.iter().map(|rate| (rate / accepted).ln() * bias.ln().signum()).fold(0.0_f64, |a, b| a.min(b));
            assert!(overshoot > -0.7, "{bias}: {overshoot}");
        }
    }
}
