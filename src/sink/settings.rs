//! Where notices are delivered, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::series::{HumanDuration, Secret};

/// The Alertmanagers of one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertmanagerSettings {
    /// Base address of every Alertmanager of the cluster, `http` or `https`, without credentials. Alerts go to each,
    /// never through a load balancer.
    pub urls: Vec<String>,
    /// How long after its last update a firing alert counts as over if nothing is heard of it. Longer than the interval
    /// at which firing alerts are sent again. 1 s to 1 d.
    pub resolve_after: HumanDuration,
    /// Requests.
    pub http: HttpSettings,
}

/// A receiver of JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Address to which bodies are posted, `http` or `https`. A secret, because such addresses often hold a token.
    pub url: Secret,
    /// Requests.
    pub http: HttpSettings,
}

/// A file to which JSON lines are appended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    /// Path; the directory must exist. Opened for each delivery, so that the file may be rotated away.
    pub path: PathBuf,
    /// Whether a delivery counts only when its lines are on the disk (`fdatasync`, some milliseconds each).
    pub fsync: bool,
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Longest time for one request. 1 ms to 10 min.
    pub timeout: HumanDuration,
    /// User name and password.
    pub basic_auth: Option<BasicAuth>,
    /// Bearer token.
    pub bearer_token: Option<Secret>,
    /// Further request headers.
    pub headers: BTreeMap<String, Secret>,
    /// Certificate authorities to trust instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate, PEM; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Private key of the client certificate, PEM; needs `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// User name and password.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User name.
    pub username: String,
    /// Password.
    #[serde(default)]
    pub password: Secret,
}

/// Why a sink cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {message}")]
pub struct SetupError {
    /// The setting, as people write it (`alertmanager.urls[0]`).
    pub setting: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl Default for AlertmanagerSettings {
    fn default() -> Self {
        Self {
            urls: vec!["http://localhost:9093".to_owned()],
            resolve_after: HumanDuration::from_secs(300),
            http: HttpSettings::default(),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            timeout: HumanDuration::from_secs(10),
            basic_auth: None,
            bearer_token: None,
            headers: BTreeMap::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }
}

/// A setting that cannot be used.
pub(super) fn bad(setting: impl Into<String>, message: impl Into<String>) -> SetupError {
    SetupError { setting: setting.into(), message: message.into() }
}
