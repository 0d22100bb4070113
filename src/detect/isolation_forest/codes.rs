//! Numbers as codes: how many of a feature's thresholds lie below a value.
//!
//! A forest asks of a value only on which side of its thresholds it lies. The number of thresholds below the value says
//! all of it, exactly, in 16 bits, whatever the unit, the offset or the size of the value.

use super::packed::{LANES, Lanes};

/// Parts of the thresholds that may be left out at either end: none, 1/512, ...
const TAILS: [usize; 5] = [usize::MAX, 512, 128, 64, 32];
/// A table of two bytes for each bucket stays in the first cache beside the thresholds.
const MOST_BUCKETS: usize = 4_096;

/// Thresholds of one feature, and a table that leads to the right few of them.
#[derive(Debug)]
pub(super) struct Codes {
    /// The feature.
    pub(super) feature: usize,
    /// Ascending, all different; then as many infinities as the search may look ahead.
    thresholds: Vec<f64>,
    table: Table,
    /// Code of the value that stands in for NaN.
    missing: u16,
}

/// How many thresholds lie below a bucket of values.
#[derive(Debug)]
struct Table {
    /// Number of thresholds in the buckets before each bucket.
    starts: Vec<u16>,
    low: f64,
    scale: f64,
    /// Halvings of the search within a bucket.
    steps: u32,
}

impl Codes {
    /// From the thresholds of a feature, ascending and all different, at most 65,535 of them.
    ///
    /// The range of most thresholds is cut into about as many equal buckets as there are thresholds; what lies outside goes
    /// to the first and the last. Which bucket a value falls into only ever grows with the value, so thresholds in earlier
    /// buckets lie below it and those in later ones do not, however the arithmetic rounds.
    pub(super) fn new(feature: usize, mut thresholds: Vec<f64>, median: f64) -> Self {
        let count = thresholds.len();
        // long tails are left out of the table where that makes the fullest bucket emptier
        let best = TAILS.iter().map(|tail| Table::new(&thresholds, count / tail)).min_by_key(|table| table.steps);
        let table = best.unwrap_or_else(|| Table::new(&thresholds, 0));
        thresholds.resize(count + (1 << table.steps), f64::INFINITY);
        let mut codes = Self { feature, thresholds, table, missing: 0 };
        codes.missing = codes.of(median);
        codes
    }

    /// Codes of `values`, shifted up by `shift` bits.
    pub(super) fn fill(&self, values: &[f64; LANES], shift: u32, into: &mut Lanes) {
        let mut codes = self.count_below(values);
        for (code, value) in codes.iter_mut().zip(values) {
            *code = if value.is_nan() { u32::from(self.missing) } else { *code };
        }
        into.iter_mut().zip(codes).for_each(|(into, code)| *into = (code as u16) << shift);
    }

    /// Number of thresholds below each value, any number for NaN.
    fn count_below<const COUNT: usize>(&self, values: &[f64; COUNT]) -> [u32; COUNT] {
        let mut codes = values.map(|value| u32::from(self.table.starts[self.table.bucket(value)]));
        for step in (0..self.table.steps).rev() {
            let ahead = &self.thresholds[(1 << step) - 1..];
            for (code, value) in codes.iter_mut().zip(values) {
                *code += u32::from(ahead[*code as usize] < *value) << step;
            }
        }
        codes
    }

    fn of(&self, value: f64) -> u16 {
        self.count_below(&[value])[0] as u16
    }
}

impl Table {
    /// Buckets for all thresholds but the `tail` first and last.
    fn new(thresholds: &[f64], tail: usize) -> Self {
        let kept = thresholds.get(tail..thresholds.len() - tail).unwrap_or_default();
        let (low, high) = (kept.first().copied().unwrap_or(0.0), kept.last().copied().unwrap_or(0.0));
        let buckets = thresholds.len().next_power_of_two().clamp(16, MOST_BUCKETS);
        let scale = buckets as f64 / (high - low);
        let scale = if scale.is_finite() { scale } else { 0.0 };
        let mut table = Self { starts: vec![0; buckets + 1], low, scale, steps: 0 };
        for threshold in thresholds {
            let bucket = table.bucket(*threshold);
            table.starts[bucket + 1] += 1;
        }
        let fullest = table.starts.iter().copied().max().unwrap_or(0);
        for bucket in 0..buckets {
            table.starts[bucket + 1] += table.starts[bucket];
        }
        table.steps = u16::BITS - fullest.leading_zeros();
        table
    }

    fn bucket(&self, value: f64) -> usize {
        let place = (value - self.low) * self.scale;
        // also 0 for NaN, and the last one for all that is larger
        (place as i32).clamp(0, self.starts.len() as i32 - 2) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(mut thresholds: Vec<f64>, values: &[f64]) {
        thresholds.sort_unstable_by(f64::total_cmp);
        thresholds.dedup_by(|a, b| a.partial_cmp(&b) == Some(std::cmp::Ordering::Equal));
        let codes = Codes::new(0, thresholds.clone(), thresholds.first().copied().unwrap_or(0.0));
        let mut lanes = [0.0; LANES];
        let mut got = [0; LANES];
        lanes[..values.len()].copy_from_slice(values);
        codes.fill(&lanes, 1, &mut got);
        for (value, code) in values.iter().zip(got) {
            let below = thresholds.iter().filter(|threshold| **threshold < *value).count();
            assert_eq!(usize::from(code), (2 * below) & 0xffff, "{value} among {thresholds:?}");
        }
    }

    #[test]
    fn extremes_are_counted_too() {
        let values = [0.0, -0.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, 1e9 + 1e-6];
        check(vec![], &values);
        check(vec![f64::MIN, f64::MAX], &values);
        check(vec![-5e-324, 0.0, 5e-324], &values);
        check(vec![1e9, 1e9 + 1e-6, 1e9 + 2e-6, -1e300], &values);
        check((0..5_000).map(|i| f64::from(i).exp2()).filter(|t| t.is_finite()).collect(), &values);
    }

    proptest! {
        #[test]
        fn a_code_is_the_number_of_thresholds_below(
            thresholds in prop::collection::vec(prop_oneof![any::<f64>(), -1.0..1.0, (-9..9_i32).prop_map(f64::from)], 0..80),
            values in prop::collection::vec(prop_oneof![any::<f64>(), -1.0..1.0, (-9..9_i32).prop_map(f64::from)], 1..=LANES),
        ) {
            let thresholds: Vec<f64> = thresholds.into_iter().filter(|t| t.is_finite()).collect();
            let values: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
            check(thresholds, &values);
        }
    }
}
