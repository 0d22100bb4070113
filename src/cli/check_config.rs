//! `tidewatch check-config`: is the configuration file right.

use std::io::Write;

use super::args::CheckConfigArgs;
use super::exit::Outcome;
use crate::config::Config;

pub(super) fn run(args: &CheckConfigArgs) -> anyhow::Result<Outcome> {
    let config = Config::load(&args.config)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} is right: {} sources, {} detectors, {} forecasts, {} capacity watches, {} destinations",
        args.config.display(),
        config.sources.len(),
        config.detectors.len(),
        config.forecasts.len(),
        config.capacity.len(),
        config.notify.destinations.len()
    )?;
    Ok(Outcome::Done)
}
