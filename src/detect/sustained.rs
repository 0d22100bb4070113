//! Evidence that lasts: a sustained anomaly keeps what it gathered, and fades rather than ends.

use serde::{Deserialize, Serialize};

/// The larger of a point's own evidence and a share of the exponentially weighted mean of all evidence so far, the latter
/// up to a limit: what is held keeps its rank, but an ordinary point does not alarm because of those before it.
///
/// Within an incident single points look ordinary for a moment; the mean carries the incident over them, and a long run of
/// moderate evidence counts for more than each of its points. A lone blip hardly moves the mean.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sustained {
    #[serde(with = "super::exact::one")]
    mean: f64,
    #[serde(with = "super::exact::one")]
    rate: f64,
    #[serde(with = "super::exact::one")]
    share: f64,
}

impl Sustained {
    /// `half_life` in points, more than 0; `share` of the mean that is kept as evidence.
    pub(super) fn new(half_life: f64, share: f64) -> Self {
        Self { mean: 0.0, rate: 1.0 - (-half_life.recip()).exp2(), share }
    }

    /// Takes in the evidence of the newest point and gives what is to be judged; what is held counts up to `limit`.
    pub(super) fn push(&mut self, evidence: f64, limit: f64) -> f64 {
        self.mean += self.rate * (evidence - self.mean);
        evidence.max((self.share * self.mean).min(limit))
    }

    pub(super) fn is_sound(&self) -> bool {
        self.mean.is_finite() && self.rate > 0.0 && self.rate <= 1.0 && self.share > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_inside_an_incident_is_carried_over_and_a_blip_leaves_nothing() {
        let mut incident = Sustained::new(20.0, 0.9);
        (0..100).for_each(|_| {
            incident.push(2.0, f64::INFINITY);
        });
        assert!(incident.push(0.1, f64::INFINITY) > 1.6);
        let faded = (0..60).map(|_| incident.push(0.1, f64::INFINITY)).last().unwrap_or(f64::NAN);
        assert!(faded < 0.4, "{faded}");
        let mut blip = Sustained::new(20.0, 0.9);
        (0..100).for_each(|_| {
            blip.push(0.1, f64::INFINITY);
        });
        assert!((blip.push(3.0, f64::INFINITY) - 3.0).abs() < 1e-12);
        assert!(blip.push(0.1, f64::INFINITY) < 0.25);
        let mut limited = Sustained::new(20.0, 0.9);
        assert!((0..100).all(|_| limited.push(2.0, 1.0) >= 2.0));
        assert!((limited.push(0.1, 1.0) - 1.0).abs() < 1e-12);
    }
}
