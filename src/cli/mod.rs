//! The command line.
//!
//! Input: arguments, files, the environment through `config`.
//! Output: results on standard output or in files, progress and errors on standard error, an exit code.
//! Never: computes anything itself; never writes half a file.

mod args;
mod capacity;
mod check_config;
mod classify;
mod compose;
mod demo;
mod exit;
mod forecast;
mod inputs;
mod models;
mod output;
mod progress;
mod score;
mod serve;
mod train;

pub use args::{Cli, Command};
pub use exit::{Outcome, exit_code_of};

/// Runs the command.
///
/// # Errors
/// Whatever stopped it, with a text that says what to do; [`exit_code_of`] gives the exit code.
pub fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::Demo(args) => demo::run(&args, &cli.log),
        Command::Serve(args) => serve::run(&args, &cli.log),
        Command::Score(args) => score::run(&args),
        Command::Forecast(args) => forecast::run(&args),
        Command::Capacity(args) => capacity::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Models(args) => models::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
    }
}
