//! Order statistics of finite values.

/// The value below which a share `q` lies, linear between order statistics; 0 for an empty list. Reorders. O(n).
pub(super) fn quantile(values: &mut [f64], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let position = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let low = (position.floor() as usize).min(values.len() - 1);
    let (_, &mut below, rest) = values.select_nth_unstable_by(low, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    let share = position - low as f64;
    below * (1.0 - share) + above * share
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// 1.4826 times the median absolute deviation from the median. Reorders.
pub(super) fn robust_scale(values: &mut [f64]) -> f64 {
    let middle = median(values);
    let mut sizes: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    1.4826 * median(&mut sizes)
}

pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Variance with n; 0 for an empty list.
pub(super) fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|v| (v - centre) * (v - centre)).collect::<Vec<_>>())
}

/// Autocorrelation at lag 1; 0 when nothing varies.
pub(super) fn lag1(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    let products: f64 = values.windows(2).map(|w| (w[0] - centre) * (w[1] - centre)).sum();
    if squares > 0.0 { (products / squares).clamp(-1.0, 1.0) } else { 0.0 }
}
