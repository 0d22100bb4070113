//! Declared and learned effects.

use super::*;
use crate::forecast::{Request, forecast};
use crate::series::Step;

const HOUR: i64 = 3_600;

fn time(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * HOUR).expect("in range")
}

fn span(from: i64, to: i64) -> Span {
    Span { start: time(from), end: time(to) }
}

fn event(spans: &[Span], effect: Effect) -> Event {
    Event { name: "sale".to_owned(), spans: spans.to_vec(), effect }
}

/// Days of 24 hours around 100 with a little noise.
fn days(hours: usize) -> Vec<f64> {
    let noise = |hour: usize| (hour * 7_919 % 101) as f64 / 50.0 - 1.0;
    (0..hours).map(|hour| 100.0 + 20.0 * (std::f64::consts::TAU * hour as f64 / 24.0).sin() + noise(hour)).collect()
}

fn series(values: Vec<f64>) -> Series {
    Series::try_new("s", Timestamp::UNIX_EPOCH, Step::HOUR, values).expect("finite")
}

fn run(values: &[f64], events: Vec<Event>, paths: usize) -> Forecast {
    let request = Request { events, paths, seasons: Some(vec![24]), ..Request::new(24) };
    forecast(&series(values.to_vec()), &request).expect("a valid request")
}

#[test]
fn a_declared_effect_acts_on_forecast_intervals_and_paths() {
    let plain = run(&days(480), Vec::new(), 50);
    let made = run(&days(480), vec![event(&[span(485, 490)], Effect::Times(1.4))], 50);
    for step in 0..24 {
        let factor = if (5..10).contains(&step) { 1.4 } else { 1.0 };
        let near = |got: f64, want: f64| assert!((got - factor * want).abs() < 1e-9 * want.abs(), "step {step}");
        near(made.mean[step], plain.mean[step]);
        for (band, before) in made.bands.iter().zip(&plain.bands) {
            near(band.lower[step], before.lower[step]);
            near(band.upper[step], before.upper[step]);
        }
        for (path, before) in made.paths.iter().zip(plain.paths.iter()) {
            near(path[step], before[step]);
        }
    }
    let applied = made.because.last().expect("a reason");
    let Because::EventApplied { times: Some(times), plus: None, occurrences: 0, steps: 5, .. } = applied else {
        panic!("{applied:?}")
    };
    assert!((times - 1.4).abs() < 1e-12);
    let added = run(&days(480), vec![event(&[span(480, 481)], Effect::Plus(-30.0))], 0);
    assert!((added.mean[0] - plain.mean[0] + 30.0).abs() < 1e-9);
}

#[test]
fn a_repeated_effect_is_learned_and_the_ordinary_course_stays_clean() {
    let clean = days(720);
    let past = [span(100, 112), span(340, 352), span(600, 612)];
    let mut values = clean.clone();
    for (span, factor) in past.iter().zip([1.45, 1.5, 1.55]) {
        let hours = span.start.as_second() / HOUR..span.end.as_second() / HOUR;
        hours.for_each(|hour| values[hour as usize] *= factor);
    }
    let plain = run(&clean, Vec::new(), 400);
    let spans = [&past[..], &[span(726, 732)]].concat();
    let made = run(&values, vec![event(&spans, Effect::Learned)], 400);
    let applied = made.because.iter().find(|because| matches!(because, Because::EventApplied { .. }));
    let Some(Because::EventApplied { times: Some(times), occurrences: 3, deviation, steps: 6, .. }) = applied else {
        panic!("{:?}", made.because)
    };
    assert!((times - 1.5).abs() < 0.06, "{times}");
    assert!((0.01..0.2).contains(deviation), "{deviation}");
    for step in (0..6).chain(12..24) {
        assert!(
            (made.mean[step] / plain.mean[step] - 1.0).abs() < 0.02,
            "{} is not {}",
            made.mean[step],
            plain.mean[step]
        );
    }
    let width = |made: &Forecast, step: usize| made.bands[1].upper[step] - made.bands[1].lower[step];
    assert!(width(&made, 8) > 1.5 * 1.3 * width(&plain, 8), "uncertain effects widen the intervals");
    let band = &made.bands[0];
    let inside = made.paths.iter().filter(|path| band.lower[8] <= path[8] && path[8] <= band.upper[8]).count();
    assert!((inside as f64 / 400.0 - 0.8).abs() < 0.08, "{inside} of 400 paths in the 80 % interval");
}

#[test]
fn one_occurrence_teaches_less_than_it_showed() {
    let mut values = days(480);
    values[300..310].iter_mut().for_each(|value| *value *= 2.0);
    let made = run(&values, vec![event(&[span(300, 310), span(482, 484)], Effect::Learned)], 0);
    let Some(Because::EventApplied { times: Some(times), occurrences: 1, .. }) = made.because.last() else {
        panic!("{:?}", made.because)
    };
    assert!((1.5..1.99).contains(times), "{times}");
}

#[test]
fn series_with_zeros_learn_a_difference() {
    let mut values: Vec<f64> = (0..480).map(|hour| f64::from(hour % 5)).collect();
    values[300..320].iter_mut().for_each(|value| *value += 10.0);
    values[400..420].iter_mut().for_each(|value| *value += 10.0);
    let made = run(&values, vec![event(&[span(300, 320), span(400, 420), span(482, 484)], Effect::Learned)], 0);
    let Some(Because::EventApplied { plus: Some(plus), times: None, .. }) = made.because.last() else {
        panic!("{:?}", made.because)
    };
    assert!((3.0..10.5).contains(plus), "{plus}");
}

#[test]
fn what_nobody_knows_is_said_and_what_cannot_be_is_refused() {
    let made = run(&days(480), vec![event(&[span(482, 484)], Effect::Learned)], 0);
    assert_eq!(made.because.last(), Some(&Because::EventUnknown { name: "sale".to_owned() }));
    let plain = run(&days(480), Vec::new(), 0);
    assert_eq!(made.mean, plain.mean);
    let refused = |event: Event| {
        let request = Request { events: vec![event], ..Request::new(24) };
        forecast(&series(days(100)), &request).map(|_| ()).expect_err("invalid").to_string()
    };
    assert_eq!(refused(event(&[span(5, 5)], Effect::Learned)), "event `sale` must start before it ends");
    assert_eq!(refused(event(&[], Effect::Times(f64::NAN))), "event `sale` must multiply by 0 to 1000000");
}

#[test]
fn spans_hold_the_steps_that_begin_inside() {
    let short = series(vec![0.0; 10]);
    let of = |from_secs: i64, to_secs: i64| {
        let at = |secs: i64| Timestamp::from_second(secs).expect("in range");
        steps_of(Span { start: at(from_secs), end: at(to_secs) }, &short, 2, 12)
    };
    assert_eq!(of(2 * HOUR, 4 * HOUR), Some(0..2));
    assert_eq!(of(2 * HOUR + 1, 4 * HOUR + 1), Some(1..3));
    assert_eq!(of(-5 * HOUR, 3 * HOUR), Some(0..1));
    assert_eq!(of(-5 * HOUR, HOUR), None);
    assert_eq!(of(13 * HOUR, 900 * HOUR), Some(11..12));
    assert_eq!(of(14 * HOUR, 900 * HOUR), None);
}
