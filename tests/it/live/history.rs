//! The world that is watched: what its metrics are at any time, as history for `promtool` and live for scrapes.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::fmt::Write as _;

use jiff::Timestamp;
use tidewatch::engine::clock;

pub(super) const STEP_SECS: i64 = 300;
const DAY_SECS: f64 = 86_400.0;
const GIB: f64 = 1_073_741_824.0;
/// Size of the planted disk.
const DISK_GIB: f64 = 100.0;
/// How full it is at the end of the history, right after a clean-up.
const FULL_AT_END_GIB: f64 = 70.0;
/// How much fuller it is a day later at the same time.
const GROWTH_GIB_PER_DAY: f64 = 1.5;
/// What collects during a day and is cleaned up at night, besides.
const SAWTOOTH_GIB: f64 = 3.0;
/// Hour of the clean-up, UTC.
const CLEANUP_HOUR: f64 = 3.0;
/// How much slower the instance with the incident is.
const INCIDENT_SECONDS: f64 = 1.0;
/// How long the incident had lasted at the end of the history.
const INCIDENT_SECS: i64 = 40 * 60;

/// The planted world; everything follows from its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    /// Last time of the history, Unix seconds, a multiple of the step.
    pub(super) end: i64,
    weeks: i64,
}

impl World {
    /// A history of `weeks` that ends now.
    pub(super) fn new(weeks: i64) -> Self {
        let end = clock::now().as_second().div_euclid(STEP_SECS) * STEP_SECS;
        Self { end, weeks }
    }

    /// When the incident of instance `b` began.
    pub(super) const fn incident_at(self) -> i64 {
        self.end - INCIDENT_SECS
    }

    /// Latency of an instance, seconds: a daily season, small noise, and the incident, which still goes on.
    fn latency(self, instance: usize, at: i64) -> f64 {
        let day = (at as f64 / DAY_SECS).fract();
        let season = 0.12 * (std::f64::consts::TAU * (day - 0.3)).sin();
        let incident = if instance == 1 && at > self.incident_at() { INCIDENT_SECONDS } else { 0.0 };
        0.05f64.mul_add(instance as f64, 0.4) + season + 0.02 * noise(at, instance) + incident
    }

    /// Used bytes of the disk: steady growth, and what a day collects until the clean-up of the night.
    fn disk_used(self, at: i64) -> f64 {
        let days = (at - self.end) as f64 / DAY_SECS;
        let since_cleanup = (at as f64 / DAY_SECS - CLEANUP_HOUR / 24.0).rem_euclid(1.0);
        let steady = GROWTH_GIB_PER_DAY.mul_add(days, FULL_AT_END_GIB);
        GIB * (SAWTOOTH_GIB.mul_add(since_cleanup, steady) + 0.02 * noise(at, 7))
    }

    /// When the disk is full for the first time, if it goes on like this: a few minutes of uncertainty through noise.
    pub(super) fn disk_full_at(self) -> Timestamp {
        let full = (0..).map(|step| self.end + step * STEP_SECS).find(|at| self.disk_used(*at) >= DISK_GIB * GIB);
        Timestamp::from_second(full.expect("it grows")).expect("a time")
    }

    /// The series at one time, each as name with labels and value.
    fn at(self, at: i64) -> Vec<(String, f64)> {
        let latency = |(index, name): (usize, &str)| {
            let labels = format!(r#"app_latency_seconds{{instance="{name}",job="shop",service="checkout"}}"#);
            (labels, self.latency(index, at))
        };
        let disk = r#"{instance="node-1",job="disk",namespace="shop",persistentvolumeclaim="data-db-0",service="db"}"#;
        let mut series: Vec<(String, f64)> = ["a", "b", "c"].into_iter().enumerate().map(latency).collect();
        series.push((format!("disk_used_bytes{disk}"), self.disk_used(at)));
        series.push((format!("disk_size_bytes{disk}"), DISK_GIB * GIB));
        series
    }

    /// The history as OpenMetrics text.
    pub(super) fn open_metrics(self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (index, (name, _)) in self.at(self.end).iter().enumerate() {
            let metric = name.split('{').next().unwrap_or_default();
            if !lines.iter().any(|line| line.contains(&format!("# TYPE {metric} "))) {
                lines.push(format!("# TYPE {metric} gauge\n"));
            }
            let mut line = String::new();
            let mut time = self.end - self.weeks * 7 * 86_400;
            while time <= self.end {
                let _ = writeln!(line, "{name} {} {time}", self.at(time)[index].1);
                time += STEP_SECS;
            }
            lines.push(line);
        }
        lines.concat() + "# EOF\n"
    }

    /// What a scrape sees now.
    pub(super) fn scrape(self) -> String {
        let now = clock::now().as_second();
        self.at(now).iter().fold(String::new(), |text, (name, value)| text + &format!("{name} {value}\n"))
    }
}

/// Noise between -1 and 1 that depends on nothing but its arguments.
fn noise(at: i64, stream: usize) -> f64 {
    let mut hash = at.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(stream as u64 * 0x1234_5677);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^= hash >> 32;
    (hash % 20_001) as f64 / 10_000.0 - 1.0
}
