//! Changes of a whole series, looked at from its end: exact change points of what is left without season and spikes.

use super::event::{Change, ChangeKind};
use super::tail::beyond_normal;
use crate::series::{ChangePoint, ChangePointError, ChangePointKind, ChangePointSettings, Series, Step, change_points};

const SECS_PER_DAY: f64 = 86_400.0;
/// Days that make a daily season.
const FEWEST_DAYS: usize = 3;
/// A daily season is taken out when it takes away at least this share of the deviation.
const LEAST_SHARE: f64 = 0.2;
/// Window of the running median around a value, and how many deviations from it make a spike.
const AROUND: usize = 7;
const SPIKE: f64 = 5.0;

/// Level shifts and changes of the variance of a whole series, in order of time.
///
/// Imputed points are left out. A daily season is taken out first where there is one (the median of each time of the day
/// over days, each day relative to its own median); single values far from their neighbours are taken for the median
/// around them. What is left is cut by [`change_points`], exactly. `before` and `after` are levels of the segments without
/// the season, or their standard deviations.
///
/// O(n log n) and what [`crate::series::segment_starts`] takes.
///
/// # Errors
/// [`ChangePointError`] when the settings are out of range.
pub fn changes_of(series: &Series, settings: &ChangePointSettings) -> Result<Vec<Change>, ChangePointError> {
    let day = series.step().per_secs(SECS_PER_DAY);
    let profile = daily_profile(series, day);
    let kept: Vec<usize> = (0..series.len()).filter(|index| !series.imputed()[*index]).collect();
    let season = |index: usize| profile.as_ref().map_or(0.0, |profile| profile[index % day]);
    let values: Vec<f64> = kept.iter().map(|index| series.values()[*index] - season(*index)).collect();
    let values = without_spikes(&values);
    let found = change_points(&values, settings)?;
    Ok(found.iter().map(|point| change(point, &kept, series)).collect())
}

fn change(point: &ChangePoint, kept: &[usize], series: &Series) -> Change {
    let time = |index: usize| series.time_at(kept.get(index).copied().unwrap_or(series.len() - 1));
    let end = point.after.start + point.after.points.saturating_sub(1);
    let (m, n) = (point.before.points as f64, point.after.points as f64);
    let weight = (m * n / (m + n)).sqrt();
    let ratio = (point.after.sd.max(f64::MIN_POSITIVE) / point.before.sd.max(f64::MIN_POSITIVE)).ln();
    let (kind, before, after, size_sigmas, z) = match point.kind {
        ChangePointKind::LevelShift => {
            let size = point.size_sigmas;
            (ChangeKind::LevelShift, point.before.mean, point.after.mean, size, size * weight)
        }
        // the logarithm of a standard deviation varies by 1/√(2n)
        ChangePointKind::Variance => {
            let size = (ratio * std::f64::consts::SQRT_2).clamp(-1e9, 1e9);
            (ChangeKind::Variance, point.before.sd, point.after.sd, size, size * weight)
        }
    };
    // the place was chosen among all
    let places = kept.len() as f64;
    let p_value = (2.0 * beyond_normal(z.abs()) * places).clamp(f64::MIN_POSITIVE, 1.0);
    Change { kind, at: time(point.index), detected_at: time(end), before, after, size_sigmas, p_value }
}

/// The daily season as deviations from the level, one for each time of the day, when there is one worth taking out.
fn daily_profile(series: &Series, day: usize) -> Option<Vec<f64>> {
    if day < 6 || series.step() > Step::HOUR || series.len() < FEWEST_DAYS * day {
        return None;
    }
    let values = series.values();
    let levels: Vec<f64> = values.chunks(day).map(|part| median(&mut part.to_vec())).collect();
    let level = |index: usize| levels[index / day];
    let apart: Vec<f64> = values.iter().enumerate().map(|(i, value)| value - level(i)).collect();
    let profile: Vec<f64> = (0..day)
        .map(|phase| median(&mut apart.iter().skip(phase).step_by(day).copied().collect::<Vec<f64>>()))
        .collect();
    let size = |value: &f64| value.abs();
    let with: f64 = median(&mut apart.iter().map(size).collect::<Vec<f64>>());
    let without =
        median(&mut apart.iter().enumerate().map(|(i, value)| (value - profile[i % day]).abs()).collect::<Vec<f64>>());
    // medians of few days follow the noise: the share that they take away by that alone is not counted
    let by_chance = 1.0 / (apart.len() / day) as f64;
    (without < (1.0 - LEAST_SHARE - by_chance).max(0.3) * with).then_some(profile)
}

/// The values, with the median of the seven around it in place of each that is far from it.
fn without_spikes(values: &[f64]) -> Vec<f64> {
    if values.len() < AROUND {
        return values.to_vec();
    }
    let around = |index: usize| {
        let from = index.saturating_sub(AROUND / 2).min(values.len() - AROUND);
        median(&mut values[from..from + AROUND].to_vec())
    };
    let medians: Vec<f64> = (0..values.len()).map(around).collect();
    let mut apart: Vec<f64> = values.iter().zip(&medians).map(|(value, median)| (value - median).abs()).collect();
    let reach = SPIKE * 1.4826 * median(&mut apart);
    let tame = |(value, median): (&f64, &f64)| {
        if reach > 0.0 && (value - median).abs() > reach { *median } else { *value }
    };
    values.iter().zip(&medians).map(tame).collect()
}

/// The upper median; 0 for none.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
