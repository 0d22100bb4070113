//! The streaming detector of one metric: parts that each give evidence, in the metric's own scale.

use serde::{Deserialize, Serialize};

use super::adapt::Gathering;
use super::excess::Excess;
use super::features::{Behaviour, FEATURES, Features, LEVEL_FEATURES};
use super::frame::Frame;
use super::gap::Gap;
use super::isolation_forest::mix;
use super::novelty::Novelty;
use super::online_forest::{OnlineForest, OnlineForestParams};
use super::opening::{Opening, Prior};
use super::parts::{COUNT, LONG_WINDOW, SHORT_WINDOW, combine};
use super::reseason::Reseason;
use super::residual::ResidualTail;
use super::ridge::Ridge;
use super::seasonal::{Expectation, Seasonal};
use super::settings::Settings;
use super::shape::Shape;
use super::trail::Trail;
use super::window::{Recent, Rolling};
use crate::series::Step;

/// Points before the first judgement.
pub(super) const WARM_UP: u64 = 50;
/// Newest points that tell siblings what to expect.
const PRIOR_POINTS: usize = 2_000;
/// Points of raw history that are held: at least so many, and up to so many for seven days.
const LEAST_HELD: usize = 8_320;
const MOST_HELD: usize = 24_000;
/// Rows of features that the level part's reservoir is taken from: held, and the most that one of them stands for.
const LEVEL_ROWS: usize = 512;
const LEVEL_STRIDE: usize = 16;
/// Span of the reservoirs in points.
const RESERVOIR_SPAN: usize = 8_000;
const LONGEST_WINDOW: usize = 64;
/// Residual scales to which an outlier is limited in the windows of later points.
const TAME: f64 = 10.0;
/// The window's length is chosen at these ages.
const WIDTH_AGES: [u64; 4] = [WARM_UP, 200, 1_000, 5_000];
/// One-step errors that make a scale.
const FEWEST_ERRORS: usize = 30;

/// What one point showed, in the units of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    pub(super) value: f64,
    /// The value in the metric's own frame.
    pub(super) inner: f64,
    pub(super) expected: f64,
    /// Robust standard deviation of the residual.
    pub(super) scale: f64,
    /// Standardised residual.
    pub(super) residual: f64,
    /// Excess of each part over its own bulk.
    pub(super) excess: [f64; COUNT],
    /// Weighted mean of `ln(1 + excess)`.
    pub(super) combined: f64,
    pub(super) features: [f64; FEATURES],
    pub(super) behaviour: Behaviour,
    /// Change from the point before over the scale of changes.
    pub(super) jump: f64,
    /// Probability by the first points and the siblings; 1 after the warm-up.
    pub(super) opening: f64,
    pub(super) warming_up: bool,
    /// Whether a season was expected, and not only a level.
    pub(super) in_season: bool,
    /// Scale of the residual in the metric's own frame.
    pub(super) inner_scale: f64,
}

/// The learned state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Core {
    pub(super) frame: Frame,
    /// After an announced change, until its level is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gathering: Option<Gathering>,
    /// Points for which a level that was found anew is not sure yet.
    #[serde(default)]
    pub(super) unsure: u32,
    /// Expected value and residual scale of the last point, in the units of the input.
    #[serde(skip)]
    pub(super) outlook: (f64, f64),
    #[serde(default)]
    gap: Gap,
    recent: Recent,
    /// The newest values for windows, outliers limited once they were judged.
    tamed: Recent,
    seasonal: Seasonal,
    #[serde(default)]
    reseason: Reseason,
    ridge: Ridge,
    ridge_errors: Rolling,
    shape: Shape,
    features: Features,
    level: Novelty,
    short: Novelty,
    long: Novelty,
    rows: Trail,
    /// Always there: a forest takes rows of so many features.
    forest: Option<OnlineForest>,
    excess: Vec<Excess>,
    tail: ResidualTail,
    #[serde(with = "super::exact::one")]
    mean_size: f64,
    opening: Opening,
    seen: u64,
    learned: u64,
    next_reservoir: u64,
    next_shape: u64,
    frozen: bool,
}

impl Core {
    pub(super) fn new(step: Step, settings: &Settings) -> Self {
        let params = OnlineForestParams::of(settings.forest.params(mix(settings.seed, 3)));
        let (day, week) = settings.season.points(step);
        let wanted = week.or(day).map_or(0, |points| 4 * points + 8).max(day.map_or(0, |d| 7 * d + 8));
        let needed = day.or(week).map_or(0, |points| 7 * points + 8).min(MOST_HELD);
        let held = wanted.min(LEAST_HELD).max(needed).max(LEAST_HELD);
        let seed = settings.seed;
        let scale_window = if step.secs_f64() < 60.0 { 300 } else { day.unwrap_or(300).clamp(24, 2_000) };
        Self {
            frame: Frame::default(),
            gathering: None,
            unsure: 0,
            outlook: (0.0, 1.0),
            gap: Gap::default(),
            recent: Recent::new(held),
            tamed: Recent::new(LONGEST_WINDOW),
            seasonal: Seasonal::new(day, week, held),
            reseason: Reseason::new(step, settings.season),
            ridge: Ridge::new(day, week, held),
            ridge_errors: Rolling::new(scale_window),
            shape: Shape::new(),
            features: Features::new(64),
            level: Novelty::new(LEVEL_FEATURES, 3),
            short: Novelty::new(SHORT_WINDOW, 1),
            long: Novelty::new(LONG_WINDOW, 1),
            rows: Trail::new(LEVEL_FEATURES, LEVEL_ROWS, LEVEL_STRIDE, mix(seed, 1)),
            forest: OnlineForest::try_new(params, FEATURES).ok(),
            excess: (0..COUNT as u64).map(|part| Excess::new(mix(seed, 10 + part))).collect(),
            tail: ResidualTail::new(mix(seed, 2)),
            mean_size: 0.0,
            opening: Opening::default(),
            seen: 0,
            learned: 0,
            next_reservoir: WARM_UP,
            next_shape: WARM_UP,
            frozen: false,
        }
    }

    /// Judges one value, then learns it. NaN counts as imputed; an imputed value is followed but not learned.
    pub(super) fn push(&mut self, raw: f64, imputed: bool) -> Evidence {
        let imputed = imputed || raw.is_nan();
        // what stands in for a value before the first one was seen was made from the future
        let raw = if imputed && self.learned == 0 { f64::NAN } else { raw };
        let learn = !imputed && !self.frozen;
        let expected = self.seasonal.expect(&self.recent);
        let prediction = self.ridge.predict(&self.recent);
        self.gap.count(raw.is_nan());
        let value = if raw.is_nan() { self.stand_in(&expected, prediction) } else { self.frame.enter(raw) };
        let residual = if self.seasonal.is_ready() { (value - expected.value) / expected.scale } else { 0.0 };
        let before = self.recent.lag(0);
        self.recent.push(value);
        self.tamed.push(value);
        let features = self.features.push(value, residual.clamp(-1e9, 1e9));
        let step_error = (value - prediction).abs();
        let step_scale = self.step_scale();
        let raw_scores = self.raw_scores(&features, residual, step_error / step_scale);
        let raw_scores = self.gap.without_windows(raw_scores, self.shape.width());
        let mut excess = [0.0; COUNT];
        for ((excess, part), raw) in excess.iter_mut().zip(&self.excess).zip(raw_scores) {
            *excess = raw.map_or(0.0, |raw| part.of(raw));
        }
        let warming_up = self.learned < WARM_UP;
        self.tame(&expected, value);
        let opening = if warming_up { self.opening.expect() } else { None };
        let of_season = (self.frame.leave(expected.value), (expected.scale * self.frame.unit()).min(f64::MAX));
        let (expected_raw, scale_raw) = opening.unwrap_or(of_season);
        let evidence = Evidence {
            value: if raw.is_nan() { expected_raw } else { raw.clamp(f64::MIN, f64::MAX) },
            inner: value,
            expected: expected_raw,
            scale: scale_raw,
            residual: if warming_up { evidence_side(raw, expected_raw) } else { residual.clamp(-1e9, 1e9) },
            excess,
            combined: if warming_up { 0.0 } else { combine(&excess) },
            features,
            behaviour: self.features.behaviour(),
            jump: before.map_or(0.0, |b| (value - b) / step_scale),
            opening: if warming_up && !imputed { self.opening.p_value(raw) } else { 1.0 },
            warming_up,
            in_season: expected.is_seasonal(),
            inner_scale: expected.scale,
        };
        self.outlook = (evidence.expected, evidence.scale);
        self.seasonal.follow(expected, value, learn);
        self.seen += 1;
        if learn {
            if warming_up {
                self.opening.learn(raw);
            }
            self.learn(value, prediction, residual, &features, &raw_scores);
        } else {
            self.ridge.skip();
        }
        evidence
    }

    /// Stops learning: windows still move on, everything that was learned stays as it is.
    pub(super) const fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Lets the first points be judged by what siblings are like.
    pub(super) fn open_with(&mut self, prior: Prior) {
        self.opening = Opening::new(Some(prior));
    }

    /// What siblings of this series may expect; `None` before its own warm-up is over.
    pub(super) fn prior(&self) -> Option<Prior> {
        let newest = || self.recent.to_vec(PRIOR_POINTS).into_iter().map(|v| self.frame.leave(v)).collect::<Vec<f64>>();
        (self.learned >= WARM_UP).then(newest).and_then(|values| Prior::of_values(&values))
    }

    /// Points learned so far, and those that siblings lent.
    pub(super) fn learned(&self) -> u64 {
        self.learned + self.opening.lent_points()
    }

    /// Tail of the standardised residual.
    pub(super) const fn tail(&self) -> &ResidualTail {
        &self.tail
    }

    /// Shares of the features in the forest's score; `None` before there is a tree.
    pub(super) fn attribute(&self, features: &[f64; FEATURES]) -> Option<Vec<f64>> {
        self.forest.as_ref().filter(|f| f.is_ready()).map(|f| f.attribute(features))
    }

    /// After a snapshot was read: checks the parts. Says what is wrong.
    pub(super) fn restore(&mut self) -> Result<(), &'static str> {
        let sound = self.excess.len() == COUNT
            && self.excess.iter().all(Excess::is_sound)
            && [&self.level, &self.short, &self.long].iter().all(|n| n.is_sound())
            && self.rows.is_sound()
            && self.ridge.is_sound()
            && self.shape.is_sound()
            && self.seasonal.is_sound()
            && self.opening.is_sound()
            && self.tail.is_sound()
            && self.frame.rebase.is_sound()
            && self.gathering.as_ref().is_none_or(Gathering::is_sound)
            && self.forest.as_ref().is_none_or(|f| f.features() == FEATURES);
        if !sound {
            return Err("its parts do not fit together");
        }
        Ok(())
    }

    /// What stands in the place of a value that was not seen: the one-step prediction at first, so that windows keep their
    /// shape, and more and more what season and level promise, towards which predictions of predictions must not drift.
    fn stand_in(&self, expected: &Expectation, prediction: f64) -> f64 {
        let reach = 5.0 * expected.scale;
        expected.value + self.gap.prediction_counts() * (prediction - expected.value).clamp(-reach, reach)
    }

    fn step_scale(&self) -> f64 {
        let errors = &self.ridge_errors;
        if errors.len() < FEWEST_ERRORS {
            return self.mean_size.max(1e-9);
        }
        1.4826 * errors.median() + 0.1 * errors.sd() + 1e-3 * self.mean_size + 1e-9
    }

    /// Limits an outlier, now that it was judged, in the windows of the points to come: it is no news any more.
    fn tame(&mut self, expected: &Expectation, value: f64) {
        let reach = TAME * expected.scale;
        let residual = value - expected.value;
        if self.seasonal.is_ready() && self.learned >= WARM_UP && residual.abs() > reach {
            let limited = expected.value + reach.copysign(residual);
            self.tamed.replace_newest(limited);
            self.features.tame(limited, TAME.copysign(residual));
        }
    }

    /// Raw score of each part; `None` while a part has nothing to compare with.
    fn raw_scores(&self, features: &[f64; FEATURES], residual: f64, step: f64) -> [Option<f64>; COUNT] {
        let mut window = Vec::with_capacity(64);
        self.tamed.window_into(0, SHORT_WINDOW, &mut window);
        let short = self.short.distance(&window);
        self.tamed.window_into(0, LONG_WINDOW, &mut window);
        let long = self.long.distance(&window);
        self.tamed.window_into(0, self.shape.width(), &mut window);
        let shape = self.shape.distance(&mut window);
        let forest = self.forest.as_ref().filter(|f| f.is_ready()).map(|f| f.score(features));
        let level = self.level.distance(&features[..LEVEL_FEATURES]);
        let season = self.seasonal.is_ready().then_some(residual.abs());
        let step = (self.ridge_errors.len() >= FEWEST_ERRORS).then_some(step);
        [forest, level, short, long, season, step, shape]
    }

    fn learn(
        &mut self,
        value: f64,
        prediction: f64,
        residual: f64,
        features: &[f64; FEATURES],
        raw: &[Option<f64>; COUNT],
    ) {
        self.learned += 1;
        self.mean_size += (value.abs() - self.mean_size) * (1.0 / self.learned as f64).max(1e-5);
        self.ridge.learn(prediction, value);
        self.ridge_errors.push((value - prediction).abs());
        self.rows.push(&features[..LEVEL_FEATURES]);
        if let Some(forest) = &mut self.forest {
            forest.learn(features);
        }
        if self.seasonal.is_ready() {
            self.tail.learn(residual.abs().min(1e9));
        }
        for (part, raw) in self.excess.iter_mut().zip(raw) {
            if let Some(raw) = raw {
                part.learn(*raw);
            }
        }
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let age = self.learned;
        if let Some(seasonal) = self.reseason.at(age, &self.recent) {
            self.seasonal = seasonal;
        }
        if WIDTH_AGES.contains(&age) {
            self.shape.choose_width(&self.recent);
            self.features.set_long(self.shape.width(), &self.recent);
            self.next_shape = age;
        }
        if age >= self.next_shape {
            self.shape.refit(&self.recent);
            self.next_shape = age + 100.max(age / 10);
        }
        if age >= self.next_reservoir {
            self.rebuild_reservoirs();
            self.next_reservoir = age + 100.max((age - WARM_UP) / 20);
        }
    }

    fn rebuild_reservoirs(&mut self) {
        let span = self.recent.len().min(RESERVOIR_SPAN);
        let rows = span.min(super::novelty::RESERVOIR);
        let (mut window, mut short, mut long) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows {
            let lag = span - 1 - row * span / rows;
            self.recent.window_into(lag, SHORT_WINDOW, &mut window);
            short.extend_from_slice(&window);
            self.recent.window_into(lag, LONG_WINDOW, &mut window);
            long.extend_from_slice(&window);
        }
        self.short.rebuild(&short);
        self.long.rebuild(&long);
        let level: Vec<f64> = self.rows.values().collect();
        self.level.rebuild(&level);
    }
}

/// Which side a value of the warm-up lies on, as a residual of size 1; 0 for none.
fn evidence_side(value: f64, expected: f64) -> f64 {
    value.partial_cmp(&expected).map_or(0.0, |order| f64::from(order as i8))
}
