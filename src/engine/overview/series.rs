//! One followed series or entity with its alerts and metrics.

use std::time::Duration;

use super::super::tracked::{group, metric_name};
use super::super::{App, EngineError, SeriesSummary, Tracked, compute};
use super::alerts::alert_identity;
use crate::alert::Alert;
use crate::detect::Change;
use crate::series::{Fingerprint, Grid, HumanDuration, Samples, Series, Step};
use crate::store::AlertFilter;

/// Episodes of an alert that a plot of its series shows.
const MOST_EPISODES: usize = 200;

/// One followed series or entity.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// What is known of it, with recent points.
    pub summary: SeriesSummary,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The query of its detector.
    pub query: String,
    /// Name of the source.
    pub source: String,
    /// Time between two points.
    pub step: Step,
    /// How far judgements can be trusted by now, 0 to 1.
    pub confidence: f64,
    /// Times that its alert fired, newest first.
    pub alerts: Vec<Alert>,
    /// Lasting changes, newest first.
    pub changes: Vec<Change>,
}

impl App {
    /// The series or entity `fingerprint` of `detector` with at most `points` recent points.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Store`].
    pub async fn series_view(
        &self,
        detector: &str,
        fingerprint: Fingerprint,
        points: usize,
    ) -> Result<SeriesView, EngineError> {
        let watch = self.watch(detector)?;
        let spec = self.settings().detectors.iter().find(|spec| spec.name == detector);
        let missing = || EngineError::NotFound(format!("the detector `{detector}` follows no series {fingerprint}"));
        let spec = spec.ok_or_else(missing)?;
        let (summary, confidence, changes) = {
            let watch = watch.lock().await;
            let tracked = watch.tracked.get(&fingerprint).ok_or_else(missing)?;
            let changes: Vec<Change> = tracked.changes.iter().rev().copied().collect();
            (summary_of(detector, tracked, points, watch.fires(tracked)), tracked.confidence(), changes)
        };
        let identity = alert_identity(detector, &spec.labels, &summary.labels);
        let filter = AlertFilter { fingerprint: Some(identity), limit: MOST_EPISODES, ..AlertFilter::default() };
        Ok(SeriesView {
            alerts: self.store().alerts(&filter).await?,
            changes,
            summary,
            fingerprint,
            query: spec.query.clone(),
            source: spec.source.clone(),
            step: spec.step,
            confidence,
        })
    }

    /// The metrics of an entity over the time of its recent points, for plots; nothing for a plain series, and nothing
    /// when the source does not answer in time.
    pub async fn metrics_of(&self, view: &SeriesView) -> Vec<Series> {
        let summary = &view.summary;
        let spec = self.settings().detectors.iter().find(|spec| spec.name == summary.detector);
        let (Some(spec), Some(first), Some(last)) = (spec, summary.recent.first(), summary.recent.last()) else {
            return Vec::new();
        };
        if summary.metrics.len() < 2 {
            return Vec::new();
        }
        let span =
            HumanDuration::from(Duration::from_millis(last.at.as_millisecond().abs_diff(first.at.as_millisecond())));
        let samples = self.plotted_samples(&spec.source, &spec.query, spec.step, span, last.at).await;
        let (labels, entity_by, step) = (summary.labels.clone(), spec.entity_by.clone(), spec.step);
        let computed = compute::run(move || {
            let groups = group(samples, &entity_by);
            let own = groups.into_iter().find(|group| group.labels == labels);
            own.map(|own| own.metrics.iter().filter_map(|metric| metric_series(metric, step)).collect())
        });
        computed.await.ok().flatten().unwrap_or_default()
    }
}

/// A metric under its short name.
pub(super) fn metric_series(metric: &Samples, step: Step) -> Option<Series> {
    let named = Samples { name: metric_name(metric), ..metric.clone() };
    let grid = Grid::from_samples(&named, Some(step), &crate::series::Settings::default()).ok()?;
    grid.into_series().ok()
}

fn summary_of(detector: &str, tracked: &Tracked, points: usize, firing: bool) -> SeriesSummary {
    SeriesSummary {
        detector: detector.to_owned(),
        name: tracked.name.clone(),
        labels: tracked.labels.clone(),
        unit: tracked.unit,
        metrics: tracked.metrics.clone(),
        recent: tracked.recent.iter().skip(tracked.recent.len().saturating_sub(points)).copied().collect(),
        firing,
    }
}
