//! Settings of capacity planning.

use serde::{Deserialize, Serialize};

use super::CapacityError;
use crate::series::HumanDuration;

/// How capacity is planned. Shares are 0 to 1, durations are texts such as `14d`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Share of the limit below which usage shall stay after a recommended change; above 0, at most 1. Default 0.8.
    pub headroom: f64,
    /// Time needed to carry out a change; a recommendation is due this long before the P10 date. Default `14d`.
    pub lead_time: HumanDuration,
    /// How far ahead to look, 1 hour to 3 years. Default `90d`.
    pub horizon: HumanDuration,
    /// How much history to use, at least 1 hour. Default `180d`.
    pub lookback: HumanDuration,
    /// Share of futures that a recommended size must hold, above 0 and below 1. Default 0.9.
    pub plan_quantile: f64,
    /// Most steps of a forecast; history is shortened to a longer step when the horizon needs more. 24 to 100,000.
    /// Default 2,200: 90 days of hours.
    pub max_steps: usize,
    /// Number of sample paths, 20 to 100,000. Default 500.
    pub paths: usize,
    /// Seed of the sample paths. Default 42.
    pub seed: u64,
    /// Right-sizing of containers.
    pub workload: WorkloadSettings,
    /// Replicas of autoscaled workloads.
    pub replicas: ReplicaSettings,
}

/// How requests and limits of a container follow from its usage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadSettings {
    /// Quantile of CPU usage that becomes the request, above 0, at most 1. Default 0.95.
    pub cpu_quantile: f64,
    /// Quantile of working-set memory that becomes the request, above 0, at most 1; 1 is the peak. Default 0.95.
    pub memory_quantile: f64,
    /// CPU limit as a multiple of the request, at least 1. Default 2.
    pub cpu_limit_factor: f64,
    /// Memory limit as a multiple of the request, at least 1. Default 1.5.
    pub memory_limit_factor: f64,
    /// The memory limit is never below this multiple of the highest usage seen, at least 1. Default 1.1.
    pub memory_peak_factor: f64,
    /// Smallest CPU request, cores, above 0. Default 0.01.
    pub min_cpu_cores: f64,
    /// Smallest memory request, bytes, above 0. Default 32 MiB.
    pub min_memory_bytes: f64,
    /// A change smaller than this share of today's setting is not worth a restart, 0 to 1. Default 0.1.
    pub tolerance: f64,
}

/// How replicas follow from demand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplicaSettings {
    /// Target share of the CPU request, above 0, at most 1. Default 0.7.
    pub cpu_target: f64,
    /// Target share of the memory request, above 0, at most 1. Default 0.8.
    pub memory_target: f64,
    /// Target queue length per pod, messages, above 0. Default 50.
    pub queue_per_pod: f64,
    /// Act when peak demand takes more than this share of the most replicas, above 0, at most 1. Default 0.8.
    pub act_at: f64,
    /// Fewest replicas ever advised, at least 1. Default 2, so that one may fail.
    pub min_replicas: u32,
    /// Growth allowed by each scale-up, percent per minute, above 0. Default 100: at most twice the pods each minute.
    pub scale_up_percent: u32,
    /// Shrinkage allowed by each scale-down, percent per 2 minutes, 1 to 100. Default 50.
    pub scale_down_percent: u32,
    /// How long demand must stay low before pods are removed, seconds, at most 3,600. Default 300.
    pub scale_down_window_secs: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            headroom: 0.8,
            lead_time: HumanDuration::from_days(14),
            horizon: HumanDuration::from_days(90),
            lookback: HumanDuration::from_days(180),
            plan_quantile: 0.9,
            max_steps: 2_200,
            paths: 500,
            seed: 42,
            workload: WorkloadSettings::default(),
            replicas: ReplicaSettings::default(),
        }
    }
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self {
            cpu_quantile: 0.95,
            memory_quantile: 0.95,
            cpu_limit_factor: 2.0,
            memory_limit_factor: 1.5,
            memory_peak_factor: 1.1,
            min_cpu_cores: 0.01,
            min_memory_bytes: 32.0 * 1024.0 * 1024.0,
            tolerance: 0.1,
        }
    }
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self {
            cpu_target: 0.7,
            memory_target: 0.8,
            queue_per_pod: 50.0,
            act_at: 0.8,
            min_replicas: 2,
            scale_up_percent: 100,
            scale_down_percent: 50,
            scale_down_window_secs: 300,
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`CapacityError::Setting`] names the first setting that is out of range, with what is allowed.
    pub fn validate(&self) -> Result<(), CapacityError> {
        share("headroom", self.headroom)?;
        let (hour, year) = (3_600.0, 365.25 * 86_400.0);
        let (horizon, lookback) = (self.horizon.as_secs_f64(), self.lookback.as_secs_f64());
        require((hour..=3.0 * year).contains(&horizon), "horizon", "1h to 3 years", &self.horizon)?;
        require(lookback >= hour, "lookback", "at least 1h", &self.lookback)?;
        require(self.lead_time.as_secs_f64() <= 3.0 * year, "lead_time", "at most 3 years", &self.lead_time)?;
        let inside = 0.0 < self.plan_quantile && self.plan_quantile < 1.0;
        require(inside, "plan_quantile", "above 0 and below 1", &self.plan_quantile)?;
        require((24..=100_000).contains(&self.max_steps), "max_steps", "24 to 100000", &self.max_steps)?;
        require((20..=100_000).contains(&self.paths), "paths", "20 to 100000", &self.paths)?;
        self.workload.validate()?;
        self.replicas.validate()
    }
}

impl WorkloadSettings {
    fn validate(&self) -> Result<(), CapacityError> {
        share("workload.cpu_quantile", self.cpu_quantile)?;
        share("workload.memory_quantile", self.memory_quantile)?;
        for (name, factor) in [
            ("workload.cpu_limit_factor", self.cpu_limit_factor),
            ("workload.memory_limit_factor", self.memory_limit_factor),
            ("workload.memory_peak_factor", self.memory_peak_factor),
        ] {
            require((1.0..=100.0).contains(&factor), name, "1 to 100", &factor)?;
        }
        positive("workload.min_cpu_cores", self.min_cpu_cores)?;
        positive("workload.min_memory_bytes", self.min_memory_bytes)?;
        require((0.0..=1.0).contains(&self.tolerance), "workload.tolerance", "0 to 1", &self.tolerance)
    }
}

impl ReplicaSettings {
    fn validate(&self) -> Result<(), CapacityError> {
        share("replicas.cpu_target", self.cpu_target)?;
        share("replicas.memory_target", self.memory_target)?;
        share("replicas.act_at", self.act_at)?;
        positive("replicas.queue_per_pod", self.queue_per_pod)?;
        require(self.min_replicas >= 1, "replicas.min_replicas", "at least 1", &self.min_replicas)?;
        let up = self.scale_up_percent;
        require((1..=10_000).contains(&up), "replicas.scale_up_percent", "1 to 10000", &up)?;
        let down = self.scale_down_percent;
        require((1..=100).contains(&down), "replicas.scale_down_percent", "1 to 100", &down)?;
        let window = self.scale_down_window_secs;
        require(window <= 3_600, "replicas.scale_down_window_secs", "at most 3600", &window)
    }
}

fn share(name: &'static str, value: f64) -> Result<(), CapacityError> {
    require(0.0 < value && value <= 1.0, name, "above 0 and at most 1", &value)
}

fn positive(name: &'static str, value: f64) -> Result<(), CapacityError> {
    require(0.0 < value && value.is_finite(), name, "a positive finite number", &value)
}

fn require(
    holds: bool,
    name: &'static str,
    allowed: &'static str,
    got: &dyn std::fmt::Display,
) -> Result<(), CapacityError> {
    if holds { Ok(()) } else { Err(CapacityError::Setting { name, allowed, got: got.to_string() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(change: impl Fn(&mut Settings), name: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = settings.validate().expect_err(name).to_string();
        assert!(error.starts_with(name) && error.contains("got"), "{error}");
    }

    #[test]
    fn the_defaults_are_valid_and_everything_out_of_range_is_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        refused(|s| s.headroom = 0.0, "headroom");
        refused(|s| s.headroom = f64::NAN, "headroom");
        refused(|s| s.headroom = 80.0, "headroom");
        refused(|s| s.horizon = HumanDuration::from_secs(1), "horizon");
        refused(|s| s.lookback = HumanDuration::from_secs(0), "lookback");
        refused(|s| s.lead_time = HumanDuration::from_days(100_000), "lead_time");
        refused(|s| s.plan_quantile = 1.0, "plan_quantile");
        refused(|s| s.max_steps = 0, "max_steps");
        refused(|s| s.paths = 1, "paths");
        refused(|s| s.workload.cpu_quantile = 1.1, "workload.cpu_quantile");
        refused(|s| s.workload.memory_limit_factor = 0.9, "workload.memory_limit_factor");
        refused(|s| s.workload.min_cpu_cores = f64::INFINITY, "workload.min_cpu_cores");
        refused(|s| s.workload.tolerance = -0.1, "workload.tolerance");
        refused(|s| s.replicas.cpu_target = 70.0, "replicas.cpu_target");
        refused(|s| s.replicas.min_replicas = 0, "replicas.min_replicas");
        refused(|s| s.replicas.scale_down_percent = 101, "replicas.scale_down_percent");
        refused(|s| s.replicas.scale_down_window_secs = 3_601, "replicas.scale_down_window_secs");
    }

    #[test]
    fn unknown_keys_are_refused_and_missing_ones_keep_their_default() {
        let settings: Settings = serde_json::from_str(r#"{"lead_time":"7d","replicas":{"cpu_target":0.6}}"#).unwrap();
        assert_eq!(settings.lead_time, HumanDuration::from_days(7));
        assert!((settings.replicas.cpu_target - 0.6).abs() < 1e-12);
        assert!((settings.headroom - 0.8).abs() < 1e-12);
        let error = serde_json::from_str::<Settings>(r#"{"leadtime":"7d"}"#).unwrap_err().to_string();
        assert!(error.contains("leadtime"), "{error}");
    }
}
