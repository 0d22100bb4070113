//! A long past in little room: every k-th row of it, k doubling until a limit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::isolation_forest::mix;
use super::window::make_room;

/// At most `capacity` rows of `width` numbers, one out of each block of `stride` rows, the stride doubling from 1 to
/// `most_stride` as the past grows; then the oldest fall out. So it spans `capacity × most_stride` rows.
///
/// Which row of a block is kept is drawn by a seeded hash, so that no season is met always in the same phase.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trail {
    width: usize,
    capacity: usize,
    most_stride: usize,
    stride: usize,
    seed: u64,
    block: u64,
    filled: usize,
    #[serde(with = "super::exact::f32s")]
    kept: Vec<f32>,
    #[serde(with = "super::exact::f32s")]
    rows: VecDeque<f32>,
    /// Largest first number of each block.
    #[serde(with = "super::exact::f32s")]
    peaks: VecDeque<f32>,
    block_peak: f32,
}

impl Trail {
    pub(super) fn new(width: usize, capacity: usize, most_stride: usize, seed: u64) -> Self {
        Self {
            width,
            capacity: capacity.max(2),
            most_stride,
            stride: 1,
            seed,
            block: 0,
            filled: 0,
            kept: Vec::new(),
            rows: VecDeque::new(),
            peaks: VecDeque::new(),
            block_peak: 0.0,
        }
    }

    /// Adds a row of `width` numbers; they are limited to the range of `f32`.
    pub(super) fn push(&mut self, row: &[f64]) {
        let chosen = (mix(self.seed, self.block) % self.stride as u64) as usize;
        let first = row.first().map_or(0.0, |v| narrow(*v));
        self.block_peak = if self.filled == 0 { first } else { self.block_peak.max(first) };
        if self.filled == chosen {
            self.kept.clear();
            self.kept.extend(row.iter().map(|v| narrow(*v)));
        }
        self.filled += 1;
        if self.filled < self.stride {
            return;
        }
        self.filled = 0;
        self.block += 1;
        make_room(&mut self.peaks, self.capacity + 1);
        if self.rows.len() + self.width > self.rows.capacity() {
            let more = self.peaks.capacity() * self.width - self.rows.len();
            self.rows.reserve_exact(more);
        }
        self.rows.extend(self.kept.iter());
        self.peaks.push_back(self.block_peak);
        if self.peaks.len() > self.capacity {
            if self.stride < self.most_stride {
                self.thin();
            } else {
                self.rows.drain(..self.width);
                self.peaks.pop_front();
            }
        }
    }

    fn thin(&mut self) {
        let pairs = self.peaks.len() / 2;
        let (mut rows, mut peaks) = (VecDeque::new(), VecDeque::new());
        for pair in 0..pairs {
            let one = 2 * pair + (mix(self.seed, self.block + pair as u64) % 2) as usize;
            rows.extend(self.rows.range(one * self.width..(one + 1) * self.width));
            peaks.push_back(self.peaks[2 * pair].max(self.peaks[2 * pair + 1]));
        }
        self.stride *= 2;
        (self.rows, self.peaks) = (rows, peaks);
    }

    /// Rows held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.peaks.len()
    }

    /// The rows held, row-major, oldest first.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().map(|v| f64::from(*v))
    }

    /// The first numbers, in no order.
    pub(super) fn firsts(&self) -> Vec<f32> {
        self.rows.iter().step_by(self.width).copied().collect()
    }

    /// The largest first number of all rows of the span, those that were not kept included.
    pub(super) fn peak(&self) -> f64 {
        f64::from(self.peaks.iter().copied().fold(f32::MIN, f32::max))
    }

    /// Whether the parts agree; false for a snapshot that was tampered with.
    pub(super) fn is_sound(&self) -> bool {
        self.width > 0
            && self.stride > 0
            && self.rows.len() == self.peaks.len() * self.width
            && self.filled < self.stride
            && (self.filled == 0 || self.kept.len() == self.width || self.kept.is_empty())
            && self.rows.iter().chain(&self.kept).all(|v| v.is_finite())
    }
}

fn narrow(value: f64) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(-1e30, 1e30) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_grows_to_its_limit_and_the_peak_is_never_lost_inside_it() {
        let mut trail = Trail::new(2, 10, 4, 1);
        for i in 0..100 {
            let value = if i == 70 { 500.0 } else { f64::from(i) };
            trail.push(&[value, -value]);
            assert!(trail.len() <= 10 && trail.is_sound(), "{i}");
            if (70..100).contains(&i) && i % 4 == 3 {
                assert!(trail.peak() > 499.0, "{i}");
            }
        }
        let rows: Vec<f64> = trail.values().collect();
        assert_eq!(rows.len(), 2 * trail.len());
        assert!(rows.chunks(2).all(|row| (row[0] + row[1]).abs() < 1e-6));
        assert!(rows[0] >= 55.0, "{rows:?}");
    }
}
