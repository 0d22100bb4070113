//! The rows a tree is grown on: copied together, column after column.

use ndarray::ArrayView2;

/// A matrix of rows with NaN replaced and infinities cut to the largest finite number, column after column.
#[derive(Debug, Default)]
pub(super) struct Sample {
    values: Vec<f64>,
    rows: usize,
}

impl Sample {
    /// Copies the rows numbered `picked`, `medians` standing in for NaN; keeps the memory of the sample before.
    pub(super) fn copy(&mut self, rows: &ArrayView2<'_, f64>, picked: &[usize], medians: &[f64]) {
        self.rows = picked.len();
        self.values.clear();
        self.values.resize(picked.len() * medians.len(), 0.0);
        for (place, row) in picked.iter().enumerate() {
            for (feature, (value, median)) in rows.row(*row).iter().zip(medians).enumerate() {
                self.values[feature * self.rows + place] = finite(*value, *median);
            }
        }
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// A feature's values.
    pub(super) fn column(&self, feature: u32) -> &[f64] {
        &self.values[feature as usize * self.rows..][..self.rows]
    }

    /// One value.
    pub(super) fn at(&self, row: u32, feature: usize) -> f64 {
        self.values[feature * self.rows + row as usize]
    }

    /// Least and largest value of a feature among `rows`.
    pub(super) fn bounds(&self, rows: &[u32], feature: u32) -> (f64, f64) {
        let column = self.column(feature);
        rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| {
            let value = column[*row as usize];
            (if value < low { value } else { low }, if value > high { value } else { high })
        })
    }
}

/// `stand_in` for NaN, the largest finite numbers for infinities.
pub(super) const fn finite(value: f64, stand_in: f64) -> f64 {
    if value.is_nan() { stand_in } else { value.clamp(f64::MIN, f64::MAX) }
}
