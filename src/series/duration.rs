//! Durations as people write them: `30s`, `5m`, `1h30m`, `14d`, `4w`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// A duration with the text form of Prometheus: whole numbers with `ms`, `s`, `m`, `h`, `d`, `w`, largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(Duration);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("duration must be like `30s`, `5m`, `1h30m`, `14d` or `4w`, got `{0}`")]
pub struct DurationError(pub String);

impl HumanDuration {
    /// `secs` seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// `days` days of 24 hours.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self(Duration::from_secs(days * 86_400))
    }

    /// The same span for the standard library.
    #[must_use]
    pub const fn as_std(self) -> Duration {
        self.0
    }

    /// The span in milliseconds, saturating at `i64::MAX`.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// The span in seconds.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || DurationError(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fail());
        }
        let (mut total, mut last_unit) = (0_u64, u64::MAX);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let number: u64 = rest[..digits].parse().map_err(|_| fail())?;
            let unit = &rest[digits..digits + letters];
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fail)?;
            if *millis >= last_unit {
                return Err(fail());
            }
            last_unit = *millis;
            total = number.checked_mul(*millis).and_then(|part| total.checked_add(part)).ok_or_else(fail)?;
            rest = &rest[digits + letters..];
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, millis) in UNITS.iter().rev() {
            if rest >= *millis {
                write!(f, "{}{name}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        duration.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, secs: f64, shown: &str) {
        let duration: HumanDuration = text.parse().expect("a duration");
        assert!((duration.as_secs_f64() - secs).abs() < 1e-9, "{duration:?}");
        assert_eq!(duration.to_string(), shown);
    }

    #[test]
    fn reads_and_writes_what_prometheus_does() {
        check("30s", 30.0, "30s");
        check("90m", 5_400.0, "1h30m");
        check("4w", 2_419_200.0, "4w");
        check("1h30m", 5_400.0, "1h30m");
        check("250ms", 0.25, "250ms");
        check("0s", 0.0, "0s");
    }

    #[test]
    fn refuses_what_is_no_duration_and_says_what_is() {
        for text in ["", "5", "m", "5x", "-5m", "5m1h", "1.5h", "99999999999999999999d", "5 m", "é"] {
            let error = text.parse::<HumanDuration>().expect_err(text).to_string();
            assert!(error.contains("14d") && error.contains(text), "{error}");
        }
    }
}
