//! Which model makes the forecast, and why.

use super::ar::Target;
use super::croston::{Method, is_intermittent};
use super::growth::is_monotone;
use super::mstl_ets::MIN_POINTS;
use super::pool::{Candidate, Member, Pooled, Problem, Runs, pool};
use super::seasonality::needed_points;
use super::stats::mean;
use super::{Because, Model, ModelChoice, Settings, Share};

/// A single model is taken instead of the combination when its error is below this share of the combination's over the
/// same origins.
const CLEARLY_BETTER: f64 = 0.5;

/// Seasons of a problem, and what is known about those that are missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seasons {
    /// Seasons found or configured that fit, ascending.
    pub(super) used: Vec<usize>,
    /// Shortest season that was configured or could be looked for but does not fit.
    pub(super) missing: Option<usize>,
}

/// What was decided.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) model: Model,
    pub(super) because: Vec<Because>,
    /// Seasons that the model follows, ascending.
    pub(super) seasons: Vec<usize>,
    pub(super) runs: Runs,
    /// Whether errors are to be calibrated in logarithms.
    pub(super) log: bool,
}

/// Runs what `choice` asks for; falls back visibly.
pub(super) fn decide(problem: &Problem<'_>, choice: ModelChoice, seasons: &Seasons, settings: &Settings) -> Decision {
    match choice {
        ModelChoice::Auto => automatic(problem, seasons, settings),
        named => by_name(problem, named, seasons, settings),
    }
}

fn automatic(problem: &Problem<'_>, seasons: &Seasons, settings: &Settings) -> Decision {
    let points = problem.values.len();
    if problem.cuts.is_empty() {
        return naive(problem, vec![Because::TooShort { points, needed: 8 }]);
    }
    let members = members(problem, seasons, settings.decomposition_in_auto);
    let candidates: Vec<Candidate> =
        members.into_iter().filter_map(|member| member.run(problem, &seasons.used).ok()).collect();
    let scale = scale(problem, seasons);
    let Some(best) = candidates.iter().filter(|c| c.error.is_some()).min_by(|a, b| by_error(a, b)) else {
        return naive(problem, vec![Because::TooShort { points, needed: 8 }]);
    };
    let pooled = pool(problem, &candidates);
    if let Some(rare) = intermittent(problem, seasons, &pooled) {
        return rare;
    }
    let same_origins: Vec<Option<Vec<f64>>> = (pooled.runs.back.iter().zip(&best.runs.back))
        .map(|(together, alone)| if alone.is_some() { together.clone() } else { None })
        .collect();
    let single = best.error.unwrap_or(f64::MAX) / scale;
    let together = problem.error(&same_origins).unwrap_or(f64::MAX) / scale;
    let mut because = if candidates.len() == 1 || single < CLEARLY_BETTER * together {
        vec![Because::BestBacktest { mase: single, runner_up: together }]
    } else {
        vec![Because::Combined { mase: together, best_single: single, shares: shares(&candidates, &pooled) }]
    };
    if seasons.used.is_empty() {
        because.push(Because::NoSeason);
    }
    if matches!(because.first(), Some(Because::BestBacktest { .. })) {
        return single_decision(problem, seasons, best.clone(), because);
    }
    let weight_of = |of: fn(&Candidate) -> bool| -> f64 {
        candidates.iter().zip(&pooled.weights).filter(|(candidate, _)| of(candidate)).map(|(_, weight)| weight).sum()
    };
    if weight_of(|candidate| candidate.damped) > 0.5 {
        because.push(Because::Damped);
    }
    let logs = weight_of(|candidate| candidate.member.is_log());
    Decision { model: Model::Combination, because, seasons: seasons.used.clone(), log: logs > 0.5, runs: pooled.runs }
}

/// A method for series that are mostly zero, when this is one and the method beats the combination in squared error: a mean is
/// wanted then, while the absolute error is least for a forecast of 0.
fn intermittent(problem: &Problem<'_>, seasons: &Seasons, pooled: &Pooled) -> Option<Decision> {
    if !is_intermittent(problem.values) {
        return None;
    }
    let methods = [Method::Tsb, Method::Sba].into_iter();
    let tried = methods.filter_map(|method| Member::Intermittent(method).run(problem, &seasons.used).ok());
    let scored = tried.filter_map(|candidate| Some((problem.squared_error(&candidate.runs.back)?, candidate)));
    let (error, best) = scored.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let otherwise = problem.squared_error(&pooled.runs.back)?;
    let zeros = problem.values.iter().filter(|value| **value == 0.0).count() as f64 / problem.values.len() as f64;
    let because = vec![Because::Intermittent { zeros, ratio: (error / otherwise).sqrt() }];
    (error < otherwise).then(|| single_decision(problem, seasons, best, because))
}

fn members(problem: &Problem<'_>, seasons: &Seasons, decomposition: bool) -> Vec<Member> {
    let values = problem.values;
    let positive = values.iter().all(|value| *value > 0.0);
    let longest = problem.seasons.last().copied().unwrap_or(1);
    let shortest = seasons.used.first().or(problem.seasons.first()).copied().unwrap_or(1);
    let mut members = vec![
        if longest > 1 { Member::Seasonal(longest) } else { Member::Naive },
        Member::HoltWinters { season: shortest, log: positive },
        Member::Ar { target: Target::Level, log: false },
        Member::Ar { target: Target::Difference, log: false },
    ];
    if longest > 1 {
        members.push(Member::SeasonalMedian(longest));
    }
    if seasons.used.len() <= 1 {
        // it knows one season; where there are two it errs more than the others at long horizons
        members.push(Member::Theta(shortest));
    }
    if positive {
        members.push(Member::Ar { target: Target::Level, log: true });
    }
    if problem.is_long() {
        // beyond what can be checked, a trend in logarithms is a guess that explodes
        members.push(Member::Drift(longest));
        members.push(if longest > 1 { Member::MstlEts } else { Member::Ets });
    } else if positive {
        members.push(Member::Ar { target: Target::Difference, log: true });
    }
    if decomposition && !seasons.used.is_empty() && !problem.is_long() {
        members.push(Member::MstlEts);
    }
    if values.len() < 48 {
        members.push(Member::Ets);
    }
    if problem.extras.range.is_some() && is_monotone(values) {
        // without a known limit it errs no less than the others on simulated disks
        members.push(Member::Growth(seasons.used.first().copied().unwrap_or(1)));
    }
    if !problem.extras.regressors.is_empty() {
        members.push(Member::Prophet);
    }
    members
}

fn by_name(problem: &Problem<'_>, choice: ModelChoice, seasons: &Seasons, settings: &Settings) -> Decision {
    let points = problem.values.len();
    let shortest = seasons.used.first().copied();
    let no_season = || match seasons.missing {
        Some(season) => Because::TooShort { points, needed: needed_points(season, settings) },
        None => Because::NoSeason,
    };
    let positive = problem.values.iter().all(|value| *value > 0.0);
    let (wanted, mut because) = match (choice, shortest) {
        (ModelChoice::MstlEts, Some(_)) => (vec![Member::MstlEts], vec![Because::Requested]),
        (ModelChoice::MstlEts, None) => (vec![Member::Ets], vec![no_season()]),
        (ModelChoice::SeasonalNaive, Some(_)) => {
            (seasons.used.iter().map(|season| Member::Seasonal(*season)).collect(), vec![Because::Requested])
        }
        (ModelChoice::SeasonalNaive, None) => (vec![Member::Naive], vec![no_season()]),
        (ModelChoice::Ets, _) => (vec![Member::Ets], vec![Because::Requested]),
        (ModelChoice::ArRidge, _) => {
            let ar = |log| Member::Ar { target: Target::Level, log };
            (vec![ar(false)], vec![Because::Requested])
        }
        (ModelChoice::HoltWinters, season) => {
            (vec![Member::HoltWinters { season: season.unwrap_or(1), log: positive }], vec![Because::Requested])
        }
        (ModelChoice::Prophet, _) => (vec![Member::Prophet], vec![Because::Requested]),
        (ModelChoice::Theta, season) => (vec![Member::Theta(season.unwrap_or(1))], vec![Because::Requested]),
        (ModelChoice::Croston, _) => (vec![Member::Intermittent(Method::Croston)], vec![Because::Requested]),
        (ModelChoice::Sba, _) => (vec![Member::Intermittent(Method::Sba)], vec![Because::Requested]),
        (ModelChoice::Tsb, _) => (vec![Member::Intermittent(Method::Tsb)], vec![Because::Requested]),
        (ModelChoice::SeasonalMedian, Some(_)) => {
            (seasons.used.iter().map(|season| Member::SeasonalMedian(*season)).collect(), vec![Because::Requested])
        }
        (ModelChoice::SeasonalMedian, None) => (vec![Member::SeasonalMedian(1)], vec![no_season()]),
        (ModelChoice::Growth, season) => (vec![Member::Growth(season.unwrap_or(1))], vec![Because::Requested]),
        (ModelChoice::Naive | ModelChoice::Auto, _) => (vec![Member::Naive], vec![Because::Requested]),
    };
    if wanted == [Member::Ets] && points < MIN_POINTS {
        because.push(Because::TooShort { points, needed: MIN_POINTS });
        return naive(problem, because.split_off(because.len() - 1));
    }
    let model = wanted.first().map_or(Model::Naive, |member| member.model());
    let mut failure = String::new();
    let mut working: Vec<Candidate> = Vec::new();
    for member in wanted {
        match member.run(problem, &seasons.used) {
            Ok(candidate) => working.push(candidate),
            Err(message) => failure = message,
        }
    }
    if let Some(best) = working.into_iter().min_by(by_error) {
        return single_decision(problem, seasons, best, because);
    }
    let failed = Because::ModelFailed { model, message: failure };
    match shortest.map(|season| Member::Seasonal(season).run(problem, &seasons.used)) {
        Some(Ok(seasonal)) => single_decision(problem, seasons, seasonal, vec![failed]),
        _ => naive(problem, vec![failed]),
    }
}

fn single_decision(problem: &Problem<'_>, known: &Seasons, made_by: Candidate, mut because: Vec<Because>) -> Decision {
    because.extend(made_by.damped.then_some(Because::Damped));
    let seasons = match made_by.member {
        Member::Naive | Member::Ets => Vec::new(),
        Member::Intermittent(_) => Vec::new(),
        Member::Seasonal(season)
        | Member::SeasonalMedian(season)
        | Member::Theta(season)
        | Member::Growth(season)
        | Member::Drift(season)
        | Member::HoltWinters { season, .. } => vec![season],
        Member::MstlEts => known.used.clone(),
        Member::Ar { .. } => problem.seasons.to_vec(),
        Member::Prophet => problem.extras.cycles.iter().map(|cycle| cycle.period_steps.round() as usize).collect(),
    };
    Decision {
        model: made_by.member.model(),
        because,
        seasons: seasons.into_iter().filter(|season| *season > 1).collect(),
        log: made_by.member.is_log(),
        runs: made_by.runs,
    }
}

fn naive(problem: &Problem<'_>, because: Vec<Because>) -> Decision {
    Decision { model: Model::Naive, because, seasons: Vec::new(), log: false, runs: super::naive::run_naive(problem) }
}

fn by_error(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    a.error.unwrap_or(f64::INFINITY).total_cmp(&b.error.unwrap_or(f64::INFINITY))
}

/// Error of the naive forecast in the history, by the shortest season; the mean size of the values where it is 0.
fn scale(problem: &Problem<'_>, seasons: &Seasons) -> f64 {
    let season = seasons.used.first().copied().unwrap_or(1);
    super::accuracy::naive_scale(problem.values, season).unwrap_or_else(|| {
        let sizes: Vec<f64> = problem.values.iter().map(|value| value.abs()).collect();
        mean(&sizes).max(f64::MIN_POSITIVE)
    })
}

fn shares(candidates: &[Candidate], pooled: &Pooled) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for (candidate, weight) in candidates.iter().zip(&pooled.weights) {
        let model = candidate.member.model();
        match shares.iter_mut().find(|share| share.model == model) {
            Some(share) => share.weight += weight,
            None => shares.push(Share { model, weight: *weight }),
        }
    }
    shares.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    shares
}
