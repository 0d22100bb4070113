//! What a series does by habit: values that it takes again and again, and how long it stands still.
//!
//! The other parts compare amounts. For a series that is one value most of the time (a count of errors, a queue that is
//! mostly empty, an on/off flag) every other value is far away in amount, however often it comes; here it is known how
//! often. And a series that always moves and suddenly does not is ordinary in amount.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::window::make_room;

/// Share of the points that must be the same value for the series to count as intermittent.
const MOSTLY: f64 = 0.5;
/// A value is followed as the usual one when it leads by so many points.
const SURE: u32 = 16;
/// Fewer points than this say nothing.
const FEWEST: u32 = 200;
/// Values away from the usual one that are held.
const HELD: usize = 256;
/// A value has come before when one at least so large, as a share of its distance from the usual one, has.
const AS_LARGE: f64 = 0.95;
/// Lengths of the windows, in points, in which values away from the usual one are counted; at most 64.
const WINDOWS: [u32; 2] = [12, 60];
/// Views of the counts: more and less in the long window, more in the short one.
const VIEWS: f64 = 3.0;
/// Counts are halved beyond so many points: habits change.
const MOST_POINTS: u32 = 16_384;
/// A stand-still must be this many times as long as the longest before, and this many points at least.
const LONGER: f64 = 3.0;
const SHORTEST_STILL: u32 = 12;
/// A series that repeats its last value more often than this is not one that always moves.
const MOST_REPEATS: f64 = 0.2;

/// Counters of one series; about 3 KB when it is intermittent, a few hundred bytes when not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Habits {
    /// The value of the majority so far (Boyer and Moore 1981), and its lead.
    #[serde(with = "super::exact::one")]
    usual: f64,
    lead: u32,
    /// Points since the usual value is sure enough to be followed, and how many of them were another value.
    followed: u32,
    unusual: u32,
    /// Whether each of the newest 64 points was unusual, the newest in the lowest bit.
    newest: u64,
    /// For each window, how often it held so many unusual points.
    counts: [Vec<u32>; 2],
    /// The newest unusual values, as distances from the usual one.
    #[serde(with = "super::exact::f64s")]
    away: VecDeque<f64>,
    #[serde(with = "super::exact::one")]
    last: f64,
    /// Points since the value moved, the longest such stretch that is over, and how often a value was that before it.
    still: u32,
    longest_still: u32,
    repeats: u32,
    points: u32,
}

/// What the habits say of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Habit {
    /// The probability below which no judgement may go: what comes so often is not rarer. 0 when nothing is known.
    pub(super) floor: f64,
    /// The probability of so many values away from the usual one, or so few, in a while: a judgement of its own. 1 when
    /// nothing is known.
    pub(super) crowd: f64,
    /// How long the series has stood still, in units of what would alarm; below 1 is ordinary.
    pub(super) still: f64,
}

impl Habit {
    /// Nothing is known.
    pub(super) const NONE: Self = Self { floor: 0.0, crowd: 1.0, still: 0.0 };
}

impl Habits {
    /// What is to be said of `value`, a finite one, the next point.
    ///
    /// O(values held) for an intermittent series, else O(1).
    pub(super) fn judge(&self, value: f64) -> Habit {
        let (floor, crowd) = self.rarity(value);
        Habit { floor, crowd, still: self.stillness(value) }
    }

    fn rarity(&self, value: f64) -> (f64, f64) {
        if self.followed < FEWEST || f64::from(self.unusual) > (1.0 - MOSTLY) * f64::from(self.followed) {
            return (0.0, 1.0);
        }
        let distance = value - self.usual;
        let is_unusual = distance.abs() > 0.0;
        let newest = (self.newest << 1) | u64::from(is_unusual);
        let amount = if is_unusual { self.share_as_large(distance) } else { 1.0 };
        // a value such as never came is free to alarm; otherwise one view at least must find it rare
        let crowd = self.rarity_of_counts(newest);
        (if amount <= 0.0 { 0.0 } else { amount.min(crowd) }, (VIEWS * crowd).min(1.0))
    }

    /// Share of the points that were as far away on the same side; 0 for none.
    fn share_as_large(&self, distance: f64) -> f64 {
        let least = AS_LARGE * distance.abs();
        let as_large =
            self.away.iter().filter(|d| d.is_sign_negative() == distance.is_sign_negative() && d.abs() >= least);
        let share = as_large.count() as f64 / self.away.len().max(1) as f64;
        share * f64::from(self.unusual) / f64::from(self.followed.max(1))
    }

    /// The least share of past windows that held as many unusual points as now, or more; for the longest also as few.
    fn rarity_of_counts(&self, newest: u64) -> f64 {
        let mut rarest = 1.0_f64;
        for (place, (window, counts)) in WINDOWS.iter().zip(&self.counts).enumerate() {
            let now = count_in(newest, *window);
            let total = f64::from(counts.iter().sum::<u32>()) + 1.0;
            let share = |counts: &[u32]| (f64::from(counts.iter().sum::<u32>()) + 1.0) / total;
            rarest = rarest.min(share(counts.get(now..).unwrap_or_default()));
            if place + 1 == WINDOWS.len() {
                rarest = rarest.min(share(counts.get(..=now).unwrap_or(counts)));
            }
        }
        rarest
    }

    fn stillness(&self, value: f64) -> f64 {
        let moves = self.points >= FEWEST && f64::from(self.repeats) <= MOST_REPEATS * f64::from(self.points);
        if !moves || (value - self.last).abs() > 0.0 {
            return 0.0;
        }
        let ordinary = (LONGER * f64::from(self.longest_still)).max(f64::from(SHORTEST_STILL));
        f64::from(self.still + 1) / ordinary
    }

    /// Learns a finite value.
    pub(super) fn learn(&mut self, value: f64) {
        if self.points > 0 && (value - self.last).abs() <= 0.0 {
            self.still += 1;
            // a stand-still that goes on counts once, or the longest would be ordinary before it is over
            self.repeats += u32::from(self.stillness(value) < 1.0);
        } else {
            self.longest_still = self.longest_still.max(self.still);
            self.still = 0;
        }
        self.last = value;
        self.points += 1;
        if self.points >= MOST_POINTS {
            self.points /= 2;
            self.repeats /= 2;
        }
        self.vote(value);
        if self.lead >= SURE || self.followed > 0 {
            self.follow(value - self.usual);
        }
    }

    /// Keeps the majority's candidate; with another one all that was followed begins anew.
    fn vote(&mut self, value: f64) {
        if (value - self.usual).abs() <= 0.0 {
            self.lead = (self.lead + 1).min(MOST_POINTS);
        } else if self.lead > 0 {
            self.lead -= 1;
        } else {
            (self.usual, self.lead, self.followed, self.unusual, self.newest) = (value, 1, 0, 0, 0);
            self.away.clear();
            self.counts.iter_mut().for_each(Vec::clear);
        }
    }

    fn follow(&mut self, distance: f64) {
        let is_unusual = distance.abs() > 0.0;
        self.newest = (self.newest << 1) | u64::from(is_unusual);
        self.followed += 1;
        if is_unusual {
            self.unusual += 1;
            if self.away.len() >= HELD {
                self.away.pop_front();
            }
            make_room(&mut self.away, HELD);
            self.away.push_back(distance);
        }
        for (window, counts) in WINDOWS.iter().zip(&mut self.counts) {
            counts.resize(*window as usize + 1, 0);
            if let Some(count) = counts.get_mut(count_in(self.newest, *window)) {
                *count += 1;
            }
        }
        if self.followed >= MOST_POINTS {
            self.counts.iter_mut().flatten().for_each(|count| *count /= 2);
            self.followed /= 2;
            self.unusual /= 2;
        }
    }

    /// False for a snapshot that was tampered with.
    pub(super) fn is_sound(&self) -> bool {
        self.unusual <= self.followed
            && self.away.len() <= HELD
            && self.usual.is_finite()
            && self.last.is_finite()
            && self.away.iter().all(|d| d.is_finite())
            && WINDOWS.iter().zip(&self.counts).all(|(window, counts)| counts.len() <= *window as usize + 1)
    }
}

const fn count_in(newest: u64, window: u32) -> usize {
    (newest & ((1_u64 << window) - 1)).count_ones() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl Iterator<Item = f64>) -> Habits {
        let mut habits = Habits::default();
        values.for_each(|value| habits.learn(value));
        assert!(habits.is_sound());
        habits
    }

    /// 1 to 9 in about a twentieth of the points, 0 in the others; no run of them.
    fn sparse(i: u32) -> f64 {
        let draw = i.wrapping_mul(2_654_435_761) >> 8;
        if draw.is_multiple_of(20) { f64::from(1 + draw / 20 % 9) } else { 0.0 }
    }

    #[test]
    fn what_comes_often_is_not_rare_and_what_never_came_may_be() {
        let habits = after((0..5_000).map(sparse));
        let floor = habits.judge(9.0).floor;
        assert!((0.003..0.05).contains(&floor), "{floor}");
        assert!(habits.judge(4.0).floor > floor);
        assert!(habits.judge(0.0).floor > 0.1);
        assert!(habits.judge(200.0).floor <= 0.0);
        assert!(habits.judge(-1.0).floor <= 0.0, "the other side has no habit");
    }

    #[test]
    fn a_burst_of_ordinary_values_is_rare_and_so_is_their_absence() {
        let mut habits = after((0..5_000).map(sparse));
        (0..8).for_each(|_| habits.learn(3.0));
        assert!(habits.judge(3.0).floor < 1e-3, "{:?}", habits.judge(3.0));
        let mut often =
            after((0..5_000_u32).map(|i| f64::from(u8::from((i.wrapping_mul(2_654_435_761) >> 8).is_multiple_of(3)))));
        assert!(often.judge(0.0).floor > 0.01);
        (0..60).for_each(|_| often.learn(0.0));
        assert!(often.judge(0.0).floor < 4e-3, "{:?}", often.judge(0.0));
    }

    #[test]
    fn amounts_that_never_repeat_have_no_habit() {
        let habits = after((0..3_000).map(|i| f64::from(i).sin()));
        assert_eq!(habits.judge(0.5), Habit::NONE);
    }

    #[test]
    fn a_series_that_always_moves_may_not_stand_still() {
        let mut habits = after((0..1_000).map(|i| f64::from(i).sin()));
        (0..11).for_each(|_| habits.learn(0.7));
        assert!(habits.judge(0.7).still < 1.0);
        (0..4_000).for_each(|_| habits.learn(0.7));
        assert!(habits.judge(0.7).still > 100.0, "as long as it lasts");
        assert!(habits.judge(0.8).still <= 0.0);
        let stepped = after((0..3_000_u32).map(|i| f64::from(i / 5)));
        assert!(stepped.judge(599.0).still <= 0.0, "one that repeats values by habit");
    }

    #[test]
    fn a_new_usual_value_takes_over() {
        let mut habits = after((0..2_000).map(|i| if i % 50 == 0 { 1.0 } else { 0.0 }));
        (0..30_000_u32).for_each(|i| habits.learn(if i % 50 == 0 { 1.0 } else { 7.0 }));
        assert!(habits.judge(7.0).floor > 0.5, "{:?}", habits.judge(7.0));
    }
}
