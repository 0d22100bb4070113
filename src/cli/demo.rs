//! `tidewatch demo`: the whole service on bundled data.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use jiff::Timestamp;

use super::args::DemoArgs;
use super::compose;
use super::exit::{BadInput, Outcome};
use super::models::severity_model;
use super::progress::{note, spinner};
use super::report;
use super::serve::{bind, runtime, serve_until_signal};
use super::truth::{self, Truth};
use crate::alert::{Alert, AlertState};
use crate::config::{Config, Source};
use crate::engine::{App, EngineError};
use crate::http::{self, AppState};
use crate::store::AlertFilter;
use crate::telemetry::{self, LogFormat};

/// The log of a demo is its report; only warnings come beside it, unless another level is asked for.
const QUIET: &str = "warn";

/// What the replay found.
pub(super) struct Found {
    pub(super) alerts: Vec<Alert>,
    pub(super) enriched: Vec<Alert>,
    pub(super) points: usize,
    pub(super) series: usize,
    pub(super) forecasts: usize,
    pub(super) took: std::time::Duration,
}

/// A folder that goes when the demo ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // nothing can be done about a folder of the temporary directory that does not go
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(super) fn run(args: &DemoArgs, log: &str) -> anyhow::Result<Outcome> {
    telemetry::init_logs(if log == "info" { QUIET } else { log }, LogFormat::Text)?;
    let truth = truth::read(&args.data)?;
    let scratch = Scratch(std::env::temp_dir().join(format!("tidewatch-demo-{}", std::process::id())));
    let config = config(&args.data, &scratch.0)?;
    runtime()?.block_on(async {
        let listener = if args.once { None } else { Some(bind(args.listen).await?) };
        let (model, _) = severity_model(&args.models)?;
        let app = compose::app(&config, model, truth.end).await?;
        let found = replay(&app, &args.data, &truth).await?;
        let text = report::text(&app, &found, &truth).await?;
        std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")?;
        let Some(listener) = listener else {
            app.stop(std::time::Duration::from_secs(5)).await;
            return Ok(());
        };
        let address = listener.local_addr().context("the listener has no address")?;
        writeln!(std::io::stdout().lock(), "\nThe page is at http://{address} (Ctrl-C ends the demo)")
            .context("cannot write to standard output")?;
        let summary = report::summary(&found, &truth);
        let state = AppState::of_replay(Arc::clone(&app), http::Settings::default(), truth.end, &summary);
        serve_until_signal(listener, state, &app).await
    })?;
    Ok(Outcome::Done)
}

/// The demo's configuration with its data and its state where they are.
fn config(data: &Path, state: &Path) -> anyhow::Result<Config> {
    let problems = |problems: Vec<crate::config::Problem>| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        BadInput(format!("the demo's configuration is wrong: {}", texts.join("; ")))
    };
    let mut config = Config::default_for_demo().map_err(problems)?;
    state.clone_into(&mut config.data_dir);
    for source in config.sources.values_mut() {
        if let Source::Files(files) = source {
            data.clone_into(&mut files.path);
        }
    }
    Ok(config)
}

/// Runs every job once, as if it were the end of the data now.
async fn replay(app: &Arc<App>, data: &Path, truth: &Truth) -> anyhow::Result<Found> {
    let started = Instant::now();
    let settings = app.settings();
    let waiting = spinner("watching six weeks of data");
    let (mut points, mut series, mut forecasts) = (0, 0, 0);
    for spec in &settings.detectors {
        let round = app.watch_round(spec, truth.end).await?;
        points += round.points;
        series += round.series;
        app.mark_ready(&spec.name);
    }
    for spec in &settings.capacity {
        app.plan_round(spec, truth.end).await?;
    }
    for spec in &settings.forecasts {
        forecasts += app.run_batch(spec, truth.end, truth.end).await?.done;
    }
    let enriched = enrich_foreign(app, data, truth.end).await?;
    waiting.finish_and_clear();
    let filter = AlertFilter { limit: 1_000, ..AlertFilter::default() };
    let alerts = app.alerts(&filter).await?;
    Ok(Found { alerts, enriched, points, series, forecasts, took: started.elapsed() })
}

/// Sends the alerts of other people's rules through the enrichment webhook's use case.
async fn enrich_foreign(app: &Arc<App>, data: &Path, now: Timestamp) -> anyhow::Result<Vec<Alert>> {
    let path = data.join("alerts.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let bodies: Vec<serde_json::Value> = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    for body in bodies {
        if let Err(error) = app.enrich_body(body.to_string().into_bytes(), now).await {
            note(false, &format!("{}: {error}", path.display()));
        }
    }
    let filter = AlertFilter { limit: 1_000, ..AlertFilter::default() };
    let all: Result<Vec<Alert>, EngineError> = app.alerts(&filter).await;
    Ok(all?.into_iter().filter(|alert| alert.origin == crate::alert::Origin::External).collect())
}

/// Whether an alert is still going on when the data end.
pub(super) fn is_firing(alert: &Alert) -> bool {
    alert.state == AlertState::Firing
}
