//! Isolation forest: growing 100 trees of 256 rows, scoring a matrix of eight features with each kernel of the processor,
//! and a single row.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use tidewatch::detect::{Gain, IsolationForest, IsolationForestParams, Kernel, Split};

const ROWS: usize = 20_000;
const FEATURES: usize = 8;

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((ROWS, FEATURES), |(i, j)| {
        let mut z = ((i * FEATURES + j) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

fn forest(c: &mut Criterion) {
    let rows = rows();
    let guided = Split::Guided { gain: Gain::Pooled, percent: 50 };
    for (name, split) in [("axis", Split::Axis), ("guided", guided), ("extended", Split::Extended { features: 3 })] {
        let Ok(params) = IsolationForestParams::try_new(100, 256, split, 1) else { return };
        c.bench_function(&format!("forest/fit/{name}"), |b| {
            b.iter(|| IsolationForest::fit(params, black_box(rows.view())));
        });
        let Ok(forest) = IsolationForest::fit(params, rows.view()) else { return };
        let mut group = c.benchmark_group("forest/score");
        group.throughput(Throughput::Elements(ROWS as u64));
        for kernel in Kernel::available() {
            group.bench_function(format!("batch/{name}/{}", kernel.name()), |b| {
                b.iter(|| forest.score_batch_with(black_box(rows.view()), kernel));
            });
        }
        group.finish();
        let row = rows.row(7).to_vec();
        c.bench_function(&format!("forest/score/row/{name}"), |b| b.iter(|| forest.score(black_box(&row))));
    }
}

criterion_group!(benches, forest);
criterion_main!(benches);
