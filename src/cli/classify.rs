//! `tidewatch classify`: severity of alert records.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;

use super::args::ClassifyArgs;
use super::exit::{BadInput, Outcome};
use super::inputs::refuse_overwriting;
use super::models::severity_model;
use super::output::{self, Form, cell, number};
use super::progress::note;
use crate::engine::EngineError;
use crate::series::Labels;
use crate::severity::{AlertRecord, Policy, Severity, parse_unlabelled};

/// Most bytes of a file of alert records, after decompression.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn run(args: &ClassifyArgs) -> anyhow::Result<Outcome> {
    output::check(&args.output, Form::Table)?;
    let input: Vec<_> = args.alerts.canonicalize().into_iter().collect();
    refuse_overwriting(&input, &args.output)?;
    output::probe(&args.output)?;
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
    output::write(&args.output, Form::Table, |out| {
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

/// The text of a file of alert records, decompressed when its name ends with `.gz`.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bad = |message: String| BadInput(format!("{}: {message}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(bad("is no regular file; give a CSV file of alert records".to_owned()).into());
    }
    let too_large = |bytes: u64| bad(format!("has {bytes} bytes, the limit is {MAX_BYTES}; split it"));
    if metadata.len() > MAX_BYTES {
        return Err(too_large(metadata.len()).into());
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        let mut content = MultiGzDecoder::new(file).take(MAX_BYTES + 1);
        content.read_to_end(&mut bytes).map_err(|error| bad(format!("damaged gzip data ({error})")))?;
    } else {
        let mut content = file.take(MAX_BYTES + 1);
        content.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    }
    match u64::try_from(bytes.len()) {
        Ok(len) if len <= MAX_BYTES => {}
        _ => return Err(too_large(MAX_BYTES + 1).into()),
    }
    String::from_utf8(bytes).map_err(|_| bad("not UTF-8 text; give a CSV file of alert records".to_owned()).into())
}
