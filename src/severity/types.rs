//! Value types of severity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad, worst first. The words are PagerDuty's; `critical` and `warning` are also Prometheus'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Users are hurt now; wake somebody.
    Critical,
    /// Broken, not yet hurting many.
    Error,
    /// Will hurt if nobody looks in hours.
    Warning,
    /// Worth knowing.
    Info,
}

/// What is known of an alert when it is judged. Every field may be missing; what was missing is said in the result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertFacts {
    /// Users affected, a count.
    pub affected_users: Option<f64>,
    /// Business impact, 0 (none) to 1 (the business stands still).
    pub business_impact: Option<f64>,
    /// Median time that past alerts of this kind took to resolve, minutes.
    pub historical_resolution_minutes: Option<f64>,
    /// Anomaly score, 0 or more, 1 is the boundary.
    pub anomaly_score: Option<f64>,
    /// How long it has lasted, minutes.
    pub duration_minutes: Option<f64>,
    /// How many series are unusual together, a count.
    pub series_affected: Option<f64>,
    /// How many services are unusual together, a count.
    pub services_affected: Option<f64>,
    /// Rate at which the error budget burns, 1 = exactly used up over the period.
    pub burn_rate: Option<f64>,
    /// Hours until a limit is reached (median), if one will be.
    pub hours_to_exhaustion: Option<f64>,
    /// Share of past alerts of this kind that resolved by themselves, 0 to 1.
    pub self_resolve_rate: Option<f64>,
    /// Times this alert fired in the last 30 days, a count.
    pub fired_last_30d: Option<f64>,
    /// Whether it is business hours for the owner: 1 or 0.
    pub business_hours: Option<f64>,
}

/// Why a severity came out as it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum SeverityReason {
    /// A fact pushed the judgement; `weight` is its part of the log-odds of the class given.
    Fact {
        /// Name of the fact.
        fact: String,
        /// Its value.
        value: f64,
        /// Contribution to the log-odds; positive speaks for the class given.
        weight: f64,
    },
    /// A fact was not known.
    Missing {
        /// Name of the fact.
        fact: String,
    },
    /// The alert came in with a severity that the policy does not lower.
    KeptIncoming {
        /// The severity it came with.
        severity: Severity,
    },
    /// A rule by label sets a floor.
    Floor {
        /// The floor.
        severity: Severity,
    },
    /// The classes were too close to tell; the incoming severity or `warning` stands.
    Abstained {
        /// Highest probability.
        top: f64,
    },
}

/// The judgement of one alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The severity after policy.
    pub severity: Severity,
    /// Probabilities in the order critical, error, warning, info; they sum to 1.
    pub probabilities: [f64; 4],
    /// Whether the model was too unsure to decide.
    pub abstained: bool,
    /// Why, most important first.
    pub because: Vec<SeverityReason>,
    /// Name and version of the model that judged.
    pub model: String,
}

/// Why a text is not a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("severity must be one of critical, error, warning, info, got `{0}`")]
pub struct UnknownSeverity(pub String);

impl Severity {
    /// All, worst first: the order of probabilities.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Error, Self::Warning, Self::Info];

    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Reads the four words in any case, and the usual others: `page`, `fatal`, `emergency` → critical; `high`, `major`
    /// → error; `warn`, `minor`, `medium` → warning; `information`, `low`, `none`, `notice` → info.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "critical" | "page" | "fatal" | "emergency" | "crit" | "p1" => Ok(Self::Critical),
            "error" | "high" | "major" | "err" | "p2" => Ok(Self::Error),
            "warning" | "warn" | "minor" | "medium" | "p3" => Ok(Self::Warning),
            "info" | "information" | "low" | "none" | "notice" | "p4" => Ok(Self::Info),
            _ => Err(UnknownSeverity(text.to_owned())),
        }
    }
}
