//! What is known of a metric besides its history, on the command line.

use clap::Args;

use super::exit::BadInput;
use crate::detect::{DeviationSettings, GateSettings, RangeSettings, WindowSettings};
use crate::series::WeeklyHours;

/// Gates of `score`: they take anomalies away; impossible values count as missing.
#[derive(Debug, Default, Args)]
pub struct GateArgs {
    /// Least deviation from the expected value that counts as an anomaly, in the unit of the data
    #[arg(long, value_name = "NUMBER")]
    pub min_deviation: Option<f64>,
    /// The same as a share of the expected value, like `0.1`; with both, both must be reached
    #[arg(long, value_name = "SHARE")]
    pub min_relative_deviation: Option<f64>,
    /// Values that the data can have, like `0..1`, `0..` or `..100`; others count as missing
    #[arg(long, value_name = "MIN..MAX", value_parser = range, allow_hyphen_values = true)]
    pub data_range: Option<RangeSettings>,
    /// Hours in which points may be anomalies, like `Mon-Fri 08:00-18:00 Europe/Berlin`
    #[arg(long, value_name = "HOURS")]
    pub business_hours: Option<WeeklyHours>,
    /// A time of planned work, neither learned nor an anomaly: hours of every week, or `FROM/TO`; can be repeated
    #[arg(long, value_name = "HOURS|FROM/TO", value_parser = window)]
    pub maintenance: Vec<WindowSettings>,
}

impl GateArgs {
    /// The gates that they ask for.
    pub(super) fn settings(&self) -> anyhow::Result<GateSettings> {
        let (absolute, relative) = (self.min_deviation, self.min_relative_deviation);
        let min_deviation = if absolute.is_some() || relative.is_some() {
            Some(DeviationSettings::try_new(absolute, relative).map_err(|error| BadInput(error.to_string()))?)
        } else {
            None
        };
        Ok(GateSettings {
            min_deviation,
            data_range: self.data_range,
            business_hours: self.business_hours.clone(),
            maintenance: self.maintenance.clone(),
        })
    }
}

fn range(text: &str) -> Result<RangeSettings, String> {
    let form = || format!("must be like `0..1`, `0..` or `..100`, got `{text}`");
    let (min, max) = text.split_once("..").ok_or_else(form)?;
    let end = |text: &str| match text.trim() {
        "" => Ok(None),
        number => number.parse::<f64>().map(Some).map_err(|_| form()),
    };
    RangeSettings::try_new(end(min)?, end(max)?).map_err(|error| error.to_string())
}

fn window(text: &str) -> Result<WindowSettings, String> {
    let Some((from, to)) = text.split_once('/').filter(|(from, _)| from.contains('T')) else {
        return text.parse().map(WindowSettings::Weekly).map_err(|error: crate::series::HoursError| error.to_string());
    };
    let time = |text: &str| super::parse::time(text.trim());
    WindowSettings::once(time(from)?, time(to)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_windows_are_read_or_refused_with_what_is_allowed() {
        for text in ["0..1", "0..", "..100", "-5..-1", " -1e9 .. 1e9 "] {
            assert!(range(text).is_ok(), "{text}");
        }
        for (text, why) in
            [("1", "must be like"), ("a..1", "must be like"), ("..", "needs `min`"), ("1..0", "below `max`")]
        {
            assert!(range(text).expect_err(text).contains(why), "{text}");
        }
        for text in ["Sun 02:00-04:00", "Sun 02:00-04:00 Europe/Berlin", "2026-06-01T00:00:00Z/2026-06-01T02:00:00Z"] {
            assert!(window(text).is_ok(), "{text}");
        }
        for (text, why) in [
            ("Sun", "hours must be like"),
            ("2026-06-01T02:00:00Z/2026-06-01T00:00:00Z", "`from` before `to`"),
            ("2026-06-01T02:00:00Z/later", "later"),
        ] {
            let error = window(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
