//! The result for people, as aligned tables.

use super::super::columns::aligned;
use super::{DetectorRow, Evaluation};
use crate::detect::evaluation::BudgetVerdict;

/// The whole text.
pub(super) fn text(evaluation: &Evaluation) -> String {
    let mut out = format!("{}\n\n", headline(evaluation));
    out.push_str(&aligned(&ranking(evaluation)));
    out.push_str(
        "\nVUS-PR, AUC-PR and best F1 are means over the series that have points of both kinds; precision, recall and F1 \
         are of\nevents at the detector's own threshold; at 1/week, at 1/day: the share of events found by one threshold \
         for all series\nwith so many false alarms per series.\n",
    );
    out.push_str(&format!("\nFalse-alarm budget: {} and series\n\n", evaluation.budget));
    out.push_str(&aligned(&budget(evaluation)));
    if evaluation.rows.iter().any(|row| row.nab.is_some()) {
        out.push_str("\nNumenta Anomaly Benchmark, each profile at its best threshold\n\n");
        out.push_str(&aligned(&nab(evaluation)));
    }
    out
}

/// What was judged.
pub(super) fn headline(evaluation: &Evaluation) -> String {
    let Some(first) = evaluation.rows.first() else { return String::new() };
    let (series, events) = (first.figures.series, first.figures.events.events);
    let ranked = first.figures.ranked;
    format!(
        "{}: {series} series, {ranked} of them with events and normal points, {:.1} series-days judged, {events} events",
        evaluation.directory, first.figures.days
    )
}

fn rows(evaluation: &Evaluation, header: &[&str], cells: impl Fn(&DetectorRow) -> Vec<String>) -> Vec<Vec<String>> {
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    let row = |row: &DetectorRow| {
        let mut line = vec![row.detector.as_str().to_owned()];
        line.extend(cells(row));
        line
    };
    std::iter::once(header).chain(evaluation.rows.iter().map(row)).collect()
}

/// How good the ranking and the alerts are; the first row is the header.
pub(super) fn ranking(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let header = [
        "detector",
        "VUS-PR",
        "AUC-PR",
        "best F1",
        "precision",
        "recall",
        "F1",
        "false/day",
        "delay",
        "at 1/week",
        "at 1/day",
    ];
    rows(evaluation, &header, |row| {
        let f = &row.figures;
        vec![
            known(f.vus_pr),
            known(f.average_precision),
            known(f.best_f1),
            known(Some(f.precision)),
            known(Some(f.recall)),
            known(Some(f.f1)),
            known(Some(f.false_alerts_per_day)),
            f.delay_minutes.map_or_else(none, |minutes| format!("{minutes:.0} min")),
            known(Some(f.recall_at_one_a_week)),
            known(Some(f.recall_at_one_a_day)),
        ]
    })
}

/// What became of the budget; the first row is the header.
pub(super) fn budget(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let header = ["detector", "false alarms", "allowed", "ratio", "95 % interval", "verdict"];
    rows(evaluation, &header, |row| {
        let check = &row.figures.budget;
        vec![
            check.false_alerts.to_string(),
            format!("{:.1}", check.normal_days * check.allowed_per_day),
            check.ratio.map_or_else(none, |ratio| format!("{ratio:.2}")),
            check.interval.map_or_else(none, |(low, high)| format!("{low:.2} to {high:.2}")),
            sentence(check.verdict).to_owned(),
        ]
    })
}

/// The scores of the benchmark; the first row is the header.
pub(super) fn nab(evaluation: &Evaluation) -> Vec<Vec<String>> {
    rows(evaluation, &["detector", "standard", "few false alarms", "few misses"], |row| {
        let cell = |pick: fn(&crate::detect::evaluation::NabScores) -> f64| {
            row.nab.as_ref().map_or_else(none, |scores| format!("{:.1}", pick(scores)))
        };
        vec![cell(|s| s.standard), cell(|s| s.few_false_alarms), cell(|s| s.few_misses)]
    })
}

/// What the verdict means.
const fn sentence(verdict: BudgetVerdict) -> &'static str {
    match verdict {
        BudgetVerdict::Below => "fewer than allowed",
        BudgetVerdict::Kept => "kept",
        BudgetVerdict::Above => "more than allowed",
        BudgetVerdict::Unknown => "nothing normal was judged",
    }
}

pub(super) fn known(figure: Option<f64>) -> String {
    figure.map_or_else(none, |figure| format!("{figure:.3}"))
}

fn none() -> String {
    "-".to_owned()
}
