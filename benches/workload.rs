//! One workload of the comparison with other programs, timed in CPU seconds: `workload NAME DIR`.
//!
//! Reads what `benches/peers/gen.py` wrote to DIR and prints one line of JSON: CPU seconds by phase, and counts.
//! `benches/compare.py` runs it beside the peers on the same files. A further workload is one more row of [`WORKLOADS`]
//! and a function that takes the folder and returns its line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use ndarray::{ArrayView2, s};
use serde_json::{Value, json};
use tidewatch::detect::{
    Gain, IsolationForest, IsolationForestParams, Kernel, Model, OnlineForestParams, SeriesDetector, SeriesForest,
    Settings, Split,
};
use tidewatch::series::{ChangeCost, ChangePointSettings, Step, segment_starts};

type Workload = fn(&Path) -> anyhow::Result<Value>;

/// Every workload by name.
const WORKLOADS: &[(&str, Workload)] =
    &[("w1", w1), ("w1kernels", w1_kernels), ("w5forest", w5_forest), ("w5light", w5_light), ("w6", w6)];

fn main() -> ExitCode {
    // cargo passes `--bench`
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let known = || WORKLOADS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let [name, folder] = words.as_slice() else {
        println!("usage: workload NAME DIR; names: {}", known());
        return ExitCode::SUCCESS;
    };
    let Some((_, run)) = WORKLOADS.iter().find(|(known, _)| known == name) else {
        eprintln!("error: there is no workload `{name}`; there are: {}", known());
        return ExitCode::from(2);
    };
    match run(Path::new(folder)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// CPU seconds of this process so far, user and system, all threads.
fn cpu_seconds() -> anyhow::Result<f64> {
    let text =
        std::fs::read_to_string("/proc/self/stat").context("CPU time is read from /proc, so this needs Linux")?;
    // behind the name, which may hold anything: user and system time are the 12th and 13th field, in hundredths
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// CPU seconds of one call of `work`, which is repeated until it has taken half a second.
fn timed(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    work()?;
    let (start, mut calls) = (cpu_seconds()?, 0.0);
    loop {
        work()?;
        calls += 1.0;
        let spent = cpu_seconds()? - start;
        if spent >= 0.5 {
            return Ok(spent / calls);
        }
    }
}

/// Little-endian 64-bit numbers.
fn numbers(path: &Path) -> anyhow::Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

/// The batch isolation forest: fit, score all rows, one row, 1,000 rows.
fn w1(folder: &Path) -> anyhow::Result<Value> {
    let values = numbers(&folder.join("w1.f64"))?;
    let table = ArrayView2::from_shape((values.len() / 8, 8), &values)?;
    let forest = IsolationForest::fit(params(Split::Axis)?, table)?;
    let fit = timed(|| {
        black_box(IsolationForest::fit(params(Split::Axis)?, table)?);
        Ok(())
    })?;
    let score = timed(|| {
        black_box(forest.score_batch(table)?);
        Ok(())
    })?;
    let some: Vec<Vec<f64>> = table.rows().into_iter().take(1_000).map(|row| row.to_vec()).collect();
    let row = timed(|| {
        for row in &some {
            black_box(forest.score(row)?);
        }
        Ok(())
    })?;
    let thousand = timed(|| {
        black_box(forest.score_batch(table.slice(s![..some.len(), ..]))?);
        Ok(())
    })?;
    let scores = forest.score_batch(table)?.to_vec();
    std::fs::write(folder.join("w1_scores.f64"), scores.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>())?;
    Ok(json!({
        "fit_s": fit, "score_s": score, "rows": table.nrows(), "one_row_us": row * 1e6 / some.len() as f64,
        "thousand_rows_us": thousand * 1e6, "scores": "w1_scores.f64",
    }))
}

/// Rows per CPU second of each kernel and kind of split, on one thread if `RAYON_NUM_THREADS=1`.
fn w1_kernels(folder: &Path) -> anyhow::Result<Value> {
    let values = numbers(&folder.join("w1.f64"))?;
    let table = ArrayView2::from_shape((values.len() / 8, 8), &values)?;
    let table = table.slice(s![..table.nrows().min(100_000), ..]);
    let mut line = serde_json::Map::new();
    let splits = [
        ("axis", Split::Axis),
        ("guided", Split::Guided { gain: Gain::Pooled, percent: 50 }),
        ("extended", Split::Extended { features: 3 }),
    ];
    for (name, split) in splits {
        let forest = IsolationForest::fit(params(split)?, table)?;
        for kernel in Kernel::available() {
            let seconds = timed(|| {
                black_box(forest.score_batch_with(table, kernel)?);
                Ok(())
            })?;
            line.insert(format!("{name}_{}_rows_per_s", kernel.name()), json!(table.nrows() as f64 / seconds));
        }
    }
    Ok(Value::Object(line))
}

/// Points of each series of w5 and w6.
const POINTS: usize = 2_000;

/// The streaming forest with its features, one model for each series: score a point, then learn it.
fn w5_forest(folder: &Path) -> anyhow::Result<Value> {
    let models = |series: usize| {
        let seeds = 0..series as u64;
        seeds
            .map(|seed| Ok(SeriesForest::try_new(OnlineForestParams::small(seed))?))
            .collect::<anyhow::Result<Vec<_>>>()
    };
    stream(folder, "w5_forest_scores.f64", models, |model, _, value| model.push(value), SeriesForest::state_bytes)
}

/// The light model, one for each series: score a point, then learn it.
fn w5_light(folder: &Path) -> anyhow::Result<Value> {
    let step = Step::from_secs(300).context("five minutes are a step")?;
    let settings = Settings { model: Model::Light, ..Settings::default() };
    let models = |series: usize| Ok((0..series).map(|_| SeriesDetector::new(step, &settings)).collect::<Vec<_>>());
    let judge = |model: &mut SeriesDetector, point: usize, value: f64| {
        let at = Timestamp::from_second(1_772_409_600 + 300 * point as i64).unwrap_or(Timestamp::UNIX_EPOCH);
        model.push(at, value, false).score
    };
    stream(folder, "w5_light_scores.f64", models, judge, |model| model.light_state_bytes().unwrap_or(0))
}

/// Every point of all series of w5 in order of time.
fn stream<M>(
    folder: &Path,
    file: &str,
    models: impl Fn(usize) -> anyhow::Result<Vec<M>>,
    judge: impl Fn(&mut M, usize, f64) -> f64,
    bytes: impl Fn(&M) -> usize,
) -> anyhow::Result<Value> {
    let values = numbers(&folder.join("w5.f64"))?;
    let series = values.len() / POINTS;
    let start = cpu_seconds()?;
    let mut models = models(series)?;
    let mut scores = Vec::with_capacity(values.len());
    for (point, row) in values.chunks_exact(series.max(1)).enumerate() {
        scores.extend(models.iter_mut().zip(row).map(|(model, value)| judge(model, point, *value)));
    }
    let seconds = cpu_seconds()? - start;
    let largest = models.iter().map(bytes).max().unwrap_or(0);
    std::fs::write(folder.join(file), scores.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>())?;
    Ok(json!({
        "cpu_s": seconds, "points": scores.len(), "series": series, "kb_per_series": largest as f64 / 1024.0, "scores": file,
    }))
}

/// Exact change points of the mean, penalty 3 ln n.
fn w6(folder: &Path) -> anyhow::Result<Value> {
    let values = numbers(&folder.join("w6.f64"))?;
    let truth: Vec<Vec<usize>> = serde_json::from_slice(&std::fs::read(folder.join("w6_truth.json"))?)?;
    let settings = ChangePointSettings { cost: ChangeCost::Mean, min_segment: 10, ..ChangePointSettings::default() };
    let start = cpu_seconds()?;
    let found: Vec<Vec<usize>> =
        values.chunks_exact(POINTS).map(|one| segment_starts(one, &settings)).collect::<Result<_, _>>()?;
    let seconds = cpu_seconds()? - start;
    let near = |place: usize, others: &[usize]| others.iter().any(|other| other.abs_diff(place) <= 5);
    let (mut hits, mut met) = (0, 0);
    for (found, truth) in found.iter().zip(&truth) {
        hits += found.iter().filter(|place| near(**place, truth)).count();
        met += truth.iter().filter(|place| near(**place, found)).count();
    }
    let (changes, wanted) = (found.iter().flatten().count(), truth.iter().flatten().count());
    Ok(json!({
        "cpu_s": seconds, "series": found.len(), "changes": changes,
        "precision": hits as f64 / changes.max(1) as f64, "recall": met as f64 / wanted.max(1) as f64,
    }))
}

fn params(split: Split) -> anyhow::Result<IsolationForestParams> {
    Ok(IsolationForestParams::try_new(100, 256, split, 1)?)
}
