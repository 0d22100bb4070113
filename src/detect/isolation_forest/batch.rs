//! Scoring many rows: in blocks, tree after tree, spread over the pool's threads.

use std::sync::{Arc, OnceLock};

use ndarray::{ArrayView1, ArrayView2, s};
use rayon::prelude::*;

use super::average_path_length;
use super::forest::IsolationForest;
use super::kernel::Kernel;
use super::packed::{BLOCK, LANES, Lanes, PackedForest};
use super::sample::finite;
use super::tree::{path_of_row, units};

/// Rows that one task of the pool scores: enough that handing them out costs nothing.
const TASK: usize = 16 * BLOCK;
/// Fewer rows than this are not worth packing a forest for.
const FEW: usize = 128;
/// Rows that are walked together where trees are not packed.
const TOGETHER: usize = 8;

/// The forest packed for batches, made when a batch first asks for it. It follows from the forest, so it never matters in
/// comparisons and is never stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed(OnceLock<Arc<Option<PackedForest>>>);

impl PartialEq for Packed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Memory of one task.
#[derive(Debug, Default)]
struct Scratch {
    codes: Vec<Lanes>,
    values: Vec<f64>,
}

impl IsolationForest {
    /// The summed path lengths of all rows as scores.
    pub(super) fn score_rows(&self, rows: &ArrayView2<'_, f64>, kernel: Kernel) -> Vec<f64> {
        let packed = if rows.nrows() < FEW { None } else { self.packed() };
        let mut scores = vec![0.0; rows.nrows()];
        let task = |(index, scores): (usize, &mut [f64])| {
            let mut scratch = Scratch::default();
            for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
                let start = index * TASK + block * BLOCK;
                let here = rows.slice(s![start..start + scores.len(), ..]);
                let mut totals = [0_u64; BLOCK];
                let totals = &mut totals[..scores.len()];
                match packed {
                    Some(packed) => scratch.add_packed(packed, kernel, &here, totals),
                    None => scratch.add_grown(self, &here, totals),
                }
                scores.iter_mut().zip(totals).for_each(|(score, total)| *score = self.score_of_total(*total));
            }
        };
        if scores.len() <= TASK {
            scores.chunks_mut(TASK).enumerate().for_each(task);
        } else {
            scores.par_chunks_mut(TASK).enumerate().for_each(task);
        }
        scores
    }

    /// The score of one finite row.
    pub(super) fn score_row(&self, row: &[f64]) -> f64 {
        self.score_of_total(path_of_row(&self.trees, row))
    }

    pub(super) fn score_of_total(&self, total: u64) -> f64 {
        let ordinary = f64::from(units(average_path_length(self.rows_per_tree)));
        // in units on both sides, so that rows that nothing sets apart get 0.5 and not almost 0.5
        if ordinary > 0.0 { (-(total as f64) / (ordinary * self.trees.len() as f64)).exp2() } else { 0.5 }
    }

    fn packed(&self) -> Option<&PackedForest> {
        let packed = self.packed.0.get_or_init(|| Arc::new(PackedForest::pack(&self.trees, &self.medians)));
        packed.as_ref().as_ref()
    }
}

impl Scratch {
    fn add_packed(&mut self, forest: &PackedForest, kernel: Kernel, rows: &ArrayView2<'_, f64>, totals: &mut [u64]) {
        for group in &forest.groups {
            let columns = group.columns();
            self.codes.clear();
            self.codes.resize(rows.nrows().div_ceil(LANES) * columns, [0; LANES]);
            for (place, codes) in group.codes.iter().enumerate() {
                let column = rows.column(codes.feature);
                let mut column = column.iter();
                for chunk in self.codes.chunks_exact_mut(columns) {
                    let mut values = [0.0; LANES];
                    values.iter_mut().zip(column.by_ref()).for_each(|(into, value)| *into = *value);
                    codes.fill(&values, group.column_bits, &mut chunk[place]);
                }
            }
            kernel.add(group, &self.codes, totals);
        }
    }

    fn add_grown(&mut self, forest: &IsolationForest, rows: &ArrayView2<'_, f64>, totals: &mut [u64]) {
        let width = forest.medians.len();
        self.values.clear();
        for row in rows.rows() {
            self.values.extend(row.iter().zip(&forest.medians).map(|(value, median)| finite(*value, *median)));
        }
        for tree in &forest.trees {
            let groups = totals.as_chunks_mut::<TOGETHER>();
            for (rows, totals) in self.values.chunks_exact(TOGETHER * width).zip(groups.0) {
                tree.add_paths(|lane, feature| rows[lane * width + feature], totals);
            }
            let done = self.values.len() / (TOGETHER * width) * (TOGETHER * width);
            for (row, total) in self.values[done..].chunks_exact(width).zip(groups.1) {
                tree.add_paths(|_, feature| row[feature], std::array::from_mut(total));
            }
        }
    }
}

/// A row with NaN replaced and infinities cut.
#[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
pub(super) fn clean(row: ArrayView1<'_, f64>, medians: &[f64]) -> Vec<f64> {
    row.iter().zip(medians).map(|(value, median)| finite(*value, *median)).collect()
}
