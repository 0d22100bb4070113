//! A judgement in one sentence for people.

use super::types::{Attribution, Direction, PointScore, Reason};
use crate::series::Unit;

/// From this share on one feature is most of it.
const MOST: f64 = 0.4;
/// What an anomaly is during the warm-up, where there is no band yet to compare it with.
const FAR_OUTSIDE: &str = "far outside the few values seen so far";
/// Reasons from the most to the least telling.
const TELLING: [Reason; 14] = [
    Reason::Disappeared,
    Reason::PeerOutlier,
    Reason::CorrelationBreak,
    Reason::MissingSeason,
    Reason::Flatline,
    Reason::Drift,
    Reason::LevelShift,
    Reason::MoreVariable,
    Reason::Spike,
    Reason::Dip,
    Reason::SuddenChange,
    Reason::AboveExpected,
    Reason::BelowExpected,
    Reason::UnusualPattern,
];

impl Attribution {
    /// The metric of an entity that it speaks of; `None` for a feature of a single series.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        Some(self.feature.as_str()).filter(|name| feature(name) == *name)
    }
}

impl PointScore {
    /// What happened, in one sentence with units: `checkout latency is 1.84 s, expected 610 ms (480 ms to 790 ms): a short
    /// rise unlike anything before, 3.1 times the boundary; mostly the jump from the point before`.
    ///
    /// `name` is what people call the series or entity. Of an entity the metric that contributes most is named, whose value
    /// it is; its unit is `unit`, or what its name promises. Without a value it says so. The sentence has no full stop.
    #[must_use]
    pub fn narrate(&self, name: &str, unit: Unit) -> String {
        if self.imputed || !self.value.is_finite() {
            return format!("{name} has no value here");
        }
        if self.confidence <= 0.0 || self.reasons.contains(&Reason::WarmingUp) {
            let why = if self.is_anomaly { FAR_OUTSIDE } else { Reason::WarmingUp.sentence() };
            return format!("{name} is {}: {why}", unit.format(self.value));
        }
        let metric = self.attribution.first().and_then(Attribution::metric);
        let (name, unit) = match (metric, unit) {
            (Some(metric), Unit::None) => (format!("{name}: {metric}"), Unit::from_metric_name(metric)),
            (Some(metric), unit) => (format!("{name}: {metric}"), unit),
            (None, unit) => (name.to_owned(), unit),
        };
        let range = format!("{} to {}", unit.format(self.lower), unit.format(self.upper));
        let mut text =
            format!("{name} is {}, expected {} ({range})", unit.format(self.value), unit.format(self.expected));
        match TELLING.iter().find(|reason| self.reasons.contains(reason)) {
            Some(reason) => text.push_str(&format!(": {}", reason.sentence())),
            None if self.direction == Direction::Within => text.push_str(": as usual"),
            None => text.push_str(": a little out of the ordinary"),
        }
        if self.is_anomaly {
            text.push_str(&format!(", {} times the boundary", tenths(self.score)));
        } else if self.score >= 0.5 {
            text.push_str(&format!(", {} of the boundary", tenths(self.score)));
        }
        if let Some(first) = self.attribution.first().filter(|first| metric.is_none() && first.share >= MOST) {
            text.push_str(&format!("; mostly {}", feature(&first.feature)));
        }
        text
    }
}

fn tenths(score: f64) -> String {
    if score >= 99.95 { format!("{score:.0}") } else { format!("{score:.1}") }
}

/// A feature in words; the name of a metric stays as it is.
fn feature(name: &str) -> &str {
    match name {
        "value" => "the value itself",
        "change" => "the step from the point before",
        "above_long_median" | "above_short_median" => "the distance from its level",
        "long_spread" | "short_spread" | "long_range" | "short_range" => "how much it moved",
        "residual" => "the distance from what was expected",
        "residual_change" => "how fast it left what was expected",
        "residual_short_mean" | "residual_long_mean" => "staying away from what was expected",
        "residual_short_spread" | "residual_long_spread" => "how unsteady it is around what was expected",
        "pattern_of_8_points" => "the shape of the last 8 points",
        "pattern_of_32_points" => "the shape of the last 32 points",
        "autocorrelation" => "the way it moves",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> PointScore {
        PointScore {
            at: jiff::Timestamp::UNIX_EPOCH,
            value: 1.84,
            expected: 0.61,
            lower: 0.48,
            upper: 0.79,
            p_value: 1e-12,
            score: 3.1,
            is_anomaly: true,
            direction: Direction::Above,
            confidence: 0.9,
            imputed: false,
            suppressed: None,
            changes: Vec::new(),
            reasons: vec![Reason::AboveExpected, Reason::Spike],
            attribution: vec![Attribution { feature: "change".to_owned(), share: 0.6 }],
        }
    }

    #[test]
    fn a_judgement_reads_as_a_sentence() {
        let check = |point: PointScore, wanted: &str| assert_eq!(point.narrate("checkout", Unit::Seconds), wanted);
        check(
            point(),
            "checkout is 1.84 s, expected 610 ms (480 ms to 790 ms): a short rise unlike anything before, 3.1 times the \
             boundary; mostly the step from the point before",
        );
        let calm = PointScore {
            value: 0.6,
            score: 0.1,
            is_anomaly: false,
            direction: Direction::Within,
            reasons: Vec::new(),
            attribution: Vec::new(),
            ..point()
        };
        check(calm.clone(), "checkout is 600 ms, expected 610 ms (480 ms to 790 ms): as usual");
        check(PointScore { imputed: true, ..point() }, "checkout has no value here");
        check(
            PointScore { reasons: vec![Reason::WarmingUp], ..calm.clone() },
            "checkout is 600 ms: too little history to judge",
        );
        check(
            PointScore { reasons: vec![Reason::WarmingUp], ..point() },
            "checkout is 1.84 s: far outside the few values seen so far",
        );
        check(
            PointScore { value: 0.8, direction: Direction::Above, score: 0.7, ..calm },
            "checkout is 800 ms, expected 610 ms (480 ms to 790 ms): a little out of the ordinary, 0.7 of the boundary",
        );
        let cpu = vec![Attribution { feature: "cpu_cores".to_owned(), share: 0.6 }];
        check(
            PointScore { attribution: cpu.clone(), ..point() },
            "checkout: cpu_cores is 1.84 s, expected 610 ms (480 ms to 790 ms): a short rise unlike anything before, 3.1 \
             times the boundary",
        );
        let entity = PointScore { attribution: cpu, ..point() }.narrate("web-0", Unit::None);
        assert!(entity.starts_with("web-0: cpu_cores is 1.84 cores, expected 0.61 cores"), "{entity}");
        let extreme = PointScore { value: 1e300, score: 1e4, attribution: Vec::new(), ..point() };
        check(
            extreme,
            "checkout is 1.16e295 d, expected 610 ms (480 ms to 790 ms): a short rise unlike anything before, 10000 times \
             the boundary",
        );
    }
}
