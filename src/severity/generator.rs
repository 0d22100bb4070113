//! The documented generator of labelled alerts: what the shipped model was trained on.
//!
//! Every alert has a kind (a blip, a noisy neighbour, a slow degradation, a failing dependency, a filling resource, an
//! outage) and a service (its size in users and its weight for the business). Both make a latent **hurt**: how much
//! users and business suffer, on a scale of about 0 to 10. The facts are what an observer would see of kind and
//! service, each with its own noise, and each missing with its own probability; they do not contain hurt. The severity
//! is the step of `hurt + disagreement` on a ladder, because two people judging the same alert do not always agree.
//!
//! Business hours come from the alert's time (Monday to Friday, 8 to 18 h UTC) and make the same hurt a little worse.
//! Values are rounded to three significant digits, as people and exporters do.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use super::dataset::LabelledAlert;
use super::types::{AlertFacts, Severity};

/// What a kind of alert looks like. Pairs are the mean and deviation of the natural logarithm.
struct Kind {
    /// Share of alerts.
    share: f64,
    /// Hurt that the kind does to a service of weight 1 all of whose users it reaches.
    harm: f64,
    /// Share of the service's users reached.
    reach: (f64, f64),
    duration_minutes: (f64, f64),
    anomaly_score: (f64, f64),
    series: (f64, f64),
    services: (f64, f64),
    burn_rate: (f64, f64),
    resolution_minutes: (f64, f64),
    /// Mean share that resolves by itself.
    self_resolve: f64,
    fired_last_30d: (f64, f64),
    /// Hours until the limit is reached, for what fills up.
    exhaustion_hours: Option<(f64, f64)>,
}

/// Blip, noisy neighbour, slow degradation, failing dependency, filling resource, outage.
const KINDS: [Kind; 6] = [
    kind(0.30, 0.6, [(-5.0, 1.2), (1.2, 0.8), (0.3, 0.35), (0.4, 0.5), (0.05, 0.1), (-1.0, 1.0), (2.3, 0.7)], 0.85),
    kind(0.22, 1.6, [(-3.8, 1.0), (2.6, 0.9), (0.5, 0.4), (1.0, 0.7), (0.2, 0.3), (-0.3, 0.9), (3.2, 0.7)], 0.55),
    kind(0.18, 3.2, [(-2.3, 0.9), (4.0, 0.9), (0.9, 0.45), (1.6, 0.7), (0.5, 0.5), (0.9, 0.8), (4.2, 0.7)], 0.25),
    kind(0.10, 4.5, [(-1.5, 0.8), (3.2, 0.8), (1.3, 0.45), (2.4, 0.7), (1.3, 0.5), (1.7, 0.8), (4.0, 0.8)], 0.20),
    Kind {
        exhaustion_hours: Some((3.3, 1.3)),
        ..kind(0.13, 1.8, [(-3.5, 1.2), (4.8, 1.0), (0.6, 0.4), (0.6, 0.6), (0.1, 0.2), (-0.6, 0.9), (4.5, 0.8)], 0.15)
    },
    kind(0.07, 8.0, [(-0.5, 0.4), (3.4, 0.7), (1.8, 0.4), (3.2, 0.7), (1.4, 0.6), (2.8, 0.7), (4.4, 0.7)], 0.06),
];

/// Steps of the ladder: at least this much hurt is critical, error, warning; less is info.
const LADDER: [f64; 3] = [4.6, 2.6, 1.2];
/// Deviation of people's disagreement about hurt.
const DISAGREEMENT: f64 = 0.35;
/// 2025-01-01T00:00:00Z: the first alert is after it.
const START_SECOND: i64 = 1_735_689_600;
/// Mean seconds between alerts.
const MEAN_GAP_SECONDS: f64 = 3_600.0;

/// `n` labelled alerts in order of time, the same for the same `seed` on every machine. O(n).
#[must_use]
pub fn generate(n: usize, seed: u64) -> Vec<LabelledAlert> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut second = START_SECOND;
    (0..n)
        .map(|index| {
            let gap: f64 = -(1.0 - rng.random::<f64>()).ln() * MEAN_GAP_SECONDS;
            second += 1 + gap as i64;
            let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            let (facts, severity) = alert(time, &mut rng);
            LabelledAlert { id: Some(format!("alert-{:05}", index + 1)), time: Some(time), facts, severity }
        })
        .collect()
}

const fn kind(
    share: f64,
    harm: f64,
    [reach, duration, score, series, services, burn, resolution]: [(f64, f64); 7],
    self_resolve: f64,
) -> Kind {
    Kind {
        share,
        harm,
        reach,
        duration_minutes: duration,
        anomaly_score: score,
        series,
        services,
        burn_rate: burn,
        resolution_minutes: resolution,
        self_resolve,
        fired_last_30d: (3.2 * self_resolve, 1.0),
        exhaustion_hours: None,
    }
}

/// One alert: its latent course, what an observer sees of it, and what people call it.
fn alert(time: Timestamp, rng: &mut Pcg64) -> (AlertFacts, Severity) {
    let kind = pick(rng);
    let service_users = lognormal(rng, (7.5, 1.6));
    let weight = (0.25 + 1.5 * rng.random::<f64>().powi(2)).min(1.6);
    let reach = lognormal(rng, kind.reach).min(1.0);
    let duration = lognormal(rng, kind.duration_minutes);
    let services = 1.0 + (lognormal(rng, kind.services) - 1.0).max(0.0).round();
    let series = (services + lognormal(rng, kind.series) - 1.0).max(1.0).round();
    let burn = lognormal(rng, kind.burn_rate);
    let hours_left = kind.exhaustion_hours.map(|of| lognormal(rng, of));
    let business = is_business_hours(time);
    let users = service_users * reach;

    let size = (users + 1.0).log10() / 4.0;
    let lasting = (duration / 60.0).ln_1p() * 0.35;
    let pressing = hours_left.map_or(0.0, |hours| 3.2 / (1.0 + hours / 12.0));
    let mut hurt = weight * (kind.harm * (0.35 + 0.65 * size) * (0.55 + 0.45 * reach.sqrt()) + lasting);
    hurt += pressing * (0.5 + 0.5 * weight) + 0.25 * burn.ln_1p() + 0.12 * (services - 1.0);
    hurt *= if business > 0.0 { 1.12 } else { 1.0 };
    let judged = hurt + DISAGREEMENT * normal(rng);
    let severity = if judged >= LADDER[0] {
        Severity::Critical
    } else if judged >= LADDER[1] {
        Severity::Error
    } else if judged >= LADDER[2] {
        Severity::Warning
    } else {
        Severity::Info
    };

    let score = lognormal(rng, kind.anomaly_score);
    let resolution = lognormal(rng, kind.resolution_minutes);
    let self_resolve = (kind.self_resolve + 0.12 * normal(rng)).clamp(0.0, 1.0);
    let fired = lognormal(rng, kind.fired_last_30d).round();
    let seen_users = (users * lognormal(rng, (0.0, 0.35))).round();
    let seen_burn = burn * lognormal(rng, (0.0, 0.2));
    let seen_hours = hours_left.map(|hours| hours * lognormal(rng, (0.0, 0.25)));
    let seen_impact = (weight / 1.6 * (0.3 + 0.7 * reach.sqrt()) + 0.06 * normal(rng)).clamp(0.0, 1.0);
    let facts = AlertFacts {
        affected_users: seen(rng, 0.30, seen_users),
        business_impact: seen(rng, 0.25, seen_impact),
        historical_resolution_minutes: seen(rng, 0.30, resolution),
        anomaly_score: seen(rng, 0.05, score),
        duration_minutes: seen(rng, 0.02, duration),
        series_affected: seen(rng, 0.05, series),
        services_affected: seen(rng, 0.10, services),
        burn_rate: seen(rng, 0.45, seen_burn),
        hours_to_exhaustion: seen_hours.and_then(|hours| seen(rng, 0.10, hours)),
        self_resolve_rate: seen(rng, 0.30, self_resolve),
        fired_last_30d: seen(rng, 0.15, fired),
        business_hours: Some(business),
    };
    (facts, severity)
}

fn pick(rng: &mut Pcg64) -> &'static Kind {
    let mut left: f64 = rng.random();
    for kind in &KINDS {
        left -= kind.share;
        if left < 0.0 {
            return kind;
        }
    }
    &KINDS[0]
}

/// The value, rounded, or nothing with probability `missing`.
fn seen(rng: &mut Pcg64, missing: f64, value: f64) -> Option<f64> {
    (rng.random::<f64>() >= missing).then(|| three_digits(value))
}

/// Rounded to three significant digits, by way of text so that it is the same number everywhere.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn lognormal(rng: &mut Pcg64, (mean, deviation): (f64, f64)) -> f64 {
    (mean + deviation * normal(rng)).exp()
}

fn normal(rng: &mut Pcg64) -> f64 {
    StandardNormal.sample(rng)
}

fn is_business_hours(time: Timestamp) -> f64 {
    let zoned = time.to_zoned(TimeZone::UTC);
    let weekday = !matches!(zoned.weekday(), Weekday::Saturday | Weekday::Sunday);
    f64::from(u8::from(weekday && (8..18).contains(&zoned.hour())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::severity::dataset::{parse_labelled, to_csv};

    #[test]
    fn the_same_seed_gives_the_same_alerts_and_another_others() {
        assert_eq!(generate(50, 1), generate(50, 1));
        assert_ne!(generate(50, 1), generate(50, 2));
        assert_eq!(generate(50, 1)[..20], generate(20, 1)[..]);
    }

    #[test]
    fn every_severity_occurs_as_often_as_in_a_sane_alert_stream() {
        let rows = generate(8_000, 3);
        let share = |severity| rows.iter().filter(|row| row.severity == severity).count() as f64 / 8_000.0;
        let shares = Severity::ALL.map(share);
        for (share, (low, high)) in shares.iter().zip([(0.04, 0.12), (0.10, 0.25), (0.20, 0.45), (0.25, 0.60)]) {
            assert!((low..high).contains(share), "{shares:?}");
        }
    }

    #[test]
    fn generated_alerts_survive_a_file() {
        let rows = generate(300, 4);
        assert!(rows.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!(parse_labelled(&to_csv(&rows)).unwrap().rows, rows);
    }
}
