//! Small symmetric systems: Cholesky factor, solution, inverse of the factor.

/// Lower Cholesky factor of the symmetric `matrix` (row-major, `n × n`, lower triangle read); `None` unless positive definite.
pub(super) fn cholesky(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..=row {
            let (a, b) = (&factor[row * n..row * n + column], &factor[column * n..column * n + column]);
            let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
            let rest = matrix[row * n + column] - dot;
            if row == column {
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                factor[row * n + row] = rest.sqrt();
            } else {
                factor[row * n + column] = rest / factor[column * n + column];
            }
        }
    }
    Some(factor)
}

/// Solves `L Lᵀ x = right`.
pub(super) fn solve(factor: &[f64], right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let mut x = right.to_vec();
    for row in 0..n {
        let dot: f64 = (0..row).map(|k| factor[row * n + k] * x[k]).sum();
        x[row] = (x[row] - dot) / factor[row * n + row];
    }
    for row in (0..n).rev() {
        let dot: f64 = (row + 1..n).map(|k| factor[k * n + row] * x[k]).sum();
        x[row] = (x[row] - dot) / factor[row * n + row];
    }
    x
}

/// Inverse of a lower factor: `W = L⁻¹`, so that `zᵀ (L Lᵀ)⁻¹ z = |W z|²`.
pub(super) fn inverse_lower(factor: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        inverse[column * n + column] = factor[column * n + column].recip();
        for row in column + 1..n {
            let dot: f64 = (column..row).map(|k| factor[row * n + k] * inverse[k * n + column]).sum();
            inverse[row * n + column] = -dot / factor[row * n + row];
        }
    }
    inverse
}

/// `|W z|²` for a lower triangular `W`.
pub(super) fn squared_norm(whiten: &[f64], z: &[f64]) -> f64 {
    let n = z.len();
    let rows = whiten.chunks_exact(n.max(1)).enumerate();
    rows.map(|(row, weights)| {
        let dot: f64 = weights[..=row].iter().zip(z).map(|(w, v)| w * v).sum();
        dot * dot
    })
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_solution_and_norm_agree() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let factor = cholesky(&matrix, 3).expect("positive definite");
        let right = [1.0, -2.0, 0.5];
        let x = solve(&factor, &right);
        for row in 0..3 {
            let product: f64 = (0..3).map(|k| matrix[row * 3 + k] * x[k]).sum();
            assert!((product - right[row]).abs() < 1e-12);
        }
        let direct: f64 = right.iter().zip(&x).map(|(a, b)| a * b).sum();
        assert!((squared_norm(&inverse_lower(&factor, 3), &right) - direct).abs() < 1e-12);
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
