//! `tidewatch evaluate`: how good the detector is on labelled data, beside simple baselines.

mod cases;
mod charts;
mod choices;
mod data;
mod judge;
mod labels_file;
mod machine;
mod report;
mod require;
mod table;

pub(super) use choices::{DetectorChoice, Format, Glob, Slice, train_share};
pub(super) use require::Requirement;

use std::path::Path;

use rayon::prelude::*;

use self::data::{Labelled, Task};
use self::judge::{Judged, judge};
use super::args::EvaluateArgs;
use super::exit::{BadInput, Outcome, text_of};
use super::output::{self, Form, to_stdout};
use super::progress::{Progress, complain, note};
use crate::detect::evaluation::{Figures, Judgement, NabFile, NabScores, SeriesFigures, nab_scores};
use crate::detect::{self, FalseAlarmBudget};

/// Failures that are said in full.
const MOST_SAID: usize = 10;
const SECS_PER_DAY: f64 = 86_400.0;

/// Everything that is told.
#[derive(Debug)]
struct Evaluation {
    /// The directory, as it was given.
    directory: String,
    budget: FalseAlarmBudget,
    rows: Vec<DetectorRow>,
    /// In the order of the identifiers.
    series: Vec<Judged>,
}

/// One detector over all series.
#[derive(Debug)]
struct DetectorRow {
    detector: DetectorChoice,
    figures: Figures,
    nab: Option<NabScores>,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<Outcome> {
    let detectors = detectors(args)?;
    let missing = args.require.iter().find(|_| !detectors.contains(&DetectorChoice::Tidewatch));
    if let Some(requirement) = missing {
        return Err(BadInput(format!(
            "`--require {requirement}` asks about the detector `tidewatch`, which `--detector` leaves out"
        ))
        .into());
    }
    if let Some(report) = &args.report {
        output::check(report, Form::Page)?;
        output::probe(report)?;
    }
    let evaluation = evaluate(args, &detectors)?;
    match args.format {
        Format::Table => to_stdout(|out| out.write_all(table::text(&evaluation).as_bytes()))?,
        Format::Json => to_stdout(|out| out.write_all(machine::json(&evaluation).as_bytes()))?,
        Format::Csv => to_stdout(|out| out.write_all(machine::csv(&evaluation).as_bytes()))?,
    }
    if let Some(path) = &args.report {
        let page = report::page(&evaluation);
        output::write(path, Form::Page, |out| out.write_all(page.as_bytes()))?;
    }
    Ok(required(args, &evaluation))
}

/// Each detector once, in the order that was asked for.
fn detectors(args: &EvaluateArgs) -> anyhow::Result<Vec<DetectorChoice>> {
    let mut kept: Vec<DetectorChoice> = Vec::new();
    for detector in &args.detector {
        if kept.contains(detector) {
            return Err(BadInput(format!("`--detector` names {} twice", detector.as_str())).into());
        }
        kept.push(*detector);
    }
    Ok(kept)
}

fn evaluate(args: &EvaluateArgs, detectors: &[DetectorChoice]) -> anyhow::Result<Evaluation> {
    let found = data::tasks(&args.directory, args.series.as_ref())?;
    found.notes.iter().for_each(|text| note(args.quiet, text));
    let progress = Progress::over(found.tasks.len(), "evaluating", args.quiet);
    let one = |task: &Task| -> anyhow::Result<Vec<Judged>> {
        let judged = data::read(task, args).and_then(|series| {
            series.iter().map(|one: &Labelled| judge(one, args, detectors)).collect::<anyhow::Result<Vec<Judged>>>()
        });
        progress.file_done();
        judged
    };
    let outcomes: Vec<anyhow::Result<Vec<Judged>>> = found.tasks.par_iter().with_max_len(1).map(one).collect();
    progress.finish();
    let mut series = settled(outcomes)?;
    if let Some(only) = args.series.as_ref().filter(|_| series.is_empty()) {
        let names = found.tasks.iter().take(MOST_SAID).flat_map(data::names).collect();
        return Err(data::none_fits(&args.directory, only, names).into());
    }
    series.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = series.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(BadInput(format!("there are two series called `{}`; names must differ", pair[0].id)).into());
    }
    let budget = args.false_alarms.unwrap_or_default();
    let rows = detectors.iter().enumerate().map(|(place, detector)| row(*detector, place, &series, budget)).collect();
    Ok(Evaluation { directory: shown(&args.directory), budget, rows, series })
}

/// All or nothing: figures over a part of the data would be other figures.
fn settled(outcomes: Vec<anyhow::Result<Vec<Judged>>>) -> anyhow::Result<Vec<Judged>> {
    let of = outcomes.len();
    let (mut series, mut failures) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(judged) => series.extend(judged),
            Err(error) => failures.push(error),
        }
    }
    if failures.len() == 1 {
        return failures.pop().map_or(Ok(series), Err);
    }
    if failures.is_empty() {
        return Ok(series);
    }
    failures.iter().take(MOST_SAID).for_each(|error| complain(&text_of(error)));
    let summary =
        format!("{} of {of} files cannot be evaluated; nothing is, so that figures mean what they say", failures.len());
    let all_bad = failures.iter().all(super::exit::is_bad_input);
    Err(if all_bad { BadInput(summary).into() } else { anyhow::anyhow!(summary) })
}

fn row(detector: DetectorChoice, place: usize, series: &[Judged], budget: FalseAlarmBudget) -> DetectorRow {
    let own = || series.iter().filter_map(|one| one.results.get(place));
    let judgements: Vec<&Judgement> = own().map(|result| &result.judgement).collect();
    let each: Vec<&SeriesFigures> = own().map(|result| &result.figures).collect();
    let files: Option<Vec<NabFile<'_>>> = series
        .iter()
        .map(|one| {
            let whole = one.results.get(place)?.whole.as_deref()?;
            Some(NabFile { scores: whole, windows: &one.windows })
        })
        .collect();
    DetectorRow {
        detector,
        figures: Figures::of(&judgements, &each, budget.per_second() * SECS_PER_DAY),
        nab: files.and_then(|files| nab_scores(&files)),
    }
}

/// Whether what was required is met; says what is not.
fn required(args: &EvaluateArgs, evaluation: &Evaluation) -> Outcome {
    let own = evaluation.rows.iter().find(|row| row.detector == DetectorChoice::Tidewatch);
    let Some(own) = own else { return Outcome::Done };
    let missed: Vec<String> = args.require.iter().filter_map(|one| one.missed_by(&own.figures)).collect();
    missed.iter().for_each(|text| note(false, text));
    if missed.is_empty() { Outcome::Done } else { Outcome::Found }
}

/// The settings of our detector.
fn settings(args: &EvaluateArgs) -> detect::Settings {
    detect::Settings {
        false_alarms: args.false_alarms.unwrap_or_default(),
        seed: args.seed,
        ..detect::Settings::default()
    }
}

/// A path in one line.
fn shown(path: &Path) -> String {
    path.display().to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
