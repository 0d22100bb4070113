//! Forecasts that scheduled batches made.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::extract::{Path, State};
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::AppState;
use super::error::PageError;
use super::forecast_plot;
use super::plot::figure;
use super::shell::{Section, document_with_plots};
use super::show::{foreign, foreign_heading, foreign_short, in_url, quantity, span, time, visible, words};
use crate::engine::{AccuracyRow, ForecastCurve, clock, compute};
use crate::forecast::Because;
use crate::series::Series;

/// Most forecasts in the list.
const MOST: usize = 500;
/// Forecasts that the list plots.
const PLOTTED: usize = 6;

pub(super) async fn list(State(service): State<AppState>) -> Result<Markup, PageError> {
    // one more than shown says whether there are more
    let curves = service.app.latest_forecasts(MOST + 1).await?;
    let configured = service.app.settings().forecasts.len();
    let accuracy = service.app.accuracy(None, clock::now()).await?;
    let mut histories: BTreeMap<(String, Timestamp), Vec<Series>> = BTreeMap::new();
    for curve in curves.iter().take(PLOTTED) {
        if let Entry::Vacant(place) = histories.entry((curve.job.clone(), curve.start)) {
            place.insert(service.app.forecast_history(&curve.job, curve.start).await);
        }
    }
    Ok(compute::run(move || render_list(&curves, &histories, &accuracy, configured)).await?)
}

fn render_list(
    curves: &[ForecastCurve],
    histories: &BTreeMap<(String, Timestamp), Vec<Series>>,
    accuracy: &[AccuracyRow],
    configured: usize,
) -> Markup {
    let history = |curve: &ForecastCurve| before(curve, histories.get(&(curve.job.clone(), curve.start))?);
    let body = html! {
        h1 { "Forecasts" }
        @if curves.is_empty() {
            p.empty {
                @if configured == 0 {
                    "No forecast is configured: add one under " code { "forecasts:" } " in " code { "tidewatch.yaml" }
                    " (a name, a source, a query, a step, a horizon and a schedule)."
                } @else {
                    "No forecast has been made yet. The first batch runs right after the start; when nothing appears, try "
                    "the query at the source and look at the log."
                }
            }
        }
        @for (index, curve) in curves.iter().take(PLOTTED).enumerate() {
            (figure(&format!("forecast-{index}"), &html! {
                    a href={ "/forecasts/" (in_url(&curve.id)) } { (foreign_short(&curve.series)) }
                    ": forecast of " (foreign_short(&curve.job)) ", made " (time(curve.created_at))
                },
                &forecast_plot::forecast(curve, history(curve).as_ref())))
        }
        @if !accuracy.is_empty() { (how_good(accuracy)) }
        @if !curves.is_empty() { (table(curves)) }
    };
    document_with_plots("Forecasts", Section::Forecasts, &body)
}

/// How forecasts did once the truth was known.
fn how_good(rows: &[AccuracyRow]) -> Markup {
    let known = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.2}"));
    html! {
        h2 { "How good they were" }
        div.scroll {
            table {
                caption {
                    "Forecasts of the last 30 days, scored when the truth arrived. MASE: error over that of repeating the last "
                    "season within the history; below 1 is better. Error ratio: the same at the time itself."
                }
                thead {
                    tr {
                        th scope="col" { "Forecast" } th scope="col" { "Model" } th scope="col" { "Up to" }
                        th.number scope="col" { "Values" } th.number scope="col" { "MASE" } th.number scope="col" { "Error ratio" }
                        th.number scope="col" { "Intervals cover" }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            td data-label="Forecast" { (foreign_short(&row.forecast)) }
                            td data-label="Model" { (words(&visible(&row.model, 40))) }
                            td.nowrap data-label="Up to" { (span(row.lead.as_secs_f64())) " ahead" }
                            td.number data-label="Values" { (row.steps) }
                            td.number data-label="MASE" { (known(row.mase)) }
                            td.number data-label="Error ratio" { (known(row.against_naive)) }
                            td.number data-label="Intervals cover" {
                                @for (place, one) in row.intervals.iter().enumerate() {
                                    @if place > 0 { ", " }
                                    (format!("{:.0} % of {:.0} %", one.coverage * 100.0, one.level * 100.0))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn table(curves: &[ForecastCurve]) -> Markup {
    html! {
        div.scroll {
            table {
                caption { "The latest forecast of each series" }
                thead {
                    tr {
                        th scope="col" { "Series" } th scope="col" { "Forecast" } th scope="col" { "Model" }
                        th scope="col" { "Made" } th scope="col" { "Ends" } th.number scope="col" { "Then" }
                    }
                }
                tbody {
                    @for curve in curves.iter().take(MOST) {
                        tr {
                            td.wide data-label="Series" { a href={ "/forecasts/" (in_url(&curve.id)) } { (foreign_short(&curve.series)) } }
                            td data-label="Forecast" { (foreign_short(&curve.job)) }
                            td data-label="Model" { (words(&visible(&curve.model, 40))) }
                            td.nowrap data-label="Made" { (time(curve.created_at)) }
                            td.nowrap data-label="Ends" { (time(end(curve))) }
                            td.number data-label="Then" { (quantity(curve.unit, curve.mean.last().copied().unwrap_or(f64::NAN))) }
                        }
                    }
                }
            }
        }
        @if curves.len() > MOST { p.muted { "and more; " code { "GET /api/v1/forecasts" } " has them all" } }
    }
}

pub(super) async fn page(State(service): State<AppState>, Path(id): Path<String>) -> Result<Markup, PageError> {
    let curve = service.app.forecast_curve(&id).await?;
    let history = service.app.forecast_history(&curve.job, curve.start).await;
    Ok(compute::run(move || render(&curve, &history)).await?)
}

fn render(curve: &ForecastCurve, history: &[Series]) -> Markup {
    let body = html! {
        h1 { (foreign_heading(&curve.series)) }
        (figure("forecast", &html! { "What was observed, the forecast and its intervals" },
            &forecast_plot::forecast(curve, before(curve, history).as_ref())))
        table.facts {
            caption.hidden { "What is known of the forecast" }
            tbody {
                tr { th scope="row" { "forecast" } td { (foreign(&curve.job)) ", made " (time(curve.created_at)) } }
                tr { th scope="row" { "from, to" } td { (time(curve.start)) " to " (time(end(curve))) ", every " (span(curve.step.secs_f64())) } }
                tr { th scope="row" { "model" } td { (words(&visible(&curve.model, 40))) } }
                @if !curve.seasons.is_empty() {
                    tr {
                        th scope="row" { "seasons" }
                        td { (curve.seasons.iter().map(|steps| span(*steps as f64 * curve.step.secs_f64())).collect::<Vec<_>>().join(", ")) }
                    }
                }
            }
        }
        @if !curve.because.is_empty() {
            section aria-labelledby="because" { h2 id="because" { "Because" } ul { @for one in &curve.because { li { (because(one)) } } } }
        }
        section aria-labelledby="labels" { h2 id="labels" { "Labels" } (super::alert::pairs("Labels of the series", curve.labels.iter())) }
    };
    document_with_plots(&format!("Forecast: {}", visible(&curve.series, 80)), Section::Forecasts, &body)
}

/// What was observed before the forecast begins.
fn before(curve: &ForecastCurve, history: &[Series]) -> Option<Series> {
    let series = history.iter().find(|series| *series.labels() == curve.labels)?;
    let count = (0..series.len()).take_while(|&index| series.time_at(index) < curve.start).count();
    (count > 0).then(|| series.head(count))
}

fn end(curve: &ForecastCurve) -> Timestamp {
    let steps = i64::try_from(curve.mean.len().saturating_sub(1)).unwrap_or(i64::MAX);
    let end = curve.start.as_millisecond().saturating_add(curve.step.millis().saturating_mul(steps));
    Timestamp::from_millisecond(end).unwrap_or(Timestamp::MAX)
}

fn because(one: &Because) -> String {
    match one {
        Because::Requested => "the model was asked for by name".to_owned(),
        Because::BestBacktest { mase, runner_up } => {
            format!(
                "it had the lowest error on the series' own past ({mase:.2}, the next best {runner_up:.2}; 1 is the seasonal naive forecast)"
            )
        }
        Because::Combined { mase, best_single, shares } => {
            let shares: Vec<String> = shares
                .iter()
                .map(|share| format!("{} {:.0} %", words(share.model.as_str()), share.weight * 100.0))
                .collect();
            format!(
                "several models together ({}) erred less on the series' own past: {mase:.2} against {best_single:.2} of the best alone",
                shares.join(", ")
            )
        }
        Because::TooShort { points, needed } => {
            format!("the history has {points} points, the better model needs {needed}")
        }
        Because::NoSeason => "no season was found".to_owned(),
        Because::Constant => "every value is the same".to_owned(),
        Because::ModelFailed { model, message } => {
            format!("{} failed: {}", words(model.as_str()), visible(message, 300))
        }
        Because::OutliersIgnored { points } => format!("{points} wild values of the history were left out"),
        Because::LostSkill { ratio } => format!(
            "the model chosen before erred {ratio:.2} times as much as repeating the last season, once the truth was known; the season is repeated"
        ),
        Because::NonNegative => "values are kept at or above zero because all of the history is".to_owned(),
        Because::WithinRange { low, high } => {
            let end = |end: &Option<f64>| end.map_or("no limit".to_owned(), |end| end.to_string());
            format!("values are kept between {} and {}", end(low), end(high))
        }
        Because::Damped => "the trend of the model explodes and was held back".to_owned(),
        Because::Intermittent { zeros, ratio } => format!(
            "the series is zero {:.0} % of the time, and a method for such series erred less on its own past ({ratio:.2} of the others' squared error, as a root)",
            zeros * 100.0
        ),
        Because::EventApplied { name, times, plus, occurrences, .. } => {
            let effect = match (times, plus) {
                (Some(times), _) => format!("times {times:.2}"),
                (_, plus) => format!("plus {:.4}", plus.unwrap_or(0.0)),
            };
            let source = if *occurrences == 0 { "declared".to_owned() } else { format!("learned from {occurrences}") };
            format!("{} is planned: {effect} ({source})", visible(name, 100))
        }
        Because::EventUnknown { name } => {
            format!("{} is planned, but its effect is neither declared nor known from the past", visible(name, 100))
        }
    }
}
