//! Arguments of every subcommand.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::detect;
use crate::forecast::ModelChoice;
use crate::series::{Aggregate, HumanDuration, Step};

/// Finds anomalies in metrics, classifies alerts, forecasts, and predicts when capacity runs out.
#[derive(Debug, Parser)]
#[command(name = "tidewatch", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// Verbosity of the log: error, warn, info, debug, trace, or per target (`info,tidewatch::engine=debug`)
    #[arg(long, global = true, default_value = "info", env = "TIDEWATCH_LOG", value_name = "FILTER")]
    pub log: String,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on bundled data, without configuration, and open a page on 127.0.0.1:7878
    Demo(DemoArgs),
    /// Run the service
    Serve(ServeArgs),
    /// Score files: how unusual is each point
    Score(ScoreArgs),
    /// Forecast files
    Forecast(ForecastArgs),
    /// When do files reach a limit, and what should be changed
    Capacity(CapacityArgs),
    /// Severity of alert records, with probabilities
    Classify(ClassifyArgs),
    /// Retrain models; a new one is promoted only if it is no worse
    Train(TrainArgs),
    /// The model registry
    Models(ModelsArgs),
    /// Check a configuration file
    CheckConfig(CheckConfigArgs),
}

/// Input files, shared by `score`, `forecast` and `capacity`.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// CSV or Parquet files (also .gz) or directories of them
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where results go; a directory when the input is one; `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub output: PathBuf,
    /// Step of the data; inferred when not given
    #[arg(long, value_name = "DURATION", value_parser = parse_step)]
    pub step: Option<Step>,
    /// Resample to this longer step before anything else
    #[arg(long, value_name = "DURATION", value_parser = parse_step)]
    pub resample: Option<Step>,
    /// How values are resampled: mean, max, min, last, sum
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
    /// Stop learning at this time (RFC 3339); later points are scored with what was learned before
    #[arg(long, value_name = "TIME")]
    pub train_until: Option<Timestamp>,
    /// How many false alarms are acceptable, like `1 per week` or `2 per day`
    #[arg(long, value_name = "BUDGET")]
    pub false_alarms: Option<detect::FalseAlarmBudget>,
    /// Which side counts: above, below or both
    #[arg(long, value_name = "SIDE", value_parser = parse_watch)]
    pub direction: Option<detect::Watch>,
    /// Seed of the models
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Exit with 3 when an anomaly is found
    #[arg(long, value_enum, value_name = "WHAT")]
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
    /// How far ahead: steps (`168`) or a duration (`7d`)
    #[arg(long, value_name = "STEPS|DURATION")]
    pub horizon: Horizon,
    /// Coverage of the intervals, percent
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', default_value = "80,95")]
    pub levels: Vec<f64>,
    /// Model: auto, mstl_ets or seasonal_naive
    #[arg(long, default_value = "auto", value_parser = parse_model)]
    pub model: ModelChoice,
    /// Seasons as durations (`1d,7d`); detected when not given
    #[arg(long, value_name = "DURATION,…", value_delimiter = ',')]
    pub seasons: Option<Vec<HumanDuration>>,
}

/// Arguments of `capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Files.
    #[command(flatten)]
    pub input: InputArgs,
    /// The limit, in the unit of the data; `100GiB`, `50G`, `0.9` and `1e12` are understood
    #[arg(long, value_name = "X", value_parser = parse_quantity, allow_hyphen_values = true)]
    pub limit: f64,
    /// How far ahead to look
    #[arg(long, default_value = "90d", value_name = "DURATION")]
    pub horizon: HumanDuration,
    /// Time needed to carry out a change
    #[arg(long, value_name = "DURATION")]
    pub lead_time: Option<HumanDuration>,
    /// Exit with 3 when the limit is more likely than not to be reached within the horizon
    #[arg(long, value_enum, value_name = "WHAT")]
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
    /// CSV of alert records: `id` and any of the model's facts; `severity` is taken as the incoming one
    #[arg(value_name = "ALERTS")]
    pub alerts: PathBuf,
    /// Where results go; `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub output: PathBuf,
    /// Folder of the models
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub models: PathBuf,
    /// Exit with 3 when an alert is at least this severe
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
    /// Train the severity model on a CSV of labelled alerts
    #[arg(long, value_name = "DATA")]
    pub severity: Option<PathBuf>,
    /// Configuration file, for detectors
    #[arg(short, long, default_value = "tidewatch.yaml", value_name = "FILE")]
    pub config: PathBuf,
    /// Folder of the models, for severity
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub models: PathBuf,
    /// Seed of the training
    #[arg(long, default_value_t = 42)]
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
    /// List every model with version, age and quality
    List,
    /// Show a model's manifest and what it learned
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

/// A horizon: steps, or a duration that becomes steps of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// Steps of the data.
    Steps(usize),
    /// A duration.
    Span(HumanDuration),
}

impl Horizon {
    /// The horizon in steps of `step`, at least 1.
    #[must_use]
    pub fn steps(self, step: Step) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Span(span) => step.per_secs(span.as_secs_f64()).max(1),
        }
    }
}

impl std::str::FromStr for Horizon {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || format!("horizon must be a number of steps like `168` or a duration like `7d`, got `{text}`");
        if let Ok(steps) = text.parse::<usize>() {
            return if steps >= 1 { Ok(Self::Steps(steps)) } else { Err(refusal()) };
        }
        text.parse::<HumanDuration>().map(Self::Span).map_err(|_| refusal())
    }
}

fn parse_step(text: &str) -> Result<Step, String> {
    let duration: HumanDuration = text.parse().map_err(|error| format!("{error}"))?;
    Step::from_millis(duration.as_millis()).ok_or_else(|| format!("step must be longer than 0, got `{text}`"))
}

fn parse_model(text: &str) -> Result<ModelChoice, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("model must be one of auto, mstl_ets, seasonal_naive, got `{text}`"))
}

fn parse_watch(text: &str) -> Result<detect::Watch, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("direction must be one of above, below, both, got `{text}`"))
}

/// A number with an optional suffix: `k M G T P` (1000) or `Ki Mi Gi Ti Pi` (1024), each optionally with `B`.
fn parse_quantity(text: &str) -> Result<f64, String> {
    const SUFFIXES: [(&str, f64); 10] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let trimmed = text.trim();
    let bare = trimmed.strip_suffix('B').unwrap_or(trimmed).trim_end();
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| bare.strip_suffix(suffix).map(|number| (number.trim_end(), *factor)))
        .unwrap_or((bare, 1.0));
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value * factor),
        _ => Err(format!("limit must be a number, optionally with a suffix like `GiB` or `k`, got `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn quantities_have_suffixes() {
        assert_eq!(parse_quantity("100GiB"), Ok(107_374_182_400.0));
        assert_eq!(parse_quantity("50G"), Ok(5e10));
        assert_eq!(parse_quantity("0.9"), Ok(0.9));
        assert_eq!(parse_quantity("1e12"), Ok(1e12));
        assert_eq!(parse_quantity("-3 k"), Ok(-3_000.0));
        for bad in ["", "GiB", "ten", "NaN", "inf", "1 2"] {
            assert!(parse_quantity(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn horizons_are_steps_or_durations() {
        assert_eq!("168".parse(), Ok(Horizon::Steps(168)));
        assert_eq!("7d".parse::<Horizon>().map(|h| h.steps(Step::HOUR)), Ok(168));
        assert!("0".parse::<Horizon>().is_err());
        assert!("soon".parse::<Horizon>().unwrap_err().contains("`7d`"));
    }
}
