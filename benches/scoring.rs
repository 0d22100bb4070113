//! The whole scoring path: samples with gaps to a grid, a series, and a score for each point.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidewatch::detect::{Settings, score_series};
use tidewatch::series::{self, Grid, Sample, Samples, Step};

/// Weeks of 5-minute points.
const WEEKS: [i64; 2] = [1, 4];
/// Milliseconds of 5 minutes.
const STEP_MS: i64 = 300_000;

/// A daily wave with deterministic noise, one point in fifty missing.
fn samples(weeks: i64) -> Samples {
    let points = (0..weeks * 2_016).filter(|index| index % 50 != 7).map(|index| {
        let day = (index as f64 * std::f64::consts::TAU / 288.0).sin();
        let noise = (index as f64 * 12.989_8).sin() * 43_758.545_3;
        Sample { time_ms: index * STEP_MS, value: 100.0 + 30.0 * day + 3.0 * (noise - noise.floor()) }
    });
    Samples::gauge("bench", points.collect())
}

fn scoring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scoring path");
    group.sample_size(10);
    for weeks in WEEKS {
        let samples = samples(weeks);
        group.throughput(Throughput::Elements(samples.points.len() as u64));
        group.bench_with_input(BenchmarkId::new("samples to scores, weeks", weeks), &samples, |bencher, samples| {
            bencher.iter(|| {
                let grid =
                    Grid::from_samples(black_box(samples), Step::from_millis(STEP_MS), &series::Settings::default());
                let series = grid.and_then(Grid::into_series);
                series.ok().map(|series| score_series(&series, &Settings::default()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, scoring);
criterion_main!(benches);
