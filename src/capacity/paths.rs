//! Own sample paths: a robust trend with its uncertainty, and errors that keep their autocorrelation.
//!
//! The peaks of an envelope follow `y = a + b x + r`, where `r` is a first-order autoregression whose shocks are drawn
//! from the past in blocks. A steady fill has short-lived errors (`phi` near 0), a random walk long-lived ones (`phi`
//! near 1): the width of the future follows from which of them the past was. For every path `phi`, `b` and `a` are
//! drawn from what the history leaves open, so that a short history gives a wide future.

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal, StudentT};
use rand_pcg::Pcg64;

use super::envelope::Envelope;
use super::robust::{magnitude, median, spread, theil_sen};
use crate::forecast::SamplePaths;

/// Errors never live for ever: beyond this the slope could not be told from them.
const MOST_PHI: f64 = 0.99;
/// No history fixes a growth rate better than this share of itself.
const LEAST_SLOPE_DOUBT: f64 = 0.02;
/// Fewest peaks on each side for growth to count as changed.
const CHANGE_MIN_PEAKS: usize = 8;

/// The trend of an envelope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trend {
    /// Robust growth per step, in the unit of usage; finite.
    pub(super) per_step: f64,
    /// Peaks that the trend rests on.
    pub(super) peaks_used: usize,
    /// Whether growth changed and older history was left out.
    pub(super) growth_changed: bool,
    /// One-off falls and jumps that were taken out.
    pub(super) steps_removed: usize,
    scale: f64,
    x: Vec<f64>,
    y: Vec<f64>,
    phi: f64,
    non_negative: bool,
}

/// One draw of what the history leaves open.
struct Draw {
    phi: f64,
    slope: f64,
    level: f64,
    shocks: Vec<f64>,
}

/// Fits the trend. O(n²) in the number of peaks, which is at most 800.
pub(super) fn fit(envelope: &Envelope) -> Trend {
    let scale = magnitude(&envelope.values);
    let mut x = envelope.positions();
    let mut y: Vec<f64> = envelope.values.iter().map(|v| v / scale).collect();
    let non_negative = envelope.values.iter().all(|&v| v >= 0.0);
    let steps_removed = remove_steps(&mut y);
    let mut growth_changed = false;
    while let Some(from) = changed_since(&x, &y) {
        (x, y) = (x.split_off(from), y.split_off(from));
        growth_changed = true;
    }
    let slope = theil_sen(&x, &y);
    let phi = persistence(&residuals(&x, &y, slope));
    let per_step = (slope * scale).clamp(f64::MIN, f64::MAX);
    Trend { per_step, peaks_used: y.len(), growth_changed, steps_removed, scale, x, y, phi, non_negative }
}

impl Trend {
    /// `count` paths at the positions 1, 2, … `horizon_steps` after the last peak. The same seed gives the same paths.
    pub(super) fn sample(&self, horizon_steps: usize, count: usize, seed: u64) -> SamplePaths {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut values = Vec::with_capacity(horizon_steps.saturating_mul(count));
        let last = self.y[self.y.len() - 1];
        for _ in 0..count {
            let draw = self.draw(&mut random);
            let mut shocks = Shocks::new(&draw.shocks);
            let mut error = last - draw.level;
            for step in 1..=horizon_steps {
                error = draw.phi * error + shocks.next(&mut random);
                let value = (draw.level + draw.slope * step as f64 + error) * self.scale;
                let floor = if self.non_negative { 0.0 } else { f64::MIN };
                values.push(value.clamp(floor, f64::MAX));
            }
        }
        SamplePaths::new(horizon_steps, values)
    }

    /// Draws the persistence of errors, then slope and level given it.
    fn draw(&self, random: &mut Pcg64) -> Draw {
        let n = self.y.len() as f64;
        let normal: f64 = StandardNormal.sample(random);
        // the second part is the spread near a unit root, where the first vanishes
        let phi_doubt = ((1.0 - self.phi * self.phi) / n).sqrt().hypot(4.0 * self.phi.powi(4) / n);
        let phi = (self.phi + phi_doubt * normal).clamp(0.0, MOST_PHI);
        let fit = whitened_fit(&self.x, &self.y, phi);
        let fitted = fit.slope + fit.slope_error * student(n - 2.0, random);
        let normal: f64 = StandardNormal.sample(random);
        let level = fit.level_given(fitted) + fit.level_error * normal;
        // with fewer than four peaks there is nothing to tell the doubt from: take the slope itself
        let doubt = if n < 4.0 { fit.slope.abs() } else { LEAST_SLOPE_DOUBT * fit.slope.abs() };
        let normal: f64 = StandardNormal.sample(random);
        Draw { phi, slope: fitted + doubt * normal, level, shocks: fit.shocks }
    }
}

/// Least squares on the series freed of its autocorrelation (Prais and Winsten 1954), with Huber weights.
struct WhitenedFit {
    slope: f64,
    slope_error: f64,
    level_error: f64,
    shocks: Vec<f64>,
    constant: Vec<f64>,
    run: Vec<f64>,
    rise: Vec<f64>,
}

fn whitened_fit(x: &[f64], y: &[f64], phi: f64) -> WhitenedFit {
    let first = (1.0 - phi * phi).sqrt();
    let whiten = |v: &[f64]| -> Vec<f64> {
        std::iter::once(first * v[0]).chain(v.windows(2).map(|w| w[1] - phi * w[0])).collect()
    };
    let (run, rise) = (whiten(x), whiten(y));
    let constant = whiten(&vec![1.0; x.len()]);
    let mut weights = vec![1.0; x.len()];
    let (mut slope, mut level) = (0.0, 0.0);
    for _ in 0..3 {
        (slope, level) = weighted_line(&constant, &run, &rise, &weights);
        let rest: Vec<f64> = (0..x.len()).map(|i| rise[i] - level * constant[i] - slope * run[i]).collect();
        let bound = 4.5 * spread(&rest, median(&rest));
        weights = rest.iter().map(|r| if bound > 0.0 && r.abs() > bound { bound / r.abs() } else { 1.0 }).collect();
    }
    let mut shocks: Vec<f64> = (0..x.len()).map(|i| rise[i] - level * constant[i] - slope * run[i]).collect();
    let freedom = (x.len() as f64 - 3.0).max(1.0);
    let deviation = (shocks.iter().map(|s| s * s).sum::<f64>() / freedom).sqrt();
    let stretch = (x.len() as f64 / freedom).sqrt();
    shocks.iter_mut().for_each(|s| *s *= stretch);
    let [cc, cx, xx] = moments(&constant, &run, &vec![1.0; x.len()]);
    let slope_information = xx - cx * cx / cc;
    let slope_error = if slope_information > 1e-12 { deviation / slope_information.sqrt() } else { 0.0 };
    WhitenedFit { slope, slope_error, level_error: deviation / cc.sqrt(), shocks, constant, run, rise }
}

impl WhitenedFit {
    /// The level at position 0 that fits best when the slope is given.
    fn level_given(&self, slope: f64) -> f64 {
        let top: f64 = (0..self.run.len()).map(|i| self.constant[i] * (self.rise[i] - slope * self.run[i])).sum();
        top / self.constant.iter().map(|c| c * c).sum::<f64>()
    }
}

fn moments(constant: &[f64], run: &[f64], weights: &[f64]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for ((c, x), w) in constant.iter().zip(run).zip(weights) {
        sums[0] += w * c * c;
        sums[1] += w * c * x;
        sums[2] += w * x * x;
    }
    sums
}

/// Slope and level of the weighted line; slope 0 when `run` says nothing.
fn weighted_line(constant: &[f64], run: &[f64], rise: &[f64], weights: &[f64]) -> (f64, f64) {
    let [cc, cx, xx] = moments(constant, run, weights);
    let (mut cy, mut xy) = (0.0, 0.0);
    for i in 0..run.len() {
        cy += weights[i] * constant[i] * rise[i];
        xy += weights[i] * run[i] * rise[i];
    }
    let information = xx - cx * cx / cc;
    let slope = if information > 1e-12 { (xy - cx * cy / cc) / information } else { 0.0 };
    (slope, (cy - slope * cx) / cc)
}

/// Shocks in the order of the past, in blocks that begin anywhere (circular block bootstrap, Politis and Romano 1992).
struct Shocks<'a> {
    past: &'a [f64],
    block: usize,
    at: usize,
    left: usize,
}

impl<'a> Shocks<'a> {
    fn new(past: &'a [f64]) -> Self {
        // a week of days where there is a month of them
        Self { past, block: (past.len() / 4).clamp(1, 7), at: 0, left: 0 }
    }

    fn next(&mut self, random: &mut Pcg64) -> f64 {
        if self.left == 0 {
            (self.at, self.left) = (random.random_range(0..self.past.len()), self.block);
        }
        let shock = self.past[self.at % self.past.len()];
        (self.at, self.left) = (self.at + 1, self.left - 1);
        shock
    }
}

fn student(freedom: f64, random: &mut Pcg64) -> f64 {
    // with 2 degrees or fewer the variance is infinite; a date would mean nothing
    StudentT::new(freedom.max(3.0)).map_or(0.0, |t| t.sample(random))
}

/// Takes out one-off falls (at most two) and a one-off jump, which say nothing about growth; returns how many.
///
/// A step counts as one-off when it differs from the median step by more than 8 robust deviations and by more than a
/// tenth of the range. History before it is moved by what it differs, so that the present level stays.
fn remove_steps(y: &mut [f64]) -> usize {
    let steps: Vec<f64> = y.windows(2).map(|w| w[1] - w[0]).collect();
    if steps.len() < 8 {
        return 0;
    }
    let usual = median(&steps);
    let (low, high) = y.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let bound = (8.0 * spread(&steps, usual)).max(0.1 * (high - low));
    let odd: Vec<usize> = (0..steps.len()).filter(|&i| (steps[i] - usual).abs() > bound).collect();
    let jumps = odd.iter().filter(|&&i| steps[i] > usual).count();
    if jumps > 1 || odd.len() - jumps > 2 || odd.len() * 8 > steps.len() {
        return 0;
    }
    for &i in &odd {
        let excess = steps[i] - usual;
        y[..=i].iter_mut().for_each(|v| *v += excess);
    }
    odd.len()
}

/// Where the newer half of the history begins, if it grows clearly otherwise than the older half.
fn changed_since(x: &[f64], y: &[f64]) -> Option<usize> {
    let half = x.len() / 2;
    if half < CHANGE_MIN_PEAKS {
        return None;
    }
    let (old, old_error) = slope_with_error(&x[..half], &y[..half]);
    let (new, new_error) = slope_with_error(&x[half..], &y[half..]);
    let difference = (new - old).abs();
    let clear = difference > 4.0 * old_error.hypot(new_error) && difference > 0.2 * old.abs().max(new.abs());
    clear.then_some(half)
}

/// Slope and its standard error, given the persistence of the errors.
fn slope_with_error(x: &[f64], y: &[f64]) -> (f64, f64) {
    let fit = whitened_fit(x, y, persistence(&residuals(x, y, theil_sen(x, y))));
    (fit.slope, fit.slope_error)
}

fn residuals(x: &[f64], y: &[f64], slope: f64) -> Vec<f64> {
    let rest: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - slope * x).collect();
    let level = median(&rest);
    rest.iter().map(|r| r - level).collect()
}

/// First autocorrelation of residuals about a line, corrected for its bias, 0 to 0.99.
///
/// The mean bias is `-(2 + 4 phi) / n` (Marriott and Pope 1954); near a unit root the median falls short by about
/// `9 / n` (Andrews 1993), which the last term adds.
fn persistence(rest: &[f64]) -> f64 {
    let n = rest.len() as f64;
    let mean = rest.iter().sum::<f64>() / n.max(1.0);
    let power: f64 = rest.iter().map(|r| (r - mean) * (r - mean)).sum();
    if n < 4.0 || !(power > 1e-24 * n) {
        return 0.0;
    }
    let raw = rest.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / power;
    (raw + (2.0 + 4.0 * raw + 3.0 * raw.powi(4)) / n).clamp(0.0, MOST_PHI)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::series::Step;

    fn daily(values: &[f64]) -> Envelope {
        let step = Step::from_secs(86_400).expect("a step");
        let time = |i: usize| Timestamp::from_second(86_400 * i as i64).expect("a time");
        Envelope { times: (0..values.len()).map(time).collect(), values: values.to_vec(), step }
    }

    fn ends(values: &[f64], horizon: usize) -> Vec<f64> {
        let paths = fit(&daily(values)).sample(horizon, 200, 7);
        let mut ends: Vec<f64> = paths.iter().map(|path| path[horizon - 1]).collect();
        ends.sort_by(f64::total_cmp);
        ends
    }

    #[track_caller]
    fn check_median(values: &[f64], horizon: usize, want: f64) {
        let got = ends(values, horizon)[100];
        assert!((got - want).abs() <= 0.02 * want.abs().max(1.0), "median {got}, not {want}");
    }

    #[test]
    fn the_middle_path_goes_on_as_before() {
        let line: Vec<f64> = (0..60).map(|i| 10.0 + f64::from(i)).collect();
        check_median(&line, 30, 99.0);
        check_median(&[5.0; 40], 30, 5.0);
        check_median(&[5.0], 30, 5.0);
        // clean-up of 50 on day 40: growth of 1 per day goes on from the level after it
        let cleaned: Vec<f64> = (0..60).map(|i| f64::from(i) + if i < 40 { 70.0 } else { 20.0 }).collect();
        check_median(&cleaned, 30, 109.0);
        // growth of 1 per day, then of 3
        let faster: Vec<f64> = (0..60).map(|i| f64::from(i) + 2.0 * f64::from((i - 30).max(0))).collect();
        check_median(&faster, 30, 117.0 + 90.0);
    }

    #[test]
    fn two_points_leave_growth_open_and_a_long_line_does_not() {
        let width = |values: &[f64]| {
            let ends = ends(values, 30);
            (ends[180] - ends[20]) / 30.0
        };
        assert!(width(&[1.0, 2.0]) > 1.0);
        let line: Vec<f64> = (0..60).map(f64::from).collect();
        assert!(width(&line) < 0.1 && width(&line) > 0.0);
    }

    #[test]
    fn paths_are_finite_repeatable_and_keep_their_sign() {
        for values in
            [vec![1.7e308; 30], (0..30).map(|i| f64::from(i) * 5e306).collect(), vec![0.0; 9], vec![1e-300; 3]]
        {
            let trend = fit(&daily(&values));
            let paths = trend.sample(90, 50, 3);
            assert!(paths.iter().flatten().all(|v| v.is_finite() && *v >= 0.0));
            assert_eq!(paths, trend.sample(90, 50, 3));
            assert!(trend.per_step.is_finite());
        }
        let falling: Vec<f64> = (0..30).map(|i| 30.0 - f64::from(i)).collect();
        assert!(fit(&daily(&falling)).sample(90, 50, 3).iter().flatten().all(|v| *v >= 0.0));
    }
}
