//! Alertmanager, API version 2.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use super::http::Poster;
use super::settings::{AlertmanagerSettings, SetupError, bad};
use super::{AlertSink, Notice, SinkError};
use crate::alert::{Alert, AlertState, annotations_of, is_web_link};
use crate::series::HumanDuration;

/// Alerts in one request.
const BATCH: usize = 256;

/// Posts alerts to every Alertmanager of a cluster; a delivery succeeds when all of them took it.
///
/// Labels are the alert's identity and `severity` (the assessed one, unless the identity has its own); scores, values and
/// times go into annotations only, so that the alert stays the same alert. Alertmanager forgets a firing alert at its
/// `endsAt`, which is `resolve_after` from the last update: send it again within that time. Posting twice is harmless.
#[derive(Debug)]
pub struct AlertmanagerSink {
    posters: Vec<Poster>,
    resolve_after: HumanDuration,
}

/// An alert in `POST /api/v2/alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

impl AlertmanagerSink {
    /// A sink with these settings. Reads certificate files; sends nothing yet.
    ///
    /// # Errors
    /// [`SetupError`] when a setting or a certificate cannot be used.
    pub fn new(settings: &AlertmanagerSettings) -> Result<Self, SetupError> {
        let secs = settings.resolve_after.as_secs_f64();
        if !(1.0..=86_400.0).contains(&secs) {
            let message = format!("must be 1s to 1d, got {}", settings.resolve_after);
            return Err(bad("alertmanager.resolve_after", message));
        }
        if settings.urls.is_empty() {
            return Err(bad("alertmanager.urls", "must name at least one Alertmanager"));
        }
        let poster = |(index, url): (usize, &String)| {
            Poster::new(&format!("alertmanager.urls[{index}]"), url, "/api/v2/alerts", &settings.http)
        };
        let posters = settings.urls.iter().enumerate().map(poster).collect::<Result<_, _>>()?;
        Ok(Self { posters, resolve_after: settings.resolve_after })
    }

    /// Posts to all at the same time, so that one that hangs does not hold up the others.
    async fn post_to_all(&self, key: &str, alerts: &[PostableAlert]) -> Result<(), SinkError> {
        let body = serde_json::to_value(alerts).map_err(|error| self.refused(format!("cannot be built: {error}")))?;
        let mut running = JoinSet::new();
        for poster in self.posters.clone() {
            let (key, body) = (key.to_owned(), body.clone());
            running.spawn(async move { poster.post(&key, &body).await });
        }
        let mut failures = Vec::new();
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => failures.push(failure),
                Err(error) => failures.push(self.refused(format!("the request broke: {error}"))),
            }
        }
        merged(failures)
    }

    fn refused(&self, message: String) -> SinkError {
        let destination = self.posters.iter().map(Poster::shown).collect::<Vec<_>>().join(", ");
        SinkError::Permanent { destination, message }
    }
}

#[async_trait]
impl AlertSink for AlertmanagerSink {
    async fn deliver(&self, idempotency_key: &str, notice: &Notice) -> Result<(), SinkError> {
        let Notice::Alerts { alerts } = notice else {
            let message = "takes alerts only; send recommendations and forwarded bodies to a webhook or a file";
            return Err(self.refused(message.to_owned()));
        };
        let postable: Vec<_> = alerts.iter().map(|alert| postable(alert, self.resolve_after)).collect();
        for batch in postable.chunks(BATCH) {
            self.post_to_all(idempotency_key, batch).await?;
        }
        Ok(())
    }
}

/// One failure for all: a retry if any may succeed later, with the longest wait that was asked for.
fn merged(failures: Vec<SinkError>) -> Result<(), SinkError> {
    if failures.len() <= 1 {
        return failures.into_iter().next().map_or(Ok(()), Err);
    }
    let (mut destinations, mut messages, mut retry, mut wait) = (Vec::new(), Vec::new(), false, None);
    for failure in failures {
        let (destination, message) = match failure {
            SinkError::Retry { destination, message, retry_after_secs } => {
                retry = true;
                wait = wait.max(retry_after_secs);
                (destination, message)
            }
            SinkError::Permanent { destination, message } => (destination, message),
        };
        messages.push(format!("{destination} {message}"));
        destinations.push(destination);
    }
    messages.sort();
    destinations.sort();
    let (destination, message) = (destinations.join(", "), messages.join("; "));
    Err(if retry {
        SinkError::Retry { destination, message, retry_after_secs: wait }
    } else {
        SinkError::Permanent { destination, message }
    })
}

fn postable(alert: &Alert, resolve_after: HumanDuration) -> PostableAlert {
    let mut labels = named(alert.labels.iter());
    labels.entry("alertname".to_owned()).or_insert_with(|| "tidewatch".to_owned());
    if let Some(assessment) = &alert.assessment {
        labels.entry("severity".to_owned()).or_insert_with(|| assessment.severity.as_str().to_owned());
    }
    let annotations = annotations_of(alert);
    // Alertmanager refuses an end before the start, and takes a missing end for its own default.
    let ends_at = match (alert.state, alert.ends_at) {
        (AlertState::Resolved, Some(end)) => end,
        (AlertState::Resolved, None) => alert.updated_at,
        (AlertState::Firing, _) => alert.updated_at.saturating_add(resolve_after.as_std()).unwrap_or(Timestamp::MAX),
    };
    PostableAlert {
        labels,
        annotations: named(annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
        starts_at: alert.starts_at,
        ends_at: ends_at.max(alert.starts_at),
        generator_url: alert.generator_url.clone().filter(|url| is_web_link(url)),
    }
}

/// Names as every Alertmanager takes them: letters, digits and `_`, no digit in front. The metric name becomes `metric`.
/// Of two names that become the same, the first in name order stays.
fn named<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (name, value) in pairs {
        let name = if name == "__name__" { "metric" } else { name };
        let mut clean: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if clean.starts_with(|c: char| c.is_ascii_digit()) {
            clean.insert(0, '_');
        }
        if !clean.is_empty() {
            out.entry(clean).or_insert_with(|| value.to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_become_what_every_alertmanager_takes() {
        let pairs = [("__name__", "up"), ("a.b", "1"), ("a_b", "2"), ("9x", "3"), ("é", "4"), ("", "5")];
        let got = named(pairs.into_iter());
        let expected = [("metric", "up"), ("a_b", "1"), ("_9x", "3"), ("_", "4")];
        assert_eq!(got, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    fn retry(secs: Option<u64>) -> SinkError {
        SinkError::Retry { destination: "a".into(), message: "is down".into(), retry_after_secs: secs }
    }

    #[test]
    fn one_that_may_recover_makes_the_delivery_worth_retrying() {
        let permanent = || SinkError::Permanent { destination: "b".into(), message: "refused".into() };
        assert!(merged(Vec::new()).is_ok());
        assert!(matches!(merged(vec![permanent(), permanent()]), Err(SinkError::Permanent { .. })));
        let Err(SinkError::Retry { destination, message, retry_after_secs }) =
            merged(vec![retry(Some(3)), permanent(), retry(Some(7)), retry(None)])
        else {
            panic!("a retry")
        };
        assert_eq!((destination.as_str(), retry_after_secs), ("a, a, a, b", Some(7)));
        assert!(message.contains("a is down") && message.contains("b refused"), "{message}");
    }
}
