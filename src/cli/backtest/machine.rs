//! The result for programs: JSON and CSV.

use serde_json::{Value, json};

use super::super::output::{cell, number};
use super::figures::{Backtest, Measured};

/// One object: each model over all series, and each series.
pub(super) fn json(backtest: &Backtest) -> String {
    let models = backtest.models.iter().enumerate().map(|(place, model)| {
        let mut object = figures(&backtest.overall(place), &backtest.levels);
        if let Value::Object(map) = &mut object {
            map.insert("model".to_owned(), json!(model.as_str()));
            map.insert("median_mase".to_owned(), json!(backtest.median_mase(place)));
            map.insert("best_on_percent".to_owned(), json!(backtest.best_on(place)));
            map.remove("used");
        }
        object
    });
    let series = backtest.series.iter().map(|one| {
        let results = one.results.iter().zip(&backtest.models).map(|(result, model)| {
            let mut object = figures(result, &backtest.levels);
            if let Value::Object(map) = &mut object {
                map.insert("model".to_owned(), json!(model.as_str()));
            }
            object
        });
        json!({
            "series": one.name,
            "points": one.points,
            "horizon_steps": one.horizon_steps,
            "models": results.collect::<Vec<_>>(),
        })
    });
    let whole = json!({
        "series_compared": backtest.compared().count(),
        "models": models.collect::<Vec<_>>(),
        "series": series.collect::<Vec<_>>(),
    });
    format!("{whole:#}\n")
}

fn figures(measured: &Measured, levels: &[f64]) -> Value {
    let covers = levels
        .iter()
        .zip(&measured.covers)
        .map(|(level, percent)| json!({ "level": level, "coverage": percent.map(|percent| percent / 100.0) }));
    json!({
        "used": measured.used,
        "forecasts": measured.origins,
        "mase": measured.mase,
        "smape": measured.smape.map(|percent| percent / 100.0),
        "msis": measured.msis,
        "intervals": covers.collect::<Vec<_>>(),
    })
}

/// A row for each series and model; ratios as in JSON, empty where nothing could be measured.
pub(super) fn csv(backtest: &Backtest) -> String {
    let mut out = "series,model,used,forecasts,mase,smape,msis".to_owned();
    backtest.levels.iter().for_each(|level| out.push_str(&format!(",coverage-{}", number(level * 100.0))));
    out.push('\n');
    let text = |figure: Option<f64>| figure.map_or_else(String::new, number);
    for one in &backtest.series {
        for (result, model) in one.results.iter().zip(&backtest.models) {
            out.push_str(&format!(
                "{},{},{},{},{},{},{}",
                cell(&one.name),
                model.as_str(),
                result.used.unwrap_or_default(),
                result.origins,
                text(result.mase),
                text(result.smape.map(|percent| percent / 100.0)),
                text(result.msis)
            ));
            for place in 0..backtest.levels.len() {
                let covers = result.covers.get(place).copied().flatten();
                out.push_str(&format!(",{}", text(covers.map(|percent| percent / 100.0))));
            }
            out.push('\n');
        }
    }
    out
}
