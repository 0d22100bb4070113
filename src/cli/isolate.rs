//! `tidewatch isolate`: unusual rows of a table without a time order.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use polars::prelude::{DataFrame, IntoColumn, NamedFrom, Series};

use super::exit::{BadInput, Outcome};
use super::inputs::refuse_overwriting;
use super::output::{self, Form, cell, number};
use super::progress::note;
use crate::detect::IsolationForestParams;
use crate::engine::{Cuts, Isolated, isolate};
use crate::source::file;

/// What the help says below the arguments.
pub(super) const HELP: &str = "\
Input: a table with a header, one record in each row, in any order. Columns called as a time,
`label` or `is_anomaly`, and columns of text, are not looked at. A missing number counts as the
column's median.

Output, one row for each row of the input, in its order:
  score                in (0, 1): higher is more anomalous, 0.5 is ordinary
  score,top_feature    with --top-feature

Examples:
  tidewatch isolate sessions.parquet -o scores.parquet
  tidewatch isolate hosts.csv --columns cpu,memory,disk --top-feature";

/// Arguments of `isolate`.
#[derive(Debug, Args)]
pub struct IsolateArgs {
    /// File to read (.csv, .tsv, .parquet, each also with .gz)
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Where scores go: a file (.csv, .tsv, .parquet), or `-` for standard output
    #[arg(short, long, default_value = "-", value_name = "OUT")]
    pub output: PathBuf,
    /// Columns to look at; all columns of numbers when not given
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Trees of the isolation forest, 1 to 10000
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    pub trees: usize,
    /// Rows that each tree is grown on, 2 to 65536; beyond 256 scoring is several times slower
    #[arg(long, default_value_t = 256, value_name = "NUMBER")]
    pub sample_size: usize,
    /// How trees cut: axis (one column, anywhere), guided (a quarter of the cuts between clusters) or extended
    /// (oblique, two columns; the most accurate as a rule, twenty times slower)
    #[arg(long, value_enum, default_value = "axis", value_name = "KIND", hide_possible_values = true)]
    pub split: IsolateSplit,
    /// Seed of the forest; the same seed gives the same bytes
    #[arg(long, default_value_t = 42, value_name = "NUMBER")]
    pub seed: u64,
    /// Name for each row the column that sets it apart most; takes some hundred times as long
    #[arg(long)]
    pub top_feature: bool,
    /// No notes
    #[arg(short, long)]
    pub quiet: bool,
}

/// How the trees of `isolate` cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IsolateSplit {
    /// One column at a random threshold.
    Axis,
    /// Half of the cuts where a column falls apart best.
    Guided,
    /// Oblique.
    Extended,
}

pub(super) fn run(args: &IsolateArgs) -> anyhow::Result<Outcome> {
    output::check(&args.output, Form::Table)?;
    let input: Vec<_> = args.input.canonicalize().into_iter().collect();
    refuse_overwriting(&input, &args.output)?;
    let split = match args.split {
        IsolateSplit::Axis => Cuts::Axis,
        IsolateSplit::Guided => Cuts::Guided,
        IsolateSplit::Extended => Cuts::Extended,
    };
    let params = IsolationForestParams::try_new(args.trees, args.sample_size, split.split(), args.seed);
    let params = params.map_err(|error| BadInput(error.to_string()))?;
    output::probe(&args.output)?;
    let records = file::read_records(&args.input, args.columns.as_deref(), &file::Settings::default())?;
    records.notes.iter().for_each(|text| note(args.quiet, &format!("{}: {text}", args.input.display())));
    let isolated = isolate(&records.values, records.rows, params, args.top_feature)?;
    let names = records.names.clone();
    // the table is not needed for what is written
    drop(records);
    write(args, &names, &isolated)?;
    Ok(Outcome::Done)
}

fn write(args: &IsolateArgs, names: &[String], isolated: &Isolated) -> anyhow::Result<()> {
    let top: Option<Vec<&str>> = isolated
        .top_columns
        .as_ref()
        .map(|columns| columns.iter().map(|column| names.get(*column).map_or("", String::as_str)).collect());
    if output::is_parquet(&args.output) {
        let mut columns = vec![Series::new("score".into(), &isolated.scores).into_column()];
        columns.extend(top.map(|top| Series::new("top_feature".into(), top).into_column()));
        return output::write_frame(&args.output, &mut DataFrame::new(isolated.scores.len(), columns)?);
    }
    output::write(&args.output, Form::Table, |out| write_rows(out, &isolated.scores, top.as_deref()))
}

fn write_rows(out: &mut dyn Write, scores: &[f64], top: Option<&[&str]>) -> io::Result<()> {
    out.write_all(if top.is_some() { b"score,top_feature\n" } else { b"score\n" })?;
    for (row, score) in scores.iter().enumerate() {
        out.write_all(number(*score).as_bytes())?;
        if let Some(name) = top.and_then(|top| top.get(row)) {
            write!(out, ",{}", cell(name))?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}
