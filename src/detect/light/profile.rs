//! What is usual at this time of the day and on this kind of day.

use serde::{Deserialize, Serialize};

use super::slots::{Cut, Slot};

/// Visits of a phase that are remembered.
const MEMORY: f64 = 5.0;
/// Visits of a phase's size that are remembered.
const SIZE_MEMORY: f64 = 10.0;
/// Phases of the size, and kinds of days: workday or not.
const SIZE_PHASES: usize = 24;
const SIZE_CLASSES: usize = 2;
/// How far a phase may be from the average.
const FACTORS: (f64, f64) = (0.3, 4.0);
/// Sizes beyond so many times the usual are cut.
const SIZE_LIMIT: f64 = 4.0;
/// Visits until half of what a phase says about its size is believed.
const HALF_TRUST: f64 = 1.0;

/// Usual value and usual size of the error by phase of the day, apart for kinds of days.
///
/// Values are held as `f32` about an anchor in the middle of them. A phase is as long as its share of the day (15 minutes
/// for a step of up to 15 minutes, else the step); in between values are interpolated. A kind of day that was not seen
/// yet is expected to be like its nearest relative.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Profile {
    cut: Cut,
    per_visit: u16,
    #[serde(with = "crate::detect::exact::one")]
    anchor: f64,
    #[serde(with = "crate::detect::exact::f32s")]
    means: Vec<f32>,
    counts: Vec<u16>,
    #[serde(with = "crate::detect::exact::f32s")]
    sizes: Vec<f32>,
    size_counts: Vec<u16>,
}

impl Profile {
    /// An empty profile; `points` in the whole season.
    pub(super) fn new(cut: Cut, points: f64) -> Self {
        let (phases, classes) = cut.shape();
        let sizes = if phases == 0 { 0 } else { SIZE_PHASES * SIZE_CLASSES };
        Self {
            cut,
            per_visit: (points / phases.max(1) as f64).round().clamp(1.0, 5_000.0) as u16,
            anchor: 0.0,
            means: vec![0.0; phases * classes],
            counts: vec![0; phases * classes],
            sizes: vec![0.0; sizes],
            size_counts: vec![0; sizes],
        }
    }

    pub(super) const fn cut(&self) -> Cut {
        self.cut
    }

    /// The usual value at `slot`; `None` when no kind of day has been seen at this time.
    pub(super) fn usual(&self, slot: Slot) -> Option<f64> {
        let (phases, classes) = self.cut.shape();
        for class in relatives(slot.class, classes) {
            let below = (slot.position - 0.5).rem_euclid(phases as f64);
            let first = (below as usize).min(phases - 1);
            let share = below - first as f64;
            let (near, far) = (class * phases + first, class * phases + (first + 1) % phases);
            let near = self.full(near);
            let far = self.full(far);
            let value = match (near, far) {
                (Some(near), Some(far)) => near + share * (far - near),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            return Some(self.anchor + value);
        }
        None
    }

    fn full(&self, index: usize) -> Option<f64> {
        let seen = self.counts.get(index).is_some_and(|count| *count >= self.per_visit);
        if seen { self.means.get(index).map(|mean| f64::from(*mean)) } else { None }
    }

    /// How much larger errors are at `slot` than on average.
    pub(super) fn factor(&self, slot: Slot) -> f64 {
        let index = self.size_index(slot);
        let (Some(size), Some(count)) = (self.sizes.get(index), self.size_counts.get(index)) else { return 1.0 };
        let visits = f64::from(*count) / self.size_visit();
        let trust = visits / (visits + HALF_TRUST);
        (1.0 + trust * (f64::from(*size) - 1.0)).clamp(FACTORS.0, FACTORS.1)
    }

    /// Learns a value at `slot`.
    pub(super) fn learn(&mut self, slot: Slot, value: f64) {
        let (phases, _) = self.cut.shape();
        let index = slot.class * phases + (slot.position as usize).min(phases.saturating_sub(1));
        let most = (MEMORY * f64::from(self.per_visit)) as u16;
        let (Some(mean), Some(count)) = (self.means.get_mut(index), self.counts.get_mut(index)) else { return };
        *count = (*count + 1).min(most);
        let old = f64::from(*mean);
        *mean = (old + (value - self.anchor - old) / f64::from(*count)).clamp(-1e37, 1e37) as f32;
    }

    /// Learns the size of an error at `slot` in units of the usual one.
    pub(super) fn learn_size(&mut self, slot: Slot, relative: f64) {
        let index = self.size_index(slot);
        let most = SIZE_MEMORY * self.size_visit();
        let (Some(size), Some(count)) = (self.sizes.get_mut(index), self.size_counts.get_mut(index)) else { return };
        *count = count.saturating_add(1).min(most as u16);
        let old = f64::from(*size);
        let rate = 1.0 / f64::from(*count);
        *size = (old + rate * (relative.min(SIZE_LIMIT) - old)) as f32;
    }

    /// Puts the anchor at `value` when it has moved by more than `far`; what is held keeps its meaning.
    pub(super) fn anchor_at(&mut self, value: f64, far: f64) {
        let moved = value - self.anchor;
        if moved.abs() > far {
            for (mean, count) in self.means.iter_mut().zip(&self.counts) {
                if *count > 0 {
                    *mean = (f64::from(*mean) - moved).clamp(-1e37, 1e37) as f32;
                }
            }
            self.anchor = value;
        }
    }

    fn size_visit(&self) -> f64 {
        let (phases, _) = self.cut.shape();
        (f64::from(self.per_visit) * phases as f64 / SIZE_PHASES as f64).clamp(1.0, 6_000.0)
    }

    fn size_index(&self, slot: Slot) -> usize {
        let (phases, _) = self.cut.shape();
        let phase = (slot.position * SIZE_PHASES as f64 / phases.max(1) as f64) as usize;
        slot.class.min(1) * SIZE_PHASES + phase.min(SIZE_PHASES - 1)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        (self.means.capacity() + self.sizes.capacity()) * size_of::<f32>()
            + (self.counts.capacity() + self.size_counts.capacity()) * size_of::<u16>()
    }

    pub(super) fn is_sound(&self) -> bool {
        let (phases, classes) = self.cut.shape();
        let sizes = if phases == 0 { 0 } else { SIZE_PHASES * SIZE_CLASSES };
        self.anchor.is_finite()
            && self.per_visit > 0
            && self.means.len() == phases * classes
            && self.counts.len() == phases * classes
            && self.sizes.len() == sizes
            && self.size_counts.len() == sizes
            && self.means.iter().chain(&self.sizes).all(|v| v.is_finite())
    }
}

/// A kind of day and, nearest first, those that stand in for it.
fn relatives(class: usize, classes: usize) -> impl Iterator<Item = usize> {
    const ORDER: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 1, 0]];
    ORDER.get(class).copied().unwrap_or([0, 1, 2]).into_iter().filter(move |c| *c < classes)
}
