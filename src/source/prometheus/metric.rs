//! Which metric a query reads, whether it is a counter, and its unit.

use serde::Deserialize;

use crate::series::{MetricKind, Unit};

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// Gauge or counter.
    pub kind: MetricKind,
    /// Unit of the values; of a counter, the unit of its rate.
    pub unit: Unit,
    /// What its makers say about it, or empty.
    pub help: String,
}

/// One entry of `/api/v1/metadata`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireMetadata {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) help: String,
    #[serde(default)]
    pub(super) unit: String,
}

/// The metric of a query that is a bare selector (`name`, `name{…}`, `{__name__="name"}`, with or without `offset`);
/// `None` for everything else, whose values are what the expression made of them.
pub(super) fn bare_metric(query: &str) -> Option<&str> {
    let query = query.trim();
    let name_length = query.bytes().take_while(|byte| is_name_byte(*byte)).count();
    let (name, rest) = query.split_at(name_length);
    let rest = rest.trim_start();
    let (matchers, tail) = match rest.strip_prefix('{') {
        Some(inner) => {
            let end = closing_brace(inner)?;
            (&inner[..end], inner[end + 1..].trim())
        }
        None => ("", rest),
    };
    let offset = tail.strip_prefix("offset").map(str::trim);
    let is_offset = offset.is_some_and(|span| !span.is_empty() && span.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !(tail.is_empty() || is_offset) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if name.is_empty() { name_matcher(matchers) } else { Some(name) }
}

/// The names under which a metric may stand in the metadata: its own, that of its histogram or summary, and, as
/// OpenMetrics has it, a counter's without `_total`.
pub(super) fn metadata_names(metric: &str) -> Vec<&str> {
    let mut names = vec![metric];
    names.extend(["_bucket", "_count", "_sum", "_total"].iter().filter_map(|suffix| metric.strip_suffix(suffix)));
    names.retain(|name| !name.is_empty());
    names
}

/// What the metadata entry `found`, listed under `listed_as`, says about `metric`. Where it says nothing, the name decides.
pub(super) fn describe(metric: &str, listed_as: &str, found: Option<&WireMetadata>) -> MetricInfo {
    let by_name =
        if metric.ends_with("_total") || metric.ends_with("_bucket") { MetricKind::Counter } else { MetricKind::Gauge };
    let is_part = metric != listed_as && !metric.ends_with("_total");
    let kind = match found.map(|entry| entry.kind.as_str()) {
        Some("counter") => MetricKind::Counter,
        Some("histogram" | "summary") if is_part => MetricKind::Counter,
        Some("gauge" | "histogram" | "summary" | "info" | "stateset" | "gaugehistogram") => MetricKind::Gauge,
        _ => by_name,
    };
    let declared = found.map_or("", |entry| entry.unit.as_str());
    let help = found.map_or_else(String::new, |entry| entry.help.clone());
    MetricInfo { kind, unit: unit_of(metric, kind, declared), help }
}

/// The unit of what a query that is no bare selector returns, where it shows: a quantile of a histogram has the unit of
/// the histogram, and a metric name that survived promises its own.
pub(super) fn unit_of_result(query: &str, result_name: Option<&str>) -> Unit {
    if let Some(name) = result_name {
        return unit_of(name, MetricKind::Gauge, "");
    }
    if query.trim_start().starts_with("histogram_quantile(") {
        let part = query.split("_bucket").next().unwrap_or("");
        let name_start = part.bytes().rposition(|byte| !is_name_byte(byte)).map_or(0, |at| at + 1);
        return unit_of(&part[name_start..], MetricKind::Gauge, "");
    }
    Unit::None
}

fn unit_of(metric: &str, kind: MetricKind, declared: &str) -> Unit {
    let base = metric.strip_suffix("_total").unwrap_or(metric);
    let by_name = match kind {
        MetricKind::Counter if base.ends_with("_bucket") || base.ends_with("_count") => Unit::PerSecond,
        MetricKind::Counter => {
            let summed = base.strip_suffix("_sum").unwrap_or(base);
            let named =
                if declared.is_empty() || summed.ends_with(declared) { String::new() } else { format!("_{declared}") };
            Unit::from_metric_name(&format!("{summed}{named}_total"))
        }
        MetricKind::Gauge => Unit::from_metric_name(base),
    };
    match (by_name, declared) {
        (Unit::None, "seconds") => Unit::Seconds,
        (Unit::None, "bytes") => Unit::Bytes,
        (Unit::None, "ratio") => Unit::Ratio,
        (Unit::None, "cores") => Unit::Cores,
        _ => by_name,
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}

/// Where the brace that opened just before `text` closes, quoted texts skipped.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(mark) if byte == b'\\' && mark != b'`' => escaped = true,
            Some(mark) if byte == mark => quote = None,
            Some(_) => {}
            None if matches!(byte, b'"' | b'\'' | b'`') => quote = Some(byte),
            None if byte == b'}' => return Some(at),
            None => {}
        }
    }
    None
}

/// The name in `__name__="name"` at the start of matchers.
fn name_matcher(matchers: &str) -> Option<&str> {
    let value = matchers.trim_start().strip_prefix("__name__")?.trim_start().strip_prefix('=')?.trim_start();
    let mark = value.chars().next().filter(|mark| matches!(mark, '"' | '\'' | '`'))?;
    let (name, _) = value[1..].split_once(mark)?;
    (!name.is_empty() && name.bytes().all(is_name_byte)).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_bare_selectors_have_a_metric() {
        for (query, metric) in [
            ("up", Some("up")),
            (" http_requests_total { job = \"a\" } ", Some("http_requests_total")),
            (r#"x{path="}\"{"}"#, Some("x")),
            ("x{path=`\\`}", Some("x")),
            (r#"{__name__="up", job="x"}"#, Some("up")),
            ("up offset 5m", Some("up")),
            ("job:rate:sum", Some("job:rate:sum")),
            ("rate(up[5m])", None),
            ("up + 1", None),
            ("up{job=\"a\"} > 1", None),
            ("up[5m]", None),
            ("up{", None),
            ("up{a=\"", None),
            ("{job=\"x\"}", None),
            ("1", None),
            ("", None),
            ("é", None),
            ("up offset", None),
            ("sum(up)", None),
        ] {
            assert_eq!(bare_metric(query), metric, "{query}");
        }
    }

    #[track_caller]
    fn check(metric: &str, listed_as: &str, entry: Option<(&str, &str)>, kind: MetricKind, unit: Unit) {
        let entry = entry.map(|(kind, unit)| WireMetadata {
            kind: kind.to_owned(),
            help: String::new(),
            unit: unit.to_owned(),
        });
        let info = describe(metric, listed_as, entry.as_ref());
        assert_eq!((info.kind, info.unit), (kind, unit), "{metric}");
    }

    #[test]
    fn metadata_decides_and_the_name_stands_in() {
        use MetricKind::{Counter, Gauge};
        check("reqs_total", "reqs_total", Some(("counter", "")), Counter, Unit::PerSecond);
        check("reqs_total", "reqs", Some(("counter", "")), Counter, Unit::PerSecond);
        check("odd_total", "odd_total", Some(("gauge", "")), Gauge, Unit::None);
        check("odd", "odd", Some(("counter", "bytes")), Counter, Unit::BytesPerSecond);
        check("lat_seconds_sum", "lat_seconds", Some(("histogram", "")), Counter, Unit::Ratio);
        check("lat_seconds_count", "lat_seconds", Some(("summary", "")), Counter, Unit::PerSecond);
        check("lat_seconds", "lat_seconds", Some(("summary", "seconds")), Gauge, Unit::Seconds);
        check("heap", "heap", Some(("gauge", "bytes")), Gauge, Unit::Bytes);
        check("reqs_total", "reqs_total", None, Counter, Unit::PerSecond);
        check("lat_bucket", "lat_bucket", None, Counter, Unit::PerSecond);
        check("queue_count", "queue_count", None, Gauge, Unit::Count);
        check("queue_count", "queue_count", Some(("unknown", "")), Gauge, Unit::Count);
        assert_eq!(metadata_names("lat_sum"), ["lat_sum", "lat"]);
        assert_eq!(metadata_names("_total"), ["_total"]);
    }

    #[test]
    fn a_quantile_of_a_histogram_has_its_unit() {
        let of = |query| unit_of_result(query, None);
        assert_eq!(
            of("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))"),
            Unit::Seconds
        );
        assert_eq!(of("histogram_quantile(0.5, rate(size_bytes_bucket[5m]))"), Unit::Bytes);
        assert_eq!(of("histogram_quantile(0.5, é)"), Unit::None);
        assert_eq!(of("sum(rate(x_seconds_bucket[5m]))"), Unit::None);
        assert_eq!(unit_of_result("topk(5, a_bytes)", Some("a_bytes")), Unit::Bytes);
        assert_eq!(unit_of_result("last_over_time(a_bytes_total[1h])", Some("a_bytes_total")), Unit::Bytes);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(query in "\\PC{0,60}") {
            let _metric = bare_metric(&query);
            let _unit = unit_of_result(&format!("histogram_quantile({query}_bucket"), None);
        }
    }
}
