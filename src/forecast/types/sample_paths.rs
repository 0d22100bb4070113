//! Possible futures.

/// Possible futures with the autocorrelation of the past: `count × horizon_steps` values, path after path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplePaths {
    horizon_steps: usize,
    values: Vec<f64>,
}

impl SamplePaths {
    /// Paths from their values, path after path.
    ///
    /// Values beyond the last whole path are dropped.
    #[must_use]
    pub fn new(horizon_steps: usize, mut values: Vec<f64>) -> Self {
        let whole = values.len().checked_div(horizon_steps).unwrap_or(0) * horizon_steps;
        values.truncate(whole);
        Self { horizon_steps, values }
    }

    /// The same paths with every value replaced.
    pub(in crate::forecast) fn map(mut self, replace: impl Fn(f64) -> f64) -> Self {
        for value in &mut self.values {
            *value = replace(*value);
        }
        self
    }

    /// Number of paths.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.horizon_steps).unwrap_or(0)
    }

    /// The paths, each of `horizon_steps` values.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.horizon_steps.max(1))
    }
}
