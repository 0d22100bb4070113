//! What was found about a followed series, and what its detector does with it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::explained::{explain_metric, moments_of, told};
use super::super::tracked::group;
use super::super::{App, ChartPoint, DetectorSpec, EngineError, Explanation, MetricExplained, compute};
use super::history::at_most;
use super::series::metric_series;
use crate::detect::{Direction, PointScore};
use crate::series::{Fingerprint, Grid, HumanDuration, Labels, Sample, Samples, Series, Step, Unit};

/// Longest history that is asked for.
const SPAN: HumanDuration = HumanDuration::from_days(28);
/// Most points of it.
const MOST_POINTS: i64 = 20_000;
/// Anomalies of a detector that are looked through.
const MOST_ANOMALIES: usize = 1_000;

/// What is known of a followed series.
struct Followed {
    spec: DetectorSpec,
    name: String,
    labels: Labels,
    metrics: Vec<String>,
    unit: Unit,
    recent: Vec<ChartPoint>,
    confidence: f64,
}

impl App {
    /// Explains the followed series or entity called `wanted`: its name, or the 16 digits of its fingerprint; `detector`
    /// tells apart what several follow.
    ///
    /// The history comes from the source, or, when it does not answer in five seconds, from the points in memory.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when nothing is called so, [`EngineError::Conflict`] when several detectors follow it,
    /// [`EngineError::Invalid`] when nothing is known of it yet, [`EngineError::Store`].
    pub async fn explain_followed(
        &self,
        wanted: &str,
        detector: Option<&str>,
        now: Timestamp,
    ) -> Result<Explanation, EngineError> {
        let followed = self.find_followed(wanted, detector).await?;
        let series = self.history_of(&followed).await;
        let known =
            if series.is_empty() { in_memory(&followed.recent, &followed).into_iter().collect() } else { series };
        if known.is_empty() {
            let message =
                format!("nothing is known of `{}` yet; its detector runs every {}", followed.name, followed.spec.step);
            return Err(EngineError::Invalid(message));
        }
        let since = now.saturating_sub(jiff::SignedDuration::from_millis(SPAN.as_millis())).unwrap_or(now);
        let records = self.store().anomalies(&followed.spec.name, since, MOST_ANOMALIES).await?;
        compute::run(move || followed.explain(&known, &records)).await
    }

    async fn find_followed(&self, wanted: &str, detector: Option<&str>) -> Result<Followed, EngineError> {
        let fingerprint = wanted.parse::<Fingerprint>().ok();
        let mut found: Vec<Followed> = Vec::new();
        for spec in self.settings().detectors.iter().filter(|spec| detector.is_none_or(|name| name == spec.name)) {
            let watch = self.watch(&spec.name)?.lock().await;
            let own = watch.tracked.iter().find(|(id, one)| Some(**id) == fingerprint || one.name == wanted);
            found.extend(own.map(|(_, one)| Followed {
                spec: spec.clone(),
                name: one.name.clone(),
                labels: one.labels.clone(),
                metrics: one.metrics.clone(),
                unit: one.unit,
                recent: one.recent.iter().copied().collect(),
                confidence: one.confidence(),
            }));
        }
        if found.len() > 1 {
            let names: Vec<&str> = found.iter().map(|one| one.spec.name.as_str()).collect();
            let message = format!("`{wanted}` is followed by {}; say which with `detector`", names.join(", "));
            return Err(EngineError::Conflict(message));
        }
        let missing = || {
            EngineError::NotFound(format!(
                "no detector follows a series called `{wanted}`; GET /api/v1/series lists what is followed"
            ))
        };
        found.pop().ok_or_else(missing)
    }

    async fn history_of(&self, followed: &Followed) -> Vec<Series> {
        let Some(last) = followed.recent.last() else { return Vec::new() };
        let spec = &followed.spec;
        let span = if spec.history.as_millis() < SPAN.as_millis() { spec.history } else { SPAN };
        let span = at_most(span, spec.step, MOST_POINTS);
        let samples = self.samples_within(&spec.source, &spec.query, spec.step, span, last.at).await;
        let (labels, entity_by, step) = (followed.labels.clone(), spec.entity_by.clone(), spec.step);
        let computed = compute::run(move || {
            let own = group(samples, &entity_by).into_iter().find(|group| group.labels == labels);
            own.map(|own| own.metrics.iter().filter_map(|metric| metric_series(metric, step)).collect())
        });
        computed.await.ok().flatten().unwrap_or_default()
    }

    /// What was found about the series of `view`, from what is in memory; of an entity, about `metrics`.
    #[must_use]
    pub fn explain_view(&self, view: &super::SeriesView, metrics: &[Series]) -> Vec<MetricExplained> {
        let spec = self.settings().detectors.iter().find(|spec| spec.name == view.summary.detector);
        let Some(spec) = spec else { return Vec::new() };
        if view.summary.metrics.len() > 1 {
            return metrics.iter().map(|metric| explain_metric(metric, &spec.detect)).collect();
        }
        let own = memory_series(&view.summary.recent, &view.summary.name, view.summary.unit, view.step);
        own.iter().map(|series| explain_metric(series, &spec.detect)).collect()
    }
}

impl Followed {
    fn explain(&self, series: &[Series], records: &[crate::store::AnomalyRecord]) -> Explanation {
        let own: Vec<&PointScore> =
            records.iter().filter(|record| record.series == self.name).map(|record| &record.point).collect();
        let units: BTreeMap<&str, Unit> = series.iter().map(|one| (one.name(), one.unit())).collect();
        let metrics: Vec<(String, Unit)> = match self.metrics.as_slice() {
            [_] => vec![(self.name.clone(), self.unit)],
            all => {
                all.iter().map(|name| (name.clone(), units.get(name.as_str()).copied().unwrap_or_default())).collect()
            }
        };
        let last = self.recent.last().map(|point| self.last(point, &own));
        Explanation {
            detector: Some(self.spec.name.clone()),
            metrics: series.iter().map(|one| explain_metric(one, &self.spec.detect)).collect(),
            judged: self.recent.len(),
            anomalies: own.len(),
            last: last.map(|point| told(&point, &self.name, &metrics)),
            unusual: moments_of(own, self.spec.step).into_iter().map(|p| told(p, &self.name, &metrics)).collect(),
            name: self.name.clone(),
        }
    }

    /// The newest point with all that is stored of it.
    fn last(&self, point: &ChartPoint, anomalies: &[&PointScore]) -> PointScore {
        let stored = anomalies.iter().find(|anomaly| anomaly.at == point.at);
        stored.map_or_else(|| self.plain(point), |stored| PointScore::clone(stored))
    }

    fn plain(&self, point: &ChartPoint) -> PointScore {
        let direction = match point.value {
            value if value > point.upper => Direction::Above,
            value if value < point.lower => Direction::Below,
            _ => Direction::Within,
        };
        PointScore {
            at: point.at,
            value: point.value,
            expected: point.expected,
            lower: point.lower,
            upper: point.upper,
            p_value: 1.0,
            score: point.score,
            is_anomaly: point.is_anomaly,
            direction,
            confidence: self.confidence,
            imputed: point.value.is_nan(),
            suppressed: None,
            reasons: Vec::new(),
            attribution: Vec::new(),
            changes: Vec::new(),
        }
    }
}

fn in_memory(recent: &[ChartPoint], followed: &Followed) -> Option<Series> {
    let single = followed.metrics.len() < 2;
    single.then(|| memory_series(recent, &followed.name, followed.unit, followed.spec.step)).flatten()
}

/// The values in memory as a series; `None` without any.
fn memory_series(recent: &[ChartPoint], name: &str, unit: Unit, step: Step) -> Option<Series> {
    let points = recent.iter().map(|point| Sample { time_ms: point.at.as_millisecond(), value: point.value }).collect();
    let samples = Samples { unit, ..Samples::gauge(name, points) };
    Grid::from_samples(&samples, Some(step), &crate::series::Settings::default()).ok()?.into_series().ok()
}
