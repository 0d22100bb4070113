//! Answers for windows of a range, put together to one series per label set.

use std::collections::BTreeMap;

use super::super::SourceError;
use super::wire::{QueryResult, WireSeries};
use crate::series::{Labels, Sample};

/// How much a query may return.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_series: usize,
    pub(super) max_samples: usize,
}

/// Gathers the answers of windows in the order in which they come, and gives the series in the order of time.
#[derive(Debug)]
pub(super) struct Stitcher {
    limits: Limits,
    parts: BTreeMap<Labels, Vec<(usize, Vec<Sample>)>>,
    samples: usize,
    /// Native histogram samples that were left out.
    pub(super) histograms: usize,
}

impl Stitcher {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, parts: BTreeMap::new(), samples: 0, histograms: 0 }
    }

    /// Takes the answer for window number `window`.
    ///
    /// # Errors
    /// [`SourceError::Limit`] as soon as there are too many series or samples.
    pub(super) fn add(&mut self, window: usize, result: QueryResult) -> Result<(), SourceError> {
        let scalar = result.scalar.map(|sample| WireSeries { values: vec![sample], ..WireSeries::default() });
        for series in result.series.into_iter().chain(scalar) {
            self.histograms += series.histograms + usize::from(series.histogram);
            let mut points = series.values;
            points.extend(series.value);
            if points.is_empty() {
                continue;
            }
            self.samples += points.len();
            self.parts.entry(series.metric).or_default().push((window, points));
            self.check()?;
        }
        Ok(())
    }

    /// The series by labels, points in the order of the windows, and within one as they came.
    pub(super) fn finish(self) -> impl Iterator<Item = (Labels, Vec<Sample>)> {
        self.parts.into_iter().map(|(labels, mut parts)| {
            parts.sort_by_key(|(window, _)| *window);
            let mut points = Vec::with_capacity(parts.iter().map(|(_, part)| part.len()).sum());
            parts.into_iter().for_each(|(_, part)| points.extend(part));
            (labels, points)
        })
    }

    fn check(&self) -> Result<(), SourceError> {
        let exceeds = |what: &str, got: usize, limit: usize, setting: &str| SourceError::Limit {
            what: format!("number of {what} that the query returns"),
            got: got as u64,
            limit: limit as u64,
            advice: format!(
                "select fewer series, aggregate (`sum by (…)`, `topk`), or raise `{setting}` of this source"
            ),
        };
        if self.parts.len() > self.limits.max_series {
            return Err(exceeds("series", self.parts.len(), self.limits.max_series, "max_series"));
        }
        if self.samples > self.limits.max_samples {
            return Err(exceeds("samples", self.samples, self.limits.max_samples, "max_samples"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(label: &str, times: &[i64]) -> WireSeries {
        WireSeries {
            metric: Labels::new().with("a", label),
            values: times.iter().map(|time_ms| Sample { time_ms: *time_ms, value: 1.0 }).collect(),
            ..WireSeries::default()
        }
    }

    fn result(series: Vec<WireSeries>) -> QueryResult {
        QueryResult { series, scalar: None }
    }

    #[test]
    fn windows_that_come_out_of_order_are_put_in_order_for_each_label_set() {
        let mut stitcher = Stitcher::new(Limits { max_series: 2, max_samples: 9 });
        stitcher.add(1, result(vec![series("y", &[30]), series("x", &[30, 40])])).expect("within limits");
        stitcher
            .add(0, result(vec![series("x", &[10, 20]), series("z", &[])]))
            .expect("an empty series does not count");
        let got: Vec<_> = stitcher
            .finish()
            .map(|(labels, points)| (labels.to_string(), points.iter().map(|p| p.time_ms).collect::<Vec<_>>()))
            .collect();
        assert_eq!(got, [("{a=\"x\"}".to_owned(), vec![10, 20, 30, 40]), ("{a=\"y\"}".to_owned(), vec![30])]);
    }

    #[test]
    fn limits_stop_the_first_series_or_sample_too_many() {
        let mut stitcher = Stitcher::new(Limits { max_series: 1, max_samples: 2 });
        stitcher.add(0, result(vec![series("x", &[1, 2])])).expect("just enough");
        let error = stitcher.add(1, result(vec![series("x", &[3])])).expect_err("too many").to_string();
        assert!(error.contains("samples that the query returns exceeds the limit: 3 > 2; select fewer"), "{error}");
        let mut stitcher = Stitcher::new(Limits { max_series: 1, max_samples: 9 });
        let error =
            stitcher.add(0, result(vec![series("x", &[1]), series("y", &[1])])).expect_err("too many").to_string();
        assert!(error.contains("2 > 1") && error.contains("raise `max_series`"), "{error}");
    }
}
