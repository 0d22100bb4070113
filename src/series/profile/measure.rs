//! From a series to its profile.

use super::super::Series;
use super::noise::{self, PHASES, Placed, phase_at};
use super::order::median;
use super::season::{Cycle, rescaled, seasons};
use super::types::{Kind, Noise, Profile};
use super::{kind, trend};

const SECS_PER_DAY: f64 = 86_400.0;
const SECS_PER_HOUR: f64 = 3_600.0;
/// Points whose noise is measured, the newest.
const MOST: usize = 16_384;
/// Days that show a daily profile.
const DAYS: f64 = 3.0;

impl Profile {
    /// The profile of `series`. Imputed points count as missing and hold their place in time; see the module for the cost.
    ///
    /// The unit decides where values cannot: what lies between 0 and 1 is a ratio, unless its unit or name says otherwise. A
    /// counter is profiled as it is, not as its rate.
    #[must_use]
    pub fn of(series: &Series) -> Self {
        let known: Vec<f64> = present(series).collect();
        let known = if known.is_empty() { series.values().to_vec() } else { known };
        let unit = series.unit();
        let kind = kind::kind(&known, unit, series.name());
        let span = kind::span(&known, kind, series.name());
        let seasons = if moves(kind) { seasons(series.values(), series.step()) } else { Vec::new() };
        let main = seasons.iter().min_by(|a, b| a.error.total_cmp(&b.error)).map_or(0, |cycle| cycle.points);
        let longest = seasons.iter().map(|cycle| cycle.points).max().unwrap_or(0);
        let (trend, level_shifts) = trend::measure(series.values(), longest, series.step());
        Self {
            name: series.name().to_owned(),
            unit,
            step: series.step(),
            start: series.start(),
            end: series.time_at(series.len() - 1),
            points: series.len(),
            missing: series.imputed().iter().filter(|missing| **missing).count() as f64 / series.len() as f64,
            longest_gap: longest_gap(series.imputed()),
            kind,
            span,
            demand: kind::demand(&known),
            noise: if moves(kind) { noise_of(series, main, span.min > 0.0) } else { Noise::default() },
            seasons,
            trend,
            level_shifts: if matches!(kind, Kind::Counter { .. }) { 0 } else { level_shifts },
            day: day(series),
        }
    }

    /// The cycle of a day, when it is one of the seasons.
    #[must_use]
    pub fn daily(&self) -> Option<&Cycle> {
        self.seasons.iter().find(|cycle| (cycle.secs / SECS_PER_DAY - 1.0).abs() < 0.02)
    }
}

/// Whether seasons and noise say anything.
const fn moves(kind: Kind) -> bool {
    !matches!(kind, Kind::Constant | Kind::Counter { .. })
}

fn present(series: &Series) -> impl Iterator<Item = f64> + '_ {
    series.values().iter().zip(series.imputed()).filter(|(_, missing)| !**missing).map(|(value, _)| *value)
}

fn longest_gap(imputed: &[bool]) -> usize {
    imputed.chunk_by(|a, b| a == b).filter(|run| run.first() == Some(&true)).map(<[bool]>::len).max().unwrap_or(0)
}

fn noise_of(series: &Series, season: usize, positive: bool) -> Noise {
    let from = series.len().saturating_sub(MOST);
    let (newest, missing) = (&series.values()[from..], &series.imputed()[from..]);
    let Some((values, unit)) = rescaled(newest) else { return Noise::default() };
    let zero = positive.then(|| values.first().copied().unwrap_or(0.0) - newest.first().copied().unwrap_or(0.0) / unit);
    // the first value may have been limited; an unlimited one tells where zero is
    let inside = values.iter().position(|v| v.abs() < 1.0);
    let zero = zero.map(|zero| inside.map_or(zero, |at| values[at] - newest[at] / unit));
    let days = newest.len() as f64 * series.step().secs_f64() / SECS_PER_DAY;
    let hours = days >= DAYS && series.step().secs_f64() <= SECS_PER_HOUR;
    let clock = if hours {
        Some((hour_of(series, from), series.step().secs_f64() / SECS_PER_HOUR))
    } else {
        (season >= PHASES).then(|| (0.0, PHASES as f64 / season as f64))
    };
    let season = if 3 * season <= values.len() { season } else { 0 };
    let mut noise = noise::measure(&Placed { values: &values, zero, season, clock, hours });
    noise.scale *= unit;
    if missing.iter().filter(|m| **m).count() * 2 > missing.len() {
        // mostly repeated values: their memory is that of the imputation
        noise.lag1 = 0.0;
    }
    noise
}

/// Hour of the day (UTC) of point `index`, with its fraction.
fn hour_of(series: &Series, index: usize) -> f64 {
    let millis = series.time_at(index).as_millisecond().rem_euclid(86_400_000);
    millis as f64 / 1_000.0 / SECS_PER_HOUR
}

/// Medians by hour of the day; empty when an hour was not seen on three days.
fn day(series: &Series) -> Vec<f64> {
    let growth = series.step().secs_f64() / SECS_PER_HOUR;
    let from = series.len().saturating_sub(MOST.max((28.0 * SECS_PER_DAY / series.step().secs_f64()) as usize));
    if growth > 1.0 || (series.len() - from) as f64 * growth < DAYS * 24.0 {
        return Vec::new();
    }
    let first = hour_of(series, from);
    let mut of_hour = vec![Vec::new(); PHASES];
    for (index, (value, missing)) in series.values()[from..].iter().zip(&series.imputed()[from..]).enumerate() {
        if !missing {
            of_hour[phase_at(index, first, growth)].push(*value);
        }
    }
    let enough = of_hour.iter().all(|own| own.len() >= DAYS as usize);
    if enough { of_hour.iter_mut().map(|own| median(own)).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::series::{Step, Unit};

    fn series(name: &str, step: Step, values: Vec<f64>) -> Series {
        let unit = Unit::from_metric_name(name);
        Series::try_new(name, "2026-03-02T00:00:00Z".parse().expect("time"), step, values).expect(name).with_unit(unit)
    }

    fn wobble(i: usize) -> f64 {
        ((i * 7_919) % 101) as f64 / 50.0 - 1.0
    }

    #[test]
    fn a_daily_gauge_is_seen_as_one() {
        let value = |i: usize| {
            let (hour, noisy) = ((i / 12) % 24, if (i / 12) % 24 == 9 { 6.0 } else { 1.0 });
            100.0 + 40.0 * (std::f64::consts::TAU * hour as f64 / 24.0).sin() + noisy * wobble(i)
        };
        let mut imputed = vec![false; 4_032];
        imputed[1_000..1_020].fill(true);
        imputed[3_000] = true;
        let values = (0..4_032).map(value).collect();
        let minutes = Step::from_secs(300).expect("positive");
        let profile = Profile::of(&series("http_rps", minutes, values).with_imputed(imputed).expect("flags"));
        assert_eq!(profile.kind, Kind::Gauge);
        assert_eq!((profile.points, profile.longest_gap), (4_032, 20));
        assert!((profile.missing - 21.0 / 4_032.0).abs() < 1e-12);
        assert!((profile.days() - 14.0).abs() < 1e-9);
        assert_eq!(profile.seasons.iter().map(|c| c.points).collect::<Vec<_>>(), [288]);
        assert!(profile.daily().is_some_and(|day| day.strength > 0.9));
        assert_eq!(profile.noise.noisiest_hour, Some(9));
        assert_eq!((profile.day.len(), profile.level_shifts), (24, 0));
        assert!(profile.day[6] > 135.0 && profile.day[18] < 65.0);
        assert!(!profile.has_trend() && !profile.is_intermittent() && !profile.is_heavy_tailed());
    }

    #[test]
    fn hard_series_have_a_profile_too() {
        let hour = Step::HOUR;
        let of =
            |name: &str, value: &dyn Fn(usize) -> f64, n| Profile::of(&series(name, hour, (0..n).map(value).collect()));
        assert_eq!(of("flat", &|_| 3.0, 500).kind, Kind::Constant);
        assert_eq!(of("one", &|_| 3.0, 1).points, 1);
        let counter = of("requests_total", &|i| (i % 400) as f64 * 7.0, 900);
        assert!(matches!(counter.kind, Kind::Counter { resets: 2, .. }) && counter.seasons.is_empty());
        let rare = of("errors", &|i| if i % 20 == 3 { 1.0 + (i % 7) as f64 } else { 0.0 }, 1_000);
        assert!(rare.is_intermittent() && rare.kind == Kind::Counts);
        let huge = of("huge", &|i| if i % 2 == 0 { 1e150 } else { -1e150 + i as f64 }, 300);
        assert!(huge.noise.scale.is_finite() && huge.trend.per_day.is_finite());
        let line = of("line", &|i| 5.0 - i as f64, 600);
        assert!(line.has_trend() && (line.trend.per_day + 24.0).abs() < 1e-6 && line.seasons.is_empty());
        let grown = of("grown", &|i| (1.0 + (i % 24) as f64) * (1.0 + 0.1 * wobble(i)), 2_000);
        assert!(grown.is_multiplicative(), "{:?}", grown.noise);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_series_has_a_finite_profile_whatever_its_unit(
            values in prop::collection::vec(prop_oneof![Just(0.0), -1e3..1e3_f64, -1e150..1e150_f64], 1..300),
            factor in 1e-3..1e3_f64,
        ) {
            let profile = Profile::of(&series("x", Step::HOUR, values.clone()));
            let numbers = [profile.trend.per_day, profile.noise.scale, profile.noise.lag1, profile.noise.with_level];
            prop_assert!(numbers.iter().all(|n| n.is_finite()));
            prop_assert!((0.0..=1.0).contains(&profile.trend.p_value) && (0.0..=1.0).contains(&profile.trend.strength));
            for finding in profile.findings() {
                prop_assert!(finding.evidence.values().all(|n| n.is_finite()), "{:?}", finding);
            }
            let scaled = Profile::of(&series("x", Step::HOUR, values.iter().map(|v| v * factor).collect()));
            prop_assert_eq!(scaled.seasons.len(), profile.seasons.len());
            prop_assert!((scaled.noise.scale / factor - profile.noise.scale).abs() <= 1e-6 * profile.noise.scale);
        }
    }
}
