//! Intermittent demand: series that are mostly zero, such as errors, batch jobs and rare requests.
//!
//! Croston (1972) smooths the sizes of what is not zero and the steps between them, and forecasts their ratio; Syntetos and
//! Boylan (2005) take out its bias; Teunter, Syntetos and Babai (2011) smooth the probability of a non-zero step instead of
//! the gaps, so that the forecast falls while nothing comes. All forecast a mean, one value for every step: a median of such
//! a series is 0 and says nothing.

use super::pool::{Problem, Runs};

/// Smoothing constants tried.
const ALPHAS: [f64; 5] = [0.03, 0.06, 0.1, 0.2, 0.3];
/// A series is intermittent when more than this share of it is 0.
pub(super) const INTERMITTENT: f64 = 0.5;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Size over interval.
    Croston,
    /// The same less its bias.
    Sba,
    /// Size times probability.
    Tsb,
}

/// Whether a series is mostly zero and otherwise positive.
pub(super) fn is_intermittent(values: &[f64]) -> bool {
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    values.iter().all(|value| *value >= 0.0) && zeros as f64 > INTERMITTENT * values.len() as f64
}

/// Forecasts at every origin with the smoothing that had the least squared one-step error over the history.
///
/// `None` with a negative value. O(points) for each smoothing and origin.
pub(super) fn run(problem: &Problem<'_>, method: Method) -> Option<Runs> {
    if !problem.values.iter().all(|value| *value >= 0.0) {
        return None;
    }
    let score = |alpha: f64| State::over(problem.values, method, alpha).squares;
    let alpha = ALPHAS.into_iter().min_by(|a, b| score(*a).total_cmp(&score(*b)))?;
    Some(
        problem
            .each_origin(|history, steps| Some(vec![State::over(history, method, alpha).rate(method, alpha); steps])),
    )
}

/// Smoothed size, interval and probability.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    size: f64,
    interval: f64,
    probability: f64,
    /// Steps since the last value above 0, or since the start.
    waited: f64,
    seen: bool,
    started: bool,
    /// Squared one-step errors after the first value above 0.
    squares: f64,
}

impl State {
    fn over(values: &[f64], method: Method, alpha: f64) -> Self {
        let mut state = Self::default();
        for value in values {
            if state.seen {
                state.squares += (value - state.rate(method, alpha)).powi(2);
            }
            state.add(*value, alpha);
        }
        state
    }

    fn add(&mut self, value: f64, alpha: f64) {
        let now = if value > 0.0 { 1.0 } else { 0.0 };
        self.probability = if self.started { self.probability + alpha * (now - self.probability) } else { now };
        self.started = true;
        self.waited += 1.0;
        if value > 0.0 {
            if self.seen {
                self.size += alpha * (value - self.size);
                self.interval += alpha * (self.waited - self.interval);
            } else {
                (self.size, self.interval, self.seen) = (value, self.waited, true);
            }
            self.waited = 0.0;
        }
    }

    /// Expected value of a step; 0 before anything came.
    fn rate(&self, method: Method, alpha: f64) -> f64 {
        match method {
            _ if !self.seen => 0.0,
            Method::Croston => self.size / self.interval,
            Method::Sba => (1.0 - alpha / 2.0) * self.size / self.interval,
            Method::Tsb => self.size * self.probability,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::forecast::reference::numbers;

    use super::*;

    #[test]
    fn agrees_with_statsforecast() {
        let text = include_str!("../../data/reference/forecast/simple.json");
        let all: Value = serde_json::from_str(text).expect("valid JSON");
        for case in all["intermittent"].as_array().expect("cases") {
            let values = numbers(&case["values"]);
            assert!(is_intermittent(&values));
            for (method, name) in [(Method::Croston, "croston"), (Method::Sba, "sba"), (Method::Tsb, "tsb")] {
                let want = case[name].as_f64().expect("a number");
                let got = State::over(&values, method, 0.1).rate(method, 0.1);
                // statsforecast smooths in single precision
                assert!((got - want).abs() < 1e-5 * want.abs(), "{name}: {got} is not {want}");
            }
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        for method in [Method::Croston, Method::Sba, Method::Tsb] {
            assert!(State::over(&[0.0; 9], method, 0.1).rate(method, 0.1).abs() < f64::MIN_POSITIVE);
            assert!(State::over(&[], method, 0.1).rate(method, 0.1).abs() < f64::MIN_POSITIVE);
        }
        assert!(!is_intermittent(&[0.0, 0.0, -1.0]) && !is_intermittent(&[1.0, 0.0]));
    }
}
