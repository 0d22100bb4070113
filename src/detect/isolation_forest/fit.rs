//! Growing a forest on samples of the rows.

use ndarray::ArrayView2;
use rand::SeedableRng;
use rand::seq::index;
use rand_pcg::Pcg64Mcg;

use super::forest::{ForestError, IsolationForest, mix};
use super::grow::grow;
use super::params::{IsolationForestParams, MOST_FEATURES};
use super::sample::{Sample, finite};

/// Most rows of which medians are taken.
const MOST_FOR_MEDIANS: usize = 4_096;

impl IsolationForest {
    /// Grows a forest on `rows` (n_samples, n_features). NaN is replaced by the feature's median.
    ///
    /// Only the rows that are drawn are looked at, and for the medians 4,096 rows at equal distances at most.
    /// O(trees × sample_size × log sample_size × features in the worst case), whatever the number of rows.
    ///
    /// # Errors
    /// [`ForestError::Shape`] without rows or features.
    #[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
    pub fn fit(params: IsolationForestParams, rows: ArrayView2<'_, f64>) -> Result<Self, ForestError> {
        let (count, width) = rows.dim();
        if !((1..=MOST_FEATURES).contains(&width) && (1..=u32::MAX as usize / 2).contains(&count)) {
            return Err(ForestError::Shape { rows: count, features: width });
        }
        let medians = medians(&rows);
        let rows_per_tree = params.sample_size().min(count);
        let limit = rows_per_tree.next_power_of_two().trailing_zeros();
        let mut sample = Sample::default();
        let trees = (0..params.trees())
            .map(|number| {
                let mut rng = Pcg64Mcg::seed_from_u64(mix(params.seed(), number as u64));
                let picked = index::sample(&mut rng, count, rows_per_tree).into_vec();
                sample.copy(&rows, &picked, &medians);
                grow(&sample, width, limit, params.split(), &mut rng)
            })
            .collect();
        Ok(Self { params, trees, medians, rows_per_tree, packed: Default::default() })
    }
}

/// The upper median of each feature without its NaN; 0 when nothing is left.
fn medians(rows: &ArrayView2<'_, f64>) -> Vec<f64> {
    let step = rows.nrows().div_ceil(MOST_FOR_MEDIANS);
    let median = |feature: usize| {
        let column = rows.column(feature);
        let seen = column.iter().step_by(step).filter(|value| !value.is_nan());
        let mut kept: Vec<f64> = seen.map(|value| finite(*value, 0.0)).collect();
        let middle = kept.len() / 2;
        if kept.is_empty() { 0.0 } else { *kept.select_nth_unstable_by(middle, f64::total_cmp).1 }
    };
    (0..rows.ncols()).map(median).collect()
}
