//! Several files at a time, each with its own outcome.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::anyhow;

use super::args::InputArgs;
use super::exit::{BadInput, is_bad_input, text_of};
use super::inputs::Job;
use super::progress::{Progress, complain};

/// Does `work` for every file and tells how many of how many failed; the outcomes are in the order of the files.
///
/// There are as many workers as threads in the pool, and each has one file in hand: that bounds the memory. The series of
/// a file are spread over the pool by `work` itself.
pub(super) fn each<T: Send>(
    jobs: &[Job],
    doing: &'static str,
    args: &InputArgs,
    work: impl Fn(&Job, &Progress) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let progress = Progress::over(jobs.len(), doing, args.quiet);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return done };
            done.push((index, work(job, &progress).map_err(|error| named(error, job))));
            progress.file_done();
        }
    };
    let mut outcomes = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..rayon::current_num_threads().clamp(1, jobs.len().max(1))).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        done.flatten().collect::<Vec<_>>()
    });
    progress.finish();
    outcomes.sort_by_key(|(index, _)| *index);
    settle(outcomes.into_iter().map(|(_, outcome)| outcome).collect(), args)
}

/// The results when there is no failure; else one error for all, after each has been said.
fn settle<T>(outcomes: Vec<anyhow::Result<T>>, args: &InputArgs) -> anyhow::Result<Vec<T>> {
    let of = outcomes.len();
    let (mut results, mut failures) = (Vec::with_capacity(of), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(result) => results.push(result),
            Err(error) => failures.push(error),
        }
    }
    if failures.is_empty() || of == 1 {
        return failures.pop().map_or(Ok(results), Err);
    }
    failures.iter().for_each(|error| complain(&text_of(error)));
    let others = match of - failures.len() {
        0 => "nothing is written".to_owned(),
        written => format!("the results of the other {written} are in {}", args.output.display()),
    };
    let summary = format!("{} of {of} files failed, {others}", failures.len());
    Err(if failures.iter().all(is_bad_input) { BadInput(summary).into() } else { anyhow!(summary) })
}

/// The error with the file's name, unless it says it already.
fn named(error: anyhow::Error, job: &Job) -> anyhow::Error {
    let file = job.input.display().to_string();
    if text_of(&error).contains(&file) { error } else { error.context(file) }
}
