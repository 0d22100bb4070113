//! Shorter series: one value for each block of time.

use jiff::Timestamp;

use super::robust::{magnitude, theil_sen};
use crate::series::{Series, Step};

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;
/// Steps that people think in, milliseconds: 1, 5, 15, 30 minutes, 1, 2, 3, 6, 12 hours, a day, a week.
const USUAL_STEPS: [i64; 11] = [
    60_000,
    300_000,
    900_000,
    1_800_000,
    HOUR_MILLIS,
    2 * HOUR_MILLIS,
    3 * HOUR_MILLIS,
    6 * HOUR_MILLIS,
    12 * HOUR_MILLIS,
    DAY_MILLIS,
    7 * DAY_MILLIS,
];

/// The peaks of a series, one for each block or cycle, in time order. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Envelope {
    /// When each peak was reached.
    pub(super) times: Vec<Timestamp>,
    /// The peaks.
    pub(super) values: Vec<f64>,
    /// Usual time between two peaks.
    pub(super) step: Step,
}

/// Growth of the daily peaks per day: Theil-Sen, always finite.
pub(super) fn growth_per_day(used: &Series) -> f64 {
    blocks(used).growth_per_day()
}

/// The peak of each day, counted back from the last point.
///
/// With fewer than ten days of history the blocks are of 6 hours, 1 hour, or a twelfth of what there is; with more
/// than 400 days they are of several days. Imputed points do not count where a block has others; a block of imputed
/// points only is left out.
pub(super) fn blocks(used: &Series) -> Envelope {
    let span = (used.len() as i64).saturating_mul(used.step().millis());
    let block = match span {
        s if s >= 10 * DAY_MILLIS => DAY_MILLIS * (s / DAY_MILLIS / 400 + 1),
        s if s >= 3 * DAY_MILLIS => 6 * HOUR_MILLIS,
        s if s >= 12 * HOUR_MILLIS => HOUR_MILLIS,
        s => s / 12,
    };
    let factor = usize::try_from(block / used.step().millis()).unwrap_or(1).max(1);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let first = used.len() % factor;
    for from in (first..used.len()).step_by(factor) {
        let real = (from..from + factor).filter(|&i| !used.imputed()[i]);
        // the last of equal peaks: a plateau is not over
        if let Some(peak) = real.max_by(|&a, &b| used.values()[a].total_cmp(&used.values()[b])) {
            times.push(used.time_at(peak));
            values.push(used.values()[peak]);
        }
    }
    if values.is_empty() {
        times.push(used.time_at(used.len() - 1));
        values.push(used.last());
    }
    Envelope { times, values, step: longer(used.step(), factor) }
}

/// The maxima of `factor` points each, stamped with the time of the last; points before the first whole group go.
///
/// A group is imputed when all of its points are. Pure; O(n).
pub(super) fn resample_max(used: &Series, factor: usize) -> Series {
    let factor = factor.clamp(1, used.len());
    let first = used.len() % factor;
    let groups = |from: usize| from..from + factor;
    let starts: Vec<usize> = (first..used.len()).step_by(factor).collect();
    let values = starts.iter().map(|&i| used.values()[groups(i)].iter().copied().fold(f64::MIN, f64::max)).collect();
    let imputed = starts.iter().map(|&i| used.imputed()[groups(i)].iter().all(|&flag| flag)).collect();
    let start = used.time_at(first + factor - 1);
    // maxima of finite values are finite, and no time lies after the end of `used`
    Series::try_new(used.name(), start, longer(used.step(), factor), values)
        .and_then(|series| series.with_labels(used.labels().clone()).with_unit(used.unit()).with_imputed(imputed))
        .unwrap_or_else(|_| used.clone())
}

/// How many points to join so that `horizon_millis` takes at most `max_steps` steps, preferring a step people use.
pub(super) fn factor_for(step: Step, horizon_millis: i64, max_steps: usize) -> usize {
    let needed = (horizon_millis / i64::try_from(max_steps.max(1)).unwrap_or(i64::MAX)).max(1);
    if step.millis() >= needed {
        return 1;
    }
    let fits = |usual: &i64| (needed..=needed.saturating_mul(3)).contains(usual) && usual % step.millis() == 0;
    let usual = USUAL_STEPS.into_iter().find(fits);
    let millis = usual.unwrap_or(needed);
    let factor = millis / step.millis() + i64::from(millis % step.millis() != 0);
    usize::try_from(factor).unwrap_or(usize::MAX).max(1)
}

fn longer(step: Step, factor: usize) -> Step {
    let factor = i64::try_from(factor).unwrap_or(i64::MAX);
    Step::from_millis(step.millis().saturating_mul(factor)).unwrap_or(step)
}

impl Envelope {
    /// Positions of the peaks in steps, the last at 0.
    pub(super) fn positions(&self) -> Vec<f64> {
        let last = self.last_time().as_millisecond();
        self.times.iter().map(|t| (t.as_millisecond() - last) as f64 / self.step.millis() as f64).collect()
    }

    pub(super) fn last_time(&self) -> Timestamp {
        self.times[self.times.len() - 1]
    }

    /// Theil-Sen growth of the peaks per day, finite.
    pub(super) fn growth_per_day(&self) -> f64 {
        let scale = magnitude(&self.values);
        let scaled: Vec<f64> = self.values.iter().map(|v| v / scale).collect();
        let per_step = theil_sen(&self.positions(), &scaled);
        let per_day = per_step * scale / self.step.secs_f64() * 86_400.0;
        if per_day.is_finite() { per_day } else { per_step.signum() * f64::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(step: Step, values: Vec<f64>) -> Series {
        Series::try_new("s", Timestamp::UNIX_EPOCH, step, values).expect("a series")
    }

    #[test]
    fn a_horizon_gets_a_step_that_people_use() {
        let quarter = 90 * DAY_MILLIS;
        for (minutes, max_steps, wanted) in
            [(1, 2_200, 60), (5, 2_200, 60), (5, 400, 360), (120, 2_200, 120), (7, 2_200, 63), (25, 2_200, 75)]
        {
            let step = Step::from_millis(minutes * 60_000).expect("a step");
            let factor = factor_for(step, quarter, max_steps);
            assert_eq!(minutes * factor as i64, wanted, "{step} in {max_steps}");
        }
        assert_eq!(factor_for(Step::MINUTE, 60_000, 0), 1);
        assert_eq!(factor_for(Step::HOUR, i64::MAX, 1), (i64::MAX / 3_600_000 + 1) as usize);
    }

    #[test]
    fn resampling_keeps_peaks_and_the_time_of_the_last_point() {
        let fine = series(Step::MINUTE, (0..130).map(f64::from).collect());
        let coarse = resample_max(&fine, 60);
        assert_eq!(coarse.values(), &[69.0, 129.0]);
        assert_eq!(coarse.time_at(1), fine.time_at(129));
        assert_eq!(coarse.step(), Step::HOUR);
        assert_eq!(resample_max(&fine, 1_000).values(), &[129.0]);
        assert_eq!(resample_max(&fine, 1), fine);
    }

    #[test]
    fn imputed_points_do_not_make_peaks() {
        let values: Vec<f64> = (0..480).map(|i| if i == 300 { 9e9 } else { f64::from(i) }).collect();
        let imputed = (0..480).map(|i| i == 300 || i >= 456).collect();
        let used = series(Step::HOUR, values).with_imputed(imputed).expect("flags");
        let peaks = blocks(&used);
        assert_eq!(peaks.values.len(), 19);
        assert!(peaks.values.iter().all(|&v| v < 480.0));
        let all = series(Step::HOUR, vec![5.0; 3]).with_imputed(vec![true; 3]).expect("flags");
        assert_eq!(blocks(&all).values, vec![5.0]);
    }

    #[test]
    fn growth_is_per_day_whatever_the_step_and_always_finite() {
        #[track_caller]
        fn check(used: &Series, want: f64) {
            let got = growth_per_day(used);
            assert!((got - want).abs() <= 1e-6 * want.abs().max(1e-9), "{got} is not {want}");
        }
        for (step, points) in [(Step::MINUTE, 300), (Step::HOUR, 50), (Step::HOUR, 700), (Step::HOUR, 20_000)] {
            let per_day = 86_400.0 / step.secs_f64();
            check(&series(step, (0..points).map(|i| f64::from(i) / per_day).collect()), 1.0);
        }
        check(&series(Step::HOUR, vec![3.0; 100]), 0.0);
        check(&series(Step::HOUR, vec![3.0]), 0.0);
        assert!(growth_per_day(&series(Step::MINUTE, vec![-1.7e308, 1.7e308])).is_finite());
    }
}
