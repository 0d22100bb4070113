//! Dense symmetric systems: the one piece of linear algebra that ridge regression needs.

use super::stats::is_positive;

/// Lower Cholesky factor of a symmetric positive definite matrix.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    size: usize,
    /// Row-major, upper triangle unused.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factor of the row-major `size × size` matrix whose lower triangle is given.
    ///
    /// `None` unless it is positive definite to working precision (NaN is not). O(size³).
    pub(super) fn new(mut matrix: Vec<f64>, size: usize) -> Option<Self> {
        for i in 0..size {
            for j in 0..=i {
                let (above, row) = matrix.split_at(i * size);
                let other = if i == j { &row[..size] } else { &above[j * size..(j + 1) * size] };
                let dot: f64 = row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum();
                let rest = row[j] - dot;
                let value = if i == j {
                    if !is_positive(rest - 1e-14) {
                        return None;
                    }
                    rest.sqrt()
                } else {
                    rest / other[j]
                };
                matrix[i * size + j] = value;
            }
        }
        Some(Self { size, factor: matrix })
    }

    /// Solution of `matrix × x = right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = right.to_vec();
        for i in 0..n {
            let row = &self.factor[i * n..i * n + i];
            let dot: f64 = row.iter().zip(&x[..i]).map(|(a, b)| a * b).sum();
            x[i] = (x[i] - dot) / self.factor[i * n + i];
        }
        for i in (0..n).rev() {
            x[i] /= self.factor[i * n + i];
            let value = x[i];
            for (j, below) in x[..i].iter_mut().enumerate() {
                *below -= self.factor[i * n + j] * value;
            }
        }
        x
    }

    /// Diagonal of the inverse. O(size³).
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.size;
        let mut diagonal = vec![0.0; n];
        let mut column = vec![0.0; n];
        for start in 0..n {
            for i in start..n {
                let unit = if i == start { 1.0 } else { 0.0 };
                let row = &self.factor[i * n + start..i * n + i];
                let dot: f64 = row.iter().zip(&column[start..i]).map(|(a, b)| a * b).sum();
                column[i] = (unit - dot) / self.factor[i * n + i];
            }
            diagonal[start] = column[start..].iter().map(|value| value * value).sum();
        }
        diagonal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_known_system() {
        let system = Cholesky::new(vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0], 3).expect("positive definite");
        let x = system.solve(&[9.0, 17.0, 19.0]);
        let back =
            [4.0 * x[0] + 2.0 * x[1] + x[2], 2.0 * x[0] + 5.0 * x[1] + 3.0 * x[2], x[0] + 3.0 * x[1] + 6.0 * x[2]];
        for (got, want) in back.iter().zip([9.0, 17.0, 19.0]) {
            assert!((got - want).abs() < 1e-12);
        }
        let by_columns: Vec<f64> = (0..3)
            .map(|i| {
                let mut unit = [0.0; 3];
                unit[i] = 1.0;
                system.solve(&unit)[i]
            })
            .collect();
        for (got, want) in system.inverse_diagonal().iter().zip(by_columns) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        assert!(Cholesky::new(vec![1.0, 0.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::new(vec![f64::NAN], 1).is_none());
        assert!(Cholesky::new(vec![0.0], 1).is_none());
    }
}
