//! The integration tests: one binary, a module per area.

mod architecture;
mod backtest;
mod browser;
mod capacity;
mod changepoint;
mod changes;
mod cli;
mod config;
mod demo;
mod detect;
mod evaluate;
mod files;
mod forecast;
mod http;
mod isolate;
mod light;
mod live;
mod notebook;
mod program;
mod prometheus;
mod series;
mod severity;
mod sinks;
mod store;
