//! Value types of a profile.

use jiff::Timestamp;

use super::super::{Step, Unit};
use super::season::Cycle;

/// What a series is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Name of the series.
    pub name: String,
    /// Unit of its values.
    pub unit: Unit,
    /// Time between two points.
    pub step: Step,
    /// Time of the first point.
    pub start: Timestamp,
    /// Time of the last point.
    pub end: Timestamp,
    /// Points on the grid, at least 1.
    pub points: usize,
    /// Share of them without a value, 0 to 1.
    pub missing: f64,
    /// Most points in a row without a value.
    pub longest_gap: usize,
    /// What kind of number it is.
    pub kind: Kind,
    /// Where its values lie.
    pub span: Span,
    /// How often it is more than zero; `None` when it never is zero or falls below zero.
    pub demand: Option<Demand>,
    /// Verified seasons, shortest first; empty without one or with too short a history.
    pub seasons: Vec<Cycle>,
    /// Where it is going.
    pub trend: Trend,
    /// What is left when season and level are taken off.
    pub noise: Noise,
    /// How often its level changed for good.
    pub level_shifts: usize,
    /// Median by hour of the day (UTC), 24 values; empty when not every hour was seen on three days.
    pub day: Vec<f64>,
}

/// What kind of number a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Constant,
    /// Two values, like `up`.
    TwoValued,
    /// Only grows, apart from restarts near zero; its rate is what moves.
    Counter {
        /// Falls to near zero.
        resets: usize,
        /// Steps upwards.
        rises: usize,
    },
    /// Whole numbers of zero or more.
    Counts,
    /// Between 0 and 1.
    Ratio,
    /// Anything else that goes up and down.
    Gauge,
}

/// Where values lie, in the unit of the series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Smallest value.
    pub min: f64,
    /// Median.
    pub median: f64,
    /// Largest value.
    pub max: f64,
    /// The bound that the values respect below: 0, or none.
    pub floor: Option<f64>,
    /// The bound that the values respect above: 1 or 100, or none.
    pub ceiling: Option<f64>,
}

/// How often something happens, and how much (Syntetos and Boylan 2005).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Share of the points that are zero, 0 to 1.
    pub zeros: f64,
    /// Mean number of points from one value above zero to the next, at least 1.
    pub interval: f64,
    /// Squared coefficient of variation of the values above zero.
    pub cv2: f64,
    /// The class that both make.
    pub class: Intermittency,
}

/// Classes of demand; the borders are an interval of 1.32 points and a squared coefficient of variation of 0.49.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intermittency {
    /// Frequent and even.
    Smooth,
    /// Frequent, of changing size.
    Erratic,
    /// Rare and even.
    Intermittent,
    /// Rare and of changing size.
    Lumpy,
}

/// Where a series is going.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Trend {
    /// Theil-Sen slope, in the unit of the series per day.
    pub per_day: f64,
    /// Share of the variance of the bucket medians that the line explains, 0 to 1.
    pub strength: f64,
    /// Two-sided probability of such a trend without one (Mann-Kendall, corrected for autocorrelation); 1 when unknown.
    pub p_value: f64,
}

/// What is left of a series when season and level are taken off.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Noise {
    /// Robust standard deviation, in the unit of the series.
    pub scale: f64,
    /// Autocorrelation at one step, -1 to 1, of values limited to four scales.
    pub lag1: f64,
    /// Scale at the noisiest of 24 phases of the season (or day) over that of the quietest, at least 1; 0 when unknown.
    pub by_phase: f64,
    /// Hour of the day (UTC) that is noisiest; `None` when the phases are no hours or unknown.
    pub noisiest_hour: Option<usize>,
    /// Hour of the day (UTC) that is quietest.
    pub quietest_hour: Option<usize>,
    /// Slope of ln(scale) over ln(level): 0 for noise that does not depend on the level, 1 for noise proportional to it; 0
    /// when not all values are above zero.
    pub with_level: f64,
    /// Hill's tail index: values beyond u become rarer as u to this power; 0 when unknown. Below 4 is heavy.
    pub tail_index: f64,
    /// (q97.5 - q2.5) / (q75 - q25) - 2.91 (Crow and Siddiqui 1967): 0 for normal noise, more for heavy tails.
    pub tail_weight: f64,
    /// Share of points beyond six scales, 0 to 1.
    pub outliers: f64,
}

impl Profile {
    /// Days that it covers.
    #[must_use]
    pub fn days(&self) -> f64 {
        self.points as f64 * self.step.secs_f64() / 86_400.0
    }

    /// The season that explains most; `None` without one.
    #[must_use]
    pub fn main_season(&self) -> Option<&Cycle> {
        self.seasons.iter().min_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// Whether most points are zero and the others rare.
    #[must_use]
    pub fn is_intermittent(&self) -> bool {
        self.demand.is_some_and(|d| matches!(d.class, Intermittency::Intermittent | Intermittency::Lumpy))
    }

    /// Whether all values are above zero and the noise grows with the level, so that ratios mean more than differences.
    #[must_use]
    pub fn is_multiplicative(&self) -> bool {
        self.span.min > 0.0 && self.span.max > 4.0 * self.span.min && self.noise.with_level > 0.6
    }

    /// Whether tails are heavier than a normal distribution's by far.
    #[must_use]
    pub fn is_heavy_tailed(&self) -> bool {
        self.noise.tail_index > 0.0 && self.noise.tail_index < 4.0 && self.noise.tail_weight > 1.0
    }

    /// Whether it goes somewhere: significant at 1 % and explaining at least a quarter of the slow variation.
    #[must_use]
    pub fn has_trend(&self) -> bool {
        self.trend.p_value < 0.01 && self.trend.strength >= 0.25
    }
}

impl Kind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::TwoValued => "two_valued",
            Self::Counter { .. } => "counter",
            Self::Counts => "counts",
            Self::Ratio => "ratio",
            Self::Gauge => "gauge",
        }
    }
}

impl Intermittency {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smooth => "smooth",
            Self::Erratic => "erratic",
            Self::Intermittent => "intermittent",
            Self::Lumpy => "lumpy",
        }
    }
}
