//! True intervals: calibrated on the errors that the same forecast made from earlier origins.
//!
//! Errors are divided by how errors grow with the horizon, `k^b`; the weighted quantile of their sizes, a little widened
//! because a dozen overlapping origins are few, is the half width at step 1. So a 95 % interval is one that would have held
//! 95 % of the past (conformal prediction; Lei et al. 2018, with weights that favour newer origins).

use super::normal::quantile as normal_quantile;
use super::pool::{DISCOUNT, Problem, Runs};
use super::stats::{differences, is_positive, mean, range, weighted_quantile};

/// Exponent of growth that few origins are drawn to, and how many origins it counts for.
const PRIOR_GROWTH: (f64, f64) = (0.3, 4.0);
/// Least and largest exponent of growth.
const GROWTH: (f64, f64) = (0.05, 0.8);
/// Least exponent beyond the steps that the origins could check: between a random walk (0.5) and a wrong slope (1). On
/// simulated disks with a steady fill it holds what it promises 90 days ahead; on walks without a trend it is wider.
const UNCHECKED_GROWTH: f64 = 0.75;
/// Blocks of steps from which growth is read.
const BLOCKS: usize = 6;
/// Widening of the interval that misses a share `m`: `-WIDENING × ln(m)` over the independent origins.
const WIDENING: f64 = 0.16;
/// How far the size of the newest errors moves all widths, as a power.
const RECENT: f64 = 0.2;

/// How large errors are, by coverage and by step.
#[derive(Debug, Clone)]
pub(super) struct Calibration {
    log: bool,
    tail: Tail,
    growth: f64,
    checked: f64,
    /// Correlation of errors: of neighbouring steps beyond, and of all steps of a path.
    pub(super) memory: f64,
    /// See `memory`.
    pub(super) shared: f64,
}

#[derive(Debug, Clone)]
enum Tail {
    /// Sorted error sizes with weights, all-over factor, independent origins.
    Seen { sizes: Vec<(f64, f64)>, factor: f64, independent: f64 },
    /// Nothing to calibrate on: a normal random walk.
    Walk { sigma: f64 },
}

/// Errors from one origin, step by step, NaN where the value was not observed, and the origin's weight.
struct Errors {
    by_step: Vec<f64>,
    weight: f64,
}

impl Calibration {
    /// From what `runs` forecast from the origins; in logarithms when `log` (all values are then positive).
    pub(super) fn new(problem: &Problem<'_>, runs: &Runs, log: bool) -> Self {
        let space = |value: f64| if log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let values: Vec<f64> = problem.values.iter().map(|value| space(*value)).collect();
        let (low, high) = range(&values);
        let tiny = 1e-9 * (high - low);
        let errors: Vec<Errors> = problem
            .cuts
            .iter()
            .zip(&runs.back)
            .enumerate()
            .filter_map(|(j, (cut, path))| {
                let by_step = path.as_ref()?.iter().zip(*cut..).map(|(predicted, at)| {
                    if problem.observed[at] { values[at] - space(*predicted) } else { f64::NAN }
                });
                Some(Errors { by_step: by_step.collect(), weight: DISCOUNT.powi(j as i32) })
            })
            .filter(|errors| errors.by_step.iter().any(|error| error.is_finite()))
            .collect();
        if errors.is_empty() {
            return Self::walk(&values, log, problem.span);
        }
        let total: f64 = errors.iter().map(|errors| errors.weight).sum();
        let effective = total * total / errors.iter().map(|errors| errors.weight.powi(2)).sum::<f64>();
        let growth = growth(&errors, effective, tiny);
        let scaled: Vec<Errors> = errors
            .into_iter()
            .map(|errors| {
                let by_step = errors.by_step.iter().zip(1..).map(|(error, k)| error / f64::from(k).powf(growth));
                Errors { by_step: by_step.collect(), weight: errors.weight / total }
            })
            .collect();
        let mut sizes: Vec<(f64, f64)> = scaled
            .iter()
            .flat_map(|errors| {
                errors
                    .by_step
                    .iter()
                    .filter(|error| error.is_finite())
                    .map(|error| (error.abs().max(tiny), errors.weight))
            })
            .collect();
        sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (memory, shared) = correlation(&scaled, effective, weighted_quantile(&sizes, 0.95));
        let independent = 1.0 + (effective - 1.0) / 2.0;
        let tail = Tail::Seen { factor: recent(&scaled), sizes, independent };
        Self { log, tail, growth, checked: problem.span as f64, memory, shared }
    }

    fn walk(values: &[f64], log: bool, span: usize) -> Self {
        let changes = differences(values);
        let squares: Vec<f64> = changes.iter().map(|change| change * change).collect();
        let sigma = if changes.is_empty() {
            values.first().map_or(0.0, |value| value.abs())
        } else {
            mean(&squares).sqrt() * (1.0 + 2.0 / changes.len() as f64)
        };
        Self { log, tail: Tail::Walk { sigma }, growth: 0.5, checked: span as f64, memory: 0.9, shared: 0.5 }
    }

    /// Error size that a share `level` of errors stays below, at step 1. Grows with `level` in (0, 1).
    pub(super) fn size(&self, level: f64) -> f64 {
        match &self.tail {
            Tail::Walk { sigma } => sigma * normal_quantile(f64::midpoint(1.0, level)),
            Tail::Seen { sizes, factor, independent } => {
                let at = |level: f64| {
                    let widening = 1.0 - WIDENING * (1.0 - level).ln() / independent;
                    weighted_quantile(sizes, level) * widening
                };
                // beyond 95 % there is too little to count: an exponential tail through the 80 and 95 % sizes
                let size = if level > 0.95 {
                    let slope = (at(0.95) - at(0.8)) / 4.0_f64.ln();
                    at(0.95) + slope * (0.05 / (1.0 - level)).ln()
                } else {
                    at(level)
                };
                size * factor
            }
        }
    }

    /// How much larger errors are at `step`, counted from 0, than at step 0. Never falls.
    pub(super) fn spread(&self, step: usize) -> f64 {
        let k = (step + 1) as f64;
        if k <= self.checked {
            k.powf(self.growth)
        } else {
            self.checked.powf(self.growth) * (k / self.checked).powf(self.growth.max(UNCHECKED_GROWTH))
        }
    }

    /// `centre` with an error added in the space of the calibration.
    pub(super) fn apply(&self, centre: f64, error: f64) -> f64 {
        if self.log { centre * error.clamp(-50.0, 50.0).exp() } else { centre + error }
    }

    /// Steps of the horizon that the origins could check.
    pub(super) fn covers(&self, horizon: usize) -> bool {
        horizon as f64 <= self.checked
    }
}

/// Exponent of error growth: slope of log mean error over log step, by blocks of steps.
fn growth(errors: &[Errors], effective: f64, tiny: f64) -> f64 {
    let steps = errors.iter().map(|errors| errors.by_step.len()).max().unwrap_or(0);
    let blocks = BLOCKS.min(steps);
    let points: Vec<(f64, f64)> = (0..blocks)
        .filter_map(|block| {
            let (from, to) = (block * steps / blocks, (block + 1) * steps / blocks);
            let (mut sum, mut weight) = (0.0, 0.0);
            for origin in errors {
                for error in origin.by_step[from..to].iter().filter(|error| error.is_finite()) {
                    sum += origin.weight * error.abs();
                    weight += origin.weight;
                }
            }
            let middle = f64::midpoint((from + 1) as f64, to as f64);
            (weight > 0.0).then(|| (middle.ln(), (sum / weight + tiny).ln()))
        })
        .collect();
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let across: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let along: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let (prior, count) = PRIOR_GROWTH;
    if !is_positive(across) {
        return prior;
    }
    let slope = (effective * along + count * prior * across) / ((effective + count) * across);
    if slope.is_finite() { slope.clamp(GROWTH.0, GROWTH.1) } else { prior }
}

/// Size of the two newest origins' errors over that of all, damped.
fn recent(scaled: &[Errors]) -> f64 {
    let sizes = |origins: &[Errors]| -> Vec<f64> {
        origins.iter().flat_map(|o| o.by_step.iter().filter(|e| e.is_finite()).map(|e| e.abs())).collect()
    };
    let (newest, all) = (mean(&sizes(&scaled[..scaled.len().min(2)])), mean(&sizes(scaled)));
    if all > 0.0 { (newest / all).clamp(0.5, 2.0).powf(RECENT) } else { 1.0 }
}

/// Correlation of neighbouring errors beyond what a whole path shares, and that shared part: from products of errors one
/// step and half a path apart.
fn correlation(scaled: &[Errors], effective: f64, reach: f64) -> (f64, f64) {
    let steps = scaled.iter().map(|errors| errors.by_step.len()).max().unwrap_or(0);
    let at = |lag: usize| {
        let (mut products, mut squares) = (0.0, 0.0);
        for origin in scaled {
            for (early, late) in origin.by_step.iter().zip(origin.by_step.iter().skip(lag)) {
                let (early, late) = (early.clamp(-reach, reach), late.clamp(-reach, reach));
                if early.is_finite() && late.is_finite() {
                    products += origin.weight * early * late;
                    squares += origin.weight * f64::midpoint(early * early, late * late);
                }
            }
        }
        if squares > 0.0 { products / squares } else { 0.0 }
    };
    if steps < 4 {
        return (0.5, 0.5);
    }
    let (near, far) = (at(1), at(steps / 2));
    let shared = ((effective * far + 2.0 * 0.3) / (effective + 2.0)).clamp(0.02, 0.98);
    (((near - shared) / (1.0 - shared)).clamp(0.0, 0.999), shared)
}
