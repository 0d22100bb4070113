//! The clean end of the pipeline: regular, finite, non-empty.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Labels, Step, Unit};

/// A regular series of finite values.
///
/// Point `i` stands at `start + i × step`. Values that were missing are imputed and flagged; nothing here is NaN or
/// infinite, and there is at least one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    name: String,
    labels: Labels,
    unit: Unit,
    start: Timestamp,
    step: Step,
    values: Vec<f64>,
    imputed: Vec<bool>,
}

/// Why values do not make a [`Series`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// No points at all.
    #[error("series `{series}` has no points")]
    Empty {
        /// Name of the series.
        series: String,
    },
    /// A NaN or an infinity.
    #[error("series `{series}` has a value that is not finite at point {index}: {value}")]
    NotFinite {
        /// Name of the series.
        series: String,
        /// Index of the point.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Every sample was missing or not a number.
    #[error("series `{series}` has {samples} samples and none of them is a finite number")]
    AllMissing {
        /// Name of the series.
        series: String,
        /// How many samples there were.
        samples: usize,
    },
    /// Flags and values differ in number.
    #[error("series `{series}` has {values} values but {flags} imputation flags")]
    Ragged {
        /// Name of the series.
        series: String,
        /// Number of values.
        values: usize,
        /// Number of flags.
        flags: usize,
    },
    /// The step cannot be inferred.
    #[error(
        "series `{series}` has {distinct} distinct timestamps, at least 2 are needed to infer its step; give the step"
    )]
    NoStep {
        /// Name of the series.
        series: String,
        /// Distinct timestamps found.
        distinct: usize,
    },
    /// The grid would be absurdly long.
    #[error(
        "series `{series}` spans {steps} steps of {step}, more than the limit of {limit}; choose a longer step or a shorter range"
    )]
    TooLong {
        /// Name of the series.
        series: String,
        /// Steps needed.
        steps: u64,
        /// The step.
        step: Step,
        /// Most steps allowed.
        limit: usize,
    },
    /// Metrics of one entity do not line up.
    #[error("entity `{entity}`: metric `{metric}` has another start, step or length than its first metric")]
    NotAligned {
        /// Name of the entity.
        entity: String,
        /// The metric that differs.
        metric: String,
    },
    /// Metrics of one entity share no time.
    #[error("entity `{entity}`: there is no time that all of its metrics cover")]
    NoOverlap {
        /// Name of the entity.
        entity: String,
    },
    /// A shorter step would need values that nobody measured.
    #[error(
        "series `{series}` has a step of {step} and cannot be resampled to {wanted}; choose a step of {step} or longer"
    )]
    FinerStep {
        /// Name of the series.
        series: String,
        /// Its step.
        step: Step,
        /// The step wanted.
        wanted: Step,
    },
    /// Time leaves the range that can be written.
    #[error("series `{series}` reaches beyond the years that a timestamp can hold")]
    TimeOutOfRange {
        /// Name of the series.
        series: String,
    },
}

impl Series {
    /// A series of `values` from `start` on, nothing imputed.
    ///
    /// # Errors
    /// [`SeriesError::Empty`] without values, [`SeriesError::NotFinite`] on NaN or infinity,
    /// [`SeriesError::TimeOutOfRange`] when the last point has no timestamp.
    pub fn try_new(
        name: impl Into<String>,
        start: Timestamp,
        step: Step,
        values: Vec<f64>,
    ) -> Result<Self, SeriesError> {
        let name = name.into();
        if values.is_empty() {
            return Err(SeriesError::Empty { series: name });
        }
        if let Some((index, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(SeriesError::NotFinite { series: name, index, value: *value });
        }
        let imputed = vec![false; values.len()];
        let series = Self { name, labels: Labels::new(), unit: Unit::None, start, step, values, imputed };
        if series.checked_time(series.len()).is_none() {
            return Err(SeriesError::TimeOutOfRange { series: series.name });
        }
        Ok(series)
    }

    /// The same series with labels.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// The same series with a unit.
    #[must_use]
    pub const fn with_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The same series with imputation flags, one for each point.
    ///
    /// # Errors
    /// [`SeriesError::Ragged`] when the number differs from the number of values.
    pub fn with_imputed(mut self, imputed: Vec<bool>) -> Result<Self, SeriesError> {
        if imputed.len() != self.values.len() {
            return Err(SeriesError::Ragged { series: self.name, values: self.values.len(), flags: imputed.len() });
        }
        self.imputed = imputed;
        Ok(self)
    }

    /// What people call it: a file's series name or `metric{labels}`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Labels, empty for files without them.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Unit of the values.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Time of the first point.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// Time between two points.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// The values, all finite.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Which points were imputed.
    #[must_use]
    pub fn imputed(&self) -> &[bool] {
        &self.imputed
    }

    /// Number of points, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a series is never empty")]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Time of point `index`, which may lie beyond the end.
    ///
    /// Saturates at the last representable timestamp.
    #[must_use]
    pub fn time_at(&self, index: usize) -> Timestamp {
        self.checked_time(index).unwrap_or(Timestamp::MAX)
    }

    /// Time of the point after the last one.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.time_at(self.len())
    }

    /// The last value.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.values[self.values.len() - 1]
    }

    /// The last `count` points, or all of them when there are fewer. `count` of 0 keeps one point.
    #[must_use]
    pub fn tail(&self, count: usize) -> Self {
        let from = self.len() - count.clamp(1, self.len());
        self.slice_from(from)
    }

    /// The points before index `end`, at least one.
    #[must_use]
    pub fn head(&self, end: usize) -> Self {
        let end = end.clamp(1, self.len());
        Self { values: self.values[..end].to_vec(), imputed: self.imputed[..end].to_vec(), ..self.without_values() }
    }

    fn slice_from(&self, from: usize) -> Self {
        Self {
            start: self.time_at(from),
            values: self.values[from..].to_vec(),
            imputed: self.imputed[from..].to_vec(),
            ..self.without_values()
        }
    }

    fn without_values(&self) -> Self {
        Self {
            name: self.name.clone(),
            labels: self.labels.clone(),
            unit: self.unit,
            start: self.start,
            step: self.step,
            values: Vec::new(),
            imputed: Vec::new(),
        }
    }

    fn checked_time(&self, index: usize) -> Option<Timestamp> {
        let offset = i64::try_from(index).ok()?.checked_mul(self.step.millis())?;
        Timestamp::from_millisecond(self.start.as_millisecond().checked_add(offset)?).ok()
    }
}
