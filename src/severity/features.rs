//! From the facts of an alert to the row that the model sees.

use crate::learn::Trend;

use super::types::AlertFacts;

/// One feature: its name (as in files and reasons), its unit, and how it may bear on severity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feature {
    /// Name, the same as the field of [`AlertFacts`] and the column in files.
    pub name: &'static str,
    /// Unit in words.
    pub unit: &'static str,
    /// Smallest sensible value.
    pub least: f64,
    /// Largest sensible value.
    pub most: f64,
    /// `TowardsFirst`: a larger value never makes the alert less severe.
    pub trend: Trend,
}

/// The features in the order of a row.
pub const FEATURES: [Feature; 12] = [
    feature("affected_users", "users", f64::MAX, Trend::TowardsFirst),
    feature("business_impact", "share, 0 to 1", 1.0, Trend::TowardsFirst),
    feature("historical_resolution_minutes", "minutes", f64::MAX, Trend::TowardsFirst),
    feature("anomaly_score", "score, 1 is the boundary", f64::MAX, Trend::TowardsFirst),
    feature("duration_minutes", "minutes", f64::MAX, Trend::TowardsFirst),
    feature("series_affected", "series", f64::MAX, Trend::TowardsFirst),
    feature("services_affected", "services", f64::MAX, Trend::TowardsFirst),
    feature("burn_rate", "multiples of the budget's rate", f64::MAX, Trend::TowardsFirst),
    feature("hours_to_exhaustion", "hours", f64::MAX, Trend::TowardsLast),
    feature("self_resolve_rate", "share, 0 to 1", 1.0, Trend::TowardsLast),
    feature("fired_last_30d", "times", f64::MAX, Trend::Free),
    feature("business_hours", "1 or 0", 1.0, Trend::Free),
];

const fn feature(name: &'static str, unit: &'static str, most: f64, trend: Trend) -> Feature {
    Feature { name, unit, least: 0.0, most, trend }
}

/// The row of an alert, in the order of [`FEATURES`]; what is missing or not finite is NaN ("not known").
#[must_use]
pub(super) fn row(facts: &AlertFacts) -> Vec<f64> {
    values(facts).map(|value| value.filter(|value| value.is_finite()).unwrap_or(f64::NAN)).to_vec()
}

/// The facts in the order of [`FEATURES`].
#[must_use]
pub(super) const fn values(facts: &AlertFacts) -> [Option<f64>; 12] {
    [
        facts.affected_users,
        facts.business_impact,
        facts.historical_resolution_minutes,
        facts.anomaly_score,
        facts.duration_minutes,
        facts.series_affected,
        facts.services_affected,
        facts.burn_rate,
        facts.hours_to_exhaustion,
        facts.self_resolve_rate,
        facts.fired_last_30d,
        facts.business_hours,
    ]
}

/// The facts of a row in the order of [`FEATURES`].
#[must_use]
pub(super) const fn facts(row: [Option<f64>; 12]) -> AlertFacts {
    let [users, impact, resolution, score, duration, series, services, burn, hours, selves, fired, business] = row;
    AlertFacts {
        affected_users: users,
        business_impact: impact,
        historical_resolution_minutes: resolution,
        anomaly_score: score,
        duration_minutes: duration,
        series_affected: series,
        services_affected: services,
        burn_rate: burn,
        hours_to_exhaustion: hours,
        self_resolve_rate: selves,
        fired_last_30d: fired,
        business_hours: business,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_fields_in_order() {
        let numbered = facts(std::array::from_fn(|i| Some(i as f64)));
        let json = serde_json::to_value(&numbered).unwrap();
        for (index, feature) in FEATURES.iter().enumerate() {
            assert_eq!(json[feature.name].as_f64(), Some(index as f64), "{}", feature.name);
        }
        assert_eq!(row(&numbered), (0..12).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_missing_or_not_finite_is_not_known() {
        let facts =
            AlertFacts { burn_rate: Some(f64::INFINITY), anomaly_score: Some(f64::NAN), ..AlertFacts::default() };
        assert!(row(&facts).iter().all(|value| value.is_nan()));
    }
}
