//! Possible futures that agree with the intervals at every step and level.
//!
//! A path is the central path plus an error that moves as the backtest's errors did: one part is shared by the whole path (the
//! level or the trend was wrong), one remembers its neighbour. Both are normal; their sum is mapped so that its
//! size has the calibrated quantiles (a Gaussian copula), and grows with the horizon as the intervals do. So a share of
//! 80 % of many paths lies in the 80 % interval at each step.

use rand::SeedableRng;
use rand::distr::Distribution;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use super::SamplePaths;
use super::intervals::Calibration;
use super::normal::distribution;

/// Shared part of the error where the horizon is longer than the backtest could check, at least.
const SHARED_WHEN_UNCHECKED: f64 = 0.5;
/// Normal values are mapped up to this size.
const REACH: f64 = 4.5;
/// Cells of the map.
const CELLS: usize = 450;

/// `count` paths around `centre`; the same seed gives the same paths. O(count × steps).
pub(super) fn sample(calibration: &Calibration, centre: &[f64], count: usize, seed: u64) -> SamplePaths {
    let mut random = Pcg64::seed_from_u64(seed);
    let map = Map::new(calibration);
    let spreads: Vec<f64> = (0..centre.len()).map(|step| calibration.spread(step)).collect();
    let shared = if calibration.covers(centre.len()) {
        calibration.shared
    } else {
        calibration.shared.max(SHARED_WHEN_UNCHECKED)
    };
    let (common_part, own_part) = (shared.sqrt(), (1.0 - shared).sqrt());
    let memory = calibration.memory;
    let fresh_part = (1.0 - memory * memory).sqrt();
    let mut values = Vec::with_capacity(count * centre.len());
    for _ in 0..count {
        let common: f64 = StandardNormal.sample(&mut random);
        let mut own: f64 = StandardNormal.sample(&mut random);
        for (middle, spread) in centre.iter().zip(&spreads) {
            let normal = common_part * common + own_part * own;
            values.push(calibration.apply(*middle, map.error(normal) * spread));
            let fresh: f64 = StandardNormal.sample(&mut random);
            own = memory * own + fresh_part * fresh;
        }
    }
    SamplePaths::new(centre.len(), values)
}

/// Error size by size of a normal value, tabulated.
struct Map(Vec<f64>);

impl Map {
    fn new(calibration: &Calibration) -> Self {
        let size = |cell: usize| {
            let normal = REACH * cell as f64 / CELLS as f64;
            calibration.size(1.0 - 2.0 * distribution(-normal))
        };
        Self(std::iter::once(0.0).chain((1..=CELLS + 1).map(size)).collect())
    }

    fn error(&self, normal: f64) -> f64 {
        let at = (normal.abs() / REACH * CELLS as f64).min(CELLS as f64);
        let cell = at as usize;
        let size = self.0[cell] + (self.0[cell + 1] - self.0[cell]) * (at - cell as f64);
        size.copysign(normal)
    }
}
