//! The most likely parameters: eight searches side by side, each a damped Gauss-Newton descent within bounds.
//!
//! The likelihood of relative errors is that of a least squares problem too: `n ln Σr² + 2 Σ ln f` is `n ln Σ(r g)²` with
//! `g` the geometric mean of the forecasts `f`, as in Box and Cox's choice of a transformation.

use pulp::NullaryFnOnce;

use super::super::stats::is_positive;
use super::lanes::{LANES, Lanes};
use super::moments::{Moments, moments};

/// Most rounds of a search. Most end after a dozen.
const ROUNDS: usize = 40;
/// A search has ended when the next step promises less than this of -2 log likelihood.
const TOLERANCE: f64 = 1e-6;
/// A search far behind the best (in -2 log likelihood) after some rounds is given up.
const BEHIND: f64 = 60.0;
const PATIENCE: usize = 6;
/// First damping, and by what a good or a bad step changes it.
const DAMPING: f64 = 1e-2;
const BETTER: f64 = 0.15;
const WORSE: f64 = 6.0;
/// Mean squared errors below this, in squared units of the scaled series, are nothing.
const LEAST_SQUARE: f64 = 1e-24;

/// A search for the most likely `P` parameters of `values`, scaled to moderate size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a, const P: usize, const RELATIVE: bool> {
    /// The series.
    pub(super) values: &'a [f64],
    /// Where the searches start, within the bounds.
    pub(super) starts: [[f64; P]; LANES],
    /// Smallest and largest value of each parameter.
    pub(super) bounds: [(f64, f64); P],
}

/// The best end of the searches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found<const P: usize> {
    /// The parameters.
    pub(super) parameters: [f64; P],
    /// -2 log likelihood, without the constant: `n ln Σe²`, and for relative errors `2 Σ ln f` more.
    pub(super) cost: f64,
}

/// One lane's search: the best point so far with its sums, and the step to try next.
#[derive(Debug, Clone, Copy)]
struct Walker<const P: usize> {
    point: [f64; P],
    cost: f64,
    squares: f64,
    descent: [f64; P],
    products: [[f64; P]; P],
    damping: f64,
    trial: [f64; P],
    ended: bool,
}

impl<const P: usize, const RELATIVE: bool> NullaryFnOnce for Search<'_, P, RELATIVE> {
    type Output = Option<Found<P>>;

    #[inline(always)]
    fn call(self) -> Option<Found<P>> {
        let mut walkers = self.starts.map(Walker::new);
        for round in 0..ROUNDS {
            let at: [Lanes; P] = std::array::from_fn(|i| Lanes(walkers.each_ref().map(|walker| walker.trial[i])));
            let sums = moments::<P, RELATIVE>(self.values, &at);
            for (lane, walker) in walkers.iter_mut().enumerate() {
                if !walker.ended {
                    walker.judge::<RELATIVE>(&sums, lane, self.values.len() as f64);
                    walker.step(&self.bounds, self.values.len() as f64);
                }
            }
            let best = walkers.iter().map(|walker| walker.cost).fold(f64::INFINITY, f64::min);
            if round >= PATIENCE {
                walkers.iter_mut().for_each(|walker| walker.ended |= walker.cost > best + BEHIND);
            }
            if walkers.iter().all(|walker| walker.ended) {
                break;
            }
        }
        let best = walkers.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
        best.cost.is_finite().then_some(Found { parameters: best.point, cost: best.cost })
    }
}

impl<const P: usize> Walker<P> {
    const fn new(start: [f64; P]) -> Self {
        Self {
            point: start,
            cost: f64::INFINITY,
            squares: 0.0,
            descent: [0.0; P],
            products: [[0.0; P]; P],
            damping: DAMPING,
            trial: start,
            ended: false,
        }
    }

    /// Takes the trial point if it is better. A start that has no likelihood ends the search.
    fn judge<const RELATIVE: bool>(&mut self, sums: &Moments<P>, lane: usize, count: f64) {
        let squares = sums.squares.0[lane].max(LEAST_SQUARE * count);
        let mut cost = count * squares.ln();
        if RELATIVE {
            cost += 2.0 * sums.logs.0[lane];
        }
        let sound = cost.is_finite() && (!RELATIVE || is_positive(sums.least.0[lane]));
        if !sound || cost > self.cost {
            self.damping *= WORSE;
            self.ended = self.cost.is_infinite() || self.damping > 1e12;
            return;
        }
        self.damping = (self.damping * BETTER).max(1e-9);
        self.point = self.trial;
        self.cost = cost;
        self.squares = squares;
        for i in 0..P {
            let growth = |i: usize| if RELATIVE { sums.growth[i].0[lane] / count } else { 0.0 };
            // error and fall of the error, each times the geometric mean: see the head of this file
            self.descent[i] = sums.descent[i].0[lane] - growth(i) * squares;
            for j in 0..=i {
                let mixed = growth(i) * sums.descent[j].0[lane] + growth(j) * sums.descent[i].0[lane];
                self.products[i][j] = sums.products[i][j].0[lane] - mixed + growth(i) * growth(j) * squares;
            }
        }
    }

    /// The next trial point, or the end when it promises nothing.
    fn step(&mut self, bounds: &[(f64, f64); P], count: f64) {
        if self.ended {
            return;
        }
        let mut step = [0.0; P];
        // at a bound and pushed against it: stays there
        let mut free: [bool; P] = std::array::from_fn(|i| {
            let (low, high) = bounds[i];
            !(self.point[i] <= low && self.descent[i] <= 0.0 || self.point[i] >= high && self.descent[i] >= 0.0)
        });
        for _ in 0..P {
            self.solve(&free, &mut step);
            let mut crossed = false;
            for i in 0..P {
                let (low, high) = (bounds[i].0 - self.point[i], bounds[i].1 - self.point[i]);
                if free[i] && !(low..=high).contains(&step[i]) {
                    step[i] = if step[i] < low { low } else { high };
                    free[i] = false;
                    crossed = true;
                }
            }
            if !crossed {
                break;
            }
        }
        let mut promised = 0.0;
        for i in 0..P {
            let bend: f64 = (0..P).map(|j| self.products[i.max(j)][i.min(j)] * step[j]).sum();
            promised += step[i] * (2.0 * self.descent[i] - bend);
        }
        self.trial = std::array::from_fn(|i| (self.point[i] + step[i]).clamp(bounds[i].0, bounds[i].1));
        self.ended = !is_positive(count * promised - TOLERANCE * self.squares);
    }

    /// The damped Gauss-Newton step of the free parameters; the others keep the step that they have. No step when the
    /// system is singular.
    fn solve(&self, free: &[bool; P], step: &mut [f64; P]) {
        let mut factor = [[0.0; P]; P];
        let mut right = [0.0; P];
        for i in (0..P).filter(|i| free[*i]) {
            let fixed = (0..P).filter(|j| !free[*j]).map(|j| self.products[i.max(j)][i.min(j)] * step[j]);
            let mut rest = self.descent[i] - fixed.sum::<f64>();
            for j in (0..=i).filter(|j| free[*j]) {
                let own = if i == j { 1.0 + self.damping } else { 1.0 };
                let dot: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
                let left = self.products[i][j] * own - dot;
                factor[i][j] = if i != j {
                    left / factor[j][j]
                } else if left > 1e-12 * self.products[i][i] {
                    left.sqrt()
                } else {
                    f64::INFINITY
                };
            }
            rest -= (0..i).map(|j| factor[i][j] * right[j]).sum::<f64>();
            right[i] = rest / factor[i][i];
        }
        for i in (0..P).rev().filter(|i| free[*i]) {
            let later: f64 = (i + 1..P).filter(|j| free[*j]).map(|j| factor[j][i] * step[j]).sum();
            step[i] = (right[i] - later) / factor[i][i];
            if !step[i].is_finite() {
                step[i] = 0.0;
            }
        }
    }
}
