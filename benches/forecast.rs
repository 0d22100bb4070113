//! Speed of forecasting: the seasonal fit, the pool, and sample paths far ahead.
#![expect(clippy::expect_used, reason = "a bench has nobody to report to")]

use std::f64::consts::TAU;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use tidewatch::forecast::{ModelChoice, Request, forecast};
use tidewatch::series::{Series, Step};

/// Eight weeks of hours with a day, a week and some noise.
fn hourly() -> Series {
    let mut state = 1_u32;
    let values = (0..1_344_u32).map(|hour| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state) / f64::from(u32::MAX) - 0.5;
        let weekend = if (hour / 24) % 7 >= 5 { -10.0 } else { 0.0 };
        100.0 + 20.0 * (TAU * f64::from(hour) / 24.0).sin() + weekend + 4.0 * noise
    });
    Series::try_new("load", Timestamp::UNIX_EPOCH, Step::HOUR, values.collect()).expect("finite values")
}

fn benches(criterion: &mut Criterion) {
    let series = hourly();
    let mut group = criterion.benchmark_group("forecast 1,344 hours");
    group.sample_size(10);
    for model in ModelChoice::ALL {
        let request = Request { model, ..Request::new(168) };
        group.bench_function(format!("{} 168 ahead", model.as_str()), |bencher| {
            bencher.iter(|| forecast(black_box(&series), &request));
        });
    }
    let request = Request { model: ModelChoice::SeasonalNaive, paths: 500, ..Request::new(2_160) };
    group.bench_function("500 paths 2,160 ahead", |bencher| bencher.iter(|| forecast(black_box(&series), &request)));
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
