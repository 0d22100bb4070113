//! The HTTP server, the severity policy, runbooks and the enrichment of foreign alerts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::detect::FalseAlarmBudget;
use crate::series::{HumanDuration, Labels};
use crate::severity::Severity;

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port. Default `127.0.0.1:7878`; port 0 takes a free one.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines reach. There is no login, so put a proxy that has one in
    /// front. Default `false`.
    pub allow_remote: bool,
    /// Largest request body, 1 KiB to 1 GiB. Default 16 MiB.
    pub max_body_bytes: u64,
    /// Longest time for one request, 1 s to 10 m. Default 30 s.
    pub timeout: HumanDuration,
    /// Most requests at the same time, 1 to 10,000; more are refused with 503. Default 256.
    pub max_in_flight: usize,
}

/// The policy around the severity model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeverityPolicy {
    /// Least severities by label; all that match apply.
    pub floors: Vec<Floor>,
    /// Whether an alert that came in as critical may be lowered. Default `false`.
    pub allow_lowering_critical: bool,
    /// The model abstains when its highest probability is below this, 0 (never) to 1. Default 0.45.
    pub abstain_below: f64,
}

/// Alerts with these labels are at least this severe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Labels that must all be present with these values; at least one.
    #[serde(rename = "match")]
    pub matches: Labels,
    /// The least severity.
    pub at_least: Severity,
}

/// Alerts with these labels have this runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// Labels that must be present with these values; none matches every alert.
    #[serde(rename = "match", default)]
    pub matches: Labels,
    /// Link, `http` or `https`; `{{name}}` is replaced by the label's value.
    pub url: String,
}

/// The budget of false alarms of all detectors together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// False alarms that the team accepts from all detectors, such as `5 per week`. When the budgets of the detectors add
    /// up to more, all boundaries move in the same proportion. Default: whatever they add up to.
    pub team: Option<FalseAlarmBudget>,
    /// Whether boundaries follow what really fired and the verdicts on it, slowly and within 1/8 to 8. Default `true`.
    pub retune: bool,
}

/// What happens to alerts that other tools send in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrich {
    /// Destinations that get every enriched notification. Default none: it is only answered and stored.
    pub forward_to: Vec<String>,
    /// How long enrichment may take before the alert is passed on as it came, 100 ms to 9 s: Alertmanager itself waits
    /// 10 s. Default 2 s.
    pub timeout: HumanDuration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7878),
            allow_remote: false,
            max_body_bytes: 16 << 20,
            timeout: HumanDuration::from_secs(30),
            max_in_flight: 256,
        }
    }
}

impl Default for SeverityPolicy {
    fn default() -> Self {
        Self { floors: Vec::new(), allow_lowering_critical: false, abstain_below: 0.45 }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { team: None, retune: true }
    }
}

impl Default for Enrich {
    fn default() -> Self {
        Self { forward_to: Vec::new(), timeout: HumanDuration::from_secs(2) }
    }
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let advice = "must be an address with port like `127.0.0.1:7878` or `[::1]:7878`";
    text.parse().map_err(|_| D::Error::custom(format!("{advice}, got `{text}`")))
}
