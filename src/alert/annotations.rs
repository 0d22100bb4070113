//! What Tidewatch knows about an alert, as annotations that people read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Alert, AlertState, Enrichment, History, SimilarAlert};
use crate::capacity::{Exhaustion, Outlook};
use crate::detect::Direction;
use crate::severity::{Assessment, Severity, SeverityReason};

/// What every name of ours begins with.
const PREFIX: &str = "tidewatch_";
/// Longest text of an annotation, characters.
const MAX_CHARS: usize = 2_000;
/// How many contributors, reasons for a severity and similar alerts are named.
const MAX_NAMED: usize = 5;

/// The annotations of `alert`: its own, and what is known about it under names that begin with `tidewatch_`.
///
/// `summary`, `description` and `runbook_url` are filled in where the alert has none. Annotations that came in under our
/// prefix are dropped, so that nothing old or forged stands beside what is known now; unknown things have no annotation.
/// Numbers carry units, times are RFC 3339 to the second in UTC, probabilities are percentages, `tidewatch_score` is a
/// bare number. Values that are not finite are left out. Texts are cut at 2,000 characters.
#[must_use]
pub fn annotations_of(alert: &Alert) -> BTreeMap<String, String> {
    let known = &alert.enrichment;
    let mut out = Annotations::default();
    if let Some(assessment) = &alert.assessment {
        out.put("severity", assessment.severity.as_str());
        out.put("severity_probabilities", probabilities(assessment));
        out.put_some("severity_reasons", severity_reasons(assessment));
    }
    out.put_some("score", known.score.filter(|score| score.is_finite()).map(|score| format!("{score:.2}")));
    out.put_some("expected_range", expected_range(alert));
    out.put_some("direction", known.direction.map(|direction| direction.as_str().to_owned()));
    out.put_some("since", known.since.map(to_the_second));
    out.put_some("reasons", join(known.reasons.iter().map(|reason| words(reason.as_str())), ", "));
    let contributors = known.attribution.iter().filter(|part| part.share.is_finite()).take(MAX_NAMED);
    out.put_some("contributors", join(contributors.map(|p| format!("{} {}", p.feature, percent(p.share))), ", "));
    out.put_some("forecast", known.forecast.clone());
    if let Some(exhaustion) = &known.exhaustion {
        put_exhaustion(&mut out, exhaustion);
    }
    out.put_some("similar_past", join(known.similar.iter().take(MAX_NAMED).map(similar), "; "));
    out.put_some("history", known.history.as_ref().map(history));
    out.put_some("missing", join(known.missing.iter().cloned(), "; "));
    let mut own = alert.annotations.clone();
    own.retain(|name, _| !name.starts_with(PREFIX));
    own.append(&mut out.0);
    fill(&mut own, "summary", || summary(alert));
    fill(&mut own, "description", || description(alert));
    fill(&mut own, "runbook_url", || known.runbook_url.clone().filter(|url| is_web(url)));
    own
}

/// Annotations by full name.
#[derive(Default)]
struct Annotations(BTreeMap<String, String>);

impl Annotations {
    fn put(&mut self, name: &str, text: impl Into<String>) {
        let text = cut(text.into());
        if !text.is_empty() {
            self.0.insert(format!("{PREFIX}{name}"), text);
        }
    }

    fn put_some(&mut self, name: &str, text: Option<String>) {
        if let Some(text) = text {
            self.put(name, text);
        }
    }
}

fn fill(annotations: &mut BTreeMap<String, String>, name: &str, text: impl FnOnce() -> Option<String>) {
    if annotations.get(name).is_none_or(String::is_empty)
        && let Some(text) = text()
    {
        annotations.insert(name.to_owned(), cut(text));
    }
}

/// `critical 72 %, error 20 %, warning 6 %, info 2 %`.
fn probabilities(assessment: &Assessment) -> String {
    let named = Severity::ALL.iter().zip(assessment.probabilities);
    join(named.map(|(severity, probability)| format!("{severity} {}", percent(probability))), ", ").unwrap_or_default()
}

fn severity_reasons(assessment: &Assessment) -> Option<String> {
    let known = assessment.because.iter().filter(|reason| !matches!(reason, SeverityReason::Missing { .. }));
    let said = known.take(MAX_NAMED).map(|reason| match reason {
        SeverityReason::Fact { fact, value, weight } => {
            let way = if *weight >= 0.0 { "speaks for" } else { "speaks against" };
            format!("{} {} {way} {}", words(fact), plain(*value), assessment.severity)
        }
        SeverityReason::Missing { fact } => format!("{} is not known", words(fact)),
        SeverityReason::KeptIncoming { severity } => format!("came in as {severity}"),
        SeverityReason::Floor { severity } => format!("at least {severity} by rule"),
        SeverityReason::Abstained { top } => format!("the classes are too close to tell (highest {})", percent(*top)),
    });
    join(said, "; ")
}

/// `120 ms to 180 ms (now 900 ms)`; for an alert that is over, the peak.
fn expected_range(alert: &Alert) -> Option<String> {
    let known = &alert.enrichment;
    let shown = |value: Option<f64>| value.filter(|value| value.is_finite()).map(|value| known.unit.format(value));
    let band = match (shown(known.lower), shown(known.upper)) {
        (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (Some(lower), None) => format!("at least {lower}"),
        (None, Some(upper)) => format!("at most {upper}"),
        (None, None) => format!("about {}", shown(known.expected)?),
    };
    let when = if alert.state == AlertState::Firing { "now" } else { "peak" };
    Some(shown(known.value).map_or_else(|| band.clone(), |value| format!("{band} ({when} {value})")))
}

fn put_exhaustion(out: &mut Annotations, exhaustion: &Exhaustion) {
    const NEVER: &str = "never at this rate";
    let date = |at: Option<Timestamp>| at.map(to_the_second);
    let p50 = match (exhaustion.outlook, date(exhaustion.p50)) {
        (Outlook::AlreadyExhausted, _) => "already reached".to_owned(),
        (Outlook::NeverAtThisRate, _) => NEVER.to_owned(),
        (_, Some(at)) => at,
        (_, None) => format!("not within {} days", plain(exhaustion.horizon_days)),
    };
    out.put("exhaustion_p50", p50);
    if matches!(exhaustion.outlook, Outlook::WillExhaust | Outlook::MayExhaust) {
        let range = match (date(exhaustion.p10), date(exhaustion.p90)) {
            (Some(early), Some(late)) => Some(format!("{early} to {late}")),
            (Some(early), None) => Some(format!("{early} or later")),
            _ => None,
        };
        out.put_some("exhaustion_range", range);
        let within = exhaustion.probability_within;
        let spans = [("7 days", within.d7), ("30 days", within.d30), ("90 days", within.d90)];
        out.put_some("exhaustion_within", join(spans.map(|(span, p)| format!("{} within {span}", percent(p))), ", "));
    }
}

/// `fired 4 times in the last 30 days, usually for 35 min, last resolved 2026-01-31T12:00:00Z`.
fn history(history: &History) -> String {
    let mut text = match history.fired_last_30d {
        0 => "has not fired in the last 30 days".to_owned(),
        1 => "fired once in the last 30 days".to_owned(),
        times => format!("fired {times} times in the last 30 days"),
    };
    if let Some(minutes) = history.median_duration_minutes.filter(|minutes| minutes.is_finite()) {
        text.push_str(&format!(", usually for {}", span(minutes)));
    }
    if let Some(at) = history.last_resolved_at {
        text.push_str(&format!(", last resolved {}", to_the_second(at)));
    }
    text
}

fn similar(alert: &SimilarAlert) -> String {
    let lasted = alert.duration_minutes.filter(|minutes| minutes.is_finite());
    let lasted = lasted.map_or_else(|| "still firing".to_owned(), |minutes| format!("for {}", span(minutes)));
    format!("{} at {} {lasted} ({} alike)", alert.title, to_the_second(alert.starts_at), percent(alert.similarity))
}

/// `HighLatency: checkout_latency is above expected (900 ms, expected 120 ms to 180 ms)`.
fn summary(alert: &Alert) -> Option<String> {
    let known = &alert.enrichment;
    let name = alert.labels.get("alertname").unwrap_or("alert");
    let subject = known.series.as_deref().filter(|series| !series.is_empty())?;
    let is = match (alert.state, known.direction) {
        (AlertState::Resolved, _) => "is back to normal",
        (AlertState::Firing, Some(Direction::Above)) => "is above expected",
        (AlertState::Firing, Some(Direction::Below)) => "is below expected",
        (AlertState::Firing, Some(Direction::Within)) => "moves in an unusual way",
        (AlertState::Firing, None) if known.exhaustion.is_some() => "is running out",
        (AlertState::Firing, None) => "needs a look",
    };
    let range = expected_range(alert).map(|range| format!("; expected {range}")).unwrap_or_default();
    Some(format!("{name}: {subject} {is}{range}"))
}

/// What comes next and what is known of the past, in sentences.
fn description(alert: &Alert) -> Option<String> {
    let known: &Enrichment = &alert.enrichment;
    let since = known.since.map(|at| format!("unusual since {}", to_the_second(at)));
    let reasons = join(known.reasons.iter().map(|reason| words(reason.as_str())), ", ").map(|all| format!("because: {all}"));
    let past = known.history.as_ref().map(history);
    let sentences = [since, reasons, known.forecast.clone(), past].into_iter().flatten();
    join(sentences.map(|text| sentence(&text)), " ")
}

/// With a capital letter in front and a full stop at the end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) || text.is_empty() { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

fn join(parts: impl IntoIterator<Item = String>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { None } else { Some(parts.join(between)) }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn to_the_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A probability or share for people: whole percent, and never 0 or 100 for what is neither.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if !p.is_finite() => "unknown".to_owned(),
        p if p > 0.0 && p < 0.5 => "<1 %".to_owned(),
        p if p < 100.0 && p >= 99.5 => ">99 %".to_owned(),
        p => format!("{:.0} %", p.clamp(0.0, 100.0)),
    }
}

/// Minutes as people say them.
fn span(minutes: f64) -> String {
    crate::series::Unit::Seconds.format(minutes * 60.0)
}

fn plain(value: f64) -> String {
    crate::series::Unit::None.format(value)
}

fn is_web(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
