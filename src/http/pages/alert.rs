//! One alert with everything that is known about it.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::AppState;
use super::alert_list::{self, address};
use super::error::PageError;
use super::plot::MOST_POINTS;
use super::series::{self, plots};
use super::series_plot::{around, part};
use super::shell::{Section, document_with_plots};
use super::show::{
    against_band, bar, counted, exhaustion_words, foreign, foreign_heading, foreign_link, foreign_short, percent,
    quantity, seconds_between, severity, span, state, time, unit_of, visible, words,
};
use crate::alert::{Alert, Origin};
use crate::engine::{ChartPoint, SeriesView, compute};
use crate::series::{Fingerprint, Series};
use crate::severity::{Assessment, Severity, SeverityReason};

/// Times of one alert that are read.
const MOST_EPISODES: usize = 200;

/// Which time of the alert is shown; the newest when it says nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    at: Option<i64>,
}

/// The alert, the other times it fired, and the series behind it.
struct Shown {
    alert: Alert,
    episodes: Vec<Alert>,
    series: Option<SeriesView>,
    metrics: Vec<Series>,
}

pub(super) async fn page(
    State(service): State<AppState>,
    Path(fingerprint): Path<String>,
    Query(which): Query<Which>,
) -> Result<Markup, PageError> {
    let fingerprint = fingerprint.parse::<Fingerprint>().map_err(|error| PageError::not_found(error.to_string()))?;
    let episodes = service.app.episodes(fingerprint, MOST_EPISODES).await?;
    let wanted = which.at.and_then(|at| episodes.iter().find(|one| one.starts_at.as_millisecond() == at));
    let Some(alert) = wanted.or(episodes.first()).cloned() else {
        return Err(PageError::not_found(format!("there is no alert {fingerprint}")));
    };
    let link = service.app.series_of_alerts().await.remove(&fingerprint);
    let series = match link {
        Some(link) => service.app.series_view(&link.detector, link.fingerprint, MOST_POINTS).await.ok(),
        None => None,
    };
    let metrics = match &series {
        Some(view) => service.app.metrics_of(view).await,
        None => Vec::new(),
    };
    let shown = Shown { alert, episodes, series, metrics };
    Ok(compute::run(move || render(&shown)).await?)
}

fn render(shown: &Shown) -> Markup {
    let alert = &shown.alert;
    let known = &alert.enrichment;
    let title = alert.title();
    let body = html! {
        p.badges { (severity(alert.assessment.as_ref().map(|a| a.severity))) " " (state(alert.state)) }
        h1 { (foreign_heading(&title)) }
        @if let Some(summary) = alert.annotations.get("summary") { p.lead { (foreign(summary)) } }
        (facts(alert))
        @if let Some(view) = &shown.series {
            section aria-labelledby="plot" {
                h2 id="plot" { "The series" }
                (plot_around(alert, view, &shown.metrics))
                p { a href=(series::address(&view.summary.detector, view.fingerprint)) { "All of this series" } }
            }
        }
        div.columns {
            @if let Some(assessment) = &alert.assessment { (judgement(assessment)) }
            @if !known.attribution.is_empty() {
                section aria-labelledby="features" {
                    h2 id="features" { "What contributes" }
                    table.facts {
                        caption.hidden { "Shares of features or metrics in the score" }
                        tbody { @for part in &known.attribution { tr { th scope="row" { (foreign_short(&words(&part.feature))) } td { (bar(part.share, "value")) } } } }
                    }
                }
            }
        }
        (past(shown))
        section aria-labelledby="labels" { h2 id="labels" { "Labels" } (pairs("Labels of the alert", alert.labels.iter())) }
        @if !alert.annotations.is_empty() {
            section aria-labelledby="annotations" {
                h2 id="annotations" { "Annotations" }
                (pairs("Annotations of the alert", alert.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
            }
        }
    };
    document_with_plots(&visible(&title, 80), Section::Alerts, &body)
}

/// The plots of the series behind an alert, at the time of the alert.
fn plot_around(alert: &Alert, view: &SeriesView, metrics: &[Series]) -> Markup {
    let [from, to] = around(alert);
    let points: Vec<ChartPoint> = view.summary.recent.iter().filter(|p| (from..=to).contains(&p.at)).copied().collect();
    let metrics: Vec<Series> = metrics.iter().filter_map(|metric| part(metric, [from, to])).collect();
    plots(&points, &metrics, view)
}

fn facts(alert: &Alert) -> Markup {
    let known = &alert.enrichment;
    let since = known.since.unwrap_or(alert.starts_at);
    let reasons: Vec<&str> = known.reasons.iter().map(|reason| reason.sentence()).collect();
    html! {
        table.facts {
            caption.hidden { "What is known of the alert" }
            tbody {
                tr { th scope="row" { "since" } td { (time(since)) @if since != alert.starts_at { span.muted { ", fired " (time(alert.starts_at)) } } } }
                @match alert.ends_at {
                    Some(end) => tr { th scope="row" { "ended" } td { (time(end)) ", after " (span(seconds_between(since, end))) } },
                    None => tr { th scope="row" { "last seen" } td { (time(alert.updated_at)) ", " (span(seconds_between(since, alert.updated_at))) " so far" } },
                }
                @if let Some(said) = against_band(alert) { tr { th scope="row" { "value" } td { strong { (said) } } } }
                @if let Some(far) = how_far(alert) { tr { th scope="row" { "how far" } td { (far) } } }
                @if let Some(expected) = known.expected.filter(|value| value.is_finite()) {
                    tr { th scope="row" { "expected" } td { (quantity(unit_of(alert), expected)) } }
                }
                @if let Some(score) = known.score.filter(|score| score.is_finite()) {
                    tr { th scope="row" { "score" } td { (format!("{score:.2}")) span.muted { " (1 is the boundary)" } } }
                }
                @if let Some(said) = &known.sentence { tr { th scope="row" { "what happened" } td { (foreign(said)) } } }
                @if !reasons.is_empty() { tr { th scope="row" { "why" } td { (reasons.join("; ")) } } }
                @if let Some(forecast) = &known.forecast { tr { th scope="row" { "what comes next" } td { (foreign(forecast)) } } }
                @if let Some(exhaustion) = &known.exhaustion { tr { th scope="row" { "runs out" } td { (exhaustion_words(exhaustion)) } } }
                tr { th scope="row" { "runbook" } td { @match &known.runbook_url { Some(url) => (foreign_link(url)), None => span.muted { "none; a rule under " code { "runbooks:" } " can name one" } } } }
                @if let Some(url) = &alert.generator_url { tr { th scope="row" { "origin" } td { (foreign_link(url)) } } }
                tr { th scope="row" { "raised by" } td { (origin(alert.origin)) } }
                @for gap in &known.missing { tr { th scope="row" { "not known" } td { (foreign(gap)) } } }
            }
        }
    }
}

/// How far outside of its band the value is; the unit of an entity's value is that of its metric.
fn how_far(alert: &Alert) -> Option<String> {
    let mut known = alert.enrichment.clone();
    known.unit = unit_of(alert);
    known.how_far()
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Detector => "a detector of Tidewatch",
        Origin::Capacity => "a capacity watch of Tidewatch",
        Origin::External => "another tool, through the enrichment webhook",
    }
}

fn judgement(assessment: &Assessment) -> Markup {
    html! {
        section aria-labelledby="severity" {
            h2 id="severity" { "Severity" }
            table.facts {
                caption.hidden { "Probability of each severity" }
                tbody {
                    @for (severity, probability) in Severity::ALL.into_iter().zip(assessment.probabilities) {
                        tr { th scope="row" { (severity) } td { (bar(probability, severity.as_str())) } }
                    }
                }
            }
            @if assessment.abstained { p { "The classes were too close to tell; the severity it came with, or warning, stands." } }
            ul { @for reason in assessment.because.iter().filter(|one| !matches!(one, SeverityReason::Missing { .. })) { li { (severity_reason(reason, assessment.severity)) } } }
            @let missing: Vec<String> = assessment.because.iter().filter_map(missing_fact).collect();
            @if !missing.is_empty() { p.muted { "Not known: " (missing.join(", ")) "." } }
            p.muted { "Judged by model " (foreign_short(&assessment.model)) "." }
        }
    }
}

fn missing_fact(reason: &SeverityReason) -> Option<String> {
    match reason {
        SeverityReason::Missing { fact } => Some(words(&visible(fact, 60))),
        _ => None,
    }
}

fn severity_reason(reason: &SeverityReason, severity: Severity) -> String {
    match reason {
        SeverityReason::Fact { fact, value, weight } => {
            let way = if *weight >= 0.0 { "speaks for" } else { "speaks against" };
            let value = crate::series::Unit::None.format(*value);
            format!("{} {value} {way} {severity} ({weight:+.2})", words(&visible(fact, 60)))
        }
        SeverityReason::Missing { fact } => format!("{} is not known", words(&visible(fact, 60))),
        SeverityReason::KeptIncoming { severity } => {
            format!("it came in as {severity}, which the policy does not lower")
        }
        SeverityReason::Floor { severity } => format!("a rule by label sets at least {severity}"),
        SeverityReason::Abstained { top } => {
            format!("the model was unsure: its highest probability is {}", percent(*top))
        }
    }
}

/// The alert's own past and alerts like it.
fn past(shown: &Shown) -> Markup {
    let known = &shown.alert.enrichment;
    html! {
        section aria-labelledby="past" {
            h2 id="past" { "Its past" }
            @if let Some(history) = &known.history {
                p {
                    "It fired " (counted(history.fired_last_30d as usize, "time", "times")) " in the 30 days before"
                    @if let Some(minutes) = history.median_duration_minutes { ", for " (span(minutes * 60.0)) " in the median" }
                    @if let Some(end) = history.last_resolved_at { ", and ended last at " (time(end)) }
                    "."
                }
            }
            @if shown.episodes.len() > 1 {
                (alert_list::table("Every time it fired, newest first", &shown.episodes, 20, ""))
            } @else { p.muted { "This is the only time it fired, as far as is kept." } }
        }
        @if !known.similar.is_empty() {
            section aria-labelledby="similar" {
                h2 id="similar" { "Alerts like it" }
                div.scroll {
                    table {
                        caption { "Past alerts, most similar first" }
                        thead { tr { th scope="col" { "Alert" } th.number scope="col" { "Labels in common" } th scope="col" { "Began" } th scope="col" { "Lasted" } } }
                        tbody {
                            @for one in &known.similar {
                                tr {
                                    td.wide data-label="Alert" { a href={ "/alerts/" (one.fingerprint) "?at=" (one.starts_at.as_millisecond()) } { (foreign_short(&one.title)) } }
                                    td.number data-label="Labels in common" { (percent(one.similarity)) }
                                    td.nowrap data-label="Began" { (time(one.starts_at)) }
                                    td.nowrap data-label="Lasted" { @match one.duration_minutes { Some(minutes) => (span(minutes * 60.0)), None => "still firing" } }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if shown.episodes.iter().any(|one| one.starts_at > shown.alert.starts_at) {
            p { "It has fired again since: " a href=(address(&shown.episodes[0])) { "the latest time" } "." }
        }
    }
}

/// Names and values from outside as a table; values that are web addresses are links.
pub(super) fn pairs<'a>(caption: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    let pairs: Vec<(&str, &str)> = pairs.collect();
    html! {
        @if pairs.is_empty() { p.muted { "none" } } @else {
            table.facts {
                caption.hidden { (caption) }
                tbody {
                    @for (name, value) in pairs {
                        tr {
                            th scope="row" { (foreign_short(name)) }
                            td { @if value.starts_with("http://") || value.starts_with("https://") { (foreign_link(value)) } @else { (foreign(value)) } }
                        }
                    }
                }
            }
        }
    }
}
