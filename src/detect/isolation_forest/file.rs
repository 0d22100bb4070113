//! How a forest is stored, and what is checked when it is read.

use serde::{Deserialize, Serialize};

use super::batch::Packed;
use super::forest::{ForestError, IsolationForest};
use super::params::{IsolationForestParams, MOST_FEATURES, MOST_SAMPLES};
use super::tree::{Node, Planes, Term, Tree};

/// Version of the stored form; another one is refused.
const FORMAT: u32 = 2;

/// Deepest tree that is read: twice what is grown, as sums of path lengths must not overflow.
const DEEPEST: u32 = 32;

/// The stored form of a forest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForestFile {
    format: u32,
    params: IsolationForestParams,
    #[serde(with = "crate::detect::exact::f64s")]
    medians: Vec<f64>,
    rows_per_tree: usize,
    trees: Vec<TreeFile>,
}

/// The stored form of a tree: one list for each column of its nodes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeFile {
    #[serde(with = "crate::detect::exact::f64s")]
    thresholds: Vec<f64>,
    features: Vec<u32>,
    left: Vec<u32>,
    samples: Vec<u32>,
    /// Hyperplanes of an oblique tree, which are numbered from 1; the leaves' number is 0.
    planes: Vec<Vec<Term>>,
}

impl From<IsolationForest> for ForestFile {
    fn from(forest: IsolationForest) -> Self {
        let IsolationForest { params, trees, medians, rows_per_tree, .. } = forest;
        Self { format: FORMAT, params, medians, rows_per_tree, trees: trees.into_iter().map(TreeFile::from).collect() }
    }
}

impl TryFrom<ForestFile> for IsolationForest {
    type Error = ForestError;

    fn try_from(file: ForestFile) -> Result<Self, Self::Error> {
        let refuse = |what: String| Err(ForestError::Stored(what));
        if file.format != FORMAT {
            return refuse(format!("format must be {FORMAT}, got {}", file.format));
        }
        let width = file.medians.len();
        if !(1..=MOST_FEATURES).contains(&width) || file.medians.iter().any(|m| !m.is_finite()) {
            return refuse(format!("medians must be 1 to {MOST_FEATURES} finite numbers, got {width}"));
        }
        if file.trees.len() != file.params.trees() {
            return refuse(format!(
                "{} trees are stored, the parameters say {}",
                file.trees.len(),
                file.params.trees()
            ));
        }
        if !(1..=MOST_SAMPLES).contains(&file.rows_per_tree) {
            return refuse(format!("rows per tree must be 1 to {MOST_SAMPLES}, got {}", file.rows_per_tree));
        }
        let ForestFile { params, trees, medians, rows_per_tree, .. } = file;
        let mut trees: Vec<Tree> = trees.into_iter().map(Tree::from).collect();
        for (index, tree) in trees.iter_mut().enumerate() {
            if let Err(what) = check(tree, width, rows_per_tree) {
                return refuse(format!("tree {index}: {what}"));
            }
            tree.measure();
            if tree.depth > DEEPEST {
                return refuse(format!("tree {index}: it is deeper than {DEEPEST}"));
            }
        }
        Ok(Self { params, trees, medians, rows_per_tree, packed: Packed::default() })
    }
}

impl From<Tree> for TreeFile {
    fn from(tree: Tree) -> Self {
        let Tree { nodes, samples, planes, .. } = tree;
        Self {
            thresholds: nodes.iter().map(|n| n.threshold).collect(),
            features: nodes.iter().map(|n| n.feature).collect(),
            left: nodes.iter().map(|n| n.left).collect(),
            samples,
            planes: (1..planes.len() as u32).map(|plane| planes.terms(plane).to_vec()).collect(),
        }
    }
}

impl From<TreeFile> for Tree {
    /// Columns of different length make another number of nodes than of samples, which the check refuses.
    fn from(file: TreeFile) -> Self {
        let columns = file.thresholds.into_iter().zip(file.features).zip(file.left);
        let nodes = columns.map(|((threshold, feature), left)| Node { threshold, feature, left }).collect();
        let mut planes = Planes::default();
        for plane in &file.planes {
            planes.push(plane);
        }
        Self { nodes, samples: file.samples, planes, ..Self::default() }
    }
}

/// Lengths agree, numbers are finite, children lie behind their parent and inside.
fn check(tree: &Tree, width: usize, rows_per_tree: usize) -> Result<(), &'static str> {
    let count = tree.nodes.len();
    if count == 0 || count > 2 * rows_per_tree || tree.samples.len() != count {
        return Err("number of nodes does not fit");
    }
    let numbers = if tree.planes.is_empty() { width } else { tree.planes.len() };
    for (index, node) in tree.nodes.iter().enumerate() {
        if !node.threshold.is_finite() {
            return Err("thresholds must be finite");
        }
        if node.feature as usize >= numbers {
            return Err("a feature number is outside");
        }
        if tree.samples[index] as usize > rows_per_tree {
            return Err("a node has more samples than the tree");
        }
        let left = node.left as usize;
        if left == index {
            if node.threshold < f64::MAX || node.feature != 0 {
                return Err("a leaf has a threshold or a feature");
            }
        } else if left < index || left + 1 >= count {
            return Err("a child lies outside or before its parent");
        }
    }
    for plane in 1..tree.planes.len() as u32 {
        let terms = tree.planes.terms(plane);
        if terms.is_empty() || terms.iter().any(|t| !t.weight.is_finite() || t.feature as usize >= width) {
            return Err("a hyperplane is not valid");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::{IsolationForestParams, Split};
    use super::*;

    fn forest(split: Split) -> IsolationForest {
        let rows = Array2::from_shape_fn((60, 3), |(i, j)| ((i * 7 + j * 13) % 31) as f64 / 3.0);
        IsolationForest::fit(IsolationForestParams::try_new(5, 32, split, 1).expect("params"), rows.view())
            .expect("fit")
    }

    #[track_caller]
    fn check_refused(from: &str, to: &str, says: &str) {
        let json = serde_json::to_string(&forest(Split::Axis)).expect("written");
        let broken = json.replacen(from, to, 1);
        assert_ne!(json, broken, "the case changes nothing");
        let error = serde_json::from_str::<IsolationForest>(&broken).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn a_forest_survives_storage() {
        for split in [Split::Axis, Split::Extended { features: 2 }] {
            let forest = forest(split);
            let json = serde_json::to_string(&forest).expect("written");
            assert_eq!(serde_json::from_str::<IsolationForest>(&json).expect("read"), forest);
        }
    }

    #[test]
    fn a_damaged_forest_is_refused() {
        check_refused("\"format\":2", "\"format\":1", "format must be 2, got 1");
        check_refused("\"left\":[1,", "\"left\":[4000000,", "outside or before");
        check_refused("\"left\":[1,", "\"left\":[1,1,", "tree 0");
        check_refused("\"rows_per_tree\":32", "\"rows_per_tree\":0", "rows per tree");
        check_refused("\"trees\":5", "\"trees\":6", "trees are stored");
        check_refused("\"features\":[", "\"features\":[9", "feature number");
        check_refused("\"samples\":[", "\"samples\":[9", "more samples");
        check_refused("\"medians\":\"4", "\"medians\":\"x", "hexadecimal");
        check_refused("\"samples\":[", "\"samples\":[1,", "number of nodes");
    }
}
