//! A light detector with its settings, as it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::Light;
use crate::detect::boundary::Boundary;
use crate::detect::error::DetectError;
use crate::detect::gates::{Circumstances, GateSettings};
use crate::detect::settings::Settings;
use crate::detect::stream::confidence;
use crate::detect::types::PointScore;
use crate::series::Step;

/// Version of the snapshot; another one is refused.
const FORMAT: u32 = 1;

/// The light model of one series.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Snapshot", into = "Snapshot")]
pub(in crate::detect) struct LightDetector {
    settings: Settings,
    step: Step,
    state: Light,
    boundary: Boundary,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: u32,
    settings: Settings,
    step: Step,
    state: Light,
    #[serde(default)]
    boundary: Boundary,
}

impl LightDetector {
    pub(in crate::detect) fn new(step: Step, settings: &Settings) -> Self {
        Self { settings: settings.clone(), step, state: Light::new(step, settings), boundary: Boundary::default() }
    }

    /// Judges a point with what is going on at the time; during planned work a copy does, and learns nothing.
    pub(in crate::detect) fn push_during(
        &mut self,
        at: Timestamp,
        value: f64,
        imputed: bool,
        now: Circumstances,
    ) -> PointScore {
        let impossible = self.settings.gates.is_impossible(value);
        let now = now.with(&self.settings.gates, at);
        self.boundary.set_vigilance(now.vigilance);
        self.state.set_boundary(self.p_star());
        let value = if impossible { f64::NAN } else { value };
        let point = if now.maintenance {
            let judged = self.state.clone().push(at, value, imputed, &self.settings);
            drop(self.state.push(at, f64::NAN, true, &self.settings));
            judged
        } else {
            self.state.push(at, value, imputed, &self.settings)
        };
        self.settings.gates.publish(point, impossible, now)
    }

    pub(in crate::detect) fn p_star(&self) -> f64 {
        self.boundary.p_star(self.settings.false_alarms.p_star(self.step))
    }

    pub(in crate::detect) fn set_boundary_factor(&mut self, factor: f64) {
        self.boundary.set_factor(factor);
    }

    pub(in crate::detect) const fn boundary_factor(&self) -> f64 {
        self.boundary.factor()
    }

    pub(in crate::detect) fn set_gates(&mut self, gates: &GateSettings) {
        self.settings.gates.clone_from(gates);
    }

    pub(in crate::detect) const fn freeze(&mut self) {
        self.state.freeze();
    }

    pub(in crate::detect) const fn step(&self) -> Step {
        self.step
    }

    pub(in crate::detect) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(in crate::detect) fn share(&mut self, settings: &Settings) {
        if self.settings == *settings {
            self.settings.clone_from(settings);
        }
    }

    pub(in crate::detect) fn confidence(&self) -> f64 {
        confidence(self.state.learned())
    }

    /// Bytes of this value and its heap.
    pub(in crate::detect) fn state_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Light>() + self.state.state_bytes()
    }
}

impl From<LightDetector> for Snapshot {
    fn from(detector: LightDetector) -> Self {
        let LightDetector { settings, step, state, boundary } = detector;
        Self { format: FORMAT, settings, step, state, boundary }
    }
}

impl TryFrom<Snapshot> for LightDetector {
    type Error = DetectError;

    fn try_from(snapshot: Snapshot) -> Result<Self, Self::Error> {
        let Snapshot { format, settings, step, state, boundary } = snapshot;
        if format != FORMAT {
            return Err(DetectError::Snapshot(format!("format must be {FORMAT}, got {format}")));
        }
        if !state.is_sound() {
            return Err(DetectError::Snapshot("its parts do not fit together".to_owned()));
        }
        Ok(Self { settings, step, state, boundary })
    }
}
