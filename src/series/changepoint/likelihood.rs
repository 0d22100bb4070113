//! Changes of mean and variance by inequality pruning (PELT): exact.

use super::functional::trace_back;

/// Starts that may still be part of an optimum; one list for each part of a start.
#[derive(Debug, Default)]
struct Open {
    start: Vec<usize>,
    best: Vec<f64>,
    /// From this time on the start is of no use.
    until: Vec<usize>,
}

/// Sums of values and squares up to each point.
#[derive(Debug)]
struct Sums {
    values: Vec<f64>,
    squares: Vec<f64>,
}

/// Starts of the segments but the first of the segmentation with the smallest sum of normal costs plus `penalty` for each
/// change. Segments have at least `min_segment ≥ 2` points and variances of at least `floor > 0`: a stretch of equal values
/// would otherwise be infinitely likely. `values` are finite, near 0 in the middle.
///
/// O(n c) for c open starts: few where there are changes, up to n where there are none. The inequality: a start that at
/// time `s` is worse than the best by as much as a change may gain stays so for every end from `s + min_segment` on.
pub(super) fn starts_of_variances(values: &[f64], penalty: f64, min_segment: usize, floor: f64) -> Vec<usize> {
    let n = values.len();
    let sums = Sums::new(values);
    let mut last = vec![0_usize; n + 1];
    let mut best = vec![f64::INFINITY; n + 1];
    best[0] = -penalty;
    let mut open = Open::default();
    let mut costs = Vec::new();
    for t in min_segment..=n {
        let joins = t - min_segment;
        if best[joins].is_finite() {
            open.start.push(joins);
            open.best.push(best[joins]);
            open.until.push(usize::MAX);
        }
        costs.clear();
        costs.extend(open.start.iter().zip(&open.best).map(|(start, before)| before + sums.cost(*start, t, floor)));
        let least = costs.iter().zip(&open.start).min_by(|(a, _), (b, _)| a.total_cmp(b));
        let Some((cost, start)) = least else { continue };
        best[t] = cost + penalty;
        last[t] = *start;
        open.prune(&costs, best[t], t, min_segment);
    }
    trace_back(&last)
}

/// `n (ln v + s/v)`: minus twice the normal log-likelihood without its constant, `v` the variance `s`, at least `floor`.
pub(super) fn normal_cost(points: f64, variance: f64, floor: f64) -> f64 {
    let held = if variance > floor { variance } else { floor };
    points * (held.ln() + variance.max(0.0) / held)
}

impl Sums {
    fn new(values: &[f64]) -> Self {
        let running = |square: bool| {
            let mut sum = 0.0;
            let sums = values.iter().map(|value| {
                sum += if square { value * value } else { *value };
                sum
            });
            std::iter::once(0.0).chain(sums).collect()
        };
        Self { values: running(false), squares: running(true) }
    }

    fn cost(&self, from: usize, to: usize, floor: f64) -> f64 {
        let points = (to - from) as f64;
        let mean = (self.values[to] - self.values[from]) / points;
        let variance = (self.squares[to] - self.squares[from]) / points - mean * mean;
        normal_cost(points, variance, floor)
    }
}

impl Open {
    /// Marks what can no longer win and drops what was marked long enough ago.
    fn prune(&mut self, costs: &[f64], best: f64, t: usize, min_segment: usize) {
        for (until, cost) in self.until.iter_mut().zip(costs) {
            // `best` holds the penalty of the change at t
            if *cost > best {
                *until = (*until).min(t + min_segment);
            }
        }
        let mut kept = 0;
        for i in 0..self.start.len() {
            if self.until[i] > t + 1 {
                self.start[kept] = self.start[i];
                self.best[kept] = self.best[i];
                self.until[kept] = self.until[i];
                kept += 1;
            }
        }
        self.start.truncate(kept);
        self.best.truncate(kept);
        self.until.truncate(kept);
    }
}
