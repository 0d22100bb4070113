//! From sample paths to the date on which a limit is reached.

use jiff::Timestamp;

use super::{CapacityError, Exhaustion, Outlook, Within, envelope};
use crate::forecast::{Forecast, SamplePaths};
use crate::series::{Series, Step, Unit};

const DAY_SECS: f64 = 86_400.0;

/// What usage must stay below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit<'a> {
    /// The same at all times, in the unit of usage.
    Constant(f64),
    /// A limit that changes: each value holds until the next, the first also before, the last also after.
    Changing(&'a Series),
}

/// Possible futures of one series: `paths` begin at `start` and go on by `step`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Futures<'a> {
    pub(super) start: Timestamp,
    pub(super) step: Step,
    pub(super) paths: &'a SamplePaths,
}

/// When `used` first reaches `limit`, from the sample paths of `forecast`.
///
/// Each path gives the time of its first crossing, linear within a step and from the last observation to the first
/// step; a path that never crosses counts as infinitely late. P10, P50 and P90 are the smallest times by which that
/// share of the paths has crossed. Steps at or before the last observation are left out (that future did not happen),
/// and no date lies before `now`. When usage is at or above the limit already, all three dates are `now` and every
/// probability is 1.
///
/// Probabilities are counted over the horizon of the forecast and never extrapolated: for a span beyond
/// `horizon_days` they are lower bounds. Growth is the Theil-Sen slope of the highest values of each day (of shorter
/// blocks when there are fewer than ten days). O(paths × steps).
///
/// # Errors
/// [`CapacityError::Limit`] unless the limit is positive and finite, [`CapacityError::UnitMismatch`],
/// [`CapacityError::NoPaths`], [`CapacityError::PathNotFinite`], [`CapacityError::StaleForecast`].
///
/// ```
/// use tidewatch::capacity::{Limit, Outlook, exhaustion};
/// use tidewatch::forecast::{Forecast, Model, SamplePaths};
/// use tidewatch::series::{Series, Step, Unit};
///
/// let start = "2026-01-01T00:00:00Z".parse()?;
/// let used = Series::try_new("disk", start, Step::HOUR, vec![70.0, 71.0, 72.0])?;
/// let path: Vec<f64> = (1..=48).map(|step| 72.0 + f64::from(step)).collect();
/// let forecast = Forecast {
///     series: "disk".into(), unit: Unit::None, start: used.end(), step: Step::HOUR, model: Model::Ets,
///     because: vec![], seasons: vec![], mean: path.clone(), bands: vec![], paths: SamplePaths::new(48, path),
/// };
/// let full = exhaustion(&used, Limit::Constant(100.0), &forecast, used.time_at(2))?;
/// assert_eq!(full.outlook, Outlook::WillExhaust);
/// assert_eq!(full.p50, Some("2026-01-02T06:00:00Z".parse()?));
/// assert!(exhaustion(&used, Limit::Constant(0.0), &forecast, start).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn exhaustion(
    used: &Series,
    limit: Limit<'_>,
    forecast: &Forecast,
    now: Timestamp,
) -> Result<Exhaustion, CapacityError> {
    limit.check(used.unit())?;
    let growth_per_day = envelope::growth_per_day(used);
    let end = forecast.time_at(forecast.horizon_steps().saturating_sub(1));
    if used.last() >= limit.at(now) {
        return Ok(exhausted(growth_per_day, days_between(now, end).max(0.0), now));
    }
    if let Some(&value) = forecast.paths.iter().flatten().find(|value| !value.is_finite()) {
        return Err(CapacityError::PathNotFinite { series: forecast.series.clone(), value });
    }
    if forecast.paths.count() == 0 {
        return Err(CapacityError::NoPaths { series: forecast.series.clone() });
    }
    if end <= now {
        return Err(CapacityError::StaleForecast { series: forecast.series.clone(), end, now });
    }
    let futures = Futures { start: forecast.start, step: forecast.step, paths: &forecast.paths };
    Ok(from_futures(used, limit, futures, growth_per_day, now))
}

/// The same from checked futures and a growth that is known already.
pub(super) fn from_futures(
    used: &Series,
    limit: Limit<'_>,
    futures: Futures<'_>,
    growth_per_day: f64,
    now: Timestamp,
) -> Exhaustion {
    let horizon_days = days_between(now, futures.end()).max(0.0);
    if used.last() >= limit.at(now) {
        return exhausted(growth_per_day, horizon_days, now);
    }
    let mut crossings = crossings(used, limit, futures, now);
    crossings.sort_by(f64::total_cmp);
    let within = |days: f64| share(&crossings, |&secs| secs <= days * DAY_SECS);
    let reached = share(&crossings, |secs| secs.is_finite());
    let outlook = match reached {
        share if share >= 0.5 => Outlook::WillExhaust,
        share if share > 0.0 => Outlook::MayExhaust,
        _ => Outlook::NeverAtThisRate,
    };
    Exhaustion {
        p10: date(&crossings, 0.1, now),
        p50: date(&crossings, 0.5, now),
        p90: date(&crossings, 0.9, now),
        probability_within: Within { d7: within(7.0), d30: within(30.0), d90: within(90.0) },
        outlook,
        growth_per_day,
        horizon_days,
    }
}

/// Seconds from `now` to the first crossing of each path, infinite for never.
pub(super) fn crossings(used: &Series, limit: Limit<'_>, futures: Futures<'_>, now: Timestamp) -> Vec<f64> {
    let last_observed = used.time_at(used.len() - 1);
    let steps: Vec<(f64, f64)> = (0..futures.horizon_steps())
        .map(|index| futures.time_at(index))
        .map(|at| (seconds_between(now, at), limit.at(at)))
        .collect();
    let anchor = (seconds_between(now, last_observed), used.last());
    futures.paths.iter().map(|path| first_crossing(path, &steps, anchor)).collect()
}

/// How much of the list fulfils `holds`; 0 for an empty list.
pub(super) fn share<T>(values: &[T], holds: impl Fn(&T) -> bool) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().filter(|v| holds(v)).count() as f64 / values.len() as f64 }
}

/// Days from one time to a later one, negative when it is earlier.
pub(super) fn days_between(from: Timestamp, to: Timestamp) -> f64 {
    seconds_between(from, to) / DAY_SECS
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_millisecond() - from.as_millisecond()) as f64 / 1_000.0
}

/// `at` moved by `secs`, saturating at the ends of time.
pub(super) fn moved(at: Timestamp, secs: f64) -> Timestamp {
    let millis = at.as_millisecond().saturating_add((secs * 1_000.0) as i64);
    Timestamp::from_millisecond(millis).unwrap_or(if secs < 0.0 { Timestamp::MIN } else { Timestamp::MAX })
}

fn first_crossing(path: &[f64], steps: &[(f64, f64)], anchor: (f64, f64)) -> f64 {
    let (mut before, mut level) = anchor;
    for (&value, &(at, limit)) in path.iter().zip(steps) {
        if at <= anchor.0 {
            continue;
        }
        if value >= limit {
            return (before + (at - before) * fraction(level, value, limit)).max(0.0);
        }
        (before, level) = (at, value);
    }
    f64::INFINITY
}

/// Where between `from` (0) and `to` (1) a straight line reaches `limit`; 1 when it was above before (the limit fell).
fn fraction(from: f64, to: f64, limit: f64) -> f64 {
    // halves, so that differences of huge values stay finite
    let share = (limit / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0);
    if from < limit && share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 }
}

fn date(sorted: &[f64], q: f64, now: Timestamp) -> Option<Timestamp> {
    // the small margin keeps 0.1 × 500 from becoming 51
    let rank = (q * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank - 1).filter(|secs| secs.is_finite()).map(|&secs| moved(now, secs))
}

fn exhausted(growth_per_day: f64, horizon_days: f64, now: Timestamp) -> Exhaustion {
    Exhaustion {
        p10: Some(now),
        p50: Some(now),
        p90: Some(now),
        probability_within: Within { d7: 1.0, d30: 1.0, d90: 1.0 },
        outlook: Outlook::AlreadyExhausted,
        growth_per_day,
        horizon_days,
    }
}

impl Limit<'_> {
    /// The limit at a time.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Changing(series) => {
                let offset = time.as_millisecond() - series.start().as_millisecond();
                let index = usize::try_from(offset.div_euclid(series.step().millis())).unwrap_or(0);
                series.values()[index.min(series.len() - 1)]
            }
        }
    }

    /// Checks that the limit can be reached and is measured in `unit`; an unknown unit fits every other.
    pub(super) fn check(&self, unit: Unit) -> Result<(), CapacityError> {
        let usable = |value: f64| 0.0 < value && value.is_finite();
        match self {
            Self::Constant(value) if usable(*value) => Ok(()),
            Self::Constant(value) => Err(CapacityError::Limit(*value)),
            Self::Changing(series) => {
                if let Some(&value) = series.values().iter().find(|v| !usable(**v)) {
                    return Err(CapacityError::Limit(value));
                }
                let known = unit != Unit::None && series.unit() != Unit::None;
                if known && unit != series.unit() {
                    return Err(CapacityError::UnitMismatch { used: unit, limit: series.unit() });
                }
                Ok(())
            }
        }
    }
}

impl From<f64> for Limit<'_> {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl Futures<'_> {
    pub(super) fn horizon_steps(&self) -> usize {
        self.paths.iter().next().map_or(0, <[f64]>::len)
    }

    pub(super) fn time_at(&self, index: usize) -> Timestamp {
        moved(self.start, index as f64 * self.step.secs_f64())
    }

    pub(super) fn end(&self) -> Timestamp {
        self.time_at(self.horizon_steps().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Model;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// Hourly usage from midnight on, and a forecast of `paths` that begins one hour after it.
    fn case(used: &[f64], paths: &[&[f64]]) -> (Series, Forecast) {
        let used = Series::try_new("disk", time("2026-01-01T00:00:00Z"), Step::HOUR, used.to_vec()).expect("a series");
        let steps = paths.first().map_or(0, |path| path.len());
        let forecast = Forecast {
            series: "disk".into(),
            unit: Unit::None,
            start: used.end(),
            step: Step::HOUR,
            model: Model::Ets,
            because: vec![],
            seasons: vec![],
            mean: paths.first().map(|path| path.to_vec()).unwrap_or_default(),
            bands: vec![],
            paths: SamplePaths::new(steps, paths.concat()),
        };
        (used, forecast)
    }

    #[track_caller]
    fn check(paths: &[&[f64]], want: [Option<&str>; 3], outlook: Outlook) {
        let (used, forecast) = case(&[60.0, 70.0], paths);
        let now = used.time_at(1);
        let got = exhaustion(&used, Limit::Constant(100.0), &forecast, now).expect("an answer");
        assert_eq!([got.p10, got.p50, got.p90], want.map(|text| text.map(time)), "{got:?}");
        assert_eq!(got.outlook, outlook);
    }

    #[test]
    fn dates_are_first_crossings_with_never_as_infinity() {
        // 90 → 110 crosses half-way between 02:00 and 03:00
        let crossing = Some("2026-01-01T02:30:00Z");
        check(&[&[90.0, 110.0]], [crossing; 3], Outlook::WillExhaust);
        // from the last observation (70 at 01:00) to the first step
        check(&[&[130.0, 0.0]], [Some("2026-01-01T01:30:00Z"); 3], Outlook::WillExhaust);
        // exactly at the limit counts
        check(&[&[80.0, 100.0]], [Some("2026-01-01T03:00:00Z"); 3], Outlook::WillExhaust);
        check(&[&[80.0, 99.0]], [None; 3], Outlook::NeverAtThisRate);
        check(&[&[90.0, 110.0], &[1.0, 2.0]], [crossing, crossing, None], Outlook::WillExhaust);
        check(&[&[90.0, 110.0], &[1.0, 2.0], &[1.0, 2.0]], [crossing, None, None], Outlook::MayExhaust);
        // a dip afterwards changes nothing
        check(&[&[130.0, 10.0, 200.0]], [Some("2026-01-01T01:30:00Z"); 3], Outlook::WillExhaust);
    }

    #[test]
    fn huge_values_and_huge_limits_stay_finite() {
        let (used, forecast) = case(&[-1e308, -1e308], &[&[1.7e308, 1.7e308]]);
        let got = exhaustion(&used, Limit::Constant(1e308), &forecast, used.time_at(1)).expect("an answer");
        assert_eq!(got.outlook, Outlook::WillExhaust);
        assert!(got.growth_per_day.is_finite() && got.p50.is_some());
    }

    #[test]
    fn usage_at_or_above_the_limit_is_exhausted_now_even_without_paths() {
        for limit in [70.0, 65.0, 1e-300] {
            let (used, forecast) = case(&[60.0, 70.0], &[]);
            let now = time("2026-01-01T05:00:00Z");
            let got = exhaustion(&used, Limit::Constant(limit), &forecast, now).expect("an answer");
            assert_eq!((got.outlook, got.p10, got.p90), (Outlook::AlreadyExhausted, Some(now), Some(now)));
            assert!((got.probability_within.d7 - 1.0).abs() < 1e-12 && got.horizon_days >= 0.0);
        }
    }

    #[test]
    fn a_limit_that_changes_holds_its_last_value() {
        let start = time("2026-01-01T00:00:00Z");
        let (used, forecast) = case(&[60.0, 70.0], &[&[80.0, 90.0, 95.0]]);
        let grown = Series::try_new("limit", start, Step::HOUR, vec![75.0, 75.0, 85.0, 92.0]).expect("a series");
        let got = exhaustion(&used, Limit::Changing(&grown), &forecast, used.time_at(1)).expect("an answer");
        // 80 < 85 at 02:00, 90 < 92 at 03:00, 95 ≥ 92 held at 04:00: two fifths of the last hour
        assert_eq!(got.p50, Some(time("2026-01-01T03:24:00Z")));
        let cut = Series::try_new("limit", start, Step::HOUR, vec![200.0, 200.0, 50.0]).expect("a series");
        let got = exhaustion(&used, Limit::Changing(&cut), &forecast, used.time_at(1)).expect("an answer");
        assert_eq!(got.p50, Some(time("2026-01-01T02:00:00Z")));
        assert!((Limit::Changing(&cut).at(Timestamp::MIN) - 200.0).abs() < 1e-12);
        assert!((Limit::Changing(&cut).at(Timestamp::MAX) - 50.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_its_reason() {
        let (used, forecast) = case(&[60.0, 70.0], &[&[80.0]]);
        let now = used.time_at(1);
        for limit in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = exhaustion(&used, Limit::Constant(limit), &forecast, now).expect_err("no limit");
            assert!(error.to_string().contains("positive finite"), "{error}");
        }
        let negative = Series::try_new("limit", now, Step::HOUR, vec![5.0, -5.0]).expect("a series");
        assert_eq!(exhaustion(&used, Limit::Changing(&negative), &forecast, now), Err(CapacityError::Limit(-5.0)),);
        let bytes = Series::try_new("limit", now, Step::HOUR, vec![5.0]).expect("a series").with_unit(Unit::Bytes);
        let ratio = used.clone().with_unit(Unit::Ratio);
        let error = exhaustion(&ratio, Limit::Changing(&bytes), &forecast, now).expect_err("another unit");
        assert!(matches!(error, CapacityError::UnitMismatch { .. }), "{error}");
        let late = time("2027-01-01T00:00:00Z");
        let error = exhaustion(&used, Limit::Constant(100.0), &forecast, late).expect_err("an old forecast");
        assert!(matches!(error, CapacityError::StaleForecast { .. }), "{error}");
        let (used, empty) = case(&[60.0, 70.0], &[]);
        let error = exhaustion(&used, Limit::Constant(100.0), &empty, now).expect_err("no paths");
        assert!(matches!(error, CapacityError::NoPaths { .. }), "{error}");
        let (used, broken) = case(&[60.0, 70.0], &[&[80.0, f64::NAN]]);
        let error = exhaustion(&used, Limit::Constant(100.0), &broken, now).expect_err("a NaN");
        assert!(matches!(error, CapacityError::PathNotFinite { .. }), "{error}");
    }

    #[test]
    fn a_future_that_did_not_happen_is_left_out_and_no_date_lies_in_the_past() {
        // the forecast began at 01:00 and promised 200 at 01:00; usage was 70 there
        let (used, mut forecast) = case(&[60.0, 70.0], &[&[200.0, 80.0, 120.0]]);
        forecast.start = used.time_at(1);
        let got = exhaustion(&used, Limit::Constant(100.0), &forecast, used.time_at(1)).expect("an answer");
        assert_eq!(got.p50, Some(time("2026-01-01T02:30:00Z")));
        let now = time("2026-01-01T02:45:00Z");
        let got = exhaustion(&used, Limit::Constant(100.0), &forecast, now).expect("an answer");
        assert_eq!(got.p50, Some(now));
    }
}
