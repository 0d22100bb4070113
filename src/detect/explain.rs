//! Why a point is unusual, and which features said so.

use super::core::Evidence;
use super::features::{FEATURES, NAMES};
use super::parts::{COUNT, PARTS, Part};
use super::types::{Attribution, Direction, Reason};

/// From this score on a point has reasons and an attribution.
pub(super) const TELLING: f64 = 0.5;
/// A standardised shift of the newest residuals that counts as a new level.
const SHIFT: f64 = 3.0;
/// At most so many of the newest eight residuals make a spike or a dip.
const FEW: usize = 3;
/// Spread of the residuals over the long window, in scales, from which on what was expected has moved.
const SEASON_MOVES: f64 = 1.5;
/// Where the spreads of values and residuals over the long window stand among the features.
const LONG_SPREAD: usize = 3;
const RESIDUAL_LONG_SPREAD: usize = 13;
/// Residuals so many times as variable as before.
const MORE_VARIABLE: f64 = 3.0;
/// A jump of so many scales of one-step errors.
const JUMP: f64 = 6.0;

/// Smaller shares are rounding and are left out.
const LEAST_SHARE: f64 = 1e-10;

/// Which way the value lies: outside its band, or within.
pub(super) fn direction(value: f64, lower: f64, upper: f64) -> Direction {
    if value > upper {
        Direction::Above
    } else if value < lower {
        Direction::Below
    } else {
        Direction::Within
    }
}

/// Reasons of a point of the warm-up: that it is one, and the side on which it stands out, if it does.
pub(super) fn warm_up(evidence: &Evidence, telling: bool) -> Vec<Reason> {
    let side = if evidence.residual >= 0.0 { Reason::AboveExpected } else { Reason::BelowExpected };
    telling.then_some(side).into_iter().chain([Reason::WarmingUp]).collect()
}

/// Reasons of an unusual point, most important first, at least one.
pub(super) fn reasons(evidence: &Evidence, direction: Direction) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let side = match direction {
        Direction::Above => Some(Reason::AboveExpected),
        Direction::Below => Some(Reason::BelowExpected),
        Direction::Within => None,
    };
    reasons.extend(side);
    let form = form(evidence, direction);
    reasons.extend(form);
    if form != Some(Reason::LevelShift) && evidence.jump.abs() > JUMP {
        reasons.push(Reason::SuddenChange);
    }
    reasons.extend(stillness(evidence));
    let pattern = strength(evidence, &[Part::ShortWindow, Part::LongWindow, Part::Shape]);
    let simple = strength(evidence, &[Part::Season, Part::Step]);
    if reasons.is_empty() || pattern > 2.0 * simple {
        reasons.push(Reason::UnusualPattern);
    }
    reasons
}

/// Which form the newest residuals have: most of them away to one side, away to both sides, or a few away from calm ones.
fn form(evidence: &Evidence, direction: Direction) -> Option<Reason> {
    let behaviour = evidence.behaviour;
    let (above, below) = behaviour.outside;
    if behaviour.short_level.abs() > SHIFT {
        return Some(Reason::LevelShift);
    }
    if above > 0 && below > 0 && above + below > FEW {
        return Some(Reason::MoreVariable);
    }
    match direction {
        Direction::Above if (1..=FEW).contains(&above) && below == 0 => Some(Reason::Spike),
        Direction::Below if (1..=FEW).contains(&below) && above == 0 => Some(Reason::Dip),
        Direction::Within if behaviour.short_spread > MORE_VARIABLE => Some(Reason::MoreVariable),
        _ => None,
    }
}

/// Whether the series stands still, or its season did not come: what was expected moved far more than the values did.
fn stillness(evidence: &Evidence) -> impl Iterator<Item = Reason> {
    let behaviour = evidence.behaviour;
    let still = behaviour.long_is_full && behaviour.long_range <= 0.0;
    let moved = evidence.features[LONG_SPREAD] / evidence.inner_scale.max(f64::MIN_POSITIVE);
    let missed = evidence.features[RESIDUAL_LONG_SPREAD];
    let absent = evidence.in_season && behaviour.long_is_full && missed > SEASON_MOVES && moved < 0.5 * missed;
    [(still, Reason::Flatline), (absent, Reason::MissingSeason)]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, reason)| reason)
}

/// Shares of features in the evidence, largest first, summing to 1. The forest's part is split by its paths.
pub(super) fn attribution(evidence: &Evidence, forest: Option<&[f64]>) -> Vec<Attribution> {
    let mut shares = [0.0; FEATURES];
    let mut shapes = [0.0; 3];
    for ((part, weight), excess) in PARTS.iter().zip(evidence.excess) {
        let earned = weight * excess.ln_1p();
        match part {
            Part::Forest => spread(&mut shares, forest, earned),
            Part::Level => spread(&mut shares, forest.map(|f| &f[..super::features::LEVEL_FEATURES]), earned),
            Part::Season => shares[8] += earned,
            Part::Step => shares[1] += earned,
            Part::ShortWindow => shapes[0] += earned,
            Part::LongWindow => shapes[1] += earned,
            Part::Shape => shapes[2] += earned,
        }
    }
    let names = NAMES.iter().chain(&["pattern_of_8_points", "pattern_of_32_points", "autocorrelation"]);
    let shares = shares.into_iter().chain(shapes);
    normalised(names.map(|name| (*name).to_owned()).zip(shares).collect())
}

/// Shares above zero, largest first, divided by their sum; one even share when nothing stands out.
pub(super) fn normalised(shares: Vec<(String, f64)>) -> Vec<Attribution> {
    let total: f64 = shares.iter().map(|(_, share)| share.max(0.0)).sum();
    let count = shares.len() as f64;
    let usable = total > 0.0 && total.is_finite();
    let mut list: Vec<Attribution> = shares
        .into_iter()
        .map(|(feature, share)| Attribution {
            feature,
            share: if usable { share.max(0.0) / total } else { 1.0 / count },
        })
        .filter(|a| a.share > LEAST_SHARE)
        .collect();
    list.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.feature.cmp(&b.feature)));
    list
}

fn strength(evidence: &Evidence, wanted: &[Part]) -> f64 {
    let of: [f64; COUNT] = evidence.excess;
    PARTS.iter().zip(of).filter(|((part, _), _)| wanted.contains(part)).map(|(_, e)| e.ln_1p()).fold(0.0, f64::max)
}

/// Splits `earned` by `weights`, evenly without them.
fn spread(shares: &mut [f64; FEATURES], weights: Option<&[f64]>, earned: f64) {
    let total: f64 = weights.map_or(0.0, |w| w.iter().sum());
    match weights.filter(|_| total > 0.0) {
        Some(weights) => shares.iter_mut().zip(weights).for_each(|(s, w)| *s += earned * w / total),
        None => shares.iter_mut().for_each(|s| *s += earned / FEATURES as f64),
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::super::{Settings, score_series};
    use super::*;
    use crate::series::{Series, Step};

    fn noise(i: usize) -> f64 {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    fn usual(i: usize) -> f64 {
        100.0 + 20.0 * (TAU * i as f64 / 288.0).sin() + 2.0 * noise(i)
    }

    const FROM: usize = 2_880;

    /// Reasons of the points from `FROM` to `FROM + points` of a series of five-minute points.
    fn reasons_of(points: usize, value: impl Fn(usize) -> f64) -> Vec<Vec<Reason>> {
        let values = (0..FROM + points).map(|i| if i < FROM { usual(i) } else { value(i) }).collect();
        let step = Step::from_secs(300).expect("positive");
        let series = Series::try_new("m", jiff::Timestamp::UNIX_EPOCH, step, values).expect("finite");
        let scores = score_series(&series, &Settings::default()).expect("scores");
        scores.points[FROM..].iter().map(|point| point.reasons.clone()).collect()
    }

    #[track_caller]
    fn check(reasons: &[Vec<Reason>], says: Reason, never: &[Reason]) {
        assert!(reasons.iter().any(|all| all.contains(&says)), "{says:?} is not said: {reasons:?}");
        assert!(!reasons.iter().flatten().any(|reason| never.contains(reason)), "{reasons:?}");
    }

    #[test]
    fn a_short_excursion_is_a_spike_or_a_dip_and_a_lasting_one_a_level_shift() {
        let bump = |by: f64, until: usize| reasons_of(until, move |i| usual(i) + by);
        check(&bump(60.0, 1), Reason::Spike, &[Reason::LevelShift, Reason::MoreVariable, Reason::Dip]);
        // two points so far off may also be the beginning of a new level, which the monitor of changes says in its own right
        check(&bump(-60.0, 2), Reason::Dip, &[Reason::MoreVariable, Reason::Spike]);
        let lasting = bump(60.0, 12);
        check(&lasting[6..], Reason::LevelShift, &[Reason::Spike, Reason::Dip]);
        check(&lasting[..1], Reason::Spike, &[Reason::LevelShift]);
    }

    #[test]
    fn noise_on_both_sides_is_more_variable_and_a_season_that_does_not_come_is_missed() {
        check(&reasons_of(24, |i| usual(i) + 60.0 * noise(i + 7)), Reason::MoreVariable, &[Reason::Flatline]);
        let shapeless = reasons_of(600, |i| 100.0 + 2.0 * noise(i));
        check(&shapeless, Reason::MissingSeason, &[Reason::Flatline]);
    }
}
