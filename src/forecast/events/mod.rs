//! Events with an effect: campaigns, holidays, deploys, migrations; past ones teach, planned ones are put on top.
//!
//! Input: events with the intervals in which they happened or will. Output: a history without them, and a forecast with
//! them. Never: guesses an effect that nobody declared and no history shows.
//!
//! What would have been without a past event is a fit of Prophet's form on everything outside all events, moved to the
//! level of the neighbourhood. The effect of one occurrence is the logarithm of the ratio of actual to expected sums where
//! the history is positive, else the mean difference. Occurrences are averaged and shrunken towards no effect by how
//! uncertain they are: by the noise of ordinary stretches of the same length and by how much occurrences differ.

use jiff::Timestamp;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use crate::series::Series;

use super::normal::quantile as normal_quantile;
use super::prophet::{self, Cycle, Input, Trend};
use super::stats::{deviation, is_positive, mean, median, robust_deviation};
use super::{Because, Effect, Event, Forecast, ForecastError, SamplePaths, Span};

/// Deviation of the logarithm of an effect before anything is seen: factors of 0.6 to 1.6 are ordinary.
const PRIOR_LOG: f64 = 0.5;
/// How much occurrences of one event differ before two were seen, as a share of the effect.
const PRIOR_DIFFERENCE: f64 = 0.25;

/// An effect and its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Known {
    /// Whether `size` is a logarithm of a factor, else it is added.
    times: bool,
    size: f64,
    deviation: f64,
    occurrences: usize,
}

/// Events as steps of the horizon, with what they do.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    planned: Vec<Planned>,
}

#[derive(Debug, Clone)]
struct Planned {
    name: String,
    /// Steps of the horizon.
    spans: Vec<std::ops::Range<usize>>,
    effect: Effect,
    /// What was learned.
    learned: Option<Known>,
}

impl Event {
    /// Whether the event can be.
    pub(super) fn check(&self) -> Result<(), ForecastError> {
        let fail = |problem| Err(ForecastError::Event { name: self.name.clone(), problem });
        if !self.spans.iter().all(|span| span.start < span.end) {
            return fail("must start before it ends");
        }
        match self.effect {
            Effect::Times(factor) if !(0.0..=1e6).contains(&factor) => fail("must multiply by 0 to 1000000"),
            Effect::Plus(size) if !size.is_finite() => fail("must add a finite value"),
            _ => Ok(()),
        }
    }
}

impl Plan {
    /// Takes past events out of `values` (the history from index `from` on) and learns from them.
    ///
    /// Steps of past events get the expected value and no longer count as observed. Effects are in the unit of `values`.
    pub(super) fn take_out(
        events: &[Event],
        series: &Series,
        from: usize,
        horizon: usize,
        (values, observed): (&mut [f64], &mut [bool]),
    ) -> Self {
        let steps = |event: &Event| -> Vec<std::ops::Range<usize>> {
            event.spans.iter().filter_map(|span| steps_of(*span, series, from, values.len() + horizon)).collect()
        };
        let all: Vec<Vec<std::ops::Range<usize>>> = events.iter().map(steps).collect();
        let points = values.len();
        let inside: Vec<bool> = {
            let mut inside = vec![false; points];
            for span in all.iter().flatten() {
                inside[span.start.min(points)..span.end.min(points)].fill(true);
            }
            inside
        };
        let course = if inside.contains(&true) { Course::of(values, observed, &inside, series) } else { None };
        let planned = events.iter().zip(&all).map(|(event, spans)| {
            let past: Vec<_> = spans.iter().filter(|span| span.end <= points).cloned().collect();
            let ahead = spans.iter().filter(|span| span.end > points);
            let learned = match event.effect {
                Effect::Learned => course.as_ref().and_then(|course| course.learn(values, observed, &past)),
                Effect::Times(_) | Effect::Plus(_) => None,
            };
            Planned {
                name: event.name.clone(),
                spans: ahead.map(|span| span.start.max(points) - points..span.end - points).collect(),
                effect: event.effect,
                learned,
            }
        });
        let plan = Self { planned: planned.collect() };
        if let Some(course) = course {
            for (index, _) in inside.iter().enumerate().filter(|(_, inside)| **inside) {
                values[index] = course.expected[index];
                observed[index] = false;
            }
        }
        plan
    }

    /// Puts the planned events on top of `made`; `unit` is how much a value of 1 in the learning was.
    ///
    /// Every path draws the size of each learned effect anew. Order and finiteness of intervals are kept.
    pub(super) fn apply(&self, made: &mut Forecast, unit: f64, seed: u64) {
        for (index, planned) in self.planned.iter().enumerate() {
            let Planned { name, spans, .. } = planned;
            let steps: usize = spans.iter().map(ExactSizeIterator::len).sum();
            if steps == 0 {
                continue;
            }
            let Some(known) = planned.known(unit) else {
                made.because.push(Because::EventUnknown { name: name.clone() });
                continue;
            };
            for (place, span) in spans.iter().enumerate() {
                let seed = seed ^ (((index as u64) << 32) + place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                known.put_on(made, span.clone(), seed);
            }
            made.because.push(known.because(name, steps));
        }
    }
}

impl Planned {
    /// The effect, in the unit of the series; `None` when nobody knows it.
    fn known(&self, unit: f64) -> Option<Known> {
        let declared = |times, size| Known { times, size, deviation: 0.0, occurrences: 0 };
        match (self.effect, self.learned) {
            (Effect::Times(factor), _) => Some(declared(true, factor.max(f64::MIN_POSITIVE).ln())),
            (Effect::Plus(size), _) => Some(declared(false, size)),
            (Effect::Learned, Some(known)) if !known.times => {
                Some(Known { size: known.size * unit, deviation: known.deviation * unit, ..known })
            }
            (Effect::Learned, learned) => learned,
        }
    }
}

impl Known {
    fn because(self, name: &str, steps: usize) -> Because {
        Because::EventApplied {
            name: name.to_owned(),
            times: self.times.then(|| self.size.exp()),
            plus: (!self.times).then_some(self.size),
            deviation: self.deviation,
            occurrences: self.occurrences,
            steps,
        }
    }

    fn value(self, value: f64, errors: f64) -> f64 {
        let size = self.size + errors * self.deviation;
        let moved = if self.times { value * size.clamp(-700.0, 700.0).exp() } else { value + size };
        moved.clamp(f64::MIN, f64::MAX)
    }

    fn put_on(self, made: &mut Forecast, span: std::ops::Range<usize>, seed: u64) {
        for step in span.clone() {
            let Some(centre) = made.mean.get_mut(step) else { return };
            *centre = self.value(*centre, 0.0);
            let centre = *centre;
            let deviation = if self.times { self.deviation * centre.abs() } else { self.deviation };
            for band in &mut made.bands {
                let own = deviation * normal_quantile(f64::midpoint(1.0, band.level));
                let below = (centre - self.value(band.lower[step], 0.0)).max(0.0);
                let above = (self.value(band.upper[step], 0.0) - centre).max(0.0);
                band.lower[step] = (centre - below.hypot(own)).clamp(f64::MIN, centre);
                band.upper[step] = (centre + above.hypot(own)).clamp(centre, f64::MAX);
            }
        }
        let mut random = Pcg64::seed_from_u64(seed);
        let horizon = made.mean.len();
        let values = made.paths.iter().flat_map(|path| {
            let errors: f64 = StandardNormal.sample(&mut random);
            let inside = span.clone();
            path.iter().enumerate().map(
                move |(step, value)| {
                    if inside.contains(&step) { self.value(*value, errors) } else { *value }
                },
            )
        });
        made.paths = SamplePaths::new(horizon, values.collect());
    }
}

/// The steps of the history from `from` on, and of the horizon after it, that begin inside `span`; `None` without any.
fn steps_of(span: Span, series: &Series, from: usize, steps: usize) -> Option<std::ops::Range<usize>> {
    let step = series.step().millis().max(1);
    let first = series.time_at(from).as_millisecond();
    let index = |time: Timestamp| {
        let after = time.as_millisecond().saturating_sub(first);
        let whole = after.div_euclid(step).saturating_add(i64::from(after.rem_euclid(step) > 0));
        usize::try_from(whole.max(0)).unwrap_or(usize::MAX).min(steps)
    };
    let (start, end) = (index(span.start), index(span.end));
    (start < end).then_some(start..end)
}

/// What would have been without events.
struct Course {
    expected: Vec<f64>,
    /// Whether effects are factors.
    times: bool,
    inside: Vec<bool>,
    spread: f64,
}

impl Course {
    /// `None` when too little lies outside the events.
    fn of(values: &[f64], observed: &[bool], inside: &[bool], series: &Series) -> Option<Self> {
        let usable: Vec<bool> = observed.iter().zip(inside).map(|(seen, inside)| *seen && !inside).collect();
        let ordinary: Vec<f64> =
            values.iter().zip(&usable).filter(|(_, usable)| **usable).map(|(value, _)| *value).collect();
        let cycles = Cycle::automatic(series.step().secs_f64(), values.len());
        let input = Input {
            values,
            observed: &usable,
            horizon_steps: 0,
            cycles: &cycles,
            regressors: &[],
            trend: Trend::default(),
        };
        let fitted = prophet::fit(&input).ok()?;
        let plain: Vec<f64> = (0..values.len()).map(|at| fitted.mean(at)).collect();
        let mut expected = plain.clone();
        let constant = ordinary.iter().all(|value| value.to_bits() == ordinary[0].to_bits());
        let mut to = 0;
        for run in inside.chunk_by(|a, b| a == b) {
            let from = to;
            to += run.len();
            if !inside[from] {
                continue;
            }
            let near = |index: usize| usable[index].then(|| values[index] - plain[index]);
            let (some, most) = (run.len(), 2 * run.len());
            let before: Vec<f64> = (0..from).rev().take(most).filter_map(near).take(some).collect();
            let after: Vec<f64> = (to..values.len()).take(most).filter_map(near).take(some).collect();
            let sides: Vec<f64> =
                [before, after].iter().filter(|side| !side.is_empty()).map(|side| median(side)).collect();
            let shift = mean(&sides);
            for (value, plain) in expected[from..to].iter_mut().zip(&plain[from..to]) {
                *value = if constant { ordinary[0] } else { plain + shift };
            }
        }
        let times = ordinary.iter().all(|value| *value > 0.0);
        let least = ordinary.iter().copied().fold(f64::INFINITY, f64::min);
        for value in expected.iter_mut().filter(|value| times && !is_positive(**value)) {
            *value = least;
        }
        Some(Self { expected, times, inside: inside.to_vec(), spread: deviation(&ordinary) })
    }

    /// Size and uncertainty of an event from its past `spans`; `None` without one that was observed.
    fn learn(&self, values: &[f64], observed: &[bool], spans: &[std::ops::Range<usize>]) -> Option<Known> {
        let sizes: Vec<f64> = spans.iter().filter_map(|span| self.size(values, observed, span.clone())).collect();
        let lengths: Vec<f64> = spans.iter().map(|span| span.len() as f64).collect();
        if sizes.is_empty() {
            return None;
        }
        let noise = self.noise(values, observed, (median(&lengths) as usize).max(1));
        let (count, average) = (sizes.len() as f64, mean(&sizes));
        let differing: f64 = sizes.iter().map(|size| (size - average).powi(2)).sum();
        // how much occurrences differ: one guess and the sample together
        let between = ((PRIOR_DIFFERENCE * average).powi(2) + differing) / count;
        let prior = if self.times { PRIOR_LOG } else { 2.0 * self.spread };
        let own = (between + noise * noise) / count;
        let kept = if own > 0.0 { prior * prior / (prior * prior + own) } else { 1.0 };
        let deviation = (kept * own + between).sqrt();
        Some(Known { times: self.times, size: kept * average, deviation, occurrences: sizes.len() })
    }

    /// Effect in one stretch: logarithm of the ratio of sums, or mean difference.
    fn size(&self, values: &[f64], observed: &[bool], span: std::ops::Range<usize>) -> Option<f64> {
        let (mut actual, mut expected, mut count) = (0.0, 0.0, 0.0);
        for index in span.filter(|index| observed.get(*index) == Some(&true)) {
            actual += values[index];
            expected += self.expected[index];
            count += 1.0;
        }
        if !is_positive(count) {
            return None;
        }
        let size = if self.times { (actual.max(1e-3 * expected) / expected).ln() } else { (actual - expected) / count };
        size.is_finite().then_some(size)
    }

    /// Robust deviation of what stretches without an event show.
    fn noise(&self, values: &[f64], observed: &[bool], length: usize) -> f64 {
        let ordinary = (0..values.len() / length).map(|block| block * length..(block + 1) * length);
        let ordinary = ordinary.filter(|span| !self.inside[span.clone()].contains(&true));
        let sizes: Vec<f64> = ordinary.filter_map(|span| self.size(values, observed, span)).collect();
        robust_deviation(&sizes)
    }
}

#[cfg(test)]
mod tests;
