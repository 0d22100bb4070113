//! `tidewatch score`: anomaly scores for files.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::args::{InputArgs, ScoreArgs};
use super::exit::{BadInput, Outcome};
use super::inputs::{Job, jobs, read};
use super::output::{cell, number, write};
use super::progress::{bar, note};
use crate::detect::{self, PointScore, Scores};
use crate::engine::{EngineError, score_prepared};
use crate::series;
use crate::source::file::{FileInput, Layout, Prepared, SampleGroup};

/// A group of a file with its scores; `None` when none of its values is a number.
struct Scored {
    prepared: Prepared,
    scores: Scores,
}

pub(super) fn run(args: &ScoreArgs) -> anyhow::Result<Outcome> {
    let settings = settings(args);
    let jobs = jobs(&args.input)?;
    let progress = bar(jobs.len(), "scoring files", args.input.quiet);
    let anomalies = AtomicUsize::new(0);
    let failures: Vec<anyhow::Error> = jobs
        .par_iter()
        .filter_map(|job| {
            let outcome = score_file(job, args, &settings, &progress);
            progress.inc(1);
            match outcome {
                Ok(count) => {
                    anomalies.fetch_add(count, Ordering::Relaxed);
                    None
                }
                Err(error) => Some(error.context(format!("{} was not scored", job.input.display()))),
            }
        })
        .collect();
    progress.finish_and_clear();
    report(failures, jobs.len(), &args.input)?;
    let found = args.fail_on.is_some() && anomalies.load(Ordering::Relaxed) > 0;
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

/// The first failure with the number of the others; every one is printed.
pub(super) fn report(mut failures: Vec<anyhow::Error>, of: usize, args: &InputArgs) -> anyhow::Result<()> {
    let count = failures.len();
    if count > 1 {
        failures.iter().for_each(|error| note(args.quiet, &format!("{error:#}")));
    }
    match failures.pop() {
        None => Ok(()),
        Some(only) if of == 1 => Err(only),
        Some(last) => Err(last.context(format!("{count} of {of} files failed; the others are written"))),
    }
}

fn settings(args: &ScoreArgs) -> detect::Settings {
    let mut settings = detect::Settings::default();
    if let Some(budget) = args.false_alarms {
        settings.false_alarms = budget;
    }
    if let Some(direction) = args.direction {
        settings.direction = direction;
    }
    if let Some(seed) = args.seed {
        settings.seed = seed;
    }
    settings
}

/// Scores one file and writes its result; the number of anomalous rows.
fn score_file(
    job: &Job,
    args: &ScoreArgs,
    settings: &detect::Settings,
    progress: &ProgressBar,
) -> anyhow::Result<usize> {
    let input = read(job, &args.input)?;
    let scored: Vec<Option<Scored>> = input
        .groups
        .par_iter()
        .map(|group| score_group(group, args, settings, progress))
        .collect::<Result<_, EngineError>>()?;
    if scored.iter().all(Option::is_none) {
        let rows = input.rows.len();
        return Err(BadInput(format!("{}: none of its {rows} rows has a number", input.path.display())).into());
    }
    let anomalies = scored.iter().flatten().flat_map(|s| &s.scores.points).filter(|p| p.is_anomaly).count();
    write(&job.output, |out| write_rows(out, &input, &scored)).context("the scores could not be written")?;
    Ok(anomalies)
}

fn score_group(
    group: &SampleGroup,
    args: &ScoreArgs,
    settings: &detect::Settings,
    progress: &ProgressBar,
) -> Result<Option<Scored>, EngineError> {
    let step = args.input.resample.or(args.input.step);
    let prepared = match group.prepare(step, &series::Settings::default()) {
        Ok(prepared) => prepared,
        Err(error @ series::SeriesError::AllMissing { .. }) => {
            progress.suspend(|| note(args.input.quiet, &format!("{error}; its rows get no score")));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    for dropped in &prepared.dropped {
        let text = format!("{}: metric `{dropped}` has no number and is left out", group.name);
        progress.suspend(|| note(args.input.quiet, &text));
    }
    let scores = score_prepared(&prepared, args.train_until, settings)?;
    Ok(Some(Scored { prepared, scores }))
}

fn write_rows(out: &mut dyn Write, input: &FileInput, scored: &[Option<Scored>]) -> io::Result<()> {
    let (long, wide) = (input.layout == Layout::Long, input.layout == Layout::WideEntity);
    if long {
        out.write_all(b"series,")?;
    }
    out.write_all(b"timestamp,value,expected,lower,upper,p_value,score,is_anomaly,reasons")?;
    out.write_all(if wide { b",top_feature\n" } else { b"\n" })?;
    for (number_of_row, row) in input.rows.iter().enumerate() {
        let (Some(group), Some(scored)) = (input.groups.get(row.group), scored.get(row.group)) else { continue };
        let sample = group.metrics.first().and_then(|metric| metric.points.get(row.index));
        let (time_ms, value) = sample.map_or((0, f64::NAN), |sample| (sample.time_ms, sample.value));
        if long {
            write!(out, "{},", cell(&group.name))?;
        }
        write!(out, "{},", cell(&input.rows.time_text(number_of_row)))?;
        if !wide {
            out.write_all(number(value).as_bytes())?;
        }
        let point = scored
            .as_ref()
            .and_then(|s| s.prepared.slots.index_of(time_ms).and_then(|index| s.scores.points.get(index)));
        write_point(out, point, wide)?;
    }
    Ok(())
}

fn write_point(out: &mut dyn Write, point: Option<&PointScore>, wide: bool) -> io::Result<()> {
    let Some(point) = point else {
        return out.write_all(if wide { b",,,,1,0,0,missing,\n" } else { b",,,,1,0,0,missing\n" });
    };
    let (expected, lower, upper) = if wide {
        (String::new(), String::new(), String::new())
    } else {
        (number(point.expected), number(point.lower), number(point.upper))
    };
    let reasons: Vec<&str> = point.reasons.iter().map(|reason| reason.as_str()).collect();
    write!(
        out,
        ",{expected},{lower},{upper},{},{},{},{}",
        number(point.p_value),
        number(point.score),
        u8::from(point.is_anomaly),
        reasons.join(";")
    )?;
    if wide {
        let top = point.attribution.first().map_or("", |attribution| attribution.feature.as_str());
        write!(out, ",{}", cell(top))?;
    }
    out.write_all(b"\n")
}
