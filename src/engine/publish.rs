//! What a round found becomes anomalies in the store, alerts with context, and deliveries.

use jiff::Timestamp;

use super::judge::{Past, judge};
use super::settings::DetectorSpec;
use super::tracked::{Happened, Tracked};
use super::{App, EngineError, compute};
use crate::alert::{Alert, AlertState};
use crate::sink::Notice;
use crate::store::OutboxItem;
use crate::telemetry;

/// Past alerts that similarity is looked for in.
const RECENT: usize = 500;
/// Alerts that ended longer ago than this are history: recorded, never sent.
const FRESH_SECS: i64 = 3_600;

impl App {
    /// Records and sends what happened to one tracked thing.
    pub(super) async fn publish(
        &self,
        spec: &DetectorSpec,
        tracked: &mut Tracked,
        happened: Happened,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        if !happened.anomalies.is_empty() {
            self.store().put_anomalies(&spec.name, &tracked.name, &happened.anomalies).await?;
        }
        for mut alert in happened.alerts {
            if alert.state == AlertState::Firing {
                self.add_outlook(&mut alert, tracked, spec).await;
            }
            let alert = self.judge_and_record(alert, spec.severity, now).await?;
            tracked.keep_judged(&alert);
        }
        Ok(())
    }

    /// Judges `alert` with its past, records it and enqueues its deliveries, in one transaction.
    pub(super) async fn judge_and_record(
        &self,
        mut alert: Alert,
        incoming: Option<crate::severity::Severity>,
        now: Timestamp,
    ) -> Result<Alert, EngineError> {
        // gather
        let past = self.past_of(&alert, now).await?;
        // compute: microseconds, not worth the pool
        judge(&mut alert, &past, incoming, &self.severity_model(), self.settings());
        // act
        let outbox = if is_history(&alert, now) { Vec::new() } else { self.deliveries_of(&alert, None)? };
        self.store().record_alerts(std::slice::from_ref(&alert), &outbox, now).await?;
        if is_news(&alert, &past) {
            telemetry::alerted(state_name(&alert));
        }
        if !outbox.is_empty() {
            self.wake_deliveries();
        }
        Ok(alert)
    }

    /// What the store knows that bears on `alert`.
    pub(super) async fn past_of(&self, alert: &Alert, now: Timestamp) -> Result<Past, EngineError> {
        let history = self.store().history(alert.fingerprint, alert.starts_at.min(now)).await?;
        let mut recent = self.store().recent_for_similarity(RECENT).await?;
        recent.retain(|other| other.starts_at <= alert.starts_at.max(now));
        Ok(Past { history, recent })
    }

    /// One sentence on what comes next, from the points at hand. Fails to nothing: an alert does not wait for it.
    async fn add_outlook(&self, alert: &mut Alert, tracked: &Tracked, spec: &DetectorSpec) {
        let Some(series) = super::context::recent_series(tracked, spec.step) else { return };
        let forecast = compute::run(move || super::context::hour_ahead(&series)).await;
        if let Ok(Some(forecast)) = forecast {
            alert.enrichment.absorb_forecast(&forecast);
        }
    }

    /// The deliveries that `alert` causes: one for each destination of the routes that match. `repeat` makes a
    /// repetition of the same state a delivery of its own.
    pub(super) fn deliveries_of(
        &self,
        alert: &Alert,
        repeat: Option<Timestamp>,
    ) -> Result<Vec<OutboxItem>, EngineError> {
        let notice = Notice::Alerts { alerts: vec![alert.clone()] };
        let notice_json = to_json(&notice)?;
        let state = state_name(alert);
        let mut key = format!("{}/{}/{state}", alert.fingerprint, alert.starts_at.as_millisecond());
        if let Some(at) = repeat {
            key = format!("{key}/{}", at.as_second());
        }
        let item = |destination: String| OutboxItem {
            destination,
            ordering_key: alert.fingerprint.to_string(),
            idempotency_key: key.clone(),
            notice_json: notice_json.clone(),
        };
        Ok(self.destinations_of(alert).into_iter().map(item).collect())
    }

    /// Names of the destinations whose routes match, each once.
    pub(super) fn destinations_of(&self, alert: &Alert) -> Vec<String> {
        let mut labels = alert.labels.clone();
        if let Some(assessment) = &alert.assessment {
            labels.insert("severity", assessment.severity.as_str());
        }
        let mut found: Vec<String> = Vec::new();
        for route in self.settings().routes.iter().filter(|route| labels.contains_all(&route.matches)) {
            let new = route.to.iter().filter(|name| !found.contains(name)).cloned();
            found.extend(new.collect::<Vec<_>>());
        }
        found
    }
}

/// Whether the store did not know the alert in this state yet.
fn is_news(alert: &Alert, past: &Past) -> bool {
    let same = |known: &Alert| known.fingerprint == alert.fingerprint && known.starts_at == alert.starts_at;
    !past.recent.iter().any(|known| same(known) && known.state == alert.state)
}

const fn state_name(alert: &Alert) -> &'static str {
    match alert.state {
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    }
}

/// Whether an alert ended so long ago that nobody needs to hear of it.
fn is_history(alert: &Alert, now: Timestamp) -> bool {
    alert.ends_at.is_some_and(|end| now.as_second() - end.as_second() > FRESH_SECS)
}

/// A notice as the text that waits in the outbox.
pub(super) fn to_json(notice: &Notice) -> Result<String, EngineError> {
    serde_json::to_string(notice)
        .map_err(|error| EngineError::Invalid(format!("a notice cannot be written as JSON: {error}")))
}
