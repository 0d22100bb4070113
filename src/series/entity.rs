//! Several metrics of one thing, on one grid.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Series, SeriesError, Step};

/// A service, machine or pod with several metrics: all of the same start, step and length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    name: String,
    metrics: Vec<Series>,
}

impl Entity {
    /// An entity of `metrics`, in the order given.
    ///
    /// # Errors
    /// [`SeriesError::Empty`] without metrics, [`SeriesError::NotAligned`] when one differs in start, step or length.
    pub fn try_new(name: impl Into<String>, metrics: Vec<Series>) -> Result<Self, SeriesError> {
        let name = name.into();
        let Some(first) = metrics.first() else {
            return Err(SeriesError::Empty { series: name });
        };
        let shape = (first.start(), first.step(), first.len());
        if let Some(other) = metrics.iter().find(|m| (m.start(), m.step(), m.len()) != shape) {
            return Err(SeriesError::NotAligned { metric: other.name().to_owned(), entity: name });
        }
        Ok(Self { name, metrics })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The metrics, at least one.
    #[must_use]
    pub fn metrics(&self) -> &[Series] {
        &self.metrics
    }

    /// Time of the first point.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.metrics[0].start()
    }

    /// Time between two points.
    #[must_use]
    pub fn step(&self) -> Step {
        self.metrics[0].step()
    }

    /// Number of points, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an entity is never empty")]
    pub fn len(&self) -> usize {
        self.metrics[0].len()
    }
}
