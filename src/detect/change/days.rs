//! Slow drift: the trend of daily medians over up to eight weeks.

use serde::{Deserialize, Serialize};

use super::tail::beyond_normal;

/// Days that are held.
const MOST_DAYS: usize = 56;
/// Days that make a trend.
const FEWEST_DAYS: usize = 14;
/// Days from which each day of the week is compared with its like only.
const BY_WEEKDAY: usize = 28;
/// A drift must be this many times the deviation of the days around it.
const LEAST_SIZE: f64 = 2.0;
/// Autocorrelation of days is believed up to this.
const MOST_CORRELATION: f64 = 0.9;
/// Days after which a drift that goes on is said again.
const AGAIN_AFTER: i64 = 28;

/// Medians of the last days, oldest first, NaN for days without values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Days {
    #[serde(with = "super::super::exact::f32s")]
    medians: Vec<f32>,
    /// Number since 1970 of the newest day.
    newest: Option<i64>,
    /// When a drift was last said, and whether it rose.
    said: Option<(i64, bool)>,
}

/// A trend over the days that are held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// Number since 1970 of the first day.
    pub(super) first_day: i64,
    /// Level at the first and at the newest day.
    pub(super) before: f64,
    pub(super) after: f64,
    /// Change over the deviation of the days around the line.
    pub(super) sigmas: f64,
    pub(super) p_value: f64,
}

impl Days {
    pub(super) fn is_sound(&self) -> bool {
        self.medians.len() <= MOST_DAYS && (self.medians.is_empty() || self.newest.is_some())
    }

    /// Forgets what was before: the level has shifted, which is no drift.
    pub(super) fn restart(&mut self) {
        self.medians.clear();
    }

    /// Takes the median of a day; the drift that has become certain with it. O(days²), once a day.
    pub(super) fn push(&mut self, day: i64, median: f64, p_star: f64) -> Option<Trend> {
        if !median.is_finite() {
            return None;
        }
        let gap = self.newest.map_or(0, |newest| (day - newest - 1).clamp(0, MOST_DAYS as i64));
        self.medians.extend((0..gap).map(|_| f32::NAN));
        self.medians.push(median as f32);
        let surplus = self.medians.len().saturating_sub(MOST_DAYS);
        self.medians.drain(..surplus);
        self.newest = Some(day);
        let trend = self.surest()?;
        let rose = trend.after > trend.before;
        let is_drift = trend.p_value <= p_star && trend.sigmas.abs() >= LEAST_SIZE;
        let known = self.said.is_some_and(|(at, up)| up == rose && day - at < AGAIN_AFTER);
        if !is_drift || known {
            return None;
        }
        self.said = Some((day, rose));
        Some(trend)
    }

    /// The surest trend of the newest two weeks, four weeks and all days; its probability counts the looks.
    ///
    /// A drift that begins after a long calm is no line through all of it.
    fn surest(&self) -> Option<Trend> {
        let held = self.medians.len();
        let spans = [FEWEST_DAYS, BY_WEEKDAY, held];
        let looks = spans.iter().filter(|span| **span <= held).count() as f64;
        let trends =
            spans.into_iter().enumerate().filter(|(place, span)| *span <= held && !spans[..*place].contains(span));
        let trends = trends.filter_map(|(_, span)| self.trend(&self.medians[held - span..]));
        let surest = trends.min_by(|a, b| a.p_value.total_cmp(&b.p_value))?;
        Some(Trend { p_value: (surest.p_value * looks).min(1.0), ..surest })
    }

    /// The slope is the median of the slopes between two days (Theil 1950, Sen 1968), its probability that of the
    /// Mann–Kendall statistic; from four weeks on between days of the same weekday only (Hirsch, Slack 1984). The variance
    /// of the statistic grows with the autocorrelation of the days around the line, as the variance of a mean does.
    fn trend(&self, medians: &[f32]) -> Option<Trend> {
        let days: Vec<f64> = medians.iter().map(|median| f64::from(*median)).collect();
        let stride = if days.len() >= BY_WEEKDAY { 7 } else { 1 };
        let seen = days.iter().filter(|day| day.is_finite()).count();
        if seen < FEWEST_DAYS {
            return None;
        }
        let (mut slopes, mut statistic) = (Vec::new(), 0.0_f64);
        for (i, early) in days.iter().enumerate() {
            for (j, late) in days.iter().enumerate().skip(i + stride).step_by(stride) {
                let rise = late - early;
                if rise.is_finite() {
                    slopes.push(rise / (j - i) as f64);
                    statistic += if rise > 0.0 {
                        1.0
                    } else if rise < 0.0 {
                        -1.0
                    } else {
                        0.0
                    };
                }
            }
        }
        let slope = median(&mut slopes)?;
        let mut variance = 0.0;
        for class in 0..stride {
            let n = days.iter().skip(class).step_by(stride).filter(|day| day.is_finite()).count() as f64;
            variance += n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
        }
        let mut around: Vec<f64> = days.iter().enumerate().map(|(i, day)| day - slope * i as f64).collect();
        let centre = median(&mut around.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>())?;
        around.iter_mut().for_each(|value| *value -= centre);
        let correlation = autocorrelation(&around);
        let inflation = (1.0 + correlation) / (1.0 - correlation);
        let z = (statistic.abs() - 1.0).max(0.0) / (variance * inflation).sqrt();
        let mut sizes: Vec<f64> = around.iter().map(|v| v.abs()).filter(|v| v.is_finite()).collect();
        let deviation = 1.4826 * median(&mut sizes)?;
        let length = (days.len() - 1) as f64;
        let change = slope * length;
        let sigmas = (change / deviation.max(f64::MIN_POSITIVE)).clamp(-1e9, 1e9);
        let (before, after) = (centre, centre + change);
        let first_day = self.newest? - length as i64;
        Some(Trend { first_day, before, after, sigmas, p_value: (2.0 * beyond_normal(z)).min(1.0) })
    }
}

/// Lag-1 autocorrelation of what is finite, 0 to 0.9.
fn autocorrelation(values: &[f64]) -> f64 {
    let along: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).filter(|v| v.is_finite()).sum();
    let square: f64 = values.iter().map(|v| v * v).filter(|v| v.is_finite()).sum();
    if square > 0.0 { (along / square).clamp(0.0, MOST_CORRELATION) } else { 0.0 }
}

fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise from -1 to 1 that depends on nothing else.
    fn noise(day: i64) -> f64 {
        ((day.wrapping_mul(2_654_435_761) >> 7).rem_euclid(1_000)) as f64 / 500.0 - 1.0
    }

    fn told(level: impl Fn(i64) -> f64, days: i64) -> Vec<(i64, Trend)> {
        let mut held = Days::default();
        (0..days).filter_map(|day| Some((day, held.push(day, level(day), 1e-4)?))).collect()
    }

    #[test]
    fn a_drift_after_a_long_calm_is_told_within_two_weeks_and_a_calm_never() {
        let drift = told(|day| 100.0 + noise(day) + (day - 28).max(0) as f64, 56);
        let (day, trend) = drift.first().copied().expect("told");
        assert!((35..=44).contains(&day) && trend.after > trend.before && trend.first_day >= 20, "{day} {trend:?}");
        assert!(told(|day| 100.0 + noise(day), 400).is_empty());
        let weekly = |day: i64| 100.0 + noise(day) + if day.rem_euclid(7) >= 5 { -30.0 } else { 0.0 };
        assert!(told(weekly, 400).is_empty(), "weekends are no drift");
    }
}
