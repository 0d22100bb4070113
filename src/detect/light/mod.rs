//! The light detector: what is usual at this time of day, and how far from it a value is, in 4 KB.
//!
//! Input: one value at a time with its time, in time order. Output: the same [`PointScore`](super::PointScore) as the full
//! detector's. Never: holds past values beyond three lags, allocates for an ordinary point, reads a clock.
//!
//! **Expectation.** A profile of up to 96 phases of the local day, apart for workdays, Saturdays and Sundays (holidays are
//! Sundays), weighted by how well it has explained the series; a damped level of what it leaves; an autoregression of
//! order 3 on the rest. **Scale.** A robust standard deviation times a factor of the hour. **Evidence.** Quick: the
//! one-step error with some of the deviation from the season, each side apart. Slow: the deviation from the season, its
//! mean over some 12 points and the size of the errors over some 20. Each becomes a p-value by a tail fitted to its own
//! past ([`tail`]); twice the smaller one is the point's p-value. **Learning** is winsorised: an outlier moves nothing
//! by more than a few standard deviations, until a dozen in a row make a new regime.

mod autoregression;
mod detector;
mod frame;
mod gpd;
mod level;
mod model;
mod profile;
mod slots;
mod spread;
mod tail;
mod verdict;

pub(super) use detector::LightDetector;
