//! When a stream looks at its own past for a better season than a day.

use serde::{Deserialize, Serialize};

use super::choose::{looks, measured};
use super::seasonal::Seasonal;
use super::settings::Season;
use super::window::Recent;
use crate::series::Step;

/// The seasons in use, in points, and when they are looked at next.
///
/// Causal: at fixed ages (three days and two weeks of points) the values so far are measured. What they show holds from then
/// on; a season that the user named is never changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Reseason {
    /// The step, while there is something to choose.
    step: Option<Step>,
    usual: (Option<usize>, Option<usize>),
    chosen: (Option<usize>, Option<usize>),
}

impl Reseason {
    pub(super) fn new(step: Step, season: Season) -> Self {
        let usual = season.points(step);
        let may_choose = season == Season::Auto && usual.0.is_some();
        Self { step: may_choose.then_some(step), usual, chosen: usual }
    }

    /// The seasonal expectation to go on with from the age `learned` on; `None` to keep the present one.
    pub(super) fn at(&mut self, learned: u64, recent: &Recent) -> Option<Seasonal> {
        let step = self.step.filter(|step| looks(*step).contains(&learned))?;
        let chosen = measured(&recent.to_vec(recent.len()), step, self.usual);
        if chosen == self.chosen {
            return None;
        }
        self.chosen = chosen;
        Some(Seasonal::after(recent, chosen.0, chosen.1, recent.capacity()))
    }
}
