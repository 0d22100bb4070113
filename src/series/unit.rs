//! Units: every number that people see has one.

use serde::{Deserialize, Serialize};

/// The unit of a value, one of a closed set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Unknown, or a pure number.
    #[default]
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share of one, 0 to 1.
    Ratio,
    /// CPU cores.
    Cores,
    /// Events per second.
    PerSecond,
    /// Countable things: replicas, connections, messages.
    Count,
}

impl Unit {
    /// The unit that a metric's name promises by Prometheus' naming rules (`_bytes`, `_seconds`, `_ratio`, `_total` …).
    ///
    /// A counter's unit is that of its rate. [`Unit::None`] when the name says nothing.
    #[must_use]
    pub fn from_metric_name(name: &str) -> Self {
        let base = name.strip_suffix("_total").unwrap_or(name);
        let counter = base.len() != name.len();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|s| base.ends_with(s));
        match (counter, base) {
            (true, _) if base.ends_with("cpu_seconds") || base.ends_with("cpu_usage_seconds") => Self::Cores,
            (true, _) if ends(&["_bytes"]) => Self::BytesPerSecond,
            (true, _) if ends(&["_seconds"]) => Self::Ratio,
            (true, _) => Self::PerSecond,
            _ if ends(&["_bytes"]) => Self::Bytes,
            _ if ends(&["_seconds", "_latency", "_duration"]) => Self::Seconds,
            _ if ends(&["_ratio", "_utilisation", "_utilization", "_share"]) => Self::Ratio,
            _ if ends(&["_cores"]) => Self::Cores,
            _ if ends(&["_per_second", "_rps", "_rate"]) => Self::PerSecond,
            _ if ends(&["_count", "_replicas", "_connections", "_messages"]) => Self::Count,
            _ => Self::None,
        }
    }

    /// A value with its unit, short enough for an alert: `1.5 GiB`, `250 ms`, `73 %`, `2.1 cores`.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Bytes => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"]),
            Self::BytesPerSecond => scaled(value, 1024.0, &["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]),
            Self::Seconds => seconds(value),
            Self::Ratio => format!("{} %", significant(value * 100.0)),
            Self::Cores => format!("{} cores", significant(value)),
            Self::PerSecond => format!("{}/s", significant(value)),
            Self::None | Self::Count => significant(value),
        }
    }
}

fn scaled(value: f64, base: f64, names: &[&str]) -> String {
    let mut value = value;
    let mut index = 0;
    while value.abs() >= base && index + 1 < names.len() {
        value /= base;
        index += 1;
    }
    format!("{} {}", significant(value), names[index])
}

fn seconds(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || !v.is_finite() => format!("{value} s"),
        v if v < 1e-3 => format!("{} µs", significant(value * 1e6)),
        v if v < 1.0 => format!("{} ms", significant(value * 1e3)),
        v if v < 120.0 => format!("{} s", significant(value)),
        v if v < 7_200.0 => format!("{} min", significant(value / 60.0)),
        v if v < 172_800.0 => format!("{} h", significant(value / 3_600.0)),
        _ => format!("{} d", significant(value / 86_400.0)),
    }
}

/// Three significant digits without trailing zeros; scientific beyond a million.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (2.0 - magnitude).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn names_promise_units() {
        assert_eq!(Unit::from_metric_name("node_filesystem_avail_bytes"), Unit::Bytes);
        assert_eq!(Unit::from_metric_name("http_requests_total"), Unit::PerSecond);
        assert_eq!(Unit::from_metric_name("container_cpu_usage_seconds_total"), Unit::Cores);
        assert_eq!(Unit::from_metric_name("node_network_receive_bytes_total"), Unit::BytesPerSecond);
        assert_eq!(Unit::from_metric_name("up"), Unit::None);
    }

    #[test]
    fn values_read_well() {
        assert_eq!(Unit::Bytes.format(1.5 * 1024.0 * 1024.0 * 1024.0), "1.5 GiB");
        assert_eq!(Unit::Seconds.format(0.25), "250 ms");
        assert_eq!(Unit::Ratio.format(0.73), "73 %");
        assert_eq!(Unit::None.format(12_345.0), "12345");
        assert_eq!(Unit::None.format(1e308), "1.00e308");
        assert_eq!(Unit::None.format(f64::NAN), "NaN");
    }
}
