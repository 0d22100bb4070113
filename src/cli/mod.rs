//! The command line.
//!
//! Input: arguments, files, the environment through `config`.
//! Output: results on standard output or in files, progress and errors on standard error, an exit code.
//! Never: computes anything itself; never writes half a file; never replaces an input by its result.

mod args;
mod backtest;
mod budget;
mod capacity;
mod changes;
mod check_config;
mod classify;
mod columns;
mod compose;
mod demo;
mod draw;
mod evaluate;
mod exit;
mod explain;
mod files;
mod forecast;
mod gates;
mod inputs;
mod inquiries;
mod isolate;
mod models;
mod output;
mod page;
mod panics;
mod parse;
mod progress;
mod report;
mod score;
mod serve;
mod train;
mod truth;

pub use args::{Cli, Command};
pub use exit::{Outcome, exit_code_of, text_of};

use crate::telemetry::{self, LogFormat};

/// The arguments of the process. Ends it with help, version or a refusal when these are what is called for.
#[must_use]
pub fn arguments() -> Cli {
    clap::Parser::parse()
}

/// Runs the command.
///
/// # Errors
/// Whatever stopped it; [`text_of`] says what to do, [`exit_code_of`] gives the exit code.
pub fn run(cli: Cli) -> anyhow::Result<Outcome> {
    panics::install_hook();
    panics::contained(|| {
        // the service sets up its own log
        if !matches!(cli.command, Command::Demo(_) | Command::Serve(_)) {
            telemetry::init_logs(&cli.log, LogFormat::Text)?;
        }
        match cli.command {
            Command::Demo(args) => demo::run(&args, &cli.log),
            Command::Serve(args) => serve::run(&args, &cli.log),
            Command::Score(args) => score::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Isolate(args) => isolate::run(&args),
            Command::Forecast(args) => forecast::run(&args),
            Command::Backtest(args) => backtest::run(&args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Capacity(args) => capacity::run(&args),
            Command::Changes(args) => changes::run(&args),
            Command::Classify(args) => classify::run(&args),
            Command::Train(args) => train::run(&args),
            Command::Models(args) => models::run(&args),
            Command::Budget(args) => budget::run(&args),
            Command::CheckConfig(args) => check_config::run(&args),
        }
    })
}
