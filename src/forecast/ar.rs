//! Ridge autoregression with lags that follow the seasons.
//!
//! The regression is pulled towards "the next value is the last value" (levels) or "nothing changes" (differences), each
//! lag the more strongly the farther it lies from 0 and from multiples of a season. The penalty is chosen once, by an
//! information criterion; residuals beyond three robust deviations are weighted down and the fit is repeated once. Sums
//! of products are accumulated over the rows in one pass, so that each rolling origin costs one small linear system.

use pulp::{Arch, NullaryFnOnce};

use super::linear::Cholesky;
use super::pool::{Problem, Runs};
use super::stats::{deviation, differences, is_positive, mean, robust_deviation};

/// Penalties tried.
const PENALTIES: [f64; 8] = [1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0];
/// Residuals are weighted down beyond this many robust deviations.
const HUBER: f64 = 3.0;
/// Fewest rows of a regression.
const MIN_ROWS: usize = 24;
/// Rows whose products are summed together.
const BATCH: usize = 64;

/// What the regression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The values.
    Level,
    /// Their first differences.
    Difference,
}

/// Forecasts of `x`, the raw or logarithmic history. `None` when it is constant or too short.
pub(super) fn run(problem: &Problem<'_>, x: &[f64], target: Target) -> Option<Runs> {
    let (series, lost) = match target {
        Target::Level => (x.to_vec(), 0),
        Target::Difference => (differences(x), 1),
    };
    let lags = lags(problem.seasons, series.len());
    let first = *lags.last()?;
    let (centre, spread) = (mean(&series), deviation(&series));
    if !is_positive(spread) || series.len() < first + MIN_ROWS {
        return None;
    }
    let z: Vec<f64> = series.iter().map(|value| (value - centre) / spread).collect();
    let regression = Regression {
        prior: if target == Target::Level { 1.0 } else { 0.0 },
        distances: distances(&lags, problem.seasons),
        criterion: target,
        lags,
        z,
    };
    let ends: Vec<usize> = problem.cuts.iter().map(|cut| cut - lost).collect();
    let fits = regression.fit(&ends)?;
    let ahead = |fit: &Coefficients, end: usize, steps: usize| {
        let path = regression.ahead(fit, end, steps).into_iter().map(|value| value * spread + centre);
        match target {
            Target::Level => path.collect(),
            Target::Difference => path
                .scan(x[end], |level, change| {
                    *level += change;
                    Some(*level)
                })
                .collect(),
        }
    };
    let back = fits.back.iter().zip(&ends).map(|(fit, end)| fit.as_ref().map(|fit| ahead(fit, *end, problem.span)));
    Some(Runs { back: back.collect(), ahead: ahead(&fits.whole, series.len(), problem.horizon) })
}

struct Regression {
    z: Vec<f64>,
    lags: Vec<usize>,
    distances: Vec<f64>,
    prior: f64,
    criterion: Target,
}

struct Coefficients {
    slopes: Vec<f64>,
    intercept: f64,
}

struct Fits {
    whole: Coefficients,
    back: Vec<Option<Coefficients>>,
}

impl Regression {
    fn first(&self) -> usize {
        self.lags.last().copied().unwrap_or(0)
    }

    /// Fits the whole and every end in `ends` (descending).
    fn fit(&self, ends: &[usize]) -> Option<Fits> {
        let rows = self.z.len() - self.first();
        let (plain, plain_ends) = self.accumulate(None, ends);
        let (mut whole, mut penalty) = self.choose(&plain.moments()?, rows)?;
        let weights = self.weights(&whole);
        let mut sums_at_ends = plain_ends;
        if let Some(weights) = &weights {
            let (weighted, weighted_ends) = self.accumulate(Some(weights), ends);
            (whole, penalty) = self.choose(&weighted.moments()?, rows)?;
            sums_at_ends = weighted_ends;
        }
        let back = sums_at_ends.into_iter().map(|sums| self.solve(&sums?.moments()?, penalty).map(|(fit, ..)| fit));
        Some(Fits { whole, back: back.collect() })
    }

    /// Sums over all rows, and over the rows before each end; `None` where an end leaves too few.
    fn accumulate(&self, weights: Option<&[f64]>, ends: &[usize]) -> (Sums, Vec<Option<Sums>>) {
        let first = self.first();
        let mut sums = Sums::new(self.lags.len());
        let mut at_ends: Vec<Option<Sums>> = vec![None; ends.len()];
        let width = self.lags.len() + 2;
        let mut rows = vec![0.0; width * BATCH];
        let ones = [1.0; BATCH];
        let mut next = ends.len();
        let mut t = first;
        while t < self.z.len() {
            while next > 0 && ends[next - 1] <= t {
                next -= 1;
                at_ends[next] = (ends[next] >= first + MIN_ROWS).then(|| sums.clone());
            }
            let stop = if next > 0 { ends[next - 1] } else { self.z.len() }.min(self.z.len()).min(t + BATCH);
            for (row, t) in rows.chunks_exact_mut(width).zip(t..stop) {
                self.fill(row, t);
            }
            let weights = weights.map_or(&ones[..stop - t], |weights| &weights[t - first..stop - first]);
            sums.add(&rows[..width * (stop - t)], weights);
            t = stop;
        }
        (sums, at_ends)
    }

    /// Lagged values, then what the prior leaves of the value, then 1.
    fn fill(&self, row: &mut [f64], t: usize) {
        let count = self.lags.len();
        for (cell, lag) in row.iter_mut().zip(&self.lags) {
            *cell = self.z[t - lag];
        }
        row[count] = self.z[t] - self.prior * row[0];
        row[count + 1] = 1.0;
    }

    fn choose(&self, moments: &Moments, rows: usize) -> Option<(Coefficients, f64)> {
        let rows = rows as f64;
        let mut best: Option<(f64, Coefficients, f64)> = None;
        for penalty in PENALTIES {
            let Some((fit, error, factor)) = self.solve(moments, penalty) else { continue };
            let freedom = self.freedom(&factor, penalty);
            let price = match self.criterion {
                Target::Level => freedom * rows.ln() / rows,
                Target::Difference => 2.0 * (freedom + 1.0) / (rows - freedom - 2.0).max(1.0),
            };
            let score = error.max(1e-12).ln() + price;
            if best.as_ref().is_none_or(|(lowest, ..)| score < *lowest) {
                best = Some((score, fit, penalty));
            }
        }
        best.map(|(_, fit, penalty)| (fit, penalty))
    }

    /// Degrees of freedom at one penalty: the trace of the smoother, and the intercept.
    fn freedom(&self, factor: &Cholesky, penalty: f64) -> f64 {
        let diagonal = factor.inverse_diagonal();
        let lost: f64 =
            diagonal.iter().zip(&self.distances).map(|(inverse, distance)| penalty * distance * inverse).sum();
        self.lags.len() as f64 - lost + 1.0
    }

    /// Coefficients, mean squared error and the factor of the penalised products at one penalty.
    fn solve(&self, moments: &Moments, penalty: f64) -> Option<(Coefficients, f64, Cholesky)> {
        let count = self.lags.len();
        let mut matrix = moments.products.clone();
        for (index, distance) in self.distances.iter().enumerate() {
            matrix[index * count + index] += penalty * distance;
        }
        let factor = Cholesky::new(matrix, count)?;
        let mut slopes = factor.solve(&moments.cross);
        let explained: f64 = slopes.iter().zip(&moments.cross).map(|(slope, cross)| slope * cross).sum();
        // (A + P) b = c, so b'Ab = b'c - b'Pb and the error is v - 2 b'c + b'Ab = v - b'c - b'Pb
        let shrunk: f64 = slopes.iter().zip(&self.distances).map(|(slope, d)| penalty * d * slope * slope).sum();
        let offset: f64 = slopes.iter().zip(&moments.means).map(|(slope, mean)| slope * mean).sum();
        let intercept = moments.mean - offset;
        slopes[0] += self.prior;
        Some((Coefficients { slopes, intercept }, moments.variance - explained - shrunk, factor))
    }

    /// Weights of the rows by their residuals; `None` when all are 1.
    fn weights(&self, fit: &Coefficients) -> Option<Vec<f64>> {
        let residuals: Vec<f64> = (self.first()..self.z.len()).map(|t| self.z[t] - self.one(fit, &self.z, t)).collect();
        let reach = HUBER * (robust_deviation(&residuals) + 1e-9);
        let weights: Vec<f64> = residuals.iter().map(|r| if r.abs() > reach { reach / r.abs() } else { 1.0 }).collect();
        weights.iter().any(|weight| *weight < 1.0).then_some(weights)
    }

    fn one(&self, fit: &Coefficients, z: &[f64], t: usize) -> f64 {
        fit.intercept + self.lags.iter().zip(&fit.slopes).map(|(lag, slope)| slope * z[t - lag]).sum::<f64>()
    }

    fn ahead(&self, fit: &Coefficients, end: usize, steps: usize) -> Vec<f64> {
        let from = end - self.first();
        let mut path = self.z[from..end].to_vec();
        path.reserve(steps);
        for _ in 0..steps {
            let next = self.one(fit, &path, path.len());
            // a wild recursion is stopped long before it overflows; the pool clips it to the history's range anyway
            path.push(next.clamp(-1e6, 1e6));
        }
        path.split_off(end - from)
    }
}

/// Weighted sums of products of a row with itself: lower triangle, row-major.
#[derive(Clone)]
struct Sums {
    width: usize,
    sums: Vec<f64>,
}

/// Centred moments.
struct Moments {
    products: Vec<f64>,
    cross: Vec<f64>,
    means: Vec<f64>,
    mean: f64,
    variance: f64,
}

impl Sums {
    fn new(lags: usize) -> Self {
        let width = lags + 2;
        Self { width, sums: vec![0.0; width * width] }
    }

    /// Adds `rows` (row-major), each with its weight.
    fn add(&mut self, rows: &[f64], weights: &[f64]) {
        Arch::new().dispatch(AddRows { sums: self, rows, weights });
    }

    fn moments(&self) -> Option<Moments> {
        let (width, count) = (self.width, self.width - 2);
        let at = |i: usize, j: usize| self.sums[i * width + j];
        let total = at(count + 1, count + 1);
        if !is_positive(total) {
            return None;
        }
        let means: Vec<f64> = (0..count).map(|i| at(count + 1, i) / total).collect();
        let mean = at(count + 1, count) / total;
        let mut products = vec![0.0; count * count];
        for i in 0..count {
            for j in 0..=i {
                products[i * count + j] = at(i, j) / total - means[i] * means[j];
            }
        }
        let cross = (0..count).map(|i| at(count, i) / total - means[i] * mean).collect();
        Some(Moments { products, cross, mean, variance: at(count, count) / total - mean * mean, means })
    }
}

struct AddRows<'a> {
    sums: &'a mut Sums,
    rows: &'a [f64],
    weights: &'a [f64],
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    /// Four rows at a time, so that each sum is read and written once for them; they are added one after the other, so that
    /// it does not matter where the fours begin.
    #[inline(always)]
    fn call(self) {
        let Self { sums: Sums { width, sums }, rows, weights } = self;
        let width = *width;
        let fours = rows.chunks(4 * width).zip(weights.chunks(4));
        for (rows, weights) in fours {
            if let &[first, second, third, fourth] = weights {
                let (one, rest) = rows.split_at(width);
                let (two, rest) = rest.split_at(width);
                let (three, four) = rest.split_at(width);
                for index in 0..width {
                    let scaled = [first * one[index], second * two[index], third * three[index], fourth * four[index]];
                    let cells = &mut sums[index * width..=index * width + index];
                    for ((((cell, one), two), three), four) in cells.iter_mut().zip(one).zip(two).zip(three).zip(four) {
                        *cell = *cell + scaled[0] * one + scaled[1] * two + scaled[2] * three + scaled[3] * four;
                    }
                }
                continue;
            }
            for (row, weight) in rows.chunks_exact(width).zip(weights) {
                for index in 0..width {
                    let scaled = weight * row[index];
                    let cells = &mut sums[index * width..=index * width + index];
                    for (cell, other) in cells.iter_mut().zip(row) {
                        *cell += scaled * other;
                    }
                }
            }
        }
    }
}

/// Lags, ascending, each less than half of `points`.
fn lags(seasons: &[usize], points: usize) -> Vec<usize> {
    let mut lags: Vec<usize> = match seasons.first() {
        None => (1..=20).collect(),
        Some(shortest) => (1..=(shortest + 2).min(28)).collect(),
    };
    for season in seasons {
        lags.extend([season - 1, *season, season + 1, 2 * season]);
    }
    if let [shortest, _, ..] = seasons {
        lags.extend((2..=6).map(|multiple| multiple * shortest));
        lags.extend([2 * shortest - 1, 2 * shortest + 1]);
    }
    lags.retain(|lag| *lag > 0 && *lag < points / 2);
    lags.sort_unstable();
    lags.dedup();
    lags
}

/// Squared distance of each lag to 0 or to a multiple of a season, the `k`-th multiple counting as `k` away.
fn distances(lags: &[usize], seasons: &[usize]) -> Vec<f64> {
    lags.iter()
        .map(|lag| {
            let multiples = seasons.iter().flat_map(|season| (1..=6).map(move |k| k + lag.abs_diff(k * season)));
            let distance = multiples.fold(*lag, usize::min) as f64;
            distance * distance
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_follow_the_seasons() {
        assert_eq!(lags(&[], 1_000), (1..=20).collect::<Vec<_>>());
        assert_eq!(lags(&[12], 200), (1..=14).chain([24]).collect::<Vec<_>>());
        let two = lags(&[24, 168], 900);
        assert!([47, 48, 49, 72, 144, 167, 168, 169, 336].iter().all(|lag| two.contains(lag)));
        assert_eq!(lags(&[24], 10), [1, 2, 3, 4]);
        assert_eq!(lags(&[], 1), Vec::<usize>::new());
    }

    #[test]
    fn distances_are_short_at_the_seasons() {
        assert_eq!(distances(&[1, 5, 23, 24, 48], &[24]), [1.0, 25.0, 4.0, 1.0, 4.0]);
    }
}
