//! Whether a false-alarm budget held: what was counted against what was allowed, with the uncertainty of the count.

/// A rate counts as kept within this share of the budget.
const TOLERANCE: f64 = 0.2;
/// What lies outside the interval, on each side.
const OUTSIDE: f64 = 0.025;

/// A budget against what happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetCheck {
    /// False alerts that were counted.
    pub false_alerts: usize,
    /// Days without an event in which they were counted, over all series.
    pub normal_days: f64,
    /// False alerts per series and day that are allowed.
    pub allowed_per_day: f64,
    /// Counted over allowed; 1 is a budget that is used up exactly. `None` without normal days.
    pub ratio: Option<f64>,
    /// The 95 % interval of the ratio, by the Poisson distribution of the count.
    pub interval: Option<(f64, f64)>,
    /// What that means.
    pub verdict: BudgetVerdict,
}

/// What the count says about the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetVerdict {
    /// Fewer than the budget allows, beyond chance and by more than a fifth.
    Below,
    /// As allowed: within a fifth of the budget, or too near to it for this count to tell.
    Kept,
    /// More than allowed, beyond chance and by more than a fifth.
    Above,
    /// Nothing normal was judged.
    Unknown,
}

impl BudgetCheck {
    /// Compares `false_alerts` in `normal_days` with `allowed_per_day`, which is more than 0.
    #[must_use]
    pub fn new(false_alerts: usize, normal_days: f64, allowed_per_day: f64) -> Self {
        let allowed = normal_days * allowed_per_day;
        let unknown = Self {
            false_alerts,
            normal_days,
            allowed_per_day,
            ratio: None,
            interval: None,
            verdict: BudgetVerdict::Unknown,
        };
        if !(allowed > 0.0 && allowed.is_finite()) {
            return unknown;
        }
        let (lower, upper) = poisson_interval(false_alerts);
        let (ratio, lower, upper) = (false_alerts as f64 / allowed, lower / allowed, upper / allowed);
        let verdict = match ratio {
            _ if lower > 1.0 && ratio > 1.0 + TOLERANCE => BudgetVerdict::Above,
            _ if upper < 1.0 && ratio < 1.0 - TOLERANCE => BudgetVerdict::Below,
            _ => BudgetVerdict::Kept,
        };
        Self { ratio: Some(ratio), interval: Some((lower, upper)), verdict, ..unknown }
    }
}

impl BudgetVerdict {
    /// The name in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Kept => "kept",
            Self::Above => "above",
            Self::Unknown => "unknown",
        }
    }
}

/// The exact 95 % interval of a Poisson mean of which `count` were seen; the lower end of 0 is 0.
///
/// Source: Garwood, "Fiducial limits for the Poisson distribution", Biometrika 1936. O(√count).
#[must_use]
pub fn poisson_interval(count: usize) -> (f64, f64) {
    let k = count as f64;
    let lower = if count == 0 { 0.0 } else { bisect(0.0, k, |mean| at_least(count, mean) < OUTSIDE) };
    let upper = bisect(k, k + 10.0 * (k + 1.0).sqrt() + 10.0, |mean| at_most(count, mean) > OUTSIDE);
    (lower, upper)
}

/// Where `below` stops being true.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if below(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// P(X ≤ count), summed downwards; good for a mean of at least `count`.
fn at_most(count: usize, mean: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in (1..=count).rev() {
        term *= k as f64 / mean;
        sum += term;
        if term < 1e-18 * sum {
            break;
        }
    }
    probability(count, mean) * sum
}

/// P(X ≥ count), summed upwards; good for a mean of at most `count`.
fn at_least(count: usize, mean: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, count as f64);
    while term > 1e-18 * sum {
        k += 1.0;
        term *= mean / k;
        sum += term;
    }
    probability(count, mean) * sum
}

/// P(X = count).
fn probability(count: usize, mean: f64) -> f64 {
    let k = count as f64;
    if count == 0 {
        return (-mean).exp();
    }
    if mean <= 0.0 {
        return 0.0;
    }
    // Stirling's series from 16 on, the product below; the large parts cancel before they are added
    let rest = if count < 16 {
        (1..=count).map(|i| (i as f64).ln()).sum::<f64>() - (k * k.ln() - k)
    } else {
        let inverse = 1.0 / k;
        0.5 * (std::f64::consts::TAU * k).ln()
            + inverse * (1.0 / 12.0 - inverse * inverse / 360.0 + inverse.powi(4) / 1_260.0)
    };
    (k * (mean / k).ln() - (mean - k) - rest).exp()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{cases, close, integer};
    use super::*;

    #[test]
    fn intervals_equal_the_reference() {
        let cases = cases("poisson");
        assert_eq!(cases.len(), 9);
        for case in cases {
            let (lower, upper) = poisson_interval(integer(&case["count"]));
            close(lower, case["lower"].as_f64().unwrap(), &case["count"]);
            close(upper, case["upper"].as_f64().unwrap(), &case["count"]);
        }
    }

    #[test]
    fn a_verdict_needs_more_than_chance() {
        let verdict = |count, days| BudgetCheck::new(count, days, 1.0).verdict;
        assert_eq!(verdict(0, 2.0), BudgetVerdict::Kept, "no alarm in two days may be chance");
        assert_eq!(verdict(0, 10.0), BudgetVerdict::Below);
        assert_eq!(verdict(3, 1.0), BudgetVerdict::Kept);
        assert_eq!(verdict(30, 10.0), BudgetVerdict::Above);
        assert_eq!(verdict(1_100, 1_000.0), BudgetVerdict::Kept, "within a fifth");
        assert_eq!(verdict(5, 0.0), BudgetVerdict::Unknown);
        assert_eq!(verdict(5, f64::NAN), BudgetVerdict::Unknown);
        let check = BudgetCheck::new(10, 35.0, 1.0 / 7.0);
        assert!((check.ratio.unwrap() - 2.0).abs() < 1e-12);
        let (lower, upper) = check.interval.unwrap();
        assert!(lower < 2.0 && 2.0 < upper && lower > 0.9);
    }
}
