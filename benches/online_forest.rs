//! Streaming isolation forest: a row of 14 features scored and learned, and a series scored point by point, for one model
//! and for as many as no longer fit the second-level cache.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidewatch::detect::{OnlineForest, OnlineForestParams, SeriesForest};

const FEATURES: usize = 14;
const POINTS: usize = 2_000;

/// Uniform in [0, 1), the same for the same index.
fn uniform(index: usize) -> f64 {
    let mut z = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn rows(c: &mut Criterion) {
    let rows: Vec<[f64; FEATURES]> = (0..POINTS).map(|i| std::array::from_fn(|k| uniform(i * FEATURES + k))).collect();
    let Ok(mut forest) = OnlineForest::try_new(OnlineForestParams::small(1), FEATURES) else { return };
    rows.iter().for_each(|row| forest.learn(row));
    let mut group = c.benchmark_group("online_forest/rows");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("score", |b| b.iter(|| rows.iter().map(|row| forest.score(black_box(row))).sum::<f64>()));
    group.bench_function("score_then_learn", |b| {
        b.iter(|| rows.iter().map(|row| forest.score_then_learn(black_box(row))).sum::<f64>());
    });
    group.bench_function("attribute", |b| {
        b.iter(|| rows.iter().map(|row| forest.attribute(black_box(row))[0]).sum::<f64>());
    });
    group.finish();
}

/// Score and learn from the first point on, one model per series, a point of every series in turn.
fn series(c: &mut Criterion) {
    let mut group = c.benchmark_group("online_forest/series");
    group.sample_size(10);
    for count in [1, 200] {
        group.throughput(Throughput::Elements((count * POINTS) as u64));
        group.bench_function(format!("{count}_from_the_start"), |b| {
            b.iter(|| {
                let seeds = 0..count as u64;
                let mut models: Vec<SeriesForest> =
                    seeds.filter_map(|seed| SeriesForest::try_new(OnlineForestParams::small(seed)).ok()).collect();
                let mut sum = 0.0;
                for point in 0..POINTS {
                    for (index, model) in models.iter_mut().enumerate() {
                        sum += model.push(uniform(index * POINTS + point));
                    }
                }
                sum
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rows, series);
criterion_main!(benches);
