//! The baseline that everybody knows: a plain isolation forest on simple features.

use ndarray::{Array2, ArrayView2, Axis, Slice};

use super::curves::quantile;
use super::rolling::{Window, median};
use super::vus::dominant_period;
use crate::detect::isolation_forest::{IsolationForest, IsolationForestParams, Split};

/// Rows of the past that a forest is fitted on at most.
const MOST_HISTORY: usize = 12_000;
/// Rows before which there is no forest.
const FEWEST: usize = 50;
/// Fits after the first stretch.
const FITS: usize = 6;
/// Trees and rows for each, as in the paper.
const TREES: usize = 100;
const ROWS: usize = 256;
/// The windows of rolling features, points.
const SHORTEST_WINDOW: usize = 8;
const LONGEST_WINDOW: usize = 64;
/// Standardised values are cut here.
const FARTHEST: f64 = 20.0;

/// A score for each row; `metrics` are finite and of equal length. Scores are on the scale of the scores of the history:
/// 0 at their 5th and 1 at their 95th percentile. Rows before the history of the first forest get 0.
pub(super) fn scores(metrics: &[Vec<f64>], train: usize, seed: u64) -> Vec<f64> {
    let count = metrics.first().map_or(0, Vec::len);
    let mut scores = vec![0.0; count];
    let first = train.max(FEWEST).min(count);
    let features = features(metrics, train);
    let Ok(params) = IsolationForestParams::try_new(TREES, ROWS, Split::Axis, seed) else { return scores };
    let mut cuts: Vec<usize> = (0..=FITS).map(|k| first + (count - first) * k / FITS).collect();
    cuts.dedup();
    if cuts.len() < 2 {
        cuts.push(count);
    }
    for (place, cut) in cuts.windows(2).enumerate() {
        let from = cut[0].saturating_sub(MOST_HISTORY);
        let history = features.slice_axis(Axis(0), Slice::from(from..cut[0]));
        // no rows, no forest: the scores stay 0
        let Ok(forest) = IsolationForest::fit(params, history) else { continue };
        let past = raw(&forest, &history);
        if place == 0 {
            scores[from..cut[0]].copy_from_slice(&scaled(&past, &past));
        }
        let own = raw(&forest, &features.slice_axis(Axis(0), Slice::from(cut[0]..cut[1])));
        scores[cut[0]..cut[1]].copy_from_slice(&scaled(&own, &past));
    }
    scores
}

fn raw(forest: &IsolationForest, rows: &ArrayView2<'_, f64>) -> Vec<f64> {
    // the width is that of the fit
    forest.score_batch(rows.view()).map(|scores| scores.to_vec()).unwrap_or_default()
}

fn scaled(scores: &[f64], past: &[f64]) -> Vec<f64> {
    let mut sorted = past.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (quantile(&sorted, 0.05), quantile(&sorted, 0.95));
    scores.iter().map(|score| (score - low) / (high - low + 1e-9 + 1e-6 * low.abs())).collect()
}

/// Rows of features (n_samples, n_features).
fn features(metrics: &[Vec<f64>], train: usize) -> Array2<f64> {
    match metrics {
        [only] => of_one(only, train),
        _ => of_many(metrics, train),
    }
}

fn of_one(values: &[f64], train: usize) -> Array2<f64> {
    let head = &values[..train.max(200).min(values.len())];
    let width = dominant_period(head).clamp(SHORTEST_WINDOW, LONGEST_WINDOW);
    let mut window = Window::new(width, 1);
    let mut rows = Array2::zeros((values.len(), 5));
    let mut before = values.first().copied().unwrap_or(0.0);
    for (mut row, value) in rows.rows_mut().into_iter().zip(values) {
        window.push(*value);
        let deviation = window.deviation();
        let deviation = if deviation.is_nan() { 0.0 } else { deviation };
        row.assign(&ndarray::arr1(&[*value, value - before, value - window.median(), deviation, window.range()]));
        before = *value;
    }
    rows
}

fn of_many(metrics: &[Vec<f64>], train: usize) -> Array2<f64> {
    let (count, width) = (metrics.first().map_or(0, Vec::len), metrics.len());
    let mut rows = Array2::zeros((count, 2 * width));
    for (column, values) in metrics.iter().enumerate() {
        let history = &values[..train.max(100).min(values.len())];
        // the median keeps the mean finite where values are as large as numbers can be
        let centre = median(history.iter().copied());
        let off = history.iter().map(|v| v - centre);
        let mean = centre + off.sum::<f64>() / history.len().max(1) as f64;
        let deviation = (history.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / history.len().max(1) as f64).sqrt();
        let scale = if deviation >= 1e-6 { deviation } else { 1.0 };
        let mut before = None;
        for (index, value) in values.iter().enumerate() {
            let standard = ((value - mean) / scale).clamp(-FARTHEST, FARTHEST);
            let standard = if standard.is_nan() { 0.0 } else { standard };
            rows[[index, column]] = standard;
            rows[[index, width + column]] = (standard - before.unwrap_or(standard)).abs();
            before = Some(standard);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_stands_out_and_the_seed_decides() {
        let mut values: Vec<f64> = (0..600).map(|i| (f64::from(i) * 0.2618).sin()).collect();
        values[450] = 9.0;
        let metrics = [values];
        let own = scores(&metrics, 300, 7);
        let top = (300..600).max_by(|a, b| own[*a].total_cmp(&own[*b])).unwrap();
        // rolling features see the spike for as long as it is in their window
        assert!((450..450 + LONGEST_WINDOW).contains(&top), "{top}");
        assert!(own[450] > own[449] + 0.5, "{} {}", own[450], own[449]);
        assert_eq!(own, scores(&metrics, 300, 7));
        assert_ne!(own, scores(&metrics, 300, 8));
    }
}
