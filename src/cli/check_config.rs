//! `tidewatch check-config`: is the configuration file right.

use super::args::CheckConfigArgs;
use super::exit::Outcome;
use super::output::to_stdout;
use crate::config::Config;

pub(super) fn run(args: &CheckConfigArgs) -> anyhow::Result<Outcome> {
    let config = Config::load(&args.config)?;
    to_stdout(|out| {
        writeln!(
            out,
            "{} is right: {} sources, {} detectors, {} forecasts, {} capacity watches, {} destinations",
            args.config.display(),
            config.sources.len(),
            config.detectors.len(),
            config.forecasts.len(),
            config.capacity.len(),
            config.notify.destinations.len()
        )
    })?;
    Ok(Outcome::Done)
}
