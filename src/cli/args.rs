//! Arguments of every subcommand.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::gates::GateArgs;
pub(super) use super::inquiries::{BudgetArgs, ChangesArgs, EvaluateArgs, ExplainArgs, ExplainFormat};
use super::inquiries::{CHANGES_HELP, EVALUATE_HELP, EXPLAIN_HELP};
use super::parse::{self, Horizon, LimitValue};
use super::{backtest, isolate};
use crate::detect;
use crate::forecast::ModelChoice;
use crate::series::{Aggregate, HumanDuration, Step, Unit};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 done and something was found (--fail-on)";

const SCORE_HELP: &str = "\
Input:
  timestamp,NAME             one series
  timestamp,NAME,NAME,...    several metrics of one thing, scored together
  series,timestamp,value     many series
  Times are RFC 3339, `2024-01-31 23:59:59` (UTC) or Unix seconds or milliseconds.
  A column `label` or `is_anomaly` is not looked at.

Output, one row for each row of the input, in its order:
  timestamp,value,expected,lower,upper,p_value,score,is_anomaly,reasons
  (several metrics: `value` and the band are empty, `top_feature` follows; many series: `series`
  in front). A score of 1 is the boundary: a point above it is an anomaly. Each score uses only
  data up to its time; with --resample, up to the end of its longer step.

Examples:
  tidewatch score cpu.csv --false-alarms '1 per week'
  tidewatch score metrics/ -o scores/ --fail-on anomaly";

const FORECAST_HELP: &str = "\
Output, one row for each series and step:
  series,timestamp,model,mean,lo-80,hi-80,lo-95,hi-95

Examples:
  tidewatch forecast traffic.csv --horizon 7d
  tidewatch forecast sales.parquet --horizon 13 --levels 50,90 -o next-quarter.csv
  tidewatch forecast traffic.csv --horizon 7d --events campaigns.json

Events: a list of objects. What an event did in past spans is kept out of the ordinary course;
in spans to come its effect is put on top: what it did before, or what is declared (1.4 is +40 %).
  [{\"name\": \"sale\", \"effect\": {\"times\": 1.4},
    \"spans\": [{\"start\": \"2026-11-28T00:00:00Z\", \"end\": \"2026-11-29T00:00:00Z\"}]}]";

const CAPACITY_HELP: &str = "\
Output, a line of JSON for each series:
  series, used, limit, unit
  exhaustion          dates by which the limit is reached with a probability of 10, 50 and 90 %;
                      null: not within the horizon
  probability_within  7, 30 and 90 days
  growth_per_day, outlook, recommendation (what to change, by when), because (the evidence)

Examples:
  tidewatch capacity disk_used_bytes.csv --limit 500GB
  tidewatch capacity disks/ --limit 0.9 --unit ratio --lead-time 30d -o plans/ --fail-on exhaustion";

const CLASSIFY_HELP: &str = "\
Output, one row for each alert, in the order of the input:
  id,severity,p_critical,p_error,p_warning,p_info

Example:
  tidewatch classify alerts.csv --fail-on error";

const TRAIN_HELP: &str = "\
Labelled alerts are a CSV with the columns that `classify` reads, and in every row a `severity`:
critical, error, warning or info. The model in use before stays beside the new one, as
previous-model.json.

Examples:
  tidewatch train --severity labelled-alerts.csv
  tidewatch train --all --config tidewatch.yaml";

/// Finds anomalies in metrics, classifies alerts, forecasts, and predicts when capacity runs out
#[derive(Debug, Parser)]
#[command(name = "tidewatch", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// What is logged to standard error: error, warn, info, debug, trace, or per target
    /// (`info,tidewatch::engine=debug`)
    #[arg(
        long,
        global = true,
        default_value = "info",
        env = "TIDEWATCH_LOG",
        hide_env_values = true,
        value_name = "FILTER",
        display_order = 900
    )]
    pub log: String,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on bundled data, without configuration, and serve a page on 127.0.0.1:7878
    Demo(DemoArgs),
    /// Run the service
    Serve(ServeArgs),
    /// Score files: how unusual is each point
    #[command(after_help = SCORE_HELP)]
    Score(ScoreArgs),
    /// Score a table of records without a time order: how easily is each set apart from the others
    #[command(after_help = isolate::HELP)]
    Isolate(isolate::IsolateArgs),
    /// Say what series are like, what the detector does with them, and what was unusual
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// Forecast files, with intervals
    #[command(after_help = FORECAST_HELP)]
    Forecast(ForecastArgs),
    /// How good forecasts of files would have been from earlier points, one model beside the other
    #[command(after_help = backtest::HELP)]
    Backtest(backtest::BacktestArgs),
    /// When will what files hold reach a limit, and what should be changed
    #[command(after_help = CAPACITY_HELP)]
    Capacity(CapacityArgs),
    /// Where the level or the spread of what files hold became another one
    #[command(after_help = CHANGES_HELP)]
    Changes(ChangesArgs),
    /// How good the anomaly scores are on labelled data, beside simple detectors
    #[command(after_help = EVALUATE_HELP)]
    Evaluate(EvaluateArgs),
    /// Severity of alert records, with probabilities
    #[command(after_help = CLASSIFY_HELP)]
    Classify(ClassifyArgs),
    /// Retrain models; a new one replaces the one in use only if it is no worse
    #[command(after_help = TRAIN_HELP)]
    Train(TrainArgs),
    /// List and show models
    Models(ModelsArgs),
    /// What really fired against the false alarms that are accepted, by detector
    Budget(BudgetArgs),
    /// Check a configuration file
    CheckConfig(CheckConfigArgs),
}

/// Input files, shared by `score`, `forecast`, `capacity` and `changes`.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Files to read (.csv, .tsv, .parquet, each also with .gz), or directories of them
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where results go: a file, a directory when there are several inputs, or `-` for standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub output: PathBuf,
    /// Time between two points, like `1m`; found in the data when not given
    #[arg(long, value_name = "DURATION", value_parser = parse::step)]
    pub step: Option<Step>,
    /// Resample to this longer step before anything else, like `1h`
    #[arg(long, value_name = "DURATION", value_parser = parse::step)]
    pub resample: Option<Step>,
    /// How values are resampled: mean, max, min, last or sum
    #[arg(long, value_name = "AGGREGATE", default_value = "mean", requires = "resample")]
    pub aggregate: Aggregate,
    /// No progress bar and no notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Address of the page
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    pub listen: std::net::SocketAddr,
    /// Folder of the bundled data
    #[arg(long, default_value = "data/demo", value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of the shipped models
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub models: PathBuf,
    /// Print what was found and stop, without serving the page
    #[arg(long)]
    pub once: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file
    #[arg(short, long, default_value = "tidewatch.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// Address to listen on, instead of the configured one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

/// Arguments of `score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// Files.
    #[command(flatten)]
    pub input: InputArgs,
    /// Stop learning at this time; later points are scored with what was learned before
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    pub train_until: Option<Timestamp>,
    /// How many false alarms each series may have, like `2 per day` [default: 1 per week]
    #[arg(long, value_name = "BUDGET")]
    pub false_alarms: Option<detect::FalseAlarmBudget>,
    /// Which side is unusual: above, below or both [default: both]
    #[arg(long, value_name = "SIDE", value_parser = parse::watch)]
    pub direction: Option<detect::Watch>,
    /// How series are judged: full, or light (4 KB for each series, single series only) [default: full]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<detect::Model>,
    /// Time zone of the light model's days and weeks, like `Europe/Berlin` [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Days that the light model treats like Sundays: public holidays of a country, dates of one's own, like
    /// `DE,2026-12-24`
    #[arg(long, value_name = "COUNTRY|DATE,...", value_delimiter = ',')]
    pub holidays: Vec<String>,
    /// Gates.
    #[command(flatten)]
    pub gates: GateArgs,
    /// Seed of the models; the same seed gives the same bytes [default: 42]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// `anomaly`: exit with 3 when a point is an anomaly
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub fail_on: Option<ScoreFailOn>,
}

/// What `score --fail-on` asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScoreFailOn {
    /// Any anomalous point.
    Anomaly,
}

/// Arguments of `forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// Files.
    #[command(flatten)]
    pub input: InputArgs,
    /// How far ahead: a number of steps (`168`) or a duration (`7d`)
    #[arg(long, value_name = "STEPS|DURATION")]
    pub horizon: Horizon,
    /// Coverage of the intervals, percent
    #[arg(
        long,
        value_name = "PERCENT,...",
        value_delimiter = ',',
        default_value = "80,95",
        value_parser = parse::level
    )]
    pub levels: Vec<f64>,
    /// Model: auto, mstl_ets, seasonal_naive, ets, ar_ridge, holt_winters, naive, prophet, theta, croston, sba, tsb, seasonal_median or growth
    #[arg(long, default_value = "auto", value_name = "MODEL")]
    pub model: ModelChoice,
    /// Seasons, like `1d,7d`; found in the data when not given
    #[arg(long, value_name = "DURATION,...", value_delimiter = ',', value_parser = parse::season)]
    pub seasons: Option<Vec<HumanDuration>>,
    /// Smallest possible value: forecast and intervals stay at or above it
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub at_least: Option<f64>,
    /// Largest possible value: forecast and intervals stay at or below it, and growth saturates there
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub at_most: Option<f64>,
    /// Only whole numbers are possible
    #[arg(long)]
    pub whole_numbers: bool,
    /// Past and planned events, a JSON file (see below)
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}

/// Arguments of `capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Files.
    #[command(flatten)]
    pub input: InputArgs,
    /// The limit, in the unit of the data: `0.9`, `1e12`, `50k`, `500GB` or `100GiB`
    #[arg(long, value_name = "LIMIT", allow_hyphen_values = true)]
    pub limit: LimitValue,
    /// Unit of the data: none, seconds, bytes, bytes_per_second, ratio, cores, per_second or count; told from the
    /// limit's suffix or the name of the series when not given
    #[arg(long, value_name = "UNIT", value_parser = parse::unit)]
    pub unit: Option<Unit>,
    /// How far ahead to look
    #[arg(long, default_value = "90d", value_name = "DURATION")]
    pub horizon: HumanDuration,
    /// Time needed to carry out a change [default: 14d]
    #[arg(long, value_name = "DURATION")]
    pub lead_time: Option<HumanDuration>,
    /// `exhaustion`: exit with 3 when a limit is reached, or more likely than not will be within the horizon
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub fail_on: Option<CapacityFailOn>,
}

/// What `capacity --fail-on` asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CapacityFailOn {
    /// The limit is reached within the horizon, more likely than not, or is reached already.
    Exhaustion,
}

/// Arguments of `classify`.
#[derive(Debug, Args)]
pub struct ClassifyArgs {
    /// CSV of alert records (also .gz): `id`, `severity` (the one it came with), and what is known of the alert, such
    /// as `affected_users`; all may be absent
    #[arg(value_name = "ALERTS")]
    pub alerts: PathBuf,
    /// Where results go: a file, or `-` for standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub output: PathBuf,
    /// Folder of the models
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub models: PathBuf,
    /// Exit with 3 when an alert is at least this severe: critical, error, warning or info
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<crate::severity::Severity>,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["detector", "all", "severity"])))]
pub struct TrainArgs {
    /// Retrain one detector of the configuration
    #[arg(long, value_name = "NAME")]
    pub detector: Option<String>,
    /// Retrain every detector of the configuration
    #[arg(long)]
    pub all: bool,
    /// Train the severity model on labelled alerts
    #[arg(long, value_name = "FILE")]
    pub severity: Option<PathBuf>,
    /// Configuration file, for detectors
    #[arg(short, long, default_value = "tidewatch.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// Folder of the models, for severity
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub models: PathBuf,
    /// Seed of the training, for severity
    #[arg(long, default_value_t = 42, value_name = "NUMBER")]
    pub seed: u64,
}

/// Arguments of `models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Folder of shipped models
    #[arg(long, default_value = "models", value_name = "DIR", global = true)]
    pub models: PathBuf,
    /// Data directory of the service
    #[arg(long, default_value = "tidewatch-data", value_name = "DIR", global = true)]
    pub data_dir: PathBuf,
    /// What to do with them.
    #[command(subcommand)]
    pub action: ModelsAction,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// List every model: version, state, when and on what it was trained, how good it is
    List,
    /// Show a model's manifest: where it comes from, checksum, figures
    Show {
        /// Name of the model, as `models list` prints it
        name: String,
    },
}

/// Arguments of `check-config`.
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// Configuration file
    #[arg(default_value = "tidewatch.yaml", value_name = "FILE")]
    pub config: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
