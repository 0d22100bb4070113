//! MSTL: a series as the sum of several seasons, a trend and a remainder.
//!
//! Input: values at even steps and the seasons to take out. Output: each season and what is left without them.
//! Never: looks for seasons; weighs values by their residuals, so that all of it stays linear.
//!
//! It is a filter, made once for a length and its seasons ([`Mstl::new`]) and applied to any number of series of that length.
//! The seasons are taken out by STL (Cleveland et al. 1990), the shortest first, each from the series without the others,
//! twice over (Bandara, Hyndman and Bergmeir 2021). Windows, degrees and skipped positions are those of `stlrs`, the engine
//! of `augurs`, and of statsforecast's MSTL (seasonal smoothers of 11, 15, 19, … cycles and degree 0, trend and low-pass
//! smoothers of degree 1), and results agree to the last few digits.

mod average;
mod loess;
mod stl;
#[cfg(test)]
mod tests;

use pulp::{Arch, NullaryFnOnce};

use stl::{Stl, Workspace};

/// Rounds over all seasons; one is enough for a single season.
const ROUNDS: usize = 2;

/// MSTL of series of one length.
#[derive(Debug, Clone)]
pub(super) struct Mstl {
    points: usize,
    /// Each season in steps, ascending, and its filter.
    seasons: Vec<(usize, Stl)>,
}

/// A decomposed series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    /// The series without its seasons: trend and remainder.
    pub(super) level: Vec<f64>,
    /// Length of each season in steps, ascending, and its values, as many as the series has.
    pub(super) seasons: Vec<(usize, Vec<f64>)>,
}

impl Mstl {
    /// The filter for `points` values with `seasons` in steps; `None` without seasons or unless each is at least 2 and fits
    /// twice. Costs about as much as one decomposition.
    pub(super) fn new(points: usize, seasons: &[usize]) -> Option<Self> {
        if seasons.is_empty() || seasons.iter().any(|season| *season < 2 || points / 2 < *season) {
            return None;
        }
        let mut sorted = seasons.to_vec();
        sorted.sort_unstable();
        Some(Arch::new().dispatch(Design { points, seasons: &sorted }))
    }

    /// Takes the seasons out of `values`; `None` unless there are as many as the filter was made for.
    ///
    /// NaN and infinite values spread to the parts. About 300 operations for each value and season.
    pub(super) fn decompose(&self, values: &[f64]) -> Option<Parts> {
        (values.len() == self.points).then(|| Arch::new().dispatch(Decomposition { filter: self, values }))
    }

    /// The trend of a decomposed series: its level, smoothed by the trend smoother of the longest season.
    #[cfg(test)]
    pub(super) fn trend(&self, parts: &Parts) -> Vec<f64> {
        let mut trend = vec![0.0; self.points];
        for (_, longest) in self.seasons.iter().rev().take(1) {
            longest.trend(&parts.level, &mut trend);
        }
        trend
    }
}

struct Design<'a> {
    points: usize,
    seasons: &'a [usize],
}

impl NullaryFnOnce for Design<'_> {
    type Output = Mstl;

    #[inline(always)]
    fn call(self) -> Mstl {
        let Design { points, seasons } = self;
        // a loop, because a closure would not be compiled for the processor's vectors
        let mut filters = Vec::with_capacity(seasons.len());
        for (index, season) in seasons.iter().enumerate() {
            filters.push((*season, Stl::new(points, *season, 11 + 4 * index)));
        }
        Mstl { points, seasons: filters }
    }
}

struct Decomposition<'a> {
    filter: &'a Mstl,
    values: &'a [f64],
}

impl NullaryFnOnce for Decomposition<'_> {
    type Output = Parts;

    #[inline(always)]
    fn call(self) -> Parts {
        let Decomposition { filter, values } = self;
        let mut level = values.to_vec();
        let mut seasons: Vec<(usize, Vec<f64>)> =
            filter.seasons.iter().map(|(period, _)| (*period, vec![0.0; values.len()])).collect();
        let mut work = Workspace::default();
        for round in 0..if filter.seasons.len() == 1 { 1 } else { ROUNDS } {
            for ((_, stl), (_, season)) in filter.seasons.iter().zip(&mut seasons) {
                if round > 0 {
                    level.iter_mut().zip(season.iter()).for_each(|(rest, part)| *rest += part);
                }
                stl.season(&level, season, &mut work);
                level.iter_mut().zip(season.iter()).for_each(|(rest, part)| *rest -= part);
            }
        }
        Parts { level, seasons }
    }
}
