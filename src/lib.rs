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
//! | `telemetry.rs` | Logging and the service's own metrics. | nothing |
//! | `cli/` | The command line and, with `main.rs`, the place where everything is put together. | everything |
//!
//! *Value types* of a module are the names that its `mod.rs` re-exports from its `types` file; *settings* are names that
//! contain `Settings`. `tests/it/architecture` reads the source and fails when an import breaks this table.

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
