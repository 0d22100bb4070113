//! Values of arguments: what they may be, and what is said when they are not.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::detect;
use crate::series::{Calendar, ChangeCost, HolidayLike, HumanDuration, Step, Unit};

/// A horizon: steps, or a duration that becomes steps of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// Steps of the data.
    Steps(usize),
    /// A duration.
    Span(HumanDuration),
}

impl Horizon {
    /// The horizon in steps of `step`, at least 1.
    #[must_use]
    pub fn steps(self, step: Step) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Span(span) => step.per_secs(span.as_secs_f64()).max(1),
        }
    }
}

impl std::str::FromStr for Horizon {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || {
            format!("horizon must be a number of steps like `168` or a duration like `7d`, more than 0, got `{text}`")
        };
        if let Ok(steps) = text.parse::<usize>() {
            return if steps >= 1 { Ok(Self::Steps(steps)) } else { Err(refusal()) };
        }
        text.parse::<HumanDuration>().ok().filter(|span| span.as_millis() > 0).map(Self::Span).ok_or_else(refusal)
    }
}

/// A limit, and whether it was written in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitValue {
    /// The number.
    pub value: f64,
    /// It had a suffix that only bytes have: `B`, `GB`, `GiB`, `Gi`.
    pub in_bytes: bool,
}

impl std::str::FromStr for LimitValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SUFFIXES: [(&str, f64); 10] = [
            ("Ki", 1024.0),
            ("Mi", 1_048_576.0),
            ("Gi", 1_073_741_824.0),
            ("Ti", 1_099_511_627_776.0),
            ("Pi", 1_125_899_906_842_624.0),
            ("k", 1e3),
            ("M", 1e6),
            ("G", 1e9),
            ("T", 1e12),
            ("P", 1e15),
        ];
        let refusal = |hint: &str| {
            Err(format!(
                "limit must be a number more than 0, optionally with a suffix like `GiB`, `GB` or `k`, got `{text}`{hint}"
            ))
        };
        let trimmed = text.trim();
        if trimmed.strip_suffix('%').is_some_and(|number| number.trim_end().parse::<f64>().is_ok()) {
            return refusal("; write a share without the sign, 90 % as 0.9");
        }
        let bare = trimmed.strip_suffix('B').unwrap_or(trimmed).trim_end();
        let suffix =
            SUFFIXES.iter().find_map(|(suffix, factor)| Some((bare.strip_suffix(suffix)?.trim_end(), *factor, suffix)));
        let (number, factor, binary) =
            suffix.map_or((bare, 1.0, false), |(number, factor, suffix)| (number, factor, suffix.ends_with('i')));
        match number.parse::<f64>().map(|number| number * factor) {
            Ok(value) if value > 0.0 && value.is_finite() => {
                Ok(Self { value, in_bytes: binary || trimmed.ends_with('B') })
            }
            _ => refusal(""),
        }
    }
}

/// A step: a duration longer than 0.
pub(super) fn step(text: &str) -> Result<Step, String> {
    let duration: HumanDuration = text.parse().map_err(|error| format!("{error}"))?;
    Step::from_millis(duration.as_millis()).ok_or_else(|| format!("step must be longer than 0, got `{text}`"))
}

/// A season: a duration longer than 0.
pub(super) fn season(text: &str) -> Result<HumanDuration, String> {
    let duration: HumanDuration = text.parse().map_err(|error| format!("{error}"))?;
    Some(duration).filter(|season| season.as_millis() > 0).ok_or_else(|| "season must be longer than 0".to_owned())
}

/// A side.
pub(super) fn watch(text: &str) -> Result<detect::Watch, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("direction must be one of above, below, both, got `{text}`"))
}

/// A time zone, and holidays: at most one country, and dates.
pub(super) fn calendar(time_zone: Option<&str>, holidays: &[String]) -> Result<Calendar, String> {
    let (mut country, mut dates) = (None, Vec::new());
    for holiday in holidays {
        match holiday.parse() {
            Ok(date) => dates.push(date),
            Err(_) if country.is_none() => country = Some(holiday.as_str()),
            Err(_) => {
                return Err(format!("holidays must be one country and dates like 2026-12-24, got `{holiday}`, too"));
            }
        }
    }
    let calendar = Calendar::try_new(time_zone.unwrap_or("UTC"), country, &dates, HolidayLike::default());
    calendar.map_err(|error| error.to_string())
}

/// What is constant between two changes.
pub(super) fn change_cost(text: &str) -> Result<ChangeCost, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("cost must be one of mean_variance, mean, got `{text}`"))
}

/// A unit.
pub(super) fn unit(text: &str) -> Result<Unit, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        format!(
            "unit must be one of none, seconds, bytes, bytes_per_second, ratio, cores, per_second, count, got `{text}`"
        )
    })
}

/// A time, written as in files.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let civil = || text.parse::<DateTime>().ok().and_then(|civil| Offset::UTC.to_timestamp(civil).ok());
    text.parse().ok().or_else(civil).ok_or_else(|| {
        format!(
            "time must be RFC 3339 like `2024-01-31T23:59:59Z`, or `2024-01-31 23:59:59` or `2024-01-31` (UTC), got \
             `{text}`"
        )
    })
}

/// A coverage in percent.
pub(super) fn level(text: &str) -> Result<f64, String> {
    let level = text.trim().parse::<f64>().ok().filter(|level| 0.0 < *level && *level < 100.0);
    level.ok_or_else(|| format!("level must be a percentage above 0 and below 100, like `95`, got `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn limit(text: &str, value: f64, in_bytes: bool) {
        assert_eq!(text.parse(), Ok(LimitValue { value, in_bytes }), "{text}");
    }

    #[test]
    fn limits_have_suffixes_and_some_tell_the_unit() {
        limit("100GiB", 107_374_182_400.0, true);
        limit("100Gi", 107_374_182_400.0, true);
        limit("440 GB", 4.4e11, true);
        limit("512B", 512.0, true);
        limit("50G", 5e10, false);
        limit("0.9", 0.9, false);
        limit("1e12", 1e12, false);
        for bad in ["", "GiB", "ten", "NaN", "inf", "1 2", "0", "-3k", "1e308T"] {
            assert!(bad.parse::<LimitValue>().is_err(), "{bad}");
        }
        assert!("90%".parse::<LimitValue>().unwrap_err().contains("0.9"));
    }

    #[test]
    fn horizons_are_steps_or_durations() {
        assert_eq!("168".parse(), Ok(Horizon::Steps(168)));
        assert_eq!("7d".parse::<Horizon>().map(|h| h.steps(Step::HOUR)), Ok(168));
        assert_eq!("1s".parse::<Horizon>().map(|h| h.steps(Step::HOUR)), Ok(1));
        for bad in ["0", "0s", "soon", "-1", ""] {
            assert!(bad.parse::<Horizon>().unwrap_err().contains("`7d`"), "{bad}");
        }
    }

    #[test]
    fn times_are_written_as_in_files() {
        for text in ["2024-01-31T00:00:00Z", "2024-01-31 00:00:00", "2024-01-31", "2024-01-31T01:00:00+01:00"] {
            assert_eq!(time(text).map(|t| t.as_second()), Ok(1_706_659_200), "{text}");
        }
        assert!(time("tomorrow").unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn words_and_percentages_are_checked() {
        assert_eq!(unit("bytes"), Ok(Unit::Bytes));
        assert!(unit("furlongs").unwrap_err().contains("per_second"));
        assert_eq!(watch("above"), Ok(detect::Watch::Above));
        assert_eq!(level("97.5"), Ok(97.5));
        for bad in ["0", "100", "-5", "NaN", "high"] {
            assert!(level(bad).is_err(), "{bad}");
        }
        assert!(step("0s").is_err() && season("0s").is_err());
    }
}
