//! What is remembered, as `http` lists it, and what people tell: verdicts, events, replays.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::Timestamp;

use super::{App, EngineError, Tracked, compute};
use crate::alert::{Alert, Origin};
use crate::detect::Change;
use crate::incident::{self, Incident};
use crate::series::{Fingerprint, Unit};
pub use crate::store::{
    AlertFilter, AnomalyRecord, CapacityRecord, ChangeEvent, ChangeKind, Cursor, DeadLetter, ForecastFilter,
    ForecastRecord, ModelManifest, OutboxDepth, RecommendationRecord, Revision, Run, Verdict, VerdictRecord,
};
use crate::telemetry;

/// Most alerts that are grouped to incidents at a time.
const MOST_GROUPED: usize = 1_000;

/// An incident with its alerts, in the order of its members.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// The incident.
    pub incident: Incident,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// A lasting change of a followed series.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowedChange {
    /// Name of the series.
    pub series: String,
    /// Unit of its values.
    pub unit: Unit,
    /// The change.
    pub change: Change,
}

impl App {
    /// The lasting changes of what `detector` follows, latest first, the last 50 of each series.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn followed_changes(&self, detector: &str) -> Result<Vec<FollowedChange>, EngineError> {
        let watch = self.watch(detector)?.lock().await;
        let of = |one: &Arc<Tracked>| {
            let (series, unit) = (one.name.clone(), one.unit);
            let changes: Vec<Change> = one.changes.iter().copied().collect();
            changes.into_iter().map(move |change| FollowedChange { series: series.clone(), unit, change })
        };
        let mut all: Vec<FollowedChange> = watch.tracked.values().flat_map(of).collect();
        drop(watch);
        all.sort_by(|a, b| b.change.detected_at.cmp(&a.change.detected_at).then_with(|| a.series.cmp(&b.series)));
        Ok(all)
    }

    /// The alerts that `filter` asks for, latest first.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, EngineError> {
        Ok(self.store().alerts(filter).await?)
    }

    /// Every time that an alert fired, latest first, with the verdicts on it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when it never fired; [`EngineError::Store`].
    pub async fn alert_past(&self, fingerprint: Fingerprint) -> Result<(Vec<Alert>, Vec<VerdictRecord>), EngineError> {
        let filter = AlertFilter { fingerprint: Some(fingerprint), limit: MOST_GROUPED, ..AlertFilter::default() };
        let alerts = self.store().alerts(&filter).await?;
        if alerts.is_empty() {
            return Err(EngineError::NotFound(format!("there is no alert `{fingerprint}`")));
        }
        Ok((alerts, self.store().verdicts(fingerprint).await?))
    }

    /// The alerts since `since` (the latest 1,000) as incidents, latest first.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn incidents(&self, since: Timestamp, now: Timestamp) -> Result<Vec<IncidentView>, EngineError> {
        let filter = AlertFilter { since: Some(since), limit: MOST_GROUPED, ..AlertFilter::default() };
        let alerts = self.store().alerts(&filter).await?;
        compute::run(move || {
            let view = |incident: Incident| {
                let alerts = incident.members.iter().filter_map(|member| alerts.get(*member).cloned()).collect();
                IncidentView { incident, alerts }
            };
            incident::group(&alerts, now, &incident::Settings::default()).into_iter().rev().map(view).collect()
        })
        .await
    }

    /// Stored forecasts, latest first.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn forecasts(&self, filter: &ForecastFilter, limit: usize) -> Result<Vec<ForecastRecord>, EngineError> {
        Ok(self.store().forecasts(filter, limit).await?)
    }

    /// The latest batches of forecasts, of one schedule or of all.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn forecast_runs(&self, forecast: Option<&str>, limit: usize) -> Result<Vec<Run>, EngineError> {
        Ok(self.store().runs(forecast, limit).await?)
    }

    /// One stored forecast.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Store`].
    pub async fn forecast(&self, id: &str) -> Result<ForecastRecord, EngineError> {
        let found = self.store().forecast(id).await?;
        found.ok_or_else(|| EngineError::NotFound(format!("there is no forecast `{id}`")))
    }

    /// The latest report of every watched resource.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn capacity_reports(&self) -> Result<Vec<CapacityRecord>, EngineError> {
        Ok(self.store().capacity().await?)
    }

    /// What is recommended now.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn recommendations(&self) -> Result<Vec<RecommendationRecord>, EngineError> {
        Ok(self.store().recommendations().await?)
    }

    /// The anomalies that the detector found since `since`, latest first.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when there is no such detector; [`EngineError::Store`].
    pub async fn anomalies(
        &self,
        detector: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AnomalyRecord>, EngineError> {
        self.watch(detector)?;
        Ok(self.store().anomalies(detector, since, limit).await?)
    }

    /// The versions of every model in the registry.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn models(&self) -> Result<Vec<ModelManifest>, EngineError> {
        Ok(self.store().models().await?)
    }

    /// Keeps a verdict on an alert.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when the alert never fired (at that time); [`EngineError::Store`].
    pub async fn give_verdict(&self, verdict: &VerdictRecord) -> Result<(), EngineError> {
        let (alerts, _) = self.alert_past(verdict.fingerprint).await?;
        if let Some(starts_at) = verdict.starts_at
            && !alerts.iter().any(|alert| alert.starts_at.as_millisecond() == starts_at.as_millisecond())
        {
            let message = format!("the alert `{}` did not begin to fire at {starts_at}", verdict.fingerprint);
            return Err(EngineError::NotFound(message));
        }
        self.store().put_verdict(verdict).await?;
        let ours = alerts.first().filter(|alert| alert.origin == Origin::Detector);
        if let Some(alert) = ours.filter(|_| verdict.verdict == Verdict::NewNormal) {
            // detection takes it from here: the level is sought anew
            let by = if verdict.author.is_empty() { "somebody" } else { &verdict.author };
            let event = ChangeEvent {
                kind: ChangeKind::NewNormal,
                title: format!("verdict of {by}"),
                labels: alert.labels.clone(),
                url: None,
                starts_at: verdict.given_at,
                ends_at: None,
            };
            self.store().put_event(&event, verdict.given_at).await?;
        }
        Ok(())
    }

    /// Keeps a change event and returns its number.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn add_event(&self, event: &ChangeEvent, now: Timestamp) -> Result<i64, EngineError> {
        Ok(self.store().put_event(event, now).await?)
    }

    /// The change events that touch `range`, oldest first.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn events(&self, range: RangeInclusive<Timestamp>) -> Result<Vec<ChangeEvent>, EngineError> {
        Ok(self.store().events(range).await?)
    }

    /// What waits for each destination, and what was given up, latest first.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn outbox(&self, limit: usize) -> Result<(Vec<OutboxDepth>, Vec<DeadLetter>), EngineError> {
        Ok((self.store().outbox_depth().await?, self.store().dead_letters(limit).await?))
    }

    /// Sends a delivery that was given up once more.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when `id` is none; [`EngineError::Store`].
    pub async fn replay(&self, id: i64, now: Timestamp) -> Result<(), EngineError> {
        self.store().replay(id, now).await?;
        self.wake_deliveries();
        Ok(())
    }

    /// Why the service cannot do its work yet; empty when it can.
    pub async fn unready(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.not_ready().iter().map(|reason| format!("detector {reason}")).collect();
        if let Err(error) = self.store().schema().await {
            tracing::error!(%error, "the store does not answer");
            reasons.push("the store does not answer".to_owned());
        }
        reasons
    }

    /// Sets the gauges that are read off the store.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn refresh_gauges(&self) -> Result<(), EngineError> {
        let depths = self.store().outbox_depth().await?;
        for name in self.destinations().keys() {
            let depth = depths.iter().find(|depth| depth.destination == *name);
            telemetry::outbox(name, depth.map_or(0, |depth| depth.pending), depth.map_or(0, |depth| depth.dead));
        }
        telemetry::firing(self.store().active_alerts().await?.len());
        let report = super::budget_report(self.store(), self.settings(), super::clock::now()).await?;
        for one in report.detectors {
            let [_, month] = one.figures;
            telemetry::budget(&one.name, month.ratio(), one.tuning);
        }
        Ok(())
    }
}
