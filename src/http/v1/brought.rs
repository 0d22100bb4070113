//! Series that callers bring in a body.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use utoipa::ToSchema;

use super::super::error::ApiError;
use super::points::{Moment, PointShape, Points, Values};
use crate::engine::requests::{Brought, MAX_STEPS};
use crate::series::{HumanDuration, Labels, Sample, Samples, Step, Unit};

/// Most series of one request.
pub(super) const MAX_SERIES: usize = 1_000;
/// Most metrics of one entity.
const MAX_METRICS: usize = 200;
/// Most labels of one series.
const MAX_LABELS: usize = 128;
/// Longest id, label name or label value, bytes.
const MAX_TEXT: usize = 4_096;

/// A series, or several metrics of one entity.
///
/// Give exactly one of `points`, `values` (with `start` and a step) and `metrics` (with `start` and a step). All series of
/// a request together may have 1,000,000 points, gaps and the metrics of entities counted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Series)]
pub(super) struct SeriesIn {
    /// What it is called in the answer; its labels, or its place in the list, when absent.
    #[schema(example = "api-latency")]
    pub(super) id: Option<String>,
    /// Labels.
    #[serde(default)]
    #[schema(example = json!({"service": "api"}))]
    labels: BTreeMap<String, String>,
    /// Unit of the values: `none`, `seconds`, `bytes`, `bytes_per_second`, `ratio`, `cores`, `per_second` or `count`.
    #[schema(value_type = Option<String>, example = "seconds")]
    unit: Option<Unit>,
    /// Time between two points, like `1m`; found out from the times when absent.
    #[schema(value_type = Option<String>, example = "1m")]
    step: Option<HumanDuration>,
    /// The same in seconds; give one of both.
    step_s: Option<f64>,
    /// Time of the first of `values` or `metrics`: RFC 3339 or a Unix number.
    #[schema(value_type = Option<String>)]
    start: Option<Moment>,
    /// Points as `[time, value]` in any order. Time is RFC 3339, or Unix seconds or milliseconds (or micro- or
    /// nanoseconds), as the median magnitude tells: below 1e11, 1e14, 1e17. A value may be `null`: missing.
    #[schema(value_type = Option<Vec<PointShape>>,
        example = json!([["2026-06-01T00:00:00Z", 0.21], ["2026-06-01T00:01:00Z", 0.19], ["2026-06-01T00:02:00Z", null]]))]
    points: Option<Points>,
    /// Values a step apart from `start` on; `null` is missing.
    #[schema(value_type = Option<Vec<Option<f64>>>)]
    values: Option<Values>,
    /// Values of each metric of one entity, a step apart from `start` on, all of the same length.
    #[schema(value_type = Option<BTreeMap<String, Vec<Option<f64>>>>)]
    metrics: Option<BTreeMap<String, Values>>,
    /// The limit of this series, where the request is about capacity: a positive number in the unit of the values.
    pub(super) limit: Option<f64>,
}

/// At most [`MAX_SERIES`] series.
#[derive(Debug, Default)]
pub(super) struct SeriesList(pub(super) Vec<SeriesIn>);

impl<'de> Deserialize<'de> for SeriesList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = SeriesList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SeriesList, A::Error> {
        let mut all = Vec::new();
        while let Some(series) = seq.next_element()? {
            if all.len() >= MAX_SERIES {
                return Err(A::Error::custom(format_args!("more than {MAX_SERIES} series; send several requests")));
            }
            all.push(series);
        }
        Ok(SeriesList(all))
    }
}

impl SeriesList {
    /// The series as the engine takes them.
    pub(super) fn into_brought(self) -> Result<Vec<Brought>, ApiError> {
        if self.0.is_empty() {
            return Err(wrong("series", "at least one series is needed, got none"));
        }
        let mut left = MAX_STEPS;
        let mut all = Vec::with_capacity(self.0.len());
        for (index, series) in self.0.into_iter().enumerate() {
            let points = series.points_brought();
            left = left.checked_sub(points).ok_or_else(|| {
                let message = format!("all series together have more than {MAX_STEPS} points; send several requests");
                ApiError::too_large(message).at(format!("series[{index}]"))
            })?;
            all.push(series.into_brought(index)?);
        }
        Ok(all)
    }

    /// Refuses limits where they mean nothing.
    pub(super) fn without_limits(self) -> Result<Self, ApiError> {
        match self.0.iter().position(|series| series.limit.is_some()) {
            Some(index) => Err(wrong(&format!("series[{index}].limit"), "only /api/v1/capacity takes a limit")),
            None => Ok(self),
        }
    }
}

impl SeriesIn {
    fn points_brought(&self) -> usize {
        let points = self.points.as_ref().map_or(0, Points::len);
        let values = self.values.as_ref().map_or(0, |values| values.0.len());
        let metrics = self.metrics.iter().flatten().map(|(_, values)| values.0.len()).sum::<usize>();
        points + values + metrics
    }

    fn into_brought(self, index: usize) -> Result<Brought, ApiError> {
        let at = |field: &str| format!("series[{index}]{field}");
        check_texts(&self.id, &self.labels).map_err(|(field, message)| wrong(&at(field), &message))?;
        let step = self.step().map_err(|message| wrong(&at(".step"), message))?;
        let start = self.start.map(Moment::millis);
        let labels: Labels = self.labels.into();
        let name = self.id.unwrap_or_else(|| name_of(&labels, index));
        let unit = self.unit.unwrap_or_else(|| Unit::from_metric_name(labels.metric_name().unwrap_or(&name)));
        let samples = |name: String, unit: Unit, points: Vec<Sample>| Samples {
            labels: labels.clone(),
            unit,
            ..Samples::gauge(name, points)
        };
        let regular = |values: Values, field: &str| match (start, step) {
            (Some(start), Some(step)) => spaced(start, step, &values.0).ok_or_else(|| wrong(&at(".start"), TOO_FAR)),
            _ => Err(wrong(&at(field), "needs `start` and `step` (or `step_s`)")),
        };
        let metrics = match (self.points, self.values, self.metrics) {
            (Some(_), None, None) if start.is_some() => {
                return Err(wrong(&at(".start"), "belongs to `values` and `metrics`; `points` have their own times"));
            }
            (Some(points), None, None) => {
                let (times, values) = points.into_parts();
                let points = times.into_iter().zip(values).map(|(time_ms, value)| Sample { time_ms, value }).collect();
                vec![samples(name.clone(), unit, points)]
            }
            (None, Some(values), None) => vec![samples(name.clone(), unit, regular(values, ".values")?)],
            (None, None, Some(metrics)) => {
                check_metrics(&metrics).map_err(|message| wrong(&at(".metrics"), &message))?;
                let one = |(metric, values): (String, Values)| {
                    let unit = self.unit.unwrap_or_else(|| Unit::from_metric_name(&metric));
                    Ok(samples(metric, unit, regular(values, ".metrics")?))
                };
                metrics.into_iter().map(one).collect::<Result<Vec<_>, ApiError>>()?
            }
            _ => return Err(wrong(&at(""), "give exactly one of `points`, `values` and `metrics`")),
        };
        Ok(Brought { name, metrics, step })
    }

    fn step(&self) -> Result<Option<Step>, &'static str> {
        const ALLOWED: &str = "must be more than 0 and at most 366 days";
        let millis = match (self.step, self.step_s) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err("give `step` or `step_s`, not both"),
            (Some(step), None) => step.as_millis(),
            (None, Some(secs)) => (secs * 1_000.0).round() as i64,
        };
        let step = Step::from_millis(millis).filter(|step| step.millis() <= 366 * 86_400_000);
        step.map(Some).ok_or(ALLOWED)
    }
}

const TOO_FAR: &str = "the times leave the years that can be written";

/// `values` a step apart from `start` on; `None` when a time cannot be written.
fn spaced(start: i64, step: Step, values: &[f64]) -> Option<Vec<Sample>> {
    let time = |index: usize| start.checked_add(step.millis().checked_mul(i64::try_from(index).ok()?)?);
    values.iter().enumerate().map(|(index, value)| Some(Sample { time_ms: time(index)?, value: *value })).collect()
}

fn name_of(labels: &Labels, index: usize) -> String {
    if labels.is_empty() { format!("series[{index}]") } else { labels.to_string() }
}

fn check_texts(id: &Option<String>, labels: &BTreeMap<String, String>) -> Result<(), (&'static str, String)> {
    let too_long = |text: &String| text.len() > MAX_TEXT;
    if id.as_ref().is_some_and(|id| id.is_empty() || too_long(id)) {
        return Err((".id", format!("must have 1 to {MAX_TEXT} bytes")));
    }
    if labels.len() > MAX_LABELS {
        return Err((".labels", format!("must be at most {MAX_LABELS}, got {}", labels.len())));
    }
    if labels.iter().any(|(name, value)| name.is_empty() || too_long(name) || too_long(value)) {
        return Err((".labels", format!("names must have 1 to {MAX_TEXT} bytes, values at most {MAX_TEXT}")));
    }
    Ok(())
}

fn check_metrics(metrics: &BTreeMap<String, Values>) -> Result<(), String> {
    let mut lengths = metrics.values().map(|values| values.0.len());
    let first = lengths.next().unwrap_or(0);
    if metrics.is_empty() || metrics.len() > MAX_METRICS {
        return Err(format!("must be 1 to {MAX_METRICS}, got {}", metrics.len()));
    }
    if let Some(other) = lengths.find(|other| *other != first) {
        return Err(format!("must all have the same number of values, got {first} and {other}"));
    }
    Ok(())
}

fn wrong(path: &str, message: &str) -> ApiError {
    ApiError::unprocessable(message.to_owned(), None).at(path.to_owned())
}
