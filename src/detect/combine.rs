//! From combined evidence to a p-value.
//!
//! **What the evidence means.** The combined evidence `v` is the weighted mean over the parts of `ln(1 + excess)`: 0.69 when
//! every part stands at its own 95 % level. Each part's excess is a ratio of raw scores, and the upper tail of such a ratio
//! falls like a power; its logarithm therefore falls like an exponential, and so does the mean of the logarithms.
//!
//! **The map.** `-ln p = (v + OFFSET) / DECAY` from the evidence of one alarm a week upwards; below that evidence the map is a
//! straight line down to 1 at no evidence. The boundary of a budget is then an evidence that grows with the logarithm of the
//! points in the budget's time: an hourly series needs less evidence than one of a minute for the same false alarms per
//! week. Both constants are the same for all series, of one metric or many: fitting the slope to a short history makes wild
//! claims from few points (tried: it breaks the budget by a factor of 2 to 5).
//!
//! **The rate.** What a series does know of itself after some weeks is how often its evidence crosses the line of one alarm a
//! week. Episodes above that line are counted, an hour apart at least, and compared with the one that the map promises; the
//! ratio, shrunk towards 1 as if one week had gone by as promised, shifts `ln p` above the line: the peaks-over-threshold
//! estimate of a rate (Leadbetter 1991) with a gamma prior. The shift makes a quiet series at most e times stricter and a
//! noisy one up to e⁵ times milder, moves slowly, and uses only episodes that are over, so a point is never judged by
//! itself. It does not depend on the budget, so neither does `p`: a larger budget always means at least the same alarms.
//!
//! **Honestly.** `DECAY` and `OFFSET` were read off false-alarm counts of public labelled series, not derived; chosen on one
//! half of the series they miss the other half's rate by a factor of 2 either way, more where one series of fifteen is wild.
//! At a budget of one alarm a week the README states what fired on the normal stretches of each set. Real incidents count as
//! episodes too: a series with many of them is judged a little more mildly until people say otherwise.

use serde::{Deserialize, Serialize};

use super::types::LARGEST_P_STAR;
use crate::series::Step;

/// Evidence by which `p` falls by a factor of e, above the line.
const DECAY: f64 = 0.225;
/// What is added to the evidence above the line: the tail begins at less than no evidence.
const OFFSET: f64 = 0.7;
const WEEK_SECS: f64 = 604_800.0;
/// Alarms closer than this are one episode.
const EPISODE_SECS: f64 = 3_600.0;
/// The map's promise weighs as much as so many weeks of the series' own.
const PRIOR_WEEKS: f64 = 1.0;
/// Limits of the shift of `ln p`: how much stricter and how much milder than the map.
const STRICTEST: f64 = -1.0;
const MILDEST: f64 = 5.0;
/// The shift stays below this share of the line's `-ln p`.
const MOST_OF_LINE: f64 = 0.9;

/// The learned rate of one series or entity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Calibration {
    #[serde(with = "super::exact::one")]
    per_point: f64,
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
    pub(super) fn new(step: Step) -> Self {
        let secs = step.secs_f64();
        Self {
            per_point: (secs / WEEK_SECS).clamp(1e-12, LARGEST_P_STAR),
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
        let (plain, line) = (self.plain(evidence), self.line());
        let shifted = if plain >= line { plain - self.shift } else { plain * (line - self.shift) / line };
        (-shifted).exp().clamp(f64::MIN_POSITIVE, 1.0)
    }

    /// Evidence at which a point alarms once a week.
    pub(super) fn weekly_evidence(&self) -> f64 {
        self.evidence_at(self.per_point)
    }

    /// Evidence at which `p` is `p_value`: the inverse of [`Self::p_value`].
    pub(super) fn evidence_at(&self, p_value: f64) -> f64 {
        let (wanted, line) = (-p_value.ln(), self.line());
        let plain = if wanted >= line - self.shift { wanted + self.shift } else { wanted * line / (line - self.shift) };
        if plain >= line { plain * DECAY - OFFSET } else { plain / line * self.line_evidence() }
    }

    /// `-ln p` by the map, before any shift.
    fn plain(&self, evidence: f64) -> f64 {
        let (at, line) = (self.line_evidence(), self.line());
        if evidence >= at { (evidence + OFFSET) / DECAY } else { evidence / at * line }
    }

    /// Counts one judged point, and the episode that it begins, goes on or ends.
    pub(super) fn learn(&mut self, evidence: f64) {
        self.points += 1;
        if evidence > self.line_evidence() {
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
        let ratio = (PRIOR_WEEKS + self.episodes as f64) / (PRIOR_WEEKS + weeks);
        self.shift = ratio.ln().clamp(STRICTEST, MILDEST).min(MOST_OF_LINE * self.line());
    }

    /// `-ln p` of the line: one alarm a week, before any shift.
    fn line(&self) -> f64 {
        -self.per_point.ln()
    }

    /// Evidence of the line; above 0, because `per_point` is at most 0.01.
    fn line_evidence(&self) -> f64 {
        self.line() * DECAY - OFFSET
    }

    pub(super) fn is_sound(&self) -> bool {
        self.per_point > 0.0
            && self.per_point <= LARGEST_P_STAR
            && (STRICTEST..=MILDEST).contains(&self.shift)
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
            Calibration::new(step).evidence_at(FalseAlarmBudget::default().p_star(step))
        };
        assert!((boundary(3_600) - (0.225 * 168_f64.ln() - 0.7)).abs() < 1e-9);
        assert!(boundary(60) > boundary(300) && boundary(300) > boundary(3_600));
        let step = Step::MINUTE;
        let calibration = Calibration::new(step);
        let p_star = FalseAlarmBudget::default().p_star(step);
        assert!((score_of(calibration.p_value(boundary(60)), p_star) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn p_falls_with_evidence_and_stays_a_probability() {
        let mut calibration = Calibration::new(Step::MINUTE);
        for shift in [STRICTEST, 0.0, MILDEST] {
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
        let mut noisy = Calibration::new(Step::MINUTE);
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
        let mut calibration = Calibration::new(Step::MINUTE);
        (0..50).for_each(|_| calibration.learn(2.0));
        assert_eq!(calibration.episodes, 0);
        (0..60).for_each(|_| calibration.learn(0.1));
        assert_eq!(calibration.episodes, 0);
        calibration.learn(0.1);
        assert_eq!(calibration.episodes, 1);
    }
}
