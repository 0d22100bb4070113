//! Settings of forecasting.

use serde::{Deserialize, Serialize};

/// How forecasts are made when a request does not say.
///
/// Every field has a default that suits metric series; [`Settings::check`] says what is out of range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Coverage of the intervals, each in (0, 1). Default 0.8 and 0.95.
    pub levels: Vec<f64>,
    /// Season lengths to look for, seconds, each above 0. Default hour, day, week, month (a twelfth of a year) and year.
    pub season_secs: Vec<f64>,
    /// Full seasons that the history must hold before a season is used, 2 to 100. Default 2.
    pub min_seasons: usize,
    /// Smallest seasonal strength that counts as a season, 0 to 1. Default 0.1.
    pub min_strength: f64,
    /// Points at the end of the history that models look at, 50 to 100,000. Default 2,000.
    pub max_points: usize,
    /// Points allowed when a long season needs them (five of the season are used), at least `max_points`. Default 8,640,
    /// thirty days of 5 minutes.
    pub max_season_points: usize,
    /// Rolling origins that weigh models and calibrate intervals, 1 to 100. Default 12.
    pub origins: usize,
    /// Whether MSTL with ETS joins the automatic combination of seasonal series: 2 to 12 % less error for half as much time
    /// again. Default true. Horizons beyond a quarter of the history use it anyway.
    pub decomposition_in_auto: bool,
    /// Sample paths when they are wanted, 0 to 10,000. Default 500.
    pub paths: usize,
    /// Longest horizon, steps. Default 100,000. Resample to a longer step for horizons far beyond the history.
    pub max_horizon_steps: usize,
    /// Most values in all sample paths of one forecast. Default 20,000,000 (160 MB).
    pub max_path_values: usize,
}

/// A setting that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("forecast setting `{name}` must be {allowed}, got {got}")]
pub struct SettingsError {
    /// Name of the setting.
    pub name: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// The value.
    pub got: String,
}

impl Default for Settings {
    fn default() -> Self {
        const YEAR: f64 = 31_557_600.0;
        Self {
            levels: vec![0.8, 0.95],
            season_secs: vec![3_600.0, 86_400.0, 604_800.0, YEAR / 12.0, YEAR],
            min_seasons: 2,
            min_strength: 0.1,
            max_points: 2_000,
            max_season_points: 8_640,
            origins: 12,
            decomposition_in_auto: true,
            paths: 500,
            max_horizon_steps: 100_000,
            max_path_values: 20_000_000,
        }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`SettingsError`] with the first setting that is not; NaN is never in range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let fail = |name, allowed, got: String| Err(SettingsError { name, allowed, got });
        if let Some(level) = self.levels.iter().find(|level| !(**level > 0.0 && **level < 1.0)) {
            return fail("levels", "between 0 and 1 exclusive", level.to_string());
        }
        if let Some(secs) = self.season_secs.iter().find(|secs| !(**secs > 0.0 && secs.is_finite())) {
            return fail("season_secs", "above 0", secs.to_string());
        }
        if !(2..=100).contains(&self.min_seasons) {
            return fail("min_seasons", "2 to 100", self.min_seasons.to_string());
        }
        if !(0.0..=1.0).contains(&self.min_strength) {
            return fail("min_strength", "0 to 1", self.min_strength.to_string());
        }
        if !(50..=100_000).contains(&self.max_points) {
            return fail("max_points", "50 to 100000", self.max_points.to_string());
        }
        if !(self.max_points..=1_000_000).contains(&self.max_season_points) {
            return fail("max_season_points", "max_points to 1000000", self.max_season_points.to_string());
        }
        if !(1..=100).contains(&self.origins) {
            return fail("origins", "1 to 100", self.origins.to_string());
        }
        if self.paths > 10_000 {
            return fail("paths", "0 to 10000", self.paths.to_string());
        }
        if !(1..=1_000_000).contains(&self.max_horizon_steps) {
            return fail("max_horizon_steps", "1 to 1000000", self.max_horizon_steps.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let nan = Settings { levels: vec![f64::NAN], ..Settings::default() };
        assert_eq!(
            nan.check().map_err(|e| e.to_string()),
            Err("forecast setting `levels` must be between 0 and 1 exclusive, got NaN".to_owned())
        );
        let none = Settings { min_seasons: 0, ..Settings::default() };
        assert_eq!(none.check().map_err(|e| e.name), Err("min_seasons"));
        let short = Settings { max_points: 3_000, max_season_points: 2_000, ..Settings::default() };
        assert_eq!(short.check().map_err(|e| e.name), Err("max_season_points"));
    }
}
