//! `tidewatch forecast`: forecasts for files.

use std::io::{self, Write};
use std::path::Path;

use rayon::prelude::*;

use super::args::ForecastArgs;
use super::exit::{BadInput, Outcome};
use super::files::each;
use super::inputs::{self, Job, jobs, nothing_usable, read};
use super::output::{Form, cell, number, quantity, write};
use super::progress::Progress;
use crate::engine::EngineError;
use crate::forecast::{Because, Event, Forecast, ModelChoice, Request, forecast};
use crate::series::{self, Series, SeriesError};
use crate::source::file::SampleGroup;

/// The forecasts of a group of a file, or why there is none.
type Group = Result<Vec<Forecast>, String>;

pub(super) fn run(args: &ForecastArgs) -> anyhow::Result<Outcome> {
    let wanted = wanted(args)?;
    let jobs = jobs(&args.input, Form::Table)?;
    each(&jobs, "forecasting", &args.input, |job, progress| forecast_file(job, args, &wanted, progress))?;
    Ok(Outcome::Done)
}

/// What is wanted of every series; horizon and seasons follow its step.
fn wanted(args: &ForecastArgs) -> anyhow::Result<Request> {
    let range = match (args.at_least, args.at_most) {
        (None, None) => None,
        (low, high) => Some((low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY))),
    };
    if let Some((low, high)) = range.filter(|(low, high)| low.is_nan() || high.is_nan() || low >= high) {
        let message = format!("`--at-least` must be less than `--at-most`, got {low} and {high}");
        return Err(BadInput(message).into());
    }
    let events = args.events.as_deref().map(events).transpose()?.unwrap_or_default();
    Ok(Request {
        levels: shares(&args.levels),
        model: args.model,
        seed: 42,
        range,
        whole_numbers: args.whole_numbers,
        events,
        ..Request::new(1)
    })
}

/// Past and planned events from a JSON file.
fn events(path: &Path) -> anyhow::Result<Vec<Event>> {
    let refused = |why: String| BadInput(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    Ok(serde_json::from_str(&text).map_err(|error| {
        refused(format!("is no list of events with `name`, `spans` (`start`, `end`) and `effect`: {error}"))
    })?)
}

/// Percent to shares, ascending, each once.
pub(super) fn shares(percent: &[f64]) -> Vec<f64> {
    let mut levels: Vec<f64> = percent.iter().map(|level| level / 100.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    levels
}

fn forecast_file(job: &Job, args: &ForecastArgs, wanted: &Request, progress: &Progress) -> anyhow::Result<()> {
    let input = read(job, &args.input, progress)?;
    progress.expect_series(input.groups.len());
    let groups: Vec<Group> = input
        .groups
        .par_iter()
        .map(|group| {
            let forecasts = forecast_group(group, args, wanted);
            progress.series_done();
            forecasts
        })
        .collect::<anyhow::Result<_>>()?;
    let left_out: Vec<String> = groups.iter().filter_map(|group| group.as_ref().err().cloned()).collect();
    let forecasts: Vec<Forecast> = groups.into_iter().flatten().flatten().collect();
    if forecasts.is_empty() {
        return Err(nothing_usable(&input, &left_out));
    }
    progress.notes(&left_out.iter().map(|why| format!("{why}; it gets no forecast")).collect::<Vec<_>>());
    progress.notes(&fallbacks(&forecasts, args));
    write(&job.output, Form::Table, |out| write_forecasts(out, &forecasts, &wanted.levels))
}

fn forecast_group(group: &SampleGroup, args: &ForecastArgs, wanted: &Request) -> anyhow::Result<Group> {
    let step = args.input.resample.or(args.input.step);
    let prepared = match group.prepare(step, &series::Settings::default()) {
        Ok(prepared) => prepared,
        Err(error @ (SeriesError::AllMissing { .. } | SeriesError::NoStep { .. })) => {
            return Ok(Err(inputs::reason(&error)));
        }
        Err(error) => return Err(EngineError::from(error).into()),
    };
    let one = |series: &Series| Ok(forecast(series, &request(series, args, wanted)?).map_err(EngineError::from)?);
    prepared.entity.metrics().par_iter().map(one).collect::<anyhow::Result<Vec<_>>>().map(Ok)
}

fn request(series: &Series, args: &ForecastArgs, wanted: &Request) -> Result<Request, BadInput> {
    let seasons = args.seasons.as_ref().map(|seasons| season_steps(seasons, series)).transpose()?;
    Ok(Request { seasons, horizon_steps: args.horizon.steps(series.step()), ..wanted.clone() })
}

/// Seasons in steps of `series`.
pub(super) fn season_steps(seasons: &[series::HumanDuration], series: &Series) -> Result<Vec<usize>, BadInput> {
    let steps = |season: &series::HumanDuration| match series.step().per_secs(season.as_secs_f64()) {
        steps @ 2.. => Ok(steps),
        _ => Err(BadInput(format!(
            "season {season} is too short for `{}`: it must be at least two steps, each {}",
            series.name(),
            series.step()
        ))),
    };
    seasons.iter().map(steps).collect()
}

/// A fallback is never silent: which series did not get the model that was asked for, and why.
fn fallbacks(forecasts: &[Forecast], args: &ForecastArgs) -> Vec<String> {
    let (mut notes, mut short) = (Vec::new(), 0);
    for forecast in forecasts {
        for because in &forecast.because {
            match because {
                Because::TooShort { .. } => short += 1,
                Because::ModelFailed { model, message } => notes.push(format!(
                    "{}: {} failed ({message}), {} used",
                    forecast.series,
                    model.as_str(),
                    forecast.model.as_str()
                )),
                Because::EventUnknown { name } => notes.push(format!(
                    "{}: event `{name}` has no declared effect and no past span in the data to learn from; it is left out",
                    forecast.series
                )),
                _ => {}
            }
        }
    }
    if short > 0 && !matches!(args.model, ModelChoice::SeasonalNaive | ModelChoice::Naive) {
        let what = "too short for the model asked for, a simpler one was used";
        notes.insert(0, format!("{short} of {} series: {what} (column `model`)", forecasts.len()));
    }
    notes
}

fn write_forecasts(out: &mut dyn Write, forecasts: &[Forecast], levels: &[f64]) -> io::Result<()> {
    out.write_all(b"series,timestamp,model,mean")?;
    for level in levels {
        let percent = number(level * 100.0);
        write!(out, ",lo-{percent},hi-{percent}")?;
    }
    out.write_all(b"\n")?;
    for forecast in forecasts {
        let (name, model) = (cell(&forecast.series), forecast.model.as_str());
        for (index, mean) in forecast.mean.iter().enumerate() {
            write!(out, "{name},{},{model},{}", forecast.time_at(index), quantity(*mean))?;
            for level in levels {
                let band =
                    forecast.band(*level).and_then(|band| Some((band.lower.get(index)?, band.upper.get(index)?)));
                let (lower, upper) = band.map_or((f64::NAN, f64::NAN), |(lower, upper)| (*lower, *upper));
                write!(out, ",{},{}", quantity(lower), quantity(upper))?;
            }
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn levels_become_shares_ascending_and_each_once() {
        assert_eq!(shares(&[95.0, 80.0, 95.0]), [0.8, 0.95]);
    }
}
