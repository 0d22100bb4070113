//! Futures with trend changes that come as often and are as large as those of the past, and noise.

use rand::distr::Distribution;
use rand::{Rng, SeedableRng};
use rand_distr::{Exp1, StandardNormal};
use rand_pcg::Pcg64;

use super::Fitted;
use crate::forecast::{Band, SamplePaths};

/// Futures and what lies between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// Intervals, ascending by level, as quantiles of the futures.
    pub bands: Vec<Band>,
    /// The futures.
    pub paths: SamplePaths,
}

impl Fitted {
    /// `count` futures of the horizon and intervals of the given `levels` (each in (0, 1), ascending) between them.
    ///
    /// The number of slope changes is Poisson at the rate of possible changes in the history, their size Laplace with the mean
    /// size of the fitted ones, the noise normal. The same seed gives the same futures. O(count × steps).
    #[must_use]
    pub fn simulate(&self, levels: &[f64], count: usize, seed: u64) -> Simulated {
        let mut random = Pcg64::seed_from_u64(seed);
        let steps = self.horizon;
        let centre: Vec<f64> = (self.points..self.points + steps).map(|at| self.mean(at)).collect();
        let sizes: f64 = self.estimate.changes.iter().map(|change| change.abs()).sum();
        let changes = self.knots.len().max(1) as f64;
        let size = self.largest * (sizes / changes + 1e-8) / self.length();
        let every = self.length() / self.knots.len() as f64;
        let sigma = self.sigma();
        let mut values = Vec::with_capacity(count * steps);
        for _ in 0..count {
            let (mut slope, mut lift) = (0.0, 0.0);
            let mut next: f64 = every * random.sample::<f64, _>(Exp1);
            for (step, middle) in centre.iter().enumerate() {
                let now = (step + 1) as f64;
                lift += slope;
                while next <= now {
                    let change = laplace(&mut random, size);
                    lift += change * (now - next);
                    slope += change;
                    next += every * random.sample::<f64, _>(Exp1);
                }
                let noise: f64 = StandardNormal.sample(&mut random);
                values.push(middle + lift + sigma * noise);
            }
        }
        let bands = bands(&values, steps, count, levels, &centre);
        Simulated { bands, paths: SamplePaths::new(steps, values) }
    }
}

fn laplace(random: &mut Pcg64, scale: f64) -> f64 {
    let size: f64 = random.sample(Exp1);
    if random.random::<bool>() { scale * size } else { -scale * size }
}

/// Quantiles at each step, kept around `centre`; of the centre alone without values.
fn bands(values: &[f64], steps: usize, count: usize, levels: &[f64], centre: &[f64]) -> Vec<Band> {
    let mut bands: Vec<Band> = levels
        .iter()
        .map(|level| Band { level: *level, lower: Vec::with_capacity(steps), upper: Vec::with_capacity(steps) })
        .collect();
    let mut column = vec![0.0; count];
    for (step, middle) in centre.iter().enumerate() {
        for (cell, path) in column.iter_mut().zip(values.chunks_exact(steps.max(1))) {
            *cell = path[step];
        }
        // the narrowest interval first: the wider ones lie in what it leaves outside
        let mut found: Option<(Order, Order)> = None;
        let mut reached = (*middle, *middle);
        for band in &mut bands {
            let exact = |at: f64| at * count.saturating_sub(1) as f64;
            let (low, high) = (exact((1.0 - band.level) / 2.0), exact(f64::midpoint(1.0, band.level)));
            let lower = match found {
                None => Order::whole(&mut column, low as usize),
                Some((lower, _)) => lower.before(&mut column, low as usize),
            };
            let upper = found.map_or(lower, |(_, upper)| upper).after(&mut column, high as usize);
            found = Some((lower, upper));
            if count > 0 {
                reached = (reached.0.min(lower.value(low)), reached.1.max(upper.value(high)));
            }
            band.lower.push(reached.0);
            band.upper.push(reached.1);
        }
    }
    bands
}

/// The value at one place of the sorted column and the next larger one; everything before and after is on its side of it.
#[derive(Debug, Clone, Copy)]
struct Order {
    place: usize,
    found: f64,
    next: f64,
}

impl Order {
    fn whole(column: &mut [f64], place: usize) -> Self {
        Self::of(column, 0, place, f64::INFINITY)
    }

    /// The order at an earlier `place`; the column from this one on stays as it is.
    fn before(self, column: &mut [f64], place: usize) -> Self {
        if place >= self.place { self } else { Self::of(&mut column[..self.place], 0, place, self.found) }
    }

    /// The order at a later `place`; the column up to this one stays as it is.
    fn after(self, column: &mut [f64], place: usize) -> Self {
        let first = self.place + 1;
        if place < first {
            self
        } else {
            Self::of(column.get_mut(first..).unwrap_or_default(), first, place, f64::INFINITY)
        }
    }

    /// In `part`, whose first value has the place `first`; `next` follows the part.
    fn of(part: &mut [f64], first: usize, place: usize, next: f64) -> Self {
        if part.is_empty() {
            return Self { place, found: next, next };
        }
        let index = (place - first).min(part.len() - 1);
        let (_, found, rest) = part.select_nth_unstable_by(index, f64::total_cmp);
        Self { place, found: *found, next: rest.iter().copied().fold(next, f64::min) }
    }

    /// Between the two values, at the fraction of `exact`.
    fn value(self, exact: f64) -> f64 {
        let share = exact - self.place as f64;
        if share > 0.0 && self.next.is_finite() { self.found + (self.next - self.found) * share } else { self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_sorted_values() {
        let mut random = Pcg64::seed_from_u64(3);
        for count in [1, 2, 3, 10, 101, 1_000] {
            let values: Vec<f64> = (0..count).map(|_| random.random::<f64>()).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let linear = |at: f64| {
                let exact = at * (count - 1) as f64;
                let low = exact.floor() as usize;
                sorted[low] + (sorted[(low + 1).min(count - 1)] - sorted[low]) * (exact - low as f64)
            };
            let levels = [0.5, 0.8, 0.95];
            for band in bands(&values, 1, count, &levels, &[linear(0.5)]) {
                let miss = (1.0 - band.level) / 2.0;
                assert!((band.lower[0] - linear(miss)).abs() < 1e-12, "{count} {}", band.level);
                assert!((band.upper[0] - linear(1.0 - miss)).abs() < 1e-12, "{count} {}", band.level);
            }
        }
    }
}
