//! The service with real components around it: Prometheus with weeks of backfilled history, Alertmanager, receivers of
//! webhooks, and the binary itself as a process that is stopped, killed and started again.

mod end_to_end;
mod history;
mod models;
mod outages;
mod process;
mod servers;
