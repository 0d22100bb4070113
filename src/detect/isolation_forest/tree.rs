//! One tree: grown on a sample, stored flat.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::forest::average_path_length;
use super::params::Split;

/// A node: rows with `value <= threshold` go to `left`, the others to `left + 1`.
///
/// A leaf points to itself with the largest threshold, so that a walk may run past it without a branch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) threshold: f64,
    /// Feature of an axis split, number of the hyperplane of an oblique one.
    pub(super) feature: u32,
    pub(super) left: u32,
}

/// One feature's part in a hyperplane.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Term {
    pub(super) feature: u32,
    #[serde(with = "crate::detect::exact::one")]
    pub(super) weight: f64,
}

/// A grown tree. All vectors but `planes` have one entry for each node; the root is node 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Path length of a row that ends here: depth plus what an unbuilt subtree would add; 0 for inner nodes.
    pub(super) path_lengths: Vec<f64>,
    /// Training rows that came through the node.
    pub(super) samples: Vec<u32>,
    /// Hyperplanes of oblique splits, empty for axis splits.
    pub(super) planes: Vec<Vec<Term>>,
    /// Length of the longest walk.
    pub(super) depth: u32,
}

/// Rows to grow on: row-major, finite.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f64],
    pub(super) width: usize,
}

struct Task {
    node: usize,
    start: usize,
    end: usize,
    depth: u32,
}

struct Cut {
    feature: u32,
    threshold: f64,
    plane: Option<Vec<Term>>,
}

impl Rows<'_> {
    fn at(&self, row: u32, feature: usize) -> f64 {
        self.values[row as usize * self.width + feature]
    }

    fn bounds(&self, rows: &[u32], feature: usize) -> (f64, f64) {
        rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| {
            let value = self.at(*row, feature);
            (low.min(value), high.max(value))
        })
    }

    fn project(&self, row: u32, plane: &[Term]) -> f64 {
        plane.iter().map(|t| t.weight * self.at(row, t.feature as usize)).sum()
    }
}

impl Tree {
    /// Grows on the rows numbered in `sample`, to a depth of `limit` at most.
    pub(super) fn grow(rows: Rows<'_>, sample: &mut [u32], limit: u32, split: Split, rng: &mut Pcg64Mcg) -> Self {
        let mut tree = Self::default();
        tree.add_leaf();
        let mut tasks = vec![Task { node: 0, start: 0, end: sample.len(), depth: 0 }];
        let mut features: Vec<u32> = (0..rows.width as u32).collect();
        while let Some(Task { node, start, end, depth }) = tasks.pop() {
            let here = &mut sample[start..end];
            tree.samples[node] = here.len() as u32;
            let cut =
                if depth < limit && here.len() > 1 { choose(rows, here, &mut features, split, rng) } else { None };
            let Some(cut) = cut else {
                tree.path_lengths[node] = f64::from(depth) + average_path_length(here.len());
                tree.depth = tree.depth.max(depth);
                continue;
            };
            let middle = start + partition(rows, here, &cut);
            let left = tree.nodes.len();
            tree.add_leaf();
            tree.add_leaf();
            let feature = match cut.plane {
                None => cut.feature,
                Some(plane) => {
                    tree.planes.push(plane);
                    tree.planes.len() as u32 - 1
                }
            };
            tree.nodes[node] = Node { threshold: cut.threshold, feature, left: left as u32 };
            tasks.push(Task { node: left + 1, start: middle, end, depth: depth + 1 });
            tasks.push(Task { node: left, start, end: middle, depth: depth + 1 });
        }
        tree
    }

    fn add_leaf(&mut self) {
        let itself = self.nodes.len() as u32;
        self.nodes.push(Node { threshold: f64::MAX, feature: 0, left: itself });
        self.path_lengths.push(0.0);
        self.samples.push(0);
    }

    pub(super) fn is_leaf(&self, node: usize) -> bool {
        self.nodes[node].left as usize == node
    }

    /// The node that follows `node` for a finite row.
    pub(super) fn step(&self, node: usize, row: &[f64]) -> usize {
        let Node { threshold, feature, left } = self.nodes[node];
        let value = if self.planes.is_empty() {
            row[feature as usize]
        } else {
            self.planes[feature as usize].iter().map(|t| t.weight * row[t.feature as usize]).sum()
        };
        left as usize + usize::from(value > threshold)
    }

    /// Path length of a finite row.
    pub(super) fn path_length(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        if self.planes.is_empty() {
            for _ in 0..self.depth {
                let Node { threshold, feature, left } = self.nodes[node];
                node = left as usize + usize::from(row[feature as usize] > threshold);
            }
        } else {
            while !self.is_leaf(node) {
                node = self.step(node, row);
            }
        }
        self.path_lengths[node]
    }
}

/// A cut that leaves rows on both sides; `None` when every feature is constant here.
fn choose(rows: Rows<'_>, here: &[u32], features: &mut [u32], split: Split, rng: &mut Pcg64Mcg) -> Option<Cut> {
    match split {
        Split::Axis => choose_axis(rows, here, features, rng),
        Split::Extended { features: wanted } => {
            choose_plane(rows, here, features, wanted, rng).or_else(|| choose_axis_as_plane(rows, here, features, rng))
        }
    }
}

fn choose_axis(rows: Rows<'_>, here: &[u32], features: &mut [u32], rng: &mut Pcg64Mcg) -> Option<Cut> {
    let mut open = features.len();
    while open > 0 {
        let pick = rng.random_range(0..open);
        let feature = features[pick];
        let (low, high) = rows.bounds(here, feature as usize);
        if low < high {
            let share: f64 = rng.random();
            let threshold = between(low, high, share);
            return Some(Cut { feature, threshold, plane: None });
        }
        open -= 1;
        features.swap(pick, open);
    }
    None
}

fn choose_axis_as_plane(rows: Rows<'_>, here: &[u32], features: &mut [u32], rng: &mut Pcg64Mcg) -> Option<Cut> {
    let cut = choose_axis(rows, here, features, rng)?;
    Some(Cut { plane: Some(vec![Term { feature: cut.feature, weight: 1.0 }]), ..cut })
}

/// A random hyperplane through a random point of the rows' box; a few tries, because it may miss all rows.
fn choose_plane(rows: Rows<'_>, here: &[u32], features: &mut [u32], wanted: usize, rng: &mut Pcg64Mcg) -> Option<Cut> {
    for _ in 0..8 {
        let mut open = features.len();
        let (mut plane, mut threshold) = (Vec::with_capacity(wanted), 0.0);
        while open > 0 && plane.len() < wanted {
            let pick = rng.random_range(0..open);
            let feature = features[pick];
            open -= 1;
            features.swap(pick, open);
            let (low, high) = rows.bounds(here, feature as usize);
            let range = high - low;
            if low < high && range.is_finite() && range.recip().is_finite() {
                let normal: f64 = StandardNormal.sample(rng);
                let weight = normal / range;
                threshold += weight * between(low, high, rng.random());
                plane.push(Term { feature, weight });
            }
        }
        if plane.is_empty() {
            return None;
        }
        let right = here.iter().filter(|row| rows.project(**row, &plane) > threshold).count();
        if threshold.is_finite() && right > 0 && right < here.len() {
            return Some(Cut { feature: 0, threshold, plane: Some(plane) });
        }
    }
    None
}

/// A point of [low, high), safe from overflow and from rounding up to `high`.
fn between(low: f64, high: f64, share: f64) -> f64 {
    let point = low * (1.0 - share) + high * share;
    if point >= low && point < high { point } else { low }
}

/// Rows at or below the threshold first; how many they are.
fn partition(rows: Rows<'_>, here: &mut [u32], cut: &Cut) -> usize {
    let mut middle = 0;
    for index in 0..here.len() {
        let row = here[index];
        let value = match &cut.plane {
            None => rows.at(row, cut.feature as usize),
            Some(plane) => rows.project(row, plane),
        };
        if value <= cut.threshold {
            here.swap(middle, index);
            middle += 1;
        }
    }
    middle
}
