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

/// The lower triangle of `W` (row-major, `n × n`), column after column, in single precision: `n (n + 1) / 2` numbers.
pub(super) fn pack_columns(lower: &[f64], n: usize) -> Vec<f32> {
    (0..n).flat_map(|column| (column..n).map(move |row| lower[row * n + column] as f32)).collect()
}

/// `|W z|²` for a lower triangular `W` as [`pack_columns`] packs it; 0 where the sizes do not fit.
///
/// Column after column: what is summed side by side belongs to different rows, so the compiler may use wide registers and
/// the result is the same to the last bit.
pub(super) fn squared_norm(packed: &[f32], z: &[f64]) -> f64 {
    let n = z.len();
    if packed.len() != n * (n + 1) / 2 {
        return 0.0;
    }
    let mut product = vec![0.0_f32; n];
    let mut rest = packed;
    for (column, value) in z.iter().enumerate() {
        let (weights, later) = rest.split_at(n - column);
        for (sum, weight) in product[column..].iter_mut().zip(weights) {
            *sum += weight * *value as f32;
        }
        rest = later;
    }
    product.iter().map(|v| f64::from(*v) * f64::from(*v)).sum()
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
        let packed = pack_columns(&inverse_lower(&factor, 3), 3);
        assert!((squared_norm(&packed, &right) / direct - 1.0).abs() < 1e-6);
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
