//! `tidewatch score`: anomaly scores for files.

use std::io::{self, Write};

use anyhow::anyhow;
use rayon::prelude::*;

use super::args::ScoreArgs;
use super::exit::{BadInput, Outcome};
use super::files::each;
use super::inputs::{self, Job, jobs, nothing_usable, read};
use super::output::{Form, cell, number, quantity, shortest, write};
use super::parse;
use super::progress::Progress;
use crate::detect::{self, Model, PointScore, Reason, Scores};
use crate::engine::{EngineError, score_prepared};
use crate::series::{self, SeriesError};
use crate::source::file::{FileInput, Layout, Prepared, SampleGroup};

/// What became of a group of a file.
enum Judged {
    Scored {
        prepared: Box<Prepared>,
        scores: Scores,
    },
    /// It cannot be scored; its rows say why in one word.
    Unscored {
        reason: Reason,
        why: String,
    },
}

pub(super) fn run(args: &ScoreArgs) -> anyhow::Result<Outcome> {
    let settings = settings(args)?;
    let jobs = jobs(&args.input, Form::Table)?;
    let anomalies = each(&jobs, "scoring", &args.input, |job, progress| score_file(job, args, &settings, progress))?;
    let found = args.fail_on.is_some() && anomalies.iter().any(|count| *count > 0);
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

fn settings(args: &ScoreArgs) -> anyhow::Result<detect::Settings> {
    let mut settings = detect::Settings { gates: args.gates.settings()?, ..detect::Settings::default() };
    if let Some(budget) = args.false_alarms {
        settings.false_alarms = budget;
    }
    if let Some(direction) = args.direction {
        settings.direction = direction;
    }
    if let Some(seed) = args.seed {
        settings.seed = seed;
    }
    settings.model = args.model.unwrap_or(settings.model);
    settings.calendar = parse::calendar(args.time_zone.as_deref(), &args.holidays).map_err(BadInput)?;
    let option = args.time_zone.as_ref().map(|_| "--time-zone");
    if let Some(option) = option.or((!args.holidays.is_empty()).then_some("--holidays"))
        && settings.model == Model::Full
    {
        let message = format!("{option}: only the light model follows a calendar; add --model light or leave it out");
        return Err(anyhow!(BadInput(message)));
    }
    Ok(settings)
}

/// Scores one file and writes its result; the number of anomalous points.
fn score_file(job: &Job, args: &ScoreArgs, settings: &detect::Settings, progress: &Progress) -> anyhow::Result<usize> {
    let input = read(job, &args.input, progress)?;
    progress.expect_series(input.groups.len());
    let judged: Vec<Judged> = input
        .groups
        .par_iter()
        .map(|group| {
            let judged = judge(group, args, settings);
            progress.series_done();
            judged
        })
        .collect::<Result<_, EngineError>>()?;
    let unscored: Vec<String> = judged.iter().filter_map(Judged::why_not).collect();
    if unscored.len() == judged.len() {
        return Err(nothing_usable(&input, &unscored));
    }
    progress.notes(&unscored.iter().map(|why| format!("{why}; its rows get no score")).collect::<Vec<_>>());
    progress.notes(&notes_on_dropped(&judged));
    progress.notes(&judged.iter().filter_map(Judged::note_on_impossible).collect::<Vec<_>>());
    write(&job.output, Form::Table, |out| write_rows(out, &input, &judged))?;
    Ok(judged.iter().map(Judged::anomalies).sum())
}

fn judge(group: &SampleGroup, args: &ScoreArgs, settings: &detect::Settings) -> Result<Judged, EngineError> {
    let step = args.input.resample.or(args.input.step);
    let unscored = |reason, error: &SeriesError| Ok(Judged::Unscored { reason, why: inputs::reason(error) });
    match group.prepare(step, &series::Settings::default()) {
        Ok(prepared) => {
            let scores = score_prepared(&prepared, args.train_until, settings)?;
            Ok(Judged::Scored { prepared: Box::new(prepared), scores })
        }
        Err(error @ SeriesError::AllMissing { .. }) => unscored(Reason::Missing, &error),
        Err(error @ SeriesError::NoStep { .. }) => unscored(Reason::WarmingUp, &error),
        Err(error) => Err(error.into()),
    }
}

impl Judged {
    fn anomalies(&self) -> usize {
        match self {
            Self::Scored { scores, .. } => scores.points.iter().filter(|point| point.is_anomaly).count(),
            Self::Unscored { .. } => 0,
        }
    }

    /// How many values lay outside of the range that the data can have.
    fn note_on_impossible(&self) -> Option<String> {
        let Self::Scored { prepared, scores } = self else { return None };
        let impossible = scores.points.iter().filter(|point| point.reasons.contains(&Reason::OutOfRange)).count();
        let name = prepared.entity.name();
        (impossible > 0).then(|| format!("{name}: {impossible} points outside of the data range count as missing"))
    }

    fn why_not(&self) -> Option<String> {
        match self {
            Self::Scored { .. } => None,
            Self::Unscored { why, .. } => Some(why.clone()),
        }
    }

    /// The judgement of the point at `time_ms`, or why there is none.
    fn point(&self, time_ms: i64) -> Result<&PointScore, Reason> {
        match self {
            Self::Scored { prepared, scores } => {
                prepared.slots.index_of(time_ms).and_then(|index| scores.points.get(index)).ok_or(Reason::Missing)
            }
            Self::Unscored { reason, .. } => Err(*reason),
        }
    }
}

fn notes_on_dropped(judged: &[Judged]) -> Vec<String> {
    let mut notes = Vec::new();
    for one in judged {
        if let Judged::Scored { prepared, .. } = one {
            let name = prepared.entity.name();
            notes.extend(
                prepared.dropped.iter().map(|metric| format!("{name}: `{metric}` has no number and is left out")),
            );
        }
    }
    notes
}

fn write_rows(out: &mut dyn Write, input: &FileInput, judged: &[Judged]) -> io::Result<()> {
    let (long, wide) = (input.layout == Layout::Long, input.layout == Layout::WideEntity);
    if long {
        out.write_all(b"series,")?;
    }
    out.write_all(b"timestamp,value,expected,lower,upper,p_value,score,is_anomaly,reasons")?;
    out.write_all(if wide { b",top_feature\n" } else { b"\n" })?;
    for (number_of_row, row) in input.rows.iter().enumerate() {
        let (Some(group), Some(judged)) = (input.groups.get(row.group), judged.get(row.group)) else { continue };
        let sample = group.metrics.first().and_then(|metric| metric.points.get(row.index));
        let (time_ms, value) = sample.map_or((0, f64::NAN), |sample| (sample.time_ms, sample.value));
        if long {
            write!(out, "{},", cell(&group.name))?;
        }
        write!(out, "{},", cell(&input.rows.time_text(number_of_row)))?;
        if !wide {
            out.write_all(shortest(value).as_bytes())?;
        }
        match judged.point(time_ms) {
            Ok(point) => write_point(out, point, wide)?,
            Err(reason) => write!(out, ",,,,1,0,0,{}{}", reason.as_str(), if wide { ",\n" } else { "\n" })?,
        }
    }
    Ok(())
}

fn write_point(out: &mut dyn Write, point: &PointScore, wide: bool) -> io::Result<()> {
    let (expected, lower, upper) = if wide {
        (String::new(), String::new(), String::new())
    } else {
        (quantity(point.expected), quantity(point.lower), quantity(point.upper))
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
