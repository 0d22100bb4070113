//! What the detectors follow, and one series or entity with everything about it.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::AppState;
use super::error::PageError;
use super::plot::{MOST_POINTS, figure};
use super::shell::{Section, document, document_with_plots};
use super::show::{foreign, foreign_heading, foreign_short, in_url, percent, quantity, span, sparkline, time_or};
use super::{alert_list, series_plot};
use crate::engine::{ChartPoint, MetricExplained, SeriesSummary, SeriesView, compute};
use crate::series::{Fingerprint, Series};

/// Most series in the list.
const MOST: usize = 500;
/// Recent points of a line in the list.
const SPARK: usize = 96;

/// Most changes on the page of a series.
const MOST_CHANGES: usize = 20;

/// What narrows the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    detector: Option<String>,
}

pub(super) async fn list(State(service): State<AppState>, Query(filter): Query<Filter>) -> Result<Markup, PageError> {
    let mut all = service.app.followed(SPARK).await;
    if let Some(detector) = &filter.detector {
        all.retain(|one| one.detector == *detector);
    }
    let score = |one: &SeriesSummary| one.recent.last().map_or(0.0, |point| point.score);
    all.sort_by(|a, b| b.firing.cmp(&a.firing).then(score(b).total_cmp(&score(a))).then_with(|| a.name.cmp(&b.name)));
    let configured = service.app.settings().detectors.len();
    Ok(render_list(&all, filter.detector.as_deref(), configured))
}

fn render_list(all: &[SeriesSummary], detector: Option<&str>, configured: usize) -> Markup {
    let body = html! {
        h1 { "Series" }
        @if let Some(detector) = detector {
            p { "Only of detector " strong { (foreign_short(detector)) } ". " a href="/series" { "Show all" } }
        }
        @if all.is_empty() {
            p.empty {
                @if configured == 0 {
                    "No detector is configured: add one under " code { "detectors:" } " in " code { "tidewatch.yaml" } "."
                } @else {
                    "No series is followed yet. A detector takes up what its query returns in its first round; "
                    "when nothing appears, try the query at the source."
                }
            }
        } @else { (table(all)) }
    };
    document("Series", Section::Series, &body)
}

fn table(all: &[SeriesSummary]) -> Markup {
    html! {
        p.muted { "A score of 1 is the boundary from which a point counts as anomalous; 2 is a probability squared." }
        div.scroll {
            table {
                caption { "What the detectors follow: what fires first, then by score" }
                thead {
                    tr {
                        th scope="col" { "Series" } th scope="col" { "Detector" } th scope="col" { "Recent" }
                        th.number scope="col" { "Value" } th scope="col" { "Expected" } th.number scope="col" { "Score" }
                        th scope="col" { "State" }
                    }
                }
                tbody { @for one in all.iter().take(MOST) { (row(one)) } }
            }
        }
        @if all.len() > MOST { p.muted { "and " (all.len() - MOST) " more; " code { "GET /api/v1/series" } " has them all" } }
    }
}

fn row(one: &SeriesSummary) -> Markup {
    let entity = one.metrics.len() > 1;
    let pick = |point: &ChartPoint| if entity { point.score } else { point.value };
    let recent: Vec<f64> = one.recent.iter().map(pick).collect();
    let last = one.recent.last();
    html! {
        tr {
            td.wide data-label="Series" { a href=(address(&one.detector, one.labels.fingerprint())) { (foreign_short(&one.name)) } }
            td data-label="Detector" { (foreign_short(&one.detector)) }
            td data-label="Recent" { (sparkline(&recent)) }
            td.number data-label="Value" {
                @if entity { span.muted { (one.metrics.len()) " metrics" } }
                @else { (last.map_or_else(|| "unknown".to_owned(), |point| quantity(one.unit, point.value))) }
            }
            td.nowrap data-label="Expected" {
                @match last.filter(|point| !entity && point.lower.is_finite() && point.upper.is_finite()) {
                    Some(point) => { (one.unit.format(point.lower)) " to " (one.unit.format(point.upper)) },
                    None => span.muted { "–" },
                }
            }
            td.number data-label="Score" { @if let Some(point) = last { (format!("{:.2}", point.score)) } @else { span.muted { "–" } } }
            td data-label="State" {
                @if one.firing { span class="badge firing" { "firing" } }
                @else if last.is_some_and(|point| point.is_anomaly) { span class="badge warning" { "anomalous" } }
                @else if let Some(why) = last.and_then(|point| point.suppressed) { span.muted { (why.reason().sentence()) } }
                @else if last.is_none() { span.muted { "no numbers yet" } }
                @else { "ordinary" }
            }
        }
    }
}

/// Where a series is shown.
pub(super) fn address(detector: &str, fingerprint: Fingerprint) -> String {
    format!("/series/{}/{fingerprint}", in_url(detector))
}

pub(super) async fn page(
    State(service): State<AppState>,
    Path((detector, fingerprint)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let fingerprint = fingerprint.parse::<Fingerprint>().map_err(|error| PageError::not_found(error.to_string()))?;
    let view = service.app.series_view(&detector, fingerprint, MOST_POINTS).await?;
    let metrics = service.app.metrics_of(&view).await;
    let app = std::sync::Arc::clone(&service.app);
    Ok(compute::run(move || render(&view, &metrics, &app.explain_view(&view, &metrics))).await?)
}

fn render(view: &SeriesView, metrics: &[Series], explained: &[MetricExplained]) -> Markup {
    let summary = &view.summary;
    let body = html! {
        h1 { (foreign_heading(&summary.name)) }
        (facts(view))
        (plots(&summary.recent, metrics, view))
        (found(explained))
        section aria-labelledby="alerts" {
            h2 id="alerts" { "Its alerts" }
            @if view.alerts.is_empty() { p.empty { "It has never fired, as far as is kept." } }
            @else { (alert_list::table("Times that it fired, newest first", &view.alerts, alert_list::MOST, "")) }
        }
        @if !view.changes.is_empty() {
            section aria-labelledby="changes" {
                h2 id="changes" { "What changed" }
                ul { @for change in view.changes.iter().take(MOST_CHANGES) { li { (change.sentence(summary.unit)) } } }
            }
        }
        section aria-labelledby="labels" { h2 id="labels" { "Labels" } (super::alert::pairs("Labels of the series", summary.labels.iter())) }
    };
    document_with_plots(&super::show::visible(&summary.name, 80), Section::Series, &body)
}

/// What was found about each metric, and what is done with it.
fn found(explained: &[MetricExplained]) -> Markup {
    html! {
        section aria-labelledby="found" {
            h2 id="found" { "What Tidewatch found" }
            @if explained.is_empty() { p.empty { "Too few points are in memory to say what it is like." } }
            @for metric in explained {
                @if explained.len() > 1 { h3 { (foreign_short(&metric.name)) } }
                p { @for said in &metric.found { (foreign(&said.sentence)) " " } }
                p { @for said in &metric.chosen { (foreign(&said.sentence)) " " } }
            }
        }
    }
}

/// The plots of a series: value, band and score of `points`; of an entity: score and metrics.
pub(super) fn plots(points: &[ChartPoint], metrics: &[Series], view: &SeriesView) -> Markup {
    if points.is_empty() {
        return html! {
            p.empty { "The points of this time are not in memory: they are kept for a while only, and not over a restart." }
        };
    }
    if view.summary.metrics.len() < 2 {
        let caption = html! {
            "Value against what was expected, crosses mark anomalies; below, the anomaly score, where the dashed line at 1 "
            "is the boundary. Shaded: its alert fired."
        };
        return figure("values", &caption, &series_plot::with_band(points, view.summary.unit, &view.alerts));
    }
    let caption = html! { "Anomaly score; the dashed line at 1 is the boundary. Shaded: its alert fired." };
    html! {
        (figure("score", &caption, &series_plot::score_only(points, &view.alerts)))
        @if metrics.is_empty() {
            p.muted { "Its metrics cannot be plotted now: the source gave no answer in time." }
        }
        @for (index, metric) in metrics.iter().enumerate() {
            (figure(&format!("metric-{index}"), &foreign_short(metric.name()), &series_plot::metric(metric, &view.alerts)))
        }
    }
}

fn facts(view: &SeriesView) -> Markup {
    let summary = &view.summary;
    let last = summary.recent.last();
    let single = last.filter(|_| summary.metrics.len() < 2);
    html! {
        table.facts {
            caption.hidden { "What is known of the series" }
            tbody {
                tr { th scope="row" { "state" } td { @if summary.firing { span class="badge firing" { "firing" } } @else { "not firing" } } }
                @if let Some(point) = single {
                    tr {
                        th scope="row" { "value" }
                        td {
                            strong { (quantity(summary.unit, point.value)) } ", expected "
                            (quantity(summary.unit, point.expected))
                            " (" (quantity(summary.unit, point.lower)) " to " (quantity(summary.unit, point.upper)) ")"
                        }
                    }
                }
                @if let Some(point) = last {
                    tr { th scope="row" { "score" } td { (format!("{:.2}", point.score)) span.muted { " (1 is the boundary)" } } }
                    @if let Some(why) = point.suppressed { tr { th scope="row" { "no alert" } td { (why.reason().sentence()) } } }
                }
                tr { th scope="row" { "last point" } td { (time_or(last.map(|point| point.at), "none")) } }
                tr { th scope="row" { "confidence" } td { (percent(view.confidence)) } }
                tr { th scope="row" { "detector" } td { a href={ "/series?detector=" (in_url(&summary.detector)) } { (foreign(&summary.detector)) } } }
                tr { th scope="row" { "query" } td { code { (foreign(&view.query)) } } }
                tr { th scope="row" { "source, step" } td { (foreign(&view.source)) ", every " (span(view.step.secs_f64())) } }
            }
        }
    }
}
