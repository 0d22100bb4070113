//! A running Tidewatch as a source of explanations.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

/// Longest wait for an answer, and for a connection.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer, bytes.
const MOST_BYTES: usize = 64 << 20;

/// The HTTP API of a running Tidewatch.
#[derive(Debug)]
pub struct Service {
    http: Client,
    base: Url,
}

/// Why a service gave no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It is no address.
    #[error("the address of the service must be like http://127.0.0.1:7878, got `{0}`")]
    Address(String),
    /// Nobody answered.
    #[error("cannot reach Tidewatch at {url}: {message}; check that `tidewatch serve` runs there")]
    Unreachable {
        /// The address.
        url: String,
        /// How it failed.
        message: String,
    },
    /// It answered that it cannot.
    #[error("{url}: {message}")]
    Refused {
        /// The address.
        url: String,
        /// What it said.
        message: String,
        /// Whether the request was at fault.
        by_request: bool,
    },
}

/// The failure envelope of the API.
#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl ServiceError {
    /// Whether what was asked was at fault, and asking again will not help.
    #[must_use]
    pub const fn is_by_request(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Refused { by_request: true, .. })
    }
}

impl Service {
    /// The service at `url`, like `http://127.0.0.1:7878`.
    ///
    /// # Errors
    /// [`ServiceError::Address`] when `url` is no HTTP address.
    pub fn new(url: &str) -> Result<Self, ServiceError> {
        let parsed = Url::parse(url.trim()).ok().filter(|base| {
            matches!(base.scheme(), "http" | "https") && base.host_str().is_some_and(|host| !host.is_empty())
        });
        let base = parsed.ok_or_else(|| ServiceError::Address(url.to_owned()))?;
        // the one provider of cryptography; a second installation is refused, which is fine
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("tidewatch/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .no_proxy();
        let http = builder.build().map_err(|error| unreachable(&base, &error))?;
        Ok(Self { http, base })
    }

    /// What the service says of the followed series `name` (or fingerprint), of `detector` where several follow it.
    ///
    /// # Errors
    /// [`ServiceError::Unreachable`]; [`ServiceError::Refused`] with what the service said.
    pub async fn explanation<T: DeserializeOwned>(
        &self,
        name: &str,
        detector: Option<&str>,
    ) -> Result<T, ServiceError> {
        let mut url = self.base.clone();
        url.set_query(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "series", name, "explain"]);
        }
        if let Some(detector) = detector {
            url.query_pairs_mut().append_pair("detector", detector);
        }
        let answer = self.http.get(url).send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = answer.status();
        let refused = |message: String| ServiceError::Refused {
            url: self.base.to_string(),
            message,
            by_request: status.is_client_error(),
        };
        let bytes =
            self.body(answer).await?.ok_or_else(|| refused(format!("answered more than {MOST_BYTES} bytes")))?;
        if !status.is_success() {
            let said = serde_json::from_slice::<Envelope>(&bytes).map(|envelope| envelope.error.message);
            return Err(refused(said.unwrap_or_else(|_| format!("answered with status {status} and no reason"))));
        }
        let unlike = |error: serde_json::Error| refused(format!("answered something that is no explanation: {error}"));
        serde_json::from_slice(&bytes).map_err(unlike)
    }

    /// The body of an answer; `None` when it is too long.
    async fn body(&self, mut answer: Response) -> Result<Option<Vec<u8>>, ServiceError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(&self.base, &error))? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }
}

fn unreachable(url: &Url, error: &reqwest::Error) -> ServiceError {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    ServiceError::Unreachable { url: url.to_string(), message: cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_taken() {
        for url in ["", "127.0.0.1:7878", "ftp://host", "http://"] {
            let error = Service::new(url).expect_err(url);
            assert!(error.is_by_request() && error.to_string().contains("http://127.0.0.1:7878"), "{error}");
        }
        assert!(Service::new("http://127.0.0.1:7878/prefix/").is_ok());
    }
}
