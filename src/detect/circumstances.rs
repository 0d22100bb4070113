//! Points under their circumstances: gates, planned work, changes that were announced. Around the detectors of series
//! and entities, the same for both.

use jiff::Timestamp;

use super::core::Core;
use super::entity::EntityDetector;
use super::gates::{Circumstances, GateSettings};
use super::stream::FullDetector;
use super::types::{PointScore, Reason};

impl FullDetector {
    /// Judges a point with what is going on at the time.
    ///
    /// During planned work, and while the level after an announced change is looked for, the point is judged by a copy
    /// that is set aside and learns nothing; for the model itself the point is missing.
    pub(super) fn push_during(&mut self, at: Timestamp, value: f64, imputed: bool, now: Circumstances) -> PointScore {
        let impossible = self.settings.gates.is_impossible(value);
        let now = now.with(&self.settings.gates, at);
        self.boundary.set_vigilance(now.vigilance);
        if self.core.is_unsure() {
            self.boundary.be_cautious();
        }
        let value = if impossible { f64::NAN } else { value };
        let imputed = imputed || value.is_nan();
        let gathering = self.core.is_gathering();
        let point = if now.maintenance || gathering {
            let mut aside = self.aside.take().unwrap_or_else(|| self.copied());
            aside.boundary = self.boundary;
            let point = aside.score(at, value, imputed);
            drop(self.score(at, f64::NAN, true));
            if !now.maintenance {
                self.core.gather(if imputed { f64::NAN } else { value });
            }
            self.aside = Some(aside).filter(|_| now.maintenance || self.core.is_gathering());
            point
        } else {
            self.aside = None;
            self.score(at, value, imputed)
        };
        self.settings.gates.publish(point, impossible, now)
    }

    /// The level may be another one from the next point on: what follows is still judged by the level of today until
    /// the new one is known (15 points, fewer with steps above 8 minutes), and learned from then on.
    pub(super) fn expect_change(&mut self) {
        self.core.expect_change(self.step);
        self.aside = None;
    }

    /// Moves the boundary for good: `p*` is the budget's times `factor`, at most 0.01. What is no positive number changes
    /// nothing.
    pub(super) fn set_boundary_factor(&mut self, factor: f64) {
        self.boundary.set_factor(factor);
    }

    /// The lasting factor of the boundary.
    pub(super) const fn boundary_factor(&self) -> f64 {
        self.boundary.factor()
    }

    /// Puts other gates in place; what was learned stays.
    pub(super) fn set_gates(&mut self, gates: &GateSettings) {
        self.settings.gates.clone_from(gates);
    }

    fn copied(&mut self) -> Box<Self> {
        let mut copy = Box::new(self.clone());
        copy.freeze();
        copy
    }
}

impl EntityDetector {
    /// Judges one row, then learns it; `values` and `imputed` have one entry for each metric, in the order of the names.
    ///
    /// What is missing at the end of either counts as imputed. A metric that is imputed gives no evidence; a row of
    /// nothing else never alerts. The gates of the settings apply; an impossible value is a missing one.
    pub fn push(&mut self, at: Timestamp, values: &[f64], imputed: &[bool]) -> PointScore {
        self.push_during(at, values, imputed, Circumstances::default())
    }

    /// The same, with what is going on at the time, as [`super::SeriesDetector::push_during`].
    pub fn push_during(&mut self, at: Timestamp, values: &[f64], imputed: &[bool], now: Circumstances) -> PointScore {
        let gates = &self.settings.gates;
        let now = now.with(gates, at);
        let possible = |value: &f64| if gates.is_impossible(*value) { f64::NAN } else { *value };
        let admitted: Vec<f64> = values.iter().map(possible).collect();
        let impossible = values.iter().any(|value| gates.is_impossible(*value));
        self.boundary.set_vigilance(now.vigilance);
        let mut point = if now.maintenance || self.is_gathering() {
            let mut aside = self.aside.take().unwrap_or_else(|| self.copied());
            aside.boundary = self.boundary;
            let point = aside.score(at, &admitted, imputed);
            drop(self.score(at, &[], &[]));
            if !now.maintenance {
                self.gather(&admitted, imputed);
            }
            self.aside = Some(aside).filter(|_| now.maintenance || self.is_gathering());
            point
        } else {
            self.aside = None;
            self.score(at, &admitted, imputed)
        };
        let nothing_left = impossible && point.imputed;
        if impossible && !nothing_left {
            point.reasons.push(Reason::OutOfRange);
        }
        self.settings.gates.publish(point, nothing_left, now)
    }

    /// The levels may be others from the next row on, as [`super::SeriesDetector::expect_change`].
    pub fn expect_change(&mut self) {
        let step = self.step;
        self.cores.iter_mut().for_each(|core| core.expect_change(step));
        self.aside = None;
    }

    /// Moves the boundary for good, as [`super::SeriesDetector::set_boundary_factor`].
    pub fn set_boundary_factor(&mut self, factor: f64) {
        self.boundary.set_factor(factor);
    }

    /// The lasting factor of the boundary.
    #[must_use]
    pub const fn boundary_factor(&self) -> f64 {
        self.boundary.factor()
    }

    /// Puts other gates in place; what was learned stays.
    pub fn set_gates(&mut self, gates: &GateSettings) {
        self.settings.gates.clone_from(gates);
    }

    fn is_gathering(&self) -> bool {
        self.cores.iter().any(Core::is_gathering)
    }

    fn gather(&mut self, values: &[f64], imputed: &[bool]) {
        for (k, core) in self.cores.iter_mut().enumerate() {
            let missing = imputed.get(k).copied().unwrap_or(true);
            core.gather(if missing { f64::NAN } else { values.get(k).copied().unwrap_or(f64::NAN) });
        }
    }

    fn copied(&mut self) -> Box<Self> {
        let mut copy = Box::new(self.clone());
        copy.freeze();
        copy
    }
}

impl Circumstances {
    /// With the planned work that is written in `gates`.
    pub(super) fn with(self, gates: &GateSettings, at: Timestamp) -> Self {
        Self { maintenance: self.maintenance || gates.is_maintenance(at), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeriesDetector;
    use super::super::gates::{DeviationSettings, RangeSettings, WindowSettings};
    use super::super::settings::Settings;
    use super::super::types::{Suppression, score_of};
    use super::*;
    use crate::series::Step;

    const DAY: i64 = 288;

    fn at(point: i64) -> Timestamp {
        Timestamp::from_second(1_780_272_000 + point * 300).expect("a time")
    }

    /// Uniform in -1 to 1.
    fn noise(seed: i64) -> f64 {
        let mixed = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// A daily season with noise, one point in five minutes.
    fn ordinary(point: i64) -> f64 {
        100.0 + 30.0 * (point as f64 / DAY as f64 * std::f64::consts::TAU).sin() + 3.0 * (noise(point) + noise(-point))
    }

    fn learned(settings: &Settings, days: i64) -> SeriesDetector {
        let mut detector = SeriesDetector::new(Step::from_secs(300).expect("a step"), settings);
        for point in 0..days * DAY {
            detector.push(at(point), ordinary(point), false);
        }
        detector
    }

    fn gated(gates: GateSettings) -> Settings {
        Settings { gates, ..Settings::default() }
    }

    #[test]
    fn an_announced_step_raises_fewer_alarms_and_a_spike_an_hour_later_is_found() {
        let step = 14 * DAY;
        let spike = step + 20 + 12;
        let value = |point: i64| 2.0 * ordinary(point) + if point == spike { 250.0 } else { 0.0 };
        let run = |announced: bool| {
            let mut detector = learned(&Settings::default(), 14);
            if announced {
                detector.expect_change();
            }
            let points: Vec<PointScore> =
                (step..step + DAY).map(|point| detector.push(at(point), value(point), false)).collect();
            let alarms = points.iter().filter(|point| point.is_anomaly && point.at != at(spike)).count();
            (alarms, points)
        };
        let (without, _) = run(false);
        let (with, points) = run(true);
        assert!(2 * with < without, "with {with}, without {without}");
        assert!(points[32].is_anomaly && points[32].score > 1.0, "{:?}", points[32]);
        let late = &points[200];
        assert!((late.expected / value(step + 200) - 1.0).abs() < 0.15, "{late:?}");
        let evening = points.iter().skip(40).filter(|point| point.is_anomaly).count();
        assert!(evening <= 3, "the evening is ordinary: {evening}");
    }

    #[test]
    fn an_announcement_without_a_change_costs_nothing() {
        let mut detector = learned(&Settings::default(), 10);
        detector.expect_change();
        let alarms = (10 * DAY..11 * DAY).filter(|point| detector.push(at(*point), ordinary(*point), false).is_anomaly);
        assert!(alarms.count() <= 1);
    }

    #[test]
    fn planned_work_is_scored_and_leaves_no_trace() {
        let (from, to) = (10 * DAY, 10 * DAY + 24);
        let window = WindowSettings::once(at(from), at(to)).expect("a window");
        let gates = GateSettings { maintenance: vec![window], ..GateSettings::default() };
        let mut detector = learned(&gated(gates), 10);
        let mut blind = learned(&Settings::default(), 10);
        let mut seen = 0;
        for point in from..to + DAY {
            let down = if point < to { 0.0 } else { ordinary(point) };
            let judged = detector.push(at(point), down, false);
            let missed = blind.push(at(point), if point < to { f64::NAN } else { down }, point < to);
            if point < to {
                assert_eq!((judged.suppressed, judged.is_anomaly), (Some(Suppression::Maintenance), false));
                assert_eq!(judged.reasons[0], Reason::SuppressedMaintenance);
                seen += usize::from(judged.score > 1.0);
            } else {
                assert_eq!(judged, missed, "{point}");
            }
        }
        assert!(seen > 0, "the outage has its score");
    }

    #[test]
    fn a_snapshot_goes_on_in_the_middle_of_it_all() {
        let mut detector = learned(&Settings::default(), 6);
        detector.set_boundary_factor(1.7);
        detector.expect_change();
        for point in 6 * DAY..6 * DAY + 60 {
            let work = (20..40).contains(&(point - 6 * DAY));
            let now = Circumstances { maintenance: work, vigilance: 3.0 };
            let text = serde_json::to_string(&detector).expect("writes");
            let mut again: SeriesDetector = serde_json::from_str(&text).expect("reads");
            let judged = detector.push_during(at(point), 3.0 * ordinary(point), false, now);
            assert_eq!(again.push_during(at(point), 3.0 * ordinary(point), false, now), judged, "{point}");
        }
    }

    #[test]
    fn gates_take_alarms_away_and_never_change_a_score() {
        let gates = GateSettings {
            min_deviation: DeviationSettings::try_new(Some(1e6), None).ok(),
            business_hours: "Mon-Fri 08:00-18:00".parse().ok(),
            ..GateSettings::default()
        };
        let (mut open, mut shut) = (learned(&Settings::default(), 6), learned(&gated(gates), 6));
        let mut alarms = 0;
        for point in 6 * DAY..8 * DAY {
            let value = ordinary(point) + if point % 97 == 0 { 400.0 } else { 0.0 };
            let (free, held) = (open.push(at(point), value, false), shut.push(at(point), value, false));
            assert_eq!((free.p_value.to_bits(), free.score.to_bits()), (held.p_value.to_bits(), held.score.to_bits()));
            assert!(!held.is_anomaly);
            assert_eq!(held.suppressed.is_some(), free.is_anomaly);
            alarms += usize::from(free.is_anomaly);
        }
        assert!(alarms > 0);
    }

    #[test]
    fn impossible_values_are_missing_and_said_to_be_so() {
        let gates =
            GateSettings { data_range: RangeSettings::try_new(Some(0.0), None).ok(), ..GateSettings::default() };
        let (mut open, mut shut) = (learned(&Settings::default(), 4), learned(&gated(gates), 4));
        for point in 4 * DAY..5 * DAY {
            let wrong = point % 50 == 0;
            let judged = shut.push(at(point), if wrong { -1.0 } else { ordinary(point) }, false);
            let missed = open.push(at(point), if wrong { f64::NAN } else { ordinary(point) }, false);
            assert_eq!((judged.score.to_bits(), judged.imputed), (missed.score.to_bits(), missed.imputed));
            assert_eq!(judged.suppressed, wrong.then_some(Suppression::OutOfRange));
            assert_eq!(judged.reasons.first() == Some(&Reason::OutOfRange), wrong);
        }
    }

    #[test]
    fn weight_and_vigilance_move_the_boundary_and_leave_p_alone() {
        let (mut plain, mut weighted) = (learned(&Settings::default(), 4), learned(&Settings::default(), 4));
        weighted.set_boundary_factor(2.0);
        let p_star = plain.p_star();
        let now = Circumstances { maintenance: false, vigilance: 3.0 };
        let (point, value) = (4 * DAY, ordinary(4 * DAY) + 400.0);
        let (usual, watched) =
            (plain.push(at(point), value, false), weighted.push_during(at(point), value, false, now));
        assert!((usual.p_value - watched.p_value).abs() < 1e-15);
        assert!((watched.score - score_of(usual.p_value, 6.0 * p_star)).abs() < 1e-9);
        assert!(watched.reasons.contains(&Reason::AfterChange) && watched.is_anomaly);
        assert!((weighted.boundary_factor() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn an_entity_has_the_same_circumstances() {
        let gates =
            GateSettings { data_range: RangeSettings::try_new(Some(0.0), None).ok(), ..GateSettings::default() };
        let names = vec!["a".to_owned(), "b".to_owned()];
        let step = Step::from_secs(300).expect("a step");
        let mut entity = EntityDetector::try_new(step, names, &gated(gates)).expect("a detector");
        let row = |point: i64| [ordinary(point), 2.0 * ordinary(point + 7)];
        for point in 0..8 * DAY {
            entity.push(at(point), &row(point), &[false, false]);
        }
        let one = entity.push(at(8 * DAY), &[-1.0, row(8 * DAY)[1]], &[false, false]);
        assert!(!one.imputed && one.reasons.contains(&Reason::OutOfRange) && one.suppressed.is_none());
        let none = entity.push(at(8 * DAY + 1), &[-1.0, -1.0], &[false, false]);
        assert_eq!((none.imputed, none.suppressed), (true, Some(Suppression::OutOfRange)));
        let work = Circumstances { maintenance: true, vigilance: 1.0 };
        let down = entity.push_during(at(8 * DAY + 2), &[1.0, 1.0], &[false, false], work);
        assert_eq!((down.is_anomaly, down.suppressed), (false, Some(Suppression::Maintenance)));
        entity.expect_change();
        let doubled = |point: i64| row(point).map(|value| 2.0 * value);
        let alarms = (8 * DAY + 3..9 * DAY)
            .skip_while(|point| *point < 8 * DAY + 60)
            .filter(|point| entity.push(at(*point), &doubled(*point), &[false, false]).is_anomaly);
        let alarms = alarms.count();
        let last = entity.push(at(9 * DAY), &doubled(9 * DAY), &[false, false]);
        assert!(alarms < 30 && !last.is_anomaly, "{alarms} {last:?}");
    }
}
