//! The autocorrelation of a series at all lags at once.

use std::f64::consts::PI;

/// Autocorrelation of `values` (finite, magnitudes up to about 1) at lags 0 to `lags`; all 0 when nothing varies.
///
/// By the Wiener-Khinchin theorem through a transform padded to twice the length, so that the end does not wrap around.
/// O(n log n).
pub(super) fn autocorrelation(values: &[f64], lags: usize) -> Vec<f64> {
    let centre = super::order::mean(values);
    let size = (2 * values.len()).next_power_of_two();
    let mut real: Vec<f64> = values.iter().map(|v| v - centre).collect();
    real.resize(size, 0.0);
    let mut imaginary = vec![0.0; size];
    transform(&mut real, &mut imaginary);
    for (re, im) in real.iter_mut().zip(&mut imaginary) {
        (*re, *im) = (re.mul_add(*re, *im * *im), 0.0);
    }
    // the power is real and even: the same transform leads back, up to the size
    transform(&mut real, &mut imaginary);
    let whole = real.first().copied().unwrap_or(0.0);
    let share = |power: f64| if whole > 0.0 { power / whole } else { 0.0 };
    real.into_iter().take((lags + 1).min(values.len())).map(share).collect()
}

/// Discrete Fourier transform in place, radix 2 (Cooley and Tukey 1965). The length is a power of two.
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let n = real.len().min(imaginary.len());
    let mut reversed = 0;
    for index in 1..n {
        let mut bit = n >> 1;
        while reversed & bit != 0 {
            reversed ^= bit;
            bit >>= 1;
        }
        reversed |= bit;
        if index < reversed {
            real.swap(index, reversed);
            imaginary.swap(index, reversed);
        }
    }
    let mut length = 2;
    while length <= n {
        let half = length / 2;
        let turns: Vec<(f64, f64)> = (0..half).map(|k| (-PI * k as f64 / half as f64).sin_cos()).collect();
        for start in (0..n).step_by(length) {
            for (k, (sine, cosine)) in turns.iter().enumerate() {
                let (even, odd) = (start + k, start + k + half);
                let re = real[odd] * cosine - imaginary[odd] * sine;
                let im = real[odd] * sine + imaginary[odd] * cosine;
                (real[odd], imaginary[odd]) = (real[even] - re, imaginary[even] - im);
                real[even] += re;
                imaginary[even] += im;
            }
        }
        length *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_sum_of_products() {
        let values: Vec<f64> = (0..257).map(|i| ((i * 37) % 23) as f64 / 23.0 + (i % 12) as f64 / 12.0).collect();
        let centre = values.iter().sum::<f64>() / values.len() as f64;
        let at = |lag: usize| -> f64 {
            (lag..values.len()).map(|i| (values[i] - centre) * (values[i - lag] - centre)).sum::<f64>()
        };
        let found = autocorrelation(&values, 100);
        assert_eq!(found.len(), 101);
        for (lag, found) in found.iter().enumerate() {
            assert!((found - at(lag) / at(0)).abs() < 1e-10, "{lag}");
        }
    }

    #[test]
    fn nothing_correlates_where_nothing_varies() {
        assert!(autocorrelation(&[0.5; 9], 4).iter().all(|v| v.abs() < 1e-12));
        assert!(autocorrelation(&[], 4).is_empty());
    }
}
