//! `tidewatch train`: a challenger replaces the model in use only if it is no worse.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use super::args::TrainArgs;
use super::classify::{read_text, say_columns};
use super::exit::{BadInput, Outcome};
use super::models::severity_model;
use super::output::to_stdout;
use super::progress::spinner;
use crate::config::Config;
use crate::engine::{EngineError, RetrainReport, clock};
use crate::severity::{
    self, Challenger, Manifest, TrainReport, TrainSettings, Trained, held_out, parse_labelled, train,
};

/// A challenger may be worse by this share of the log-loss, which is noise.
const TOLERANCE: f64 = 0.01;

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<Outcome> {
    match &args.severity {
        Some(data) => train_severity(data, args),
        None => train_detectors(args),
    }
}

fn train_severity(data: &Path, args: &TrainArgs) -> anyhow::Result<Outcome> {
    let text = read_text(data)?;
    let parsed = parse_labelled(&text).map_err(EngineError::from).with_context(|| data.display().to_string())?;
    say_columns(&parsed.unknown_columns, &parsed.missing_columns);
    let (incumbent, old) = severity_model(&args.models)?;
    let version = next_version(old.as_ref().map_or(incumbent.version(), |m| &m.version));
    let settings = TrainSettings { version, ..TrainSettings::default() };
    let waiting = spinner("training");
    let Trained { model, report } = train(&parsed.rows, &settings, args.seed).map_err(EngineError::from)?;
    waiting.finish_and_clear();
    let unseen = held_out(&parsed.rows, &settings, args.seed);
    let (challenger, champion) = (model.log_loss(&unseen), incumbent.log_loss(&unseen));
    to_stdout(|out| say_report(out, &report, parsed.rows.len()))?;
    let compared = format!(
        "log-loss {challenger:.4} against {champion:.4} of version {} on the same {} alerts",
        incumbent.version(),
        unseen.len()
    );
    if challenger > champion * (1.0 + TOLERANCE) {
        to_stdout(|out| writeln!(out, "not promoted: {compared}; the model in use stays"))?;
        return Ok(Outcome::Done);
    }
    let text = model.to_json().map_err(EngineError::from)?;
    let trained_on =
        format!("{} ({} labelled alerts)", data.file_name().unwrap_or_default().to_string_lossy(), parsed.rows.len());
    let new = Manifest::new(&model, &text, &report, &trained_on, clock::now());
    keep(&args.models, &text, &new, old.is_some())?;
    let place = args.models.join("severity");
    to_stdout(|out| writeln!(out, "promoted as version {}: {compared}; written to {}", new.version, place.display()))?;
    Ok(Outcome::Done)
}

/// `7` → `8`; anything that is no number starts a new count.
fn next_version(old: &str) -> String {
    old.parse::<u64>().map_or_else(|_| format!("{old}.1"), |number| (number + 1).to_string())
}

/// Writes model and manifest. A usable pair before (`replaces`) stays beside them as `previous-*`, so that it can be put
/// back.
fn keep(models: &Path, text: &str, new: &Manifest, replaces: bool) -> anyhow::Result<()> {
    let folder = models.join("severity");
    let place = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(&folder).with_context(place)?;
    let manifest_text = serde_json::to_string_pretty(new)? + "\n";
    if replaces {
        for name in ["model.json", "manifest.json"] {
            std::fs::copy(folder.join(name), folder.join(format!("previous-{name}"))).with_context(place)?;
        }
    }
    for (name, content) in [("model.json", text), ("manifest.json", manifest_text.as_str())] {
        let partial = folder.join(format!(".{name}.partial"));
        std::fs::write(&partial, content)
            .and_then(|()| std::fs::rename(&partial, folder.join(name)))
            .with_context(place)?;
    }
    Ok(())
}

fn say_report(out: &mut dyn Write, report: &TrainReport, rows: usize) -> io::Result<()> {
    let [fit, validation, test] = report.rows;
    let order =
        if report.in_order_of_time { "in order of time" } else { "drawn at random, because some alerts have no time" };
    writeln!(
        out,
        "{rows} labelled alerts: {fit} to fit, {validation} to stop and calibrate, {test} to report on, {order}"
    )?;
    let m = &report.metrics;
    writeln!(
        out,
        "accuracy {:.3}, macro F1 {:.3}, log-loss {:.4} (shares alone {:.4})",
        m.accuracy, m.macro_f1, m.log_loss, m.log_loss_of_shares
    )?;
    writeln!(
        out,
        "urgent (critical or error): average precision {:.3}, calibration error {:.3}",
        m.urgent_average_precision, m.urgent_calibration_error
    )?;
    match &report.challenger {
        Some(Challenger::Measured { accuracy, macro_f1 }) => {
            writeln!(out, "random forest on the same rows: accuracy {accuracy:.3}, macro F1 {macro_f1:.3}")?;
        }
        Some(Challenger::Failed { reason }) => writeln!(out, "random forest on the same rows: failed ({reason})")?,
        None => {}
    }
    if !report.unknown_facts.is_empty() {
        writeln!(out, "no alert knows {}: the model cannot use them", report.unknown_facts.join(", "))?;
    }
    if let Some(rules) = &report.rules {
        writeln!(out, "rules that imitate the model ({:.0} % agreement):\n{}", rules.fidelity * 100.0, rules.text)?;
    }
    Ok(())
}

fn train_detectors(args: &TrainArgs) -> anyhow::Result<Outcome> {
    let config = Config::load(&args.config)?;
    let severity = severity::SeverityModel::shipped()?;
    let runtime = super::serve::runtime()?;
    let reports = runtime.block_on(async {
        let app = super::compose::app(&config, severity, clock::now()).await?;
        let named = |name: &str| args.detector.as_deref().is_none_or(|wanted| wanted == name);
        let specs: Vec<_> = app.settings().detectors.iter().filter(|spec| named(&spec.name)).cloned().collect();
        if specs.is_empty() {
            let known: Vec<&str> = app.settings().detectors.iter().map(|spec| spec.name.as_str()).collect();
            let wanted = args.detector.as_deref().unwrap_or("any");
            return Err(BadInput(format!(
                "there is no detector `{wanted}` in {}; there are: {}",
                args.config.display(),
                known.join(", ")
            ))
            .into());
        }
        let mut reports: Vec<RetrainReport> = Vec::new();
        for spec in &specs {
            let waiting = spinner("training");
            reports.push(app.retrain(spec, clock::now()).await?);
            waiting.finish_and_clear();
        }
        app.store().close().await;
        anyhow::Ok(reports)
    })?;
    to_stdout(|out| {
        reports.iter().try_for_each(|report| {
            let outcome = report
                .promoted
                .map_or_else(|| "not promoted".to_owned(), |version| format!("promoted as version {version}"));
            let RetrainReport { model, series, points, because, .. } = report;
            writeln!(out, "{model}: {series} series, {points} points; {outcome}: {because}")
        })
    })?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::next_version;

    #[test]
    fn versions_count_up() {
        assert_eq!(next_version("7"), "8");
        assert_eq!(next_version("beta"), "beta.1");
    }
}
