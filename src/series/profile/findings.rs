//! The profile in sentences, each with its numbers.

use std::collections::BTreeMap;

use super::super::{HumanDuration, Unit};
use super::types::{Intermittency, Kind, Profile};

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Points, step and span.
    History,
    /// What is missing.
    Gaps,
    /// Counter, gauge, counts, ratio.
    Kind,
    /// Where values lie.
    Range,
    /// Zeros.
    Intermittency,
    /// Seasons.
    Season,
    /// Trend.
    Trend,
    /// Changes of level.
    LevelShifts,
    /// Noise and its memory.
    Noise,
    /// Noise that depends on the hour or the level.
    Variability,
    /// Tails and outliers.
    Tails,
}

/// Something that was found, in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub topic: Topic,
    /// A sentence, with units.
    pub sentence: String,
    /// The numbers behind it, all finite: shares 0 to 1, values in the unit of the series, times in seconds.
    pub evidence: BTreeMap<&'static str, f64>,
}

impl Topic {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Gaps => "gaps",
            Self::Kind => "kind",
            Self::Range => "range",
            Self::Intermittency => "intermittency",
            Self::Season => "season",
            Self::Trend => "trend",
            Self::LevelShifts => "level_shifts",
            Self::Noise => "noise",
            Self::Variability => "variability",
            Self::Tails => "tails",
        }
    }
}

impl Profile {
    /// What was found, in the order in which people ask. Topics of which there is nothing to say are left out.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let moves = !matches!(self.kind, Kind::Constant | Kind::Counter { .. });
        let mut all = vec![self.history()];
        all.extend((self.missing > 0.0).then(|| self.gaps()));
        all.push(self.what());
        all.extend((self.kind != Kind::Constant).then(|| self.range()));
        all.extend(self.zeros());
        if moves {
            all.extend(self.season());
            all.push(self.direction());
            all.extend((self.level_shifts > 0).then(|| self.shifts()));
            all.push(self.left_over());
            all.extend(self.variability());
            all.extend(self.is_heavy_tailed().then(|| self.tails()));
        }
        all
    }

    fn history(&self) -> Finding {
        let secs = self.points as f64 * self.step.secs_f64();
        let sentence = format!(
            "{} every {} over {}, from {} to {}.",
            several(self.points, "point"),
            self.step,
            Unit::Seconds.format(secs),
            self.start.strftime("%Y-%m-%d %H:%M"),
            self.end.strftime("%Y-%m-%d %H:%M")
        );
        let numbers = [("points", self.points as f64), ("step_s", self.step.secs_f64()), ("span_s", secs)];
        finding(Topic::History, sentence, &numbers)
    }

    fn gaps(&self) -> Finding {
        let secs = self.longest_gap as f64 * self.step.secs_f64();
        let sentence = format!("{} of the points are missing, {} in a row at most.", percent(self.missing), time(secs));
        finding(Topic::Gaps, sentence, &[("missing_share", self.missing), ("longest_gap_s", secs)])
    }

    fn what(&self) -> Finding {
        let (low, high) = (self.unit.format(self.span.min), self.unit.format(self.span.max));
        match self.kind {
            Kind::Constant => finding(Topic::Kind, format!("It is always {low}."), &[("value", self.span.min)]),
            Kind::TwoValued => {
                let sentence = format!("It has two values only, {low} and {high}.");
                finding(Topic::Kind, sentence, &[("low", self.span.min), ("high", self.span.max)])
            }
            Kind::Counter { resets, rises } => {
                let falls = if resets == 0 { "never falls".to_owned() } else { format!("restarts {}", times(resets)) };
                let sentence = format!("It looks like a counter: it grows {} and {falls}.", times(rises));
                finding(Topic::Kind, sentence, &[("rises", rises as f64), ("resets", resets as f64)])
            }
            Kind::Counts => finding(Topic::Kind, "It counts things: whole numbers, never below zero.".to_owned(), &[]),
            Kind::Ratio => finding(Topic::Kind, "It is a share of one: between 0 and 1.".to_owned(), &[]),
            Kind::Gauge => finding(Topic::Kind, "It is a gauge: it goes up and down.".to_owned(), &[]),
        }
    }

    fn range(&self) -> Finding {
        let span = &self.span;
        let shown = |value: f64| self.unit.format(value);
        let bounds = match (span.floor, span.ceiling) {
            (_, Some(ceiling)) => format!(", within 0 to {}", shown(ceiling)),
            (Some(_), None) => ", never below zero".to_owned(),
            (None, None) => String::new(),
        };
        let (low, high, middle) = (shown(span.min), shown(span.max), shown(span.median));
        let sentence = format!("Its values lie between {low} and {high}, half of them below {middle}{bounds}.");
        let mut found =
            finding(Topic::Range, sentence, &[("min", span.min), ("median", span.median), ("max", span.max)]);
        found.evidence.extend(span.floor.map(|floor| ("floor", floor)));
        found.evidence.extend(span.ceiling.map(|ceiling| ("ceiling", ceiling)));
        found
    }

    fn zeros(&self) -> Option<Finding> {
        let demand = self.demand.filter(|_| self.kind != Kind::TwoValued)?;
        let size = match demand.class {
            Intermittency::Smooth | Intermittency::Intermittent => "even",
            Intermittency::Erratic | Intermittency::Lumpy => "changing",
        };
        let sentence = format!(
            "{} of the points are zero; something happens every {} on average, of {size} size ({}).",
            percent(demand.zeros),
            time(demand.interval * self.step.secs_f64()),
            demand.class.as_str()
        );
        let numbers = [("zero_share", demand.zeros), ("interval_points", demand.interval), ("cv2", demand.cv2)];
        Some(finding(Topic::Intermittency, sentence, &numbers))
    }

    fn season(&self) -> Vec<Finding> {
        if self.seasons.is_empty() {
            let short = self.points < 18 || self.days() < 3.0;
            let why = if short { "; it would take three days to see a daily one" } else { "" };
            let sentence = format!("No season that helps to predict it was found{why}.");
            return vec![finding(Topic::Season, sentence, &[("seasons", 0.0)])];
        }
        let one = |cycle: &super::Cycle| {
            let sentence = format!(
                "It repeats every {}: strength {:.2}, and knowing it makes predictions {} better.",
                period(cycle.secs),
                cycle.strength,
                percent(cycle.gain)
            );
            let numbers = [
                ("period_s", cycle.secs),
                ("period_points", cycle.points as f64),
                ("strength", cycle.strength),
                ("gain", cycle.gain),
                ("cycles", cycle.cycles),
            ];
            finding(Topic::Season, sentence, &numbers)
        };
        self.seasons.iter().map(one).collect()
    }

    fn direction(&self) -> Finding {
        let trend = &self.trend;
        let numbers = [("per_day", trend.per_day), ("strength", trend.strength), ("p_value", trend.p_value)];
        let sentence = if self.has_trend() {
            let way = if trend.per_day > 0.0 { "rises" } else { "falls" };
            let slope = self.unit.format(trend.per_day.abs());
            format!("It {way} by {slope} a day (strength {:.2}, p {}).", trend.strength, small(trend.p_value))
        } else {
            "It goes neither up nor down for long.".to_owned()
        };
        finding(Topic::Trend, sentence, &numbers)
    }

    fn shifts(&self) -> Finding {
        let sentence = format!("Its level changed for good {}.", times(self.level_shifts));
        finding(Topic::LevelShifts, sentence, &[("count", self.level_shifts as f64)])
    }

    fn left_over(&self) -> Finding {
        let noise = &self.noise;
        let memory = match noise.lag1 {
            r if r > 0.7 => "each point much like the one before",
            r if r > 0.3 => "each point somewhat like the one before",
            r if r < -0.3 => "ups and downs take turns",
            _ => "each point by itself",
        };
        let scale = self.unit.format(noise.scale);
        let besides = if self.seasons.is_empty() { "its level" } else { "season and level" };
        let sentence =
            format!("Around {besides} it moves by about {scale}, {memory} (autocorrelation {:.2}).", noise.lag1);
        finding(Topic::Noise, sentence, &[("scale", noise.scale), ("lag1", noise.lag1)])
    }

    fn variability(&self) -> Vec<Finding> {
        let noise = &self.noise;
        let mut found = Vec::new();
        if noise.by_phase > 2.0 {
            let hours = noise.noisiest_hour.zip(noise.quietest_hour);
            let which = hours.map_or_else(
                || "Its noisiest phase is".to_owned(),
                |(loud, quiet)| format!("At {loud:02}:00 UTC it is noisiest and at {quiet:02}:00 quietest:"),
            );
            let sentence = format!("{which} {:.1} times as noisy.", noise.by_phase);
            found.push(finding(Topic::Variability, sentence, &[("loudest_over_quietest", noise.by_phase)]));
        }
        if self.is_multiplicative() {
            let sentence = "Its noise grows with its level: ratios mean more than differences.".to_owned();
            found.push(finding(Topic::Variability, sentence, &[("ln_scale_per_ln_level", noise.with_level)]));
        }
        found
    }

    fn tails(&self) -> Finding {
        let noise = &self.noise;
        let sentence = format!(
            "Its tails are heavy (index {:.1}): {} of the points lie beyond six times the usual deviation.",
            noise.tail_index,
            percent(noise.outliers)
        );
        let numbers =
            [("tail_index", noise.tail_index), ("tail_weight", noise.tail_weight), ("outlier_share", noise.outliers)];
        finding(Topic::Tails, sentence, &numbers)
    }
}

fn finding(topic: Topic, sentence: String, numbers: &[(&'static str, f64)]) -> Finding {
    Finding { topic, sentence, evidence: numbers.iter().copied().filter(|(_, number)| number.is_finite()).collect() }
}

fn several(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.01 { format!("{:.2} %", share * 100.0) } else { format!("{:.0} %", share * 100.0) }
}

fn small(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

fn time(secs: f64) -> String {
    Unit::Seconds.format(secs)
}

/// `day`, `week`, `hour` or a duration.
fn period(secs: f64) -> String {
    let named = [(3_600.0, "hour"), (86_400.0, "day"), (604_800.0, "week")];
    let known = named.iter().find(|(length, _)| (secs / length - 1.0).abs() < 0.005);
    known.map_or_else(
        || HumanDuration::from(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e12).round())).to_string(),
        |(_, name)| (*name).to_owned(),
    )
}
