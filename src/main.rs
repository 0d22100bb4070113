//! The `tidewatch` binary.

use std::process::ExitCode;

use tidewatch::cli::{arguments, exit_code_of, run, text_of};

#[expect(clippy::print_stderr, reason = "the one place that tells people why the program ends")]
fn main() -> ExitCode {
    match run(arguments()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("error: {}", text_of(&error));
            exit_code_of(&error)
        }
    }
}
