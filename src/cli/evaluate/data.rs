//! The labelled series of a directory.

use std::path::{Path, PathBuf};

use super::super::args::EvaluateArgs;
use super::super::exit::BadInput;
use super::choices::Glob;
use super::labels_file::{self, Truth};
use crate::detect::evaluation::Span;
use crate::series::Step;
use crate::source::file::{self, FileInput, SampleGroup};

/// Where series lie beside `labels.json`.
const FOLDER: &str = "series";
const EXTENSIONS: [&str; 6] = [".csv.gz", ".csv", ".tsv.gz", ".tsv", ".parquet", ".parquet.gz"];
/// Series that a refusal names.
const MOST_NAMED: usize = 5;
/// The part that is learned from where nothing is said about it.
const TRAIN_SHARE: f64 = 0.5;

/// What a directory holds.
#[derive(Debug)]
pub(super) struct Found {
    /// Files to evaluate.
    pub(super) tasks: Vec<Task>,
    /// What was left out.
    pub(super) notes: Vec<String>,
}

/// One file to evaluate.
#[derive(Debug)]
pub(super) struct Task {
    path: PathBuf,
    /// What `labels.json` says; `None` without such a file: then the labels are in the file itself.
    truth: Option<(String, Truth)>,
    only: Option<Glob>,
}

/// A labelled series or entity, cut to its slice, in order of time.
#[derive(Debug)]
pub(super) struct Labelled {
    /// What it is called.
    pub(super) id: String,
    /// Its values; every metric has a sample for each row.
    pub(super) group: SampleGroup,
    /// What is true of each row.
    pub(super) labels: Vec<bool>,
    /// Rows before the judged part.
    pub(super) train: usize,
    /// Time between two rows, when it is said.
    pub(super) step: Option<Step>,
    /// Windows of the Numenta Anomaly Benchmark, when these are such data and whole.
    pub(super) windows: Option<Vec<Span>>,
}

/// The files of `directory` whose series fit `only`.
pub(super) fn tasks(directory: &Path, only: Option<&Glob>) -> anyhow::Result<Found> {
    if !directory.is_dir() {
        let what = if directory.exists() { "is not a directory" } else { "does not exist" };
        return Err(BadInput(format!(
            "{} {what}; give a directory with `labels.json` and a folder `series`, or with files that have a column \
             `label`",
            directory.display()
        ))
        .into());
    }
    let labels = directory.join(labels_file::NAME);
    let found = if labels.exists() { named(directory, &labels, only)? } else { plain(directory, only)? };
    match (found.tasks.is_empty(), only) {
        (true, Some(only)) => {
            let names = if labels.exists() { labels_file::read(&labels)?.into_keys().collect() } else { Vec::new() };
            Err(none_fits(directory, only, names).into())
        }
        _ => Ok(found),
    }
}

/// The refusal of a pattern that fits none of the series, some of which it names.
pub(super) fn none_fits(directory: &Path, only: &Glob, mut names: Vec<String>) -> BadInput {
    names.sort_unstable();
    names.dedup();
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    let there = match names.len() {
        0 => "there are none".to_owned(),
        count if count > shown.len() => format!("there are {count}, such as {}", shown.join(", ")),
        _ => format!("there are {}", shown.join(", ")),
    };
    BadInput(format!("{}: no series fits `{}`; {there}", directory.display(), only.as_str()))
}

/// The names of the series in one file.
pub(super) fn names(task: &Task) -> Vec<String> {
    let input = file::read_labelled(&task.path, &file::Settings::default());
    input.map_or_else(|_| Vec::new(), |(input, _)| input.groups.into_iter().map(|group| group.name).collect())
}

/// The series that `labels.json` names.
fn named(directory: &Path, labels: &Path, only: Option<&Glob>) -> anyhow::Result<Found> {
    let mut tasks = Vec::new();
    for (id, truth) in labels_file::read(labels)? {
        if only.is_some_and(|only| !only.fits(&id)) {
            continue;
        }
        let place = |extension: &str| directory.join(FOLDER).join(format!("{id}{extension}"));
        let Some(path) = EXTENSIONS.iter().map(|end| place(end)).find(|path| path.is_file()) else {
            return Err(BadInput(format!(
                "{} names `{id}`, but there is no such file in {}; allowed are {}",
                labels.display(),
                directory.join(FOLDER).display(),
                EXTENSIONS.join(", ")
            ))
            .into());
        };
        tasks.push(Task { path, truth: Some((id, truth)), only: None });
    }
    Ok(Found { tasks, notes: Vec::new() })
}

/// Every data file, when there is no `labels.json`.
fn plain(directory: &Path, only: Option<&Glob>) -> anyhow::Result<Found> {
    let inner = directory.join(FOLDER);
    let listing = file::list(if inner.is_dir() { &inner } else { directory })?;
    let tasks = listing.files.into_iter().map(|path| Task { path, truth: None, only: only.cloned() }).collect();
    Ok(Found { tasks, notes: listing.notes })
}

/// The labelled series of one file: one, except in a long file.
pub(super) fn read(task: &Task, args: &EvaluateArgs) -> anyhow::Result<Vec<Labelled>> {
    let (input, column) = file::read_labelled(&task.path, &file::Settings::default())?;
    let rows = input.rows.len();
    let (id, truth) = match &task.truth {
        Some((id, truth)) => (Some(id.clone()), truth.clone()),
        None => (None, Truth::default()),
    };
    let refuse = |what: String| BadInput(format!("{}: {what}", task.path.display()));
    if let Some(said) = truth.n.filter(|said| *said != rows) {
        return Err(refuse(format!("the file has {rows} rows, but {} says n = {said}", labels_file::NAME)).into());
    }
    if id.is_some() && input.groups.len() > 1 {
        return Err(refuse(format!("the file holds {} series, but one is expected here", input.groups.len())).into());
    }
    let labels = column.or_else(|| truth.labels(rows)).ok_or_else(|| no_labels(task))?;
    let series = apart(input, &labels);
    let wanted = series.into_iter().filter(|(group, _)| task.only.as_ref().is_none_or(|only| only.fits(&group.name)));
    wanted
        .map(|(group, labels)| {
            let name = id.clone().unwrap_or_else(|| group.name.clone());
            Ok(cut(name, group, &labels, &truth, args).map_err(&refuse)?)
        })
        .collect()
}

fn no_labels(task: &Task) -> BadInput {
    let columns: Vec<String> = file::LABEL_NAMES.iter().map(|name| format!("`{name}`")).collect();
    let columns = columns.join(", ");
    BadInput(match &task.truth {
        Some((id, _)) => format!(
            "{}: nothing says which rows are anomalous: the file has no column called {columns}, and {} has no \
             `events` for `{id}`",
            task.path.display(),
            labels_file::NAME
        ),
        None => format!(
            "{}: nothing says which rows are anomalous: the file has no column called {columns}, and there is no {} \
             in the directory",
            task.path.display(),
            labels_file::NAME
        ),
    })
}

/// The groups of the file with the labels of their own rows.
fn apart(input: FileInput, labels: &[bool]) -> Vec<(SampleGroup, Vec<bool>)> {
    let samples = |group: &SampleGroup| group.metrics.first().map_or(0, |metric| metric.points.len());
    let mut own: Vec<Vec<bool>> = input.groups.iter().map(|group| vec![false; samples(group)]).collect();
    for (row, label) in input.rows.iter().zip(labels) {
        if let Some(place) = own.get_mut(row.group).and_then(|labels| labels.get_mut(row.index)) {
            *place = *label;
        }
    }
    input.groups.into_iter().zip(own).collect()
}

/// Brings rows into order of time and keeps the slice around the end of the training part.
fn cut(
    id: String,
    mut group: SampleGroup,
    labels: &[bool],
    truth: &Truth,
    args: &EvaluateArgs,
) -> Result<Labelled, String> {
    let rows = labels.len();
    let share = args.train_share.unwrap_or(TRAIN_SHARE);
    let train = truth.train_len.unwrap_or((rows as f64 * share) as usize);
    if train >= rows {
        return Err(format!("series `{id}` has {rows} rows and train_len is {train}: nothing is left to judge"));
    }
    let times: Vec<i64> = group.metrics.first().map_or_else(Vec::new, |m| m.points.iter().map(|p| p.time_ms).collect());
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|row| times.get(*row).copied());
    let (from, to) = args
        .slice
        .map_or((0, rows), |slice| (train.saturating_sub(slice.before), train.saturating_add(slice.after).min(rows)));
    let kept = order.get(from..to).unwrap_or_default();
    for metric in &mut group.metrics {
        metric.points = kept.iter().filter_map(|row| metric.points.get(*row).copied()).collect();
    }
    let step = truth.interval_s.and_then(|secs| Step::from_millis((secs * 1e3).round() as i64));
    Ok(Labelled {
        id,
        group,
        labels: kept.iter().filter_map(|row| labels.get(*row).copied()).collect(),
        train: train - from,
        step,
        windows: truth.windows().filter(|_| kept.len() == rows),
    })
}
