//! The score of the Numenta Anomaly Benchmark: early detection in a window is rewarded, every other alarm costs.

use super::curves::{plain, ranking};
use super::events::Span;

/// The part at the start of a file that is not scored, and its largest size.
const PROBATION: f64 = 0.15;
const LONGEST_PROBATION: f64 = 750.0;
/// Weights of a found window, a missed window and a false alarm for each profile.
const STANDARD: Weights = Weights { found: 1.0, missed: 1.0, wrong: 0.11 };
const FEW_FALSE_ALARMS: Weights = Weights { found: 1.0, missed: 1.0, wrong: 0.22 };
const FEW_MISSES: Weights = Weights { found: 1.0, missed: 2.0, wrong: 0.11 };

#[derive(Debug, Clone, Copy)]
struct Weights {
    found: f64,
    missed: f64,
    wrong: f64,
}

/// One file of the benchmark, whole.
#[derive(Debug, Clone, Copy)]
pub struct NabFile<'a> {
    /// A score for every row.
    pub scores: &'a [f64],
    /// The windows in which an alarm is right, in order.
    pub windows: &'a [Span],
}

/// The benchmark's score in its three profiles: 0 is a detector that never alarms, 100 a perfect one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NabScores {
    /// The standard profile.
    pub standard: f64,
    /// False alarms cost twice as much.
    pub few_false_alarms: f64,
    /// Misses cost twice as much.
    pub few_misses: f64,
}

/// The scores over `files`, with the one threshold for all that suits each profile best (the scoreboard tunes it on the
/// labels, too). `None` without a window. O(n log n) in all rows.
///
/// Source: NAB 1.1, Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015.
#[must_use]
pub fn nab_scores(files: &[NabFile<'_>]) -> Option<NabScores> {
    let windows = files.iter().map(|file| file.windows.len()).sum::<usize>();
    if windows == 0 {
        return None;
    }
    let rows = Rows::of(files);
    Some(NabScores {
        standard: rows.score(windows, STANDARD),
        few_false_alarms: rows.score(windows, FEW_FALSE_ALARMS),
        few_misses: rows.score(windows, FEW_MISSES),
    })
}

/// The scored rows of all files, highest score first.
#[derive(Debug, Default)]
struct Rows {
    scores: Vec<f64>,
    /// What an alarm at the row is worth, before weights.
    worth: Vec<f64>,
    /// The window that the row lies in, counted over all files.
    window: Vec<Option<usize>>,
    /// Windows that have a scored row.
    seen: usize,
}

impl Rows {
    fn of(files: &[NabFile<'_>]) -> Self {
        let mut all = Self::default();
        let mut counted = 0;
        for file in files {
            let count = file.scores.len();
            let probation = (PROBATION * count as f64).floor().min(LONGEST_PROBATION) as usize;
            for (index, (worth, window)) in sweep(count, file.windows).into_iter().enumerate().skip(probation) {
                all.scores.push(plain(file.scores[index]));
                all.worth.push(worth);
                all.window.push(window.map(|own| own + counted));
            }
            counted += file.windows.len();
        }
        let order = ranking(&all.scores);
        let mut seen: Vec<usize> = all.window.iter().copied().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        Self {
            scores: order.iter().map(|index| all.scores[*index]).collect(),
            worth: order.iter().map(|index| all.worth[*index]).collect(),
            window: order.iter().map(|index| all.window[*index]).collect(),
            seen: seen.len(),
        }
    }

    fn score(&self, windows: usize, weights: Weights) -> f64 {
        let highest = scaled_sigmoid(-1.0);
        let nothing = -weights.missed * self.seen as f64;
        let mut best_of_window = vec![-weights.missed; windows];
        let (mut total, mut best) = (nothing, nothing);
        for (place, score) in self.scores.iter().enumerate() {
            match self.window[place] {
                Some(window) => {
                    let value = self.worth[place] * weights.found / highest;
                    total += (value - best_of_window[window]).max(0.0);
                    best_of_window[window] = best_of_window[window].max(value);
                }
                None => total += self.worth[place] * weights.wrong,
            }
            let last_of_its_score = self.scores.get(place + 1).is_none_or(|next| next.total_cmp(score).is_ne());
            if last_of_its_score {
                best = best.max(total);
            }
        }
        let null = -weights.missed * windows as f64;
        let perfect = weights.found * windows as f64;
        100.0 * (best - null) / (perfect - null)
    }
}

/// For each row what an alarm is worth, and its window: high at the start of a window, falling to 0 at its end and to -1
/// behind it; -1 before the first.
fn sweep(count: usize, windows: &[Span]) -> Vec<(f64, Option<usize>)> {
    let mut rows = vec![(-1.0, None); count];
    for (place, window) in windows.iter().enumerate() {
        let length = (window.last + 1).saturating_sub(window.first) as f64;
        let next = windows.get(place + 1).map_or(count, |next| next.first).min(count);
        for (index, row) in rows.iter_mut().enumerate().take(next).skip(window.first) {
            *row = if index <= window.last {
                (scaled_sigmoid(-((window.last - index + 1) as f64) / length), Some(place))
            } else {
                (scaled_sigmoid((index - window.last) as f64 / (length - 1.0)), None)
            };
        }
    }
    rows
}

/// From 1 for far before the end of a window over 0 at its end to -1 behind it.
fn scaled_sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * place).exp()) - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::events::spans;
    use super::super::fixtures::{bools, cases, close, floats};
    use super::*;

    #[test]
    fn profiles_equal_the_reference() {
        let cases = cases("nab");
        assert_eq!(cases.len(), 4);
        for case in cases {
            let files: Vec<(Vec<f64>, Vec<Span>)> = case["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(|file| (floats(&file["scores"]), spans(&bools(&file["windows"]))))
                .collect();
            let files: Vec<NabFile<'_>> = files.iter().map(|(scores, windows)| NabFile { scores, windows }).collect();
            let got = nab_scores(&files).unwrap();
            close(got.standard, case["standard"].as_f64().unwrap(), &case["name"]);
            close(got.few_false_alarms, case["low_FP"].as_f64().unwrap(), &case["name"]);
            close(got.few_misses, case["low_FN"].as_f64().unwrap(), &case["name"]);
        }
    }

    #[test]
    fn silence_is_zero_and_nothing_is_no_score() {
        let windows = [Span { first: 50, last: 60 }];
        let silent = nab_scores(&[NabFile { scores: &[0.0; 100], windows: &windows }]).unwrap();
        assert!(silent.standard.abs() < 1e-9, "one threshold below everything is no better: {silent:?}");
        assert_eq!(nab_scores(&[NabFile { scores: &[0.0; 100], windows: &[] }]), None);
        assert_eq!(nab_scores(&[]), None);
    }
}
