//! `tidewatch classify`: severity of alert records.

use anyhow::Context;

use super::args::ClassifyArgs;
use super::exit::{BadInput, Outcome};
use super::models::severity_model;
use super::output::{cell, number, write};
use super::progress::note;
use crate::engine::EngineError;
use crate::series::Labels;
use crate::severity::{AlertRecord, Policy, Severity, parse_unlabelled};

/// Most bytes of a file of alert records.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn run(args: &ClassifyArgs) -> anyhow::Result<Outcome> {
    let text = read_text(&args.alerts)?;
    let parsed =
        parse_unlabelled(&text).map_err(EngineError::from).with_context(|| args.alerts.display().to_string())?;
    say_columns(&parsed.unknown_columns, &parsed.missing_columns);
    let (model, _) = severity_model(&args.models)?;
    let policy = Policy::default();
    let judged: Vec<_> = parsed
        .rows
        .iter()
        .map(|record| (record, model.assess(&record.facts, record.incoming, &Labels::new(), &policy)))
        .collect();
    write(&args.output, |out| {
        out.write_all(b"id,severity,p_critical,p_error,p_warning,p_info\n")?;
        for (index, (record, assessment)) in judged.iter().enumerate() {
            write!(out, "{},{}", cell(&id_of(record, index)), assessment.severity)?;
            for probability in assessment.probabilities {
                write!(out, ",{}", number(probability))?;
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    let found = args.fail_on.is_some_and(|at_least| judged.iter().any(|(_, a)| reaches(a.severity, at_least)));
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

/// `Severity` is ordered worst first.
fn reaches(severity: Severity, at_least: Severity) -> bool {
    severity <= at_least
}

/// A record without an id is known by its number, counted from 1.
fn id_of(record: &AlertRecord, index: usize) -> String {
    record.id.clone().unwrap_or_else(|| (index + 1).to_string())
}

/// What was and was not used is said.
pub(super) fn say_columns(unknown: &[String], missing: &[&str]) {
    if !unknown.is_empty() {
        note(false, &format!("columns that the model does not know are ignored: {}", unknown.join(", ")));
    }
    if !missing.is_empty() {
        note(false, &format!("columns that are absent count as unknown: {}", missing.join(", ")));
    }
}

/// The text of a file of alert records.
pub(super) fn read_text(path: &std::path::Path) -> anyhow::Result<String> {
    let metadata =
        std::fs::metadata(path).map_err(|error| BadInput(format!("cannot read {}: {error}", path.display())))?;
    if metadata.is_dir() {
        return Err(BadInput(format!("{} is a directory; give a CSV file of alert records", path.display())).into());
    }
    if metadata.len() > MAX_BYTES {
        return Err(BadInput(format!(
            "{} has {} bytes, the limit is {MAX_BYTES}; split it",
            path.display(),
            metadata.len()
        ))
        .into());
    }
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| BadInput(format!("{}: not UTF-8 text: {error}", path.display())).into())
}
