//! A small decision tree (linfa-trees) that imitates a model, printed as rules that a person can audit.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use linfa::prelude::Fit;
use linfa_trees::{DecisionTree, TreeNode};

use super::boosting::Bins;
use super::table::{Table, Targets};

/// The imitation of a model by a tree of few leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Surrogate {
    root: Rule,
    fidelity: f64,
}

/// A node of the printed tree, thresholds in the units of the features.
#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Leaf { class: usize, rows: usize, share: f64 },
    Split { feature: String, test: Test, yes: Box<Self>, no: Box<Self> },
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Not known.
    Missing,
    /// At most this much, or not known.
    AtMost(f64),
}

/// Why no surrogate could be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SurrogateError {
    /// No rows, not a class per row, or a depth out of range.
    #[error("a surrogate needs a class for each of at least one row, and a depth of 1 to 12")]
    Input,
    /// The library refused or panicked.
    #[error("the surrogate tree failed: {0}")]
    Library(String),
}

type Node = TreeNode<f64, usize>;

impl Surrogate {
    /// Fits a tree of at most `max_depth` on the classes that a model `given` the rows of `table`.
    ///
    /// The library sees bin numbers (missing is -1), so no value can trouble it, and every threshold is a cut between
    /// bins, said in the feature's own unit. Leaves below 1 % of the rows are not made. Where two splits are equally
    /// good the library's choice may differ from run to run.
    ///
    /// # Errors
    /// No rows, a depth out of 1..=12, a failure or panic of the library.
    pub fn fit(table: &Table, given: &Targets, max_depth: usize) -> Result<Self, SurrogateError> {
        let rows = table.n_rows();
        if rows == 0 || given.classes().len() != rows || !(1..=12).contains(&max_depth) {
            return Err(SurrogateError::Input);
        }
        let bins: Vec<Bins> =
            (0..table.n_columns()).map(|column| Bins::fit(table.column(column).iter().copied(), 64)).collect();
        let codes = linfa_nd::Array2::from_shape_fn((rows, bins.len()), |(row, column)| {
            bins[column].number(table.column(column)[row])
        });
        let classes = linfa_nd::Array1::from(given.classes().to_vec());
        let dataset = linfa::Dataset::new(codes.clone(), classes);
        let least = (rows as f32 / 100.0).max(1.0);
        let params = DecisionTree::<f64, usize>::params()
            .max_depth(Some(max_depth))
            .min_weight_leaf(least)
            .min_weight_split(2.0 * least);
        let tree = catch_unwind(AssertUnwindSafe(|| params.fit(&dataset)))
            .map_err(|_| SurrogateError::Library("the library panicked".to_owned()))?
            .map_err(|error| SurrogateError::Library(error.to_string()))?;
        let all: Vec<usize> = (0..rows).collect();
        let reader = Reader { bins: &bins, names: table.names(), codes: &codes, given };
        let (root, right) = reader.rule(tree.root_node(), &all);
        Ok(Self { root, fidelity: right as f64 / rows as f64 })
    }

    /// Share of the training rows on which rules and model agree, 0 to 1.
    #[must_use]
    pub const fn fidelity(&self) -> f64 {
        self.fidelity
    }

    /// The rules as indented text, with the names of the classes by index.
    #[must_use]
    pub fn rules(&self, class_names: &[&str]) -> String {
        let mut text = String::new();
        self.root.print(class_names, 0, &mut text);
        text
    }
}

impl Rule {
    fn print(&self, names: &[&str], depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Leaf { class, rows, share } => {
                let name = names.get(*class).copied().unwrap_or("?");
                let _ = writeln!(text, "{indent}{name} ({:.0} % of {rows})", share * 100.0);
            }
            Self::Split { feature, test, yes, no } => {
                let _ = match test {
                    Test::Missing => writeln!(text, "{indent}if {feature} is not known:"),
                    Test::AtMost(limit) => writeln!(text, "{indent}if {feature} <= {limit} or not known:"),
                };
                yes.print(names, depth + 1, text);
                let _ = writeln!(text, "{indent}else:");
                no.print(names, depth + 1, text);
            }
        }
    }
}

/// Reads the library's tree: rows are sent down again, so that counts and majorities do not depend on its internals.
struct Reader<'a> {
    bins: &'a [Bins],
    names: &'a [String],
    codes: &'a linfa_nd::Array2<f64>,
    given: &'a Targets,
}

impl Reader<'_> {
    /// The rule of a node and how many of `rows` it gets right.
    fn rule(&self, node: &Node, rows: &[usize]) -> (Rule, usize) {
        let children = node.children();
        let (Some(Some(below)), Some(Some(above))) = (children.first(), children.get(1)) else {
            return self.leaf(rows);
        };
        let (feature, split, _) = node.split();
        let (low, high): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| self.codes[(**row, feature)] < split);
        if low.is_empty() || high.is_empty() {
            return self.rule(if low.is_empty() { above } else { below }, rows);
        }
        let (yes, yes_right) = self.rule(below, &low);
        let (no, no_right) = self.rule(above, &high);
        if let (Rule::Leaf { class: a, .. }, Rule::Leaf { class: b, .. }) = (&yes, &no)
            && a == b
        {
            return self.leaf(rows);
        }
        // Codes are whole numbers: `code < split` is `code <= bin`, and bin -1 holds the missing values.
        let bin = split.ceil() - 1.0;
        let cut = self.bins[feature].cuts.get(bin.max(0.0) as usize).copied();
        let test = if bin < 0.0 { Test::Missing } else { cut.map_or(Test::Missing, Test::AtMost) };
        let feature = self.names[feature].clone();
        (Rule::Split { feature, test, yes: Box::new(yes), no: Box::new(no) }, yes_right + no_right)
    }

    fn leaf(&self, rows: &[usize]) -> (Rule, usize) {
        let mut counts = vec![0_usize; self.given.n_classes()];
        rows.iter().for_each(|row| counts[self.given.classes()[*row]] += 1);
        let mut class = 0;
        for (index, count) in counts.iter().enumerate() {
            if *count > counts[class] {
                class = index;
            }
        }
        let right = counts[class];
        (Rule::Leaf { class, rows: rows.len(), share: right as f64 / rows.len().max(1) as f64 }, right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_said_in_the_units_of_the_features() {
        let users: Vec<f64> = (0..400).map(|i| f64::from(i) * 10.0).collect();
        let burn: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { f64::NAN } else { f64::from(i % 9) }).collect();
        let classes = users.iter().map(|users| usize::from(*users <= 1_995.0)).collect();
        let table = Table::new(vec!["users".into(), "burn".into()], &[users, burn]).unwrap();
        let surrogate = Surrogate::fit(&table, &Targets::new(classes, 2).unwrap(), 3).unwrap();
        assert!(surrogate.fidelity() > 0.98, "{}", surrogate.fidelity());
        let text = surrogate.rules(&["bad", "good"]);
        assert!(
            text.starts_with("if users <= 1995") && text.contains("\n  good (") && text.contains("\n  bad ("),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_known_can_be_the_rule() {
        let x: Vec<f64> = (0..100).map(|i| if i < 50 { f64::NAN } else { 1e308 }).collect();
        let table = Table::new(vec!["x".into()], &[x]).unwrap();
        let classes = (0..100).map(|i| usize::from(i < 50)).collect();
        let surrogate = Surrogate::fit(&table, &Targets::new(classes, 2).unwrap(), 3).unwrap();
        assert_eq!(surrogate.rules(&["a", "b"]), "if x is not known:\n  b (100 % of 50)\nelse:\n  a (100 % of 50)\n");
    }

    #[test]
    fn degenerate_tables_do_not_panic() {
        let check = |column: Vec<f64>, classes: Vec<usize>| {
            let table = Table::new(vec!["x".into()], &[column]).unwrap();
            let got = Surrogate::fit(&table, &Targets::new(classes, 2).unwrap(), 4);
            got.map(|surrogate| surrogate.rules(&["a", "b"]))
        };
        assert_eq!(check(vec![], vec![]).unwrap_err(), SurrogateError::Input);
        assert_eq!(check(vec![1.0], vec![1]).unwrap(), "b (100 % of 1)\n");
        assert_eq!(check(vec![f64::NAN; 9], vec![0; 9]).unwrap(), "a (100 % of 9)\n");
        assert_eq!(check(vec![2.0; 4], vec![0, 1, 1, 1]).unwrap(), "b (75 % of 4)\n");
    }
}
