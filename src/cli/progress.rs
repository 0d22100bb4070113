//! A progress bar on a terminal, nothing in a pipe; notes beside it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Most notes of one kind that are printed; the others are counted.
const MOST_NOTES: usize = 10;

/// How far a command is: in files when there are several, else in the series of the only one.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    one_file: bool,
    quiet: bool,
}

impl Progress {
    /// A bar over `files`, hidden when `quiet` or when standard error is no terminal.
    pub(super) fn over(files: usize, doing: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} ({eta} left)") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(doing);
        let progress = Self { bar, one_file: files < 2, quiet };
        if !progress.one_file {
            progress.show();
        }
        progress
    }

    /// The number of series in the file at hand.
    pub(super) fn expect_series(&self, count: usize) {
        if self.one_file && count > 1 {
            self.bar.set_length(count as u64);
            self.show();
        }
    }

    /// A series is done.
    pub(super) fn series_done(&self) {
        if self.one_file {
            self.bar.inc(1);
        }
    }

    /// A file is done.
    pub(super) fn file_done(&self) {
        if !self.one_file {
            self.bar.inc(1);
        }
    }

    /// Notes that belong together, the first few of them in full.
    pub(super) fn notes(&self, texts: &[String]) {
        self.bar.suspend(|| {
            texts.iter().take(MOST_NOTES).for_each(|text| note(self.quiet, text));
            if texts.len() > MOST_NOTES {
                note(self.quiet, &format!("and {} more of this kind", texts.len() - MOST_NOTES));
            }
        });
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        if !self.quiet {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }
}

/// A note for the person in front of the terminal or the log of the job.
#[expect(clippy::print_stderr, reason = "notes of the command line go to standard error")]
pub(super) fn note(quiet: bool, text: &str) {
    if !quiet {
        eprintln!("note: {text}");
    }
}

/// A failure of one of several files; said even when notes are not wanted.
#[expect(clippy::print_stderr, reason = "failures go to standard error")]
pub(super) fn complain(text: &str) {
    eprintln!("error: {text}");
}

/// A sign of life for work without a known length.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
