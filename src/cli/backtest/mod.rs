//! `tidewatch backtest`: how good forecasts of files would have been, from earlier points, one model beside the other.

mod args;
mod fan;
mod figures;
mod machine;
mod report;
mod table;

pub(super) use args::{BacktestArgs, HELP};

use rayon::prelude::*;

use self::figures::{Backtest, Measured, ModelResult, SeriesResult};
use super::args::InputArgs;
use super::evaluate::Format;
use super::exit::{BadInput, Outcome};
use super::files::each;
use super::forecast::{season_steps, shares};
use super::inputs::{self, Job, nothing_usable, read};
use super::output::{self, Form, to_stdout};
use super::progress::{Progress, note};
use crate::engine::EngineError;
use crate::forecast::{BacktestReport, ModelChoice, Origin, Request, Settings, from_origins};
use crate::series::{self, Series, SeriesError};
use crate::source::file::{self, SampleGroup};

pub(super) fn run(args: &BacktestArgs) -> anyhow::Result<Outcome> {
    let models = models(args)?;
    if let Some(report) = &args.report {
        output::check(report, Form::Page)?;
        output::probe(report)?;
    }
    let input = args.input();
    let jobs = jobs(&input)?;
    let measured = each(&jobs, "forecasting from earlier points", &input, |job, progress| {
        of_file(job, args, &input, &models, progress)
    })?;
    let backtest = Backtest { models, levels: shares(&args.levels), series: measured.into_iter().flatten().collect() };
    match args.format {
        Format::Table => to_stdout(|out| out.write_all(table::text(&backtest).as_bytes()))?,
        Format::Json => to_stdout(|out| out.write_all(machine::json(&backtest).as_bytes()))?,
        Format::Csv => to_stdout(|out| out.write_all(machine::csv(&backtest).as_bytes()))?,
    }
    if let Some(path) = &args.report {
        let page = report::page(&backtest);
        output::write(path, Form::Page, |out| out.write_all(page.as_bytes()))?;
    }
    Ok(Outcome::Done)
}

/// Each model once, in the order that was asked for.
fn models(args: &BacktestArgs) -> anyhow::Result<Vec<ModelChoice>> {
    let mut kept: Vec<ModelChoice> = Vec::new();
    for model in &args.model {
        if kept.contains(model) {
            return Err(BadInput(format!("`--model` names {} twice", model.as_str())).into());
        }
        kept.push(*model);
    }
    Ok(kept)
}

fn jobs(input: &InputArgs) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for path in &input.inputs {
        let listing = file::list(path)?;
        listing.notes.iter().for_each(|text| note(input.quiet, text));
        jobs.extend(listing.files.into_iter().map(|file| Job { input: file, output: "-".into() }));
    }
    Ok(jobs)
}

fn of_file(
    job: &Job,
    args: &BacktestArgs,
    input: &InputArgs,
    models: &[ModelChoice],
    progress: &Progress,
) -> anyhow::Result<Vec<SeriesResult>> {
    let file = read(job, input, progress)?;
    progress.expect_series(file.groups.len());
    let groups: Vec<Result<Vec<SeriesResult>, String>> = file
        .groups
        .par_iter()
        .map(|group| {
            let results = of_group(group, args, models);
            progress.series_done();
            results
        })
        .collect::<anyhow::Result<_>>()?;
    let left_out: Vec<String> = groups.iter().filter_map(|group| group.as_ref().err().cloned()).collect();
    let results: Vec<SeriesResult> = groups.into_iter().flatten().flatten().collect();
    if results.is_empty() {
        return Err(nothing_usable(&file, &left_out));
    }
    progress.notes(&left_out.iter().map(|why| format!("{why}; it is left out")).collect::<Vec<_>>());
    let short: Vec<String> = results.iter().filter(|one| one.origins == 0).map(too_short).collect();
    progress.notes(&short);
    Ok(results)
}

fn too_short(one: &SeriesResult) -> String {
    let (name, steps) = (&one.name, one.horizon_steps);
    format!(
        "series `{name}` has {} points: too few for a forecast of {steps} steps from the second half of it; give a shorter \
         `--horizon`",
        one.points
    )
}

fn of_group(
    group: &SampleGroup,
    args: &BacktestArgs,
    models: &[ModelChoice],
) -> anyhow::Result<Result<Vec<SeriesResult>, String>> {
    let prepared = match group.prepare(args.resample.or(args.step), &series::Settings::default()) {
        Ok(prepared) => prepared,
        Err(error @ (SeriesError::AllMissing { .. } | SeriesError::NoStep { .. })) => {
            return Ok(Err(inputs::reason(&error)));
        }
        Err(error) => return Err(EngineError::from(error).into()),
    };
    let one = |series: &Series| of_series(series, args, models);
    prepared.entity.metrics().par_iter().map(one).collect::<anyhow::Result<Vec<_>>>().map(Ok)
}

fn of_series(series: &Series, args: &BacktestArgs, models: &[ModelChoice]) -> anyhow::Result<SeriesResult> {
    let horizon_steps = args.horizon.steps(series.step());
    let seasons = args.seasons.as_ref().map(|seasons| season_steps(seasons, series)).transpose()?;
    let mut made = Vec::new();
    for model in models {
        let request = Request {
            levels: shares(&args.levels),
            model: *model,
            seasons: seasons.clone(),
            ..Request::new(horizon_steps)
        };
        made.push(from_origins(series, &request, args.origins, &Settings::default()).map_err(EngineError::from)?);
    }
    let season = shared_season(&made);
    let results: Vec<ModelResult> = made
        .into_iter()
        .map(|origins| ModelResult {
            figures: Measured::of(&BacktestReport::of(series, &origins, horizon_steps, season)),
            newest: origins.into_iter().next(),
        })
        .collect();
    let origins = results.first().map_or(0, |first| first.figures.origins);
    Ok(SeriesResult {
        name: series.name().to_owned(),
        points: series.len(),
        origins,
        horizon_steps,
        shown: fan::shown(series, &results, horizon_steps),
        results: results.into_iter().map(|result| result.figures).collect(),
    })
}

/// The shortest season that any model used: the errors of all are scaled by it, so that they compare. 1 without one.
fn shared_season(made: &[Vec<Origin>]) -> usize {
    made.iter().flatten().filter_map(|origin| origin.forecast.seasons.first().copied()).min().unwrap_or(1)
}
