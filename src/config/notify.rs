//! Where alerts and recommendations go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::sources::{BasicAuth, Tls};
use super::values::HttpUrl;
use crate::series::{HumanDuration, Labels, Secret};

/// Destinations, and what goes to which.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Notify {
    /// Destinations by name.
    pub destinations: BTreeMap<String, Destination>,
    /// What goes where: an alert goes to the destinations of every route that matches it, once to each.
    pub routes: Vec<Route>,
}

/// A destination: exactly one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The Alertmanagers of one cluster.
    Alertmanager(Alertmanager),
    /// A receiver of JSON.
    Webhook(Webhook),
    /// A file to which JSON lines are appended.
    File(FileDestination),
    /// JSON lines on standard output.
    Stdout(Stdout),
}

/// The Alertmanagers of one cluster: alerts go to each of them, never through a load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Base addresses, at least one.
    pub urls: Vec<HttpUrl>,
    /// How long after its last update a firing alert counts as over if nothing is heard of it, 1 m to 1 d. Default 5 m.
    #[serde(default = "five_minutes")]
    pub resolve_after: HumanDuration,
    /// How requests are made.
    #[serde(default)]
    pub http: HttpClient,
}

/// A receiver of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Address to which bodies are posted.
    pub url: HttpUrl,
    /// How requests are made.
    #[serde(default)]
    pub http: HttpClient,
}

/// A file to which JSON lines are appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDestination {
    /// Its path; the directory must exist.
    pub path: PathBuf,
}

/// JSON lines on standard output: `stdout: {}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stdout {}

/// How requests to a destination are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpClient {
    /// Longest time for one request, 1 s to 10 m. Default 10 s.
    pub timeout: HumanDuration,
    /// User name and password.
    pub basic_auth: Option<BasicAuth>,
    /// Bearer token.
    pub bearer_token: Option<Secret>,
    /// Further request headers.
    pub headers: BTreeMap<String, Secret>,
    /// Certificates for `https`.
    pub tls: Tls,
}

/// What goes where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Labels an alert must have, with these values; `severity` is matched against its judged severity. None: all.
    #[serde(rename = "match", default)]
    pub matches: Labels,
    /// Names of destinations, at least one.
    pub to: Vec<String>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            timeout: HumanDuration::from_secs(10),
            basic_auth: None,
            bearer_token: None,
            headers: BTreeMap::new(),
            tls: Tls::default(),
        }
    }
}

const fn five_minutes() -> HumanDuration {
    HumanDuration::from_secs(300)
}
