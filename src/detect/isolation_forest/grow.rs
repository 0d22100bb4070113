//! Growing a tree: where a node is cut, and into which rows.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

use super::guide::Guide;
use super::params::Split;
use super::sample::Sample;
use super::tree::{Node, Term, Tree, project};

struct Task {
    node: usize,
    start: usize,
    end: usize,
    depth: u32,
}

enum Cut {
    Axis { feature: u32, threshold: f64 },
    Plane { terms: Vec<Term>, threshold: f64 },
}

/// What choosing a cut needs.
struct Cutter<'a> {
    sample: &'a Sample,
    split: Split,
    rng: &'a mut Pcg64Mcg,
    /// All features, in the order that the draws before have left.
    features: Vec<u32>,
    guide: Guide,
}

/// Grows on all rows of `sample`, to a depth of `limit` at most.
pub(super) fn grow(sample: &Sample, width: usize, limit: u32, split: Split, rng: &mut Pcg64Mcg) -> Tree {
    let mut tree = Tree::default();
    tree.add_leaf();
    let mut rows: Vec<u32> = (0..sample.rows() as u32).collect();
    let mut cutter = Cutter { sample, split, rng, features: (0..width as u32).collect(), guide: Guide::default() };
    let mut tasks = vec![Task { node: 0, start: 0, end: rows.len(), depth: 0 }];
    while let Some(Task { node, start, end, depth }) = tasks.pop() {
        let here = &mut rows[start..end];
        tree.samples[node] = here.len() as u32;
        let cut = if depth < limit && here.len() > 1 { cutter.choose(here) } else { None };
        let Some(cut) = cut else { continue };
        let middle = start + partition(sample, here, &cut);
        let left = tree.nodes.len();
        tree.add_leaf();
        tree.add_leaf();
        let (feature, threshold) = match cut {
            Cut::Axis { feature, threshold } => (feature, threshold),
            Cut::Plane { terms, threshold } => (tree.planes.push(&terms), threshold),
        };
        tree.nodes[node] = Node { threshold, feature, left: left as u32 };
        tasks.push(Task { node: left + 1, start: middle, end, depth: depth + 1 });
        tasks.push(Task { node: left, start, end: middle, depth: depth + 1 });
    }
    tree.measure();
    tree
}

impl Cutter<'_> {
    /// A cut that leaves rows on both sides; `None` when every feature is constant here.
    fn choose(&mut self, here: &[u32]) -> Option<Cut> {
        match self.split {
            Split::Axis => self.axis(here),
            Split::Guided { gain, percent } => {
                if self.rng.random_range(0..100) >= percent {
                    return self.axis(here);
                }
                let (feature, _) = self.varying(here)?;
                let threshold = self.guide.best(self.sample.column(feature), here, gain)?;
                Some(Cut::Axis { feature, threshold })
            }
            Split::Extended { features } => self.plane(here, features).or_else(|| self.axis_as_plane(here)),
        }
    }

    fn axis(&mut self, here: &[u32]) -> Option<Cut> {
        let (feature, (low, high)) = self.varying(here)?;
        let share: f64 = self.rng.random();
        Some(Cut::Axis { feature, threshold: between(low, high, share) })
    }

    /// A random feature that is not constant among the rows, with its bounds.
    fn varying(&mut self, here: &[u32]) -> Option<(u32, (f64, f64))> {
        let mut open = self.features.len();
        while open > 0 {
            let pick = self.rng.random_range(0..open);
            let feature = self.features[pick];
            let (low, high) = self.sample.bounds(here, feature);
            if low < high {
                return Some((feature, (low, high)));
            }
            open -= 1;
            self.features.swap(pick, open);
        }
        None
    }

    fn axis_as_plane(&mut self, here: &[u32]) -> Option<Cut> {
        match self.axis(here)? {
            Cut::Axis { feature, threshold } => {
                Some(Cut::Plane { terms: vec![Term { feature, weight: 1.0 }], threshold })
            }
            plane @ Cut::Plane { .. } => Some(plane),
        }
    }

    /// A random hyperplane through a random point of the rows' box; a few tries, because it may miss all rows.
    fn plane(&mut self, here: &[u32], wanted: usize) -> Option<Cut> {
        for _ in 0..8 {
            let mut open = self.features.len();
            let (mut terms, mut threshold) = (Vec::with_capacity(wanted.min(open)), 0.0);
            while open > 0 && terms.len() < wanted {
                let pick = self.rng.random_range(0..open);
                let feature = self.features[pick];
                open -= 1;
                self.features.swap(pick, open);
                let (low, high) = self.sample.bounds(here, feature);
                let range = high - low;
                if low < high && range.is_finite() && range.recip().is_finite() {
                    let normal: f64 = StandardNormal.sample(self.rng);
                    let weight = normal / range;
                    threshold += weight * between(low, high, self.rng.random());
                    terms.push(Term { feature, weight });
                }
            }
            if terms.is_empty() {
                return None;
            }
            let along = |row: &&u32| project(&terms, |feature| self.sample.at(**row, feature)) > threshold;
            let right = here.iter().filter(along).count();
            if threshold.is_finite() && right > 0 && right < here.len() {
                return Some(Cut::Plane { terms, threshold });
            }
        }
        None
    }
}

/// A point of [low, high), safe from overflow and from rounding up to `high`.
pub(super) fn between(low: f64, high: f64, share: f64) -> f64 {
    let point = low * (1.0 - share) + high * share;
    if point >= low && point < high { point } else { low }
}

/// Rows at or below the threshold first; how many they are.
fn partition(sample: &Sample, here: &mut [u32], cut: &Cut) -> usize {
    match cut {
        Cut::Axis { feature, threshold } => {
            let column = sample.column(*feature);
            split_by(here, |row| column[row as usize] <= *threshold)
        }
        Cut::Plane { terms, threshold } => {
            split_by(here, |row| project(terms, |feature| sample.at(row, feature)) <= *threshold)
        }
    }
}

fn split_by(here: &mut [u32], is_left: impl Fn(u32) -> bool) -> usize {
    let mut middle = 0;
    for index in 0..here.len() {
        let row = here[index];
        here.swap(index, middle);
        middle += usize::from(is_left(row));
    }
    middle
}
