//! From point scores to an alert that fires once and resolves once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::detect::{Direction, PointScore};

/// When an alert fires and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Anomalous points among the last [`Settings::window_points`] that make an alert, at least 1. Default 2.
    pub firing_points: usize,
    /// How many recent points are looked at, at least `firing_points`. Default 3.
    pub window_points: usize,
    /// A single point this far beyond the boundary fires at once, a score. Default 3: the boundary's probability cubed.
    pub immediate_score: f64,
    /// Ordinary points in a row that end an alert, at least 1. Default 6.
    pub resolving_points: usize,
    /// Points judged with less confidence than this, 0 to 1, are scored and shown but wake nobody. Default 0.5, which a
    /// new series reaches after some 250 points.
    pub min_confidence: f64,
    /// Whether points whose value is ordinary count for nothing while the windows of the detector still hold a value that
    /// was not: then a blip ends with its values. Default `false`.
    pub without_echo: bool,
}

/// Points after a value outside of its band for which windows hold it: the longest of the detector's fixed ones.
const ECHO_POINTS: usize = 32;

impl Default for Settings {
    fn default() -> Self {
        Self {
            firing_points: 2,
            window_points: 3,
            immediate_score: 3.0,
            resolving_points: 6,
            min_confidence: 0.5,
            without_echo: false,
        }
    }
}

/// What a point did to the alert of its series, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transition {
    /// Ordinary, and nothing was firing.
    Quiet,
    /// Anomalous, not yet enough of it to wake anybody.
    Pending {
        /// Anomalous points so far.
        points: usize,
        /// Points needed.
        needed: usize,
    },
    /// The alert begins.
    Fired(FireReason),
    /// The alert goes on.
    StillFiring,
    /// The alert is over.
    Resolved,
}

/// Why an alert began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireReason {
    /// Enough anomalous points in the window.
    Sustained,
    /// A single point too extreme to wait for a second.
    Extreme,
}

/// What is remembered of an episode of unusual points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Time of the first anomalous point.
    pub since: Timestamp,
    /// Time of the last anomalous point.
    pub last_anomalous: Timestamp,
    /// Time of the point with the highest score.
    pub peak_at: Timestamp,
    /// The highest score.
    pub peak_score: f64,
}

/// Follows the points of one series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    recent: Vec<bool>,
    ordinary_in_a_row: usize,
    firing: bool,
    episode: Option<Episode>,
    /// Points since the last anomalous value outside of its band.
    #[serde(default)]
    since_outside: Option<usize>,
}

impl Lifecycle {
    /// Takes the next point in time order. Imputed points count as ordinary for firing and do not resolve.
    pub fn observe(&mut self, point: &PointScore, settings: &Settings) -> Transition {
        if point.imputed {
            return if self.firing { Transition::StillFiring } else { Transition::Quiet };
        }
        let echo = self.is_echo(point);
        let unusual = point.is_anomaly && !(echo && settings.without_echo);
        self.remember(unusual, settings);
        if unusual {
            return self.anomalous(point, settings);
        }
        self.ordinary_in_a_row += 1;
        if self.ordinary_in_a_row < settings.resolving_points.max(1) {
            return if self.firing { Transition::StillFiring } else { Transition::Quiet };
        }
        let was_firing = std::mem::take(&mut self.firing);
        if was_firing {
            return Transition::Resolved;
        }
        self.episode = None;
        Transition::Quiet
    }

    /// The current or, right after [`Transition::Resolved`], the last episode.
    #[must_use]
    pub const fn episode(&self) -> Option<Episode> {
        self.episode
    }

    /// Whether the alert is firing.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        self.firing
    }

    /// Whether `point` has an ordinary value and follows one that was not; counts the points in between.
    fn is_echo(&mut self, point: &PointScore) -> bool {
        let outside = point.is_anomaly && point.direction != Direction::Within;
        self.since_outside = if outside { Some(0) } else { self.since_outside.map(|points| points.saturating_add(1)) };
        point.direction == Direction::Within && self.since_outside.is_some_and(|points| points <= ECHO_POINTS)
    }

    fn remember(&mut self, unusual: bool, settings: &Settings) {
        self.recent.push(unusual);
        let keep = settings.window_points.max(settings.firing_points).max(1);
        if self.recent.len() > keep {
            self.recent.remove(0);
        }
    }

    fn anomalous(&mut self, point: &PointScore, settings: &Settings) -> Transition {
        let fresh = !self.firing && self.ordinary_in_a_row >= settings.resolving_points.max(1);
        self.ordinary_in_a_row = 0;
        let episode = self.episode.filter(|_| !fresh).map_or(
            Episode { since: point.at, last_anomalous: point.at, peak_at: point.at, peak_score: point.score },
            |old| {
                let (peak_at, peak_score) =
                    if point.score > old.peak_score { (point.at, point.score) } else { (old.peak_at, old.peak_score) };
                Episode { since: old.since, last_anomalous: point.at, peak_at, peak_score }
            },
        );
        self.episode = Some(episode);
        if self.firing {
            return Transition::StillFiring;
        }
        let points = self.recent.iter().filter(|anomalous| **anomalous).count();
        let reason = if points >= settings.firing_points.max(1) {
            FireReason::Sustained
        } else if point.score >= settings.immediate_score {
            FireReason::Extreme
        } else {
            return Transition::Pending { points, needed: settings.firing_points };
        };
        self.firing = true;
        Transition::Fired(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: i64, score: f64) -> PointScore {
        PointScore {
            at: Timestamp::from_second(minute * 60).unwrap(),
            value: 1.0,
            expected: 0.0,
            lower: -1.0,
            upper: 1.0,
            p_value: 0.5,
            score,
            is_anomaly: score >= 1.0,
            direction: Direction::Above,
            confidence: 1.0,
            imputed: score.is_nan(),
            suppressed: None,
            reasons: vec![],
            attribution: vec![],
            changes: vec![],
        }
    }

    /// `.` quiet, `p` pending, `F` fired, `f` still firing, `R` resolved.
    #[track_caller]
    fn check(scores: &[f64], expected: &str) {
        let settings = Settings { resolving_points: 3, ..Settings::default() };
        let mut lifecycle = Lifecycle::default();
        let got: String = (0_i64..)
            .zip(scores)
            .map(|(minute, score)| match lifecycle.observe(&point(minute, *score), &settings) {
                Transition::Quiet => '.',
                Transition::Pending { .. } => 'p',
                Transition::Fired(_) => 'F',
                Transition::StillFiring => 'f',
                Transition::Resolved => 'R',
            })
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_single_blip_does_not_fire() {
        check(&[0.0, 1.2, 0.0, 0.0, 0.0, 1.2, 0.0], ".p...p.");
    }

    #[test]
    fn two_of_three_fire_and_three_ordinary_ones_resolve() {
        check(&[0.0, 1.2, 0.1, 1.3, 0.0, 0.0, 0.0, 0.0], ".p.FffR.");
    }

    #[test]
    fn what_a_blip_leaves_in_the_windows_is_no_duration() {
        let echo = |minute| PointScore { direction: Direction::Within, ..point(minute, 1.5) };
        let settings = Settings {
            firing_points: 4,
            window_points: 5,
            immediate_score: f64::INFINITY,
            without_echo: true,
            ..Settings::default()
        };
        let fires = |points: &[PointScore], settings: &Settings| {
            let mut lifecycle = Lifecycle::default();
            points.iter().any(|point| matches!(lifecycle.observe(point, settings), Transition::Fired(_)))
        };
        let mut blip: Vec<PointScore> = (0..2).map(|minute| point(minute, 2.0)).collect();
        blip.extend((2..30).map(echo));
        assert!(!fires(&blip, &settings));
        assert!(fires(&blip, &Settings { without_echo: false, ..settings }));
        let shape: Vec<PointScore> = (0..5).map(echo).collect();
        assert!(fires(&shape, &settings), "a shape that lasts is no echo");
        let lasting: Vec<PointScore> = (0..5).map(|minute| point(minute, 2.0)).collect();
        assert!(fires(&lasting, &settings));
    }

    #[test]
    fn an_extreme_point_fires_at_once() {
        check(&[0.0, 5.0, 0.0, 0.0, 0.0], ".FffR");
    }

    #[test]
    fn missing_points_neither_fire_nor_resolve() {
        check(&[5.0, f64::NAN, f64::NAN, f64::NAN, 0.0, 0.0, 0.0], "FfffffR");
    }

    #[test]
    fn the_episode_knows_since_when_and_its_peak() {
        let mut lifecycle = Lifecycle::default();
        for (minute, score) in (0..).zip([0.0, 1.5, 4.0, 2.0]) {
            lifecycle.observe(&point(minute, score), &Settings::default());
        }
        let episode = lifecycle.episode().unwrap();
        assert_eq!(episode.since.as_second(), 60);
        assert_eq!(episode.peak_at.as_second(), 120);
        assert_eq!(episode.last_anomalous.as_second(), 180);
    }
}
