//! One series: its feature vector and a streaming forest on it, in at most 16 KB.

use serde::{Deserialize, Serialize};

use super::forest::OnlineForest;
use super::params::{OnlineForestParams, OnlineParamsError};
use crate::detect::features::{FEATURES, Features, NAMES};

/// Points of the long window.
const LONG: usize = 32;
/// Weight of the newest point in the expected level and in the scale of its misses.
const LEVEL_RATE: f64 = 0.1;
const SCALE_RATE: f64 = 0.03;
/// A miss counts for the scale with so many scales at most.
const MOST_MISS: f64 = 4.0;
/// Mean absolute deviation of a normal variable to its standard deviation.
const PER_MEAN_SIZE: f64 = 1.2533;
/// Largest magnitude inside, in units of the first move.
const MOST: f64 = 1e60;

/// Scores a series point by point: 14 features of values and residuals (window figures over 8 and 32 points, residuals
/// from an exponentially weighted level), and a streaming forest on them.
///
/// The lean detector for very many series: no season, no calibration. A series' score depends neither on its unit nor on
/// its zero. NaN is passed over: it scores 0.5 and is not learned; infinities count as very large values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesForest {
    forest: OnlineForest,
    features: Features,
    origin: Option<Exact>,
    unit_exponent: Option<i32>,
    #[serde(with = "crate::detect::exact::one")]
    level: f64,
    #[serde(with = "crate::detect::exact::one")]
    size: f64,
    row: Row,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Exact(#[serde(with = "crate::detect::exact::one")] f64);

/// The newest feature vector, for the attribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row(#[serde(with = "crate::detect::exact::f64s")] Vec<f64>);

impl SeriesForest {
    /// A model that has seen nothing.
    ///
    /// # Errors
    /// None today: the number of features is a fixed one that a forest takes.
    pub fn try_new(params: OnlineForestParams) -> Result<Self, OnlineParamsError> {
        Ok(Self {
            forest: OnlineForest::try_new(params, FEATURES)?,
            features: Features::new(LONG),
            origin: None,
            unit_exponent: None,
            level: 0.0,
            size: 0.0,
            row: Row(vec![0.0; FEATURES]),
        })
    }

    /// Score of the next value, in (0, 1), 0.5 for "nothing to say"; then learns it.
    pub fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return 0.5;
        }
        let value = self.enter(value);
        let residual = self.residual(value);
        let row = self.features.push(value, residual);
        self.row.0.copy_from_slice(&row);
        self.forest.score_then_learn(&row)
    }

    /// Name and share of each feature in the newest point's score as the forest sees it now; shares sum to 1.
    #[must_use]
    pub fn attribute(&self) -> Vec<(&'static str, f64)> {
        NAMES.into_iter().zip(self.forest.attribute(&self.row.0)).collect()
    }

    /// The forest inside.
    #[must_use]
    pub const fn forest(&self) -> &OnlineForest {
        &self.forest
    }

    /// Bytes of state in memory, the heap included: at most 16 KB with [`OnlineForestParams::small`].
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let inside = size_of::<OnlineForest>() + size_of::<Features>();
        size_of::<Self>() - inside
            + self.forest.state_bytes()
            + self.features.state_bytes()
            + self.row.0.capacity() * size_of::<f64>()
    }

    /// The value in the series' own frame: the first is 0, the first move between 1 and 2.
    fn enter(&mut self, raw: f64) -> f64 {
        let raw = raw.clamp(-1e307, 1e307);
        let moved = raw - self.origin.get_or_insert(Exact(raw)).0;
        if self.unit_exponent.is_none() && moved.abs() > 0.0 {
            self.unit_exponent = Some((moved.abs().log2().floor() as i32).clamp(-1_000, 1_000));
        }
        (moved * f64::from(-self.unit_exponent.unwrap_or(0)).exp2()).clamp(-MOST, MOST)
    }

    /// The standardised miss of the expected level, which then follows the value.
    fn residual(&mut self, value: f64) -> f64 {
        let miss = value - self.level;
        let scale = PER_MEAN_SIZE * self.size;
        let residual = if scale > 0.0 { (miss / scale).clamp(-1e9, 1e9) } else { 0.0 };
        self.level += LEVEL_RATE * miss;
        let counted = if self.size > 0.0 { miss.abs().min(MOST_MISS * self.size) } else { miss.abs() };
        self.size += SCALE_RATE * (counted - self.size);
        residual
    }
}
