//! Records without a time order: how easily each is set apart from the others.

use ndarray::{ArrayView2, ShapeBuilder};
use rayon::prelude::*;

use serde::Deserialize;

use crate::detect::{ForestError, Gain, IsolationForest, IsolationForestParams, ParamsError, Split};

/// Features of an oblique cut: more are no better on labelled machines (see the forest's docs), and slower.
const EXTENDED: usize = 2;
/// Share of guided cuts, percent: more lose scattered outliers.
const GUIDED: u8 = 25;

/// How the trees cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// One column at a random threshold.
    #[default]
    Axis,
    /// A quarter of the cuts where a column falls apart best.
    Guided,
    /// Oblique, two columns.
    Extended,
}

impl Cuts {
    /// The cuts as the forest takes them.
    #[must_use]
    pub const fn split(self) -> Split {
        match self {
            Self::Axis => Split::Axis,
            Self::Guided => Split::Guided { gain: Gain::Pooled, percent: GUIDED },
            Self::Extended => Split::Extended { features: EXTENDED },
        }
    }
}

/// A forest of `trees` trees of `sample_size` rows each.
///
/// # Errors
/// [`ParamsError`] with the option that is out of range, and what is allowed.
pub fn isolation_params(
    trees: usize,
    sample_size: usize,
    cuts: Cuts,
    seed: u64,
) -> Result<IsolationForestParams, ParamsError> {
    IsolationForestParams::try_new(trees, sample_size, cuts.split(), seed)
}

/// Scores of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Isolated {
    /// One for each row: in (0, 1), higher is more anomalous, 0.5 is ordinary.
    pub scores: Vec<f64>,
    /// For each row the column that sets it apart most, when that was asked for.
    pub top_columns: Option<Vec<usize>>,
}

/// Grows a forest on a table of `rows` rows, given column after column, and scores every row of it.
///
/// `top_columns` asks for the attribution too, which takes some hundred times as long as the scores.
///
/// # Errors
/// [`ForestError::Shape`] when `values` are not that many rows of at least one column.
pub fn isolate(
    values: &[f64],
    rows: usize,
    params: IsolationForestParams,
    top_columns: bool,
) -> Result<Isolated, ForestError> {
    let width = values.len().checked_div(rows).filter(|width| width * rows == values.len()).unwrap_or(0);
    let table =
        ArrayView2::from_shape((rows, width).f(), values).map_err(|_| ForestError::Shape { rows, features: width })?;
    let forest = IsolationForest::fit(params, table)?;
    let scores = forest.score_batch(table)?.to_vec();
    let top = |row: usize| {
        let shares = forest.attribute(&table.row(row).to_vec())?;
        let best = shares.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
        Ok(best.map_or(0, |(column, _)| column))
    };
    let top_columns = top_columns.then(|| (0..rows).into_par_iter().map(top).collect::<Result<_, ForestError>>());
    Ok(Isolated { scores, top_columns: top_columns.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_that_is_off_stands_out_and_its_column_is_named() {
        let mut values: Vec<f64> = (0..600).map(|i| f64::from(i * 7919 % 101)).collect();
        values[300 + 17] = 5_000.0;
        let params = IsolationForestParams::try_new(50, 128, Split::Axis, 1).expect("parameters");
        let isolated = isolate(&values, 300, params, true).expect("scores");
        let most = isolated.scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(row, _)| row);
        assert_eq!(most, Some(17));
        assert_eq!(isolated.top_columns.expect("columns")[17], 1);
        assert!(isolate(&values, 0, params, false).is_err());
        assert!(isolate(&values, 7, params, false).is_err());
    }
}
