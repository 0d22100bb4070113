//! Answers that are no data, turned into errors that say what to do.

use super::super::SourceError;
use super::wire::Envelope;

/// Longest piece of a foreign text that is shown, characters.
const MAX_SHOWN: usize = 300;

/// What the server answered when it did not answer with data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'a> {
    /// Address, without credentials.
    pub(super) url: &'a str,
    /// The query, or what was asked for.
    pub(super) query: &'a str,
    /// HTTP status.
    pub(super) status: u16,
    /// Where a redirect points, without credentials.
    pub(super) location: Option<&'a str>,
    /// The body, or its beginning.
    pub(super) body: &'a [u8],
}

/// The error for a status that is no success.
pub(super) fn error_of(refusal: &Refusal<'_>) -> SourceError {
    let envelope: Option<Envelope<'_, serde::de::IgnoredAny>> = serde_json::from_slice(refusal.body).ok();
    let envelope = envelope.filter(|envelope| !envelope.error.is_empty());
    let (url, status) = (refusal.url.to_owned(), refusal.status);
    match (status, envelope) {
        (401 | 403, _) => SourceError::Unauthorized { url, status },
        (300..=399, _) => {
            let to = refusal.location.unwrap_or("somewhere else");
            let message = format!("a redirect (status {status}) to {to}, and redirects are not followed");
            SourceError::Protocol { url, message }
        }
        (429 | 408 | 500..=599, Some(envelope)) => {
            let advice = if envelope.error_type == "timeout" { "; shorten the range or lighten the query" } else { "" };
            SourceError::Server { url, status, message: format!("{}{advice}", line(&envelope.error)) }
        }
        (429 | 408 | 500..=599, None) => SourceError::Server { url, status, message: said(refusal.body) },
        (_, Some(envelope)) => bad_query(refusal.query, &envelope.error),
        (_, None) => SourceError::Protocol { url, message: format!("status {status}: {}", said(refusal.body)) },
    }
}

/// A query that the server refused, with what to do about it.
pub(super) fn bad_query(query: &str, message: &str) -> SourceError {
    SourceError::BadQuery { query: line(query), message: line(message), hint: hint_for(message).to_owned() }
}

/// A body that is no JSON of this API.
pub(super) fn not_the_api(url: &str, body: &[u8], error: &serde_json::Error) -> SourceError {
    let what = if looks_like_html(body) || body.is_empty() { said(body) } else { format!("{error}: {}", said(body)) };
    SourceError::Protocol { url: url.to_owned(), message: what }
}

/// A foreign text as one line of bounded length without control characters.
pub(super) fn line(text: &str) -> String {
    let words = text.split_whitespace().map(|word| word.replace(char::is_control, ""));
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
        if out.len() > MAX_SHOWN * 4 {
            break;
        }
    }
    match out.char_indices().nth(MAX_SHOWN) {
        Some((cut, _)) => format!("{}…", &out[..cut]),
        None => out,
    }
}

/// What a body says, for people.
fn said(body: &[u8]) -> String {
    let start = &body[..body.len().min(4 * MAX_SHOWN)];
    if body.is_empty() {
        "an empty body".to_owned()
    } else if looks_like_html(body) {
        "an HTML page; is there a login page or a proxy in between?".to_owned()
    } else {
        format!("`{}`", line(&String::from_utf8_lossy(start)))
    }
}

fn looks_like_html(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// What to do about the refusals that people meet, by the words of Prometheus, VictoriaMetrics and Mimir.
fn hint_for(message: &str) -> &'static str {
    let lower = message.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["exceeded maximum resolution", "too many points", "maxpointspertimeseries"]) {
        "; raise `step`, or lower `points_per_request` of this source"
    } else if has(&["no expression found"]) {
        "; the query is empty: write a PromQL expression"
    } else if has(&[
        "many-to-many",
        "duplicate series for the match group",
        "multiple matches for labels",
        "duplicate time series",
    ]) {
        "; aggregate one side (`sum by (…)`) or name the labels to match with `on(…)` and `group_left`"
    } else if has(&["parse error", "unexpected token", "unparsed data", "cannot parse", "unclosed", "unknown function"])
    {
        "; correct the PromQL (Prometheus names the place as line:column)"
    } else if has(&[
        "too many samples",
        "max-samples",
        "exceeded the maximum",
        "max number of",
        "limit",
        "maxunique",
        "too many",
    ]) {
        "; select fewer series, aggregate, or shorten the range"
    } else if has(&["resolution step", "\"step\""]) {
        "; `step` must be a positive duration such as `1m`"
    } else if has(&["end timestamp must not be before"]) {
        "; the range must end after it begins"
    } else if has(&["invalid label name"]) {
        "; label names are letters, digits and `_`, and do not begin with a digit"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fixture: &str, parts: &[&str]) {
        let capture: serde_json::Value = serde_json::from_str(fixture).expect("a capture");
        let body = match &capture["body"] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let status = u16::try_from(capture["http_status"].as_u64().expect("a status")).expect("a status");
        let refusal =
            Refusal { url: "http://p:9090/", query: "the_query", status, location: None, body: body.as_bytes() };
        let error = error_of(&refusal).to_string();
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../data/fixtures/prometheus/", $name))
        };
    }

    #[test]
    fn captured_refusals_of_prometheus_say_what_to_do() {
        check(fixture!("prom_error_parse.json"), &["1:5: parse error", "`the_query`", "correct the PromQL"]);
        check(fixture!("prom_error_too_many_points.json"), &["11,000 points", "raise `step`"]);
        check(fixture!("prom_error_many_to_many.json"), &["duplicate series for the match group", "group_left"]);
        check(fixture!("prom_error_bad_step.json"), &["zero or negative", "`step` must be a positive duration"]);
        check(fixture!("prom_error_end_before_start.json"), &["must end after it begins"]);
        check(fixture!("prom_error_missing_param.json"), &["the query is empty"]);
        check(fixture!("prom_error_timeout.json"), &["failed with status 503", "timed out", "lighten the query"]);
        check(fixture!("prom_error_404.json"), &["404", "404 page not found", "check that the URL is the API's base"]);
        check(fixture!("prom_label_values_error.json"), &["invalid label name", "label names are letters"]);
    }

    #[test]
    fn captured_refusals_of_victoriametrics_say_what_to_do() {
        check(fixture!("vm_error_parse.json"), &["unexpected token", "correct the PromQL"]);
        check(fixture!("vm_query_range_too_many_points.json"), &["too many points", "raise `step`"]);
        check(fixture!("vm_404.json"), &["status 400", "unsupported path", "check that the URL is the API's base"]);
    }

    #[test]
    fn foreign_text_is_one_bounded_line() {
        assert_eq!(line("a\r\n\tb\u{1b}[31mc\0"), "a b[31mc");
        assert_eq!(line(&"é".repeat(1_000)).chars().count(), 301);
        assert_eq!(said(b""), "an empty body");
        assert_eq!(said(&[0xff, 0xfe]), "`\u{fffd}\u{fffd}`");
        let html =
            error_of(&Refusal { url: "u", query: "q", status: 502, location: None, body: b"\n<html>" }).to_string();
        assert!(html.contains("HTML page"), "{html}");
    }
}
