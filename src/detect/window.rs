//! Rolling windows of the newest values.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The newest `capacity` values; lag 0 is the newest.
///
/// In double precision: a series that starts at 0 and then stays near 10⁹ must keep its last digits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recent {
    capacity: usize,
    #[serde(with = "super::exact::f64s")]
    values: VecDeque<f64>,
}

/// The newest `size` values in order of time and of size: median, quantiles, spread in O(log size) and one move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rolling {
    size: usize,
    #[serde(with = "super::exact::f64s")]
    recent: VecDeque<f64>,
    #[serde(with = "super::exact::f64s")]
    sorted: Vec<f64>,
    /// Sums of the values minus `anchor`, renewed after each `size` pushes so that rounding does not add up.
    #[serde(with = "super::exact::one")]
    anchor: f64,
    #[serde(with = "super::exact::one")]
    sum: f64,
    #[serde(with = "super::exact::one")]
    squares: f64,
    since_renewed: usize,
}

impl Recent {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, values: VecDeque::new() }
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() >= self.capacity {
            self.values.pop_front();
        }
        make_room(&mut self.values, self.capacity);
        self.values.push_back(value);
    }

    /// Puts another value in the place of the newest.
    pub(super) fn replace_newest(&mut self, value: f64) {
        if let Some(newest) = self.values.back_mut() {
            *newest = value;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The value `lag` points before the newest, `None` beyond what is held.
    pub(super) fn lag(&self, lag: usize) -> Option<f64> {
        let index = self.values.len().checked_sub(lag + 1)?;
        self.values.get(index).copied()
    }

    /// The `width` values that end `lag` points before the newest, oldest first; 0 before the beginning.
    pub(super) fn window_into(&self, lag: usize, width: usize, to: &mut Vec<f64>) {
        to.clear();
        let end = self.values.len().saturating_sub(lag);
        let start = end.saturating_sub(width);
        to.resize(width - (end - start), 0.0);
        to.extend(self.values.range(start..end));
    }

    pub(super) fn to_vec(&self, newest: usize) -> Vec<f64> {
        let mut values = Vec::new();
        self.window_into(0, newest.min(self.values.len()), &mut values);
        values
    }
}

impl Rolling {
    pub(super) fn new(size: usize) -> Self {
        let (recent, sorted) = (VecDeque::new(), Vec::new());
        Self { size: size.max(1), recent, sorted, anchor: 0.0, sum: 0.0, squares: 0.0, since_renewed: 0 }
    }

    pub(super) fn push(&mut self, value: f64) {
        let old = if self.recent.len() >= self.size { self.recent.pop_front() } else { None };
        if let Some(old) = old {
            self.sum -= old - self.anchor;
            self.squares -= (old - self.anchor) * (old - self.anchor);
        }
        if self.recent.is_empty() {
            (self.anchor, self.sum, self.squares) = (value, 0.0, 0.0);
        }
        make_room(&mut self.recent, self.size);
        self.recent.push_back(value);
        self.sort_in(value, old);
        self.sum += value - self.anchor;
        self.squares += (value - self.anchor) * (value - self.anchor);
        self.since_renewed += 1;
        if self.since_renewed >= self.size {
            self.renew();
        }
    }

    /// Puts `value` in its place among the sorted ones and takes `old` out: only what lies between the two moves.
    fn sort_in(&mut self, value: f64, old: Option<f64>) {
        let place_of = |sorted: &[f64], wanted: f64| sorted.partition_point(|v| v.total_cmp(&wanted).is_lt());
        let to = place_of(&self.sorted, value);
        let from = old.map(|old| place_of(&self.sorted, old)).filter(|from| *from < self.sorted.len());
        match from {
            None => {
                if self.sorted.len() == self.sorted.capacity() {
                    self.sorted.reserve_exact(more_room(self.sorted.len(), self.size));
                }
                self.sorted.insert(to, value);
            }
            Some(from) if to <= from => {
                self.sorted.copy_within(to..from, to + 1);
                self.sorted[to] = value;
            }
            Some(from) => {
                self.sorted.copy_within(from + 1..to, from);
                self.sorted[to - 1] = value;
            }
        }
    }

    /// Puts another value in the place of the newest.
    pub(super) fn replace_newest(&mut self, value: f64) {
        let Some(newest) = self.recent.back_mut() else { return };
        let old = std::mem::replace(newest, value);
        self.sort_in(value, Some(old));
        self.sum += value - old;
        self.squares += (value - self.anchor).powi(2) - (old - self.anchor).powi(2);
    }

    fn renew(&mut self) {
        self.since_renewed = 0;
        self.anchor = self.median();
        let anchor = self.anchor;
        self.sum = self.recent.iter().map(|v| v - anchor).sum();
        self.squares = self.recent.iter().map(|v| (v - anchor) * (v - anchor)).sum();
    }

    pub(super) fn len(&self) -> usize {
        self.recent.len()
    }

    /// Bytes in memory, the heap included.
    pub(super) fn state_bytes(&self) -> usize {
        size_of::<Self>() + (self.recent.capacity() + self.sorted.capacity()) * size_of::<f64>()
    }

    /// Middle value, mean of both for an even number; 0 when empty.
    pub(super) fn median(&self) -> f64 {
        median_of_sorted(&self.sorted)
    }

    /// How many values lie above `high`, and how many below `low`.
    pub(super) fn outside(&self, low: f64, high: f64) -> (usize, usize) {
        let above = self.sorted.len() - self.sorted.partition_point(|v| *v <= high);
        (above, self.sorted.partition_point(|v| *v < low))
    }

    pub(super) fn mean(&self) -> f64 {
        if self.recent.is_empty() { 0.0 } else { self.anchor + self.sum / self.recent.len() as f64 }
    }

    /// Standard deviation with n - 1; 0 for fewer than two values.
    pub(super) fn sd(&self) -> f64 {
        let n = self.recent.len() as f64;
        if n < 2.0 || self.range() <= 0.0 {
            return 0.0;
        }
        ((self.squares - self.sum * self.sum / n) / (n - 1.0)).max(0.0).sqrt()
    }

    pub(super) fn range(&self) -> f64 {
        match (self.sorted.first(), self.sorted.last()) {
            (Some(low), Some(high)) => high - low,
            _ => 0.0,
        }
    }
}

/// Makes room for one more of at most `most` values: double, but never more than all of them.
pub(super) fn make_room<T>(values: &mut VecDeque<T>, most: usize) {
    if values.len() == values.capacity() {
        values.reserve_exact(more_room(values.len(), most));
    }
}

fn more_room(held: usize, most: usize) -> usize {
    held.max(8).min(most.saturating_sub(held)).max(1)
}

pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * sorted[n / 2 - 1] + 0.5 * sorted[n / 2],
    }
}

/// Median of a few values; sorts them.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    median_of_sorted(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_figures_equal_those_of_the_plain_window() {
        let mut rolling = Rolling::new(5);
        let values: Vec<f64> = (0..200).map(|i| ((i * 37) % 23) as f64 + 1e9).collect();
        for (i, value) in values.iter().enumerate() {
            rolling.push(*value);
            let window = &values[i.saturating_sub(4)..=i];
            let mut sorted = window.to_vec();
            let n = window.len() as f64;
            let mean = window.iter().sum::<f64>() / n;
            assert!((rolling.median() - median_of(&mut sorted)).abs() < 1e-9);
            assert!((rolling.mean() - mean).abs() < 1e-6);
            assert!((rolling.range() - (sorted[sorted.len() - 1] - sorted[0])).abs() < 1e-9);
            if window.len() > 1 {
                let sd = (window.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt();
                assert!((rolling.sd() - sd).abs() < 1e-5, "{} {sd}", rolling.sd());
            }
        }
    }

    #[test]
    fn lags_and_windows_end_where_the_values_do() {
        let mut recent = Recent::new(4);
        (1..=6).for_each(|v| recent.push(f64::from(v)));
        assert_eq!((recent.lag(0), recent.lag(3), recent.lag(4)), (Some(6.0), Some(3.0), None));
        let mut window = Vec::new();
        recent.window_into(1, 3, &mut window);
        assert_eq!(window, [3.0, 4.0, 5.0]);
        recent.window_into(2, 4, &mut window);
        assert_eq!(window, [0.0, 0.0, 3.0, 4.0]);
    }
}
