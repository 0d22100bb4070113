//! Grows one tree, best leaf first.

use super::bins::Binned;
use super::histogram::{Bounds, Histogram, Rules, Split};
use super::params::Trend;
use super::tree::{Child, Leaf, Node, Tree};

/// A leaf while the tree grows: its rows are `rows[start..end]`.
struct Open {
    start: usize,
    end: usize,
    depth: usize,
    bounds: Bounds,
    histogram: Histogram,
    split: Option<Split>,
    /// The inner node above, and whether this is its left child.
    parent: Option<(usize, bool)>,
}

/// Grows a tree on `rows` (which it reorders); also returns, per leaf, the range of `rows` that it holds.
///
/// O(rows × features × depth) for the histograms, of which only the smaller child's is built.
pub(super) fn grow(
    binned: &Binned,
    rows: &mut [u32],
    derivatives: &[[f64; 2]],
    rules: &Rules<'_>,
) -> (Tree, Vec<std::ops::Range<usize>>) {
    let histogram = Histogram::build(binned, rows, derivatives);
    let split = histogram.best_split(binned, rules, Bounds::FREE);
    let mut open =
        vec![Open { start: 0, end: rows.len(), depth: 0, bounds: Bounds::FREE, histogram, split, parent: None }];
    let mut nodes: Vec<Node> = Vec::new();
    while open.len() < rules.params.max_leaves {
        let Some((index, split)) = take_best(&mut open) else { break };
        let leaf = open.swap_remove(index);
        let node = nodes.len();
        link(&mut nodes, leaf.parent, Child::Node(node));
        nodes.push(Node {
            threshold: binned.features[split.feature].cuts[split.bin],
            feature: split.feature,
            missing_left: split.missing_left,
            left: Child::Leaf(0),
            right: Child::Leaf(0),
        });
        let children = divide(binned, rows, derivatives, rules, (leaf, &split));
        for (child, is_left) in children.into_iter().zip([true, false]) {
            open.push(Open { parent: Some((node, is_left)), ..child });
        }
    }
    finish(nodes, &open, binned, rules)
}

/// Takes the split of the highest gain out of the open leaves.
fn take_best(open: &mut [Open]) -> Option<(usize, Split)> {
    let mut best: Option<(usize, f64)> = None;
    for (index, leaf) in open.iter().enumerate() {
        let Some(split) = &leaf.split else { continue };
        if best.is_none_or(|(_, gain)| split.gain > gain) {
            best = Some((index, split.gain));
        }
    }
    let (index, _) = best?;
    open[index].split.take().map(|split| (index, split))
}

/// Divides a leaf's rows, keeping their order, and prepares both children.
fn divide(
    binned: &Binned,
    rows: &mut [u32],
    derivatives: &[[f64; 2]],
    rules: &Rules<'_>,
    (leaf, split): (Open, &Split),
) -> [Open; 2] {
    let n_features = binned.features.len();
    let missing = binned.features[split.feature].n_values();
    let part = &mut rows[leaf.start..leaf.end];
    let goes_left = |row: &u32| {
        let code = usize::from(binned.codes[*row as usize * n_features + split.feature]);
        if code == missing { split.missing_left } else { code <= split.bin }
    };
    let (left, right): (Vec<u32>, Vec<u32>) = part.iter().partition(|row| goes_left(row));
    part[..left.len()].copy_from_slice(&left);
    part[left.len()..].copy_from_slice(&right);
    let middle = leaf.start + left.len();
    let (left_histogram, right_histogram) = if left.len() <= right.len() {
        let small = Histogram::build(binned, &left, derivatives);
        let large = leaf.histogram.minus(&small);
        (small, large)
    } else {
        let small = Histogram::build(binned, &right, derivatives);
        let large = leaf.histogram.minus(&small);
        (large, small)
    };
    let [left_bounds, right_bounds] = child_bounds(rules, split, leaf.bounds);
    let child = |start, end, histogram: Histogram, bounds| {
        let may_split = leaf.depth + 1 < rules.params.max_depth;
        let split = if may_split { histogram.best_split(binned, rules, bounds) } else { None };
        Open { start, end, depth: leaf.depth + 1, bounds, histogram, split, parent: None }
    };
    [child(leaf.start, middle, left_histogram, left_bounds), child(middle, leaf.end, right_histogram, right_bounds)]
}

/// Children of a split with a trend may not cross the middle of their values.
fn child_bounds(rules: &Rules<'_>, split: &Split, bounds: Bounds) -> [Bounds; 2] {
    let l2 = rules.params.l2;
    let middle = f64::midpoint(split.left.value(l2, bounds), split.right.value(l2, bounds));
    let (below, above) = (Bounds { high: middle, ..bounds }, Bounds { low: middle, ..bounds });
    match rules.trends.get(split.feature).copied().unwrap_or_default() {
        Trend::Free => [bounds, bounds],
        Trend::TowardsFirst => [below, above],
        Trend::TowardsLast => [above, below],
    }
}

fn link(nodes: &mut [Node], parent: Option<(usize, bool)>, child: Child) {
    let Some((node, is_left)) = parent else { return };
    if is_left {
        nodes[node].left = child;
    } else {
        nodes[node].right = child;
    }
}

/// Numbers the leaves and gives them their values, shrunk by the learning rate and rounded to `f32`.
fn finish(
    mut nodes: Vec<Node>,
    open: &[Open],
    binned: &Binned,
    rules: &Rules<'_>,
) -> (Tree, Vec<std::ops::Range<usize>>) {
    let mut leaves = Vec::with_capacity(open.len());
    for (index, leaf) in open.iter().enumerate() {
        link(&mut nodes, leaf.parent, Child::Leaf(index));
        let total = leaf.histogram.total(binned);
        let value = total.value(rules.params.l2, leaf.bounds) * rules.params.learning_rate;
        leaves.push(Leaf { value: f64::from(value as f32), cover: total.rows.max(1) });
    }
    (Tree { nodes, leaves }, open.iter().map(|leaf| leaf.start..leaf.end).collect())
}
