//! `tidewatch changes`: lasting changes of what files hold, exactly.

use std::io::{self, Write};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use super::args::ChangesArgs;
use super::exit::Outcome;
use super::files::each;
use super::inputs::{self, Job, jobs, nothing_usable, read};
use super::output::{Form, write};
use super::progress::Progress;
use crate::engine::{EngineError, SeriesChanges, changes_prepared};
use crate::series::{self, ChangePointSettings, SeriesError};
use crate::source::file::SampleGroup;

/// What changed in a group of a file, or why that cannot be said.
type Group = Result<Vec<SeriesChanges>, String>;

pub(super) fn run(args: &ChangesArgs) -> anyhow::Result<Outcome> {
    let settings = ChangePointSettings { cost: args.cost, penalty: args.penalty, min_segment: args.min_segment };
    let jobs = jobs(&args.input, Form::JsonLines)?;
    let found = each(&jobs, "looking for changes", &args.input, |job, progress| file(job, args, &settings, progress))?;
    let found = args.fail_on.is_some() && found.contains(&true);
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

/// Writes the changes of every series of a file; whether there is one.
fn file(job: &Job, args: &ChangesArgs, settings: &ChangePointSettings, progress: &Progress) -> anyhow::Result<bool> {
    let input = read(job, &args.input, progress)?;
    progress.expect_series(input.groups.len());
    let groups: Vec<Group> = input
        .groups
        .par_iter()
        .map(|group| {
            let changes = changes(group, args, settings);
            progress.series_done();
            changes
        })
        .collect::<Result<_, EngineError>>()?;
    let left_out: Vec<String> = groups.iter().filter_map(|group| group.as_ref().err().cloned()).collect();
    if left_out.len() == groups.len() {
        return Err(nothing_usable(&input, &left_out));
    }
    progress.notes(&left_out.iter().map(|why| format!("{why}; it is left out")).collect::<Vec<_>>());
    let all: Vec<SeriesChanges> = groups.into_iter().flatten().flatten().collect();
    write(&job.output, Form::JsonLines, |out| write_lines(out, &all))?;
    Ok(all.iter().any(|series| !series.changes.is_empty()))
}

fn changes(group: &SampleGroup, args: &ChangesArgs, settings: &ChangePointSettings) -> Result<Group, EngineError> {
    let step = args.input.resample.or(args.input.step);
    match group.prepare(step, &series::Settings::default()) {
        Ok(prepared) => changes_prepared(&prepared, settings).map(Ok),
        Err(error @ (SeriesError::AllMissing { .. } | SeriesError::NoStep { .. })) => Ok(Err(inputs::reason(&error))),
        Err(error) => Err(error.into()),
    }
}

/// One change in the form of the file contract, in its order.
#[derive(Serialize)]
struct Line<'a> {
    series: &'a str,
    at: Timestamp,
    kind: &'static str,
    before: f64,
    after: f64,
    size_sigmas: f64,
    p_value: f64,
    sentence: String,
}

fn write_lines(out: &mut dyn Write, all: &[SeriesChanges]) -> io::Result<()> {
    for one in all {
        for change in &one.changes {
            let line = Line {
                series: &one.name,
                at: change.at,
                kind: change.kind.as_str(),
                before: change.before,
                after: change.after,
                size_sigmas: change.size_sigmas,
                p_value: change.p_value,
                sentence: change.sentence(one.unit),
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
