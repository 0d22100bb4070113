//! Tidewatch: watches metrics the way a harbour watches tides.
//!
//! | module | in one sentence | may import |
//! |---|---|---|
//! | `series/` | Labels, time, units, and the stages of data quality from raw samples to a regular, finite series. | nothing |
//! | `learn/` | Supervised learners that know no domain: boosted trees, random forest, ridge, calibration, attributions. | nothing |
//! | `forecast/` | What a series will do next: seasonal models, model choice, intervals, sample paths. | `series` |
//! | `detect/` | How unusual each point is: calibrated tail probability, score, band, reasons, attribution. | `series`; value types of `forecast` |
//! | `capacity/` | When something runs out, as a distribution of dates, and what to change. | `series`, `learn`; value types of `forecast` |
//! | `severity/` | How bad an alert is, with probabilities, reasons and abstention. | `series`, `learn`; value types of `detect`, `forecast`, `capacity` |
//! | `alert/` | What an alert is: identity, states, enrichment, history, verdicts. | `series`; value types of `detect`, `forecast`, `capacity`, `severity` |
//! | `incident/` | Many alerts, one incident. | `series`, `alert`; value types of `severity` |
//! | `source/` | Where samples come from: Prometheus-style HTTP and files. | `series` |
//! | `sink/` | Where alerts and recommendations go. | `series`, `alert`; value types of `detect`, `forecast`, `capacity`, `severity`, `incident` |
//! | `store/` | What is remembered: the database and the model artefacts. | `series`; value types of `detect`, `forecast`, `capacity`, `severity`, `alert`, `incident` |
//! | `engine/` | The use cases, the schedule, the CPU pool, the clock. | `series`, `learn`, `forecast`, `detect`, `capacity`, `severity`, `alert`, `incident`, `source`, `sink`, `store`, `telemetry` |
//! | `http/` | Routes, bodies, error to status, the web pages. | `series`, `engine`, `telemetry`; value types of `detect`, `forecast`, `capacity`, `severity`, `alert`, `incident` |
//! | `config/` | One validated, immutable settings value. | `series`; value types of `detect`, `forecast`, `capacity`, `severity`, `alert`, `incident`; settings of `forecast`, `detect`, `capacity`, `severity`, `alert`, `incident`, `source`, `sink`, `store`, `engine`, `http`, `telemetry` |
//! | `telemetry/` | Logging and the service's own metrics. | nothing |
//! | `cli/` | The command line and, with `main.rs`, the place where everything is put together. | everything |
//!
//! *Value types* of a module are the names that its `mod.rs` re-exports from its `types` file; *settings* are names that
//! contain `Settings`. `tests/it/architecture` reads the source and fails when an import breaks this table.
//!
//! # The sentence
//!
//! A **source** yields samples; **series** makes them a clean grid; **detect** and **forecast** compute; **capacity**,
//! **severity**, **alert** and **incident** judge; a **sink** delivers. **store** remembers; **engine** runs the sentence;
//! **http** and **cli** ask the engine; **config** composes settings.
//!
//! ```text
//! source ─Samples─► series ─Series─┬─► detect ──score, reasons──► alert + severity ──► incident ─┐
//!                                  └─► forecast ──paths──► capacity ──date, recommendation───────┴─► outbox ─► sink
//! ```
//!
//! # Invariants
//!
//! - The core (`series learn forecast detect capacity severity alert incident`) is values in, values out: no async, clock,
//!   files, network, environment or log. Time and seeds are arguments; the same arguments give the same bytes.
//! - A [`series::Series`] is regular, finite and never empty; what was missing is imputed and flagged. Nothing behind it
//!   checks for NaN again.
//! - A score is causal: it depends on the points up to its own. A published score is never rewritten.
//! - An answer says why: the model that was used and why that one, the reasons of a score, what was missing for a severity.
//! - Scores, values and times never stand in labels; labels are identity.
//! - What was answered with 2xx is on disk: alerts and the deliveries they cause are written in one transaction
//!   ([`store::Store::record_alerts`]), and deliveries are tried until they succeed or are given up visibly.
//! - CPU work goes through [`engine::compute`], time through [`engine::clock`]. Library calls that may panic get clean,
//!   rescaled data and are contained.
//!
//! # A scoring request
//!
//! `POST /api/v1/score` → `http::v1::score` reads the body (the JSON path of a defect is in the answer) → `engine::requests`
//! turns points into `Samples`, [`series::Grid`] and [`series::Series`] and scores them on the CPU pool with
//! [`detect::SeriesDetector`], point after point. The full model asks seven parts (a streaming isolation forest on features of
//! the values and their seasonal residual, nearest neighbours, deviation from the season, one-step prediction, window shape);
//! their excesses over their own past become one evidence, the evidence a p-value that follows the series' own rate of
//! episodes, and that `score = ln p / ln p*`. The light model does the same by other means in 4 KB. Around both stand gates
//! and what is known to be going on (planned work, an announced change); beside them a monitor of lasting changes.
//! `tidewatch score` takes the same path from files. `docs/detection` has a page for each part.
//!
//! # A scheduled batch
//!
//! `engine::schedule` wakes at the cron time → `engine::batch` begins a run in the store (unique by name and time, so that a
//! killed one goes on where it was) → pulls the history → [`forecast::forecast`] for each series in parallel → stores every
//! 200 forecasts with the progress → ends the run as done, partial or failed.
//!
//! # An alert is enriched
//!
//! Alertmanager posts its webhook to `POST /api/v1/alerts/enrich` → [`source::webhook`] reads it, alert by alert →
//! `engine::enrich` looks for a followed series whose labels the alert carries, else fetches the expression behind it →
//! `engine::judge` adds history, similar alerts, runbook and [`severity`] → [`alert::annotations_of`] puts all of it into
//! annotations → the alert and the forwarded body are recorded in one transaction → the enriched body is the answer. After
//! two seconds the plain alert goes on, marked.

pub mod series;

pub mod learn;

pub mod forecast;

pub mod detect;

pub mod capacity;

pub mod severity;

pub mod alert;

pub mod incident;

pub mod source;

pub mod sink;

pub mod store;

pub mod engine;

pub mod http;

pub mod config;

pub mod cli;

pub mod telemetry;
