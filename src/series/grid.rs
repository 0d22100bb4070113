//! The middle stage: a regular step, gaps explicit.

use std::borrow::Cow;

use jiff::Timestamp;

use super::impute::fill;
use super::slots::{Slots, Unfit, settle_step};
use super::{Aggregate, Labels, MetricKind, Quality, Sample, Samples, Series, SeriesError, Settings, Step, Unit};

/// Largest magnitude of a value; what is beyond is cut to it and counted.
///
/// No metric is as large, but files and counters gone wrong hold 1e308. With 1e150 the sum of the squares of 20 million
/// values is 2e307: variances, covariances and dot products stay finite.
pub const MAX_MAGNITUDE: f64 = 1e150;

/// Samples on a regular grid: point `i` stands at `start + i × step`, a gap is NaN, and every defect is counted.
///
/// ```
/// use tidewatch::series::{Grid, Sample, Samples, Settings};
///
/// let at = |minute: i64, value: f64| Sample { time_ms: minute * 60_000, value };
/// let samples = Samples::gauge("cpu", vec![at(1, 0.4), at(0, 0.2), at(3, 0.8), at(4, f64::NAN)]);
/// let grid = Grid::from_samples(&samples, None, &Settings::default())?;
/// assert_eq!((grid.step().to_string().as_str(), grid.len()), ("1m", 5));
/// assert_eq!((grid.quality().disordered, grid.quality().missing), (1, 2));
/// let series = grid.into_series()?;
/// assert_eq!(series.imputed(), [false, false, true, false, true]);
/// # Ok::<(), tidewatch::series::SeriesError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    name: String,
    labels: Labels,
    unit: Unit,
    slots: Slots,
    values: Vec<f64>,
    quality: Quality,
    settings: Settings,
}

impl Grid {
    /// Puts `samples` on a grid of `step`, or of the step inferred from them.
    ///
    /// 1. Order: sorted by time; of several samples at one time the last finite one wins.
    /// 2. Counters become rates per second between neighbours; a fall is a restart from zero. The first point has no
    ///    rate and is a gap.
    /// 3. Step, when not given: the most frequent gap, or the median gap where none is frequent; with jitter, the common
    ///    step (`15s`, `1m`, `1h` …) within a tenth of it.
    /// 4. Each sample goes to the nearest grid point; several on one point are averaged. The grid starts on a multiple
    ///    of the step when most samples lie on one.
    /// 5. Infinities become gaps; magnitudes beyond [`MAX_MAGNITUDE`] are cut to it.
    ///
    /// Samples with a missing value (NaN) still hold their place in time. O(n log n) when disordered, else O(n).
    ///
    /// # Errors
    /// [`SeriesError::Empty`] without samples, [`SeriesError::NoStep`] when no step is given and there are fewer than
    /// two distinct times, [`SeriesError::TooLong`] beyond `settings.max_steps`, [`SeriesError::TimeOutOfRange`] for
    /// times that a timestamp cannot hold.
    pub fn from_samples(samples: &Samples, step: Option<Step>, settings: &Settings) -> Result<Self, SeriesError> {
        let name = || samples.name.clone();
        let mut quality = Quality { samples: samples.points.len(), partial: samples.partial, ..Quality::default() };
        let mut points = in_order(&samples.points, &mut quality);
        if points.is_empty() {
            return Err(SeriesError::Empty { series: name() });
        }
        if samples.kind == MetricKind::Counter {
            points = Cow::Owned(rates(&points, &mut quality));
        }
        let step = step
            .or_else(|| settle_step(&points))
            .ok_or_else(|| SeriesError::NoStep { series: name(), distinct: points.len() })?;
        let slots = Slots::around(&points, step, settings.max_steps)
            .map_err(|unfit| refusal(unfit, name(), step, settings.max_steps))?;
        let values = snap(&points, &slots, &mut quality);
        let (labels, unit) = (samples.labels.clone(), samples.unit);
        Ok(Self { name: name(), labels, unit, slots, values, quality, settings: *settings })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Time of the first point.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        Timestamp::from_millisecond(self.slots.start_ms()).unwrap_or(Timestamp::MIN)
    }

    /// Time between two points.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.slots.step()
    }

    /// The time axis, which may be kept when the grid becomes a series.
    #[must_use]
    pub const fn slots(&self) -> Slots {
        self.slots
    }

    /// The values; NaN is a gap, nothing is infinite.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of points, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a grid is never empty")]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// What was wrong with the samples.
    #[must_use]
    pub const fn quality(&self) -> &Quality {
        &self.quality
    }

    /// The point that a sample at `time_ms` (Unix, milliseconds) went to; `None` outside the grid.
    #[must_use]
    pub fn index_of(&self, time_ms: i64) -> Option<usize> {
        self.slots.index_of(time_ms)
    }

    /// The same data at a longer step.
    ///
    /// Buckets start on multiples of `step` since 1970 (whole weeks on Mondays, UTC); a point stands at the start of its
    /// bucket and so holds values up to one step later. A bucket without values is a gap. O(n).
    ///
    /// # Errors
    /// [`SeriesError::FinerStep`] when `step` is shorter than the present one; [`SeriesError::TimeOutOfRange`].
    pub fn resample(&self, step: Step, aggregate: Aggregate) -> Result<Self, SeriesError> {
        if step < self.step() {
            return Err(SeriesError::FinerStep { series: self.name.clone(), step: self.step(), wanted: step });
        }
        let slots = self
            .slots
            .buckets(step, self.settings.max_steps)
            .map_err(|unfit| refusal(unfit, self.name.clone(), step, self.settings.max_steps))?;
        let mut values = vec![f64::NAN; slots.len()];
        let mut from = 0;
        while from < self.len() {
            let bucket = slots.index_of(self.slots.time_ms(from));
            let same = (from..self.len()).take_while(|i| slots.index_of(self.slots.time_ms(*i)) == bucket).count();
            let until = from + same.max(1);
            if let Some(value) = bucket.and_then(|index| values.get_mut(index)) {
                *value = aggregate.apply(self.values[from..until].iter().copied());
            }
            from = until;
        }
        let quality = Quality { missing: values.iter().filter(|v| v.is_nan()).count(), ..self.quality };
        let (name, labels) = (self.name.clone(), self.labels.clone());
        Ok(Self { name, labels, unit: self.unit, slots, values, quality, settings: self.settings })
    }

    /// Fills the gaps and flags them.
    ///
    /// Short gaps (`linear_gap_steps`) along a straight line, longer ones with the values one `gap_season` earlier or,
    /// without such, the last value; a leading gap with the first value.
    ///
    /// # Errors
    /// [`SeriesError::AllMissing`] when no point has a value.
    pub fn into_series(self) -> Result<Series, SeriesError> {
        let mut values = self.values;
        if values.iter().all(|v| v.is_nan()) {
            return Err(SeriesError::AllMissing { series: self.name, samples: self.quality.samples });
        }
        let season = season_steps(self.settings.gap_season.as_millis(), self.slots.step());
        let imputed = fill(&mut values, self.settings.linear_gap_steps, season);
        let start = Timestamp::from_millisecond(self.slots.start_ms())
            .map_err(|_| SeriesError::TimeOutOfRange { series: self.name.clone() })?;
        let series = Series::try_new(self.name, start, self.slots.step(), values)?;
        series.with_labels(self.labels).with_unit(self.unit).with_imputed(imputed)
    }
}

/// `value` cut to ±[`MAX_MAGNITUDE`]; NaN stays NaN.
#[must_use]
pub const fn clamp_magnitude(value: f64) -> f64 {
    value.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE)
}

fn refusal(unfit: Unfit, series: String, step: Step, limit: usize) -> SeriesError {
    match unfit {
        Unfit::OutOfRange => SeriesError::TimeOutOfRange { series },
        Unfit::TooLong(steps) => SeriesError::TooLong { series, steps, step, limit },
    }
}

fn season_steps(season_ms: i64, step: Step) -> Option<usize> {
    let whole = season_ms % step.millis() == 0 && season_ms / step.millis() >= 2;
    if whole { usize::try_from(season_ms / step.millis()).ok() } else { None }
}

/// The points in strictly ascending time, without a copy when they are so already.
fn in_order<'a>(points: &'a [Sample], quality: &mut Quality) -> Cow<'a, [Sample]> {
    quality.disordered = points.windows(2).filter(|w| w[1].time_ms < w[0].time_ms).count();
    if points.windows(2).all(|w| w[0].time_ms < w[1].time_ms) {
        return Cow::Borrowed(points);
    }
    let mut sorted = points.to_vec();
    // stable: samples of one time stay in the order they came
    sorted.sort_by_key(|point| point.time_ms);
    sorted.dedup_by(|later, kept| {
        let same = later.time_ms == kept.time_ms;
        if same && (later.value.is_finite() || !kept.value.is_finite()) {
            kept.value = later.value;
        }
        same
    });
    quality.duplicates = points.len() - sorted.len();
    Cow::Owned(sorted)
}

/// Rates per second of a counter; NaN for the first point and for what is no count.
fn rates(points: &[Sample], quality: &mut Quality) -> Vec<Sample> {
    let mut before: Option<Sample> = None;
    let mut rates = Vec::with_capacity(points.len());
    for point in points {
        let mut value = f64::NAN;
        if point.value.is_finite() && point.value >= 0.0 {
            if let Some(before) = before {
                let reset = point.value < before.value;
                quality.resets += usize::from(reset);
                let growth = if reset { point.value } else { point.value - before.value };
                let secs = (point.time_ms as f64 - before.time_ms as f64) / 1_000.0;
                value = growth / secs;
            }
            before = Some(*point);
        } else if point.value.is_infinite() {
            value = point.value;
        }
        rates.push(Sample { time_ms: point.time_ms, value });
    }
    rates
}

fn snap(points: &[Sample], slots: &Slots, quality: &mut Quality) -> Vec<f64> {
    let mut values = vec![f64::NAN; slots.len()];
    let mut count = 0_u32;
    let mut current = None;
    for point in points {
        let Some(index) = slots.index_of(point.time_ms) else { continue };
        if current != Some(index) {
            (current, count) = (Some(index), 0);
        }
        quality.irregular += usize::from(slots.time_ms(index) != point.time_ms);
        quality.not_finite += usize::from(point.value.is_infinite());
        if !point.value.is_finite() {
            continue;
        }
        let value = clamp_magnitude(point.value);
        quality.clamped += usize::from(point.value.abs() > MAX_MAGNITUDE);
        quality.merged += usize::from(count > 0);
        count += 1;
        let kept = &mut values[index];
        *kept = if count == 1 { value } else { *kept + (value - *kept) / f64::from(count) };
    }
    quality.missing = values.iter().filter(|v| v.is_nan()).count();
    values
}
