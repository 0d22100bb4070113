//! Alerts that fire and alerts that ended.

use axum::extract::State;
use maud::{Markup, html};

use super::super::AppState;
use super::error::PageError;
use super::shell::{Section, document};
use super::show::{against_band, counted, foreign_short, seconds_between, severity, span, state, time};
use crate::alert::Alert;

/// Most alerts in one list.
pub(super) const MOST: usize = 200;

pub(super) async fn page(State(service): State<AppState>) -> Result<Markup, PageError> {
    let list = service.app.alert_list().await?;
    let more = if list.more { "at least " } else { "" };
    let body = html! {
        h1 { "Alerts" }
        section aria-labelledby="firing" {
            h2 id="firing" { "Firing" }
            @if list.firing.is_empty() { p.empty { "Nothing fires." } } @else { (table("Alerts that fire, worst first", &list.firing, MOST, "")) }
        }
        section aria-labelledby="resolved" {
            h2 id="resolved" { "Ended" }
            @if list.resolved.is_empty() { p.empty { "No alert has ended yet." } }
            @else { (table("Alerts that ended, newest first", &list.resolved, MOST, more)) }
        }
    };
    Ok(document("Alerts", Section::Alerts, &body))
}

/// A table of at most `most` alerts and a note on how many more there are.
pub(super) fn table(caption: &str, alerts: &[Alert], most: usize, at_least: &str) -> Markup {
    html! {
        div.scroll {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Severity" } th scope="col" { "State" } th scope="col" { "Alert" }
                        th scope="col" { "Since" } th scope="col" { "Lasted" } th scope="col" { "Value" }
                    }
                }
                tbody { @for alert in alerts.iter().take(most) { (row(alert)) } }
            }
        }
        @if alerts.len() > most {
            p.muted { "and " (at_least) (alerts.len() - most) " more; " code { "GET /api/v1/alerts" } " has them all" }
        }
    }
}

fn row(alert: &Alert) -> Markup {
    let since = alert.enrichment.since.unwrap_or(alert.starts_at);
    let end = alert.ends_at.unwrap_or(alert.updated_at);
    html! {
        tr {
            td data-label="Severity" { (severity(alert.assessment.as_ref().map(|a| a.severity))) }
            td data-label="State" { (state(alert.state)) }
            td.wide data-label="Alert" { a href=(address(alert)) { (foreign_short(&alert.title())) } }
            td.nowrap data-label="Since" { (time(since)) }
            td.nowrap data-label="Lasted" { (span(seconds_between(since, end))) }
            td.wide data-label="Value" { @if let Some(said) = against_band(alert) { (said) } @else { span.muted { "not known" } } }
        }
    }
}

/// Where one time of an alert is shown.
pub(super) fn address(alert: &Alert) -> String {
    format!("/alerts/{}?at={}", alert.fingerprint, alert.starts_at.as_millisecond())
}

/// `2 critical, 1 warning`, or that nothing fires.
pub(super) fn by_severity(alerts: &[Alert]) -> String {
    let judged =
        |severity| alerts.iter().filter(|a| a.assessment.as_ref().is_some_and(|a| a.severity == severity)).count();
    let mut parts: Vec<String> = crate::severity::Severity::ALL
        .into_iter()
        .map(|severity| (judged(severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {severity}"))
        .collect();
    let unjudged = alerts.iter().filter(|alert| alert.assessment.is_none()).count();
    if unjudged > 0 {
        parts.push(counted(unjudged, "not judged", "not judged"));
    }
    if parts.is_empty() { "nothing fires".to_owned() } else { parts.join(", ") }
}
