//! One tree: inner nodes in an array, children after their parents.

use serde::{Deserialize, Serialize};

/// An inner node: values at or below `threshold` go left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) threshold: f64,
    pub(super) feature: usize,
    pub(super) missing_left: bool,
    pub(super) left: Child,
    pub(super) right: Child,
}

/// Where an edge leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    Node(usize),
    Leaf(usize),
}

/// A leaf: what it adds to the head, and how many training rows reached it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub(super) value: f64,
    pub(super) cover: u32,
}

/// A tree; without inner nodes it is a single leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TreeFile", into = "TreeFile")]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) leaves: Vec<Leaf>,
}

/// The written form, a list per property: child numbers below 0 are leaves (`-1` is leaf 0).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeFile {
    feature: Vec<u16>,
    threshold: Vec<f64>,
    missing_left: Vec<u8>,
    left: Vec<i32>,
    right: Vec<i32>,
    value: Vec<f32>,
    cover: Vec<u32>,
}

/// Deepest tree that is read; deeper ones would make attributions slow.
pub(super) const MAX_DEPTH: usize = 64;
/// Most leaves that are read.
const MAX_LEAVES: usize = 1_024;

impl Tree {
    /// What the tree adds for a row; NaN goes where the node sends missing values.
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let mut at = self.root();
        loop {
            match at {
                Child::Leaf(leaf) => return self.leaves[leaf].value,
                Child::Node(node) => at = self.nodes[node].next(row),
            }
        }
    }

    /// Where a walk starts.
    pub(super) const fn root(&self) -> Child {
        if self.nodes.is_empty() { Child::Leaf(0) } else { Child::Node(0) }
    }

    /// Training rows below each inner node.
    pub(super) fn covers(&self) -> Vec<f64> {
        let mut covers = vec![0.0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            covers[index] = [node.left, node.right].into_iter().map(|child| self.cover(child, &covers)).sum();
        }
        covers
    }

    /// Training rows below `child`, given [`Tree::covers`].
    pub(super) fn cover(&self, child: Child, covers: &[f64]) -> f64 {
        match child {
            Child::Leaf(leaf) => f64::from(self.leaves[leaf].cover),
            Child::Node(node) => covers[node],
        }
    }

    /// Mean over the training rows: what the tree says when nothing is known.
    pub(super) fn mean(&self) -> f64 {
        let total: f64 = self.leaves.iter().map(|leaf| f64::from(leaf.cover)).sum();
        self.leaves.iter().map(|leaf| leaf.value * f64::from(leaf.cover)).sum::<f64>() / total
    }

    /// Largest feature number plus one.
    pub(super) fn features_used(&self) -> usize {
        self.nodes.iter().map(|node| node.feature + 1).max().unwrap_or(0)
    }

    fn check(&self) -> Result<(), String> {
        if self.leaves.len() != self.nodes.len() + 1 || self.leaves.len() > MAX_LEAVES {
            return Err(format!("{} leaves do not fit {} inner nodes", self.leaves.len(), self.nodes.len()));
        }
        if self.nodes.iter().any(|node| !node.threshold.is_finite()) {
            return Err("a threshold is not finite".to_owned());
        }
        if self.leaves.iter().any(|leaf| !(leaf.value.is_finite() && leaf.cover >= 1)) {
            return Err("a leaf is not finite or was reached by no row".to_owned());
        }
        self.check_links()
    }

    /// Every node and leaf has exactly one parent, children come after parents, and no path is too deep.
    fn check_links(&self) -> Result<(), String> {
        let mut depths = vec![None; self.nodes.len()];
        if let Some(root) = depths.first_mut() {
            *root = Some(0);
        }
        let mut reached = vec![self.nodes.is_empty(); self.leaves.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(depth) = depths[index] else { return Err(format!("node {index} has no parent before it")) };
            if depth >= MAX_DEPTH {
                return Err(format!("depth must be at most {MAX_DEPTH}"));
            }
            for child in [node.left, node.right] {
                let fresh = match child {
                    Child::Leaf(leaf) => reached.get_mut(leaf).is_some_and(|seen| !std::mem::replace(seen, true)),
                    Child::Node(next) => {
                        next > index && depths.get_mut(next).is_some_and(|slot| slot.replace(depth + 1).is_none())
                    }
                };
                if !fresh {
                    return Err(format!("node {index} has a child that is out of range or has another parent"));
                }
            }
        }
        if reached.iter().all(|seen| *seen) { Ok(()) } else { Err("a leaf has no parent".to_owned()) }
    }
}

impl Node {
    /// The child that a row goes to.
    pub(super) fn next(&self, row: &[f64]) -> Child {
        let value = row[self.feature];
        let left = if value.is_nan() { self.missing_left } else { value <= self.threshold };
        if left { self.left } else { self.right }
    }
}

impl From<i32> for Child {
    fn from(number: i32) -> Self {
        // `!number` of a negative number is 0 or more, so neither conversion can lose anything.
        if number < 0 { Self::Leaf(!number as usize) } else { Self::Node(number as usize) }
    }
}

impl From<Child> for i32 {
    fn from(child: Child) -> Self {
        match child {
            Child::Leaf(leaf) => !(leaf as Self),
            Child::Node(node) => node as Self,
        }
    }
}

impl TryFrom<TreeFile> for Tree {
    type Error = String;

    fn try_from(file: TreeFile) -> Result<Self, Self::Error> {
        let n = file.feature.len();
        let lengths = [file.threshold.len(), file.missing_left.len(), file.left.len(), file.right.len()];
        if lengths.iter().any(|length| *length != n) || file.value.len() != file.cover.len() {
            return Err("the lists of a tree differ in length".to_owned());
        }
        if file.missing_left.iter().any(|flag| *flag > 1) {
            return Err("missing_left must be 0 or 1".to_owned());
        }
        let nodes = (0..n).map(|i| Node {
            threshold: file.threshold[i],
            feature: usize::from(file.feature[i]),
            missing_left: file.missing_left[i] == 1,
            left: file.left[i].into(),
            right: file.right[i].into(),
        });
        let leaves = file.value.iter().zip(&file.cover).map(|(v, c)| Leaf { value: f64::from(*v), cover: *c });
        let tree = Self { nodes: nodes.collect(), leaves: leaves.collect() };
        tree.check()?;
        Ok(tree)
    }
}

impl From<Tree> for TreeFile {
    fn from(tree: Tree) -> Self {
        Self {
            feature: tree.nodes.iter().map(|node| u16::try_from(node.feature).unwrap_or(u16::MAX)).collect(),
            threshold: tree.nodes.iter().map(|node| node.threshold).collect(),
            missing_left: tree.nodes.iter().map(|node| u8::from(node.missing_left)).collect(),
            left: tree.nodes.iter().map(|node| node.left.into()).collect(),
            right: tree.nodes.iter().map(|node| node.right.into()).collect(),
            value: tree.leaves.iter().map(|leaf| leaf.value as f32).collect(),
            cover: tree.leaves.iter().map(|leaf| leaf.cover).collect(),
        }
    }
}
