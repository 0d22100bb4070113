//! STL: one season and a trend, by LOESS in turns (Cleveland, Cleveland, McRae and Terpenning 1990).

use super::average::running_means;
use super::loess::{Beyond, Columns, Loess, Window};

/// Passes of the inner loop.
const PASSES: usize = 2;

/// STL of series of one length by one season, without robustness weights: a fixed linear filter.
#[derive(Debug, Clone)]
pub(super) struct Stl {
    points: usize,
    period: usize,
    /// Phases that the last, incomplete cycle holds as well, and their smoother.
    full: (Columns, Beyond),
    /// The other phases, one value shorter.
    short: Option<(Columns, Beyond)>,
    low_pass: Loess,
    trend: Loess,
}

/// Memory that decompositions use again.
#[derive(Debug, Clone, Default)]
pub(super) struct Workspace {
    detrended: Vec<f64>,
    cycles: Vec<f64>,
    means: Vec<f64>,
    more: Vec<f64>,
    trend: Vec<f64>,
}

impl Stl {
    /// The filter for `points` values with a season of `period` steps, 2 to half of `points`.
    ///
    /// `cycles` is the window of the seasonal smoother in cycles, odd; the other windows follow from it as in the paper.
    #[inline(always)]
    pub(super) fn new(points: usize, period: usize, cycles: usize) -> Self {
        let seasonal = Window::new(cycles, 0);
        // single precision and rounded up, as in `stlrs`, so that the windows agree to the step
        let least = ((1.5 * period as f32) / (1.0 - 1.5 / seasonal.length as f32)).ceil();
        let trend = Loess::new(points, Window::new(least as usize, 1));
        let low_pass = Loess::new(points, Window::new(period, 1));
        let count = (points - 1) / period + 1;
        let held = points - (count - 1) * period;
        let columns = |taken| Columns { width: period, taken };
        let full = (columns(0..held), Loess::beyond(count, seasonal));
        let short = (held < period).then(|| (columns(held..period), Loess::beyond(count - 1, seasonal)));
        Self { points, period, full, short, low_pass, trend }
    }

    /// The season of `values`, into `season`; both are as long as the filter was made for.
    #[inline(always)]
    pub(super) fn season(&self, values: &[f64], season: &mut [f64], work: &mut Workspace) {
        let (points, period) = (self.points, self.period);
        let extended = points + 2 * period;
        for buffer in [&mut work.cycles, &mut work.means, &mut work.more] {
            buffer.resize(extended, 0.0);
        }
        for buffer in [&mut work.detrended, &mut work.trend] {
            buffer.resize(points, 0.0);
        }
        work.detrended.copy_from_slice(values);
        for pass in 0..PASSES {
            for (columns, smoother) in std::iter::once(&self.full).chain(&self.short) {
                smoother.apply(columns, &work.detrended, &mut work.cycles);
            }
            running_means(&work.cycles, period, &mut work.means);
            running_means(&work.means[..extended - period + 1], period, &mut work.more);
            running_means(&work.more[..points + 2], 3, &mut work.means);
            self.low_pass.apply(&work.means[..points], &mut work.more[..points]);
            for ((season, cycle), low) in season.iter_mut().zip(&work.cycles[period..]).zip(&work.more) {
                *season = cycle - low;
            }
            if pass + 1 == PASSES {
                return;
            }
            for ((rest, value), season) in work.detrended.iter_mut().zip(values).zip(season.iter()) {
                *rest = value - season;
            }
            self.trend.apply(&work.detrended, &mut work.trend);
            for ((rest, value), trend) in work.detrended.iter_mut().zip(values).zip(&work.trend) {
                *rest = value - trend;
            }
        }
    }

    /// The trend of what is left without the season.
    #[cfg(test)]
    pub(super) fn trend(&self, level: &[f64], trend: &mut [f64]) {
        self.trend.apply(level, trend);
    }
}
