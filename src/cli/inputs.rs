//! The files a command works on, and where the result of each goes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::InputArgs;
use super::exit::BadInput;
use super::output::{self, Form};
use super::progress::{Progress, note};
use crate::series::SeriesError;
use crate::source::file::{self, FileInput};

/// One file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The file.
    pub(super) input: PathBuf,
    /// Where its result goes; `-` is standard output.
    pub(super) output: PathBuf,
}

/// Every file of the arguments with the place of its result, which has the form `form`.
///
/// Refuses before any work what could not be written after it. Makes the output directory when one is needed.
pub(super) fn jobs(args: &InputArgs, form: Form) -> anyhow::Result<Vec<Job>> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut into_directory = args.inputs.len() > 1;
    for input in &args.inputs {
        let listing = file::list(input)?;
        into_directory |= listing.is_directory;
        listing.notes.iter().for_each(|text| note(args.quiet, text));
        files.extend(listing.files);
    }
    if into_directory {
        prepare_directory(&args.output)?;
    }
    let place = |input: &Path| match into_directory {
        true => args.output.join(name_of_result(input, form)),
        false => args.output.clone(),
    };
    let jobs: Vec<Job> = files.into_iter().map(|input| Job { output: place(&input), input }).collect();
    jobs.iter().try_for_each(|job| output::check(&job.output, form))?;
    refuse_collisions(&jobs)?;
    jobs.first().map_or(Ok(()), |job| output::probe(&job.output))?;
    Ok(jobs)
}

fn prepare_directory(output: &Path) -> anyhow::Result<()> {
    let refusal = |why: &str| Err(BadInput(format!("several inputs need a directory for their results; {why}")).into());
    if output == Path::new("-") {
        return refusal("give `-o DIR`");
    }
    if output.exists() && !output.is_dir() {
        return refusal(&format!("{} is a file", output.display()));
    }
    std::fs::create_dir_all(output).with_context(|| format!("cannot make the output directory {}", output.display()))
}

/// The same name, except that lines of JSON are called so.
fn name_of_result(input: &Path, form: Form) -> OsString {
    let name = input.file_name().unwrap_or_default();
    match form {
        Form::Table | Form::Page => name.to_owned(),
        Form::JsonLines => {
            let name = name.to_string_lossy();
            let ends = [".gz", ".csv", ".tsv", ".parquet"];
            let stem = ends.iter().fold(&*name, |name, end| name.strip_suffix(end).unwrap_or(name));
            format!("{stem}.jsonl").into()
        }
    }
}

/// No result may replace an input or another result.
fn refuse_collisions(jobs: &[Job]) -> Result<(), BadInput> {
    let inputs: Vec<PathBuf> = jobs.iter().filter_map(|job| job.input.canonicalize().ok()).collect();
    let mut seen = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.output != Path::new("-")) {
        refuse_overwriting(&inputs, &job.output)?;
        if let Some(other) = seen.insert(&job.output, &job.input) {
            return Err(BadInput(format!(
                "the results of {} and {} would both be {}; run them apart",
                other.display(),
                job.input.display(),
                job.output.display()
            )));
        }
    }
    Ok(())
}

/// Refuses an output that is one of `inputs`, which are canonical paths.
pub(super) fn refuse_overwriting(inputs: &[PathBuf], output: &Path) -> Result<(), BadInput> {
    let same = output.canonicalize().is_ok_and(|output| inputs.contains(&output));
    if !same {
        return Ok(());
    }
    Err(BadInput(format!("the result would replace the input {}; give another place with `-o`", output.display())))
}

/// Reads the file of a job, resampled if asked for.
pub(super) fn read(job: &Job, args: &InputArgs, progress: &Progress) -> anyhow::Result<FileInput> {
    let mut input = file::read(&job.input, &file::Settings::default())?;
    let notes: Vec<String> = input.notes.iter().map(|text| format!("{}: {text}", job.input.display())).collect();
    progress.notes(&notes);
    if let Some(step) = args.resample {
        input = file::downsample(input, step, args.aggregate)?;
    }
    Ok(input)
}

/// Why a series cannot be worked on, in the words of the command line.
pub(super) fn reason(error: &SeriesError) -> String {
    match error {
        SeriesError::NoStep { series, distinct } => format!(
            "series `{series}` has {distinct} distinct timestamps, at least 2 are needed to find its step; give it with \
             `--step`"
        ),
        other => other.to_string(),
    }
}

/// The refusal of a file without any series that can be worked on; `why` are the reasons of the series.
pub(super) fn nothing_usable(input: &FileInput, why: &[String]) -> anyhow::Error {
    let first = why.first().map_or("no series can be used", String::as_str);
    let others =
        if why.len() > 1 { format!("; nor can the other {} series be used", why.len() - 1) } else { String::new() };
    BadInput(format!("{}: {first}{others}", input.path.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_name_of_their_file() {
        let name = |input: &str, form| name_of_result(Path::new(input), form);
        assert_eq!(name("in/a.csv.gz", Form::Table), "a.csv.gz");
        assert_eq!(name("in/a.b.csv.gz", Form::JsonLines), "a.b.jsonl");
        assert_eq!(name("disk.parquet", Form::JsonLines), "disk.jsonl");
    }

    #[test]
    fn results_never_meet() {
        let job = |input: &str, output: &str| Job { input: input.into(), output: output.into() };
        let error = refuse_collisions(&[job("a/x.csv", "o/x.csv"), job("b/x.csv", "o/x.csv")]).unwrap_err().to_string();
        assert!(error.contains("a/x.csv and b/x.csv"), "{error}");
        assert!(refuse_collisions(&[job("a/x.csv", "-")]).is_ok());
    }
}
