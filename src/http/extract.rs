//! Bodies and parameters in, with our own error envelope.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::engine::compute;

/// Bodies longer than this are parsed on the CPU pool, bytes.
const PARSE_INLINE: usize = 32 << 10;
/// Deepest nesting of a body.
const MAX_DEPTH: usize = 128;

/// Whether the body of a request has arrived; tells a slow sender from a slow answer.
#[derive(Debug, Clone)]
pub(super) struct Received(Arc<AtomicBool>);

impl Received {
    pub(super) fn new(already: bool) -> Self {
        Self(Arc::new(AtomicBool::new(already)))
    }

    pub(super) fn has_arrived(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A JSON body. Failures name the JSON path.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// The bytes of a body that says it is JSON.
#[derive(Debug)]
pub(super) struct JsonBytes(pub(super) Bytes);

/// The parameters of a query, each to be taken by name.
#[derive(Debug)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        if bytes.len() <= PARSE_INLINE {
            return parse(&bytes).map(Self);
        }
        compute::run(move || parse(&bytes)).await?.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        check_json(request.headers())?;
        let received = request.extensions().get::<Received>().cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| refused(&rejection))?;
        if let Some(received) = received {
            received.0.store(true, Ordering::Relaxed);
        }
        Ok(Self(bytes))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        Ok(Self { pairs: url::form_urlencoded::parse(query).into_owned().collect(), known: Vec::new() })
    }
}

impl Params {
    /// The parameter `name`, if it is given.
    pub(super) fn take<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Result<Option<T>, ApiError> {
        let mut values = self.all(name);
        let Some(text) = values.pop() else { return Ok(None) };
        if !values.is_empty() {
            let message = format!("{name}: given {} times; give it once", values.len() + 1);
            return Err(ApiError::unprocessable(message, Some(name.to_owned())));
        }
        let wrong = |error: T::Err| ApiError::unprocessable(format!("{name}: {error}"), Some(name.to_owned()));
        text.parse().map(Some).map_err(wrong)
    }

    /// The time `name`, if it is given.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<jiff::Timestamp>, ApiError> {
        let Some(text) = self.take::<String>(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let message = format!("{name}: must be a time such as 2026-01-31T12:00:00Z, got `{}`", cut(&text));
            ApiError::unprocessable(message, Some(name.to_owned()))
        })
    }

    /// How many are wanted: `limit`, 1 to `most`.
    pub(super) fn limit(&mut self, default: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.take::<String>("limit")? else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| {
            let message = format!("limit: must be a whole number from 1 to {most}, got `{}`", cut(&text));
            ApiError::unprocessable(message, Some("limit".to_owned()))
        })
    }

    /// Every value of the parameter `name`.
    pub(super) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (own, others) = std::mem::take(&mut self.pairs).into_iter().partition(|(other, _)| other == name);
        self.pairs = others;
        let own: Vec<(String, String)> = own;
        own.into_iter().map(|(_, value)| value).collect()
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known = if self.known.is_empty() { "none".to_owned() } else { self.known.join(", ") };
        let message = format!("unknown parameter `{}`; known are: {known}", cut(name));
        Err(ApiError::unprocessable(message, Some(cut(name).to_owned())))
    }
}

/// The first 60 characters.
pub(super) fn cut(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    if is_json(kind) {
        return Ok(());
    }
    let got = kind.map_or("none", cut);
    Err(ApiError::unsupported_media_type(format!("content-type must be application/json, got {got}")))
}

fn is_json(kind: Option<&str>) -> bool {
    let Some(kind) = kind else { return false };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn refused(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::too_large(
            "the body is larger than the limit; send fewer points in a request or raise http.max_body_bytes".to_owned(),
        )
    } else {
        ApiError::bad_request("the body could not be read to its end".to_owned(), None)
    }
}

/// Reads JSON from bytes; the error names the path of the first defect.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".");
        let inner = error.inner();
        let at = path.as_ref().map_or_else(String::new, |path| format!("{path}: "));
        match inner.classify() {
            serde_json::error::Category::Data if depth(bytes) > MAX_DEPTH => {
                let message = format!("the body is nested deeper than {MAX_DEPTH} levels, the limit of recursion");
                ApiError::bad_request(message, path)
            }
            serde_json::error::Category::Data => {
                ApiError::unprocessable(format!("{at}{}", in_words(&inner.to_string())), path)
            }
            _ => ApiError::bad_request(format!("the body is not valid JSON: {at}{inner}"), path),
        }
    })?;
    reader.end().map_err(|error| ApiError::bad_request(format!("the body is not valid JSON: {error}"), None))?;
    Ok(value)
}

/// What the JSON library expected, in words of JSON instead of names of types.
fn in_words(text: &str) -> String {
    let Some((before, expected)) = text.rsplit_once("expected ") else { return text.to_owned() };
    let (what, place) = expected.find(" at line ").map_or((expected, ""), |at| expected.split_at(at));
    let what = match what.split(' ').next().unwrap_or_default() {
        "struct" | "map" => "an object",
        "f64" | "f32" => "a number",
        "usize" | "u64" | "u32" | "u16" | "u8" | "i64" | "i32" => "a whole number",
        "bool" | "boolean" => "true or false",
        _ => match what {
            "a map" => "an object",
            "a sequence" => "a list",
            other => other,
        },
    };
    format!("{before}expected {what}{place}")
}

/// How deep JSON is nested, whether or not it is well formed.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => now += 1,
            b']' | b'}' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Probe {
        #[expect(dead_code, reason = "only parsed")]
        values: Vec<f64>,
    }

    #[test]
    fn the_path_of_a_wrong_type_is_named() {
        let error = parse::<Probe>(br#"{"values":[1,2,"x"]}"#).expect_err("wrong type");
        assert!(error.message().starts_with("values[2]: invalid type: string"), "{}", error.message());
        assert!(error.message().contains("expected a number"), "{}", error.message());
        assert_eq!(
            in_words("invalid length 0, expected struct ScoreRequest with 2 elements at line 1 column 2"),
            "invalid length 0, expected an object at line 1 column 2"
        );
        assert_eq!(in_words("invalid type: map, expected usize"), "invalid type: map, expected a whole number");
        assert_eq!(in_words("unknown variant `a`, expected `b` or `c`"), "unknown variant `a`, expected `b` or `c`");
    }

    #[test]
    fn what_is_not_json_is_said_to_be_not_json() {
        for body in ["", "{", "{} trailing", "not json", r#"{"values":[1e400]}"#, r#"{"values":[NaN]}"#] {
            let error = parse::<Probe>(body.as_bytes()).expect_err(body);
            let text = error.message();
            assert!(text.contains("not valid JSON") || text.contains("missing field"), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert_eq!(depth(br#"{"a":[[1],"[[[[\"[["]}"#), 3);
        assert_eq!(depth(b"]]][["), 2);
        assert_eq!(depth(b""), 0);
    }

    #[test]
    fn json_media_types() {
        assert!(is_json(Some("application/json; charset=utf-8")));
        assert!(is_json(Some("application/problem+json")));
        assert!(!is_json(Some("text/plain")));
        assert!(!is_json(None));
    }

    #[test]
    fn parameters_are_taken_by_name_and_the_others_refused() {
        let params = |query: &str| Params {
            pairs: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            known: Vec::new(),
        };
        let mut good = params("limit=5&label=a:b&label=c%3Ad&since=2026-01-01T00:00:00Z");
        assert_eq!(good.limit(100, 1_000).expect("a limit"), 5);
        assert_eq!(good.all("label"), ["a:b", "c:d"]);
        assert!(good.time("since").expect("a time").is_some());
        good.finish().expect("all taken");
        for bad in ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "limit=-1"] {
            let error = params(bad).limit(100, 1_000).expect_err(bad);
            assert!(error.message().starts_with("limit: "), "{}", error.message());
        }
        let mut unknown = params("limitt=5");
        assert_eq!(unknown.limit(7, 10).expect("default"), 7);
        assert_eq!(unknown.finish().expect_err("unknown").message(), "unknown parameter `limitt`; known are: limit");
        assert!(params("since=yesterday").time("since").is_err());
    }
}
