//! One tree: its nodes, stored flat, and walks through it.

use serde::{Deserialize, Serialize};

use super::average_path_length;

/// Path lengths are whole numbers of this part of a step.
///
/// So their sums are exact: whatever the order in which trees are visited and whatever kernel does it, the same bits come
/// out. Rounding moves a path by half a millionth of a step at most.
const UNITS_PER_STEP: f64 = 1_048_576.0;

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

/// Hyperplanes, one after another. Number 0 has no terms: every row projects to 0 on it, which is where leaves point.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Planes {
    terms: Vec<Term>,
    /// End of each plane in `terms`.
    ends: Vec<u32>,
}

/// A grown tree. `nodes`, `paths` and `samples` have one entry for each node; the root is node 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Path length in units of a row that ends here: depth plus what an unbuilt subtree would add; 0 for inner nodes.
    pub(super) paths: Vec<u32>,
    /// Training rows that came through the node.
    pub(super) samples: Vec<u32>,
    /// Hyperplanes of oblique splits, empty for axis splits.
    pub(super) planes: Planes,
    /// Length of the longest walk.
    pub(super) depth: u32,
}

impl Planes {
    /// Appends a plane; its number.
    pub(super) fn push(&mut self, terms: &[Term]) -> u32 {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        self.terms.extend_from_slice(terms);
        self.ends.push(self.terms.len() as u32);
        self.ends.len() as u32 - 1
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many there are, with number 0; 0 for axis splits.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The terms of a plane.
    pub(super) fn terms(&self, plane: u32) -> &[Term] {
        let plane = plane as usize;
        let start = if plane == 0 { 0 } else { self.ends[plane - 1] };
        &self.terms[start as usize..self.ends[plane] as usize]
    }
}

/// Where a row comes to lie along a plane, given its features.
pub(super) fn project(terms: &[Term], value: impl Fn(usize) -> f64) -> f64 {
    terms.iter().map(|term| term.weight * value(term.feature as usize)).sum()
}

impl Tree {
    pub(super) fn add_leaf(&mut self) {
        let itself = self.nodes.len() as u32;
        self.nodes.push(Node { threshold: f64::MAX, feature: 0, left: itself });
        self.samples.push(0);
    }

    pub(super) fn is_leaf(&self, node: usize) -> bool {
        self.nodes[node].left as usize == node
    }

    /// Works out path lengths and depth from nodes and samples; children must lie behind their parent.
    pub(super) fn measure(&mut self) {
        let mut depths = vec![0_u32; self.nodes.len()];
        self.paths = vec![0; self.nodes.len()];
        self.depth = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let depth = depths[index];
            if node.left as usize == index {
                self.paths[index] = units(f64::from(depth) + average_path_length(self.samples[index] as usize));
                self.depth = self.depth.max(depth);
            } else {
                depths[node.left as usize] = depth + 1;
                depths[node.left as usize + 1] = depth + 1;
            }
        }
    }

    /// The node that follows `node` for a finite row.
    pub(super) fn step(&self, node: usize, row: &[f64]) -> usize {
        let Node { threshold, feature, left } = self.nodes[node];
        let value = if self.planes.is_empty() {
            row[feature as usize]
        } else {
            project(self.planes.terms(feature), |f| row[f])
        };
        left as usize + usize::from(value > threshold)
    }

    /// Adds the path lengths of `LANES` finite rows at once, so that their walks overlap; `value(lane, feature)`.
    pub(super) fn add_paths<const LANES: usize>(&self, value: impl Fn(usize, usize) -> f64, totals: &mut [u64; LANES]) {
        let mut at = [0_usize; LANES];
        if self.planes.is_empty() {
            for _ in 0..self.depth {
                for (lane, place) in at.iter_mut().enumerate() {
                    let Node { threshold, feature, left } = self.nodes[*place];
                    *place = left as usize + usize::from(value(lane, feature as usize) > threshold);
                }
            }
        } else {
            for _ in 0..self.depth {
                for (lane, place) in at.iter_mut().enumerate() {
                    let Node { threshold, feature, left } = self.nodes[*place];
                    let along = project(self.planes.terms(feature), |f| value(lane, f));
                    *place = left as usize + usize::from(along > threshold);
                }
            }
        }
        for (total, place) in totals.iter_mut().zip(at) {
            *total += u64::from(self.paths[place]);
        }
    }
}

/// The path lengths of one finite row through all trees, summed; trees are walked four at a time.
pub(super) fn path_of_row(trees: &[Tree], row: &[f64]) -> u64 {
    let mut total = 0;
    let mut groups = trees.chunks_exact(4);
    for group in groups.by_ref() {
        let depth = group.iter().map(|tree| tree.depth).max().unwrap_or(0);
        let mut at = [0_usize; 4];
        for _ in 0..depth {
            for (place, tree) in at.iter_mut().zip(group) {
                *place = tree.step(*place, row);
            }
        }
        total += at.iter().zip(group).map(|(place, tree)| u64::from(tree.paths[*place])).sum::<u64>();
    }
    for tree in groups.remainder() {
        let place = (0..tree.depth).fold(0, |place, _| tree.step(place, row));
        total += u64::from(tree.paths[place]);
    }
    total
}

/// A path length in units.
pub(super) fn units(path: f64) -> u32 {
    (path * UNITS_PER_STEP).round() as u32
}
