//! The files a command works on, and where the result of each goes.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::InputArgs;
use super::exit::BadInput;
use super::progress::note;
use crate::source::file::{self, FileInput};

/// One file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The file.
    pub(super) input: PathBuf,
    /// Where its result goes; `-` is standard output.
    pub(super) output: PathBuf,
}

/// Every file of the arguments with the place of its result. Makes the output directory when one is needed.
pub(super) fn jobs(args: &InputArgs) -> anyhow::Result<Vec<Job>> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut into_directory = args.inputs.len() > 1;
    for input in &args.inputs {
        let listing = file::list(input)?;
        into_directory |= listing.is_directory;
        listing.notes.iter().for_each(|text| note(args.quiet, text));
        files.extend(listing.files);
    }
    if !into_directory {
        return Ok(files.into_iter().map(|input| Job { input, output: args.output.clone() }).collect());
    }
    if args.output == Path::new("-") {
        return Err(BadInput("several inputs need a directory for their results; give `-o DIR`".to_owned()).into());
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the output directory {}", args.output.display()))?;
    let jobs: Vec<Job> = files
        .into_iter()
        .map(|input| Job { output: args.output.join(input.file_name().unwrap_or_default()), input })
        .collect();
    refuse_collisions(&jobs)?;
    Ok(jobs)
}

fn refuse_collisions(jobs: &[Job]) -> Result<(), BadInput> {
    let mut seen = std::collections::BTreeMap::new();
    for job in jobs {
        if let Some(other) = seen.insert(&job.output, &job.input) {
            return Err(BadInput(format!(
                "{} and {} have the same name, so their results would overwrite each other; run them apart",
                other.display(),
                job.input.display()
            )));
        }
    }
    Ok(())
}

/// Reads the file of a job, resampled if asked for.
pub(super) fn read(job: &Job, args: &InputArgs) -> anyhow::Result<FileInput> {
    let mut input = file::read(&job.input, &file::Settings::default())?;
    input.notes.iter().for_each(|text| note(args.quiet, &format!("{}: {text}", job.input.display())));
    if let Some(step) = args.resample {
        input = file::downsample(input, step, args.aggregate)?;
    }
    Ok(input)
}
