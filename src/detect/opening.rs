//! The first points of a series, before it has a past: what its siblings and its own few points allow to say.
//!
//! Location and scale come from the points so far and, counted as ten points, from a [`Prior`] made of siblings. The
//! standardised distance is judged by Student's t with three degrees of freedom, whose tails are so heavy that a claim of
//! one in ten thousand needs 22 standard deviations. While no move has been seen there is no scale, and a new extreme among
//! `n + 1` exchangeable points has the probability `1 / (n + 1)` and no less (Vovk, Gammerman and Shafer 2005).

use serde::{Deserialize, Serialize};

use super::window::median_of;

/// Points that are remembered, and that a prior counts for.
const HELD: usize = 64;
const PRIOR_POINTS: f64 = 10.0;
/// Own points that make a scale without a prior.
const FEWEST: usize = 5;
/// Siblings from which on a new series is trusted as one of them.
const SEVERAL: usize = 3;
/// Points that the confidence starts with among several siblings.
const CONFIDENCE_POINTS: u64 = 250;

/// What a new series may expect of itself: the level and the spread of its siblings, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    level: f64,
    spread: f64,
    siblings: usize,
}

/// The first points of one series.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Opening {
    #[serde(with = "super::exact::f64s")]
    values: Vec<f64>,
    prior: Option<Prior>,
}

impl Prior {
    /// The level and robust spread of one sibling's values; `None` without a finite one.
    pub(super) fn of_values(values: &[f64]) -> Option<Self> {
        let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if finite.is_empty() {
            return None;
        }
        let level = median_of(&mut finite);
        let spread = spread_around(level, &finite);
        Some(Self { level, spread, siblings: 1 })
    }

    /// One prior from those of several siblings: the median level; a spread that covers the siblings' own spreads and how
    /// far their levels lie apart. `None` without any.
    #[must_use]
    pub fn of_siblings(siblings: &[Self]) -> Option<Self> {
        let mut levels: Vec<f64> = siblings.iter().map(|one| one.level).collect();
        if levels.is_empty() {
            return None;
        }
        let mut spreads: Vec<f64> = siblings.iter().map(|one| one.spread).collect();
        let level = median_of(&mut levels);
        let apart = spread_around(level, &levels);
        let spread = median_of(&mut spreads).hypot(apart);
        Some(Self { level, spread, siblings: siblings.iter().map(|one| one.siblings).sum() })
    }

    /// Siblings behind it.
    #[must_use]
    pub const fn siblings(&self) -> usize {
        self.siblings
    }
}

impl Opening {
    pub(super) const fn new(prior: Option<Prior>) -> Self {
        Self { values: Vec::new(), prior }
    }

    /// The probability of a value at least so far off, in (0, 1]; 1 for NaN and while nothing is known.
    pub(super) fn p_value(&self, value: f64) -> f64 {
        let n = self.values.len();
        if !value.is_finite() || (n == 0 && self.prior.is_none()) {
            return 1.0;
        }
        let (location, scale) = self.location_and_scale();
        if scale.is_nan() || scale <= 0.0 || (self.prior.is_none() && n < FEWEST) {
            let equal =
                self.values.iter().chain(self.prior.as_ref().map(|p| &p.level)).all(|v| (v - value).abs() <= 0.0);
            return if equal { 1.0 } else { 1.0 / (n as f64 + 1.0) };
        }
        student_3_tails(((value - location) / scale).abs())
    }

    /// Where the next value is expected, and how far around it; `None` while too little is known.
    pub(super) fn expect(&self) -> Option<(f64, f64)> {
        (self.prior.is_some() || self.values.len() >= FEWEST).then(|| self.location_and_scale())
    }

    /// Remembers a value that was judged.
    pub(super) fn learn(&mut self, value: f64) {
        if self.values.len() < HELD && value.is_finite() {
            self.values.push(value);
        }
    }

    /// Points of confidence that the siblings lend.
    pub(super) fn lent_points(&self) -> u64 {
        if self.prior.is_some_and(|prior| prior.siblings >= SEVERAL) { CONFIDENCE_POINTS } else { 0 }
    }

    fn location_and_scale(&self) -> (f64, f64) {
        let n = self.values.len() as f64;
        let mut own = self.values.clone();
        let middle = median_of(&mut own);
        // few points know their own spread badly: 1 + 5/n
        let spread = if own.is_empty() { 0.0 } else { spread_around(middle, &own) * (1.0 + 5.0 / n) };
        match self.prior {
            None => (middle, spread),
            Some(prior) => {
                let trust = PRIOR_POINTS / (PRIOR_POINTS + n);
                let location = trust * prior.level + (1.0 - trust) * middle;
                // where own level and siblings' level disagree, neither is sure
                let torn = if own.is_empty() { 0.0 } else { trust * (prior.level - middle).abs() };
                let scale = (trust * prior.spread + (1.0 - trust) * spread).hypot(torn);
                (location, scale)
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.values.len() <= HELD && self.prior.is_none_or(|p| p.level.is_finite() && p.spread >= 0.0)
    }
}

/// 1.4826 times the median distance, or the mean distance where most are equal.
fn spread_around(middle: f64, values: &[f64]) -> f64 {
    let mut distances: Vec<f64> = values.iter().map(|v| (v / 2.0 - middle / 2.0).abs() * 2.0).collect();
    let robust = 1.4826 * median_of(&mut distances);
    if robust > 0.0 { robust } else { distances.iter().sum::<f64>() / distances.len().max(1) as f64 }
}

/// Both tails of Student's t with three degrees of freedom, in closed form.
fn student_3_tails(t: f64) -> f64 {
    let root = 3.0_f64.sqrt();
    let tails = if t > 100.0 {
        4.0 * root / (std::f64::consts::PI * t.powi(3))
    } else {
        1.0 - std::f64::consts::FRAC_2_PI * ((t / root).atan() + root * t / (t * t + 3.0))
    };
    tails.clamp(f64::MIN_POSITIVE, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[f64], prior: Option<Prior>) -> Opening {
        let mut opening = Opening::new(prior);
        values.iter().for_each(|v| opening.learn(*v));
        opening
    }

    fn siblings() -> Option<Prior> {
        let one = |level: f64| Prior::of_values(&[level - 1.0, level, level + 1.0, level - 0.5, level + 0.5]);
        Prior::of_siblings(&[one(100.0)?, one(101.0)?, one(99.0)?])
    }

    #[test]
    fn tails_are_those_of_the_table() {
        // scipy.stats.t.sf(t, 3) * 2
        for (t, p) in [(0.0, 1.0), (3.182_446_305_284_263, 0.05), (12.923_978_636_687_485, 0.001), (200.0, 2.756_5e-7)]
        {
            let got = student_3_tails(t);
            assert!((got - p).abs() < 1e-4 * p.max(1e-3) + 1e-9, "{t}: {got} {p}");
        }
    }

    #[test]
    fn nothing_is_claimed_from_nothing_and_little_from_little() {
        let p = |values: &[f64], value: f64| after(values, None).p_value(value);
        assert!(p(&[], 1e9) >= 1.0);
        assert!((p(&[5.0], 7.0) - 0.5).abs() < 1e-12, "a second point is the highest of two half of the time");
        assert!((p(&[0.0; 9], 1.0) - 0.1).abs() < 1e-12, "without a move there is no scale");
        assert!(p(&[0.0; 9], 0.0) >= 1.0);
        assert!(p(&[1.0, 2.0, 3.0, 2.0, 1.0], f64::NAN) >= 1.0);
        assert!(p(&[1e300, -1e300, 1e300, 2.0, 1.0, 7.0], 1e300).is_finite());
    }

    #[test]
    fn a_wild_value_among_a_few_tame_ones_is_unlikely_and_an_ordinary_one_is_not() {
        let tame = after(&[10.0, 11.0, 9.0, 10.5, 9.5, 10.2, 9.8, 10.1], None);
        assert!(tame.p_value(500.0) < 1e-4);
        assert!(tame.p_value(12.0) > 0.05);
    }

    #[test]
    fn siblings_let_the_first_point_be_judged() {
        let new = after(&[], siblings());
        assert!(new.p_value(100.5) > 0.3, "{}", new.p_value(100.5));
        assert!(new.p_value(1_000.0) < 1e-4, "{}", new.p_value(1_000.0));
        assert_eq!(new.lent_points(), CONFIDENCE_POINTS);
        assert_eq!(after(&[1.0], None).lent_points(), 0);
    }

    #[test]
    fn a_series_that_differs_from_its_siblings_is_not_wildly_wrong_for_long() {
        let small = after(&[10.0, 10.4, 9.7, 10.1, 10.2, 9.9], siblings());
        assert!(small.p_value(10.0) > 0.05, "{}", small.p_value(10.0));
        assert!(Prior::of_siblings(&[]).is_none() && Prior::of_values(&[f64::NAN]).is_none());
    }
}
