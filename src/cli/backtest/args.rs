//! Arguments of `backtest`.

use std::path::PathBuf;

use clap::Args;

use super::super::args::InputArgs;
use super::super::evaluate::Format;
use super::super::parse::{self, Horizon};
use crate::forecast::ModelChoice;
use crate::series::{Aggregate, HumanDuration, Step};

/// What the help says below the arguments.
pub(in crate::cli) const HELP: &str = "\
Forecasts from earlier points of the series, half a horizon apart, and compares with what came.
Nothing after such a point is seen from it. Figures are means over the points:
  MASE       mean absolute error over that of the seasonal naive forecast within the history;
             below 1 is better than repeating the last season was
  sMAPE      symmetric mean absolute percentage error, percent
  covers 80  share of values inside the 80 % interval, percent: near 80 when intervals are true
  MSIS       mean scaled interval score of the widest interval: narrow and true is low

Examples:
  tidewatch backtest traffic.csv --horizon 7d
  tidewatch backtest metrics/ --horizon 24 --model auto,mstl_ets,seasonal_naive --report backtest.html";

/// Arguments of `backtest`.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// Files to read (.csv, .tsv, .parquet, each also with .gz), or directories of them
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// How far ahead: a number of steps (`168`) or a duration (`7d`)
    #[arg(long, value_name = "STEPS|DURATION")]
    pub horizon: Horizon,
    /// Models side by side: auto, mstl_ets, seasonal_naive and the others that `forecast` knows
    #[arg(long, default_value = "auto,seasonal_naive", value_name = "MODEL,...", value_delimiter = ',')]
    pub model: Vec<ModelChoice>,
    /// Most earlier points to forecast from, 1 to 100; they lie in the second half of a series
    #[arg(long, default_value = "6", value_name = "NUMBER", value_parser = origins)]
    pub origins: usize,
    /// Coverage of the intervals, percent
    #[arg(
        long,
        value_name = "PERCENT,...",
        value_delimiter = ',',
        default_value = "80,95",
        value_parser = parse::level
    )]
    pub levels: Vec<f64>,
    /// Seasons, like `1d,7d`; found in the data when not given
    #[arg(long, value_name = "DURATION,...", value_delimiter = ',', value_parser = parse::season)]
    pub seasons: Option<Vec<HumanDuration>>,
    /// Time between two points, like `1m`; found in the data when not given
    #[arg(long, value_name = "DURATION", value_parser = parse::step)]
    pub step: Option<Step>,
    /// Resample to this longer step before anything else, like `1h`
    #[arg(long, value_name = "DURATION", value_parser = parse::step)]
    pub resample: Option<Step>,
    /// How values are resampled: mean, max, min, last or sum
    #[arg(long, value_name = "AGGREGATE", default_value = "mean", requires = "resample")]
    pub aggregate: Aggregate,
    /// How the result is printed: table, json or csv
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT", hide_possible_values = true)]
    pub format: Format,
    /// Also write a page with the tables and a fan chart of each series, like `backtest.html`
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// No progress bar and no notes
    #[arg(short, long)]
    pub quiet: bool,
}

impl BacktestArgs {
    /// The input half, as other commands have it.
    pub(super) fn input(&self) -> InputArgs {
        InputArgs {
            inputs: self.inputs.clone(),
            output: "-".into(),
            step: self.step,
            resample: self.resample,
            aggregate: self.aggregate,
            quiet: self.quiet,
        }
    }
}

fn origins(text: &str) -> Result<usize, String> {
    let refusal = || format!("origins must be a whole number from 1 to 100, got `{text}`");
    text.parse().ok().filter(|count| (1..=100).contains(count)).ok_or_else(refusal)
}
