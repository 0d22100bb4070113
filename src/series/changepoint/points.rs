//! From values to change points with the segments beside them.

use serde::{Deserialize, Serialize};

use super::functional::starts_of_means;
use super::likelihood::starts_of_variances;
use super::noise::{Noise, noise};
use super::settings::{ChangeCost, ChangePointSettings, MOST_MIN_SEGMENT, Penalty};

/// Largest size of a change in sigmas: segments without any noise would have an infinite one.
const MOST_SIGMAS: f64 = 1e9;

/// One place at which a series became another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// Index of the first point of the new segment.
    pub index: usize,
    /// What changed more.
    pub kind: ChangePointKind,
    /// The segment before.
    pub before: Segment,
    /// The segment after.
    pub after: Segment,
    /// Change of the mean over the standard deviation within the two segments, within ±1e9.
    pub size_sigmas: f64,
}

/// What changed at a change point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangePointKind {
    /// The mean, more than the variance: its likelihood gains more by a new mean.
    LevelShift,
    /// The variance, more than the mean.
    Variance,
}

/// Points between two change points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Index of its first point.
    pub start: usize,
    /// How many points.
    pub points: usize,
    /// Their mean, in the unit of the values.
    pub mean: f64,
    /// Their standard deviation (divisor `points`), in the unit of the values.
    pub sd: f64,
}

/// Why change points cannot be looked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChangePointError {
    /// A NaN or an infinity: gaps have to be left out or filled before.
    #[error("values must be finite, got {value} at point {index}")]
    NotFinite {
        /// Index of the value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Segments cannot be that short or long.
    #[error("the shortest segment must have {least} to {most} points, got {got}")]
    MinSegment {
        /// The value.
        got: usize,
        /// Least allowed.
        least: usize,
        /// Most allowed.
        most: usize,
    },
}

/// Change points of `values` with the segments beside them, in order of time; none for constant or too few values.
///
/// Shifting the values changes nothing but the means; scaling them scales means and deviations. Sums are kept in double
/// precision: noise smaller than about 1e-6 of the range of the values is rounded away.
///
/// Complexity: see [`segment_starts`].
///
/// # Errors
/// [`ChangePointError::NotFinite`] on NaN or infinity, [`ChangePointError::MinSegment`] on a useless shortest segment.
///
/// ```
/// use tidewatch::series::{ChangePointKind, ChangePointSettings, change_points};
///
/// let wave = |i: usize| (i as f64 * 2.4).sin();
/// let values: Vec<f64> = (0..200).map(|i| wave(i) + if i < 120 { 0.0 } else { 5.0 }).collect();
/// let found = change_points(&values, &ChangePointSettings::default())?;
/// assert_eq!((found.len(), found[0].index, found[0].kind), (1, 120, ChangePointKind::LevelShift));
///
/// let error = change_points(&[1.0, f64::NAN], &ChangePointSettings::default()).unwrap_err();
/// assert_eq!(error.to_string(), "values must be finite, got NaN at point 1");
/// # Ok::<(), tidewatch::series::ChangePointError>(())
/// ```
pub fn change_points(values: &[f64], settings: &ChangePointSettings) -> Result<Vec<ChangePoint>, ChangePointError> {
    let mut bounds = vec![0];
    bounds.extend(segment_starts(values, settings)?);
    bounds.push(values.len());
    let frame = Frame::of(values);
    let inner: Vec<f64> = values.iter().map(|value| frame.enter(*value)).collect();
    let floor = noise(&inner).floor();
    let segments: Vec<Inner> = bounds.windows(2).map(|pair| Inner::of(&inner, pair[0], pair[1])).collect();
    Ok(segments.windows(2).map(|pair| change(pair[0], pair[1], settings.cost, floor, &frame)).collect())
}

/// Index of the first point of every segment but the first, in rising order.
///
/// The exact optimum of the sum of costs plus the penalty for each change, over all segmentations with segments of at least
/// `min_segment` points.
///
/// Where most neighbours are equal (counts, bursts, switches), a run of equal values says nothing about the variance, and
/// `mean_variance` is the cost of the mean with the variance of the whole.
///
/// Complexity: `mean` O(n k) with k some tens (0.2 ms for 2,000 points of noise); `mean_variance` O(n²) at worst, when
/// there is no change at all, and less with every change. Memory O(n).
///
/// # Errors
/// As [`change_points`].
pub fn segment_starts(values: &[f64], settings: &ChangePointSettings) -> Result<Vec<usize>, ChangePointError> {
    let min_segment = settings.min_segment;
    let least = if settings.cost == ChangeCost::Mean { 1 } else { 2 };
    if !(least..=MOST_MIN_SEGMENT).contains(&min_segment) {
        return Err(ChangePointError::MinSegment { got: min_segment, least, most: MOST_MIN_SEGMENT });
    }
    if let Some((index, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(ChangePointError::NotFinite { index, value: *value });
    }
    if values.len() < 2 * min_segment {
        return Ok(Vec::new());
    }
    let frame = Frame::of(values);
    let inner: Vec<f64> = values.iter().map(|value| frame.enter(*value)).collect();
    let noise = noise(&inner);
    if noise.variance.is_nan() || noise.variance <= 0.0 {
        return Ok(Vec::new());
    }
    let penalty = penalty_of(settings, &noise, inner.len(), &frame);
    Ok(match settings.cost {
        ChangeCost::MeanVariance if !noise.is_mostly_still => {
            starts_of_variances(&inner, penalty, min_segment, noise.floor())
        }
        ChangeCost::Mean | ChangeCost::MeanVariance => starts_of_means(&inner, penalty, min_segment),
    })
}

/// The penalty in the frame's own units; more than 0.
fn penalty_of(settings: &ChangePointSettings, noise: &Noise, points: usize, frame: &Frame) -> f64 {
    let log = (points.max(2) as f64).ln();
    let penalty = match (settings.penalty, settings.cost) {
        (Penalty::Auto, ChangeCost::Mean) => 3.0 * log * noise.variance * noise.inflation,
        (Penalty::Auto, ChangeCost::MeanVariance) => 4.0 * log * noise.inflation,
        (Penalty::Value(value), ChangeCost::Mean) => value * frame.factor * frame.factor,
        (Penalty::Value(value), ChangeCost::MeanVariance) => value,
    };
    let of_still = noise.is_mostly_still && settings.cost == ChangeCost::MeanVariance;
    let penalty = if of_still { penalty * noise.variance } else { penalty };
    penalty.clamp(f64::MIN_POSITIVE, f64::MAX)
}

/// The values' own origin and unit: within them all values lie in ±1 and nothing overflows.
#[derive(Debug, Clone, Copy)]
struct Frame {
    centre: f64,
    /// A power of two.
    factor: f64,
}

/// A segment in the frame.
#[derive(Debug, Clone, Copy)]
struct Inner {
    start: usize,
    points: usize,
    mean: f64,
    variance: f64,
}

impl Frame {
    fn of(values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let half = most / 2.0 - least / 2.0;
        if half.is_nan() || half <= 0.0 {
            return Self { centre: least, factor: 1.0 };
        }
        let factor = (-half.log2().ceil()).clamp(-1_020.0, 1_020.0).exp2();
        Self { centre: least / 2.0 + most / 2.0, factor }
    }

    fn enter(&self, value: f64) -> f64 {
        value.mul_add(self.factor, -(self.centre * self.factor))
    }

    fn leave(&self, value: f64) -> f64 {
        (self.centre + value / self.factor).clamp(f64::MIN, f64::MAX)
    }
}

impl Inner {
    fn of(values: &[f64], start: usize, end: usize) -> Self {
        let part = values.get(start..end).unwrap_or_default();
        let points = part.len().max(1) as f64;
        let mean = part.iter().sum::<f64>() / points;
        let variance = part.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / points;
        Self { start, points: part.len(), mean, variance }
    }

    fn leave(&self, frame: &Frame) -> Segment {
        let sd = (self.variance.sqrt() / frame.factor).min(f64::MAX);
        Segment { start: self.start, points: self.points, mean: frame.leave(self.mean), sd }
    }
}

fn change(before: Inner, after: Inner, cost: ChangeCost, floor: f64, frame: &Frame) -> ChangePoint {
    let (m, n) = (before.points as f64, after.points as f64);
    let moved = after.mean - before.mean;
    let within = (m * before.variance + n * after.variance) / (m + n);
    let between = m * n / (m + n) / (m + n) * moved * moved;
    let log = |variance: f64| variance.max(floor).max(f64::MIN_POSITIVE).ln();
    let by_mean = (m + n) * (log(within + between) - log(within));
    let by_variance = (m + n) * log(within) - m * log(before.variance) - n * log(after.variance);
    let is_shift = cost == ChangeCost::Mean || by_mean >= by_variance;
    let sigmas = moved / within.sqrt().max(f64::MIN_POSITIVE);
    ChangePoint {
        index: after.start,
        kind: if is_shift { ChangePointKind::LevelShift } else { ChangePointKind::Variance },
        before: before.leave(frame),
        after: after.leave(frame),
        size_sigmas: sigmas.clamp(-MOST_SIGMAS, MOST_SIGMAS),
    }
}
