//! Sums of gradients per bin, and the best split that they allow.

use super::bins::Binned;
use super::params::{Params, Trend};

/// Gradient, second derivative and rows, summed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
    pub(super) rows: u32,
}

/// The sums of every bin of every feature.
#[derive(Debug, Clone)]
pub(super) struct Histogram(Vec<Sum>);

/// A split of a leaf: bins at or below `bin` go left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) feature: usize,
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    pub(super) left: Sum,
    pub(super) right: Sum,
}

/// The values that a leaf may take, so that trends hold between its siblings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What a search for splits may use.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) params: &'a Params,
    pub(super) trends: &'a [Trend],
    /// The features that this tree may use, rising.
    pub(super) features: &'a [usize],
}

impl Sum {
    pub(super) const fn add(&mut self, other: &Self) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
        self.rows += other.rows;
    }

    const fn minus(&self, other: &Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            rows: self.rows - other.rows,
        }
    }

    /// The best leaf value within `bounds`.
    pub(super) fn value(&self, l2: f64, bounds: Bounds) -> f64 {
        let weight = self.hessian + l2;
        if weight > 0.0 { (-self.gradient / weight).clamp(bounds.low, bounds.high) } else { 0.0 }
    }

    /// How much the loss falls (times 2) with the leaf value `value`.
    fn merit(&self, value: f64, l2: f64) -> f64 {
        -(2.0 * self.gradient + (self.hessian + l2) * value) * value
    }
}

impl Bounds {
    pub(super) const FREE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
}

impl Histogram {
    /// Sums `rows`; `derivatives` holds gradient and second derivative of every row of the table.
    pub(super) fn build(binned: &Binned, rows: &[u32], derivatives: &[[f64; 2]]) -> Self {
        let n_features = binned.features.len();
        let mut sums = vec![Sum::default(); binned.offsets[n_features]];
        for row in rows {
            let row = *row as usize;
            let [gradient, hessian] = derivatives[row];
            let codes = &binned.codes[row * n_features..(row + 1) * n_features];
            for (code, offset) in codes.iter().zip(&binned.offsets) {
                sums[offset + usize::from(*code)].add(&Sum { gradient, hessian, rows: 1 });
            }
        }
        Self(sums)
    }

    /// What is left when `part` is taken away: the sibling's histogram, exact because sums are.
    pub(super) fn minus(mut self, part: &Self) -> Self {
        for (sum, part) in self.0.iter_mut().zip(&part.0) {
            *sum = sum.minus(part);
        }
        self
    }

    /// The sum over all rows of the leaf.
    pub(super) fn total(&self, binned: &Binned) -> Sum {
        let mut total = Sum::default();
        self.0[..binned.offsets[1]].iter().for_each(|sum| total.add(sum));
        total
    }

    /// The split of the highest gain, if any is worth it. Of equal gains the first feature and lowest bin win.
    pub(super) fn best_split(&self, binned: &Binned, rules: &Rules<'_>, bounds: Bounds) -> Option<Split> {
        let total = self.total(binned);
        let mut best: Option<Split> = None;
        for feature in rules.features {
            let sums = &self.0[binned.offsets[*feature]..binned.offsets[*feature + 1]];
            let Some((missing, values)) = sums.split_last() else { continue };
            for missing_left in [false, true] {
                if missing_left && missing.rows == 0 {
                    continue;
                }
                let mut left = if missing_left { *missing } else { Sum::default() };
                for (bin, sum) in values.iter().enumerate().take(values.len() - 1) {
                    left.add(sum);
                    let right = total.minus(&left);
                    let floor = best.as_ref().map_or(rules.params.min_gain, |split| split.gain);
                    let Some(gain) = gain(&total, [&left, &right], rules, *feature, bounds) else { continue };
                    if gain > floor {
                        best = Some(Split { gain, feature: *feature, bin, missing_left, left, right });
                    }
                }
            }
            // Without missing values in training, missing ones go to the larger side.
            if let Some(split) = best.as_mut().filter(|split| split.feature == *feature && missing.rows == 0) {
                split.missing_left = split.left.rows >= split.right.rows;
            }
        }
        best
    }
}

/// Gain of a split, `None` if a child is too small or the trend of the feature forbids it.
fn gain(total: &Sum, children: [&Sum; 2], rules: &Rules<'_>, feature: usize, bounds: Bounds) -> Option<f64> {
    let params = rules.params;
    let enough = |sum: &Sum| sum.rows as usize >= params.min_samples_leaf && sum.hessian >= params.min_child_weight;
    if !children.iter().all(|child| enough(child)) {
        return None;
    }
    let [left, right] = children.map(|child| child.value(params.l2, bounds));
    let allowed = match rules.trends.get(feature).copied().unwrap_or_default() {
        Trend::Free => true,
        Trend::TowardsFirst => left <= right,
        Trend::TowardsLast => left >= right,
    };
    let parent = total.merit(total.value(params.l2, bounds), params.l2);
    allowed.then(|| children[0].merit(left, params.l2) + children[1].merit(right, params.l2) - parent)
}
