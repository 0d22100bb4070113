//! A random forest (smartcore) that challenges the booster: if it is better, something is wrong with the booster.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_classifier::{RandomForestClassifier, RandomForestClassifierParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::boosting::Bins;
use super::table::{Table, Targets};

/// What can be set about the forest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForestParams {
    /// Number of trees, 1 to 1,000.
    pub trees: u16,
    /// Most splits between root and leaf, 1 to 64.
    pub max_depth: u16,
    /// Fewest rows in a leaf, 1 or more.
    pub min_samples_leaf: usize,
}

/// A fitted random forest. Not written to files: it only serves comparison.
#[derive(Debug)]
pub struct Forest {
    bins: Vec<Bins>,
    model: RandomForestClassifier<f64, u32, DenseMatrix<f64>, Vec<u32>>,
}

/// Why the forest could not be fitted or asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForestError {
    /// Parameters out of range, or no rows, or not a class per row.
    #[error("a forest needs 1 to 1000 trees of depth 1 to 64 and a class for each of at least one row")]
    Input,
    /// The library refused.
    #[error("the random forest failed: {0}")]
    Library(String),
    /// The library panicked.
    #[error("the random forest panicked")]
    Panic,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { trees: 40, max_depth: 14, min_samples_leaf: 3 }
    }
}

impl Forest {
    /// Fits on bin numbers instead of values (missing is -1), so that no value can be too large or NaN for the library.
    ///
    /// # Errors
    /// Parameters out of range, no rows, a failure or panic of the library.
    pub fn fit(table: &Table, targets: &Targets, params: &ForestParams, seed: u64) -> Result<Self, ForestError> {
        let fine = (1..=1_000).contains(&params.trees)
            && (1..=64).contains(&params.max_depth)
            && params.min_samples_leaf >= 1
            && table.n_rows() == targets.classes().len()
            && table.n_rows() > 0;
        if !fine {
            return Err(ForestError::Input);
        }
        let bins: Vec<Bins> =
            (0..table.n_columns()).map(|column| Bins::fit(table.column(column).iter().copied(), 255)).collect();
        let x = codes(&bins, table)?;
        let y: Vec<u32> = targets.classes().iter().map(|class| u32::try_from(*class).unwrap_or(u32::MAX)).collect();
        let settings = RandomForestClassifierParameters::default()
            .with_n_trees(params.trees)
            .with_max_depth(params.max_depth)
            .with_min_samples_leaf(params.min_samples_leaf)
            .with_seed(seed);
        let model = catch_unwind(AssertUnwindSafe(|| RandomForestClassifier::fit(&x, &y, settings)))
            .map_err(|_| ForestError::Panic)?
            .map_err(|error| ForestError::Library(error.to_string()))?;
        Ok(Self { bins, model })
    }

    /// The class of each row, by majority of the trees.
    ///
    /// # Errors
    /// A table with other columns than the one fitted; a failure or panic of the library.
    pub fn predict(&self, table: &Table) -> Result<Vec<usize>, ForestError> {
        if table.n_columns() != self.bins.len() {
            return Err(ForestError::Input);
        }
        if table.n_rows() == 0 {
            return Ok(Vec::new());
        }
        let x = codes(&self.bins, table)?;
        let classes = catch_unwind(AssertUnwindSafe(|| self.model.predict(&x)))
            .map_err(|_| ForestError::Panic)?
            .map_err(|error| ForestError::Library(error.to_string()))?;
        Ok(classes.into_iter().map(|class| class as usize).collect())
    }
}

/// Bin numbers, column by column; missing is -1.
fn codes(bins: &[Bins], table: &Table) -> Result<DenseMatrix<f64>, ForestError> {
    let columns = bins.iter().enumerate();
    let values = columns.flat_map(|(column, bins)| {
        table.column(column).into_iter().map(|value| bins.number(*value)).collect::<Vec<f64>>()
    });
    DenseMatrix::new(table.n_rows(), table.n_columns(), values.collect(), true)
        .map_err(|error| ForestError::Library(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_what_is_there_and_repeats_itself() {
        let x: Vec<f64> = (0..300).map(|i| if i % 10 == 0 { f64::NAN } else { f64::from(i % 30) * 1e306 }).collect();
        let y: Vec<usize> = (0..300).map(|i| usize::from(i % 30 > 14)).collect();
        let table = Table::new(vec!["x".into()], &[x]).unwrap();
        let targets = Targets::new(y, 2).unwrap();
        let fit = || Forest::fit(&table, &targets, &ForestParams::default(), 7).unwrap().predict(&table).unwrap();
        let given = fit();
        assert_eq!(given, fit());
        let right = given.iter().zip(targets.classes()).filter(|(a, b)| a == b).count();
        assert!(right > 280, "{right}");
    }

    #[test]
    fn one_row_one_class_and_all_missing_do_not_panic() {
        let check = |columns: &[Vec<f64>], classes: Vec<usize>| {
            let names = (0..columns.len()).map(|i| format!("x{i}")).collect();
            let table = Table::new(names, columns).unwrap();
            let targets = Targets::new(classes, 3).unwrap();
            if let Ok(forest) = Forest::fit(&table, &targets, &ForestParams::default(), 1) {
                assert_eq!(forest.predict(&table).unwrap().len(), table.n_rows());
            }
        };
        check(&[vec![1.0]], vec![0]);
        check(&[vec![1.0, 2.0], vec![f64::NAN; 2]], vec![0, 2]);
        check(&[vec![f64::NAN; 40]], vec![1; 40]);
        let empty = Table::new(vec!["x".into()], &[vec![]]).unwrap();
        let none = Targets::new(vec![], 2).unwrap();
        assert_eq!(Forest::fit(&empty, &none, &ForestParams::default(), 1).unwrap_err(), ForestError::Input);
    }
}
