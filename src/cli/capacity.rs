//! `tidewatch capacity`: exhaustion dates and recommendations for files.

use std::io::{self, Write};

use anyhow::Context;
use rayon::prelude::*;
use serde_json::json;

use super::args::CapacityArgs;
use super::exit::{BadInput, Outcome};
use super::inputs::{Job, jobs, read};
use super::output::write;
use super::progress::{bar, note};
use super::score::report;
use crate::capacity::{self, CapacityReport, Outlook};
use crate::engine::{EngineError, plan_capacity};
use crate::series::{self, Series, SeriesError};

pub(super) fn run(args: &CapacityArgs) -> anyhow::Result<Outcome> {
    let mut settings = capacity::Settings { horizon: args.horizon, ..capacity::Settings::default() };
    if let Some(lead_time) = args.lead_time {
        settings.lead_time = lead_time;
    }
    let jobs = jobs(&args.input)?;
    let progress = bar(jobs.len(), "planning files", args.input.quiet);
    let (mut failures, mut found) = (Vec::new(), false);
    for job in &jobs {
        match plan_file(job, args, &settings) {
            Ok(exhausts) => found |= exhausts,
            Err(error) => failures.push(error.context(format!("{} was not planned", job.input.display()))),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    report(failures, jobs.len(), &args.input)?;
    Ok(if found && args.fail_on.is_some() { Outcome::Found } else { Outcome::Done })
}

/// Plans every series of a file; whether one of them reaches its limit.
fn plan_file(job: &Job, args: &CapacityArgs, settings: &capacity::Settings) -> anyhow::Result<bool> {
    let input = read(job, &args.input)?;
    let step = args.input.resample.or(args.input.step);
    let mut all: Vec<Series> = Vec::new();
    for group in &input.groups {
        match group.prepare(step, &series::Settings::default()) {
            Ok(prepared) => all.extend(prepared.entity.metrics().iter().cloned()),
            Err(error @ SeriesError::AllMissing { .. }) => note(args.input.quiet, &format!("{error}; it is left out")),
            Err(error) => return Err(EngineError::from(error).into()),
        }
    }
    if all.is_empty() {
        return Err(
            BadInput(format!("{}: none of its {} rows has a number", input.path.display(), input.rows.len())).into()
        );
    }
    let progress = bar(all.len(), "planning series", args.input.quiet);
    let reports = all
        .par_iter()
        .map(|used| {
            let plan =
                plan_capacity(used, capacity::Limit::Constant(args.limit), settings, used.time_at(used.len() - 1));
            progress.inc(1);
            plan.map(|plan| plan.report)
        })
        .collect::<Result<Vec<CapacityReport>, EngineError>>()?;
    progress.finish_and_clear();
    write(&output_of(job), |out| write_reports(out, &reports)).context("the reports could not be written")?;
    Ok(reports.iter().any(|r| matches!(r.exhaustion.outlook, Outlook::AlreadyExhausted | Outlook::WillExhaust)))
}

/// A directory's results are JSON lines, so that `disk.csv.gz` becomes `disk.jsonl`.
fn output_of(job: &Job) -> std::path::PathBuf {
    if job.output.file_name() != job.input.file_name() {
        return job.output.clone();
    }
    let name = job.input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = [".gz", ".csv", ".tsv", ".parquet"]
        .iter()
        .fold(name.as_str(), |name, end| name.strip_suffix(end).unwrap_or(name));
    job.output.with_file_name(format!("{stem}.jsonl"))
}

fn write_reports(out: &mut dyn Write, reports: &[CapacityReport]) -> io::Result<()> {
    for report in reports {
        serde_json::to_writer(&mut *out, &line(report))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// One report in the form of the file contract.
fn line(report: &CapacityReport) -> serde_json::Value {
    let exhaustion = &report.exhaustion;
    json!({
        "series": report.series,
        "used": report.used,
        "limit": report.limit,
        "unit": report.unit,
        "exhaustion": { "p10": exhaustion.p10, "p50": exhaustion.p50, "p90": exhaustion.p90 },
        "probability_within": exhaustion.probability_within,
        "growth_per_day": exhaustion.growth_per_day,
        "outlook": exhaustion.outlook,
        "recommendation": report.recommendation,
        "because": report.because,
    })
}
