//! Exact Shapley values of a tree (Lundberg et al. 2020, "From local explanations to global understanding with
//! explainable AI for trees", algorithm 2), path-dependent: the background is the training rows that reached each node.

use super::tree::{Child, Node, Tree};

/// One feature on the path from the root: the share of coalitions of each size that follow it.
#[derive(Debug, Clone, Copy)]
struct Step {
    feature: usize,
    /// Share of training rows that go this way when the feature is not known.
    zero: f64,
    /// 1 when the row itself goes this way, 0 otherwise.
    one: f64,
    weight: f64,
}

/// Calls `add(feature, value)` with the Shapley values of `tree` for `row`; a feature may come several times.
///
/// The values sum to `tree.predict(row) - tree.mean()`.
pub(super) fn add(tree: &Tree, row: &[f64], add: &mut impl FnMut(usize, f64)) {
    let covers = tree.covers();
    let walk = Walk { tree, row, covers: &covers };
    walk.visit(tree.root(), &[], Step { feature: usize::MAX, zero: 1.0, one: 1.0, weight: 1.0 }, add);
}

struct Walk<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    covers: &'a [f64],
}

impl Walk<'_> {
    /// Visits what is below `at`; depth is limited when a tree is grown or read.
    fn visit(&self, at: Child, above: &[Step], step: Step, add: &mut impl FnMut(usize, f64)) {
        let mut path = above.to_vec();
        extend(&mut path, step);
        match at {
            Child::Leaf(leaf) => {
                let value = self.tree.leaves[leaf].value;
                for index in 1..path.len() {
                    let step = path[index];
                    add(step.feature, unwound_sum(&path, index) * (step.one - step.zero) * value);
                }
            }
            Child::Node(index) => self.descend(&self.tree.nodes[index], self.covers[index], path, add),
        }
    }

    fn descend(&self, node: &Node, cover: f64, mut path: Vec<Step>, add: &mut impl FnMut(usize, f64)) {
        let (mut zero, mut one) = (1.0, 1.0);
        if let Some(earlier) = path.iter().skip(1).position(|step| step.feature == node.feature).map(|i| i + 1) {
            (zero, one) = (path[earlier].zero, path[earlier].one);
            unwind(&mut path, earlier);
        }
        let goes = node.next(self.row);
        for child in [node.left, node.right] {
            let share = self.tree.cover(child, self.covers) / cover;
            let follows = if child == goes { one } else { 0.0 };
            self.visit(
                child,
                &path,
                Step { feature: node.feature, zero: zero * share, one: follows, weight: 0.0 },
                add,
            );
        }
    }
}

/// Adds a feature to the path and updates the weights of coalition sizes.
fn extend(path: &mut Vec<Step>, step: Step) {
    let length = path.len();
    path.push(Step { weight: if length == 0 { 1.0 } else { 0.0 }, ..step });
    let size = (length + 1) as f64;
    for i in (0..length).rev() {
        let weight = path[i].weight;
        path[i + 1].weight += step.one * weight * (i + 1) as f64 / size;
        path[i].weight = step.zero * weight * (length - i) as f64 / size;
    }
}

/// Takes the feature at `index` out of the path again.
fn unwind(path: &mut Vec<Step>, index: usize) {
    let last = path.len() - 1;
    let size = path.len() as f64;
    let Step { zero, one, .. } = path[index];
    let mut next = path[last].weight;
    for j in (0..last).rev() {
        if one > 0.0 {
            let weight = path[j].weight;
            path[j].weight = next * size / ((j + 1) as f64 * one);
            next = weight - path[j].weight * zero * (last - j) as f64 / size;
        } else {
            path[j].weight = path[j].weight * size / (zero * (last - j) as f64);
        }
    }
    for j in index..last {
        let Step { feature, zero, one, .. } = path[j + 1];
        path[j] = Step { feature, zero, one, weight: path[j].weight };
    }
    path.truncate(last);
}

/// Sum of the weights of the path without the feature at `index`.
fn unwound_sum(path: &[Step], index: usize) -> f64 {
    let last = path.len() - 1;
    let size = path.len() as f64;
    let Step { zero, one, .. } = path[index];
    let mut next = path[last].weight;
    let mut total = 0.0;
    for j in (0..last).rev() {
        if one > 0.0 {
            let weight = next * size / ((j + 1) as f64 * one);
            total += weight;
            next = path[j].weight - weight * zero * (last - j) as f64 / size;
        } else {
            total += path[j].weight * size / (zero * (last - j) as f64);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::boosting::tree::Leaf;

    /// Expectation of the tree when only the features of `known` are: the definition that Shapley values rest on.
    fn expectation(tree: &Tree, row: &[f64], known: u32, at: Child) -> f64 {
        let covers = tree.covers();
        match at {
            Child::Leaf(leaf) => tree.leaves[leaf].value,
            Child::Node(index) => {
                let node = &tree.nodes[index];
                if known & (1 << node.feature) != 0 {
                    return expectation(tree, row, known, node.next(row));
                }
                [node.left, node.right]
                    .into_iter()
                    .map(|c| tree.cover(c, &covers) / covers[index] * expectation(tree, row, known, c))
                    .sum()
            }
        }
    }

    fn node(feature: usize, threshold: f64, left: Child, right: Child) -> Node {
        Node { threshold, feature, missing_left: false, left, right }
    }

    #[test]
    fn values_are_the_shapley_values_by_definition() {
        use Child::{Leaf as L, Node as N};
        let nodes = vec![
            node(0, 0.5, N(1), N(2)),
            node(1, 0.5, L(0), N(3)),
            node(2, 0.5, L(1), N(4)),
            node(0, 0.2, L(2), L(3)),
            node(1, 0.7, L(4), L(5)),
        ];
        let leaves = [(1.0, 10), (-2.0, 30), (0.5, 5), (4.0, 7), (3.0, 2), (-1.5, 11)];
        let tree = Tree { nodes, leaves: leaves.map(|(value, cover)| Leaf { value, cover }).to_vec() };
        for row in [[0.1, 0.6, 0.9], [0.9, 0.9, 0.9], [0.4, f64::NAN, 0.1], [0.3, 0.1, 0.2]] {
            let mut got = [0.0; 3];
            add(&tree, &row, &mut |feature, value| got[feature] += value);
            for (feature, got) in got.iter().enumerate() {
                let mut want = 0.0;
                for others in (0..8_u32).filter(|set| set & (1 << feature) == 0) {
                    let weight = [1.0 / 3.0, 1.0 / 6.0, 1.0 / 3.0][others.count_ones() as usize];
                    let with = expectation(&tree, &row, others | (1 << feature), tree.root());
                    want += weight * (with - expectation(&tree, &row, others, tree.root()));
                }
                assert!((got - want).abs() < 1e-12, "feature {feature} of {row:?}: {got} instead of {want}");
            }
            assert!((got.iter().sum::<f64>() - (tree.predict(&row) - tree.mean())).abs() < 1e-12);
        }
    }
}
