//! Foreign alerts come in, go out with context, and never wait longer than the budget.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;
use tracing::warn;

use super::chart::ChartPoint;
use super::judge::judge;
use super::settings::Settings;
use super::tracked::Tracked;
use super::{App, EngineError, compute, context};
use crate::alert::{Alert, Enrichment, Identity, Origin, annotations_of};
use crate::detect::{self, PointScore};
use crate::series::{Grid, Labels, Series, Step};
use crate::severity::Severity;
use crate::sink::Notice;
use crate::source::webhook::{Notification, Status, WebhookAlert};
use crate::source::{Range, SeriesSource};
use crate::store::{AlertFilter, OutboxItem};
use crate::telemetry::{self, Outcome};

/// Step at which an expression of a foreign alert is fetched.
const FETCH_STEP: Step = Step::MINUTE;
/// Comparison at the end of an alerting expression: `… > 5`, `… == bool 0`.
#[expect(clippy::expect_used, reason = "a constant pattern, tested")]
static COMPARISON: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\s*(==|!=|>=|<=|>|<)\s*(bool\s+)?-?[0-9.eE+-]+\s*$").expect("a valid pattern"));

/// An enriched notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Enriched {
    /// The body with annotations added, otherwise as it came.
    pub body: Value,
    /// Alerts that got context.
    pub enriched: usize,
    /// Alerts passed on as they came, with the reason of each.
    pub plain: Vec<String>,
    /// Whether the same notification came before: it is answered and not sent on again.
    pub repeated: bool,
}

impl App {
    /// Adds context to every alert of `notification`, records and forwards it.
    ///
    /// After the configured time an alert is passed on as it came, marked with `tidewatch_enrichment: unavailable`. An
    /// alert that Tidewatch raised or enriched itself and that comes back through Alertmanager is passed on with what is
    /// known now; it is not a second alert.
    ///
    /// # Errors
    /// [`EngineError::Store`] when it cannot be recorded durably: the sender shall try again.
    pub async fn enrich(&self, notification: &Notification, now: Timestamp) -> Result<Enriched, EngineError> {
        let budget = self.settings().enrich.timeout.as_std();
        let mut added: BTreeMap<usize, BTreeMap<String, String>> = BTreeMap::new();
        let mut plain: Vec<String> = notification.errors.iter().map(ToString::to_string).collect();
        let mut alerts: Vec<Alert> = Vec::with_capacity(notification.alerts.len());
        let started = std::time::Instant::now();
        let deadline = tokio::time::Instant::now() + budget;
        for incoming in &notification.alerts {
            if came_from_us(incoming) {
                if let Some(own) = self.own_alert(incoming).await? {
                    added.insert(incoming.index, annotations_of(&own));
                }
                continue;
            }
            let mut alert = alert_of(incoming, now);
            match tokio::time::timeout_at(deadline, self.enrich_one(&mut alert, incoming, now)).await {
                Ok(Ok(())) => drop(added.insert(incoming.index, annotations_of(&alert))),
                Ok(Err(error)) => plain.push(unavailable(&mut added, incoming, &error.to_string())),
                Err(_) => plain.push(unavailable(
                    &mut added,
                    incoming,
                    &format!("no answer within {}", self.settings().enrich.timeout),
                )),
            }
            alerts.push(alert);
        }
        let body = notification.with_annotations(&added);
        let repeated = !self.record_incoming(notification, &alerts, &body, now).await?;
        telemetry::enriched(outcome_of(alerts.len(), plain.len()), started.elapsed());
        Ok(Enriched { body, enriched: alerts.len() - plain.len().min(alerts.len()), plain, repeated })
    }

    /// The alert of ours that came back through Alertmanager, as it is known now.
    async fn own_alert(&self, incoming: &WebhookAlert) -> Result<Option<Alert>, EngineError> {
        let unlabelled = incoming.labels.clone().without("severity").fingerprint();
        for fingerprint in [incoming.labels.fingerprint(), unlabelled] {
            let filter = AlertFilter { fingerprint: Some(fingerprint), limit: 1, ..AlertFilter::default() };
            let found = self.store().alerts(&filter).await?.into_iter().next();
            if let Some(own) = found.filter(|alert| alert.origin != Origin::External) {
                return Ok(Some(own));
            }
        }
        Ok(None)
    }

    async fn enrich_one(&self, alert: &mut Alert, incoming: &WebhookAlert, now: Timestamp) -> Result<(), EngineError> {
        // gather
        let history = self.store().history(alert.fingerprint, alert.starts_at).await?;
        let seen_from_memory = self.context_from_memory(alert).await;
        if !seen_from_memory {
            self.context_from_source(alert, incoming, now).await;
        }
        self.exhaustion_of(alert).await?;
        let mut past = self.past_of(alert, now).await?;
        past.history = history;
        // compute
        let severity = incoming.labels.get("severity").and_then(|text| text.parse::<Severity>().ok());
        judge(alert, &past, severity, &self.severity_model(), self.settings());
        Ok(())
    }

    /// Context from the series that a detector follows and whose labels the alert carries; whether there is one.
    async fn context_from_memory(&self, alert: &mut Alert) -> bool {
        let mut best: Option<(usize, Arc<Tracked>, Step)> = None;
        for spec in &self.settings().detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            let watch = watch.lock().await;
            // after a restart there are no recent points for some time: the source knows more
            for one in watch.tracked.values().filter(|one| one.firing().is_some() || !one.recent.is_empty()) {
                let agreeing = agreement(&one.labels, &alert.labels, &one.name, alert.generator_url.as_deref());
                if agreeing > best.as_ref().map_or(0, |(most, _, _)| *most) {
                    best = Some((agreeing, Arc::clone(one), spec.step));
                }
            }
        }
        let Some((_, tracked, step)) = best else { return false };
        absorb_recent(&mut alert.enrichment, &tracked, alert.starts_at);
        if let Some(series) = context::recent_series(&tracked, step) {
            self.absorb_hour_ahead(alert, series).await;
        }
        true
    }

    /// Context from the expression behind the alert, fetched and judged on the spot.
    async fn context_from_source(&self, alert: &mut Alert, incoming: &WebhookAlert, now: Timestamp) {
        let Some(source) = self.enrich_source() else {
            alert.enrichment.missing.push("no source is configured for expressions of foreign alerts".to_owned());
            return;
        };
        let Some(expression) = incoming.generator_url.as_deref().and_then(expression_of) else {
            alert
                .enrichment
                .missing
                .push("the alert names no expression and no followed series has its labels".to_owned());
            return;
        };
        match fetch_for(&source, &expression, &alert.labels, self.settings(), now).await {
            Ok(Some(series)) => {
                let owned = series.clone();
                let judged = compute::run(move || detect::score_series(&owned, &detect::Settings::default())).await;
                if let Ok(Ok(scores)) = judged
                    && let Some(point) = most_unusual(&scores.points, alert.starts_at)
                {
                    alert.enrichment.absorb_point(point, series.name(), series.unit());
                }
                self.absorb_hour_ahead(alert, series).await;
            }
            Ok(None) => {
                alert.enrichment.missing.push(format!("no series of `{expression}` has the labels of the alert"));
            }
            Err(error) => alert.enrichment.missing.push(format!("`{expression}`: {error}")),
        }
    }

    async fn absorb_hour_ahead(&self, alert: &mut Alert, series: Series) {
        if let Ok(Some(forecast)) = compute::run(move || context::hour_ahead(&series)).await {
            alert.enrichment.absorb_forecast(&forecast);
        }
    }

    /// When the resource of the alert runs out, if a capacity watch knows it.
    async fn exhaustion_of(&self, alert: &mut Alert) -> Result<(), EngineError> {
        let reports = self.store().capacity().await?;
        let fitting = reports
            .iter()
            .map(|record| (agreement(&record.labels, &alert.labels, &record.series, None), record))
            .filter(|(agreeing, _)| *agreeing > 0)
            .max_by_key(|(agreeing, _)| *agreeing);
        if let Some((_, record)) = fitting {
            alert.enrichment.exhaustion = super::stateless::exhaustion_of_body(&record.body);
        }
        Ok(())
    }

    /// Records the alerts and enqueues the body for every destination; `false` when it came before.
    async fn record_incoming(
        &self,
        notification: &Notification,
        alerts: &[Alert],
        body: &Value,
        now: Timestamp,
    ) -> Result<bool, EngineError> {
        let mut keys: Vec<String> = notification.alerts.iter().map(|alert| notification.key_of(alert)).collect();
        keys.sort();
        let key = keys.join(" ");
        let notice_json = super::publish::to_json(&Notice::Forward { body: body.clone() })?;
        let forward = &self.settings().enrich.forward_to;
        let item = |destination: &String| OutboxItem {
            destination: destination.clone(),
            ordering_key: notification.group_key.clone(),
            idempotency_key: format!("enriched/{key}"),
            notice_json: notice_json.clone(),
        };
        let outbox: Vec<OutboxItem> = forward.iter().map(item).collect();
        let new = self.store().record_notification(&key, alerts, &outbox, now).await?;
        if new && !outbox.is_empty() {
            self.wake_deliveries();
        }
        Ok(new)
    }
}

/// How many labels of a followed series the alert carries; 0 unless all of them, or when the name speaks against it.
fn agreement(series: &Labels, alert: &Labels, name: &str, generator_url: Option<&str>) -> usize {
    let identity: Vec<(&str, &str)> = series.iter().filter(|(label, _)| *label != "__name__").collect();
    if identity.is_empty() || !identity.iter().all(|(label, value)| alert.get(label) == Some(value)) {
        return 0;
    }
    let metric = name.split('{').next().unwrap_or_default();
    let named = generator_url.is_some_and(|url| !metric.is_empty() && url.contains(metric));
    if !named && generator_url.is_some_and(|url| expression_of(url).is_some()) {
        // the alert is about another metric of the same thing
        return 0;
    }
    identity.len() * 2 + usize::from(named)
}

const fn outcome_of(alerts: usize, plain: usize) -> Outcome {
    match (alerts, plain) {
        (_, 0) => Outcome::Ok,
        (alerts, plain) if plain < alerts => Outcome::Partial,
        _ => Outcome::Failed,
    }
}

/// Whether an alert carries annotations of Tidewatch already.
fn came_from_us(incoming: &WebhookAlert) -> bool {
    incoming.annotations.keys().any(|name| name.starts_with("tidewatch_"))
}

fn alert_of(incoming: &WebhookAlert, now: Timestamp) -> Alert {
    let name = incoming.labels.get("alertname").unwrap_or("alert").to_owned();
    let identity = Identity {
        origin: Origin::External,
        alertname: name,
        labels: incoming.labels.clone(),
        annotations: incoming.annotations.clone(),
        generator_url: incoming.generator_url.clone(),
    };
    let mut alert = Alert::firing(identity, incoming.starts_at, now);
    if incoming.status == Status::Resolved {
        alert.resolve(incoming.ends_at.unwrap_or(now), now);
    }
    alert
}

fn unavailable(added: &mut BTreeMap<usize, BTreeMap<String, String>>, incoming: &WebhookAlert, why: &str) -> String {
    warn!(alert = %incoming.fingerprint, "not enriched: {why}");
    let mark = |text: &str| (text.to_owned(), why.to_owned());
    let annotations =
        [("tidewatch_enrichment".to_owned(), "unavailable".to_owned()), mark("tidewatch_enrichment_reason")];
    added.insert(incoming.index, annotations.into_iter().collect());
    format!("alerts[{}]: {why}", incoming.index)
}

/// The expression in a Prometheus generator link (`…/graph?g0.expr=…`), without the comparison at its end.
fn expression_of(generator_url: &str) -> Option<String> {
    let url = url::Url::parse(generator_url).ok()?;
    let (_, expression) = url.query_pairs().find(|(name, _)| name == "g0.expr" || name == "expr")?;
    let bare = COMPARISON.replace(&expression, "").into_owned();
    (!bare.trim().is_empty()).then_some(bare)
}

/// The series of `expression` whose labels the alert carries.
async fn fetch_for(
    source: &std::sync::Arc<dyn SeriesSource>,
    expression: &str,
    labels: &Labels,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Series>, EngineError> {
    let step = FETCH_STEP.millis();
    let end = now.as_millisecond().div_euclid(step) * step;
    let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or(now);
    let range = Range { start: time(end - settings.enrich.history.as_millis()), end: time(end), step: FETCH_STEP };
    let samples = source.fetch(expression, range).await?;
    let fitting = samples.into_iter().find(|one| labels.contains_all(&one.labels.clone().without("__name__")));
    let Some(fitting) = fitting else { return Ok(None) };
    let grid = Grid::from_samples(&fitting, Some(FETCH_STEP), &crate::series::Settings::default())?;
    Ok(Some(grid.into_series()?))
}

/// The most unusual point around the start of the alert: from ten minutes before it on, or the last one.
fn most_unusual(points: &[PointScore], starts_at: Timestamp) -> Option<&PointScore> {
    let from = starts_at.checked_sub(SignedDuration::from_mins(10)).unwrap_or(starts_at);
    let around = points.iter().filter(|point| point.at >= from).max_by(|a, b| a.score.total_cmp(&b.score));
    around.or_else(|| points.last())
}

/// Takes over what a detector saw around the start of the alert.
fn absorb_recent(enrichment: &mut Enrichment, tracked: &Tracked, starts_at: Timestamp) {
    if let Some(own) = tracked.firing() {
        *enrichment = Enrichment { forecast: None, similar: Vec::new(), history: None, ..own.enrichment.clone() };
        return;
    }
    let from = starts_at.checked_sub(SignedDuration::from_mins(10)).unwrap_or(starts_at);
    let around = tracked.recent.iter().filter(|point| point.at >= from && point.value.is_finite());
    let most: Option<&ChartPoint> = around.max_by(|a, b| a.score.total_cmp(&b.score));
    let Some(point) = most.or_else(|| tracked.recent.back()) else { return };
    enrichment.series = Some(tracked.name.clone());
    enrichment.unit = tracked.unit;
    enrichment.score = Some(point.score);
    if tracked.metrics.len() == 1 && point.value.is_finite() {
        enrichment.value = Some(point.value);
        enrichment.expected = Some(point.expected);
        enrichment.lower = Some(point.lower);
        enrichment.upper = Some(point.upper);
        enrichment.direction = Some(if point.value > point.upper {
            detect::Direction::Above
        } else if point.value < point.lower {
            detect::Direction::Below
        } else {
            detect::Direction::Within
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_of_a_generator_link_loses_its_comparison() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(expression_of(url).as_deref(), expected, "{url}");
        check(
            "http://p:9090/graph?g0.expr=rate%28errors_total%5B5m%5D%29+%3E+0.5&g0.tab=1",
            Some("rate(errors_total[5m])"),
        );
        check("http://p:9090/graph?g0.expr=up+%3D%3D+0", Some("up"));
        check("http://p:9090/graph?g0.expr=sum%28x%29+%3E%3D+bool+-1e3", Some("sum(x)"));
        check("http://p:9090/graph", None);
        check("not a url", None);
        check("http://p:9090/graph?g0.expr=", None);
    }

    #[test]
    fn a_series_agrees_when_the_alert_carries_all_of_its_labels() {
        let series: Labels = [("__name__", "latency"), ("service", "api"), ("instance", "0")].into_iter().collect();
        let alert: Labels = [("alertname", "Slow"), ("service", "api"), ("instance", "0")].into_iter().collect();
        assert_eq!(agreement(&series, &alert, "latency{}", Some("http://p/graph?g0.expr=latency")), 5);
        assert_eq!(agreement(&series, &alert.clone().without("instance"), "latency{}", None), 0);
        assert_eq!(agreement(&series, &alert, "latency{}", None), 4);
        assert_eq!(agreement(&series, &alert, "latency{}", Some("http://p/graph?g0.expr=errors+%3E+1")), 0);
        assert_eq!(agreement(&Labels::new(), &alert, "latency", None), 0);
    }
}
