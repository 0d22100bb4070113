//! Dense symmetric systems: the one piece of linear algebra that ridge regression needs.
//!
//! All loops run along rows of the upper factor, without sums that wait for each other, and are compiled for the vectors
//! of the processor at hand; the operations and their order are the same on all.

use pulp::{Arch, NullaryFnOnce};

use super::stats::is_positive;

/// Upper Cholesky factor `U` of a symmetric positive definite matrix `U'U`.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    size: usize,
    /// Row-major, lower triangle unused.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factor of the row-major `size × size` matrix whose lower triangle is given.
    ///
    /// `None` unless it is positive definite to working precision (NaN is not). O(size³).
    pub(super) fn new(matrix: Vec<f64>, size: usize) -> Option<Self> {
        let mut factor = matrix;
        for i in 0..size {
            for j in 0..i {
                factor[j * size + i] = factor[i * size + j];
            }
        }
        let sound = Arch::new().dispatch(Factorise { size, factor: &mut factor });
        sound.then_some(Self { size, factor })
    }

    /// Solution of `matrix × x = right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = right.to_vec();
        for i in 0..n {
            let (row, (_, rest)) = (&self.factor[i * n..(i + 1) * n], x.split_at_mut(i));
            if let Some((value, rest)) = rest.split_first_mut() {
                *value /= row[i];
                subtract(rest, *value, &row[i + 1..]);
            }
        }
        for i in (0..n).rev() {
            let row = &self.factor[i * n..(i + 1) * n];
            let dot: f64 = row[i + 1..].iter().zip(&x[i + 1..]).map(|(a, b)| a * b).sum();
            x[i] = (x[i] - dot) / row[i];
        }
        x
    }

    /// Diagonal of the inverse. O(size³).
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        Arch::new().dispatch(InverseDiagonal { factor: self })
    }
}

/// Turns the upper triangle into the factor; says whether the matrix is positive definite.
struct Factorise<'a> {
    size: usize,
    factor: &'a mut [f64],
}

impl NullaryFnOnce for Factorise<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { size, factor } = self;
        for i in 0..size {
            let (done, below) = factor.split_at_mut((i + 1) * size);
            let row = &mut done[i * size + i..];
            if !is_positive(row[0] - 1e-14) {
                return false;
            }
            let pivot = row[0].sqrt();
            for cell in row.iter_mut() {
                *cell /= pivot;
            }
            for (offset, other) in below.chunks_exact_mut(size).enumerate() {
                subtract(&mut other[i + 1 + offset..], row[1 + offset], &row[1 + offset..]);
            }
        }
        true
    }
}

/// Sums of squares of the rows of the factor's inverse.
struct InverseDiagonal<'a> {
    factor: &'a Cholesky,
}

impl NullaryFnOnce for InverseDiagonal<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn call(self) -> Vec<f64> {
        let Cholesky { size, factor } = self.factor;
        let mut diagonal = vec![0.0; *size];
        let mut column = vec![0.0; *size];
        for start in 0..*size {
            column[start..].fill(0.0);
            column[start] = 1.0;
            let mut sum = 0.0;
            for i in start..*size {
                let row = &factor[i * size..(i + 1) * size];
                let value = column[i] / row[i];
                sum += value * value;
                subtract(&mut column[i + 1..], value, &row[i + 1..]);
            }
            diagonal[start] = sum;
        }
        diagonal
    }
}

/// `from -= times × what`, element by element.
#[inline(always)]
fn subtract(from: &mut [f64], times: f64, what: &[f64]) {
    for (cell, value) in from.iter_mut().zip(what) {
        *cell -= times * value;
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
