//! The feature table and the class targets that every learner takes.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1, Axis, ShapeBuilder};
use serde::{Deserialize, Serialize};

/// Features of shape `(n_rows, n_columns)`, stored column by column. NaN means "not known"; infinities are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    names: Vec<String>,
    values: Array2<f64>,
}

/// The class of each row, `0..n_classes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    classes: Vec<usize>,
    n_classes: usize,
}

/// The values that a categorical column is known to take, each with its index in sorted order.
///
/// A value that was not seen when the levels were made is "not known" (NaN), never an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels(BTreeMap<String, u32>);

/// Why columns do not make a table, or classes not targets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// No column at all.
    #[error("a table needs at least one column")]
    NoColumn,
    /// Names and columns differ in number.
    #[error("{columns} columns need as many names, got {names}")]
    Names {
        /// Number of names.
        names: usize,
        /// Number of columns.
        columns: usize,
    },
    /// Two columns of the same name.
    #[error("column names must differ, got `{0}` twice")]
    DuplicateName(String),
    /// A column of another length than the first.
    #[error("column `{name}` has {got} rows, the first column has {needed}")]
    Ragged {
        /// Its name.
        name: String,
        /// Its rows.
        got: usize,
        /// Rows of the first column.
        needed: usize,
    },
    /// An infinite value.
    #[error("column `{name}` must be finite or missing, got {value} in row {row}")]
    Infinite {
        /// Its name.
        name: String,
        /// Row, from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A class out of range, or too many classes.
    #[error("class must be below the number of classes ({n_classes}, at most 256), got {got} in row {row}")]
    Class {
        /// The class.
        got: usize,
        /// Row, from 0.
        row: usize,
        /// Number of classes.
        n_classes: usize,
    },
}

impl Table {
    /// Makes a table of columns of equal length; NaN is "not known".
    ///
    /// # Errors
    /// No column, unequal lengths, equal names, an infinite value.
    pub fn new(names: Vec<String>, columns: &[Vec<f64>]) -> Result<Self, TableError> {
        let Some(first) = columns.first() else { return Err(TableError::NoColumn) };
        if names.len() != columns.len() {
            return Err(TableError::Names { names: names.len(), columns: columns.len() });
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(TableError::DuplicateName(pair[0].clone()));
        }
        for (name, column) in names.iter().zip(columns) {
            if column.len() != first.len() {
                return Err(TableError::Ragged { name: name.clone(), got: column.len(), needed: first.len() });
            }
            if let Some(row) = column.iter().position(|value| value.is_infinite()) {
                return Err(TableError::Infinite { name: name.clone(), row, value: column[row] });
            }
        }
        let mut values = Array2::zeros((first.len(), columns.len()).f());
        for (mut to, from) in values.axis_iter_mut(Axis(1)).zip(columns) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        Ok(Self { names, values })
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.nrows()
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.values.ncols()
    }

    /// Names of the columns, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// One column; `index` must be below [`Table::n_columns`].
    #[must_use]
    pub fn column(&self, index: usize) -> ArrayView1<'_, f64> {
        self.values.column(index)
    }

    /// One row, copied; `index` must be below [`Table::n_rows`].
    #[must_use]
    pub fn row(&self, index: usize) -> Vec<f64> {
        self.values.row(index).to_vec()
    }

    /// All values row by row, for walking trees.
    #[must_use]
    pub fn row_major(&self) -> Vec<f64> {
        self.values.rows().into_iter().flat_map(|row| row.to_vec()).collect()
    }

    /// The rows of `indexes`, in that order; each must be below [`Table::n_rows`].
    #[must_use]
    pub fn select(&self, indexes: &[usize]) -> Self {
        let mut values = Array2::zeros((indexes.len(), self.n_columns()).f());
        for (mut to, from) in values.axis_iter_mut(Axis(1)).zip(self.values.axis_iter(Axis(1))) {
            to.iter_mut().zip(indexes).for_each(|(to, index)| *to = from[*index]);
        }
        Self { names: self.names.clone(), values }
    }
}

impl Targets {
    /// Checks that each class is below `n_classes`, and `n_classes` at most 256.
    ///
    /// # Errors
    /// [`TableError::Class`] with the first row that is not.
    pub fn new(classes: Vec<usize>, n_classes: usize) -> Result<Self, TableError> {
        let bad = classes.iter().position(|class| *class >= n_classes || n_classes > 256);
        match bad {
            Some(row) => Err(TableError::Class { got: classes[row], row, n_classes }),
            None => Ok(Self { classes, n_classes: n_classes.min(256) }),
        }
    }

    /// The class of each row.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Number of classes, seen or not.
    #[must_use]
    pub const fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Rows per class.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.n_classes];
        self.classes.iter().for_each(|class| counts[*class] += 1);
        counts
    }

    /// The classes of `indexes`, in that order; each must be a row.
    #[must_use]
    pub fn select(&self, indexes: &[usize]) -> Self {
        Self { classes: indexes.iter().map(|index| self.classes[*index]).collect(), n_classes: self.n_classes }
    }
}

impl Levels {
    /// The levels that occur at least `min_count` times.
    pub fn fit<'a>(values: impl IntoIterator<Item = &'a str>, min_count: usize) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
        let kept = counts.into_iter().filter(|(_, count)| *count >= min_count);
        Self((0..).zip(kept).map(|(index, (value, _))| (value.to_owned(), index)).collect())
    }

    /// Number of levels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Index of a level, NaN for one that was not seen.
    #[must_use]
    pub fn encode(&self, value: &str) -> f64 {
        self.0.get(value).map_or(f64::NAN, |index| f64::from(*index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("x{i}")).collect()
    }

    #[test]
    fn a_table_keeps_columns_and_rows() {
        let table = Table::new(names(2), &[vec![1.0, 2.0, f64::NAN], vec![4.0, 5.0, 6.0]]).unwrap();
        assert_eq!((table.n_rows(), table.n_columns()), (3, 2));
        assert_eq!(table.column(1).to_vec(), [4.0, 5.0, 6.0]);
        assert_eq!(table.row(1), [2.0, 5.0]);
        assert_eq!(table.select(&[2, 0]).column(1).to_vec(), [6.0, 4.0]);
        assert_eq!(table.row_major()[..4], [1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        let check = |names: Vec<String>, columns: &[Vec<f64>], says: &str| {
            assert_eq!(Table::new(names, columns).unwrap_err().to_string(), says);
        };
        check(vec![], &[], "a table needs at least one column");
        check(names(1), &[vec![], vec![]], "2 columns need as many names, got 1");
        check(vec!["a".into(), "a".into()], &[vec![], vec![]], "column names must differ, got `a` twice");
        check(names(2), &[vec![1.0], vec![]], "column `x1` has 0 rows, the first column has 1");
        check(names(1), &[vec![1.0, f64::NEG_INFINITY]], "column `x0` must be finite or missing, got -inf in row 1");
    }

    #[test]
    fn targets_are_below_the_number_of_classes() {
        assert_eq!(Targets::new(vec![0, 2, 2], 3).unwrap().counts(), [1, 0, 2]);
        assert!(matches!(Targets::new(vec![0, 3], 3), Err(TableError::Class { got: 3, row: 1, n_classes: 3 })));
        assert!(Targets::new(vec![0], 257).is_err());
    }

    #[test]
    fn an_unseen_or_rare_level_is_not_known() {
        let levels = Levels::fit(["b", "a", "b", "c", "a"], 2);
        assert_eq!((levels.len(), levels.encode("a"), levels.encode("b")), (2, 0.0, 1.0));
        assert!(levels.encode("c").is_nan() && levels.encode("new").is_nan());
    }
}
