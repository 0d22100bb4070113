//! A longer step for what was read, by polars.

use polars::prelude::{Int64Chunked, IntoColumn, NamedFrom, NewChunkedArray, PolarsError, StringChunked, TimeUnit};
use polars::time::PolarsTruncate;

use super::input::{FileInput, RowMap, Rows, SampleGroup, group_rows};
use super::read::{bad, contained};
use crate::series::{Aggregate, Sample, Step};
use crate::source::SourceError;

const WEEK_MS: i64 = 7 * 86_400_000;

/// Replaces the samples of each group by one for each bucket of `step` that has any.
///
/// A bucket starts on a multiple of `step` since 1970 (whole weeks on Mondays, UTC); its sample has that time. Repeated
/// times count once, the last finite value wins; a bucket without a finite value has NaN. Each row afterwards points to
/// its bucket's sample, so several rows share one. This equals [`Grid::resample`](crate::series::Grid::resample) for
/// regular series. O(n).
///
/// # Errors
/// [`SourceError::BadFile`] when polars cannot truncate the times, as beyond the year 262143.
pub fn downsample(input: FileInput, step: Step, aggregate: Aggregate) -> Result<FileInput, SourceError> {
    let path = input.path.clone();
    contained(&path, || {
        let FileInput { path, layout, groups, rows, notes } = input;
        let fault = |e: PolarsError| bad(&path, format!("cannot be resampled to {step}: {e}"));
        let (mut coarse, mut places) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
        for group in groups {
            let (group, place) = downsample_group(group, step, aggregate).map_err(fault)?;
            coarse.push(group);
            places.push(place);
        }
        let (mut group, mut index) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows.iter() {
            group.push(u32::try_from(row.group).unwrap_or(u32::MAX));
            index.push(places[row.group][row.index]);
        }
        let rows = Rows { text: rows.text, map: RowMap::Mapped { group, index } };
        Ok(FileInput { path, layout, groups: coarse, rows, notes })
    })
}

/// The group in buckets, and the bucket of each sample.
fn downsample_group(
    group: SampleGroup,
    step: Step,
    aggregate: Aggregate,
) -> Result<(SampleGroup, Vec<u32>), PolarsError> {
    let times: Vec<i64> =
        group.metrics.first().map(|m| m.points.iter().map(|p| p.time_ms).collect()).unwrap_or_default();
    let starts = Int64Chunked::from_slice("bucket".into(), &times)
        .into_datetime(TimeUnit::Milliseconds, None)
        .truncate(None, &StringChunked::new("every".into(), [width(step)]))?;
    let mut buckets = group_rows(starts.clone().into_column())?;
    let mut place = vec![0_u32; times.len()];
    for (number, bucket) in buckets.iter_mut().enumerate() {
        bucket.sort_by_key(|row| times[*row as usize]);
        for row in bucket.iter() {
            place[*row as usize] = u32::try_from(number).unwrap_or(u32::MAX);
        }
    }
    let mut metrics = group.metrics;
    for metric in &mut metrics {
        let sample = |bucket: &Vec<u32>| {
            let first = bucket.first().map_or(0, |row| *row as usize);
            let time_ms = starts.physical().get(first).unwrap_or(times[first]);
            Sample { time_ms, value: aggregate.apply(distinct(&metric.points, bucket)) }
        };
        metric.points = buckets.iter().map(sample).collect();
    }
    Ok((SampleGroup { metrics, ..group }, place))
}

/// The finite values of the rows, which ascend in time; of those at one time the last.
fn distinct<'a>(points: &'a [Sample], rows: &'a [u32]) -> impl Iterator<Item = f64> + 'a {
    let finite = |row: &&u32| points[**row as usize].value.is_finite();
    let mut finite = rows.iter().filter(finite).map(|row| points[*row as usize]).peekable();
    std::iter::from_fn(move || {
        let mut point = finite.next()?;
        while let Some(later) = finite.next_if(|next| next.time_ms == point.time_ms) {
            point = later;
        }
        Some(point.value)
    })
}

/// The step in polars' words; its weeks start on Monday.
fn width(step: Step) -> String {
    if step.millis() % WEEK_MS == 0 { format!("{}w", step.millis() / WEEK_MS) } else { format!("{}ms", step.millis()) }
}
