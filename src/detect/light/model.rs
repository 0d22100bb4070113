//! The state of the light detector: expect, judge, learn.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::autoregression::Autoregression;
use super::frame::Frame;
use super::level::Level;
use super::profile::Profile;
use super::slots::{Cut, Slot};
use super::spread::Spread;
use super::tail::Tail;
use super::verdict::{self, Evidence};
use crate::detect::settings::Settings;
use crate::detect::stream::confidence;
use crate::detect::types::PointScore;
use crate::series::Step;

/// Points before the first judgement, and points during which a judgement says that it is an early one.
const FIRST_JUDGED: u64 = 8;
const EARLY: u64 = 50;
/// Errors are remembered for a day, but for at least and at most so many points.
const MEMORY: (f64, f64) = (50.0, 2_000.0);
/// The mean of the series is remembered for so many days, in points at least and at most.
const MEAN_DAYS: f64 = 3.0;
const MEAN_MEMORY: (f64, f64) = (100.0, 20_000.0);
/// The level is remembered for so much of a day, in points at least and at most.
const LEVEL_DAYS: f64 = 0.5;
const LEVEL_MEMORY: (f64, f64) = (30.0, 3_000.0);
/// The season is taken to explain so much before it has been seen to, and that opinion weighs as many points.
const SEASON_PRIOR: f64 = 0.8;
const SEASON_PRIOR_POINTS: f64 = 100.0;
/// Share of the seasonal scale in the scale of one-step errors.
const STEADY_SHARE: f64 = 0.02;
/// Smallest scale, in units of the first move, and one that wears off with the square of the points.
const LEAST_SCALE: f64 = 1e-9;
const PRIOR_SCALE: f64 = 16.0;
/// Winsorising: so many scales for the newest lag, opening by half a step with each outlier in a row; so many for the
/// profile and the mean, so many for the level. After so many outliers in a row everything is learned as it comes.
const LAG_LIMIT: f64 = 4.0;
const LAG_OPENING: f64 = 0.5;
const USUAL_LIMIT: f64 = 4.0;
const LEVEL_LIMIT: f64 = 3.0;
const NEW_REGIME: u32 = 12;
/// Points that the mean deviation and the mean size remember, and where one deviation is cut.
const SUSTAINED_POINTS: f64 = 12.0;
const VARIABLE_POINTS: f64 = 20.0;
const CUT: f64 = 6.0;
/// The profile's anchor follows when the mean is so many scales away.
const ANCHOR_SCALES: f64 = 64.0;
/// Mean size of a normal error.
const NORMAL_SIZE: f64 = 0.797_884_560_802_865_4;

/// A streaming detector in at most 4 KB, heap included.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::detect) struct Light {
    frame: Frame,
    profile: Profile,
    mean: Level,
    level: Level,
    lags: Autoregression,
    step_spread: Spread,
    season_spread: Spread,
    upper: Tail,
    lower: Tail,
    slow: Tail,
    /// Decayed sums of the season's regression: how much of its swing came true.
    #[serde(with = "crate::detect::exact::one")]
    swing_came: f64,
    #[serde(with = "crate::detect::exact::one")]
    swing_promised: f64,
    #[serde(with = "crate::detect::exact::one")]
    swing_keep: f64,
    #[serde(with = "crate::detect::exact::one")]
    sustained: f64,
    #[serde(with = "crate::detect::exact::one")]
    variable: f64,
    /// Last value learned, how often in a row it came, and the share of points that moved.
    #[serde(with = "crate::detect::exact::one")]
    last: f64,
    #[serde(with = "crate::detect::exact::one")]
    moving: f64,
    #[serde(with = "crate::detect::exact::one")]
    ln_p_star: f64,
    /// Heights at which one more scale is an alarm, above and below.
    #[serde(with = "crate::detect::exact::one")]
    reach_above: f64,
    #[serde(with = "crate::detect::exact::one")]
    reach_below: f64,
    flat: u32,
    outliers: u32,
    knows_season: bool,
    frozen: bool,
    learned: u64,
}

/// What is known about a point before its value.
struct Outlook {
    slot: Option<Slot>,
    mean: f64,
    /// What the season adds to the mean, before and after it is weighted.
    swing: f64,
    base: f64,
    level: f64,
    expected: f64,
    step_scale: f64,
    season_scale: f64,
    factor: f64,
}

impl Light {
    /// A detector that has seen nothing yet.
    /// Puts the boundary at another probability.
    pub(super) fn set_boundary(&mut self, p_star: f64) {
        self.ln_p_star = p_star.ln();
    }

    pub(in crate::detect) fn new(step: Step, settings: &Settings) -> Self {
        let cut = Cut::new(settings.season, step);
        let day = cut.secs() / step.secs_f64();
        let memory = day.clamp(MEMORY.0, MEMORY.1);
        let mut light = Self {
            frame: Frame::default(),
            profile: Profile::new(cut, day),
            mean: Level::new((MEAN_DAYS * day).clamp(MEAN_MEMORY.0, MEAN_MEMORY.1)),
            level: Level::new((LEVEL_DAYS * day).clamp(LEVEL_MEMORY.0, LEVEL_MEMORY.1)),
            lags: Autoregression::new(memory),
            step_spread: Spread::new(memory),
            season_spread: Spread::new(memory),
            upper: Tail::new(),
            lower: Tail::new(),
            slow: Tail::new(),
            swing_came: 0.0,
            swing_promised: 0.0,
            swing_keep: 1.0 - 1.0 / (3.0 * memory),
            sustained: 0.0,
            variable: NORMAL_SIZE,
            last: f64::INFINITY,
            moving: 1.0,
            ln_p_star: settings.false_alarms.p_star(step).ln(),
            reach_above: 0.0,
            reach_below: 0.0,
            flat: 0,
            outliers: 0,
            knows_season: false,
            frozen: false,
            learned: 0,
        };
        light.renew_reach();
        light
    }

    /// Judges the value at `at`, then learns it. NaN counts as imputed; an imputed value only keeps the clock going.
    pub(in crate::detect) fn push(
        &mut self,
        at: Timestamp,
        raw: f64,
        imputed: bool,
        settings: &Settings,
    ) -> PointScore {
        let imputed = imputed || raw.is_nan();
        let outlook = self.outlook(self.profile.cut().slot(at, &settings.calendar));
        let value = if raw.is_nan() { outlook.expected } else { self.frame.enter(raw) };
        let evidence = self.evidence(&outlook, value);
        let counts = !imputed && self.learned >= FIRST_JUDGED;
        let quick = if evidence.is_above { self.upper.ln_p(evidence.quick) } else { self.lower.ln_p(evidence.quick) };
        let slow = self.slow.ln_p_one_sided(evidence.slow);
        let (above, below) = (
            self.reach_above * outlook.step_scale * outlook.factor,
            self.reach_below * outlook.step_scale * outlook.factor,
        );
        let expected = self.frame.leave(outlook.expected);
        let point = verdict::Point {
            at,
            value: if raw.is_nan() { expected } else { raw.clamp(f64::MIN, f64::MAX) },
            expected,
            lower: self.frame.leave(outlook.expected - below).min(expected),
            upper: self.frame.leave(outlook.expected + above).max(expected),
            quick_ln_p: quick,
            slow_ln_p: slow,
            ln_p_star: self.ln_p_star,
            confidence: confidence(self.learned),
            imputed,
            counts,
            is_early: self.learned < EARLY,
            watch: settings.direction,
        };
        let score = verdict::of(&point, &evidence);
        if imputed {
            self.lags.follow(outlook.expected - outlook.base);
        } else {
            self.follow(&outlook, &evidence, value);
        }
        score
    }

    /// Stops learning for good: lags, level and sums still move with the values, all that was learned stays.
    pub(in crate::detect) const fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Points learned so far.
    pub(in crate::detect) const fn learned(&self) -> u64 {
        self.learned
    }

    /// Bytes of the whole state, heap included.
    pub(in crate::detect) fn state_bytes(&self) -> usize {
        let tails = [&self.upper, &self.lower, &self.slow].into_iter().map(Tail::heap_bytes).sum::<usize>();
        size_of::<Self>() + self.profile.heap_bytes() + tails
    }

    /// Whether the parts of a state that was read fit together.
    pub(in crate::detect) fn is_sound(&self) -> bool {
        let numbers =
            [self.swing_came, self.swing_promised, self.sustained, self.variable, self.reach_above, self.reach_below];
        numbers.iter().all(|v| v.is_finite())
            && self.ln_p_star < 0.0
            && self.swing_keep > 0.0
            && self.swing_keep < 1.0
            && (0.0..=1.0).contains(&self.moving)
            && self.frame.is_sound()
            && self.profile.is_sound()
            && self.lags.is_sound()
            && self.mean.is_sound()
            && self.level.is_sound()
            && self.step_spread.is_sound()
            && self.season_spread.is_sound()
            && [&self.upper, &self.lower, &self.slow].into_iter().all(Tail::is_sound)
    }

    fn outlook(&mut self, slot: Option<Slot>) -> Outlook {
        let mean = self.mean.next();
        let usual = slot.and_then(|slot| self.profile.usual(slot));
        let season_sd = self.season_spread.sd();
        let swing = usual.map_or(0.0, |usual| usual - mean);
        let base = mean + self.season_weight(season_sd) * swing;
        if usual.is_some() != self.knows_season {
            // what was left about the mean is left about the season from now on, or the other way round
            self.lags.shift(mean - base);
            self.level.shift(mean - base);
            self.knows_season = usual.is_some();
        }
        let level = self.level.next();
        let prior = PRIOR_SCALE / ((self.learned + 1) as f64).powi(2);
        let season_scale = season_sd.max(LEAST_SCALE) + prior;
        Outlook {
            slot,
            mean,
            swing,
            base,
            level,
            expected: base + self.lags.next(level),
            step_scale: self.step_spread.sd().max(LEAST_SCALE) + STEADY_SHARE * season_sd + prior,
            season_scale,
            factor: slot.map_or(1.0, |slot| self.profile.factor(slot)),
        }
    }

    /// How much of the season's swing is expected: the slope by which it came true.
    fn season_weight(&self, season_sd: f64) -> f64 {
        let prior = SEASON_PRIOR_POINTS * season_sd * season_sd;
        let promised = self.swing_promised + prior;
        if promised > 0.0 { ((self.swing_came + SEASON_PRIOR * prior) / promised).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn evidence(&self, outlook: &Outlook, value: f64) -> Evidence {
        let step = (value - outlook.expected) / (outlook.step_scale * outlook.factor);
        let season = (value - outlook.base - outlook.level) / (outlook.season_scale * outlook.factor);
        let sustained = self.sustained + (season.clamp(-CUT, CUT) - self.sustained) / SUSTAINED_POINTS;
        let variable = self.variable + (step.abs().min(CUT) - self.variable) / VARIABLE_POINTS;
        let season_missed = outlook.swing.abs() > 3.0 * outlook.season_scale
            && (value - outlook.mean - outlook.level).abs() < 0.5 * (value - outlook.base - outlook.level).abs();
        let stays = self.flat >= verdict::FLAT_POINTS && self.moving > verdict::USUALLY_MOVES;
        Evidence::new([step, season, sustained, variable], self.outliers, season_missed, stays)
    }

    fn follow(&mut self, outlook: &Outlook, evidence: &Evidence, value: f64) {
        let [step, season, sustained, variable] = evidence.parts;
        self.outliers = if step.abs() > LAG_LIMIT { self.outliers.saturating_add(1) } else { 0 };
        let as_it_comes = self.learned < FIRST_JUDGED || self.outliers >= NEW_REGIME;
        let step_scale = outlook.step_scale * outlook.factor;
        let lag_limit = (LAG_LIMIT + LAG_LIMIT * LAG_OPENING * f64::from(self.outliers)) * step_scale;
        let kept = if as_it_comes {
            value
        } else {
            outlook.expected + (value - outlook.expected).clamp(-lag_limit, lag_limit)
        };
        let level_limit = LEVEL_LIMIT * outlook.season_scale;
        let left = kept - outlook.base;
        let moved = (left - outlook.level).clamp(-level_limit, level_limit);
        self.sustained = sustained;
        self.variable = variable;
        if self.frozen {
            self.lags.follow(left);
        } else {
            self.learn(outlook, evidence, value, as_it_comes);
            self.lags.learn(left, outlook.level);
        }
        self.level.follow(if self.learned <= FIRST_JUDGED { left } else { outlook.level + moved });
        let same = (value - self.last).abs() <= 0.0;
        self.flat = if same { self.flat.saturating_add(1) } else { 0 };
        self.last = value;
        debug_assert!(step.is_finite() && season.is_finite(), "the frame keeps everything finite");
    }

    fn learn(&mut self, outlook: &Outlook, evidence: &Evidence, value: f64, as_it_comes: bool) {
        self.learned += 1;
        let (above, below) = if evidence.is_above { (evidence.quick, 0.0) } else { (0.0, evidence.quick) };
        let refitted = [self.upper.learn(above), self.lower.learn(below)];
        self.slow.learn(evidence.slow);
        if refitted.contains(&true) {
            self.renew_reach();
        }
        let error = value - outlook.expected;
        let deviation = value - outlook.base - outlook.level;
        self.step_spread.learn(error / outlook.factor, as_it_comes);
        self.season_spread.learn(deviation / outlook.factor, as_it_comes);
        let limit = USUAL_LIMIT * outlook.season_scale * outlook.factor;
        let usual = if self.learned <= FIRST_JUDGED {
            value
        } else {
            outlook.base + outlook.level + deviation.clamp(-limit, limit)
        };
        if let Some(slot) = outlook.slot {
            self.profile.learn_size(slot, error.abs() / (outlook.step_scale * NORMAL_SIZE));
            self.profile.anchor_at(outlook.mean, ANCHOR_SCALES * outlook.season_scale);
            self.profile.learn(slot, usual);
        }
        if self.knows_season {
            self.swing_came = self.swing_keep * self.swing_came + (usual - outlook.mean) * outlook.swing;
            self.swing_promised = self.swing_keep * self.swing_promised + outlook.swing * outlook.swing;
        }
        self.mean.follow(usual);
        let moves = if (value - self.last).abs() > 0.0 { 1.0 } else { 0.0 };
        self.moving += (moves - self.moving) * (1.0 - self.swing_keep);
    }

    fn renew_reach(&mut self) {
        let boundary = self.ln_p_star - verdict::LN_CHANCES;
        self.reach_above = self.upper.height_at(boundary).clamp(0.0, 1e9);
        self.reach_below = self.lower.height_at(boundary).clamp(0.0, 1e9);
    }
}
