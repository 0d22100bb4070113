//! `tidewatch explain`: what a series is like, what the detector does with it, and what was unusual.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use rayon::prelude::*;

use super::args::{ExplainArgs, ExplainFormat};
use super::exit::{BadInput, Outcome};
use super::inputs::{self, nothing_usable};
use super::output::to_stdout;
use super::progress::note;
use super::serve::runtime;
use crate::detect;
use crate::engine::{EngineError, Explanation, MetricExplained, Told, explain_prepared};
use crate::series::{self, SeriesError};
use crate::source::file::{self, SampleGroup};
use crate::source::service::Service;

/// Widest line of text.
const WIDTH: usize = 100;
/// Rows of the plot of a day.
const ROWS: usize = 6;
/// Marks of eighths, from low to high.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let explained = match &args.url {
        Some(url) => followed(args, url)?,
        None => files(args)?,
    };
    to_stdout(|out| write(out, &explained, args.format, io::stdout().is_terminal()))?;
    Ok(Outcome::Done)
}

/// What a running service says.
fn followed(args: &ExplainArgs, url: &str) -> anyhow::Result<Vec<Explanation>> {
    let service = Service::new(url)?;
    let names = args.inputs.iter().map(|input| input.to_string_lossy().into_owned());
    runtime()?.block_on(async {
        let mut all = Vec::new();
        for name in names {
            all.push(service.explanation(&name, args.detector.as_deref()).await?);
        }
        Ok(all)
    })
}

fn files(args: &ExplainArgs) -> anyhow::Result<Vec<Explanation>> {
    if args.detector.is_some() {
        return Err(BadInput("--detector belongs to --url; files have no detectors".to_owned()).into());
    }
    let mut all = Vec::new();
    for input in &args.inputs {
        if input.to_string_lossy().contains('{') && !input.exists() {
            let message = format!(
                "there is no file `{}`; to explain a series that a service follows, say where it answers, like \
                 --url http://127.0.0.1:9464",
                input.display()
            );
            return Err(BadInput(message).into());
        }
        let listing = file::list(input)?;
        listing.notes.iter().for_each(|text| note(args.quiet, text));
        for path in &listing.files {
            all.extend(one_file(path, args)?);
        }
    }
    Ok(all)
}

fn one_file(path: &Path, args: &ExplainArgs) -> anyhow::Result<Vec<Explanation>> {
    let input = file::read(path, &file::Settings::default())?;
    input.notes.iter().for_each(|text| note(args.quiet, &format!("{}: {text}", path.display())));
    let wanted = |group: &&SampleGroup| {
        args.series.as_ref().is_none_or(|name| group.name == *name || group.metrics.iter().any(|m| m.name == *name))
    };
    let groups: Vec<&SampleGroup> = input.groups.iter().filter(wanted).collect();
    if let (Some(name), true) = (&args.series, groups.is_empty()) {
        let known: Vec<&str> = input.groups.iter().take(5).map(|group| group.name.as_str()).collect();
        let message = format!("{} has no series `{name}`; it has {}", path.display(), known.join(", "));
        return Err(BadInput(message).into());
    }
    let explained: Vec<Result<Explanation, String>> =
        groups.par_iter().map(|group| one(group, args)).collect::<Result<_, EngineError>>()?;
    let why: Vec<String> = explained.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
    if why.len() == explained.len() {
        return Err(nothing_usable(&input, &why));
    }
    why.iter().for_each(|why| note(args.quiet, &format!("{why}; it is left out")));
    Ok(explained.into_iter().flatten().collect())
}

fn one(group: &SampleGroup, args: &ExplainArgs) -> Result<Result<Explanation, String>, EngineError> {
    match group.prepare(args.step, &series::Settings::default()) {
        Ok(prepared) => explain_prepared(&prepared, &detect::Settings::default()).map(Ok),
        Err(error @ (SeriesError::AllMissing { .. } | SeriesError::NoStep { .. })) => Ok(Err(inputs::reason(&error))),
        Err(error) => Err(error.into()),
    }
}

fn write(out: &mut dyn Write, all: &[Explanation], format: ExplainFormat, terminal: bool) -> io::Result<()> {
    for (index, explained) in all.iter().enumerate() {
        match format {
            ExplainFormat::Json => {
                serde_json::to_writer(&mut *out, explained)?;
                out.write_all(b"\n")?;
            }
            ExplainFormat::Text => {
                let between = if index > 0 { "\n" } else { "" };
                write!(out, "{between}{}", text(explained, terminal))?;
            }
        }
    }
    Ok(())
}

/// The explanation as text; with a plot of the day on a terminal.
fn text(explained: &Explanation, terminal: bool) -> String {
    let mut out = String::new();
    let by = explained.detector.as_ref().map_or_else(String::new, |name| format!(", followed by {name}"));
    line(&mut out, "", &format!("{}{by}", explained.name));
    for metric in &explained.metrics {
        if explained.metrics.len() > 1 {
            line(&mut out, "", &format!("\n{}", metric.name));
        }
        section(&mut out, "Found", metric.found.iter().map(|said| (said.about.as_str(), said.sentence.as_str())));
        if terminal {
            out.push_str(&day(metric));
        }
        section(&mut out, "Chosen", metric.chosen.iter().map(|said| (said.about.as_str(), said.sentence.as_str())));
    }
    out.push_str("\nJudged\n");
    let count = match explained.anomalies {
        0 => format!("{} points, none of them an anomaly.", explained.judged),
        1 => format!("{} points, one of them an anomaly.", explained.judged),
        many => format!("{} points, {many} of them anomalies.", explained.judged),
    };
    entry(&mut out, "points", &count);
    if let Some(last) = &explained.last {
        entry(&mut out, "newest", &told(last));
    }
    for (index, point) in explained.unusual.iter().enumerate() {
        entry(&mut out, if index == 0 { "unusual" } else { "" }, &told(point));
    }
    out
}

fn told(point: &Told) -> String {
    format!("{}: {}.", point.t.strftime("%Y-%m-%d %H:%M"), point.sentence)
}

fn section<'a>(out: &mut String, title: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    line(out, "", &format!("\n{title}"));
    let mut before = "";
    for (about, sentence) in entries {
        entry(out, if about == before { "" } else { about }, sentence);
        before = about;
    }
}

/// A word in front, and text beside it that is broken into lines.
fn entry(out: &mut String, word: &str, sentence: &str) {
    let word = word.replace('_', " ");
    let indent = format!("  {word:<14} ");
    let mut first = true;
    let mut row = String::new();
    for part in sentence.split_whitespace() {
        if !row.is_empty() && indent.len() + row.chars().count() + 1 + part.chars().count() > WIDTH {
            line(out, if first { &indent } else { "                 " }, &row);
            (first, row) = (false, String::new());
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(part);
    }
    line(out, if first { &indent } else { "                 " }, &row);
}

/// A line without what could move the cursor of a terminal.
fn line(out: &mut String, indent: &str, text: &str) {
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    // writing to a string cannot fail
    let _ = writeln!(out, "{indent}{}", text.chars().map(clean).collect::<String>().trim_end_matches(' '));
}

/// The usual day, an hour in two columns; empty when it is not known.
fn day(metric: &MetricExplained) -> String {
    let (low, high) = metric.day.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let reach = high / 2.0 - low / 2.0;
    if metric.day.is_empty() || !(reach > 0.0 && reach.is_finite()) {
        return String::new();
    }
    let mut out = String::from("\n");
    let eighths = |value: f64| ((value / 2.0 - low / 2.0) / reach * (8 * ROWS) as f64).round() as usize;
    for row in (0..ROWS).rev() {
        let label = match row {
            r if r == ROWS - 1 => metric.unit.format(high),
            0 => metric.unit.format(low),
            _ => String::new(),
        };
        let columns: String = metric
            .day
            .iter()
            .map(|v| BLOCKS[(eighths(*v) + usize::from(row == 0)).saturating_sub(8 * row).min(8)])
            .flat_map(|c| [c, c])
            .collect();
        line(&mut out, "", &format!("  {label:>14} {columns}"));
    }
    line(&mut out, "", "  usual day, UTC 0           6           12          18");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Unit;

    #[test]
    fn a_long_sentence_is_broken_and_aligned() {
        let mut out = String::new();
        entry(&mut out, "season", &"word ".repeat(40));
        let rows: Vec<&str> = out.lines().collect();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.len() <= WIDTH && row[17..].starts_with("word")), "{out}");
        assert!(rows[0].starts_with("  season") && rows[1].starts_with("   "));
    }

    #[test]
    fn the_plot_of_a_day_goes_from_the_lowest_to_the_highest() {
        let day_of = |values: Vec<f64>| {
            day(&MetricExplained {
                name: "x".to_owned(),
                unit: Unit::None,
                step_s: 60.0,
                kind: "gauge".to_owned(),
                found: Vec::new(),
                chosen: Vec::new(),
                season_s: None,
                long_season_s: None,
                as_rate: false,
                as_logarithm: false,
                direction: detect::Watch::Both,
                trusted_in_s: 0.0,
                day: values,
            })
        };
        let plot = day_of((0..24).map(f64::from).collect());
        let rows: Vec<&str> = plot.lines().filter(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), ROWS + 1);
        assert!(rows[0].contains("23 ") && rows[0].ends_with("██") && rows[ROWS - 1].contains("0 ▁▁"), "{plot}");
        assert!(day_of(Vec::new()).is_empty() && day_of(vec![5.0; 24]).is_empty());
        assert!(!day_of(vec![-1e308, 1e308]).is_empty());
    }
}
