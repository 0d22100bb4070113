//! Making alerts and what they say.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::lifecycle::Episode;
use super::{Alert, AlertState, Enrichment, Origin};
use crate::capacity::{CapacityReport, Outlook};
use crate::detect::{Attribution, Direction, PointScore};
use crate::forecast::Forecast;
use crate::series::{Labels, Unit};

/// What does not change during an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Who raises it.
    pub origin: Origin,
    /// Name of the alert: the detector's or watch's name.
    pub alertname: String,
    /// Labels of the series, without its metric name, and those of the detector.
    pub labels: Labels,
    /// Annotations of the detector.
    pub annotations: BTreeMap<String, String>,
    /// Link to its origin.
    pub generator_url: Option<String>,
}

impl Alert {
    /// A firing alert of `identity`, not yet judged or enriched.
    #[must_use]
    pub fn firing(identity: Identity, starts_at: Timestamp, now: Timestamp) -> Self {
        let labels = identity.labels.without("__name__").with("alertname", identity.alertname);
        let generator_url = identity.generator_url.filter(|url| is_web_link(url));
        Self {
            fingerprint: labels.fingerprint(),
            origin: identity.origin,
            labels,
            annotations: identity.annotations,
            state: AlertState::Firing,
            starts_at,
            ends_at: None,
            updated_at: now,
            generator_url,
            assessment: None,
            enrichment: Enrichment::default(),
        }
    }

    /// Name and identity labels, as people read them: `DiskFull{device="sda"}`.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.labels.get("alertname").unwrap_or("alert").to_owned();
        self.labels.clone().without("alertname").with("__name__", name).to_string()
    }

    /// How long it lasted, minutes; `None` while firing. Never negative.
    #[must_use]
    pub fn duration_minutes(&self) -> Option<f64> {
        let ends_at = self.ends_at?;
        Some((ends_at.as_millisecond() - self.starts_at.as_millisecond()).max(0) as f64 / 60_000.0)
    }

    /// Marks it as over.
    pub fn resolve(&mut self, ends_at: Timestamp, now: Timestamp) {
        self.state = AlertState::Resolved;
        self.ends_at = Some(ends_at.max(self.starts_at));
        self.updated_at = now;
    }
}

impl Enrichment {
    /// Takes over what a point says, when it is the most unusual so far.
    pub fn absorb_point(&mut self, point: &PointScore, series: &str, unit: Unit) {
        if self.score.is_some_and(|score| score >= point.score) {
            return;
        }
        self.series = Some(series.to_owned());
        self.unit = unit;
        self.value = Some(point.value);
        self.expected = Some(point.expected);
        self.lower = Some(point.lower);
        self.upper = Some(point.upper);
        self.score = Some(point.score);
        self.direction = Some(point.direction);
        self.sentence = Some(point.narrate(series, unit));
        self.reasons.clone_from(&point.reasons);
        self.attribution.clone_from(&point.attribution);
    }

    /// Takes over since when it has lasted.
    pub const fn absorb_episode(&mut self, episode: &Episode) {
        self.since = Some(episode.since);
    }

    /// Says in one sentence what comes next.
    pub fn absorb_forecast(&mut self, forecast: &Forecast) {
        self.forecast = outlook_sentence(forecast);
    }

    /// Takes over when a limit is reached.
    pub fn absorb_capacity(&mut self, report: &CapacityReport) {
        self.series = Some(report.series.clone());
        self.unit = report.unit;
        self.value = Some(report.used);
        self.upper = Some(report.limit);
        self.exhaustion = Some(report.exhaustion.clone());
    }

    /// How far the value is outside of its band, in words; `None` without a band or within it.
    #[must_use]
    pub fn how_far(&self) -> Option<String> {
        let (value, lower, upper) = (self.value?, self.lower?, self.upper?);
        let width = upper - lower;
        let (side, beyond) = match self.direction? {
            Direction::Above => ("above", value - upper),
            Direction::Below => ("below", lower - value),
            Direction::Within => return None,
        };
        if !(beyond > 0.0 && width.is_finite()) {
            return None;
        }
        let bands =
            if width > 0.0 { format!(", {:.1} times the width of the band", beyond / width) } else { String::new() };
        // of an entity, the metric that the value is of
        let metric = self.attribution.first().and_then(Attribution::metric).filter(|_| self.unit == Unit::None);
        let unit = metric.map_or(self.unit, Unit::from_metric_name);
        let told = format!("{} {side} the expected range{bands}", unit.format(beyond));
        Some(metric.map_or_else(|| told.clone(), |metric| format!("{told} ({metric})")))
    }
}

/// What the end of a forecast looks like, in one sentence; `None` for an empty forecast.
#[must_use]
pub fn outlook_sentence(forecast: &Forecast) -> Option<String> {
    let last = forecast.horizon_steps().checked_sub(1)?;
    let mean = forecast.unit.format(*forecast.mean.get(last)?);
    let span = crate::series::HumanDuration::from(std::time::Duration::from_millis(
        u64::try_from(forecast.step.millis()).unwrap_or(0).saturating_mul(forecast.mean.len() as u64),
    ));
    let band =
        forecast.bands.last().and_then(|band| Some((band.level, *band.lower.get(last)?, *band.upper.get(last)?)));
    Some(match band {
        Some((level, lower, upper)) => format!(
            "{mean} expected in {span}, between {} and {} with {:.0} % probability",
            forecast.unit.format(lower),
            forecast.unit.format(upper),
            level * 100.0
        ),
        None => format!("{mean} expected in {span}"),
    })
}

/// What an exhaustion comes to, in one sentence.
#[must_use]
pub fn exhaustion_sentence(report: &CapacityReport) -> String {
    let (used, limit) = (report.unit.format(report.used), report.unit.format(report.limit));
    let date =
        |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), |t| t.strftime("%Y-%m-%d").to_string());
    let exhaustion = &report.exhaustion;
    match exhaustion.outlook {
        Outlook::AlreadyExhausted => format!("{used} used of {limit}: the limit is reached"),
        Outlook::NeverAtThisRate => format!("{used} used of {limit}: at this rate the limit is never reached"),
        Outlook::WillExhaust | Outlook::MayExhaust => format!(
            "{used} used of {limit}: reached around {} (early {}, late {}), with {:.0} % probability within 30 days",
            date(exhaustion.p50),
            date(exhaustion.p10),
            date(exhaustion.p90),
            exhaustion.probability_within.d30 * 100.0
        ),
    }
}

/// Whether `url` is a link that may be shown: `http` or `https`, without control characters.
#[must_use]
pub fn is_web_link(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")) && !url.chars().any(|c| c.is_control() || c == ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(url: &str) -> Identity {
        Identity {
            origin: Origin::Detector,
            alertname: "Latency".into(),
            labels: Labels::new().with("__name__", "latency_seconds").with("service", "api"),
            annotations: BTreeMap::new(),
            generator_url: Some(url.into()),
        }
    }

    #[test]
    fn identity_has_no_metric_name_and_a_hostile_link_is_dropped() {
        let alert = Alert::firing(identity("javascript:alert(1)"), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert_eq!(alert.title(), r#"Latency{service="api"}"#);
        assert_eq!(alert.generator_url, None);
        assert_eq!(alert.fingerprint, alert.labels.fingerprint());
    }

    #[test]
    fn an_end_before_the_start_lasts_zero_minutes() {
        let start = Timestamp::from_second(1_000).unwrap();
        let mut alert = Alert::firing(identity("https://prometheus/graph"), start, start);
        alert.resolve(Timestamp::from_second(10).unwrap(), start);
        assert_eq!(alert.duration_minutes(), Some(0.0));
    }

    #[test]
    fn links_are_http_only() {
        for bad in ["javascript:x", "file:///etc/passwd", "http://a b", "https://a\nb", ""] {
            assert!(!is_web_link(bad), "{bad}");
        }
        assert!(is_web_link("HTTPS://runbooks.example/disk"));
    }
}
