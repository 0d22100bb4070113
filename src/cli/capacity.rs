//! `tidewatch capacity`: exhaustion dates and recommendations for files.

use std::io::{self, Write};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use super::args::CapacityArgs;
use super::exit::{BadInput, Outcome};
use super::files::each;
use super::inputs::{self, Job, jobs, nothing_usable, read};
use super::output::{Form, write};
use super::progress::Progress;
use crate::capacity::{self, CapacityReport, Limit, Outlook, Recommendation, Within};
use crate::engine::{EngineError, plan_capacity};
use crate::series::{self, Series, SeriesError, Unit};
use crate::source::file::SampleGroup;

/// The reports of a group of a file, or why there is none.
type Group = Result<Vec<CapacityReport>, String>;

pub(super) fn run(args: &CapacityArgs) -> anyhow::Result<Outcome> {
    let mut settings = capacity::Settings { horizon: args.horizon, ..capacity::Settings::default() };
    if let Some(lead_time) = args.lead_time {
        settings.lead_time = lead_time;
    }
    settings.validate().map_err(EngineError::from)?;
    let unit = unit(args)?;
    let jobs = jobs(&args.input, Form::JsonLines)?;
    let exhausts =
        each(&jobs, "planning", &args.input, |job, progress| plan_file(job, args, &settings, unit, progress))?;
    let found = args.fail_on.is_some() && exhausts.contains(&true);
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

/// The unit that was given, or that the limit's suffix implies; `None` leaves it to the name of the series.
fn unit(args: &CapacityArgs) -> Result<Option<Unit>, BadInput> {
    match (args.unit, args.limit.in_bytes) {
        (None, true) => Ok(Some(Unit::Bytes)),
        (Some(unit), true) if !matches!(unit, Unit::Bytes | Unit::BytesPerSecond) => {
            let message = "the limit is in bytes but --unit says otherwise; give the limit without `B` or `i`";
            Err(BadInput(format!("{message}, or `--unit bytes`")))
        }
        (unit, _) => Ok(unit),
    }
}

/// Plans every series of a file; whether one of them reaches its limit.
fn plan_file(
    job: &Job,
    args: &CapacityArgs,
    settings: &capacity::Settings,
    unit: Option<Unit>,
    progress: &Progress,
) -> anyhow::Result<bool> {
    let input = read(job, &args.input, progress)?;
    progress.expect_series(input.groups.len());
    let groups: Vec<Group> = input
        .groups
        .par_iter()
        .map(|group| {
            let reports = plan_group(group, args, settings, unit);
            progress.series_done();
            reports
        })
        .collect::<Result<_, EngineError>>()?;
    let left_out: Vec<String> = groups.iter().filter_map(|group| group.as_ref().err().cloned()).collect();
    let reports: Vec<CapacityReport> = groups.into_iter().flatten().flatten().collect();
    if reports.is_empty() {
        return Err(nothing_usable(&input, &left_out));
    }
    progress.notes(&left_out.iter().map(|why| format!("{why}; it is left out")).collect::<Vec<_>>());
    write(&job.output, Form::JsonLines, |out| write_reports(out, &reports))?;
    Ok(reports.iter().any(|r| matches!(r.exhaustion.outlook, Outlook::AlreadyExhausted | Outlook::WillExhaust)))
}

fn plan_group(
    group: &SampleGroup,
    args: &CapacityArgs,
    settings: &capacity::Settings,
    unit: Option<Unit>,
) -> Result<Group, EngineError> {
    let step = args.input.resample.or(args.input.step);
    let prepared = match group.prepare(step, &series::Settings::default()) {
        Ok(prepared) => prepared,
        Err(error @ (SeriesError::AllMissing { .. } | SeriesError::NoStep { .. })) => {
            return Ok(Err(inputs::reason(&error)));
        }
        Err(error) => return Err(error.into()),
    };
    let one = |used: &Series| {
        let used = used.clone().with_unit(unit.unwrap_or(used.unit()));
        let now = used.time_at(used.len() - 1);
        plan_capacity(&used, Limit::Constant(args.limit.value), settings, now).map(|plan| plan.report)
    };
    prepared.entity.metrics().par_iter().map(one).collect::<Result<Vec<_>, _>>().map(Ok)
}

fn write_reports(out: &mut dyn Write, reports: &[CapacityReport]) -> io::Result<()> {
    for report in reports {
        serde_json::to_writer(&mut *out, &Line::of(report))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// One report in the form of the file contract, in its order.
#[derive(Serialize)]
struct Line<'a> {
    series: &'a str,
    used: f64,
    limit: f64,
    unit: Unit,
    exhaustion: Dates,
    probability_within: Within,
    growth_per_day: f64,
    outlook: Outlook,
    recommendation: Option<&'a Recommendation>,
    because: &'a [String],
}

/// RFC 3339, or null for never within the horizon.
#[derive(Serialize)]
struct Dates {
    p10: Option<Timestamp>,
    p50: Option<Timestamp>,
    p90: Option<Timestamp>,
}

impl<'a> Line<'a> {
    fn of(report: &'a CapacityReport) -> Self {
        let exhaustion = &report.exhaustion;
        Self {
            series: &report.series,
            used: report.used,
            limit: report.limit,
            unit: report.unit,
            exhaustion: Dates { p10: exhaustion.p10, p50: exhaustion.p50, p90: exhaustion.p90 },
            probability_within: exhaustion.probability_within,
            growth_per_day: exhaustion.growth_per_day,
            outlook: exhaustion.outlook,
            recommendation: report.recommendation.as_ref(),
            because: &report.because,
        }
    }
}
