//! The parts of a full detector, and how their evidence is put together.

/// Points in the windows that are compared with those of the past.
pub(super) const SHORT_WINDOW: usize = 8;
pub(super) const LONG_WINDOW: usize = 32;

/// Where evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Isolation forest on the feature vector.
    Forest,
    /// Nearest neighbours of the level features.
    Level,
    /// Nearest neighbours of the last 8 values.
    ShortWindow,
    /// Nearest neighbours of the last 32 values.
    LongWindow,
    /// Deviation from the season.
    Season,
    /// Deviation from the one-step prediction.
    Step,
    /// Shape of the newest window.
    Shape,
}

/// All parts, in the order of [`super::core::Evidence::excess`], with their weight in the mean.
pub(super) const PARTS: [(Part, f64); COUNT] = [
    (Part::Forest, 0.3),
    (Part::Level, 0.7),
    (Part::ShortWindow, 1.0),
    (Part::LongWindow, 1.0),
    (Part::Season, 1.0),
    (Part::Step, 1.0),
    (Part::Shape, 1.0),
];
pub(super) const COUNT: usize = 7;

/// Weighted mean of `ln(1 + excess)`.
pub(super) fn combine(excess: &[f64; COUNT]) -> f64 {
    let weights: f64 = PARTS.iter().map(|(_, weight)| weight).sum();
    PARTS.iter().zip(excess).map(|((_, weight), e)| weight * e.ln_1p()).sum::<f64>() / weights
}
