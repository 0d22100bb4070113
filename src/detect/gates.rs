//! Gates: what people know of a metric that its history does not tell. A gate takes an alarm away and says why; of
//! the score it changes nothing, but that impossible values count as missing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::types::{PointScore, Reason, Suppression};
use crate::series::WeeklyHours;

/// Gates of a detector, for series and entities. Without any, nothing is taken away.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateSettings {
    /// Least deviation from the expected value that alerts; for an entity, that of its most unusual metric.
    pub min_deviation: Option<DeviationSettings>,
    /// Values that the metric can have. Others are impossible: they count as missing. For an entity, of every metric.
    pub data_range: Option<RangeSettings>,
    /// Hours of the week in which anomalies alert; outside of them they are scored and shown.
    pub business_hours: Option<WeeklyHours>,
    /// Times of planned work: points are scored and shown, neither learned nor alerted on.
    pub maintenance: Vec<WindowSettings>,
}

/// Least deviation: all that are given must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DeviationKeys", into = "DeviationKeys")]
pub struct DeviationSettings {
    absolute: Option<f64>,
    relative: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviationKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absolute: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relative: Option<f64>,
}

/// Smallest and largest possible value, both possible; one of them may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RangeKeys", into = "RangeKeys")]
pub struct RangeSettings {
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
}

/// A time of planned work: hours of every week, or from one moment up to another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WindowKeys", into = "WindowKeys")]
pub enum WindowSettings {
    /// These hours of every week.
    Weekly(WeeklyHours),
    /// From `from` up to `to`, which is not part of it.
    Once {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weekly: Option<WeeklyHours>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
}

/// Why a gate cannot be as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GateError(pub String);

/// What is going on at the time of a point, besides the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    /// Planned work: the point is scored, not learned, and never alerts.
    pub maintenance: bool,
    /// Factor of the boundary `p*`, at least 1: right after a change a deviation is more likely to be real.
    pub vigilance: f64,
}

impl Default for Circumstances {
    fn default() -> Self {
        Self { maintenance: false, vigilance: 1.0 }
    }
}

impl GateSettings {
    /// Whether planned work is written for `at`.
    pub(super) fn is_maintenance(&self, at: Timestamp) -> bool {
        self.maintenance.iter().any(|window| window.contains(at))
    }

    /// Whether `value` is one that the metric cannot have; never NaN, which is missing.
    #[must_use]
    pub fn is_impossible(&self, value: f64) -> bool {
        self.data_range.is_some_and(|range| !value.is_nan() && !range.contains(value))
    }

    /// Why `point` shall not alert, if it shall not. Maintenance and impossible values are said of every point, the
    /// other gates only where they take an anomaly away.
    #[must_use]
    pub fn judge(&self, point: &PointScore, impossible: bool, maintenance: bool) -> Option<Suppression> {
        let too_small = || self.min_deviation.is_some_and(|least| !least.is_reached(point.value, point.expected));
        let at_night = || self.business_hours.as_ref().is_some_and(|hours| !hours.contains(point.at));
        match () {
            () if impossible => Some(Suppression::OutOfRange),
            () if maintenance => Some(Suppression::Maintenance),
            () if !point.is_anomaly => None,
            () if too_small() => Some(Suppression::BelowMinDeviation),
            () if at_night() => Some(Suppression::OutsideBusinessHours),
            () => None,
        }
    }

    /// The judgement as it is published: with what was suppressed, and why, and with the change that it follows.
    pub(super) fn publish(&self, mut point: PointScore, impossible: bool, now: Circumstances) -> PointScore {
        if let Some(why) = self.judge(&point, impossible, now.maintenance) {
            point.suppressed = Some(why);
            point.is_anomaly = false;
            point.reasons.insert(0, why.reason());
        }
        if point.is_anomaly && now.vigilance > 1.0 {
            point.reasons.push(Reason::AfterChange);
        }
        point
    }
}

impl DeviationSettings {
    /// At least one of the two, in the units of the series and as a share of the expected value.
    ///
    /// # Errors
    /// [`GateError`] unless one is given and both are finite and not negative.
    pub fn try_new(absolute: Option<f64>, relative: Option<f64>) -> Result<Self, GateError> {
        if absolute.is_none() && relative.is_none() {
            return Err(GateError("min_deviation needs `absolute`, `relative` or both".to_owned()));
        }
        for (name, value) in [("absolute", absolute), ("relative", relative)] {
            if let Some(value) = value
                && !(value >= 0.0 && value.is_finite())
            {
                return Err(GateError(format!("min_deviation.{name} must be 0 or more, got {value}")));
            }
        }
        Ok(Self { absolute, relative })
    }

    /// Whether `value` is so far from `expected`. NaN is not.
    fn is_reached(&self, value: f64, expected: f64) -> bool {
        let deviation = (value - expected).abs();
        let reached = |least: f64| deviation >= least;
        self.absolute.is_none_or(reached) && self.relative.is_none_or(|share| reached(share * expected.abs()))
    }
}

impl RangeSettings {
    /// At least one end.
    ///
    /// # Errors
    /// [`GateError`] unless one end is given, none is NaN and `min` is below `max`.
    pub fn try_new(min: Option<f64>, max: Option<f64>) -> Result<Self, GateError> {
        let range = Self { min, max };
        match (min, max) {
            (None, None) => Err(GateError("data_range needs `min`, `max` or both".to_owned())),
            (Some(end), _) | (_, Some(end)) if end.is_nan() => {
                Err(GateError("data_range must have numbers as ends, got NaN".to_owned()))
            }
            (Some(min), Some(max)) if min.is_nan() || max.is_nan() || min >= max => {
                Err(GateError(format!("data_range must have `min` below `max`, got {min} and {max}")))
            }
            _ => Ok(range),
        }
    }

    fn contains(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

impl WindowSettings {
    /// From `from` up to `to`.
    ///
    /// # Errors
    /// [`GateError`] unless `from` is before `to`.
    pub fn once(from: Timestamp, to: Timestamp) -> Result<Self, GateError> {
        if from < to {
            return Ok(Self::Once { from, to });
        }
        Err(GateError(format!("a maintenance window must have `from` before `to`, got {from} and {to}")))
    }

    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        match self {
            Self::Weekly(hours) => hours.contains(at),
            Self::Once { from, to } => *from <= at && at < *to,
        }
    }
}

impl TryFrom<DeviationKeys> for DeviationSettings {
    type Error = GateError;

    fn try_from(keys: DeviationKeys) -> Result<Self, Self::Error> {
        Self::try_new(keys.absolute, keys.relative)
    }
}

impl From<DeviationSettings> for DeviationKeys {
    fn from(settings: DeviationSettings) -> Self {
        Self { absolute: settings.absolute, relative: settings.relative }
    }
}

impl TryFrom<RangeKeys> for RangeSettings {
    type Error = GateError;

    fn try_from(keys: RangeKeys) -> Result<Self, Self::Error> {
        Self::try_new(keys.min, keys.max)
    }
}

impl From<RangeSettings> for RangeKeys {
    fn from(settings: RangeSettings) -> Self {
        Self { min: settings.min, max: settings.max }
    }
}

impl TryFrom<WindowKeys> for WindowSettings {
    type Error = GateError;

    fn try_from(keys: WindowKeys) -> Result<Self, Self::Error> {
        match (keys.weekly, keys.from, keys.to) {
            (Some(hours), None, None) => Ok(Self::Weekly(hours)),
            (None, Some(from), Some(to)) => Self::once(from, to),
            _ => Err(GateError(
                "a maintenance window is `{ weekly: \"Sun 02:00-04:00\" }` or `{ from: TIME, to: TIME }`".to_owned(),
            )),
        }
    }
}

impl From<WindowSettings> for WindowKeys {
    fn from(window: WindowSettings) -> Self {
        match window {
            WindowSettings::Weekly(hours) => Self { weekly: Some(hours), from: None, to: None },
            WindowSettings::Once { from, to } => Self { weekly: None, from: Some(from), to: Some(to) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::Direction;
    use super::*;

    fn read(json: &str) -> Result<GateSettings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn anomaly(at: &str, value: f64, expected: f64) -> PointScore {
        PointScore {
            at: at.parse().expect(at),
            value,
            expected,
            lower: expected,
            upper: expected,
            p_value: 1e-9,
            score: 2.0,
            is_anomaly: true,
            direction: Direction::Above,
            confidence: 1.0,
            imputed: false,
            suppressed: None,
            reasons: vec![Reason::Spike],
            attribution: vec![],
            changes: vec![],
        }
    }

    #[track_caller]
    fn check(gates: &str, point: &PointScore, want: Option<Suppression>) {
        let gates = read(gates).expect(gates);
        let impossible = gates.is_impossible(point.value);
        let now = Circumstances { maintenance: gates.is_maintenance(point.at), vigilance: 1.0 };
        let published = gates.publish(point.clone(), impossible, now);
        assert_eq!((published.suppressed, published.is_anomaly), (want, want.is_none()));
        assert!((published.score - point.score).abs() < 1e-12 && (published.p_value - point.p_value).abs() < 1e-12);
        assert!(published.reasons.contains(&Reason::Spike));
        assert_eq!(published.reasons.len(), 1 + usize::from(want.is_some()));
    }

    #[test]
    fn both_deviations_must_be_reached() {
        let noon = "2026-06-01T12:00:00Z";
        let small = Some(Suppression::BelowMinDeviation);
        let both = r#"{"min_deviation":{"absolute":50,"relative":0.1}}"#;
        check(both, &anomaly(noon, 1_060.0, 1_000.0), small);
        check(both, &anomaly(noon, 140.0, 100.0), small);
        check(both, &anomaly(noon, 850.0, 1_000.0), None);
        check(r#"{"min_deviation":{"relative":0.1}}"#, &anomaly(noon, 1e-9, 0.0), None);
        check(r#"{"min_deviation":{"absolute":50}}"#, &anomaly(noon, f64::NAN, 0.0), small);
    }

    #[test]
    fn hours_windows_and_ranges_say_why() {
        let point = anomaly("2026-06-01T03:00:00Z", 2.0, 0.5);
        check(r#"{"business_hours":"Mon-Fri 08:00-18:00"}"#, &point, Some(Suppression::OutsideBusinessHours));
        check(r#"{"business_hours":"Mon-Fri 08:00-18:00 Asia/Tokyo"}"#, &point, None);
        check(r#"{"maintenance":[{"weekly":"Mon 02:00-04:00"}]}"#, &point, Some(Suppression::Maintenance));
        let once = r#"{"maintenance":[{"from":"2026-06-01T03:00:00Z","to":"2026-06-01T04:00:00Z"}]}"#;
        check(once, &point, Some(Suppression::Maintenance));
        check(once, &anomaly("2026-06-01T04:00:00Z", 2.0, 0.5), None);
        check(r#"{"data_range":{"min":0,"max":1}}"#, &point, Some(Suppression::OutOfRange));
        check(r#"{"data_range":{"min":0}}"#, &point, None);
        check("{}", &point, None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (json, why) in [
            (r#"{"min_deviation":{}}"#, "needs `absolute`, `relative` or both"),
            (r#"{"min_deviation":{"absolute":-1}}"#, "must be 0 or more, got -1"),
            (r#"{"min_deviation":{"percent":1}}"#, "unknown field"),
            (r#"{"data_range":{"min":1,"max":0}}"#, "`min` below `max`, got 1 and 0"),
            (r#"{"data_range":{}}"#, "needs `min`, `max` or both"),
            (r#"{"maintenance":[{"from":"2026-06-01T03:00:00Z"}]}"#, "a maintenance window is"),
            (r#"{"maintenance":[{"from":"2026-06-02T00:00:00Z","to":"2026-06-01T00:00:00Z"}]}"#, "`from` before `to`"),
            (r#"{"business_hours":"always"}"#, "hours must be like"),
            (r#"{"wrongkey":1}"#, "unknown field"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(why), "{json}: {error}");
        }
        assert!(RangeSettings::try_new(Some(f64::NAN), None).is_err());
        assert!(RangeSettings::try_new(Some(0.0), Some(f64::NAN)).is_err());
    }
}
