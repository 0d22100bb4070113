//! The full detector of one series: score, then learn, point after point.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::boundary::Boundary;
use super::change::{Change, ChangeMonitor};
use super::combine::Calibration;
use super::core::{Core, Evidence, WARM_UP};
use super::error::DetectError;
use super::explain;
use super::habits::{Habit, Habits};
use super::opening::Prior;
use super::settings::Settings;
use super::sustained::Sustained;
use super::types::{Attribution, PointScore, Reason, Watch, score_of};
use crate::series::Step;

/// Points after which half of an incident's evidence has faded, and the share of it that counts.
const HALF_LIFE: f64 = 20.0;
const SHARE: f64 = 0.9;
/// What is held of an incident counts up to this share of the evidence that alarms once a week.
const HELD: f64 = 0.95;
/// Version of the snapshot; another one is refused.
const FORMAT: u32 = 2;
/// A streaming detector for one series of a regular step.
///
/// Causal: a score depends on the points up to its own. The state is bounded: about a week of values (at most 24,000), a
/// thousand rows of features and a thousand values of each part's past. One point costs O(1) amortised.
///
/// `serde` stores the whole state; a detector that was read back goes on exactly as the one that was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Snapshot", into = "Snapshot")]
pub(super) struct FullDetector {
    pub(super) settings: Settings,
    pub(super) step: Step,
    pub(super) core: Core,
    judge: Judge,
    habits: Habits,
    monitor: ChangeMonitor,
    pub(super) boundary: Boundary,
    /// Judges in place of this one, and learns nothing, while this one must not see the values.
    pub(super) aside: Option<Box<Self>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: u32,
    settings: Settings,
    step: Step,
    core: Core,
    judge: Judge,
    habits: Habits,
    #[serde(default)]
    boundary: Boundary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<Box<FullDetector>>,
    monitor: ChangeMonitor,
}

/// What turns evidence into a decision, for series and entities alike.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Judge {
    calibration: Calibration,
    sustained: Sustained,
    frozen: bool,
}

impl FullDetector {
    /// A detector that has seen nothing yet.
    pub(super) fn new(step: Step, settings: &Settings) -> Self {
        let (day, week) = settings.season.points(step);
        Self {
            settings: settings.clone(),
            step,
            core: Core::new(step, settings),
            judge: Judge::new(step),
            habits: Habits::default(),
            monitor: ChangeMonitor::new(step, settings.false_alarms.p_star(step), day.or(week)),
            boundary: Boundary::default(),
            aside: None,
        }
    }

    /// Judges the point at `at`, then learns it, whatever the circumstances.
    pub(super) fn score(&mut self, at: Timestamp, value: f64, imputed: bool) -> PointScore {
        let imputed = imputed || value.is_nan();
        let p_star = self.p_star();
        let reach = self.core.tail().size_at(p_star);
        let evidence = self.core.push(value, imputed);
        let habit = self.habit(value, imputed);
        let (lower, upper) = band(&evidence, reach);
        let direction = explain::direction(evidence.value, lower, upper);
        let unwanted = unwanted(self.settings.direction, evidence.residual);
        let counts = !imputed;
        let p_value =
            self.judge.p_value(evidence.combined, habit, counts && !evidence.warming_up).min(evidence.opening);
        let p_value = if unwanted { 1.0 } else { p_value };
        let score = score_of(p_value, p_star);
        let telling = counts && score >= explain::TELLING;
        let changes = self.changes(at, &evidence, counts && !evidence.warming_up);
        let mut reasons = match (imputed, evidence.warming_up) {
            (true, _) => vec![Reason::Missing],
            (false, true) => explain::warm_up(&evidence, telling),
            _ if telling && habit.still >= 1.0 => vec![Reason::Flatline],
            _ if telling => explain::reasons(&evidence, direction),
            _ => Vec::new(),
        };
        for reason in changes.iter().filter_map(Change::reason) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        PointScore {
            at,
            value: evidence.value,
            expected: evidence.expected,
            lower,
            upper,
            p_value,
            score,
            is_anomaly: counts && score >= 1.0,
            direction,
            confidence: self.confidence(),
            imputed,
            suppressed: None,
            reasons,
            attribution: if telling { self.attribution(&evidence) } else { Vec::new() },
            changes,
        }
    }

    /// What the habits of the series say of a point, which they then learn.
    fn habit(&mut self, value: f64, imputed: bool) -> Habit {
        let seen = !imputed && value.is_finite();
        let habit = if seen { self.habits.judge(value) } else { Habit::NONE };
        if seen && !self.judge.frozen {
            self.habits.learn(value.clamp(-1e300, 1e300));
        }
        habit
    }

    /// Lets the first points be judged by what siblings are like.
    pub(super) fn open_with(&mut self, prior: Prior) {
        self.core.open_with(prior);
    }

    /// What a sibling of this series may expect of itself; `None` before the warm-up of 50 points is over.
    pub(super) fn prior(&self) -> Option<Prior> {
        self.core.prior()
    }

    /// Stops learning for good: windows still move with the values, all that was learned stays.
    pub(super) const fn freeze(&mut self) {
        self.core.freeze();
        self.judge.freeze();
    }

    /// Time between two points.
    pub(super) const fn step(&self) -> Step {
        self.step
    }

    /// Settings it was made with.
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The decision boundary as a probability: that of the budget, and the factors of the boundary.
    pub(super) fn p_star(&self) -> f64 {
        self.boundary.p_star(self.settings.false_alarms.p_star(self.step))
    }

    /// How far judgements can be trusted by now, 0 to 1: 0 at first, 1/2 after 250 points (at once with three siblings),
    /// 0.8 after 1,000.
    pub(super) fn confidence(&self) -> f64 {
        confidence(self.core.learned())
    }

    /// Lasting changes that this point makes certain, on the watched side.
    fn changes(&mut self, at: Timestamp, evidence: &Evidence, counts: bool) -> Vec<Change> {
        let value = if counts { evidence.value } else { f64::NAN };
        let mut changes = self.monitor.push(at, value, evidence.expected, evidence.scale);
        changes.retain(|change| match self.settings.direction {
            Watch::Both => true,
            Watch::Above => change.after >= change.before,
            Watch::Below => change.after <= change.before,
        });
        changes
    }

    fn attribution(&self, evidence: &Evidence) -> Vec<Attribution> {
        let shares = self.core.attribute(&evidence.features);
        explain::attribution(evidence, shares.as_deref())
    }
}

impl Judge {
    pub(super) fn new(step: Step) -> Self {
        let sustained = Sustained::new(HALF_LIFE, SHARE);
        Self { calibration: Calibration::new(step), sustained, frozen: false }
    }

    /// The p-value of a point's evidence; `counts` says whether the point may be judged and learned.
    pub(super) fn p_value(&mut self, evidence: f64, habit: Habit, counts: bool) -> f64 {
        if !counts {
            return 1.0;
        }
        let common = if habit.floor > 0.0 { self.calibration.evidence_at(habit.floor.min(1.0)) } else { f64::INFINITY };
        // one alarm a week where the stand-still begins to be too long
        let still = if habit.still >= 1.0 { habit.still * self.calibration.weekly_evidence() } else { 0.0 };
        let crowd = self.calibration.evidence_at(habit.crowd);
        let evidence = evidence.min(common).max(crowd).max(still);
        let evidence = self.sustained.push(evidence, HELD * self.calibration.weekly_evidence());
        let p_value = self.calibration.p_value(evidence);
        if !self.frozen {
            self.calibration.learn(evidence);
        }
        p_value
    }

    pub(super) const fn freeze(&mut self) {
        self.frozen = true;
    }

    pub(super) fn is_sound(&self) -> bool {
        self.calibration.is_sound() && self.sustained.is_sound()
    }
}

/// The band around the expected value that is left with probability `p*` by the residual alone; finite, in order.
pub(super) fn band(evidence: &Evidence, reach: f64) -> (f64, f64) {
    let reach = (reach.max(1.0) * evidence.scale).min(f64::MAX);
    ((evidence.expected - reach).max(f64::MIN), (evidence.expected + reach).min(f64::MAX))
}

/// Whether the residual points to the side that is not watched.
pub(super) fn unwanted(watch: Watch, residual: f64) -> bool {
    match watch {
        Watch::Both => false,
        Watch::Above => residual <= 0.0,
        Watch::Below => residual >= 0.0,
    }
}

/// `n / (n + 250)`, 0 during the warm-up's first point.
pub(super) fn confidence(learned: u64) -> f64 {
    let n = learned.saturating_sub(1) as f64;
    n / (n + 5.0 * WARM_UP as f64)
}

impl From<FullDetector> for Snapshot {
    fn from(detector: FullDetector) -> Self {
        let FullDetector { settings, step, core, judge, habits, monitor, boundary, aside } = detector;
        Self { format: FORMAT, settings, step, core, judge, habits, monitor, boundary, aside }
    }
}

impl TryFrom<Snapshot> for FullDetector {
    type Error = DetectError;

    fn try_from(snapshot: Snapshot) -> Result<Self, Self::Error> {
        let Snapshot { format, settings, step, mut core, judge, habits, monitor, boundary, aside } = snapshot;
        if format != FORMAT {
            return Err(DetectError::Snapshot(format!("format must be {FORMAT}, got {format}")));
        }
        if !monitor.is_sound() {
            return Err(DetectError::Snapshot("its monitor of changes is out of range".to_owned()));
        }
        if !judge.is_sound() {
            return Err(DetectError::Snapshot("its calibration is out of range".to_owned()));
        }
        core.restore().map_err(|what| DetectError::Snapshot(what.to_owned()))?;
        if !habits.is_sound() {
            return Err(DetectError::Snapshot("its habits do not fit together".to_owned()));
        }
        Ok(Self { settings, step, core, judge, habits, monitor, boundary, aside })
    }
}
