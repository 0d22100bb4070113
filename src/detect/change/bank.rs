//! Shifts of the mean of a stream at all scales at once, each scale with its own noise.
//!
//! Sums of the newest 4, 8, 16, … values, each looked at when half of it is new. What such a sum varies by is learned at
//! its own scale, so that values that resemble their neighbours do not look like shifts: for independent values the
//! variance of a sum is that of a value times its length, for others it is what it is.

use serde::{Deserialize, Serialize};

use super::tail::beyond_student;

/// Scales: sums of 4 to 1,024 values.
const MOST_SCALES: usize = 9;
/// Values of the shortest sum.
const SHORTEST: usize = 4;
/// Numbers held for each scale.
const WIDTH: usize = 4;
/// Sums of a scale that must have been seen before it is judged.
const FEWEST: f32 = 8.0;
/// Sums of a scale that are remembered.
const MEMORY: f32 = 60.0;
/// A sum counts as noise at most so many times its variance.
const MOST_NOISE: f32 = 9.0;

/// Numbers of scale `k`, from `WIDTH × k` on: the half sum before (NaN for none), what is gathered for the next scale
/// (NaN for none), the variance of a sum over its length, and how many sums it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bank {
    #[serde(with = "super::super::exact::f32s")]
    cells: Vec<f32>,
}

/// A sum that is too large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// Mean of the values of the sum.
    pub(super) mean: f64,
    /// How many they are.
    pub(super) points: usize,
    /// False alarms in one point at this size, over all scales.
    pub(super) rate: f64,
}

impl Bank {
    /// Scales up to sums of about `longest` values.
    pub(super) fn new(longest: usize) -> Self {
        let scales = (1..MOST_SCALES).filter(|k| SHORTEST << k <= longest).count() + 1;
        Self { cells: [f32::NAN, f32::NAN, 1.0, 0.0].repeat(scales) }
    }

    /// Whether a snapshot holds what it must.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |cell: &[f32]| cell[2] > 0.0 && cell[2].is_finite() && (0.0..=MEMORY).contains(&cell[3]);
        (WIDTH..=WIDTH * MOST_SCALES).contains(&self.cells.len())
            && self.cells.len().is_multiple_of(WIDTH)
            && self.cells.chunks_exact(WIDTH).all(sound)
    }

    /// Takes the sum of `SHORTEST / 2` new values. The most telling shift of the scales that end here, of at least
    /// `least` in its mean and of at least `fewest` values; values around 0 are no shift. O(1) amortised.
    pub(super) fn push(&mut self, half: f64, (least, fewest): (f64, usize)) -> Option<Shift> {
        let scales = (self.cells.len() / WIDTH) as f64;
        let mut found: Option<Shift> = None;
        let mut half = half as f32;
        let mut below = 1.0_f32;
        for (k, cell) in self.cells.chunks_exact_mut(WIDTH).enumerate() {
            let [before, gathered, variance, count] = cell else { break };
            let points = SHORTEST << k;
            let sum = *before + half;
            if !sum.is_nan() && *count >= FEWEST && points >= fewest {
                let t = f64::from(sum) / (points as f64 * f64::from(variance.max(1e-6))).sqrt();
                // two looks for each length, at every scale
                let rate = beyond_student(t, f64::from(*count)) * 2.0 * scales / points as f64;
                let mean = f64::from(sum) / points as f64;
                if mean.abs() >= least && found.is_none_or(|other| rate < other.rate) {
                    found = Some(Shift { mean, points, rate });
                }
            }
            *before = half;
            if gathered.is_nan() {
                *gathered = half;
                break;
            }
            let whole = *gathered + half;
            *gathered = f32::NAN;
            learn(variance, count, whole * whole / points as f32, below);
            below = *variance;
            half = whole;
        }
        found
    }

    /// From here on sums vary by `factor` times what they did before, as a standard deviation.
    pub(super) fn stretch(&mut self, factor: f64) {
        self.restart();
        for variance in self.cells.iter_mut().skip(2).step_by(WIDTH) {
            *variance = (f64::from(*variance) * factor * factor).clamp(1e-6, 1e12) as f32;
        }
    }

    /// Forgets the sums, not what they vary by.
    pub(super) fn restart(&mut self) {
        for cell in self.cells.chunks_exact_mut(WIDTH) {
            if let [before, gathered, ..] = cell {
                (*before, *gathered) = (f32::NAN, f32::NAN);
            }
        }
    }
}

/// Learns the variance from one sum; the first is taken together with that of the scale `below`.
fn learn(variance: &mut f32, count: &mut f32, seen: f32, below: f32) {
    if *count < 1.0 {
        *variance = below.max(1e-6);
    }
    *count = (*count + 1.0).min(MEMORY);
    let seen = seen.min(MOST_NOISE * *variance);
    *variance += (seen - *variance) / (*count + 1.0);
    *variance = variance.max(1e-6);
}
