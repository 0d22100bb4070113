//! `tidewatch demo`.
use super::args::DemoArgs;
use super::exit::Outcome;
pub(super) fn run(_args: &DemoArgs, _log: &str) -> anyhow::Result<Outcome> {
    Ok(Outcome::Done)
}
