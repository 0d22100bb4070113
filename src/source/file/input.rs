//! What a file holds: samples by series, and the way back from a series to the file's rows.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use polars::prelude::{Column, DataFrame, GroupsIndicator, IntoColumn, PolarsError, StringChunked};

use super::read::{bad, stem};
use crate::series::{self, Entity, Grid, Quality, Sample, Samples, Series, SeriesError, Slots, Step, Unit, align};
use crate::source::SourceError;

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One value column: one series.
    WideSingle,
    /// Several value columns: one entity.
    WideEntity,
    /// A row names its series.
    Long,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct FileInput {
    /// The file.
    pub path: PathBuf,
    /// How it is laid out.
    pub layout: Layout,
    /// The series (long, in order of first appearance), or the one series or entity (wide). At least one.
    pub groups: Vec<SampleGroup>,
    /// The rows of the file in its order.
    pub rows: Rows,
    /// What was ignored, for the person who reads the result.
    pub notes: Vec<String>,
}

/// The samples of one series, or of one entity's metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleGroup {
    /// Name of the series (long) or of the file without its extensions (wide).
    pub name: String,
    /// At least one; all of the same times in the same order.
    ///
    /// In a wide file each is called as its column, a single one called `value` or `y` as the file; in a long file
    /// as its series.
    pub metrics: Vec<Samples>,
}

/// A group on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The metrics that have any value.
    pub entity: Entity,
    /// The time axis: finds the point of a row by its time.
    pub slots: Slots,
    /// What was wrong with each metric of `entity`, in its order.
    pub quality: Vec<Quality>,
    /// Names of the metrics left out because not one of their values is a number.
    pub dropped: Vec<String>,
}

/// Where the rows of a file went, and how their times were written.
#[derive(Debug, Clone)]
pub struct Rows {
    pub(super) text: TimeText,
    pub(super) map: RowMap,
}

/// Where one row went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Index of its group.
    pub group: usize,
    /// Index of its sample in every metric of the group.
    pub index: usize,
}

/// The times as the file had them.
#[derive(Debug, Clone)]
pub(super) enum TimeText {
    Text(StringChunked),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Instants(Vec<i64>),
}

#[derive(Debug, Clone)]
pub(super) enum RowMap {
    /// Row `i` is sample `i` of the only group.
    Direct(usize),
    /// Row `i` is sample `index[i]` of group `group[i]`.
    Mapped { group: Vec<u32>, index: Vec<u32> },
}

/// The columns of a file, before grouping.
pub(super) struct Table {
    pub layout: Layout,
    pub times: Vec<i64>,
    pub text: TimeText,
    pub series: Option<StringChunked>,
    pub values: Vec<(String, Vec<f64>)>,
    pub notes: Vec<String>,
}

impl FileInput {
    pub(super) fn from_table(path: &Path, table: Table) -> Result<Self, SourceError> {
        let fault = |e: PolarsError| bad(path, format!("cannot be grouped by series: {e}"));
        let Table { layout, times, text, series, values, notes } = table;
        let (groups, map) = match series {
            Some(series) => group_by_series(&series, &times, &values).map_err(fault)?,
            None => (vec![wide_group(stem(path), layout, &times, values)], RowMap::Direct(times.len())),
        };
        Ok(Self { path: path.to_owned(), layout, groups, rows: Rows { text, map }, notes })
    }
}

impl SampleGroup {
    /// The grid of each metric, at `step` or the step inferred from the times; all have the same axis.
    ///
    /// # Errors
    /// As [`Grid::from_samples`].
    pub fn grids(&self, step: Option<Step>, settings: &series::Settings) -> Result<Vec<Grid>, SeriesError> {
        self.metrics.iter().map(|samples| Grid::from_samples(samples, step, settings)).collect()
    }

    /// The group as an entity of clean series. Metrics without any number are left out and named.
    ///
    /// # Errors
    /// As [`Grid::from_samples`]; [`SeriesError::AllMissing`] when no metric has a number.
    pub fn prepare(&self, step: Option<Step>, settings: &series::Settings) -> Result<Prepared, SeriesError> {
        let (mut metrics, mut quality, mut dropped) = (Vec::<Series>::new(), Vec::new(), Vec::new());
        let mut slots = None;
        for samples in &self.metrics {
            let grid = Grid::from_samples(samples, step, settings)?;
            slots.get_or_insert(grid.slots());
            let report = *grid.quality();
            match grid.into_series() {
                Ok(series) => {
                    metrics.push(series);
                    quality.push(report);
                }
                Err(SeriesError::AllMissing { series, .. }) => dropped.push(series),
                Err(other) => return Err(other),
            }
        }
        let samples = self.metrics.first().map_or(0, |m| m.points.len());
        let Some(slots) = slots.filter(|_| !metrics.is_empty()) else {
            return Err(SeriesError::AllMissing { series: self.name.clone(), samples });
        };
        Ok(Prepared { entity: align(self.name.clone(), metrics)?, slots, quality, dropped })
    }
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.map {
            RowMap::Direct(len) => *len,
            RowMap::Mapped { group, .. } => group.len(),
        }
    }

    /// Whether there is no row. Files without rows are refused, so this is false.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where row `row` (from 0, in the order of the file) went.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Row> {
        match &self.map {
            RowMap::Direct(len) => (row < *len).then_some(Row { group: 0, index: row }),
            RowMap::Mapped { group, index } => {
                let (group, index) = (group.get(row)?, index.get(row)?);
                Some(Row { group: *group as usize, index: *index as usize })
            }
        }
    }

    /// Where each row went, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// The time of row `row` as the file has it; Parquet's own timestamps as RFC 3339 in UTC. Empty beyond the end.
    #[must_use]
    pub fn time_text(&self, row: usize) -> Cow<'_, str> {
        match &self.text {
            TimeText::Text(text) => Cow::Borrowed(text.get(row).unwrap_or_default()),
            TimeText::Integers(numbers) => owned(numbers.get(row).map(ToString::to_string)),
            TimeText::Floats(numbers) => owned(numbers.get(row).map(ToString::to_string)),
            TimeText::Instants(millis) => {
                let instant = millis.get(row).and_then(|ms| Timestamp::from_millisecond(*ms).ok());
                owned(instant.map(|t| t.to_string()))
            }
        }
    }
}

fn owned(text: Option<String>) -> Cow<'static, str> {
    Cow::Owned(text.unwrap_or_default())
}

fn wide_group(file: String, layout: Layout, times: &[i64], values: Vec<(String, Vec<f64>)>) -> SampleGroup {
    let anonymous = |name: &str| super::VALUE_NAMES.iter().any(|v| name.eq_ignore_ascii_case(v));
    let metrics = values
        .into_iter()
        .map(|(name, values)| {
            let points = times.iter().zip(values).map(|(time_ms, value)| Sample { time_ms: *time_ms, value }).collect();
            let shown = if layout == Layout::WideSingle && anonymous(&name) { file.clone() } else { name };
            gauge(shown, points)
        })
        .collect();
    SampleGroup { name: file, metrics }
}

fn group_by_series(
    series: &StringChunked,
    times: &[i64],
    values: &[(String, Vec<f64>)],
) -> Result<(Vec<SampleGroup>, RowMap), PolarsError> {
    let values = values.first().map_or(&[][..], |(_, values)| values);
    let key = series.clone().with_name("series".into()).into_column();
    let grouped = group_rows(key)?;
    let (mut group, mut index) = (vec![0_u32; times.len()], vec![0_u32; times.len()]);
    let mut groups = Vec::with_capacity(grouped.len());
    for (number, rows) in grouped.iter().enumerate() {
        let mut points = Vec::with_capacity(rows.len());
        for (place, row) in rows.iter().map(|row| *row as usize).enumerate() {
            points.push(Sample { time_ms: times[row], value: values[row] });
            group[row] = u32::try_from(number).unwrap_or(u32::MAX);
            index[row] = u32::try_from(place).unwrap_or(u32::MAX);
        }
        let name = rows.first().and_then(|row| series.get(*row as usize)).unwrap_or_default().to_owned();
        groups.push(SampleGroup { metrics: vec![gauge(name.clone(), points)], name });
    }
    Ok((groups, RowMap::Mapped { group, index }))
}

/// The rows of each distinct value of `key`, groups in order of first appearance, rows ascending.
pub(super) fn group_rows(key: Column) -> Result<Vec<Vec<u32>>, PolarsError> {
    let name = key.name().clone();
    let frame = DataFrame::new(key.len(), vec![key])?;
    let grouped = frame.group_by_stable([name])?;
    let rows = |group: GroupsIndicator<'_>| match group {
        GroupsIndicator::Idx((_, rows)) => rows.to_vec(),
        GroupsIndicator::Slice([first, len]) => (first..first + len).collect(),
    };
    Ok(grouped.get_groups().iter().map(rows).collect())
}

fn gauge(name: String, points: Vec<Sample>) -> Samples {
    // a counter's unit is that of its rate, but what a file holds is taken as it stands
    let unit = if name.ends_with("_total") { Unit::None } else { Unit::from_metric_name(&name) };
    Samples { unit, ..Samples::gauge(name, points) }
}
