//! The normal distribution: its function and its inverse.

/// Probability that a standard normal value is below `x`. Relative error below 1.2e-7 in both tails.
///
/// Chebyshev fit of the complementary error function (Press et al., Numerical Recipes, 2nd edition, section 6.2).
pub(super) fn distribution(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let series = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let tail = 0.5 * t * (-z * z + series).exp();
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Value that a standard normal variable stays below with probability `p` in (0, 1). Absolute error below 1e-6.
///
/// Rational start (Abramowitz and Stegun 26.2.23), then Newton steps on [`distribution`].
pub(super) fn quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p).max(1e-300);
    let t = (-2.0 * tail.ln()).sqrt();
    let mut x =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    for _ in 0..3 {
        let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        if density > 1e-290 {
            x -= (tail - distribution(-x)) / density;
        }
    }
    if p < 0.5 { -x } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (p, x) in [(0.975, 1.959_963_985), (0.9, 1.281_551_566), (0.5, 0.0), (0.001, -3.090_232_306)] {
            assert!((quantile(p) - x).abs() < 2e-6, "quantile({p}) = {}", quantile(p));
            assert!((distribution(x) - p).abs() < 2e-7, "distribution({x}) = {}", distribution(x));
        }
    }
}
