//! What can be set about severity.

use serde::{Deserialize, Serialize};

use crate::learn::{ForestParams, Params, ParamsError};

use super::policy::{Policy, PolicyError};

/// Settings of severity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The policy around the model.
    pub policy: Policy,
    /// How models are trained.
    pub train: TrainSettings,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Version that the model carries, 1 to 60 characters.
    pub version: String,
    /// The boosted trees.
    pub booster: Params,
    /// The random forest that challenges them; absent: no challenger.
    pub challenger: Option<ForestParams>,
    /// Share of rows (the later ones) for early stopping and calibration, 0.05 to 0.4.
    pub validation_share: f64,
    /// Share of rows (the latest ones) that the report is measured on, 0.05 to 0.4.
    pub test_share: f64,
    /// Fewest rows that are trained on, 50 or more.
    pub min_rows: usize,
    /// Most questions in a row in the printed rules, 1 to 12.
    pub rules_depth: usize,
}

/// Which setting is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A parameter of the trees.
    #[error("train.booster.{0}")]
    Booster(#[from] ParamsError),
    /// The policy.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// Another one.
    #[error("train.{name} must be in {allowed}, got {got}")]
    Range {
        /// Its name.
        name: &'static str,
        /// What is allowed.
        allowed: &'static str,
        /// What was given.
        got: String,
    },
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            version: "1".to_owned(),
            booster: Params {
                rounds: 400,
                learning_rate: 0.08,
                max_leaves: 12,
                max_depth: 8,
                min_samples_leaf: 25,
                l2: 5.0,
                ..Params::default()
            },
            challenger: Some(ForestParams::default()),
            validation_share: 0.2,
            test_share: 0.2,
            min_rows: 100,
            rules_depth: 4,
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`SettingsError`] for the first that is out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.policy.check()?;
        self.train.check()
    }
}

impl TrainSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`SettingsError`] for the first that is out of its range; NaN is.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.booster.check()?;
        let share = |value: f64| (0.05..=0.4).contains(&value);
        let checks = [
            ("version", self.version.clone(), (1..=60).contains(&self.version.len()), "1 to 60 characters"),
            ("validation_share", self.validation_share.to_string(), share(self.validation_share), "[0.05, 0.4]"),
            ("test_share", self.test_share.to_string(), share(self.test_share), "[0.05, 0.4]"),
            ("min_rows", self.min_rows.to_string(), self.min_rows >= 50, "50 or more"),
            ("rules_depth", self.rules_depth.to_string(), (1..=12).contains(&self.rules_depth), "1..=12"),
        ];
        match checks.into_iter().find(|(_, _, fine, _)| !fine) {
            Some((name, got, _, allowed)) => Err(SettingsError::Range { name, allowed, got }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_refused() {
        assert_eq!(Settings::default().check(), Ok(()));
        let train = TrainSettings { test_share: f64::NAN, ..TrainSettings::default() };
        assert_eq!(train.check().unwrap_err().to_string(), "train.test_share must be in [0.05, 0.4], got NaN");
        assert!(serde_json::from_str::<Settings>(r#"{"polcy":{}}"#).is_err());
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }
}
