//! The light model: 1,000 series of 2,000 points, one detector each, and the phase of a calendar.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use tidewatch::detect::{Model, SeriesDetector, Settings};
use tidewatch::series::{Calendar, HolidayLike, Step};

const SERIES: usize = 1_000;
const POINTS: usize = 2_000;
const START_SECS: i64 = 1_767_225_600;

/// A wave of 48, 96 or 288 points with deterministic noise.
fn value(series: usize, point: usize) -> f64 {
    let period = [48.0, 96.0, 288.0][series % 3];
    let mut z = ((series * POINTS + point) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let noise = ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    20.0 + 6.0 * (point as f64 * std::f64::consts::TAU / period).sin() + 3.0 * noise
}

fn at(point: usize) -> Timestamp {
    Timestamp::from_second(START_SECS + 60 * point as i64).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn light(criterion: &mut Criterion) {
    let values: Vec<Vec<f64>> =
        (0..SERIES).map(|series| (0..POINTS).map(|point| value(series, point)).collect()).collect();
    let calendar = Calendar::try_new("Europe/Berlin", Some("DE"), &[], HolidayLike::Sunday).unwrap_or_default();
    let mut group = criterion.benchmark_group("light");
    group.sample_size(10).throughput(Throughput::Elements((SERIES * POINTS) as u64));
    for (name, calendar) in [("1,000 series, UTC", Calendar::default()), ("1,000 series, Berlin", calendar.clone())] {
        let settings = Settings { model: Model::Light, calendar, ..Settings::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut anomalies = 0;
                for series in &values {
                    let mut detector = SeriesDetector::new(Step::MINUTE, &settings);
                    for (point, value) in series.iter().enumerate() {
                        anomalies += usize::from(detector.push(at(point), black_box(*value), false).is_anomaly);
                    }
                }
                anomalies
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("calendar");
    group.throughput(Throughput::Elements(POINTS as u64));
    group.bench_function("phase", |bencher| {
        bencher.iter(|| (0..POINTS).map(|point| calendar.phase(black_box(at(point))).second_of_day).max());
    });
    group.finish();
}

criterion_group!(benches, light);
criterion_main!(benches);
