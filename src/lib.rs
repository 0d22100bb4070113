//! Tidewatch: watches metrics the way a harbour watches tides.

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
