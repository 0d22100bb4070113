//! Detectors to compare with: simple, causal, with nothing to tune.

use std::fmt;
use std::str::FromStr;

use super::isolation;
use super::rolling::{Window, median};
use crate::series::Step;

/// A metric of an entity cannot pull the others further than this.
const LARGEST_SCORE: f64 = 50.0;
/// So many of the most unusual metrics make an entity's score.
const TOP: usize = 3;
/// Fewest observations of most windows.
const FEWEST: usize = 30;
/// The width of a window for steps below a minute, and the longest one otherwise, points.
const FAST_WINDOW: usize = 300;
const LONGEST_WINDOW: usize = 2_000;
/// Days that the season is taken from.
const MOST_DAYS: usize = 7;
/// From the median absolute deviation to the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;

/// A baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Baseline {
    /// Distance from the median of the same time of day on up to seven past days, over the spread of such distances in
    /// the past day. Distance from the median of the past day while there are fewer than three days.
    SeasonalMedian,
    /// Distance from the mean of the past day, over its standard deviation.
    MovingZ,
    /// An isolation forest of 100 trees on value, difference, distance from the rolling median, rolling deviation and
    /// range, refitted six times on the past (at most 12,000 points). For an entity: on all values and their differences.
    IsolationForest,
}

/// Why a text is not a baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a baseline must be seasonal_median, moving_z or isolation_forest, got `{0}`")]
pub struct BaselineError(pub String);

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SeasonalMedian, Self::MovingZ, Self::IsolationForest];

    /// The name in arguments and results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeasonalMedian => "seasonal_median",
            Self::MovingZ => "moving_z",
            Self::IsolationForest => "isolation_forest",
        }
    }

    /// A score for each row of `metrics` (one series of equal length for each metric), larger is more unusual.
    ///
    /// A missing value stands for the one before it; leading ones for the first value; a metric without any is 0. The
    /// score of row `i` depends on rows up to `i`, except that the isolation forest scores the first `train` rows (at
    /// least 50) with the first forest, which was fitted on them. For several metrics the score is the mean of the three
    /// highest. Empty without metrics.
    ///
    /// O(n × window) in moves of memory for each metric; the forest O(n × 100 trees).
    #[must_use]
    pub fn scores(self, metrics: &[&[f64]], step: Step, train: usize, seed: u64) -> Vec<f64> {
        let filled: Vec<Vec<f64>> = metrics.iter().map(|values| filled(values)).collect();
        let one = |values: &[f64]| match self {
            Self::SeasonalMedian => seasonal_median(values, day(step), window(step)),
            Self::MovingZ => moving_z(values, window(step)),
            Self::IsolationForest => Vec::new(),
        };
        match (self, filled.as_slice()) {
            (Self::IsolationForest, _) => isolation::scores(&filled, train, seed),
            (_, [only]) => one(only),
            _ => {
                let moving = |values: &&Vec<f64>| values.windows(2).any(|pair| (pair[1] - pair[0]).abs() > 0.0);
                let each: Vec<Vec<f64>> = filled.iter().filter(moving).map(|values| one(values)).collect();
                mean_of_highest(&each, filled.first().map_or(0, Vec::len))
            }
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Baseline {
    type Err = BaselineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| BaselineError(text.to_owned()))
    }
}

/// Points of a day, at least 8.
fn day(step: Step) -> usize {
    ((86_400.0 / step.secs_f64()).round_ties_even() as usize).max(8)
}

fn window(step: Step) -> usize {
    if step.secs_f64() >= 60.0 { day(step).min(LONGEST_WINDOW) } else { FAST_WINDOW }
}

/// Finite values: what is missing is the value before, at the start the first one, 0 when there is none.
fn filled(values: &[f64]) -> Vec<f64> {
    let mut last = values.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
    let mut keep = |value: &f64| {
        if value.is_finite() {
            last = crate::series::clamp_magnitude(*value);
        }
        last
    };
    values.iter().map(&mut keep).collect()
}

fn mean_of_highest(each: &[Vec<f64>], count: usize) -> Vec<f64> {
    let row = |index: usize| {
        let mut own: Vec<f64> = each
            .iter()
            .filter_map(|scores| scores.get(index))
            .map(|score| if score.is_nan() { 0.0 } else { score.clamp(0.0, LARGEST_SCORE) })
            .collect();
        own.sort_unstable_by(|a, b| b.total_cmp(a));
        own.truncate(TOP);
        if own.is_empty() { 0.0 } else { own.iter().sum::<f64>() / own.len() as f64 }
    };
    (0..count).map(row).collect()
}

/// A thousandth of the mean magnitude so far: what counts as no deviation at all.
struct Floor {
    sum: f64,
    count: f64,
}

impl Floor {
    const fn new() -> Self {
        Self { sum: 0.0, count: 0.0 }
    }

    fn with(&mut self, value: f64) -> f64 {
        self.count += 1.0;
        // a running mean cannot overflow where a sum would
        self.sum += (value.abs() - self.sum) / self.count;
        1e-3 * self.sum + 1e-9
    }
}

fn known(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

fn moving_z(values: &[f64], width: usize) -> Vec<f64> {
    let (mut past, mut floor) = (Window::new(width, width.min(FEWEST)), Floor::new());
    let mut push = |value: &f64| {
        let score = (value - past.mean()).abs() / (past.deviation() + floor.with(*value));
        past.push(*value);
        known(score)
    };
    values.iter().map(&mut push).collect()
}

fn moving_median(values: &[f64], width: usize) -> Vec<f64> {
    let fewest = width.min(FEWEST);
    let (mut past, mut off) = (Window::new(width, fewest), Window::new(width, fewest));
    let mut floor = Floor::new();
    let mut push = |value: &f64| {
        let distance = (value - past.median()).abs();
        let spread = NORMAL * off.median() + 0.1 * past.deviation() + floor.with(*value);
        past.push(*value);
        off.push(distance);
        known(distance / spread)
    };
    values.iter().map(&mut push).collect()
}

fn seasonal_median(values: &[f64], day: usize, width: usize) -> Vec<f64> {
    let count = values.len();
    if day > count / 3 {
        return moving_median(values, width);
    }
    let smooth: Vec<f64> =
        (0..count).map(|index| median(values[index.saturating_sub(2)..count.min(index + 3)].iter().copied())).collect();
    let days = (count / day).saturating_sub(1).clamp(1, MOST_DAYS);
    let mut recent = Window::new(day.min(60), 1);
    let mut level = Window::new((day / 24).max(5), 1);
    let (mut past, mut floor) = (Window::new(day, 20), Floor::new());
    let mut scores = Vec::with_capacity(count);
    for (index, value) in values.iter().enumerate() {
        let earlier = (1..=days).filter_map(|k| smooth.get(index.checked_sub(k * day)?).copied());
        let expected = [median(earlier), recent.median()].into_iter().find(|e| !e.is_nan()).unwrap_or(*value);
        let rest = value - expected;
        let distance = (rest - 0.5 * known(level.median())).abs();
        let spread = NORMAL * past.median() + 0.1 * past.deviation() + floor.with(*value);
        scores.push(known(distance / spread));
        recent.push(*value);
        level.push(rest);
        past.push(distance);
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{cases, floats, integer};
    use super::*;

    #[test]
    fn scores_equal_the_reference() {
        let cases = cases("baselines");
        assert_eq!(cases.len(), 5);
        for case in cases {
            let (values, day) = (floats(&case["values"]), integer(&case["day"]));
            let step = Step::from_millis(86_400_000 / i64::try_from(day).unwrap()).unwrap();
            for baseline in [Baseline::MovingZ, Baseline::SeasonalMedian] {
                let got = baseline.scores(&[&values], step, values.len() / 2, 1);
                let expected = floats(&case[baseline.as_str()]);
                assert_eq!(got.len(), expected.len());
                for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    let within = 1e-9 * expected.abs().max(1.0);
                    assert!((got - expected).abs() < within, "{} {baseline} {index}: {got} {expected}", case["name"]);
                }
            }
        }
    }

    #[test]
    fn scores_depend_on_the_past_only() {
        let wave = |i: u32| (f64::from(i) * 0.2618).sin() * 10.0 + f64::from(i.wrapping_mul(2_654_435_761) >> 30);
        let short: Vec<f64> = (0..400).map(wave).collect();
        let mut long = short.clone();
        long.extend([1e6; 80]);
        for baseline in [Baseline::MovingZ, Baseline::SeasonalMedian] {
            let (a, b) =
                (baseline.scores(&[&short], Step::HOUR, 200, 1), baseline.scores(&[&long], Step::HOUR, 200, 1));
            assert_eq!(a, b[..400], "{baseline}");
        }
    }

    #[test]
    fn anything_gets_finite_scores() {
        let nan = f64::NAN;
        let awkward: [Vec<f64>; 7] = [
            vec![],
            vec![1.0],
            vec![nan; 100],
            vec![5.0; 300],
            (0..300).map(|i| if i % 2 == 0 { f64::INFINITY } else { -1e300 }).collect(),
            (0..300).map(|i| if i % 50 < 25 { nan } else { f64::from(i) }).collect(),
            (0..300).map(|i| f64::from(i32::from(i == 200))).collect(),
        ];
        for values in &awkward {
            for baseline in Baseline::ALL {
                for metrics in [vec![values.as_slice()], vec![values.as_slice(); 3]] {
                    let scores = baseline.scores(&metrics, Step::HOUR, 50, 1);
                    assert_eq!(scores.len(), values.len());
                    assert!(scores.iter().all(|s| s.is_finite()), "{baseline} {values:?}");
                }
            }
        }
        assert!(Baseline::MovingZ.scores(&[], Step::HOUR, 0, 1).is_empty());
    }

    #[test]
    fn a_metric_that_jumps_raises_its_entity() {
        let calm: Vec<f64> = (0..300).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let mut jumps = calm.clone();
        jumps[250] = 40.0;
        for baseline in Baseline::ALL {
            let scores = baseline.scores(&[&calm, &jumps, &calm], Step::HOUR, 100, 1);
            let above = (100..300).filter(|i| scores[*i] > scores[250]).count();
            assert!(above <= if baseline == Baseline::IsolationForest { 10 } else { 1 }, "{baseline}: {above}");
        }
        assert!("moving_x".parse::<Baseline>().unwrap_err().to_string().contains("seasonal_median"));
        assert_eq!("moving_z".parse(), Ok(Baseline::MovingZ));
    }
}
