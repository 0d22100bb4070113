//! The result as one page that needs nothing else: no script, no network, readable on a phone and in the dark.

use maud::{Markup, html};

use super::super::page::{Better, figures};
use super::cases::{Case, Fault};
use super::judge::Judged;
use super::{DetectorChoice, Evaluation, charts, table};
use crate::detect::evaluation::{CurvePoint, Pooled, SeriesFigures, precision_at, recall_curve};

/// Cases of each kind.
const SHOWN: usize = 6;
/// The best and the worst series that are listed first.
const LISTED: usize = 5;
/// Points of the curves.
const RECALLS: usize = 101;
const THRESHOLDS: usize = 160;

/// The whole page.
pub(super) fn page(evaluation: &Evaluation) -> String {
    let names: Vec<&str> = evaluation.rows.iter().map(|row| row.detector.as_str()).collect();
    let body = html! {
        h1 { "How good are the anomaly scores?" }
        p { (table::headline(evaluation)) "." }
        h2 { "Detectors" }
        (figures(&table::ranking(evaluation), "Ranking and events; the best of each column is bold", better))
        p.muted {
            "VUS-PR, AUC-PR and best F1 are means over the series with points of both kinds. Precision, recall \
             and F1 count events at the detector’s own threshold; the last two columns are the share of events \
             found by one threshold for all series with one false alarm per series and week or day. Labels \
             were never handed to a detector."
        }
        h2 { "False-alarm budget" }
        (figures(&table::budget(evaluation), &format!("Budget: {} and series", evaluation.budget), better))
        p.muted { "Counted outside of events. The interval is that of a Poisson count." }
        @if evaluation.rows.iter().any(|row| row.nab.is_some()) {
            h2 { "Numenta Anomaly Benchmark" }
            (figures(&table::nab(evaluation), "Each profile at its best threshold", better))
        }
        h2 { "Curves" }
        (charts::legend(&names))
        (curves(evaluation))
        (cases(evaluation, Fault::Missed, "Worst misses", "Events without an alarm, those with the lowest scores first"))
        (cases(evaluation, Fault::FalseAlert, "Worst false alarms", "Alarms without an event, those with the highest scores first"))
        (per_series(evaluation))
    };
    super::super::page::page(&format!("Evaluation of {}", evaluation.directory), &body)
}

/// Which columns have a better end.
fn better(column: &str) -> Option<Better> {
    const LOWER_OR_NEITHER: [&str; 6] = ["false/day", "delay", "false alarms", "allowed", "ratio", "detector"];
    (!LOWER_OR_NEITHER.contains(&column)).then_some(Better::Higher)
}

fn curves(evaluation: &Evaluation) -> Markup {
    let recalls: Vec<f64> = (0..RECALLS).map(|step| step as f64 / (RECALLS - 1) as f64).collect();
    let places = 0..evaluation.rows.len();
    let precision: Vec<Option<Vec<f64>>> =
        places.clone().map(|place| mean_curve(&evaluation.series, place, &recalls)).collect();
    let recall: Vec<Vec<CurvePoint>> = places
        .map(|place| {
            let own = evaluation.series.iter().filter_map(|one| one.results.get(place));
            recall_curve(&own.map(|result| result.judgement.pooled()).collect::<Vec<Pooled<'_>>>(), THRESHOLDS)
        })
        .collect();
    html! {
        div.pair {
            figure.plot {
                figcaption { "Precision against recall of points, mean over series" }
                (charts::precision_recall(&precision, &recalls))
            }
            figure.plot {
                figcaption { "Events found against false alarms, one threshold for all series" }
                (charts::recall_of_events(&recall))
            }
        }
    }
}

/// The mean over the series that have points of both kinds.
fn mean_curve(series: &[Judged], place: usize, recalls: &[f64]) -> Option<Vec<f64>> {
    let of = |one: &Judged| {
        let result = one.results.get(place).filter(|result| result.figures.vus_pr.is_some())?;
        precision_at(&result.judgement.labels, &result.judgement.scores, recalls)
    };
    let curves: Vec<Vec<f64>> = series.iter().filter_map(of).collect();
    if curves.is_empty() {
        return None;
    }
    let mean = |step: usize| curves.iter().filter_map(|curve| curve.get(step)).sum::<f64>() / curves.len() as f64;
    Some((0..recalls.len()).map(mean).collect())
}

fn cases(evaluation: &Evaluation, fault: Fault, title: &str, caption: &str) -> Markup {
    let all = evaluation.series.iter().flat_map(|one| one.cases.iter().map(move |case| (one, case)));
    let mut chosen: Vec<(&Judged, &Case)> = all.filter(|(_, case)| case.fault == fault).collect();
    chosen.sort_by(|(_, a), (_, b)| Case::worst_first(fault, a, b));
    html! {
        h2 { (title) }
        @if !evaluation.rows.iter().any(|row| row.detector == DetectorChoice::Tidewatch) {
            p.muted { "Only shown for the detector tidewatch, which was not run." }
        } @else if chosen.is_empty() {
            p.muted { "None." }
        } @else {
            p.muted {
                (caption) ". Shaded: the labelled event; framed: what went wrong; the band is what was expected; below, \
                 the score with its boundary of 1."
            }
            div.cases { @for (one, case) in chosen.iter().take(SHOWN) { (one_case(one, case)) } }
        }
    }
}

fn one_case(one: &Judged, case: &Case) -> Markup {
    let rows = if case.length == 1 { "1 row".to_owned() } else { format!("{} rows", case.length) };
    html! {
        figure.plot {
            figcaption {
                strong { (one.id) }
                @if let Some(metric) = &case.metric { " · " (metric) }
                br;
                (rows) ", highest score " (format!("{:.2}", case.peak))
            }
            (charts::stretch(case))
        }
    }
}

fn per_series(evaluation: &Evaluation) -> Markup {
    let volume = |one: &Judged| one.results.first().and_then(|result| result.figures.vus_pr);
    let mut ranked: Vec<&Judged> = evaluation.series.iter().filter(|one| volume(one).is_some()).collect();
    ranked.sort_by(|a, b| volume(a).unwrap_or(0.0).total_cmp(&volume(b).unwrap_or(0.0)));
    let unranked: Vec<&Judged> = evaluation.series.iter().filter(|one| volume(one).is_none()).collect();
    let first = evaluation.rows.first().map_or("", |row| row.detector.as_str());
    html! {
        h2 { "Series" }
        @if ranked.len() > 2 * LISTED {
            (series_table(evaluation, &ranked[..LISTED], &format!("The worst by VUS-PR of {first}")))
            (series_table(evaluation, &ranked[ranked.len() - LISTED..], &format!("The best by VUS-PR of {first}")))
            details {
                summary { "All " (evaluation.series.len()) " series" }
                (series_table(evaluation, &ranked.iter().chain(&unranked).copied().collect::<Vec<_>>(), "All series, the worst first"))
            }
        } @else {
            (series_table(evaluation, &ranked.iter().chain(&unranked).copied().collect::<Vec<_>>(), &format!("All series, the worst by VUS-PR of {first} first")))
        }
    }
}

fn series_table(evaluation: &Evaluation, series: &[&Judged], caption: &str) -> Markup {
    let mut header: Vec<String> = ["series", "judged points", "events"].map(str::to_owned).to_vec();
    header.extend(evaluation.rows.iter().map(|row| format!("VUS-PR {}", row.detector.as_str())));
    header.extend(["found", "false alarms"].map(str::to_owned));
    let row = |one: &Judged| {
        let first = one.results.first().map(|result| &result.figures);
        let count = |pick: fn(&SeriesFigures) -> usize| first.map_or_else(String::new, |f| pick(f).to_string());
        let mut cells = vec![one.id.clone(), count(|f| f.points), count(|f| f.events.events)];
        cells.extend(one.results.iter().map(|result| table::known(result.figures.vus_pr)));
        cells.extend([count(|f| f.events.found), count(|f| f.events.false_alerts())]);
        cells
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(series.iter().map(|one| row(one))).collect();
    html! {
        div.scroll {
            table {
                caption { (caption) }
                thead { tr { @for name in &rows[0] { th scope="col" { (name) } } } }
                tbody {
                    @for row in &rows[1..] {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th.name scope="row" { (cell) } } @else { td data-label=(rows[0][column]) { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
