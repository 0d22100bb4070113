//! VUS-PR: the volume under the precision-recall surface over thresholds and buffers around events.

use super::curves::{plain, ranking};
use super::events::{Span, spans};

/// Thresholds of the surface.
const THRESHOLDS: usize = 250;
/// The period of what has none.
const NO_PERIOD: usize = 125;
/// Points and lags that are looked at for a period.
const MOST_POINTS: usize = 20_000;
const LAGS: usize = 401;
/// Lags that count as a period.
const SHORTEST: usize = 3;
const LONGEST: usize = 300;

/// VUS-PR with buffers of 0 to `longest_buffer` points: 1 is perfect, the share of labelled points is chance.
///
/// For each buffer, labels fade out on both sides of an event; recall counts the faded hits, times the share of events
/// that have any hit at all; thresholds are the scores at 250 even ranks. The mean over the buffers of the area under
/// precision against recall. `None` without a positive label. O(`longest_buffer` × n + n log n).
///
/// Source: Paparrizos et al., "Volume Under the Surface", VLDB 2022, in the `opt` variant of TSB-AD.
#[must_use]
pub fn vus_pr(labels: &[bool], scores: &[f64], longest_buffer: usize) -> Option<f64> {
    let count = labels.len().min(scores.len());
    let surface = Surface::new(&labels[..count], &scores[..count], longest_buffer)?;
    let sum: f64 = (0..=longest_buffer).map(|buffer| surface.area(buffer)).sum();
    Some(sum / (longest_buffer + 1) as f64)
}

/// What does not change from buffer to buffer.
struct Surface {
    events: Vec<Span>,
    hard: Vec<f64>,
    scores: Vec<f64>,
    positives: f64,
    /// Descending.
    thresholds: Vec<f64>,
    /// Points at or above each threshold.
    predicted: Vec<usize>,
    /// The points within the longest buffer of an event, highest score first.
    region: Vec<usize>,
    /// How many of the region are predicted at each threshold.
    inside: Vec<usize>,
}

impl Surface {
    fn new(labels: &[bool], scores: &[f64], longest_buffer: usize) -> Option<Self> {
        let events = spans(labels);
        let last = labels.len().checked_sub(1).filter(|_| !events.is_empty())?;
        let scores: Vec<f64> = scores.iter().map(|score| plain(*score)).collect();
        let order = ranking(&scores);
        // as numpy's linspace, cut to whole numbers
        let stride = last as f64 / (THRESHOLDS - 1) as f64;
        let rank =
            |step: usize| if step + 1 == THRESHOLDS { last } else { ((step as f64 * stride) as usize).min(last) };
        let thresholds: Vec<f64> = (0..THRESHOLDS).map(|step| scores[order[rank(step)]]).collect();
        let above = |threshold: &f64| order.partition_point(|index| scores[*index] >= *threshold);
        let predicted: Vec<usize> = thresholds.iter().map(above).collect();
        let mut near = vec![false; labels.len()];
        for span in merged(&events, longest_buffer / 2, last) {
            near[span.first..=span.last].fill(true);
        }
        let region: Vec<usize> = order.iter().copied().filter(|index| near[*index]).collect();
        let inside = thresholds.iter().map(|t| region.partition_point(|index| scores[*index] >= *t)).collect();
        let hard: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
        let positives = hard.iter().sum();
        Some(Self { events, hard, scores, positives, thresholds, predicted, region, inside })
    }

    /// The area under precision against recall for one buffer.
    fn area(&self, buffer: usize) -> f64 {
        let soft = self.softened(buffer);
        let (mut hits, mut outside) = (vec![0.0], vec![0.0]);
        let (mut sum, mut sum_outside) = (0.0, 0.0);
        for index in &self.region {
            sum += soft[*index];
            sum_outside += if self.hard[*index] > 0.0 { 0.0 } else { soft[*index] };
            hits.push(sum);
            outside.push(sum_outside);
        }
        let mut peaks = self.peaks(buffer / 2);
        peaks.sort_unstable_by(|a, b| b.total_cmp(a));
        let (mut before, mut area) = (0.0, 0.0);
        for (step, threshold) in self.thresholds.iter().enumerate() {
            let inside = self.inside[step];
            let labels = self.positives + outside[inside];
            let found = peaks.partition_point(|peak| *peak >= *threshold) as f64 / peaks.len() as f64;
            let recall = (hits[inside] / ((self.positives + labels) / 2.0)).min(1.0) * found;
            area += (recall - before) * hits[inside] / self.predicted[step] as f64;
            before = recall;
        }
        area
    }

    /// The labels, faded out over half a buffer on both sides of each event.
    fn softened(&self, buffer: usize) -> Vec<f64> {
        let mut soft = self.hard.clone();
        let half = buffer / 2;
        if half == 0 {
            return soft;
        }
        let weight = |distance: usize| (1.0 - distance as f64 / buffer as f64).sqrt();
        for event in &self.events {
            for distance in 1..=half {
                if let Some(after) = soft.get_mut(event.last + distance) {
                    *after += weight(distance);
                }
                if let Some(before) = event.first.checked_sub(distance).and_then(|index| soft.get_mut(index)) {
                    *before += weight(distance);
                }
            }
        }
        soft.iter_mut().for_each(|label| *label = label.min(1.0));
        soft
    }

    /// The highest score in each event with its buffer.
    fn peaks(&self, half: usize) -> Vec<f64> {
        let highest =
            |span: &Span| self.scores[span.first..=span.last].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        merged(&self.events, half, self.hard.len().saturating_sub(1)).iter().map(highest).collect()
    }
}

/// Events widened by `half` on both sides; those that meet are one. `events` is not empty.
fn merged(events: &[Span], half: usize, last: usize) -> Vec<Span> {
    let Some(mut first) = events.first().map(|event| event.first.saturating_sub(half)) else { return Vec::new() };
    let mut found = Vec::with_capacity(events.len());
    for pair in events.windows(2) {
        if pair[0].last + 2 * half < pair[1].first {
            found.push(Span { first, last: pair[0].last + half });
            first = pair[1].first - half;
        }
    }
    let end = events.last().map_or(last, |event| (event.last + half).min(last));
    found.push(Span { first, last: end });
    found
}

/// The dominant period of `values`, points.
///
/// The lag of the highest peak of the autocorrelation up to 400 within the first 20,000 points; 125 when there is none
/// between 6 and 303 or fewer than 20 points. Values that are not finite count as the mean. O(400 × n).
///
/// Source: TSB-AD's `find_length_rank(data, rank=1)`; it is the longest buffer of [`vus_pr`] there.
#[must_use]
pub fn dominant_period(values: &[f64]) -> usize {
    let values = &values[..values.len().min(MOST_POINTS)];
    let size = values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |size, v| size.max(v.abs()));
    if values.len() < 20 || size <= 0.0 {
        return NO_PERIOD;
    }
    // on the scale of 1, so that squares stay finite
    let scaled: Vec<f64> = values.iter().map(|v| v / size).collect();
    let (sum, count) =
        scaled.iter().filter(|v| v.is_finite()).fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    let mean = sum / count.max(1) as f64;
    let centred: Vec<f64> = scaled.iter().map(|v| if v.is_finite() { v - mean } else { 0.0 }).collect();
    let energy: f64 = centred.iter().map(|v| v * v).sum();
    if energy <= 0.0 {
        return NO_PERIOD;
    }
    let lags = LAGS.min(centred.len());
    let correlation = |lag: usize| -> f64 { centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum() };
    let correlations: Vec<f64> = (3..lags).map(correlation).collect();
    let peaks = (1..correlations.len().saturating_sub(1))
        .filter(|i| correlations[*i] > correlations[i - 1] && correlations[*i] > correlations[i + 1]);
    // the first of equally high ones
    let best = peaks.reduce(|best, next| if correlations[next] > correlations[best] { next } else { best });
    best.filter(|place| (SHORTEST..=LONGEST).contains(place)).map_or(NO_PERIOD, |place| place + 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{bools, cases, close_option, floats, integer};
    use super::*;

    #[test]
    fn the_volume_equals_the_reference() {
        for case in cases("metrics") {
            let (labels, scores) = (bools(&case["labels"]), floats(&case["scores"]));
            close_option(vus_pr(&labels, &scores, integer(&case["buffer"])), &case["vus_pr"], &case["name"]);
        }
    }

    #[test]
    fn periods_equal_the_reference() {
        let cases = cases("periods");
        assert_eq!(cases.len(), 8);
        for case in cases {
            assert_eq!(dominant_period(&floats(&case["values"])), integer(&case["period"]), "{}", case["name"]);
        }
    }

    #[test]
    fn periods_bear_anything() {
        assert_eq!(dominant_period(&[]), NO_PERIOD);
        assert_eq!(dominant_period(&[f64::NAN; 50]), NO_PERIOD);
        let wave = |size: f64| (0..480).map(|i| size * (f64::from(i) * 0.2618).sin()).collect::<Vec<f64>>();
        assert_eq!(dominant_period(&wave(1e300)), 24);
        let mut gappy = wave(1.0);
        gappy[100] = f64::NAN;
        gappy[200] = f64::INFINITY;
        assert_eq!(dominant_period(&gappy), 24);
    }

    proptest! {
        /// The volume depends on the order of the scores only, and lies between 0 and 1.
        #[test]
        fn only_the_ranking_counts(
            rows in proptest::collection::vec((any::<bool>(), 0_i32..40), 1..120),
            buffer in 0_usize..30,
        ) {
            let labels: Vec<bool> = rows.iter().map(|(label, _)| *label).collect();
            let scores: Vec<f64> = rows.iter().map(|(_, score)| f64::from(*score)).collect();
            let bent: Vec<f64> = scores.iter().map(|score| (score / 10.0).exp() - 7.0).collect();
            let own = vus_pr(&labels, &scores, buffer);
            prop_assert_eq!(own.is_some(), labels.contains(&true));
            if let (Some(own), Some(other)) = (own, vus_pr(&labels, &bent, buffer)) {
                prop_assert!((own - other).abs() < 1e-12);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&own), "{}", own);
            }
        }
    }
}
