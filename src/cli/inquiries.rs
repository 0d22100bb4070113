//! Arguments of the commands that look at series, labels and budgets and change nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::InputArgs;
use super::evaluate::{DetectorChoice, Format, Glob, Requirement, Slice, train_share};
use super::parse;
use crate::detect;
use crate::series::{ChangeCost, Penalty, Step};

pub(super) const EXPLAIN_HELP: &str = "\
Found: points, gaps, kind, range, seasons, trend, noise. Chosen: what the detector does with it,
and why. Judged: the newest point and the most unusual moments, in sentences.

Examples:
  tidewatch explain cpu.csv
  tidewatch explain metrics/ --format json
  tidewatch explain 'latency{service=\"api\"}' --url http://127.0.0.1:7878";

pub(super) const CHANGES_HELP: &str = "\
Output, a line of JSON for each change:
  series, at
  kind                level_shift or variance
  before, after       levels, for variance standard deviations
  size_sigmas, p_value, sentence (for people)
The change points are the exact optimum over all segmentations, after a daily season, single spikes
and gaps were taken out.

Examples:
  tidewatch changes latency.csv
  tidewatch changes metrics/ --cost mean -o changes/ --fail-on change";

pub(super) const EVALUATE_HELP: &str = "\
DIR holds
  labels.json   what is known of each series:
                {\"ID\": {\"n\": 300, \"train_len\": 90, \"events\": [[120, 131], [250, 250]]}}
                n          rows of its file
                train_len  rows at its start that are learned from and not judged
                events     first and last row of each event, from 0; not needed when the file has a
                           column `label` or `is_anomaly` of 0 and 1
                interval_s time between two rows; found in the data when not given
  series/       a file ID.csv.gz (or .csv, .tsv, .parquet) for each, as `score` reads them
or, without labels.json, files with a column `label` or `is_anomaly`.

Labels are compared with and never shown to a detector; the score of a row uses rows up to it.

METRIC is vus_pr, auc_pr, best_f1, precision, recall, f1, false_alarms_per_day, delay_minutes,
recall_at_one_a_week, recall_at_one_a_day or budget_ratio, of the detector `tidewatch`.

Examples:
  tidewatch evaluate labelled/ --report evaluation.html
  tidewatch evaluate kpi/ --slice 12000,30000 --require 'vus_pr>=0.6'";

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Files to read (.csv, .tsv, .parquet, each also with .gz) or directories of them; with --url, names or
    /// fingerprints of followed series
    #[arg(required = true, value_name = "SERIES|INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Ask the Tidewatch that runs at this address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// With --url: the detector, where several follow the series
    #[arg(long, value_name = "NAME")]
    pub detector: Option<String>,
    /// Of files with many series: only this one
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub series: Option<String>,
    /// Time between two points, like `1m`; found in the data when not given
    #[arg(long, value_name = "DURATION", value_parser = parse::step, conflicts_with = "url")]
    pub step: Option<Step>,
    /// text, or json: an object for each series and line
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT", hide_possible_values = true)]
    pub format: ExplainFormat,
    /// No notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// How explanations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// Sentences.
    Text,
    /// A JSON object for each series and line.
    Json,
}

/// Arguments of `changes`.
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// Files.
    #[command(flatten)]
    pub input: InputArgs,
    /// What is constant between two changes: mean_variance or mean
    #[arg(long, default_value = "mean_variance", value_name = "COST", value_parser = parse::change_cost)]
    pub cost: ChangeCost,
    /// What one more change must gain: auto, or a number above 0 in units of the cost
    #[arg(long, default_value = "auto", value_name = "PENALTY")]
    pub penalty: Penalty,
    /// Fewest points between two changes
    #[arg(long, default_value = "10", value_name = "POINTS")]
    pub min_segment: usize,
    /// `change`: exit with 3 when something changed
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub fail_on: Option<ChangesFailOn>,
}

/// What `changes --fail-on` asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChangesFailOn {
    /// Any change.
    Change,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Directory of labelled series
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Detectors: tidewatch, seasonal_median, moving_z, isolation_forest
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        default_value = "tidewatch,seasonal_median,moving_z,isolation_forest"
    )]
    pub detector: Vec<DetectorChoice>,
    /// How many false alarms each series may have, like `2 per day` [default: 1 per week]
    #[arg(long, value_name = "BUDGET")]
    pub false_alarms: Option<detect::FalseAlarmBudget>,
    /// Share of each series that is not judged, where labels.json does not say `train_len` [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = train_share)]
    pub train_share: Option<f64>,
    /// Rows to keep before and after the end of the training part, like `12000,30000`, or `12000` for all rows after [default: all]
    #[arg(long, value_name = "BEFORE,AFTER")]
    pub slice: Option<Slice>,
    /// Only series whose name fits, like `web-*`
    #[arg(long, value_name = "GLOB")]
    pub series: Option<Glob>,
    /// Seed of the models; the same seed gives the same figures
    #[arg(long, default_value_t = 42, value_name = "NUMBER")]
    pub seed: u64,
    /// How the figures are printed: table, json or csv
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT", hide_possible_values = true)]
    pub format: Format,
    /// Also write a page with plots to this file
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Exit with 3 unless this holds, like `vus_pr>=0.6`; may be given several times
    #[arg(long, value_name = "METRIC>=VALUE")]
    pub require: Vec<Requirement>,
    /// No progress bar and no notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `budget`.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// Configuration file of the service; what it keeps in its data directory is reported
    #[arg(short, long, default_value = "tidewatch.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// `broken`: exit with 3 when a budget is not kept
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub fail_on: Option<BudgetFailOn>,
}

/// What `budget --fail-on` asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BudgetFailOn {
    /// More fired than chance explains, for a detector or for the team.
    Broken,
}
