//! A progress bar on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `length` items; hidden when `quiet` or when standard error is no terminal.
pub(super) fn bar(length: usize, what: &'static str, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if quiet || length < 2 {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        return bar;
    }
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} ({eta} left)") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A note for the person in front of the terminal or the log of the job.
#[expect(clippy::print_stderr, reason = "notes of the command line go to standard error")]
pub(super) fn note(quiet: bool, text: &str) {
    if !quiet {
        eprintln!("note: {text}");
    }
}

/// A sign of life for work without a known length.
pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
