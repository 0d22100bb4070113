//! Statistics of a moving window, as pandas computes them. NaN is no observation.

/// Mean, deviation and median of the newest `width` places, of which some hold no observation.
#[derive(Debug, Clone)]
pub(super) struct Window {
    width: usize,
    fewest: usize,
    places: std::collections::VecDeque<f64>,
    sorted: Vec<f64>,
    /// Sums are of values less this one, so that large offsets cost no digits.
    anchor: f64,
    sum: f64,
    squares: f64,
    /// Places until the sums are taken afresh, which keeps rounding errors from piling up.
    until_fresh: usize,
}

impl Window {
    /// A window of `width` places that says something from `fewest` observations on.
    pub(super) fn new(width: usize, fewest: usize) -> Self {
        Self {
            width: width.max(1),
            fewest: fewest.max(1),
            places: std::collections::VecDeque::new(),
            sorted: Vec::new(),
            anchor: 0.0,
            sum: 0.0,
            squares: 0.0,
            until_fresh: 0,
        }
    }

    /// Moves on by one place. O(width) in moves of memory.
    pub(super) fn push(&mut self, value: f64) {
        if self.places.len() == self.width
            && let Some(oldest) = self.places.pop_front()
            && !oldest.is_nan()
        {
            let place = self.sorted.partition_point(|v| v.total_cmp(&oldest).is_lt());
            self.sorted.remove(place);
            self.add(oldest, -1.0);
        }
        self.places.push_back(value);
        if !value.is_nan() {
            let place = self.sorted.partition_point(|v| v.total_cmp(&value).is_lt());
            self.sorted.insert(place, value);
            self.add(value, 1.0);
        }
        match self.until_fresh.checked_sub(1) {
            Some(left) => self.until_fresh = left,
            None => self.refresh(),
        }
    }

    /// NaN with too few observations.
    pub(super) fn mean(&self) -> f64 {
        self.told(self.fewest, || self.anchor + self.sum / self.sorted.len() as f64)
    }

    /// Standard deviation with `n - 1`; NaN with too few observations.
    pub(super) fn deviation(&self) -> f64 {
        self.told(self.fewest.max(2), || {
            if self.is_constant() {
                return 0.0;
            }
            let n = self.sorted.len() as f64;
            ((self.squares - self.sum * self.sum / n).max(0.0) / (n - 1.0)).sqrt()
        })
    }

    /// NaN with too few observations.
    pub(super) fn median(&self) -> f64 {
        self.told(self.fewest, || median_of_sorted(&self.sorted))
    }

    /// The smallest and the largest observation; NaN with too few.
    pub(super) fn range(&self) -> f64 {
        self.told(self.fewest, || self.sorted.last().unwrap_or(&0.0) - self.sorted.first().unwrap_or(&0.0))
    }

    fn told(&self, fewest: usize, figure: impl FnOnce() -> f64) -> f64 {
        if self.sorted.len() >= fewest { figure() } else { f64::NAN }
    }

    fn is_constant(&self) -> bool {
        matches!((self.sorted.first(), self.sorted.last()), (Some(low), Some(high)) if low.total_cmp(high).is_eq())
    }

    fn add(&mut self, value: f64, sign: f64) {
        let off = value - self.anchor;
        self.sum += sign * off;
        self.squares += sign * off * off;
    }

    fn refresh(&mut self) {
        self.until_fresh = self.width;
        self.anchor = self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(0.0);
        (self.sum, self.squares) = (0.0, 0.0);
        for index in 0..self.sorted.len() {
            self.add(self.sorted[index], 1.0);
        }
    }
}

/// The median of values without order, NaN left out; NaN for none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut kept: Vec<f64> = values.filter(|v| !v.is_nan()).collect();
    kept.sort_unstable_by(f64::total_cmp);
    if kept.is_empty() { f64::NAN } else { median_of_sorted(&kept) }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|place| sorted.get(place)).copied().unwrap_or(upper);
    lower / 2.0 + upper / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_equals_the_figures_of_its_values() {
        let values: Vec<f64> = (0..200_u32).map(|i| 1e9 + f64::from(i.wrapping_mul(2_654_435_761) >> 20)).collect();
        let mut window = Window::new(17, 3);
        for (end, value) in values.iter().enumerate() {
            window.push(*value);
            let own = &values[(end + 1).saturating_sub(17)..=end];
            if own.len() < 3 {
                assert!(window.mean().is_nan() && window.median().is_nan());
                continue;
            }
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            let variance = own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (own.len() - 1) as f64;
            assert!((window.mean() - mean).abs() < 1e-6);
            assert!((window.deviation() - variance.sqrt()).abs() < 1e-6 * variance.sqrt());
            assert!((window.median() - median(own.iter().copied())).abs() < 1e-6);
        }
    }

    #[test]
    fn what_was_not_observed_does_not_count() {
        let mut window = Window::new(3, 2);
        for value in [1.0, f64::NAN, 3.0] {
            window.push(value);
        }
        assert!((window.mean() - 2.0).abs() < 1e-12 && (window.range() - 2.0).abs() < 1e-12);
        window.push(f64::NAN);
        assert!(window.mean().is_nan(), "one observation is too few");
        assert!(median(std::iter::empty()).is_nan());
    }
}
