//! The result for programs: JSON and CSV.

use serde_json::{Map, Value, json};

use super::judge::{DetectorResult, Judged};
use super::require::Metric;
use super::{DetectorRow, Evaluation};

/// One object: the detectors over all series, and each series.
pub(super) fn json(evaluation: &Evaluation) -> String {
    let detectors: Vec<Value> = evaluation.rows.iter().map(detector).collect();
    let series: Vec<Value> = evaluation.series.iter().map(|one| of_series(evaluation, one)).collect();
    let first = evaluation.rows.first().map(|row| &row.figures);
    let whole = json!({
        "directory": evaluation.directory,
        "false_alarms": evaluation.budget.to_string(),
        "series": evaluation.series.len(),
        "ranked_series": first.map(|f| f.ranked),
        "series_days": first.map(|f| f.days),
        "events": first.map(|f| f.events.events),
        "detectors": detectors,
        "per_series": series,
    });
    format!("{whole:#}\n")
}

fn detector(row: &DetectorRow) -> Value {
    let figures = &row.figures;
    let mut object = Map::new();
    object.insert("detector".to_owned(), json!(row.detector.as_str()));
    for metric in Metric::ALL {
        object.insert(metric.as_str().to_owned(), json!(metric.of(figures)));
    }
    object.insert("vus_pr_standard_error".to_owned(), json!(figures.vus_pr_error));
    object.insert("events_found".to_owned(), json!(figures.events.found));
    object.insert("alerts".to_owned(), json!(figures.events.alerts));
    let check = &figures.budget;
    object.insert(
        "budget".to_owned(),
        json!({
            "verdict": check.verdict.as_str(),
            "false_alarms": check.false_alerts,
            "normal_days": check.normal_days,
            "allowed_per_day": check.allowed_per_day,
            "ratio": check.ratio,
            "ratio_interval_95": check.interval.map(|(low, high)| [low, high]),
        }),
    );
    let nab = row.nab.map(|nab| {
        json!({
            "standard": nab.standard,
            "few_false_alarms": nab.few_false_alarms,
            "few_misses": nab.few_misses,
        })
    });
    object.insert("nab".to_owned(), json!(nab));
    Value::Object(object)
}

fn of_series(evaluation: &Evaluation, one: &Judged) -> Value {
    let results = evaluation.rows.iter().zip(&one.results);
    let detectors: Map<String, Value> =
        results.map(|(row, result)| (row.detector.as_str().to_owned(), of_result(result))).collect();
    let figures = one.results.first().map(|result| &result.figures);
    json!({
        "series": one.id,
        "metrics": one.metrics,
        "step_secs": one.step.secs_f64(),
        "train_len": one.train,
        "points": figures.map(|f| f.points),
        "labelled_points": figures.map(|f| f.labelled),
        "events": figures.map(|f| f.events.events),
        "detectors": detectors,
    })
}

fn of_result(result: &DetectorResult) -> Value {
    let figures = &result.figures;
    json!({
        "vus_pr": figures.vus_pr,
        "auc_pr": figures.average_precision,
        "best_f1": figures.best_f1,
        "events_found": figures.events.found,
        "alerts": figures.events.alerts,
        "false_alarms": figures.events.false_alerts(),
        "delay_minutes": figures.delay_minutes,
    })
}

/// A row for each detector.
pub(super) fn csv(evaluation: &Evaluation) -> String {
    let mut out = String::from("detector");
    for metric in Metric::ALL {
        out.push(',');
        out.push_str(metric.as_str());
    }
    out.push_str(",budget_verdict,nab_standard,nab_few_false_alarms,nab_few_misses\n");
    let number = |value: Option<f64>| value.map_or_else(String::new, crate::cli::output::number);
    for row in &evaluation.rows {
        let mut cells = vec![row.detector.as_str().to_owned()];
        cells.extend(Metric::ALL.iter().map(|metric| number(metric.of(&row.figures))));
        cells.push(row.figures.budget.verdict.as_str().to_owned());
        let nab = row.nab.as_ref();
        cells.push(number(nab.map(|n| n.standard)));
        cells.push(number(nab.map(|n| n.few_false_alarms)));
        cells.push(number(nab.map(|n| n.few_misses)));
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}
