//! Settings of grouping.

use serde::{Deserialize, Serialize};

use crate::series::HumanDuration;

/// How alerts are joined to incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Alerts this close in time may belong together, at most `1d`. Default `5m`.
    pub window: HumanDuration,
    /// Least share of label pairs in common (Jaccard), above 0, at most 1. Default 0.5.
    pub similarity: f64,
    /// Labels of which one shared value is enough. Default `service`, `namespace`, `instance`.
    pub anchors: Vec<String>,
}

/// What is wrong with the settings of grouping.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IncidentSettingsError {
    /// The window is too long.
    #[error("window must be at most 1d, got {0}")]
    Window(HumanDuration),
    /// The similarity is no share.
    #[error("similarity must be above 0 and at most 1, got {0}")]
    Similarity(f64),
}

impl Default for Settings {
    fn default() -> Self {
        let anchors = ["service", "namespace", "instance"].map(str::to_owned).to_vec();
        Self { window: HumanDuration::from_secs(300), similarity: 0.5, anchors }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), IncidentSettingsError> {
        if self.window > HumanDuration::from_days(1) {
            return Err(IncidentSettingsError::Window(self.window));
        }
        if 0.0 < self.similarity && self.similarity <= 1.0 {
            return Ok(());
        }
        Err(IncidentSettingsError::Similarity(self.similarity))
    }
}
