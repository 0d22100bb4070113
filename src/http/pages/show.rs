//! How things are written: times, spans, shares, severities, foreign text.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use crate::alert::{Alert, AlertState};
use crate::capacity::{Exhaustion, Outlook};
use crate::detect::Direction;
use crate::series::Unit;
use crate::severity::Severity;

/// Longest foreign text in a list, characters.
const SHORT: usize = 160;
/// Longest foreign text anywhere, characters.
const LONG: usize = 2_000;

/// `2026-06-01 12:30 UTC`.
pub(super) fn time_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A time that machines read too.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) { (time_text(at)) } }
}

/// A time, or a dash that says what is missing.
pub(super) fn time_or(at: Option<Timestamp>, missing: &str) -> Markup {
    at.map_or_else(|| html! { span.muted { (missing) } }, time)
}

/// `2 d 4 h`, `3 h 20 min`, `45 s`: the two largest units.
pub(super) fn span(secs: f64) -> String {
    if !secs.is_finite() {
        return "unknown".to_owned();
    }
    let secs = secs.abs().round().min(1e15) as u64;
    let parts = [("d", secs / 86_400), ("h", secs / 3_600 % 24), ("min", secs / 60 % 60), ("s", secs % 60)];
    let Some(first) = parts.iter().position(|(_, count)| *count > 0) else { return "0 s".to_owned() };
    let shown = parts.iter().skip(first).take(2).filter(|(_, count)| *count > 0);
    shown.map(|(unit, count)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Seconds from `from` to `to`, negative when `to` is earlier.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_millisecond() - from.as_millisecond()) as f64 / 1_000.0
}

/// `in 12 d 3 h` or `2 h ago`, seen from `now`.
pub(super) fn distance(now: Timestamp, at: Timestamp) -> String {
    let secs = seconds_between(now, at);
    if secs >= 0.0 { format!("in {}", span(secs)) } else { format!("{} ago", span(secs)) }
}

/// A share as percent: `72 %`, `< 1 %`, `> 99 %`.
pub(super) fn percent(share: f64) -> String {
    match share {
        s if !s.is_finite() => "unknown".to_owned(),
        s if s > 0.0 && s < 0.01 => "< 1 %".to_owned(),
        s if s > 0.99 && s < 1.0 => "> 99 %".to_owned(),
        s => format!("{:.0} %", s * 100.0),
    }
}

/// A value with its unit; what is not finite is said to be unknown.
pub(super) fn quantity(unit: Unit, value: f64) -> String {
    if value.is_finite() { unit.format(value) } else { "unknown".to_owned() }
}

/// `3 alerts`, `1 alert`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A name with underscores as words.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Text from outside: control characters made visible, its direction of writing kept to itself, at most 2,000 characters.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (visible(text, LONG)) } }
}

/// The same for the heading of a page, at most 300 characters.
pub(super) fn foreign_heading(text: &str) -> Markup {
    html! { bdi { (visible(text, 300)) } }
}

/// The same for lists, at most 160 characters.
pub(super) fn foreign_short(text: &str) -> Markup {
    html! { bdi { (visible(text, SHORT)) } }
}

/// `text` with control characters replaced by their pictures and cut at `most` characters.
pub(super) fn visible(text: &str, most: usize) -> String {
    let picture = |c: char| match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        other => other,
    };
    let mut out: String = text.chars().take(most).map(picture).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// A link to a foreign address, only when it is `http` or `https`; other addresses are shown and cannot be followed.
pub(super) fn foreign_link(address: &str) -> Markup {
    let web = url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    html! {
        @if web {
            a href=(address) rel="noopener noreferrer external" { (foreign(address)) }
        } @else {
            (foreign(address)) " " span.muted { "(not a web address)" }
        }
    }
}

/// Part of an address of ours, with everything but letters, digits, `-`, `_`, `.` and `~` encoded.
pub(super) fn in_url(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A severity as a badge with its name.
pub(super) fn severity(severity: Option<Severity>) -> Markup {
    html! {
        @match severity {
            Some(severity) => span class={ "badge " (severity) } { (severity) },
            None => span.badge { "not judged" },
        }
    }
}

/// The state of an alert as a badge.
pub(super) fn state(state: AlertState) -> Markup {
    html! {
        @match state {
            AlertState::Firing => span class="badge firing" { "firing" },
            AlertState::Resolved => span class="badge resolved" { "resolved" },
        }
    }
}

/// A share as a bar with its number beside it.
pub(super) fn bar(share: f64, class: &str) -> Markup {
    let width = if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    html! {
        span.bar {
            svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false" class=(class) {
                rect.track x="0" y="0" width="100" height="8" {}
                rect.fill x="0" y="0" width=(format!("{width:.1}")) height="8" {}
            }
            span.number { (percent(share)) }
        }
    }
}

/// A line of values without axes, for lists; gaps are left open.
pub(super) fn sparkline(values: &[f64]) -> Markup {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if finite().next().is_none() || values.len() < 2 {
        return PreEscaped(String::new());
    }
    let height = if high > low { high - low } else { 1.0 };
    let mut path = String::new();
    let mut pen_down = false;
    for (index, value) in values.iter().enumerate() {
        if !value.is_finite() {
            pen_down = false;
            continue;
        }
        let x = 100.0 * index as f64 / (values.len() - 1) as f64;
        let y = 22.0 - 20.0 * (value - low) / height;
        path.push_str(&format!("{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" }));
        pen_down = true;
    }
    html! {
        svg.spark viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            path d=(path) fill="none" vector-effect="non-scaling-stroke" {}
        }
    }
}

/// The unit of an alert's values: of an entity, that of the metric that contributes most.
pub(super) fn unit_of(alert: &Alert) -> Unit {
    let known = &alert.enrichment;
    let entity = known.series.as_deref().is_some_and(|series| series.starts_with('{'));
    match known.attribution.first() {
        Some(first) if entity && known.unit == Unit::None => Unit::from_metric_name(&first.feature),
        _ => known.unit,
    }
}

/// The value of an alert against what was expected, in words; `None` when nothing is known.
pub(super) fn against_band(alert: &Alert) -> Option<String> {
    let known = &alert.enrichment;
    let unit = unit_of(alert);
    let shown = |value: Option<f64>| value.filter(|value| value.is_finite()).map(|value| unit.format(value));
    let value = shown(known.value)?;
    if known.exhaustion.is_some() && known.lower.is_none() {
        return Some(shown(known.upper).map_or_else(|| value.clone(), |limit| format!("{value} of {limit} used")));
    }
    let metric = entity_metric(alert).map(|metric| format!("{metric} ")).unwrap_or_default();
    let side = match known.direction {
        Some(Direction::Above) => ", above the expected ",
        Some(Direction::Below) => ", below the expected ",
        _ => ", expected ",
    };
    let band = match (shown(known.lower), shown(known.upper)) {
        (Some(lower), Some(upper)) => format!("{side}{lower} to {upper}"),
        (None, Some(upper)) => format!("{side}at most {upper}"),
        (Some(lower), None) => format!("{side}at least {lower}"),
        (None, None) => shown(known.expected).map(|expected| format!("{side}{expected}")).unwrap_or_default(),
    };
    Some(format!("{metric}{value}{band}"))
}

fn entity_metric(alert: &Alert) -> Option<String> {
    let known = &alert.enrichment;
    known.series.as_deref().filter(|series| series.starts_with('{'))?;
    known.attribution.first().map(|first| visible(&first.feature, SHORT))
}

/// When a limit is reached, in words.
pub(super) fn exhaustion_words(exhaustion: &Exhaustion) -> String {
    match (exhaustion.outlook, exhaustion.p10, exhaustion.p50, exhaustion.p90) {
        (Outlook::AlreadyExhausted, ..) => "the limit is reached already".to_owned(),
        (Outlook::NeverAtThisRate, ..) => "never at this rate".to_owned(),
        (_, Some(early), Some(middle), Some(late)) => format!(
            "as likely before as after {}; eight chances in ten between {} and {}",
            time_text(middle),
            time_text(early),
            time_text(late)
        ),
        (_, early, Some(middle), _) => {
            let early = early.map(|at| format!(", one chance in ten before {}", time_text(at))).unwrap_or_default();
            format!("as likely before as after {}{early}", time_text(middle))
        }
        (_, Some(early), None, _) => {
            format!(
                "one chance in ten before {}, less than even within {:.0} days",
                time_text(early),
                exhaustion.horizon_days
            )
        }
        (_, None, None, _) => format!("less than one chance in ten within {:.0} days", exhaustion.horizon_days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        #[track_caller]
        fn check(secs: f64, expected: &str) {
            assert_eq!(span(secs), expected);
        }
        check(0.0, "0 s");
        check(45.0, "45 s");
        check(3_600.0, "1 h");
        check(12_000.0, "3 h 20 min");
        check(187_200.0, "2 d 4 h");
        check(86_460.0, "1 d");
        check(-90.0, "1 min 30 s");
        check(f64::NAN, "unknown");
        check(1e300, "11574074074 d 1 h");
    }

    #[test]
    fn shares_are_never_rounded_to_certainty() {
        assert_eq!(percent(0.72), "72 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.004), "< 1 %");
        assert_eq!(percent(0.996), "> 99 %");
        assert_eq!(percent(f64::NAN), "unknown");
    }

    #[test]
    fn foreign_text_is_inert() {
        assert_eq!(foreign("<img src=x>").into_string(), "<bdi>&lt;img src=x&gt;</bdi>");
        assert_eq!(visible("a\0b\r\nc", 99), "a␀b␍␊c");
        assert_eq!(visible("\u{202e}gpj.exe", 99), "\u{fffd}gpj.exe");
        assert_eq!(visible("äöü", 2), "äö…");
        assert_eq!(visible("äöü", 3), "äöü");
    }

    #[test]
    fn only_web_addresses_can_be_followed() {
        #[track_caller]
        fn check(address: &str, followed: bool) {
            assert_eq!(foreign_link(address).into_string().contains("<a "), followed, "{address}");
        }
        check("https://runbooks.example/a?b=c&d=e", true);
        check("http://127.0.0.1:9093/", true);
        check("javascript:alert(1)", false);
        check(" javascript:alert(1)", false);
        check("data:text/html,<script>", false);
        check("//evil.example", false);
        check("file:///etc/passwd", false);
        check("", false);
        let quoted = foreign_link("https://a.example/\"onmouseover=\"alert(1)").into_string();
        assert!(!quoted.contains("\"onmouseover"), "{quoted}");
    }

    #[test]
    fn parts_of_addresses_are_encoded() {
        assert_eq!(in_url("api-latency"), "api-latency");
        assert_eq!(in_url("a/b c?d#ü"), "a%2Fb%20c%3Fd%23%C3%BC");
        assert_eq!(in_url("../x"), "..%2Fx");
    }

    #[test]
    fn sparklines_leave_gaps_and_bear_anything() {
        let drawn = sparkline(&[1.0, f64::NAN, 2.0, 3.0]).into_string();
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        for values in [&[][..], &[1.0], &[f64::NAN, f64::NAN], &[f64::INFINITY, 1.0]] {
            assert!(!sparkline(values).into_string().contains("NaN"), "{values:?}");
        }
        assert!(sparkline(&[5.0, 5.0]).into_string().contains("path"));
    }
}
