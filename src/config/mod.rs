//! The settings of the service: one validated, immutable value.
//!
//! Input: YAML text and an [`Environment`] that `${env:NAME}` and `${file:PATH}` refer to.
//! Output: a [`Config`] in which every name resolves and every number is in range, or every problem with its line.
//! Never: prints a secret; guesses what an unknown key meant; changes after it was read.
//!
//! # How a file is read
//! YAML → `node` (a tree that knows line and column of every key and value) → references filled in → each source,
//! detector, destination, … read by itself into its struct (`reader`) → ranges and references
//! to other parts (`check`). Because each part is read by itself, one bad detector does not hide the mistakes of the next.
//!
//! # Secrets
//! Passwords, tokens and signing secrets must be references. A text that came from a reference is never shown: where a
//! message would quote it, it quotes the reference.

mod capacity;
mod check;
mod detectors;
mod environment;
mod fault;
mod load;
mod node;
mod notify;
mod reader;
mod references;
mod service;
mod sources;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub use capacity::{CapacityKind, CapacityWatch, Workload, WorkloadKind};
pub use detectors::{Detector, ForecastJob};
pub use environment::Environment;
pub use fault::{ConfigError, Problem};
pub use load::MAX_BYTES;
pub use notify::{Alertmanager, Destination, FileDestination, HttpClient, Notify, Route, Stdout, Webhook};
pub use service::{Budget, Enrich, Floor, Http, Runbook, SeverityPolicy};
pub use sources::{BasicAuth, FileSource, PrometheusSource, Source, Tls};
pub use values::{HttpUrl, Schedule};

use crate::store::RetentionSettings;

/// Everything that `tidewatch.yaml` says, checked. The keys are the field names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Directory of the database and the models. Default `tidewatch-data`.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub http: Http,
    /// Where metrics come from, by name.
    pub sources: BTreeMap<String, Source>,
    /// What is watched for anomalies.
    pub detectors: Vec<Detector>,
    /// What is forecast on a schedule.
    pub forecasts: Vec<ForecastJob>,
    /// What may run out.
    pub capacity: Vec<CapacityWatch>,
    /// How severities are decided.
    pub severity: SeverityPolicy,
    /// Which runbook belongs to which alert; the first rule that matches counts.
    pub runbooks: Vec<Runbook>,
    /// Where alerts and recommendations go.
    pub notify: Notify,
    /// What happens to alerts that other tools send in.
    pub enrich: Enrich,
    /// How long things are kept.
    pub retention: RetentionSettings,
    /// The false alarms of all detectors together.
    pub budget: Budget,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("tidewatch-data"),
            http: Http::default(),
            sources: BTreeMap::new(),
            detectors: Vec::new(),
            forecasts: Vec::new(),
            capacity: Vec::new(),
            severity: SeverityPolicy::default(),
            runbooks: Vec::new(),
            notify: Notify::default(),
            enrich: Enrich::default(),
            retention: RetentionSettings::default(),
            budget: Budget::default(),
        }
    }
}
