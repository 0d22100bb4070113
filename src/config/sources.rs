//! Where metrics come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::HttpUrl;
use crate::series::{HumanDuration, Secret};

/// A source: exactly one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there are a handful of sources, and none is moved in a loop")]
pub enum Source {
    /// A server with Prometheus' HTTP API: Prometheus, VictoriaMetrics, Mimir, Thanos.
    Prometheus(PrometheusSource),
    /// CSV and Parquet files.
    Files(FileSource),
}

/// A server with Prometheus' HTTP API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSource {
    /// Base address, with a path prefix where there is one; `/api/v1/…` is appended.
    pub url: HttpUrl,
    /// Longest time for one request, 1 s to 1 h. Default 30 s.
    #[serde(default = "half_a_minute")]
    pub timeout: HumanDuration,
    /// User name and password.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// Bearer token.
    #[serde(default)]
    pub bearer_token: Option<Secret>,
    /// Further request headers, such as the tenant: `X-Scope-OrgID: team-a`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Certificates for `https`.
    #[serde(default)]
    pub tls: Tls,
    /// Most series that a query may return, 1 or more. Default 1,000.
    #[serde(default = "thousand")]
    pub max_series: usize,
    /// Most samples that a query may return over all series, 1 or more. Default 20,000,000; a sample takes 16 bytes.
    #[serde(default = "twenty_million")]
    pub max_samples: usize,
    /// Requests in flight at the same time for one query, 1 to 64. Default 4.
    #[serde(default = "four")]
    pub parallel_requests: usize,
}

/// CSV and Parquet files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// A file, or a directory of which every file is read.
    pub path: PathBuf,
    /// Most bytes of one file after decompression, 1 or more. Default 2 GiB.
    #[serde(default = "two_gibibytes")]
    pub max_bytes: u64,
}

/// User name and password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Certificates for `https`, PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Private key of the client certificate; needs `cert_file`.
    pub key_file: Option<PathBuf>,
}

const fn half_a_minute() -> HumanDuration {
    HumanDuration::from_secs(30)
}

const fn thousand() -> usize {
    1_000
}

const fn twenty_million() -> usize {
    20_000_000
}

const fn four() -> usize {
    4
}

const fn two_gibibytes() -> u64 {
    2 << 30
}
