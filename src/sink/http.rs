//! Posting JSON: one attempt, and what its outcome means.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::tls::{Certificate, Identity};
use reqwest::{Client, ClientBuilder, Response};
use serde::Serialize;
use url::Url;

use super::SinkError;
use super::settings::{BasicAuth, HttpSettings, SetupError, bad};

/// How much of a refusal is read, bytes.
const MAX_REFUSAL_BYTES: usize = 4 << 10;
/// Longest piece of a refusal that is shown, characters.
const MAX_SHOWN: usize = 200;

/// Posts to one address.
#[derive(Clone)]
pub(super) struct Poster {
    http: Client,
    url: Url,
    /// The address as messages show it.
    shown: String,
    timeout: Duration,
    basic_auth: Option<BasicAuth>,
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").field("url", &self.shown).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Poster {
    /// A poster to `address` with `path` appended. `setting` is what errors call the address.
    pub(super) fn new(setting: &str, address: &str, path: &str, settings: &HttpSettings) -> Result<Self, SetupError> {
        let timeout = settings.timeout.as_std();
        if !(Duration::from_millis(1)..=Duration::from_secs(600)).contains(&timeout) {
            return Err(bad("http.timeout", format!("must be 1ms to 10m, got {}", settings.timeout)));
        }
        let mut url = parsed(setting, address)?;
        if !path.is_empty() {
            url.set_query(None);
            let base = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{base}{path}"));
        }
        let default_headers = headers(settings)?;
        // The one provider of cryptography. A second installation is refused, which is fine.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("tidewatch/", env!("CARGO_PKG_VERSION")))
            .default_headers(default_headers)
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy();
        let builder = certificates(builder, settings, &url)?;
        let http = builder.build().map_err(|error| bad("http", format!("cannot be used: {}", explain(error))))?;
        let shown = format!("{}{path}", url.origin().ascii_serialization());
        Ok(Self { http, url, shown, timeout, basic_auth: settings.basic_auth.clone() })
    }

    /// The address as messages show it: that of a webhook without its path, which often holds a token.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Posts `body`. Any 2xx is success; redirects are failures.
    pub(super) async fn post<T: Serialize + Sync + ?Sized>(&self, key: &str, body: &T) -> Result<(), SinkError> {
        let permanent = |message: String| SinkError::Permanent { destination: self.shown.clone(), message };
        let body = serde_json::to_vec(body).map_err(|error| permanent(format!("the body cannot be built: {error}")))?;
        let key = HeaderValue::from_str(key)
            .map_err(|_| permanent("the idempotency key must be visible ASCII characters".to_owned()))?;
        let request = self.http.post(self.url.clone()).header("content-type", "application/json");
        let request = match &self.basic_auth {
            Some(basic) => request.basic_auth(&basic.username, Some(basic.password.expose())),
            None => request,
        };
        let sent = request.header("idempotency-key", key).body(body).send().await;
        match sent {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(self.refused(response).await),
            Err(error) if error.is_builder() => Err(permanent(explain(error))),
            Err(error) => Err(self.broken(error)),
        }
    }

    async fn refused(&self, mut response: Response) -> SinkError {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let retry_after_secs = retry_after(header("retry-after"), header("date"));
        let destination = self.shown.clone();
        if (300..400).contains(&status) {
            let message =
                format!("answered a redirect (status {status}), which is not followed; set the final address");
            return SinkError::Permanent { destination, message };
        }
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_REFUSAL_BYTES - body.len())]);
            if body.len() >= MAX_REFUSAL_BYTES {
                break;
            }
        }
        let said = one_line(&String::from_utf8_lossy(&body));
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let message = format!("answered status {status}{said}");
        if matches!(status, 408 | 429 | 500..=599) {
            SinkError::Retry { destination, message, retry_after_secs }
        } else {
            SinkError::Permanent { destination, message }
        }
    }

    fn broken(&self, error: reqwest::Error) -> SinkError {
        let message = if error.is_timeout() {
            format!("did not answer within {}", crate::series::HumanDuration::from(self.timeout))
        } else {
            format!("cannot be reached: {}", explain(error))
        };
        SinkError::Retry { destination: self.shown.clone(), message, retry_after_secs: None }
    }
}

/// Seconds that `Retry-After` asks for: a number, or a date measured from the answer's own `Date`.
fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<u64> {
    let value = value?.trim();
    if let Ok(secs) = value.parse() {
        return Some(secs);
    }
    let parser = rfc2822::DateTimeParser::new();
    let (until, now) = (parser.parse_timestamp(value).ok()?, parser.parse_timestamp(date?.trim()).ok()?);
    Some(u64::try_from(until.as_second() - now.as_second()).unwrap_or(0))
}

fn parsed(setting: &str, address: &str) -> Result<Url, SetupError> {
    let url = Url::parse(address.trim())
        .map_err(|error| bad(setting, format!("must be an http or https address: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(setting, "must not hold credentials; put them into `http.basic_auth`"));
    }
    if matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()) {
        Ok(url)
    } else {
        Err(bad(setting, format!("must begin with http:// or https://, got scheme `{}`", url.scheme())))
    }
}

fn headers(settings: &HttpSettings) -> Result<HeaderMap, SetupError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let setting = format!("http.headers.{}", one_line(name));
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(&setting, "is not a name of an HTTP header"))?;
        headers.insert(name, secret_value(&setting, value.expose())?);
    }
    if settings.basic_auth.is_some() && settings.bearer_token.is_some() {
        return Err(bad("http", "must have at most one of basic_auth and bearer_token"));
    }
    if let Some(token) = &settings.bearer_token {
        let value = format!("Bearer {}", token.expose().trim());
        headers.insert(AUTHORIZATION, secret_value("http.bearer_token", &value)?);
    }
    Ok(headers)
}

fn secret_value(setting: &str, text: &str) -> Result<HeaderValue, SetupError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| bad(setting, "must be visible ASCII characters without line breaks"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn certificates(builder: ClientBuilder, settings: &HttpSettings, url: &Url) -> Result<ClientBuilder, SetupError> {
    let read = |setting: &str, path: &Path| {
        std::fs::read(path).map_err(|error| bad(setting, format!("cannot be read ({}): {error}", path.display())))
    };
    let builder = match &settings.ca_file {
        Some(path) => {
            let found = Certificate::from_pem_bundle(&read("http.ca_file", path)?).unwrap_or_default();
            if found.is_empty() {
                return Err(bad("http.ca_file", format!("must hold PEM certificates, {} has none", path.display())));
            }
            builder.tls_certs_only(found)
        }
        // Plain HTTP needs no authorities, and a bare container has none to load.
        None if url.scheme() == "http" => builder.tls_certs_only([]),
        None => builder,
    };
    match (&settings.cert_file, &settings.key_file) {
        (None, None) => Ok(builder),
        (Some(cert), Some(key)) => {
            let mut pem = read("http.cert_file", cert)?;
            pem.push(b'\n');
            pem.extend(read("http.key_file", key)?);
            let identity = Identity::from_pem(&pem)
                .map_err(|_| bad("http.cert_file", "and http.key_file must hold a PEM certificate and its key"))?;
            Ok(builder.identity(identity))
        }
        _ => Err(bad("http", "must have both cert_file and key_file, or neither")),
    }
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
    one_line(&text)
}

fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(address: &str, change: impl FnOnce(&mut HttpSettings), part: &str) {
        let mut settings = HttpSettings::default();
        change(&mut settings);
        let error = Poster::new("webhook.url", address, "", &settings).expect_err(part).to_string();
        assert!(error.contains(part) && !error.contains("canary"), "{error}");
    }

    #[test]
    fn unusable_settings_are_named_without_their_secrets() {
        let url = "http://localhost/";
        refused("", |_| {}, "webhook.url must be an http or https address");
        refused("ftp://h", |_| {}, "webhook.url must begin with http:// or https://, got scheme `ftp`");
        refused("http://u:canary@h", |_| {}, "webhook.url must not hold credentials");
        refused(url, |s| s.timeout = crate::series::HumanDuration::from_secs(0), "http.timeout must be 1ms to 10m");
        refused(url, |s| drop(s.headers.insert("a b".into(), "x".into())), "http.headers.a b is not a name");
        refused(url, |s| drop(s.headers.insert("a".into(), "canary\n".into())), "http.headers.a must be visible");
        refused(url, |s| s.bearer_token = Some("canary\u{7f}".into()), "http.bearer_token must be visible");
        refused(url, |s| s.ca_file = Some("/nonexistent/ca.pem".into()), "http.ca_file cannot be read");
        refused(
            url,
            |s| {
                s.bearer_token = Some("canary".into());
                s.basic_auth = Some(BasicAuth::default());
            },
            "at most one of basic_auth and bearer_token",
        );
        refused(url, |s| s.cert_file = Some("x".into()), "both cert_file and key_file");
    }

    #[test]
    fn addresses_get_their_path_and_are_shown_without_what_may_be_secret() {
        let settings = HttpSettings::default();
        let poster = |url: &str, path: &str| Poster::new("x", url, path, &settings).expect("builds");
        let alertmanager = poster("https://h:9093/prefix/?token=canary", "/api/v2/alerts");
        assert_eq!(alertmanager.url.as_str(), "https://h:9093/prefix/api/v2/alerts");
        assert_eq!(alertmanager.shown(), "https://h:9093/api/v2/alerts");
        let webhook = poster("https://h/services/canary?token=canary", "");
        assert_eq!((webhook.url.path(), webhook.shown()), ("/services/canary", "https://h"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_measured_from_the_answers_own() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(retry_after(Some("12"), None), Some(12));
        assert_eq!(retry_after(Some("Wed, 21 Oct 2015 07:29:00 GMT"), date), Some(60));
        assert_eq!(retry_after(Some("Wed, 21 Oct 2015 07:29:00 GMT"), None), None);
        assert_eq!(retry_after(Some("soon"), date), None);
    }
}
