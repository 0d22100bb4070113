//! `tidewatch forecast`: forecasts for files.

use std::io::{self, Write};

use anyhow::Context;
use rayon::prelude::*;

use super::args::ForecastArgs;
use super::exit::{BadInput, Outcome};
use super::inputs::{Job, jobs, read};
use super::output::{cell, number, write};
use super::progress::{bar, note};
use super::score::report;
use crate::engine::EngineError;
use crate::forecast::{Because, Forecast, ModelChoice, Request, forecast};
use crate::series::{self, Series, SeriesError};

pub(super) fn run(args: &ForecastArgs) -> anyhow::Result<Outcome> {
    let levels = levels(&args.levels)?;
    let jobs = jobs(&args.input)?;
    let progress = bar(jobs.len(), "forecasting files", args.input.quiet);
    let failures: Vec<anyhow::Error> = jobs
        .iter()
        .filter_map(|job| {
            let outcome = forecast_file(job, args, &levels);
            progress.inc(1);
            outcome.err().map(|error| error.context(format!("{} was not forecast", job.input.display())))
        })
        .collect();
    progress.finish_and_clear();
    report(failures, jobs.len(), &args.input)?;
    Ok(Outcome::Done)
}

/// Percent to shares, ascending, each once.
fn levels(percent: &[f64]) -> Result<Vec<f64>, BadInput> {
    if let Some(bad) = percent.iter().find(|level| !(**level > 0.0 && **level < 100.0)) {
        return Err(BadInput(format!("levels must be between 0 and 100 percent exclusive, got {bad}")));
    }
    let mut levels: Vec<f64> = percent.iter().map(|level| level / 100.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    Ok(levels)
}

fn forecast_file(job: &Job, args: &ForecastArgs, levels: &[f64]) -> anyhow::Result<()> {
    let input = read(job, &args.input)?;
    let step = args.input.resample.or(args.input.step);
    let mut all: Vec<Series> = Vec::new();
    for group in &input.groups {
        match group.prepare(step, &series::Settings::default()) {
            Ok(prepared) => all.extend(prepared.entity.metrics().iter().cloned()),
            Err(error @ SeriesError::AllMissing { .. }) => {
                note(args.input.quiet, &format!("{error}; it gets no forecast"))
            }
            Err(error) => return Err(EngineError::from(error).into()),
        }
    }
    if all.is_empty() {
        return Err(
            BadInput(format!("{}: none of its {} rows has a number", input.path.display(), input.rows.len())).into()
        );
    }
    let progress = bar(all.len(), "forecasting series", args.input.quiet);
    let forecasts = all
        .par_iter()
        .map(|series| {
            let forecast = forecast(series, &request(series, args, levels));
            progress.inc(1);
            forecast.map_err(EngineError::from)
        })
        .collect::<Result<Vec<Forecast>, EngineError>>()?;
    progress.finish_and_clear();
    say_fallbacks(&forecasts, args);
    write(&job.output, |out| write_forecasts(out, &forecasts, levels)).context("the forecasts could not be written")
}

fn request(series: &Series, args: &ForecastArgs, levels: &[f64]) -> Request {
    let seasons = args.seasons.as_ref().map(|seasons| {
        seasons.iter().map(|season| series.step().per_secs(season.as_secs_f64())).filter(|steps| *steps >= 2).collect()
    });
    Request {
        horizon_steps: args.horizon.steps(series.step()),
        levels: levels.to_vec(),
        model: args.model,
        seasons,
        paths: 0,
        seed: 42,
    }
}

/// A fallback is never silent: how many series did not get the model that was asked for, and why.
fn say_fallbacks(forecasts: &[Forecast], args: &ForecastArgs) {
    let mut short = 0;
    for forecast in forecasts {
        for because in &forecast.because {
            match because {
                Because::TooShort { .. } => short += 1,
                Because::ModelFailed { model, message } => {
                    let text = format!(
                        "{}: {} failed ({message}), {} used",
                        forecast.series,
                        model.as_str(),
                        forecast.model.as_str()
                    );
                    note(args.input.quiet, &text);
                }
                _ => {}
            }
        }
    }
    if short > 0 && args.model != ModelChoice::SeasonalNaive {
        note(args.input.quiet, &format!("{short} of {} series are too short for a seasonal model", forecasts.len()));
    }
}

fn write_forecasts(out: &mut dyn Write, forecasts: &[Forecast], levels: &[f64]) -> io::Result<()> {
    out.write_all(b"series,timestamp,model,mean")?;
    for level in levels {
        let percent = number(level * 100.0);
        write!(out, ",lo-{percent},hi-{percent}")?;
    }
    out.write_all(b"\n")?;
    for forecast in forecasts {
        for (index, mean) in forecast.mean.iter().enumerate() {
            let model = forecast.model.as_str();
            write!(out, "{},{},{model},{}", cell(&forecast.series), forecast.time_at(index), number(*mean))?;
            for level in levels {
                let band =
                    forecast.band(*level).and_then(|band| Some((band.lower.get(index)?, band.upper.get(index)?)));
                let (lower, upper) = band.map_or((f64::NAN, f64::NAN), |(lower, upper)| (*lower, *upper));
                write!(out, ",{},{}", number(lower), number(upper))?;
            }
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::levels;

    #[test]
    fn levels_are_percent_between_0_and_100() {
        assert_eq!(levels(&[95.0, 80.0, 95.0]).unwrap(), vec![0.8, 0.95]);
        for bad in [0.0, 100.0, -5.0, f64::NAN] {
            assert!(levels(&[bad]).is_err(), "{bad}");
        }
    }
}
