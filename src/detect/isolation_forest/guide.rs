//! Guided cuts: where a feature falls apart best.

use super::grow::between;
use super::params::Gain;

/// The search for the best threshold; keeps its memory between nodes.
#[derive(Debug, Default)]
pub(super) struct Guide {
    sorted: Vec<f64>,
    /// Standard deviation of the first 1, 2, ... values.
    below: Vec<f64>,
}

/// Mean and sum of squared deviations of what was pushed (Welford).
#[derive(Debug, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Guide {
    /// The threshold between two of the values of `rows` that leaves the least spread; `None` when they are all equal.
    ///
    /// O(n log n).
    pub(super) fn best(&mut self, column: &[f64], rows: &[u32], gain: Gain) -> Option<f64> {
        self.sorted.clear();
        self.sorted.extend(rows.iter().map(|row| column[*row as usize]));
        self.sorted.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*self.sorted.first()?, *self.sorted.last()?);
        if low.is_nan() || high.is_nan() || low >= high {
            return None;
        }
        // from 0 to 1, so that neither the unit nor the size of the values matters; halves where the range overflows
        let part = if (high - low).is_finite() { 1.0 } else { 0.5 };
        let unit = high * part - low * part;
        let scaled = |value: f64| (value * part - low * part) / unit;
        let mut spread = Spread::default();
        self.below.clear();
        self.below.extend(self.sorted.iter().map(|value| spread.push(scaled(*value))));
        let (count, mut above) = (self.sorted.len(), Spread::default());
        let mut best: Option<(f64, usize)> = None;
        for left in (1..count).rev() {
            let deviation = above.push(scaled(self.sorted[left]));
            if self.sorted[left - 1] < self.sorted[left] {
                let rest = match gain {
                    Gain::Averaged => self.below[left - 1] + deviation,
                    Gain::Pooled => left as f64 * self.below[left - 1] + (count - left) as f64 * deviation,
                };
                if best.is_none_or(|(least, _)| rest < least) {
                    best = Some((rest, left));
                }
            }
        }
        best.map(|(_, left)| between(self.sorted[left - 1], self.sorted[left], 0.5))
    }
}

impl Spread {
    /// The standard deviation with one value more.
    fn push(&mut self, value: f64) -> f64 {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
        (self.squares / self.count).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], gain: Gain, wanted: Option<f64>) {
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        assert_eq!(Guide::default().best(values, &rows, gain), wanted, "{values:?} {gain:?}");
    }

    #[test]
    fn the_cut_lies_in_the_gap() {
        for gain in [Gain::Averaged, Gain::Pooled] {
            check(&[0.0, 1.0, 10.0, 11.0], gain, Some(5.5));
            check(&[7.0, 7.0, 7.0], gain, None);
            check(&[1e300, -1e300], gain, Some(0.0));
            check(&[5e-324, 0.0], gain, Some(0.0));
            check(&[1e9, 1e9 + 1.0, 1e9 + 8.0], gain, Some(1e9 + 4.5));
        }
    }

    #[test]
    fn averaged_gain_cuts_off_few_and_pooled_gain_cuts_in_the_middle() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values.push(160.0);
        check(&values, Gain::Averaged, Some(129.5));
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        let middle = Guide::default().best(&values, &rows, Gain::Pooled).expect("a cut");
        assert!((30.0..70.0).contains(&middle), "{middle}");
    }
}
