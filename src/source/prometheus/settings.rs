//! How to reach a Prometheus-style server, and how much to take from it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::super::SourceError;
use crate::series::{HumanDuration, Secret};

/// Most points of a series that Prometheus returns in one answer.
pub(super) const SERVER_MAX_POINTS: usize = 11_000;

/// How to reach a Prometheus-style server (Prometheus, VictoriaMetrics, Mimir, Thanos), and how much to take from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Base address of the API, `http` or `https`, with a path prefix where there is one
    /// (`https://mimir.example/prometheus`). `/api/v1/…` is appended. No credentials in it.
    pub url: String,
    /// Longest time for one request, from connecting to the last byte of the answer. 1 s to 1 h.
    pub timeout: HumanDuration,
    /// Most series that a query may return. 1 or more.
    pub max_series: usize,
    /// Most samples that a query may return, over all series. 1 or more; a sample takes 16 bytes.
    pub max_samples: usize,
    /// Largest answer to one request, bytes after decompression. 1 KiB or more.
    pub max_body_bytes: usize,
    /// Requests in flight at the same time for one query over a long range. 1 to 64.
    pub parallel_requests: usize,
    /// Points of a series that one request asks for. 1 to 11,000, which is where Prometheus refuses.
    pub points_per_request: usize,
    /// Times a failed request is tried again (no connection, timeout, 429, 5xx). 0 to 10.
    pub retries: u32,
    /// Longest wait before the first retry; doubles with each further one. The wait is drawn between 0 and this.
    pub retry_base: HumanDuration,
    /// Longest wait before any retry. A server that asks (`Retry-After`) for more fails the request at once.
    pub retry_max: HumanDuration,
    /// User name and password.
    pub basic_auth: Option<BasicAuth>,
    /// Bearer token.
    pub bearer_token: Option<Secret>,
    /// File that holds a bearer token; read for each request, so that a rotated token is picked up.
    pub bearer_token_file: Option<PathBuf>,
    /// Further request headers, such as the tenant: `X-Scope-OrgID: team-a`.
    pub headers: BTreeMap<String, Secret>,
    /// Certificates.
    pub tls: Tls,
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

/// Certificates for `https`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificate authorities to trust instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate, PEM; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Private key of the client certificate, PEM; needs `cert_file`.
    pub key_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "http://localhost:9090".to_owned(),
            timeout: HumanDuration::from_secs(30),
            max_series: 1_000,
            max_samples: 20_000_000,
            max_body_bytes: 64 << 20,
            parallel_requests: 4,
            points_per_request: 10_000,
            retries: 3,
            retry_base: HumanDuration::from(std::time::Duration::from_millis(500)),
            retry_max: HumanDuration::from_secs(30),
            basic_auth: None,
            bearer_token: None,
            bearer_token_file: None,
            headers: BTreeMap::new(),
            tls: Tls::default(),
        }
    }
}

impl Settings {
    /// Checks ranges and the address, without touching files or the network.
    ///
    /// # Errors
    /// [`SourceError::BadFile`] with the name of the setting, its value and what is allowed.
    pub fn check(&self) -> Result<(), SourceError> {
        base_url(&self.url)?;
        let range = |name: &str, ok: bool, got: &dyn std::fmt::Display, allowed: &str| {
            if ok { Ok(()) } else { Err(bad_setting(name, format!("must be {allowed}, got {got}"))) }
        };
        let secs = self.timeout.as_secs_f64();
        range("timeout", (1e-3..=3_600.0).contains(&secs), &self.timeout, "1ms to 1h")?;
        range("max_series", self.max_series >= 1, &self.max_series, "1 or more")?;
        range("max_samples", self.max_samples >= 1, &self.max_samples, "1 or more")?;
        range("max_body_bytes", self.max_body_bytes >= 1_024, &self.max_body_bytes, "1024 or more")?;
        let parallel = self.parallel_requests;
        range("parallel_requests", (1..=64).contains(&parallel), &parallel, "1 to 64")?;
        let points = self.points_per_request;
        range("points_per_request", (1..=SERVER_MAX_POINTS).contains(&points), &points, "1 to 11000")?;
        range("retries", self.retries <= 10, &self.retries, "0 to 10")?;
        let ways = [self.basic_auth.is_some(), self.bearer_token.is_some(), self.bearer_token_file.is_some()];
        let ways = ways.iter().filter(|way| **way).count();
        range("basic_auth, bearer_token, bearer_token_file", ways <= 1, &ways, "at most one of the three")?;
        let pair = self.tls.cert_file.is_some() == self.tls.key_file.is_some();
        range("tls", pair, &"one of them", "both cert_file and key_file, or neither")
    }
}

/// The address as a URL that ends in `/`.
pub(super) fn base_url(text: &str) -> Result<Url, SourceError> {
    let fail = |message: String| bad_setting("url", message);
    let mut url = Url::parse(text.trim()).map_err(|error| {
        fail(format!("must be an address like http://localhost:9090, got `{}`: {error}", shown(text)))
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(fail(format!("must begin with http:// or https://, got `{}`", shown(text))));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail("must not hold credentials; put them into `basic_auth`".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// A setting that cannot be used, named as people write it.
pub(super) fn bad_setting(name: &str, message: String) -> SourceError {
    SourceError::BadFile { path: format!("prometheus.{name}"), message }
}

/// An address without what stands between `//` and `@`, even when it does not parse.
fn shown(text: &str) -> String {
    match (text.find("//"), text.rfind('@')) {
        (Some(start), Some(at)) if at > start => format!("{}//{}", &text[..start], &text[at + 1..]),
        (None, Some(at)) => text[at + 1..].to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Settings), part: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = settings.check().expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn defaults_are_valid_and_bad_settings_say_what_is_allowed() {
        Settings::default().check().expect("defaults");
        refused(|s| s.url = "ftp://x".to_owned(), "must begin with http:// or https://, got `ftp://x`");
        refused(|s| s.url = "localhost:9090".to_owned(), "must begin with http://");
        refused(|s| s.url = "http://user:canary@[bad".to_owned(), "must be an address");
        refused(|s| s.url = "ftp://user:canary@host".to_owned(), "got `ftp://host`");
        refused(|s| s.url = "http://user:canary@host".to_owned(), "put them into `basic_auth`");
        refused(|s| s.url = String::new(), "must be an address");
        refused(|s| s.points_per_request = 12_000, "1 to 11000, got 12000");
        refused(|s| s.parallel_requests = 0, "prometheus.parallel_requests: must be 1 to 64, got 0");
        refused(|s| s.retries = 11, "0 to 10");
        refused(|s| s.max_series = 0, "max_series");
        refused(|s| s.timeout = HumanDuration::from_secs(0), "got 0s");
        refused(|s| s.tls.cert_file = Some("x".into()), "cert_file and key_file");
        refused(
            |s| {
                s.bearer_token = Some("canary".into());
                s.basic_auth = Some(BasicAuth::default());
            },
            "at most one of the three, got 2",
        );
    }

    #[test]
    fn secrets_do_not_show_and_unknown_keys_are_refused() {
        let json = r#"{"url":"http://x","basic_auth":{"username":"u","password":"canary"},"headers":{"X-Scope-OrgID":"canary"}}"#;
        let settings: Settings = serde_json::from_str(json).expect("settings");
        let shown = format!("{settings:?} {}", serde_json::to_string(&settings).expect("json"));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(serde_json::from_str::<Settings>(r#"{"uri":"http://x"}"#).is_err());
    }

    #[test]
    fn a_path_prefix_is_kept_and_the_query_dropped() {
        assert_eq!(
            base_url("https://m.example/prometheus?a=b#c").expect("url").as_str(),
            "https://m.example/prometheus/"
        );
        assert_eq!(base_url("http://h:1").expect("url").join("api/v1/query").expect("joins").path(), "/api/v1/query");
    }
}
