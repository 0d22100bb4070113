//! How a forecast did, now that what it spoke of has happened.

use jiff::Timestamp;

use super::Band;
use super::accuracy::{naive_scale, pinball};
use crate::series::{Series, Step};

/// A forecast that was made earlier.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// Time of the first step.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Step,
    /// Season in steps by which errors are scaled; 1 for none.
    pub season: usize,
    /// Central path.
    pub mean: &'a [f64],
    /// Intervals; what is shorter than the path is compared as far as it goes.
    pub bands: &'a [Band],
}

/// What a stretch of a forecast was worth: sums over the steps that were observed.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveScore {
    /// Steps compared; imputed values do not count.
    pub steps: usize,
    /// Sum of absolute errors, in the unit of the series.
    pub absolute: f64,
    /// The same for repeating the last season before the forecast began.
    pub naive: f64,
    /// Absolute error of the seasonal naive forecast inside the history before: the denominator of MASE. `None` where that
    /// history is constant or too short.
    pub scale: Option<f64>,
    /// Sum over steps of the mean pinball loss of the ends of all intervals, in the unit of the series; 0 without intervals.
    pub pinball: f64,
    /// How many values lay inside the interval of each level.
    pub covered: Vec<(f64, usize)>,
}

/// Compares the steps `from..to` of a forecast with `series`, which reaches from before its start to after these steps.
///
/// `None` when the steps of both do not lie on one grid, or none of them was observed. O(steps + history).
#[must_use]
pub fn judge(made: &Made<'_>, (from, to): (usize, usize), series: &Series) -> Option<LiveScore> {
    let step = made.step.millis();
    let ahead = made.start.as_millisecond() - series.time_at(0).as_millisecond();
    if series.step() != made.step || ahead < 0 || ahead % step != 0 {
        return None;
    }
    let start = usize::try_from(ahead / step).ok()?;
    let season = made.season.clamp(1, start.max(1));
    let history = series.values().get(..start)?;
    let mut score = LiveScore {
        steps: 0,
        absolute: 0.0,
        naive: 0.0,
        scale: naive_scale(history, season),
        pinball: 0.0,
        covered: made.bands.iter().map(|band| (band.level, 0)).collect(),
    };
    for index in from..to.min(made.mean.len()) {
        let (Some(actual), Some(false)) =
            (series.values().get(start + index), series.imputed().get(start + index).copied())
        else {
            continue;
        };
        let repeated = (start + index % season).checked_sub(season).and_then(|at| history.get(at));
        score.steps += 1;
        score.absolute += (actual - made.mean[index]).abs();
        score.naive += repeated.map_or(0.0, |value| (actual - value).abs());
        score.pinball += pinball_of(made.bands, index, *actual);
        for (band, (_, covered)) in made.bands.iter().zip(&mut score.covered) {
            let ends = band.lower.get(index).zip(band.upper.get(index));
            *covered += usize::from(ends.is_some_and(|(lower, upper)| lower <= actual && actual <= upper));
        }
    }
    (score.steps > 0).then_some(score)
}

/// Mean pinball loss of the ends of the intervals as quantiles.
fn pinball_of(bands: &[Band], index: usize, actual: f64) -> f64 {
    let loss = |value: f64, at: f64| pinball(&[actual], &[value], at);
    let of_band = |band: &Band| {
        let (lower, upper) = (band.lower.get(index)?, band.upper.get(index)?);
        let tail = (1.0 - band.level) / 2.0;
        Some(f64::midpoint(loss(*lower, tail), loss(*upper, 1.0 - tail)))
    };
    let losses: Vec<f64> = bands.iter().filter_map(of_band).collect();
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series::try_new("s", Timestamp::UNIX_EPOCH, Step::HOUR, values.to_vec()).expect("series")
    }

    fn made<'a>(start_hour: i64, mean: &'a [f64], bands: &'a [Band]) -> Made<'a> {
        let start = Timestamp::from_second(start_hour * 3_600).expect("time");
        Made { start, step: Step::HOUR, season: 2, mean, bands }
    }

    #[test]
    fn sums_by_hand() {
        let bands = [Band { level: 0.8, lower: vec![0.0, 0.0, 9.0], upper: vec![4.0, 4.0, 10.0] }];
        let truth = series(&[1.0, 3.0, 2.0, 4.0, 3.0, 5.0, 6.0]);
        let score = judge(&made(4, &[2.0, 5.0, 8.0], &bands), (0, 3), &truth).expect("compared");
        assert_eq!(score.steps, 3);
        assert!((score.absolute - (1.0 + 0.0 + 2.0)).abs() < 1e-12);
        // the last season before the start was 2, 4; repeated: 2, 4, 2 against 3, 5, 6
        assert!((score.naive - (1.0 + 1.0 + 4.0)).abs() < 1e-12);
        // four points are no more than two seasons: scaled by the last value
        assert!(score.scale.is_some_and(|scale| (scale - 5.0 / 3.0).abs() < 1e-12));
        assert_eq!(score.covered, [(0.8, 1)]);
        let pinball = f64::midpoint(0.3, 0.1) + f64::midpoint(0.5, 0.9) + f64::midpoint(0.9 * 3.0, 0.1 * 4.0);
        assert!((score.pinball - pinball).abs() < 1e-12, "{} {pinball}", score.pinball);
    }

    #[test]
    fn only_what_was_observed_on_the_same_grid_counts() {
        let truth = series(&[1.0, 2.0, 1.0, 2.0, 1.0]);
        let late = judge(&made(4, &[1.0, 2.0, 1.0], &[]), (0, 3), &truth).expect("the first step");
        assert_eq!((late.steps, late.absolute), (1, 0.0));
        assert_eq!(judge(&made(4, &[1.0, 2.0, 1.0], &[]), (1, 3), &truth), None);
        assert_eq!(judge(&made(-1, &[1.0], &[]), (0, 1), &truth), None);
        let shifted = Made { start: Timestamp::from_second(1_800).expect("time"), ..made(0, &[1.0], &[]) };
        assert_eq!(judge(&shifted, (0, 1), &truth), None);
        let first = judge(&made(0, &[1.0], &[]), (0, 1), &truth).expect("a forecast of everything");
        assert_eq!((first.steps, first.scale), (1, None));
    }
}
