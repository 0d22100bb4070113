//! What a round found becomes anomalies in the store, alerts with context, and deliveries.

use jiff::Timestamp;

use super::judge::{Past, judge};
use super::settings::DetectorSpec;
use super::tracked::{Happened, RESOLVED_BECAUSE, Tracked};
use super::{App, EngineError, compute};
use crate::alert::{Alert, AlertState};
use crate::severity::Severity;
use crate::sink::Notice;
use crate::store::{AlertFilter, OutboxItem};
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
        // before the new judgements, which know of the change
        self.revise(spec, tracked, &happened.late, now).await?;
        if !happened.anomalies.is_empty() {
            self.store().put_anomalies(&spec.name, &tracked.name, &happened.anomalies).await?;
        }
        for mut alert in happened.alerts {
            let starts_at = alert.starts_at;
            if alert.state == AlertState::Firing {
                self.add_outlook(&mut alert, tracked, spec).await;
            }
            let alert = self.judge_and_record(alert, spec.severity, now).await?;
            tracked.keep_judged(starts_at, &alert);
        }
        Ok(())
    }

    /// Judges `alert` with its past, records it and enqueues its deliveries, in one transaction.
    ///
    /// An alert that the store knows as firing goes on as that alert: it keeps its start, though a detector that learned
    /// afresh after a crash may see another, and it keeps its severity unless that rises.
    pub(super) async fn judge_and_record(
        &self,
        mut alert: Alert,
        incoming: Option<Severity>,
        now: Timestamp,
    ) -> Result<Alert, EngineError> {
        // gather
        let before = self.known_as_firing(&alert).await?;
        if let Some(before) = &before {
            alert.starts_at = before.starts_at;
            alert.updated_at = alert.updated_at.max(before.updated_at);
        }
        let past = self.past_of(&alert, now).await?;
        // compute: microseconds, not worth the pool
        judge(&mut alert, &past, incoming, &self.severity_model(), self.settings());
        let risen = before.as_ref().is_some_and(|before| settle_severity(&mut alert, before));
        // act
        let mut outbox = Vec::new();
        if let Some(before) = before.as_ref().filter(|_| risen) {
            outbox = self.endings_of(before, &alert, now)?;
        }
        if before.is_some() || !is_history(&alert, self.started_at(), now) {
            outbox.append(&mut self.deliveries_of(&alert, None)?);
        }
        if before.is_none() || risen || alert.state == AlertState::Resolved {
            self.remember_sent(&alert, now);
        }
        self.store().record_alerts(std::slice::from_ref(&alert), &outbox, now).await?;
        if is_news(&alert, &past) {
            telemetry::alerted(state_name(&alert));
        }
        if !outbox.is_empty() {
            self.wake_deliveries();
        }
        Ok(alert)
    }

    /// The alert in the store that fires and that `alert` continues or ends; `None` when `alert` was over before that
    /// one began.
    async fn known_as_firing(&self, alert: &Alert) -> Result<Option<Alert>, EngineError> {
        let filter = AlertFilter {
            state: Some(AlertState::Firing),
            fingerprint: Some(alert.fingerprint),
            limit: 1,
            ..AlertFilter::default()
        };
        let found = self.store().alerts(&filter).await?.into_iter().next();
        Ok(found.filter(|before| alert.ends_at.is_none_or(|end| end >= before.starts_at)))
    }

    /// What ends `before` where `alert`, which goes on with a higher severity, is not the same alert: at destinations
    /// whose route it leaves, and at Alertmanagers, for which the severity is a label and so part of the identity.
    fn endings_of(&self, before: &Alert, alert: &Alert, now: Timestamp) -> Result<Vec<OutboxItem>, EngineError> {
        let mut ended = before.clone();
        ended.resolve(now, now);
        let severity = |alert: &Alert| alert.assessment.as_ref().map_or("none", |judged| judged.severity.as_str());
        let why = format!("the severity rose from {} to {}", severity(before), severity(alert));
        ended.annotations.insert(RESOLVED_BECAUSE.to_owned(), why);
        let reached = self.destinations_of(alert);
        let own_label = alert.labels.get("severity").is_some();
        let repeating = self.repeating_destinations();
        let mut items = self.deliveries_of(&ended, None)?;
        items.retain(|item| {
            let relabelled = !own_label && repeating.contains(&item.destination.as_str());
            relabelled || !reached.contains(&item.destination)
        });
        Ok(items)
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
        let severity = alert.assessment.as_ref().map_or("none", |judged| judged.severity.as_str());
        let mut key = format!("{}/{}/{state}/{severity}", alert.fingerprint, alert.starts_at.as_millisecond());
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

/// Keeps the severity that `alert` had `before`, unless it fires and the new one is worse; whether it is.
///
/// Severity only rises during the life of an alert: routes and Alertmanager's identity hang on it, so that one that went
/// to and fro would ring again and again, and its end would not reach everybody who heard of its beginning.
fn settle_severity(alert: &mut Alert, before: &Alert) -> bool {
    let severity = |alert: &Alert| alert.assessment.as_ref().map(|judged| judged.severity);
    // the worst comes first in the order of severities
    let rises = match (severity(alert), severity(before)) {
        (Some(new), Some(old)) => new < old,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if rises && alert.state == AlertState::Firing {
        return true;
    }
    if before.assessment.is_some() {
        alert.assessment.clone_from(&before.assessment);
    }
    false
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

/// Whether an alert that nobody was told of was over before the service started, or so long ago that nobody needs to hear
/// of it: what a detector sees while it learns is history.
fn is_history(alert: &Alert, started_at: Timestamp, now: Timestamp) -> bool {
    alert.ends_at.is_some_and(|end| end < started_at || now.as_second() - end.as_second() > FRESH_SECS)
}

/// A notice as the text that waits in the outbox.
pub(super) fn to_json(notice: &Notice) -> Result<String, EngineError> {
    serde_json::to_string(notice)
        .map_err(|error| EngineError::Invalid(format!("a notice cannot be written as JSON: {error}")))
}
