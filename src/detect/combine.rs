//! From combined evidence to a p-value.
//!
//! **What the evidence means.** The combined evidence `v` is the weighted mean over the parts of `ln(1 + excess)`: 0.69 when
//! every part stands at its own 95 % level. Each part's excess is a ratio of raw scores, and the upper tail of such a ratio
//! falls like a power; its logarithm therefore falls like an exponential, and so does the mean of the logarithms.
//!
//! **The map.** `-ln p = v / DECAY`. The boundary of a budget is then an evidence that grows with the logarithm of the
//! points in the budget's time: an hourly series needs less evidence than one of a minute for the same false alarms per
//! week. `DECAY` is one number for all series (and one for entities): fitting the slope to a short history makes wild claims
//! from few points (tried: it breaks the budget by a factor of 2 to 5).
//!
//! **The rate.** What a series does know of itself after some weeks is how often its evidence crosses the line at 70 % of
//! the boundary of one alarm a week (in `-ln p`). Episodes above that line are counted, an hour apart at least, and compared
//! with the number that the map promises; the ratio, shrunk towards 1 as if two weeks had gone by as promised, shifts `ln p`
//! above the line: the peaks-over-threshold estimate of a rate (Leadbetter 1991) with a gamma prior. The shift is limited to
//! a factor of 15 either way, moves slowly, and uses only episodes that are over, so a point is never judged by itself. It
//! does not depend on the budget, so neither does `p`: a larger budget always means at least the same alarms.
//!
//! **Honestly.** `DECAY` was read off false-alarm counts of public labelled series, not derived. At a budget of one alarm a
//! week the README states what fired on the normal stretches of each set. Real incidents count as episodes too: a series
//! with many of them is judged a little more mildly until people say otherwise.

use serde::{Deserialize, Serialize};

use super::types::LARGEST_P_STAR;
use crate::series::Step;

/// Evidence of one series by which `p` falls by a factor of e.
const SERIES_DECAY: f64 = 0.17;
/// The same for the evidence of an entity, whose parts are less alike.
const ENTITY_DECAY: f64 = 0.185;
/// The line above which episodes are counted, as a share of `-ln p` at one alarm a week.
const LINE: f64 = 0.7;
const WEEK_SECS: f64 = 604_800.0;
/// Alarms closer than this are one episode.
const EPISODE_SECS: f64 = 3_600.0;
/// The map's promise weighs as much as so many weeks of the series' own.
const PRIOR_WEEKS: f64 = 2.0;
/// Largest shift of `ln p`, either way.
const MOST_SHIFT: f64 = 2.75;

/// What the evidence speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Series,
    /// Several metrics together.
    Entity,
}

/// The learned rate of one series or entity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Calibration {
    #[serde(with = "super::exact::one")]
    per_point: f64,
    #[serde(with = "super::exact::one")]
    decay: f64,
    #[serde(with = "super::exact::one")]
    shift: f64,
    episode_points: u64,
    /// Points learned, and episodes that are over.
    points: u64,
    episodes: u64,
    /// Points since the line was last crossed, while an episode is open.
    open_for: Option<u64>,
}

impl Calibration {
    pub(super) fn new(step: Step, subject: Subject) -> Self {
        let secs = step.secs_f64();
        Self {
            per_point: (secs / WEEK_SECS).clamp(1e-12, LARGEST_P_STAR),
            decay: if subject == Subject::Series { SERIES_DECAY } else { ENTITY_DECAY },
            shift: 0.0,
            episode_points: ((EPISODE_SECS / secs).round() as u64).clamp(1, 3_600),
            points: 0,
            episodes: 0,
            open_for: None,
        }
    }

    /// The p-value of combined evidence, in (0, 1]; 1 for none.
    pub(super) fn p_value(&self, evidence: f64) -> f64 {
        if evidence.is_nan() || evidence <= 0.0 {
            return 1.0;
        }
        let (plain, line) = (evidence / self.decay, self.line());
        let shifted = if plain >= line { plain - self.shift } else { plain * (line - self.shift) / line };
        (-shifted).exp().clamp(f64::MIN_POSITIVE, 1.0)
    }

    /// Evidence at which a point alarms once a week.
    pub(super) fn weekly_evidence(&self) -> f64 {
        self.evidence_at(self.per_point)
    }

    /// Evidence at which `p` is `p_value`: the inverse of [`Self::p_value`].
    fn evidence_at(&self, p_value: f64) -> f64 {
        let (wanted, line) = (-p_value.ln(), self.line());
        let plain = if wanted >= line - self.shift { wanted + self.shift } else { wanted * line / (line - self.shift) };
        plain * self.decay
    }

    /// Counts one judged point, and the episode that it begins, goes on or ends.
    pub(super) fn learn(&mut self, evidence: f64) {
        self.points += 1;
        if evidence / self.decay > self.line() {
            if self.open_for.is_some_and(|quiet| quiet > self.episode_points) {
                self.episodes += 1;
            }
            self.open_for = Some(0);
        } else if let Some(quiet) = self.open_for.as_mut() {
            *quiet += 1;
            if *quiet > self.episode_points {
                self.open_for = None;
                self.episodes += 1;
            }
        }
        let weeks = self.points as f64 * self.per_point;
        let promised = (-self.line()).exp() / self.per_point;
        let ratio = (promised * PRIOR_WEEKS + self.episodes as f64) / ((PRIOR_WEEKS + weeks) * promised);
        self.shift = ratio.ln().clamp(-MOST_SHIFT, MOST_SHIFT).min(0.9 * self.line());
    }

    /// `-ln p` of the line, before any shift.
    fn line(&self) -> f64 {
        -LINE * self.per_point.ln()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.per_point > 0.0
            && self.per_point <= LARGEST_P_STAR
            && self.decay > 0.0
            && (-MOST_SHIFT..=MOST_SHIFT).contains(&self.shift)
            && self.shift < self.line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{FalseAlarmBudget, score_of};

    #[test]
    fn a_shorter_step_asks_for_more_evidence_at_the_same_budget() {
        let boundary = |secs| {
            let step = Step::from_secs(secs).expect("step");
            Calibration::new(step, Subject::Series).evidence_at(FalseAlarmBudget::default().p_star(step))
        };
        assert!((boundary(3_600) - 0.17 * 168_f64.ln()).abs() < 1e-9);
        assert!(boundary(60) > boundary(300) && boundary(300) > boundary(3_600));
        let step = Step::MINUTE;
        let calibration = Calibration::new(step, Subject::Series);
        let p_star = FalseAlarmBudget::default().p_star(step);
        assert!((score_of(calibration.p_value(boundary(60)), p_star) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn p_falls_with_evidence_and_stays_a_probability() {
        let mut calibration = Calibration::new(Step::MINUTE, Subject::Entity);
        for shift in [-MOST_SHIFT, 0.0, MOST_SHIFT] {
            calibration.shift = shift;
            let p: Vec<f64> = (0..400).map(|i| calibration.p_value(f64::from(i) * 0.02)).collect();
            assert!(p.windows(2).all(|w| w[1] < w[0]), "{shift}");
            assert!(p.iter().all(|p| *p > 0.0 && *p <= 1.0));
            let there_and_back = calibration.evidence_at(calibration.p_value(0.7));
            assert!((there_and_back - 0.7).abs() < 1e-9, "{shift}");
        }
        assert!(calibration.p_value(1e9) > 0.0);
        assert!((calibration.p_value(f64::NAN) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_series_that_crosses_the_line_too_often_is_judged_more_mildly_and_a_quiet_one_more_strictly() {
        let mut noisy = Calibration::new(Step::MINUTE, Subject::Series);
        let mut quiet = noisy.clone();
        let before = noisy.p_value(1.5);
        for i in 0..40_000 {
            noisy.learn(if i % 100 == 0 { 1.6 } else { 0.2 });
            quiet.learn(0.2);
        }
        assert!(noisy.p_value(1.5) > 2.0 * before);
        assert!(quiet.p_value(1.5) < before);
        assert!(noisy.is_sound() && quiet.is_sound());
        assert_eq!(noisy.episodes, 400);
    }

    #[test]
    fn an_episode_counts_once_and_only_when_it_is_over() {
        let mut calibration = Calibration::new(Step::MINUTE, Subject::Series);
        (0..50).for_each(|_| calibration.learn(2.0));
        assert_eq!(calibration.episodes, 0);
        (0..60).for_each(|_| calibration.learn(0.1));
        assert_eq!(calibration.episodes, 0);
        calibration.learn(0.1);
        assert_eq!(calibration.episodes, 1);
    }
}
