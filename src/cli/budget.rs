//! `tidewatch budget`: what really fired against the false alarms that are accepted.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::args::BudgetArgs;
use super::exit::{BadInput, Outcome};
use super::output::{number, to_stdout};
use crate::config::Config;
use crate::engine::{BudgetReport, BudgetScope, BudgetView, DetectorBudget, Within, budget_report, clock};
use crate::store::Store;

pub(super) fn run(args: &BudgetArgs) -> anyhow::Result<Outcome> {
    let config = Config::load(&args.config)?;
    let settings = super::compose::settings(&config)?;
    if !config.data_dir.join("tidewatch.db").exists() {
        let message = format!("no service has run with {} yet: it keeps no data", args.config.display());
        return Err(anyhow!(BadInput(message)));
    }
    let report = super::serve::runtime()?.block_on(async {
        let now = clock::now();
        let store = Store::open(&config.data_dir, now).await?;
        let report = budget_report(&store, &settings, now).await?;
        store.close().await;
        anyhow::Ok(report)
    })?;
    if args.json {
        let text = serde_json::to_string_pretty(&as_json(&report))?;
        to_stdout(|out| writeln!(out, "{text}"))?;
    } else {
        let rows = table(&report);
        to_stdout(|out| rows.iter().try_for_each(|row| writeln!(out, "{row}")))?;
    }
    let mut views = report.total_views().into_iter().chain(report.detectors.iter().flat_map(DetectorBudget::views));
    let broken = views.any(|view| view.within == Within::No);
    Ok(if args.fail_on.is_some() && broken { Outcome::Found } else { Outcome::Done })
}

/// Lines of aligned columns, a heading first.
fn table(report: &BudgetReport) -> Vec<String> {
    let heading = [
        "DETECTOR",
        "BUDGET",
        "SERIES",
        "DAYS",
        "ACCEPTED",
        "FIRED",
        "FALSE",
        "RIGHT",
        "RATIO (95 %)",
        "WITHIN",
        "P*",
        "TUNING",
    ];
    let mut rows = vec![heading.map(ToOwned::to_owned)];
    for one in &report.detectors {
        let scope = match one.scope {
            BudgetScope::Series => "each",
            BudgetScope::Detector => "in all",
        };
        let unsaved = || if one.series.is_none() { "not yet saved" } else { "-" }.to_owned();
        let p_star = one.p_star.map_or_else(unsaved, number);
        let followed = one.series.map_or_else(unsaved, |series| series.to_string());
        for (days, view) in ["7", "28"].iter().zip(one.views()) {
            let own = [one.name.clone(), format!("{} {scope}", one.budget), followed.clone()];
            rows.push(row(own, days, &view, [p_star.clone(), number(one.tuning)]));
        }
    }
    let budget = report.team.map_or_else(|| "as they add up".to_owned(), |budget| budget.to_string());
    let series: usize = report.detectors.iter().filter_map(|one| one.series).sum();
    for (days, view) in ["7", "28"].iter().zip(report.total_views()) {
        let own = ["all".to_owned(), budget.clone(), series.to_string()];
        rows.push(row(own, days, &view, ["-".to_owned(), "-".to_owned()]));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 12] = std::array::from_fn(width);
    let line = |row: &[String; 12]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(own: [String; 3], days: &str, view: &BudgetView, boundary: [String; 2]) -> [String; 12] {
    let [name, budget, series] = own;
    let [p_star, tuning] = boundary;
    let ratio = match (view.ratio, view.interval) {
        (Some(ratio), Some((low, high))) => format!("{ratio:.2} ({low:.2} to {high:.2})"),
        _ => "-".to_owned(),
    };
    [
        name,
        budget,
        series,
        days.to_owned(),
        format!("{:.2}", view.expected),
        view.fired.to_string(),
        view.judged_false.to_string(),
        view.judged_right.to_string(),
        ratio,
        within(view.within).to_owned(),
        p_star,
        tuning,
    ]
}

const fn within(within: Within) -> &'static str {
    match within {
        Within::Yes => "yes",
        Within::No => "no",
        Within::Unknown => "too early",
    }
}

fn as_json(report: &BudgetReport) -> Value {
    let [week, month] = report.total_views();
    let detector = |one: &DetectorBudget| {
        let [week, month] = one.views();
        json!({
            "name": one.name,
            "budget": one.budget,
            "scope": one.scope,
            "series": one.series,
            "p_star": one.p_star,
            "tuning": one.tuning,
            "last_7d": figures(&week),
            "last_28d": figures(&month),
        })
    };
    json!({
        "team": report.team,
        "total": { "last_7d": figures(&week), "last_28d": figures(&month) },
        "detectors": report.detectors.iter().map(detector).collect::<Vec<_>>(),
    })
}

fn figures(view: &BudgetView) -> Value {
    json!({
        "expected": view.expected,
        "fired": view.fired,
        "judged_false": view.judged_false,
        "judged_right": view.judged_right,
        "unjudged": view.unjudged,
        "false_alarms": view.false_alarms,
        "ratio": view.ratio,
        "ratio_low": view.interval.map(|(low, _)| low),
        "ratio_high": view.interval.map(|(_, high)| high),
        "within": view.within,
    })
}
