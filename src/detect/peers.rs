//! Peer groups: one of twelve replicas behaves unlike the others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use augurs::outlier::{DbscanDetector, MADDetector, OutlierDetector, OutlierOutput};
use serde::{Deserialize, Serialize};

use super::error::DetectError;
use crate::series::Series;

/// Fewer peers than this have no majority.
const FEWEST: usize = 3;
/// Most points that are compared, the newest.
const MOST_POINTS: usize = 10_000;
/// How readily a peer counts as an outlier, 0 to 1, for both methods.
const SENSITIVITY: f64 = 0.5;
/// Gap in units of the median absolute deviation that sets a point apart.
const APART: f64 = 5.0;
/// Share of the points at which a peer must stand apart.
const LEAST_SHARE: f64 = 0.05;

/// The judgement of one peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerVerdict {
    /// Name of the series.
    pub series: String,
    /// Whether it stands apart by both methods, or by one through at least a quarter of the time.
    pub is_outlier: bool,
    /// Share of the points at which the deviation from the median of all peers is unusual (MAD), 0 to 1.
    pub share_by_deviation: f64,
    /// Share of the points at which it lies outside the cluster of its peers (DBSCAN), 0 to 1.
    pub share_by_cluster: f64,
    /// Median distance from the peers' median in units of their median absolute deviation; 0 for the middle.
    pub distance: f64,
}

/// Compares at least three aligned series with each other, over their newest 10,000 points.
///
/// Values are centred and scaled together (median and interquartile range of all), so the unit does not count.
///
/// # Errors
/// [`DetectError::Peers`] with fewer than three series, with different steps, starts or lengths, or when the library fails.
pub fn peer_outliers(group: &[Series]) -> Result<Vec<PeerVerdict>, DetectError> {
    let Some(first) = group.first().filter(|_| group.len() >= FEWEST) else {
        return Err(DetectError::Peers(format!("at least {FEWEST} series are needed, got {}", group.len())));
    };
    let shape = (first.start(), first.step(), first.len());
    if let Some(other) = group.iter().find(|s| (s.start(), s.step(), s.len()) != shape) {
        return Err(DetectError::Peers(format!(
            "`{}` differs in start, step or length from `{}`; align them first",
            other.name(),
            first.name()
        )));
    }
    let rows = rescaled(group);
    if rows.iter().flatten().all(|v| *v == 0.0) {
        return Ok(group.iter().map(|s| verdict(s, 0.0, 0.0, 0.0)).collect());
    }
    let borrowed: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let by_deviation = run("MAD", || {
        let detector = MADDetector::with_sensitivity(SENSITIVITY).map_err(|e| e.to_string())?;
        let data = detector.preprocess(&borrowed).map_err(|e| e.to_string())?;
        detector.detect(&data).map_err(|e| e.to_string())
    })
    .ok();
    let by_cluster = run("DBSCAN", || {
        let detector = DbscanDetector::with_sensitivity(SENSITIVITY).map_err(|e| e.to_string())?;
        let data = detector.preprocess(&borrowed).map_err(|e| e.to_string())?;
        detector.detect(&data).map_err(|e| e.to_string())
    })?;
    let points = first.len().min(MOST_POINTS);
    let gaps = gaps(&rows, points);
    let verdicts = group.iter().zip(gaps).enumerate().map(|(k, (series, mut gaps))| {
        // Where most peers are equal there is no deviation to divide by and the library refuses: count the gaps instead.
        let apart = gaps.iter().filter(|g| **g > APART).count() as f64 / points.max(1) as f64;
        let by_deviation = by_deviation.as_ref().map_or(apart, |output| share_outside(output, k, points));
        let distance = super::window::median_of(&mut gaps);
        verdict(series, by_deviation, share_outside(&by_cluster, k, points), distance)
    });
    Ok(verdicts.collect())
}

fn verdict(series: &Series, by_deviation: f64, by_cluster: f64, distance: f64) -> PeerVerdict {
    let both = by_deviation >= LEAST_SHARE && by_cluster >= LEAST_SHARE;
    let is_outlier = both || by_deviation.max(by_cluster) >= 0.25 && distance > 3.0;
    PeerVerdict {
        series: series.name().to_owned(),
        is_outlier,
        share_by_deviation: by_deviation,
        share_by_cluster: by_cluster,
        distance,
    }
}

/// The newest points of all, minus their common median, over their common interquartile range, limited to ±1e6.
fn rescaled(group: &[Series]) -> Vec<Vec<f64>> {
    let tail = |s: &Series| s.values()[s.len() - s.len().min(MOST_POINTS)..].to_vec();
    let rows: Vec<Vec<f64>> = group.iter().map(tail).collect();
    let mut all: Vec<f64> = rows.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| all.get((share * (all.len() - 1) as f64) as usize).copied().unwrap_or(0.0);
    let (median, range) = (at(0.5), at(0.75) / 2.0 - at(0.25) / 2.0);
    let widest = all.last().copied().unwrap_or(0.0) / 2.0 - all.first().copied().unwrap_or(0.0) / 2.0;
    let unit = if range > 0.0 { range } else { widest };
    let scale = |v: f64| if unit > 0.0 { ((v / 2.0 - median / 2.0) / unit).clamp(-1e6, 1e6) } else { 0.0 };
    rows.into_iter().map(|row| row.into_iter().map(scale).collect()).collect()
}

/// `|value - median of peers| / MAD of peers` of each series at each time.
fn gaps(rows: &[Vec<f64>], points: usize) -> Vec<Vec<f64>> {
    let mut over_time = vec![Vec::with_capacity(points); rows.len()];
    for index in 0..points {
        let mut now: Vec<f64> = rows.iter().map(|row| row[index]).collect();
        let middle = super::window::median_of(&mut now);
        let mut gaps: Vec<f64> = now.iter().map(|v| (v - middle).abs()).collect();
        let unit = super::window::median_of(&mut gaps) + 1e-6;
        for (kept, row) in over_time.iter_mut().zip(rows) {
            kept.push((row[index] - middle).abs() / unit);
        }
    }
    over_time
}

fn share_outside(output: &OutlierOutput, series: usize, points: usize) -> f64 {
    let Some(result) = output.series_results.get(series) else { return 0.0 };
    let inside = result.outlier_intervals.intervals.iter();
    let count: usize = inside.map(|i| i.end.unwrap_or(points).min(points).saturating_sub(i.start)).sum();
    count as f64 / points.max(1) as f64
}

fn run(method: &str, detect: impl FnOnce() -> Result<OutlierOutput, String>) -> Result<OutlierOutput, DetectError> {
    match catch_unwind(AssertUnwindSafe(detect)) {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(message)) => Err(DetectError::Peers(format!("{method} failed: {message}"))),
        Err(_) => Err(DetectError::Peers(format!("{method} failed on this data"))),
    }
}
