//! Novelty: how far a row is from its nearest neighbours among rows spread evenly over the past.

use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

/// Rows in the reservoir.
pub(super) const RESERVOIR: usize = 256;
/// Fewer rows than this say nothing.
const FEWEST: usize = 5;
const LANES: usize = 16;

/// A reservoir of scaled rows, column after column, and the distance to its k-th nearest row.
///
/// Columns are centred on their median and divided by a blend of interdecile range and standard deviation, both of the
/// reservoir. The distance is the root of the mean squared difference.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Novelty {
    width: usize,
    nearest: usize,
    rows: usize,
    #[serde(with = "super::exact::f32s")]
    columns: Vec<f32>,
    #[serde(with = "super::exact::f64s")]
    centre: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    per_unit: Vec<f64>,
}

impl Novelty {
    pub(super) fn new(width: usize, nearest: usize) -> Self {
        Self { width, nearest, rows: 0, columns: Vec::new(), centre: Vec::new(), per_unit: Vec::new() }
    }

    /// Takes up to 256 of the `rows` (row-major), evenly spread, as the new reservoir.
    pub(super) fn rebuild(&mut self, rows: &[f64]) {
        let held = rows.len() / self.width;
        self.rows = held.min(RESERVOIR);
        self.columns.clear();
        self.centre.clear();
        self.per_unit.clear();
        for column in 0..self.width {
            let picked = (0..self.rows).map(|r| rows[(r * held / self.rows) * self.width + column]);
            let values: Vec<f64> = picked.collect();
            let (centre, per_unit) = scale(&values);
            self.columns.extend(values.iter().map(|v| narrow((v - centre) * per_unit)));
            self.centre.push(centre);
            self.per_unit.push(per_unit);
        }
    }

    /// Distance to the k-th nearest row; `None` while there are fewer than five.
    pub(super) fn distance(&self, row: &[f64]) -> Option<f64> {
        if self.rows < FEWEST {
            return None;
        }
        let scales = self.centre.iter().zip(&self.per_unit);
        let query: Vec<f32> =
            row.iter().zip(scales).map(|(value, (centre, per_unit))| narrow((value - centre) * per_unit)).collect();
        let search = Search { query: &query, columns: &self.columns, rows: self.rows, nearest: self.nearest };
        Some((f64::from(Arch::new().dispatch(search)) / self.width as f64).sqrt())
    }

    pub(super) fn is_sound(&self) -> bool {
        let columns = if self.rows == 0 { 0 } else { self.width };
        self.width > 0
            && self.rows <= RESERVOIR
            && self.columns.len() == self.rows * columns
            && self.centre.len() == self.per_unit.len()
    }
}

/// A search for the `nearest`-th smallest (1 to 3) sum of squared differences of the query from a row.
///
/// Sixteen rows side by side, each summed column after column: the same operations in the same order on every processor,
/// so the same result to the last bit, whichever instructions they are compiled to.
struct Search<'a> {
    query: &'a [f32],
    columns: &'a [f32],
    rows: usize,
    nearest: usize,
}

impl NullaryFnOnce for Search<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let Search { query, columns, rows, nearest } = self;
        let mut lanes = [[f32::MAX; LANES]; 3];
        let whole = rows - rows % LANES;
        for start in (0..whole).step_by(LANES) {
            let mut sums = [0.0_f32; LANES];
            for (value, column) in query.iter().zip(columns.chunks_exact(rows)) {
                for (sum, held) in sums.iter_mut().zip(&column[start..start + LANES]) {
                    let difference = value - held;
                    *sum += difference * difference;
                }
            }
            keep_smallest(&mut lanes, &sums);
        }
        let mut sums = [f32::MAX; LANES];
        for (sum, row) in sums.iter_mut().zip(whole..rows) {
            let differences = query.iter().zip(columns.chunks_exact(rows)).map(|(value, column)| value - column[row]);
            *sum = differences.fold(0.0, |sum, difference| sum + difference * difference);
        }
        keep_smallest(&mut lanes, &sums);
        let mut best = [f32::MAX; 3];
        for sum in lanes.iter().take(nearest).flatten() {
            if *sum < best[2] {
                best[2] = *sum;
                best.sort_unstable_by(f32::total_cmp);
            }
        }
        best[nearest.clamp(1, 3) - 1]
    }
}

/// Keeps the three smallest sums of each lane, in order.
#[inline(always)]
fn keep_smallest(lanes: &mut [[f32; LANES]; 3], sums: &[f32; LANES]) {
    let mut here = *sums;
    for best in lanes {
        for (kept, new) in best.iter_mut().zip(&mut here) {
            let (low, high) = if *new < *kept { (*new, *kept) } else { (*kept, *new) };
            (*kept, *new) = (low, high);
        }
    }
}

fn scale(values: &[f64]) -> (f64, f64) {
    let n = values.len();
    if n == 0 {
        return (0.0, 1e9);
    }
    let mut held = values.to_vec();
    let rank = |share: f64| (share * (n - 1) as f64) as usize;
    // each selection leaves what is smaller before it: high, middle, low
    let (before, high, _) = held.select_nth_unstable_by(rank(0.9), f64::total_cmp);
    let high = *high;
    let mut pick = |index: usize| {
        if index < before.len() { *before.select_nth_unstable_by(index, f64::total_cmp).1 } else { high }
    };
    let (median, low) = (pick(n / 2), pick(rank(0.1)));
    let mean = values.iter().sum::<f64>() / n as f64;
    let sd = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64).sqrt();
    let unit = 0.5 * (high - low) / 1.28 + 0.5 * sd + 1e-9 + 1e-4 * median.abs();
    (median, unit.recip())
}

fn narrow(value: f64) -> f32 {
    value.clamp(-1e9, 1e9) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_was_seen_is_near_and_one_that_was_not_is_far() {
        let mut novelty = Novelty::new(2, 1);
        let rows: Vec<f64> = (0..100).flat_map(|i| [f64::from(i % 10), f64::from(i % 7)]).collect();
        assert_eq!(novelty.distance(&[3.0, 3.0]), None, "no reservoir, nothing to say");
        novelty.rebuild(&rows);
        assert!(novelty.distance(&[3.0, 3.0]).is_some_and(|d| d < 1e-3));
        assert!(novelty.distance(&[100.0, 3.0]).is_some_and(|d| d > 5.0));
    }

    #[test]
    fn the_constant_past_is_left_by_any_move() {
        let mut novelty = Novelty::new(1, 1);
        novelty.rebuild(&[0.0; 50]);
        assert!(novelty.distance(&[0.0]).is_some_and(|d| d < 1e-12));
        assert!(novelty.distance(&[1.0]).is_some_and(|d| d > 1e6));
    }
}
