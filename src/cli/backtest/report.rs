//! The result as a page with a fan chart of each series.

use maud::{Markup, html};

use super::super::page::{self, Better, figures};
use super::figures::{Backtest, SeriesResult};
use super::{fan, table};

/// Series with charts, and series in the table.
const DRAWN: usize = 60;
const LISTED: usize = 500;

pub(super) fn page(backtest: &Backtest) -> String {
    let body = html! {
        h1 { "How good would forecasts have been?" }
        p { (table::headline(backtest)) "." }
        h2 { "Models" }
        (figures(&table::overall(backtest), "Means over the series that all models could be measured on; the best of each column is bold", better))
        p.muted {
            "MASE: mean absolute error over that of the seasonal naive forecast within the history; below 1 is better than \
             repeating the last season was. MSIS: scaled interval score of the widest interval. An interval is true when it \
             covers as many percent of the values as its name says."
        }
        h2 { "Forecasts from the newest earlier point" }
        @if backtest.series.len() > DRAWN {
            p.muted { "The " (DRAWN) " series with the highest MASE of " (backtest.series.len()) "." }
        }
        ul.legend {
            li { svg.chart.key viewBox="0 0 28 10" aria-hidden="true" { path.value d="M1 5H27" {} } " what came" }
            li { svg.chart.key viewBox="0 0 28 10" aria-hidden="true" { path.score d="M1 5H27" {} } " forecast" }
            li { svg.chart.key viewBox="0 0 28 10" aria-hidden="true" { path.band d="M1 0H27V10H1Z" {} } " intervals" }
        }
        @for one in backtest.worst_first().into_iter().filter(|one| one.shown.is_some()).take(DRAWN) { (charts(backtest, one)) }
        h2 { "Series" }
        details open[backtest.series.len() <= 20] {
            summary { "Figures of each series and model" }
            (figures(&table::series(backtest, LISTED), "The highest MASE first; `used` is the model that made the newest forecast", |_| None))
        }
    };
    page::page("Backtest of forecasts", &body)
}

fn better(column: &str) -> Option<Better> {
    match column {
        "best on %" => Some(Better::Higher),
        "MASE" | "median" | "sMAPE %" | "MSIS" => Some(Better::Lower),
        _ => None,
    }
}

fn charts(backtest: &Backtest, one: &SeriesResult) -> Markup {
    let Some(shown) = &one.shown else { return html! {} };
    html! {
        h3 { (table::one_line(&one.name)) }
        div.pair {
            @for ((fan, result), model) in shown.fans.iter().zip(&one.results).zip(&backtest.models) {
                figure.plot {
                    figcaption {
                        strong { (model.as_str()) }
                        @if let Some(used) = result.used.filter(|used| *used != model.as_str()) { " → " (used) }
                        @if let Some(mase) = result.mase { " · MASE " (format!("{mase:.3}")) }
                        @for (level, covers) in backtest.levels.iter().zip(&result.covers) {
                            @if let Some(covers) = covers { " · " (format!("{:.0} % covers {covers:.0} %", level * 100.0)) }
                        }
                    }
                    (fan::chart(shown, fan))
                }
            }
        }
    }
}
