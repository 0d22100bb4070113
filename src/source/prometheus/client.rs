//! Requests: credentials, certificates, time and size limits, retries.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::tls::{Certificate, Identity};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::super::SourceError;
use super::faults::{Refusal, bad_query, error_of, line, not_the_api};
use super::retry::{ceiling, jittered, retry_after};
use super::settings::{Settings, Tls, bad_setting, base_url};
use super::wire::Envelope;

/// How much of a refusal is read, bytes.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// The HTTP side of a source.
#[derive(Debug)]
pub(super) struct Api {
    http: Client,
    base: Url,
    /// The address as messages show it.
    shown: String,
    settings: Settings,
}

/// One question to the API.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    pub(super) method: Method,
    /// Path under `/api/v1/`.
    pub(super) path: &'static str,
    /// Form fields of a POST, query parameters of a GET.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What an error names as the query.
    pub(super) query: &'a str,
}

/// A request that failed, with what the server asked us to wait.
struct Failure {
    error: SourceError,
    wait: Option<Duration>,
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self { error, wait: None }
    }
}

impl Api {
    pub(super) fn new(settings: &Settings) -> Result<Self, SourceError> {
        settings.check()?;
        // The one provider of cryptography. A second installation is refused, which is fine.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let base = base_url(&settings.url)?;
        let builder = Client::builder()
            .user_agent(concat!("tidewatch/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(settings)?)
            .timeout(settings.timeout.as_std())
            .connect_timeout(settings.timeout.as_std().min(Duration::from_secs(10)))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy();
        let builder = certificates(builder, &settings.tls, &base)?;
        let http = builder.build().map_err(|error| bad_setting("tls", explain(error)))?;
        Ok(Self { http, shown: base.as_str().trim_end_matches('/').to_owned(), base, settings: settings.clone() })
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Asks, tries again where that may help, and gives the data of the answer with whether it may be incomplete.
    pub(super) async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        question: &Question<'_>,
    ) -> Result<(T, bool), SourceError> {
        let body = self.ask_bytes(question).await?;
        let envelope: Envelope<'_, T> =
            serde_json::from_slice(&body).map_err(|error| not_the_api(&self.shown, &body, &error))?;
        if envelope.status == "error" {
            return Err(bad_query(question.query, &envelope.error));
        }
        let warnings: Vec<&str> = envelope.data_warnings().take(3).collect();
        if !warnings.is_empty() {
            tracing::warn!(
                url = self.shown,
                query = question.query,
                "data may be missing: {}",
                line(&warnings.join("; "))
            );
        }
        let partial = envelope.is_partial || !warnings.is_empty();
        match (envelope.status.as_ref(), envelope.data) {
            ("success", Some(data)) => Ok((data, partial)),
            _ => Err(SourceError::Protocol {
                url: self.shown.clone(),
                message: "JSON without `status: success` and `data`".to_owned(),
            }),
        }
    }

    async fn ask_bytes(&self, question: &Question<'_>) -> Result<Vec<u8>, SourceError> {
        let (base, max) = (self.settings.retry_base.as_std(), self.settings.retry_max.as_std());
        let mut attempt = 0;
        loop {
            let Failure { error, wait } = match self.ask_once(question).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let asked_too_much = wait.is_some_and(|wait| wait > max);
            if attempt >= self.settings.retries || !error.is_retryable() || asked_too_much {
                return Err(error);
            }
            let wait = wait.unwrap_or_else(|| jittered(ceiling(base, max, attempt)));
            tracing::debug!(attempt, wait_ms = wait.as_millis(), "trying again: {error}");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn ask_once(&self, question: &Question<'_>) -> Result<Vec<u8>, Failure> {
        let mut url = self
            .base
            .join("api/v1/")
            .and_then(|api| api.join(question.path))
            .map_err(|error| SourceError::Protocol { url: self.shown.clone(), message: error.to_string() })?;
        let is_post = question.method == Method::POST;
        if !is_post && !question.fields.is_empty() {
            url.query_pairs_mut().extend_pairs(&question.fields);
        }
        let mut request = self.http.request(question.method.clone(), url);
        if is_post {
            request = request.form(&question.fields);
        }
        if let Some(path) = &self.settings.bearer_token_file {
            request = request.header(AUTHORIZATION, bearer_from(path).await?);
        }
        if let Some(basic) = &self.settings.basic_auth {
            request = request.basic_auth(&basic.username, Some(basic.password.expose()));
        }
        let response = request.send().await.map_err(|error| self.failed(error))?;
        if response.status().is_success() {
            return self.body(response, self.settings.max_body_bytes).await.map_err(Failure::from);
        }
        Err(self.refused(response, question.query).await)
    }

    async fn refused(&self, response: Response, query: &str) -> Failure {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let wait = retry_after(header("retry-after"), header("date"));
        let wait = wait.filter(|_| matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE));
        let location = header("location").map(|location| line(&without_credentials(location)));
        let body = self.body_start(response).await;
        let refusal =
            Refusal { url: &self.shown, query, status: status.as_u16(), location: location.as_deref(), body: &body };
        Failure { error: error_of(&refusal), wait }
    }

    /// The whole body after decompression, refused as soon as it grows beyond `limit`.
    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, SourceError> {
        let too_large = |got: u64| SourceError::Limit {
            what: format!("answer of {} in bytes", self.shown),
            got,
            limit: limit as u64,
            advice: "shorten the range, aggregate more, or raise `max_body_bytes` of this source".to_owned(),
        };
        if let Some(length) = response.content_length().filter(|length| *length > limit as u64) {
            return Err(too_large(length));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large((body.len() + chunk.len()) as u64));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The beginning of a refusal's body; what cannot be read is left out.
    async fn body_start(&self, mut response: Response) -> Vec<u8> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = MAX_REFUSAL_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() >= MAX_REFUSAL_BYTES {
                break;
            }
        }
        body
    }

    fn failed(&self, error: reqwest::Error) -> SourceError {
        let url = self.shown.clone();
        if error.is_timeout() {
            SourceError::Timeout { url, after: self.settings.timeout }
        } else if error.is_body() || error.is_decode() {
            SourceError::Unreachable { url, message: format!("the answer broke off: {}", explain(error)) }
        } else {
            SourceError::Unreachable { url, message: explain(error) }
        }
    }
}

/// The headers that go with every request.
fn headers(settings: &Settings) -> Result<HeaderMap, SourceError> {
    let mut headers = HeaderMap::new();
    let mut set = |setting: &str, name: HeaderName, value: &str| {
        let refused = |_| bad_setting(setting, "must be visible ASCII characters without line breaks".to_owned());
        let mut value = HeaderValue::from_str(value).map_err(refused)?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<(), SourceError>(())
    };
    for (name, value) in &settings.headers {
        let setting = format!("headers.{}", line(name));
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad_setting(&setting, "is not a name of an HTTP header".to_owned()))?;
        set(&setting, parsed, value.expose())?;
    }
    if let Some(token) = &settings.bearer_token {
        set("bearer_token", AUTHORIZATION, &format!("Bearer {}", token.expose().trim()))?;
    }
    Ok(headers)
}

fn certificates(builder: reqwest::ClientBuilder, tls: &Tls, base: &Url) -> Result<reqwest::ClientBuilder, SourceError> {
    let builder = match &tls.ca_file {
        Some(path) => {
            let certificates = Certificate::from_pem_bundle(&read(path)?).map_err(|error| bad_pem(path, error))?;
            if certificates.is_empty() {
                let message = "has no PEM certificate; it must hold at least one `BEGIN CERTIFICATE` block".to_owned();
                return Err(SourceError::BadFile { path: path.display().to_string(), message });
            }
            builder.tls_certs_only(certificates)
        }
        // Plain HTTP needs no authorities, and a bare container has none to load.
        None if base.scheme() == "http" => builder.tls_certs_only([]),
        None => builder,
    };
    let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) else { return Ok(builder) };
    let mut pem = read(cert)?;
    pem.push(b'\n');
    pem.extend(read(key)?);
    Ok(builder.identity(Identity::from_pem(&pem).map_err(|error| bad_pem(cert, error))?))
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    std::fs::read(path).map_err(|source| SourceError::Io { path: path.display().to_string(), source })
}

fn bad_pem(path: &Path, error: reqwest::Error) -> SourceError {
    SourceError::BadFile { path: path.display().to_string(), message: format!("is not valid PEM: {}", explain(error)) }
}

async fn bearer_from(path: &Path) -> Result<HeaderValue, SourceError> {
    let shown = || path.display().to_string();
    let token = tokio::fs::read_to_string(path).await.map_err(|source| SourceError::Io { path: shown(), source })?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| SourceError::BadFile {
        path: shown(),
        message: "must hold one token on one line, in visible ASCII characters".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn without_credentials(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else { return location.split('?').next().unwrap_or("").to_owned() };
    let _host_is_present = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.to_string()
}

/// The chain of causes without the address, which may hold credentials.
fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_shown_without_credentials() {
        assert_eq!(without_credentials("https://u:p@h/x?token=1"), "https://h/x");
        assert_eq!(without_credentials("/login?token=1"), "/login");
    }

    #[track_caller]
    fn refused(settings: &Settings, part: &str) {
        let error = Api::new(settings).expect_err(part).to_string();
        assert!(error.contains(part) && !error.contains("canary"), "{error}");
    }

    #[test]
    fn unusable_headers_and_certificates_are_named() {
        let with = |name: &str, value: &str| Settings {
            headers: [(name.to_owned(), value.into())].into_iter().collect(),
            ..Settings::default()
        };
        refused(&with("X-Scope OrgID", "a"), "prometheus.headers.X-Scope OrgID: is not a name");
        refused(&with("X-Scope-OrgID", "canary\r\nX: y"), "prometheus.headers.X-Scope-OrgID: must be visible ASCII");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "not a certificate").expect("writes");
        let tls = |path: &Path| Settings {
            tls: Tls { ca_file: Some(path.to_owned()), ..Tls::default() },
            ..Settings::default()
        };
        refused(&tls(&file), "ca.pem: has no PEM certificate");
        refused(&tls(&directory.path().join("absent.pem")), "cannot read");
    }
}
