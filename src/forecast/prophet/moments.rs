//! Sums of products of all columns, at the end of the history and at earlier ends, in one pass.
//!
//! Only the fixed columns (1, time, Fourier terms, regressors) and the values are multiplied row by row. A bend of the trend at
//! step `s`, `max(0, t - s)`, has the product `Σ t v - s Σ v` over the rows after `s` with any column `v`, so the sums of
//! `v` and `t v` at `s` are all that bends need, among themselves too.

use super::columns::Columns;
use super::dot;

/// Sums over the rows before one end.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// Fixed columns: 1, time, Fourier terms, regressors.
    pub(super) fixed: usize,
    /// Products of fixed columns, row-major, symmetric.
    pub(super) gram: Vec<f64>,
    /// Products of fixed columns with the values.
    pub(super) cross: Vec<f64>,
    /// Bends times fixed columns, a row for each bend.
    pub(super) bends: Vec<f64>,
    /// Bends times bends, row-major, symmetric.
    pub(super) bend_gram: Vec<f64>,
    /// Bends times values.
    pub(super) bend_cross: Vec<f64>,
    /// Values squared.
    pub(super) squares: f64,
    /// Rows that count.
    pub(super) rows: f64,
}

/// Running sums: row-major lower triangle over (1, time, columns, values).
struct Running {
    width: usize,
    sums: Vec<f64>,
}

impl Moments {
    /// Sums before each of `ends`; `values` are scaled, time runs from 0 to 1 over all of them.
    ///
    /// `knots` ascend. O(rows × width² + ends × knots × width).
    pub(super) fn collect(
        values: &[f64],
        observed: &[bool],
        columns: &Columns,
        knots: &[usize],
        ends: &[usize],
    ) -> Vec<Self> {
        let width = columns.width + 3;
        let per_step = 1.0 / values.len().saturating_sub(1).max(1) as f64;
        let mut running = Running { width, sums: vec![0.0; width * width] };
        let mut stops: Vec<usize> = knots.iter().map(|knot| knot + 1).chain(ends.iter().copied()).collect();
        stops.sort_unstable();
        stops.dedup();
        let mut at_stop = Vec::with_capacity(stops.len());
        let mut row = vec![1.0; width];
        let mut from = 0;
        for stop in &stops {
            for at in from..(*stop).min(values.len()) {
                if !observed[at] {
                    continue;
                }
                row[1] = at as f64 * per_step;
                row[2..width - 1].copy_from_slice(columns.row(at));
                row[width - 1] = values[at];
                running.add(&row);
            }
            from = *stop;
            at_stop.push(running.sums.clone());
        }
        let find = |stop: usize| stops.binary_search(&stop).ok().and_then(|index| at_stop.get(index));
        let bends: Vec<(f64, Vec<f64>)> = knots
            .iter()
            .map(|knot| (*knot as f64 * per_step, first_two(find(knot + 1).map_or(&[][..], Vec::as_slice), width)))
            .collect();
        ends.iter().map(|end| Self::at_end(find(*end).map_or(&[][..], Vec::as_slice), &bends, width)).collect()
    }

    fn at_end(sums: &[f64], bends: &[(f64, Vec<f64>)], width: usize) -> Self {
        let fixed = width - 1;
        let value = |i: usize, j: usize| sums[i.max(j) * width + i.min(j)];
        let totals = first_two(sums, width);
        // sums of v and t v over the rows after a bend, for every column v, and what they make of the bend times v
        let after = |bend: &[f64], place: f64, column: usize| {
            let (plain, timed) = (totals[column] - bend[column], totals[width + column] - bend[width + column]);
            timed - place * plain
        };
        let mut rows = Vec::with_capacity(bends.len() * fixed);
        let mut bend_cross = Vec::with_capacity(bends.len());
        let mut bend_gram = vec![0.0; bends.len() * bends.len()];
        for (i, (place, sums_there)) in bends.iter().enumerate() {
            rows.extend((0..fixed).map(|column| after(sums_there, *place, column)));
            bend_cross.push(after(sums_there, *place, fixed));
            // both bends act after the later one, this: (t - s_j)(t - s_i) = t (t - s_i) - s_j (t - s_i)
            let with_time = {
                let plain = totals[1] - sums_there[1];
                let squared = totals[width + 1] - sums_there[width + 1];
                squared - place * plain
            };
            let with_one = after(sums_there, *place, 0);
            for (j, (earlier, _)) in bends[..=i].iter().enumerate() {
                let product = with_time - earlier * with_one;
                bend_gram[i * bends.len() + j] = product;
                bend_gram[j * bends.len() + i] = product;
            }
        }
        Self {
            fixed,
            gram: (0..fixed).flat_map(|i| (0..fixed).map(move |j| value(i, j))).collect(),
            cross: (0..fixed).map(|i| value(fixed, i)).collect(),
            bends: rows,
            bend_gram,
            bend_cross,
            squares: value(fixed, fixed),
            rows: value(0, 0),
        }
    }

    /// Squared error of coefficients of the fixed columns and of the first bends.
    pub(super) fn error(&self, fixed: &[f64], changes: &[f64]) -> f64 {
        let total = self.bend_cross.len();
        let mut error = self.squares;
        for (i, coefficient) in fixed.iter().enumerate() {
            let row = &self.gram[i * self.fixed..(i + 1) * self.fixed];
            error += coefficient * (dot(row, fixed) - 2.0 * self.cross[i]);
        }
        for (i, change) in changes.iter().enumerate().filter(|(_, change)| **change != 0.0) {
            let with_fixed = dot(&self.bends[i * self.fixed..(i + 1) * self.fixed], fixed);
            let row = &self.bend_gram[i * total..i * total + changes.len()];
            error += change * (dot(row, changes) + 2.0 * with_fixed - 2.0 * self.bend_cross[i]);
        }
        error
    }
}

impl Running {
    fn add(&mut self, row: &[f64]) {
        for (i, value) in row.iter().enumerate() {
            let cells = &mut self.sums[i * self.width..=i * self.width + i];
            for (cell, other) in cells.iter_mut().zip(row) {
                *cell += value * other;
            }
        }
    }
}

/// Sums of every column, then sums of time with every column.
fn first_two(sums: &[f64], width: usize) -> Vec<f64> {
    let value = |i: usize, j: usize| sums.get(i.max(j) * width + i.min(j)).copied().unwrap_or(0.0);
    (0..2).flat_map(|i| (0..width).map(move |j| (i, j))).map(|(i, j)| value(i, j)).collect()
}
