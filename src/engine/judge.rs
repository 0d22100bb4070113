//! What an alert amounts to: its facts, its severity, its past.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::settings::Settings;
use crate::alert::{Alert, AlertState, Enrichment, History, runbook_url, similar};
use crate::detect::Reason;
use crate::severity::{AlertFacts, Severity, SeverityModel};

/// Most similar alerts shown.
const SIMILAR: usize = 3;
/// Least similarity shown.
const SIMILAR_AT_LEAST: f64 = 0.5;
/// Business hours, UTC: from, to (exclusive).
const BUSINESS_HOURS: (i8, i8) = (9, 17);

/// What the store knows that bears on an alert.
#[derive(Debug, Default, Clone)]
pub(super) struct Past {
    pub(super) history: History,
    pub(super) recent: Vec<Alert>,
}

/// Completes `alert` with its past, its runbook and its severity.
pub(super) fn judge(
    alert: &mut Alert,
    past: &Past,
    incoming: Option<Severity>,
    model: &SeverityModel,
    settings: &Settings,
) {
    alert.enrichment.similar = similar(alert, &past.recent, SIMILAR, SIMILAR_AT_LEAST);
    alert.enrichment.history = Some(past.history.clone());
    if alert.enrichment.runbook_url.is_none() {
        let own = alert.annotations.get("runbook_url").filter(|url| crate::alert::is_web_link(url)).cloned();
        alert.enrichment.runbook_url = own.or_else(|| runbook_url(&settings.runbooks, &alert.labels));
    }
    let at = alert.ends_at.unwrap_or(alert.updated_at);
    let facts = facts_of(alert, at);
    alert.assessment = Some(model.assess(&facts, incoming, &alert.labels, &settings.severity));
    describe(alert);
}

/// Takes over what an alert says about users and impact, and what is known about it, as facts.
///
/// `affected_users` and `business_impact` come from an annotation or label of that name; anything that is not a finite
/// number counts as unknown.
#[must_use]
pub fn facts_of(alert: &Alert, now: Timestamp) -> AlertFacts {
    let enrichment = &alert.enrichment;
    let history = enrichment.history.as_ref();
    let minutes = |from: Timestamp| (now.as_millisecond() - from.as_millisecond()).max(0) as f64 / 60_000.0;
    let similar_firing = enrichment.similar.iter().filter(|s| s.duration_minutes.is_none()).count();
    AlertFacts {
        affected_users: stated(alert, "affected_users"),
        business_impact: stated(alert, "business_impact").filter(|impact| (0.0..=1.0).contains(impact)),
        historical_resolution_minutes: history.and_then(|history| history.median_duration_minutes),
        anomaly_score: enrichment.score,
        duration_minutes: Some(minutes(enrichment.since.unwrap_or(alert.starts_at))),
        series_affected: Some(1.0 + similar_firing as f64),
        services_affected: None,
        burn_rate: stated(alert, "burn_rate"),
        hours_to_exhaustion: hours_to_exhaustion(enrichment, now),
        self_resolve_rate: None,
        fired_last_30d: history.map(|history| f64::from(history.fired_last_30d)),
        business_hours: Some(if is_business_hours(now) { 1.0 } else { 0.0 }),
    }
}

fn stated(alert: &Alert, name: &str) -> Option<f64> {
    let text = alert.annotations.get(name).map(String::as_str).or_else(|| alert.labels.get(name))?;
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

fn hours_to_exhaustion(enrichment: &Enrichment, now: Timestamp) -> Option<f64> {
    let p50 = enrichment.exhaustion.as_ref()?.p50?;
    Some((p50.as_millisecond() - now.as_millisecond()).max(0) as f64 / 3_600_000.0)
}

fn is_business_hours(at: Timestamp) -> bool {
    let local = at.to_zoned(TimeZone::UTC);
    let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
    !weekend && (BUSINESS_HOURS.0..BUSINESS_HOURS.1).contains(&local.hour())
}

/// Gives the alert a summary, unless it came with one.
fn describe(alert: &mut Alert) {
    if alert.annotations.contains_key("summary") {
        return;
    }
    let enrichment = &alert.enrichment;
    let verb = if alert.state == AlertState::Resolved { "was" } else { "is" };
    let subject = enrichment.series.clone().unwrap_or_else(|| alert.title());
    let peers = enrichment.sentence.clone().filter(|_| enrichment.reasons.contains(&Reason::PeerOutlier));
    if let Some(told) = peers {
        let over = format!("{subject} behaved unlike its peers");
        let summary = if alert.state == AlertState::Resolved { over } else { told };
        alert.annotations.insert("summary".to_owned(), summary);
        return;
    }
    let summary = enrichment
        .how_far()
        .map_or_else(|| format!("{subject} {verb} unusual"), |far| format!("{subject} {verb} {far}"));
    alert.annotations.insert("summary".to_owned(), summary);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_hours_are_weekdays_nine_to_five() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(is_business_hours(at("2026-06-01T09:00:00Z")));
        assert!(!is_business_hours(at("2026-06-01T17:00:00Z")));
        assert!(!is_business_hours(at("2026-06-06T12:00:00Z")));
    }
}
