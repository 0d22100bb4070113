//! Value types of forecasting.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::series::{Step, Unit};

/// The model that made a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// MSTL decomposition with an ETS model of the deseasonalised part.
    MstlEts,
    /// ETS without season.
    Ets,
    /// The last season repeated.
    SeasonalNaive,
    /// The last value repeated.
    Naive,
    /// The one value a constant series has.
    Constant,
}

/// Which model is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// The best that the series allows, by backtest on its own history.
    #[default]
    Auto,
    /// [`Model::MstlEts`], or a visible fallback.
    MstlEts,
    /// [`Model::SeasonalNaive`], or a visible fallback.
    SeasonalNaive,
}

/// Why a model was used: a closed set, so that it can be counted and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Because {
    /// It was asked for by name.
    Requested,
    /// It had the lowest error over rolling origins: mean absolute scaled error of each candidate.
    BestBacktest {
        /// Mean absolute scaled error of the model used.
        mase: f64,
        /// Mean absolute scaled error of the next best.
        runner_up: f64,
    },
    /// Fewer points than two seasons.
    TooShort {
        /// Points at hand.
        points: usize,
        /// Points that the better model needs.
        needed: usize,
    },
    /// No season was found or configured.
    NoSeason,
    /// Every value is the same.
    Constant,
    /// The better model failed; the text says how.
    ModelFailed {
        /// The model that failed.
        model: Model,
        /// How it failed.
        message: String,
    },
    /// Values are kept at or above zero because all of the history is.
    NonNegative,
}

/// What is wanted of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Steps ahead, at least 1.
    pub horizon_steps: usize,
    /// Coverage of the intervals, each in (0, 1), for example `[0.8, 0.95]`.
    pub levels: Vec<f64>,
    /// The model.
    pub model: ModelChoice,
    /// Seasons in steps; `None` detects them.
    pub seasons: Option<Vec<usize>>,
    /// Number of sample paths, 0 for none.
    pub paths: usize,
    /// Seed of the sample paths.
    pub seed: u64,
}

/// One interval of a forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Coverage, in (0, 1).
    pub level: f64,
    /// Lower bounds, one for each step.
    pub lower: Vec<f64>,
    /// Upper bounds, one for each step, never below `lower`.
    pub upper: Vec<f64>,
}

/// Possible futures with the autocorrelation of the past: `count × horizon_steps` values, path after path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplePaths {
    horizon_steps: usize,
    values: Vec<f64>,
}

/// The future of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Name of the series.
    pub series: String,
    /// Unit of the values.
    pub unit: Unit,
    /// Time of the first forecast step, one step after the last observation.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Step,
    /// The model used.
    pub model: Model,
    /// Why this model, and what bent the numbers.
    pub because: Vec<Because>,
    /// Seasons used, in steps, ascending.
    pub seasons: Vec<usize>,
    /// Central path, one value for each step, finite.
    pub mean: Vec<f64>,
    /// Intervals, ascending by level.
    pub bands: Vec<Band>,
    /// Possible futures; empty unless asked for.
    pub paths: SamplePaths,
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// The horizon is zero or absurd.
    #[error("horizon must be 1 to {limit} steps, got {got}")]
    Horizon {
        /// Steps asked for.
        got: usize,
        /// Most steps allowed.
        limit: usize,
    },
    /// A level is not a coverage.
    #[error("level must be between 0 and 1 exclusive, got {0}")]
    Level(f64),
    /// A season is shorter than two steps.
    #[error("season must be at least 2 steps, got {0}")]
    Season(usize),
}

impl SamplePaths {
    /// Paths from their values, path after path.
    ///
    /// Values beyond the last whole path are dropped.
    #[must_use]
    pub fn new(horizon_steps: usize, mut values: Vec<f64>) -> Self {
        let whole = values.len().checked_div(horizon_steps).unwrap_or(0) * horizon_steps;
        values.truncate(whole);
        Self { horizon_steps, values }
    }

    /// Number of paths.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.horizon_steps).unwrap_or(0)
    }

    /// The paths, each of `horizon_steps` values.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.horizon_steps.max(1))
    }
}

impl Forecast {
    /// Steps forecast.
    #[must_use]
    pub fn horizon_steps(&self) -> usize {
        self.mean.len()
    }

    /// Time of forecast step `index`, counted from 0.
    #[must_use]
    pub fn time_at(&self, index: usize) -> Timestamp {
        let offset = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(self.step.millis());
        Timestamp::from_millisecond(self.start.as_millisecond().saturating_add(offset)).unwrap_or(Timestamp::MAX)
    }

    /// The interval of `level`, if it was asked for.
    #[must_use]
    pub fn band(&self, level: f64) -> Option<&Band> {
        self.bands.iter().find(|band| (band.level - level).abs() < 1e-9)
    }
}

impl Model {
    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MstlEts => "mstl_ets",
            Self::Ets => "ets",
            Self::SeasonalNaive => "seasonal_naive",
            Self::Naive => "naive",
            Self::Constant => "constant",
        }
    }
}
