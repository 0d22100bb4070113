//! Value types of forecasting.

mod event;
mod request;
mod sample_paths;

pub use event::{Effect, Event, Span};
pub use request::Request;
pub use sample_paths::SamplePaths;

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
    /// The last season, moved along the robust slope of the history.
    Drift,
    /// Ridge autoregression whose lags follow the seasons.
    ArRidge,
    /// Additive Holt-Winters with an autoregressive error, in logarithms where all values are positive.
    HoltWinters,
    /// Prophet's form: a piecewise linear trend, Fourier seasons and regressors.
    Prophet,
    /// Optimised theta: smoothing pulled along a line.
    Theta,
    /// Croston's method for series that are mostly zero: mean size over mean interval.
    Croston,
    /// Croston's method less its bias (Syntetos and Boylan).
    Sba,
    /// Mean size times probability (Teunter, Syntetos and Babai), for series that are mostly zero.
    Tsb,
    /// Median of the last values at the same phase of the season.
    SeasonalMedian,
    /// Growth at a robust pace that does not turn back, straight, damped, in the shape of the day or towards a limit.
    Growth,
    /// Weighted median of several models, weighted by their errors over rolling origins.
    Combination,
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
    /// [`Model::Ets`], or a visible fallback.
    Ets,
    /// [`Model::ArRidge`], or a visible fallback.
    ArRidge,
    /// [`Model::HoltWinters`], or a visible fallback.
    HoltWinters,
    /// [`Model::Naive`].
    Naive,
    /// [`Model::Prophet`], or a visible fallback.
    Prophet,
    /// [`Model::Theta`], or a visible fallback.
    Theta,
    /// [`Model::Croston`], or a visible fallback.
    Croston,
    /// [`Model::Sba`], or a visible fallback.
    Sba,
    /// [`Model::Tsb`], or a visible fallback.
    Tsb,
    /// [`Model::SeasonalMedian`], or a visible fallback.
    SeasonalMedian,
    /// [`Model::Growth`], or a visible fallback.
    Growth,
}

/// A name that is no [`ModelChoice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "model must be one of auto, mstl_ets, seasonal_naive, ets, ar_ridge, holt_winters, naive, prophet, theta, croston, sba, tsb, seasonal_median, growth, got `{0}`"
)]
pub struct UnknownModel(pub String);

/// What one model contributes to a [`Model::Combination`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The model.
    pub model: Model,
    /// Its weight; the weights of a combination add up to 1.
    pub weight: f64,
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
    /// Several models were combined, weighted by their errors over rolling origins.
    Combined {
        /// Mean absolute scaled error of the combination over those origins.
        mase: f64,
        /// The same of the best single model.
        best_single: f64,
        /// Who contributes how much, largest first.
        shares: Vec<Share>,
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
    /// Isolated wild values of the history were left out: outside the others by more than the others' range, and over.
    OutliersIgnored {
        /// How many.
        points: usize,
    },
    /// The model that would have been chosen did worse lately than repeating the last season, once the truth was known; so
    /// the season is repeated.
    LostSkill {
        /// Its absolute error over that of repeating the last season.
        ratio: f64,
    },
    /// Values are kept at or above zero because all of the history is.
    NonNegative,
    /// Values are kept inside the declared range, or inside 0 to 1 as the unit is a ratio.
    WithinRange {
        /// Smallest possible value, if there is one.
        low: Option<f64>,
        /// Largest possible value, if there is one.
        high: Option<f64>,
    },
    /// The model left the history farther than a forecast can be believed, and was held back: its trend explodes.
    Damped,
    /// The series is mostly zero, and a method for such series had the lowest squared error over rolling origins.
    Intermittent {
        /// Share of zeros.
        zeros: f64,
        /// Root of the squared error over that of what would have been used otherwise.
        ratio: f64,
    },
    /// A planned event was put on top of the ordinary course.
    EventApplied {
        /// Its name.
        name: String,
        /// What the values are multiplied by, unless something is added.
        times: Option<f64>,
        /// What is added to the values, unless they are multiplied.
        plus: Option<f64>,
        /// Standard deviation of the effect (of the logarithm of the factor): intervals are wider for it. 0 when declared.
        deviation: f64,
        /// Past occurrences that the effect was learned from; 0 when it was declared.
        occurrences: usize,
        /// Steps of the horizon concerned.
        steps: usize,
    },
    /// A planned event has no declared effect and no past to learn from; nothing was done about it.
    EventUnknown {
        /// Its name.
        name: String,
    },
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
    /// A range without room.
    #[error("range must have its low end below its high end, got {low} to {high}")]
    Range {
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
    },
    /// An event that cannot be.
    #[error("event `{name}` {problem}")]
    Event {
        /// Name of the event.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A regressor that does not cover history and horizon, or is not finite.
    #[error(transparent)]
    Regressor(#[from] super::prophet::ProphetError),
    /// Paths times steps would not fit into memory.
    #[error(
        "{paths} paths of {horizon_steps} steps are more than the limit of {limit} values; ask for fewer paths or a longer step"
    )]
    Paths {
        /// Paths asked for.
        paths: usize,
        /// Steps of each.
        horizon_steps: usize,
        /// Most values allowed in all paths together.
        limit: usize,
    },
}

impl ModelChoice {
    /// Every choice.
    pub const ALL: [Self; 14] = [
        Self::Auto,
        Self::MstlEts,
        Self::SeasonalNaive,
        Self::Ets,
        Self::ArRidge,
        Self::HoltWinters,
        Self::Naive,
        Self::Prophet,
        Self::Theta,
        Self::Croston,
        Self::Sba,
        Self::Tsb,
        Self::SeasonalMedian,
        Self::Growth,
    ];

    /// The name in files, on the command line and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::MstlEts => "mstl_ets",
            Self::SeasonalNaive => "seasonal_naive",
            Self::Ets => "ets",
            Self::ArRidge => "ar_ridge",
            Self::HoltWinters => "holt_winters",
            Self::Naive => "naive",
            Self::Prophet => "prophet",
            Self::Theta => "theta",
            Self::Croston => "croston",
            Self::Sba => "sba",
            Self::Tsb => "tsb",
            Self::SeasonalMedian => "seasonal_median",
            Self::Growth => "growth",
        }
    }
}

impl std::str::FromStr for ModelChoice {
    type Err = UnknownModel;

    /// `-` and `_` are the same here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.replace('-', "_");
        Self::ALL.into_iter().find(|choice| choice.as_str() == name).ok_or_else(|| UnknownModel(text.to_owned()))
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
            Self::Drift => "drift",
            Self::ArRidge => "ar_ridge",
            Self::HoltWinters => "holt_winters",
            Self::Prophet => "prophet",
            Self::Theta => "theta",
            Self::Croston => "croston",
            Self::Sba => "sba",
            Self::Tsb => "tsb",
            Self::SeasonalMedian => "seasonal_median",
            Self::Growth => "growth",
            Self::Combination => "combination",
        }
    }
}
