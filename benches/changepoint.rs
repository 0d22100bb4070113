//! Change points: 2,000 points with three level shifts, and the same noise without any.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidewatch::series::{ChangeCost, ChangePointSettings, segment_starts};

const POINTS: usize = 2_000;

/// Roughly normal, mean 0, variance 1, the same for the same index.
fn noise(i: usize) -> f64 {
    let uniform = |i: usize| {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..12).map(|part| uniform(12 * i + part)).sum()
}

fn change_points(c: &mut Criterion) {
    let level = |i: usize| [0.0, 4.0, 1.0, -3.0][(4 * i / POINTS).min(3)];
    let shifted: Vec<f64> = (0..POINTS).map(|i| 100.0 + noise(i) + level(i)).collect();
    let still: Vec<f64> = (0..POINTS).map(|i| 100.0 + noise(i)).collect();
    let mut group = c.benchmark_group("changepoint");
    group.throughput(Throughput::Elements(POINTS as u64));
    for (cost, name) in [(ChangeCost::Mean, "mean"), (ChangeCost::MeanVariance, "mean_variance")] {
        let settings = ChangePointSettings { cost, min_segment: 2, ..ChangePointSettings::default() };
        group.bench_function(format!("{name}/three_shifts"), |b| {
            b.iter(|| segment_starts(black_box(&shifted), &settings));
        });
        group.bench_function(format!("{name}/none"), |b| b.iter(|| segment_starts(black_box(&still), &settings)));
    }
    group.finish();
}

criterion_group!(benches, change_points);
criterion_main!(benches);
