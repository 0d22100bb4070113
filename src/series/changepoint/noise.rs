//! The noise of a series whose level and spread may change: by medians of differences, which hold up to many changes.

/// Factor from the median of absolute differences of normal noise to its standard deviation: `1.4826 / √2`.
const FROM_DIFFERENCES: f64 = 1.048_36;
/// Autocorrelation is believed up to this.
const MOST_CORRELATION: f64 = 0.95;

/// What the noise is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// Its variance.
    pub(super) variance: f64,
    /// Most neighbours are equal, as in counts, bursts and switches: nothing can be said about a changing variance.
    pub(super) is_mostly_still: bool,
    /// How much more the mean of many points varies than that of independent ones: `(1 + ρ) / (1 − ρ)`, at least 1.
    pub(super) inflation: f64,
}

impl Noise {
    /// Least variance that a segment is taken to have.
    pub(super) fn floor(&self) -> f64 {
        if self.is_mostly_still { self.variance } else { 0.01 * self.variance }
    }
}

/// Noise of `values`, which are finite. Lag-1 autocorrelation `ρ` comes from the ratio of the medians of squared differences
/// at lags 2 and 1, which is `1 + ρ` (Chakar, Lebarbier, Lévy-Leduc, Robin 2017); it counts when it is beyond `4/√n`.
///
/// More than half of the differences being 0 (counts, two-valued series), their mean square takes the place of the median.
pub(super) fn noise(values: &[f64]) -> Noise {
    let first = median_of_differences(values, 1);
    if first.is_nan() || first <= 0.0 {
        let pairs = values.len().saturating_sub(1).max(1) as f64;
        let squares: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let variance = squares / pairs / 2.0;
        return Noise { variance, is_mostly_still: true, inflation: 1.0 };
    }
    let ratio = median_of_differences(values, 2) / first;
    let correlation = (ratio * ratio - 1.0).clamp(0.0, MOST_CORRELATION);
    let believed = correlation > 4.0 / (values.len() as f64).sqrt();
    let correlation = if believed { correlation } else { 0.0 };
    let variance = (FROM_DIFFERENCES * first).powi(2) / (1.0 - correlation);
    Noise { variance, is_mostly_still: false, inflation: (1.0 + correlation) / (1.0 - correlation) }
}

/// Median of `|v[i + lag] − v[i]|`; 0 without any. O(n).
fn median_of_differences(values: &[f64], lag: usize) -> f64 {
    let mut sizes: Vec<f64> = values.iter().zip(values.iter().skip(lag)).map(|(a, b)| (b - a).abs()).collect();
    if sizes.is_empty() {
        return 0.0;
    }
    let middle = sizes.len() / 2;
    *sizes.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    fn autoregressive(rho: f64, n: usize) -> Vec<f64> {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        let mut last = 0.0;
        (0..n)
            .map(|i| {
                let e: f64 = StandardNormal.sample(&mut rng);
                last = rho * last + e;
                last + if i > n / 2 { 40.0 } else { 0.0 }
            })
            .collect()
    }

    #[test]
    fn variance_and_correlation_survive_a_level_shift() {
        for (rho, inflation) in [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)] {
            let found = noise(&autoregressive(rho, 20_000));
            assert!((found.variance * (1.0 - rho * rho) - 1.0).abs() < 0.15, "{rho}: {found:?}");
            assert!((found.inflation / inflation - 1.0).abs() < 0.25, "{rho}: {found:?}");
        }
    }

    #[test]
    fn mostly_equal_values_have_noise_and_constant_ones_have_none() {
        let mut rare = vec![0.0; 100];
        rare[50] = 10.0;
        assert!((noise(&rare).variance - 200.0 / 99.0 / 2.0).abs() < 1e-12);
        assert!(noise(&[3.0; 50]).variance.abs() < 1e-300);
        assert!(noise(&[3.0]).variance.abs() < 1e-300);
    }
}
