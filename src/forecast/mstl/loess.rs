//! LOESS of evenly spaced values as a fixed linear filter.
//!
//! Without robustness weights a smoothed value is a weighted sum of its window, and the weights depend on nothing but the
//! positions (Cleveland et al. 1990, section 3). So they are worked out once, for one length, window and degree: all
//! windows that lie inside share one set, only those at the edges have their own. Applying the filter is then a few dot
//! products, for as many series as one likes.

use std::ops::Range;

/// Accumulators of a dot product, and columns smoothed together.
const LANES: usize = 8;

/// How a smoother looks at its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Values in a window, odd and at least 3.
    pub(super) length: usize,
    /// Degree of the local polynomial, 0 or 1.
    pub(super) degree: usize,
    /// Every so many positions are smoothed, those between are interpolated; at least 1.
    pub(super) jump: usize,
}

impl Window {
    /// A window of at least `length` values, and as many positions skipped as Cleveland et al. advise: a tenth of it.
    pub(super) fn new(length: usize, degree: usize) -> Self {
        let length = length.max(3) | 1;
        Self { length, degree, jump: length.div_ceil(10) }
    }
}

/// The filter for series of one length.
#[derive(Debug, Clone)]
pub(super) struct Loess {
    points: usize,
    weights: Vec<f64>,
    fits: Vec<Fit>,
}

/// One smoothed position: where it is, and which weights apply from which value on.
#[derive(Debug, Clone)]
struct Fit {
    at: usize,
    from: usize,
    weights: Range<usize>,
}

/// Positions before the first and after the last value at which [`Loess::beyond`] smooths as well.
#[derive(Debug, Clone)]
pub(super) struct Beyond {
    inner: Loess,
    before: Fit,
    after: Fit,
}

impl Loess {
    /// The filter for `points` values, at least 2. O(window²) for the edges, O(window) for the rest.
    #[inline(always)]
    pub(super) fn new(points: usize, window: Window) -> Self {
        let points = points.max(2);
        let mut filter = Self { points, weights: Vec::new(), fits: Vec::new() };
        let half = window.length.div_ceil(2);
        let mut inside: Option<Range<usize>> = None;
        let jump = window.jump.min(points - 1);
        let last = points - 1;
        let positions = (0..points).step_by(jump).chain((!last.is_multiple_of(jump)).then_some(last));
        for at in positions {
            let (from, to) = if window.length >= points {
                (0, points)
            } else {
                let from = (at + 1).saturating_sub(half).min(points - window.length);
                (from, from + window.length)
            };
            let centred = at - from == to - 1 - at && window.length < points;
            let weights = match &inside {
                Some(shared) if centred => shared.clone(),
                _ => filter.add_weights(at as f64, from..to, window),
            };
            if centred {
                inside = Some(weights.clone());
            }
            filter.fits.push(Fit { at, from, weights });
        }
        filter
    }

    /// [`Loess::new`] that also smooths one position before the first value and one after the last.
    #[inline(always)]
    pub(super) fn beyond(points: usize, window: Window) -> Beyond {
        let mut inner = Self::new(points, window);
        let points = inner.points;
        let reach = window.length.min(points);
        let weights = inner.add_weights(-1.0, 0..reach, window);
        let before = Fit { at: 0, from: 0, weights };
        let from = points - reach;
        let weights = inner.add_weights(points as f64, from..points, window);
        Beyond { before, after: Fit { at: points, from, weights }, inner }
    }

    /// Appends the weights of the `values` for the smoothed value at `at`; counted from 0, as everything here.
    #[inline(always)]
    fn add_weights(&mut self, at: f64, values: Range<usize>, window: Window) -> Range<usize> {
        let start = self.weights.len();
        let (first, last) = (values.start as f64 - at, (values.end - 1) as f64 - at);
        let mut reach = last.max(-first);
        if window.length > self.points {
            reach += ((window.length - self.points) / 2) as f64;
        }
        let count = values.len();
        // whole blocks; what is too much is dropped below
        self.weights.resize(start + count.next_multiple_of(LANES), 0.0);
        let (weights, _) = self.weights[start..].as_chunks_mut::<LANES>();
        let mut sums = [[0.0; LANES]; 3];
        let mut from = first;
        for block in weights.iter_mut() {
            for lane in 0..LANES {
                let offset = from + lane as f64;
                let weight = if offset > last { 0.0 } else { tricube(offset, reach) };
                block[lane] = weight;
                sums[0][lane] += weight;
                sums[1][lane] += weight * offset;
                sums[2][lane] += weight * offset * offset;
            }
            from += LANES as f64;
        }
        let [total, first_moment, second_moment] = sums.map(|lanes| lanes.iter().sum::<f64>());
        let centre = first_moment / total;
        let spread = second_moment / total - centre * centre;
        // where the values lie too close together for a slope, there is none
        let sloped = window.degree > 0 && spread.max(0.0).sqrt() > 0.001 * (self.points - 1) as f64;
        let slope = if sloped { -centre / spread } else { 0.0 };
        let mut from = first - centre;
        for block in weights {
            for (lane, weight) in block.iter_mut().enumerate() {
                *weight *= (1.0 + slope * (from + lane as f64)) / total;
            }
            from += LANES as f64;
        }
        self.weights.truncate(start + count);
        start..start + count
    }

    /// Smooths `values` into `smoothed`, both as long as the filter was made for.
    #[inline(always)]
    pub(super) fn apply(&self, values: &[f64], smoothed: &mut [f64]) {
        let mut previous: Option<(usize, f64)> = None;
        for fit in &self.fits {
            let weights = &self.weights[fit.weights.clone()];
            let value = dot(weights, &values[fit.from..fit.from + weights.len()]);
            smoothed[fit.at] = value;
            if let Some((start, from)) = previous {
                let step = (value - from) / (fit.at - start) as f64;
                for (offset, between) in smoothed[start + 1..fit.at].iter_mut().enumerate() {
                    *between = from + step * (offset + 1) as f64;
                }
            }
            previous = Some((fit.at, value));
        }
    }
}

/// Every column of a table is a series: `width` columns, of which some are smoothed.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// Values in a row of the table.
    pub(super) width: usize,
    /// Columns to smooth.
    pub(super) taken: Range<usize>,
}

impl Beyond {
    /// Smooths columns of `table` (row-major, as many rows as the filter has points) into `smoothed`, which has one row more
    /// before and after.
    #[inline(always)]
    pub(super) fn apply(&self, columns: &Columns, table: &[f64], smoothed: &mut [f64]) {
        let Columns { width, taken } = columns;
        self.smooth(&self.before, columns, table, smoothed, 0);
        self.smooth(&self.after, columns, table, smoothed, self.inner.points + 1);
        let mut previous: Option<usize> = None;
        for fit in &self.inner.fits {
            self.smooth(fit, columns, table, smoothed, fit.at + 1);
            if let Some(start) = previous {
                let share = 1.0 / (fit.at - start) as f64;
                let (head, end) = smoothed.split_at_mut((fit.at + 1) * width);
                let (head, between) = head.split_at_mut((start + 2) * width);
                let from = &head[(start + 1) * width..][taken.clone()];
                let to = &end[taken.clone()];
                for (offset, row) in between.chunks_exact_mut(*width).enumerate() {
                    let steps = (offset + 1) as f64;
                    for ((cell, from), to) in row[taken.clone()].iter_mut().zip(from).zip(to) {
                        *cell = from + (to - from) * share * steps;
                    }
                }
            }
            previous = Some(fit.at);
        }
    }

    /// One smoothed row.
    #[inline(always)]
    fn smooth(&self, fit: &Fit, columns: &Columns, table: &[f64], smoothed: &mut [f64], row: usize) {
        let Columns { width, taken } = columns;
        let weights = &self.inner.weights[fit.weights.clone()];
        let table = &table[fit.from * width + taken.start..];
        let (wide, rest) = smoothed[row * width..][taken.clone()].as_chunks_mut::<LANES>();
        for (block, out) in wide.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (index, weight) in weights.iter().enumerate() {
                let values = &table[index * width + block * LANES..][..LANES];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            *out = sums;
        }
        let done = wide.len() * LANES;
        for (column, out) in rest.iter_mut().enumerate() {
            *out =
                weights.iter().enumerate().map(|(index, weight)| weight * table[index * width + done + column]).sum();
        }
    }
}

/// Weight of a value `offset` steps away when the window reaches `reach` steps.
#[inline(always)]
fn tricube(offset: f64, reach: f64) -> f64 {
    let distance = offset.abs();
    let share = distance / reach;
    let rest = 1.0 - share * share * share;
    let weight = rest * rest * rest;
    let near = if distance <= 0.001 * reach { 1.0 } else { weight };
    if distance > 0.999 * reach { 0.0 } else { near }
}

/// Sum of products, in lanes: the same on every processor.
#[inline(always)]
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left, left_rest) = left.as_chunks::<{ 2 * LANES }>();
    let (right, right_rest) = right.as_chunks::<{ 2 * LANES }>();
    let mut sums = [0.0; 2 * LANES];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let mut total = 0.0;
    for (left, right) in left_rest.iter().zip(right_rest) {
        total += left * right;
    }
    sums.iter().fold(total, |total, sum| total + sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    }

    #[test]
    fn a_line_stays_a_line() {
        let line: Vec<f64> = (0..100).map(|index| 3.0 - 0.5 * f64::from(index)).collect();
        for length in [3, 21, 99, 101, 251] {
            let mut smoothed = vec![0.0; 100];
            Loess::new(100, Window::new(length, 1)).apply(&line, &mut smoothed);
            line.iter().zip(&smoothed).for_each(|(want, got)| near(*got, *want));
        }
    }

    #[test]
    fn degree_zero_is_a_weighted_mean() {
        let filter = Loess::new(3, Window { length: 3, degree: 0, jump: 1 });
        let mut smoothed = vec![0.0; 3];
        filter.apply(&[1.0, 5.0, 3.0], &mut smoothed);
        // the middle sees only itself, the ends see one neighbour at half their reach
        let half = (1.0_f64 - 0.125).powi(3);
        near(smoothed[0], (1.0 + 5.0 * half) / (1.0 + half));
        near(smoothed[1], 5.0);
        near(smoothed[2], (3.0 + 5.0 * half) / (1.0 + half));
    }

    #[test]
    fn columns_are_smoothed_alone() {
        let width = 11;
        let table: Vec<f64> = (0..6 * width).map(|index| ((index * 7919) % 101) as f64).collect();
        let filter = Loess::beyond(6, Window::new(5, 0));
        let mut smoothed = vec![f64::NAN; 8 * width];
        filter.apply(&Columns { width, taken: 1..width }, &table, &mut smoothed);
        for column in 1..width {
            let series: Vec<f64> = (0..6).map(|row| table[row * width + column]).collect();
            let mut alone = vec![0.0; 6];
            Loess::new(6, Window::new(5, 0)).apply(&series, &mut alone);
            for (row, want) in alone.iter().enumerate() {
                near(smoothed[(row + 1) * width + column], *want);
            }
        }
        assert!(smoothed.iter().step_by(width).all(|cell| cell.is_nan()), "the column left out was not touched");
    }
}
