//! What Tidewatch knows about an alert, as annotations that people read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Alert, AlertState, Enrichment, History, SimilarAlert, is_web_link};
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
    out.put_some("usage", usage(known));
    out.put_some("expected_range", expected_range(alert));
    out.put_some("deviation", known.how_far());
    out.put_some("direction", known.direction.map(|direction| direction.as_str().to_owned()));
    out.put_some("since", known.since.map(to_the_second));
    out.put_some("explanation", known.sentence.clone());
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
    fill(&mut own, "runbook_url", || known.runbook_url.clone().filter(|url| is_web_link(url)));
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
    if usage(known).is_some() {
        return None;
    }
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

/// `80 GiB of 100 GiB`, where there is a limit and no band.
fn usage(known: &Enrichment) -> Option<String> {
    let (used, limit) = (known.value?, known.upper?);
    let is_limit = known.exhaustion.is_some() && known.lower.is_none() && used.is_finite() && limit.is_finite();
    is_limit.then(|| format!("{} of {}", known.unit.format(used), known.unit.format(limit)))
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

/// `HighLatency: checkout_latency is unusually high, expected 120 ms to 180 ms (now 900 ms)`.
fn summary(alert: &Alert) -> Option<String> {
    let known = &alert.enrichment;
    let name = alert.labels.get("alertname").unwrap_or("alert");
    let subject = known.series.as_deref().filter(|series| !series.is_empty())?;
    let is = match (alert.state, known.direction) {
        (AlertState::Resolved, _) => "is back to normal",
        (AlertState::Firing, Some(Direction::Above)) => "is unusually high",
        (AlertState::Firing, Some(Direction::Below)) => "is unusually low",
        (AlertState::Firing, Some(Direction::Within)) => "moves in an unusual way",
        (AlertState::Firing, None) if known.exhaustion.is_some() => "is running out",
        (AlertState::Firing, None) => "needs a look",
    };
    let range = expected_range(alert).map(|range| format!(", expected {range}"));
    let detail = range.or_else(|| usage(known).map(|usage| format!(", {usage} used"))).unwrap_or_default();
    Some(format!("{name}: {subject} {is}{detail}"))
}

/// What comes next and what is known of the past, in sentences.
fn description(alert: &Alert) -> Option<String> {
    let known: &Enrichment = &alert.enrichment;
    let since = known.since.map(|at| format!("unusual since {}", to_the_second(at)));
    // it begins with the name of the series, whose case is its own
    let told = known.sentence.as_deref().map(ended);
    let reasons =
        join(known.reasons.iter().map(|reason| words(reason.as_str())), ", ").map(|all| format!("because: {all}"));
    let past = known.history.as_ref().map(history);
    let rest = [since, reasons, known.forecast.clone(), past].into_iter().flatten();
    join(told.into_iter().chain(rest.map(|text| sentence(&text))), " ")
}

/// With a capital letter in front and a full stop at the end.
fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    ended(&format!("{first}{}", letters.as_str()))
}

/// With a full stop at the end.
fn ended(text: &str) -> String {
    let text = text.trim();
    let stop = if text.ends_with(['.', '!', '?']) || text.is_empty() { "" } else { "." };
    format!("{text}{stop}")
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
        p if p > 0.0 && p < 1.0 => "<1 %".to_owned(),
        p if p < 100.0 && p > 99.0 => ">99 %".to_owned(),
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

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Origin;
    use crate::capacity::Within;
    use crate::detect::{Attribution, Reason};
    use crate::series::{Labels, Unit};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn alert() -> Alert {
        let labels = Labels::new().with("alertname", "HighLatency").with("service", "checkout");
        Alert {
            fingerprint: labels.fingerprint(),
            origin: Origin::Detector,
            labels,
            annotations: BTreeMap::new(),
            state: AlertState::Firing,
            starts_at: at("2026-03-01T10:00:00Z"),
            ends_at: None,
            updated_at: at("2026-03-01T10:05:00Z"),
            generator_url: None,
            assessment: None,
            enrichment: Enrichment::default(),
        }
    }

    fn full() -> Alert {
        let similar = SimilarAlert {
            fingerprint: Labels::new().fingerprint(),
            title: "HighLatency{service=\"cart\"}".to_owned(),
            starts_at: at("2026-02-11T08:00:00Z"),
            duration_minutes: Some(35.0),
            similarity: 0.9,
        };
        let enrichment = Enrichment {
            series: Some("checkout_latency".to_owned()),
            unit: Unit::Seconds,
            value: Some(0.9),
            expected: Some(0.15),
            lower: Some(0.12),
            upper: Some(0.18),
            score: Some(2.346),
            direction: Some(Direction::Above),
            since: Some(at("2026-03-01T09:58:00.432Z")),
            reasons: vec![Reason::AboveExpected, Reason::SuddenChange],
            sentence: None,
            attribution: vec![
                Attribution { feature: "residual".to_owned(), share: 0.62 },
                Attribution { feature: "slope".to_owned(), share: 0.004 },
            ],
            forecast: Some("200 ms expected in 1h".to_owned()),
            exhaustion: None,
            runbook_url: Some("https://runbooks.example/latency".to_owned()),
            history: Some(History {
                fired_last_30d: 4,
                median_duration_minutes: Some(35.0),
                last_resolved_at: Some(at("2026-02-27T12:00:00.9Z")),
            }),
            similar: vec![similar.clone(), SimilarAlert { duration_minutes: None, similarity: 0.999, ..similar }],
            missing: vec!["no metadata".to_owned()],
        };
        let assessment = Assessment {
            severity: Severity::Critical,
            probabilities: [0.724, 0.2, 0.074, 0.002],
            abstained: false,
            because: vec![
                SeverityReason::Fact { fact: "affected_users".to_owned(), value: 1_200.0, weight: 1.5 },
                SeverityReason::Missing { fact: "burn_rate".to_owned() },
                SeverityReason::KeptIncoming { severity: Severity::Critical },
            ],
            model: "m".to_owned(),
        };
        Alert { enrichment, assessment: Some(assessment), ..alert() }
    }

    fn filling() -> Alert {
        let exhaustion = Exhaustion {
            p10: Some(at("2026-03-20T00:00:00Z")),
            p50: Some(at("2026-04-02T00:00:00Z")),
            p90: None,
            probability_within: Within { d7: 0.001, d30: 0.4, d90: 0.999 },
            outlook: Outlook::WillExhaust,
            growth_per_day: 1e9,
            horizon_days: 90.0,
        };
        let mut alert = alert();
        alert.enrichment = Enrichment {
            series: Some("disk".to_owned()),
            unit: Unit::Bytes,
            value: Some(80.0 * f64::from(1 << 30)),
            upper: Some(100.0 * f64::from(1 << 30)),
            exhaustion: Some(exhaustion),
            ..Enrichment::default()
        };
        alert
    }

    #[test]
    fn what_is_known_of_an_anomaly_reads_well() {
        insta::assert_json_snapshot!(annotations_of(&full()));
    }

    #[test]
    fn what_is_known_of_a_disk_that_fills_reads_well() {
        insta::assert_json_snapshot!(annotations_of(&filling()));
    }

    #[test]
    fn a_bare_alert_gets_nothing() {
        assert_eq!(annotations_of(&alert()), BTreeMap::new());
    }

    #[test]
    fn the_alerts_own_words_stay_and_forged_ones_of_ours_go() {
        let mut alert = full();
        for (name, text) in [("summary", "mine"), ("runbook_url", ""), ("tidewatch_score", "99"), ("tidewatch_x", "y")]
        {
            alert.annotations.insert(name.to_owned(), text.to_owned());
        }
        let got = annotations_of(&alert);
        assert_eq!(got["summary"], "mine");
        assert_eq!(got["runbook_url"], "https://runbooks.example/latency");
        assert_eq!(got["tidewatch_score"], "2.35");
        assert!(!got.contains_key("tidewatch_x"));
        let again = Alert { annotations: got.clone(), ..alert };
        assert_eq!(annotations_of(&again), got, "annotating twice changes nothing");
    }

    #[test]
    fn values_that_are_not_finite_and_links_that_are_not_web_are_left_out() {
        let mut alert = full();
        let known = &mut alert.enrichment;
        known.value = Some(f64::INFINITY);
        known.lower = Some(f64::NAN);
        known.upper = Some(f64::NEG_INFINITY);
        known.expected = Some(f64::NAN);
        known.score = Some(f64::NAN);
        known.attribution[0].share = f64::NAN;
        known.runbook_url = Some("javascript:alert(1)".to_owned());
        let got = annotations_of(&alert);
        for name in ["tidewatch_expected_range", "tidewatch_score", "tidewatch_deviation", "runbook_url"] {
            assert!(!got.contains_key(name), "{name}");
        }
        assert_eq!(got["tidewatch_contributors"], "slope <1 %");
        assert!(got.values().all(|text| !text.contains("NaN") && !text.contains("inf ")), "{got:?}");
    }

    #[track_caller]
    fn range(lower: Option<f64>, upper: Option<f64>, expected: Option<f64>, text: Option<&str>) {
        let mut alert = alert();
        alert.enrichment = Enrichment { unit: Unit::Ratio, lower, upper, expected, ..Enrichment::default() };
        assert_eq!(expected_range(&alert).as_deref(), text);
    }

    #[test]
    fn what_happened_is_an_annotation_of_its_own_and_leads_the_description() {
        let mut alert = full();
        alert.enrichment.sentence = Some("checkout is 900 ms, expected 150 ms: a jump".to_owned());
        let all = annotations_of(&alert);
        assert_eq!(all["tidewatch_explanation"], "checkout is 900 ms, expected 150 ms: a jump");
        assert!(
            all["description"].starts_with("checkout is 900 ms, expected 150 ms: a jump. Unusual since"),
            "{all:?}"
        );
    }

    #[test]
    fn half_open_bands_and_resolved_alerts_are_said_as_such() {
        range(Some(0.1), Some(0.2), None, Some("10 % to 20 %"));
        range(Some(0.1), None, None, Some("at least 10 %"));
        range(None, Some(0.2), None, Some("at most 20 %"));
        range(None, None, Some(0.5), Some("about 50 %"));
        range(None, None, None, None);
        let mut alert = full();
        alert.resolve(at("2026-03-01T11:00:00Z"), at("2026-03-01T11:00:00Z"));
        assert_eq!(expected_range(&alert).as_deref(), Some("120 ms to 180 ms (peak 900 ms)"));
    }

    #[test]
    fn dates_that_never_come_are_said_in_words() {
        let exhausted = |outlook, p50| {
            let mut alert = filling();
            if let Some(exhaustion) = &mut alert.enrichment.exhaustion {
                exhaustion.outlook = outlook;
                exhaustion.p50 = p50;
            }
            annotations_of(&alert)["tidewatch_exhaustion_p50"].clone()
        };
        assert_eq!(exhausted(Outlook::NeverAtThisRate, None), "never at this rate");
        assert_eq!(exhausted(Outlook::AlreadyExhausted, None), "already reached");
        assert_eq!(exhausted(Outlook::MayExhaust, None), "not within 90 days");
    }

    #[test]
    fn percentages_never_claim_certainty_that_is_not_there() {
        let got = [0.0, 0.004, 0.005, 0.5, 0.994, 0.996, 1.0, 7.0, -1.0, f64::NAN].map(percent);
        let expected = ["0 %", "<1 %", "<1 %", "50 %", ">99 %", ">99 %", "100 %", "100 %", "0 %", "unknown"];
        assert_eq!(got, expected);
    }
}
