//! The result for people, as aligned tables.

use super::super::columns::aligned;
use super::figures::{Backtest, Measured};

/// Series that are listed one by one, the worst first.
const LISTED: usize = 20;

/// The whole text.
pub(super) fn text(backtest: &Backtest) -> String {
    let mut out = format!("{}\n", headline(backtest));
    if backtest.compared().next().is_none() {
        return out;
    }
    out.push('\n');
    out.push_str(&aligned(&overall(backtest)));
    let rows = series(backtest, LISTED);
    if backtest.series.len() > 1 {
        let which = if backtest.series.len() > LISTED { "the worst first, by MASE" } else { "by MASE" };
        out.push_str(&format!("\nSeries, {which}\n\n"));
        out.push_str(&aligned(&rows));
    }
    out
}

/// What was compared.
pub(super) fn headline(backtest: &Backtest) -> String {
    let (all, compared) = (backtest.series.len(), backtest.compared().count());
    let forecasts: usize = backtest.compared().map(|one| one.origins).sum();
    let left_out = match all - compared {
        0 => String::new(),
        out => format!("; {out} more could not be measured"),
    };
    let steps = backtest.series.first().map_or(0, |one| one.horizon_steps);
    let noun = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    if compared == 0 {
        return format!("no series could be measured with a horizon of {}", noun(steps, "step"));
    }
    format!(
        "{compared} series{left_out}: {} of {} for each model, from earlier points",
        noun(forecasts, "forecast"),
        noun(steps, "step")
    )
}

/// Each model over all series; the first row is the header.
pub(super) fn overall(backtest: &Backtest) -> Vec<Vec<String>> {
    let mut header = vec!["model".to_owned(), "MASE".to_owned(), "median".to_owned(), "best on %".to_owned()];
    header.extend(shared_header(&backtest.levels));
    let row = |(place, model): (usize, &crate::forecast::ModelChoice)| {
        let mut row = vec![
            model.as_str().to_owned(),
            known(backtest.overall(place).mase, 3),
            known(backtest.median_mase(place), 3),
            known(backtest.best_on(place), 0),
        ];
        row.extend(shared_cells(&backtest.overall(place)));
        row
    };
    std::iter::once(header).chain(backtest.models.iter().enumerate().map(row)).collect()
}

/// Each series and model, the highest MASE of the first model first, at most `most` series; the first row is the header.
pub(super) fn series(backtest: &Backtest, most: usize) -> Vec<Vec<String>> {
    let mut header = vec!["series".to_owned(), "model".to_owned(), "used".to_owned(), "MASE".to_owned()];
    header.extend(shared_header(&backtest.levels));
    let rows = backtest.worst_first().into_iter().take(most).flat_map(|one| {
        one.results.iter().zip(&backtest.models).map(move |(result, model)| {
            let mut row = vec![
                one_line(&one.name),
                model.as_str().to_owned(),
                result.used.unwrap_or("-").to_owned(),
                known(result.mase, 3),
            ];
            row.extend(shared_cells(result));
            row
        })
    });
    std::iter::once(header).chain(rows).collect()
}

fn shared_header(levels: &[f64]) -> Vec<String> {
    let covers = levels.iter().map(|level| format!("covers {}", super::super::output::number(level * 100.0)));
    std::iter::once("sMAPE %".to_owned()).chain(covers).chain(std::iter::once("MSIS".to_owned())).collect()
}

fn shared_cells(measured: &Measured) -> Vec<String> {
    let covers = measured.covers.iter().map(|share| known(*share, 1));
    std::iter::once(known(measured.smape, 2)).chain(covers).chain(std::iter::once(known(measured.msis, 2))).collect()
}

fn known(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.decimals$}"))
}

/// A name from outside, in one line.
pub(super) fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
