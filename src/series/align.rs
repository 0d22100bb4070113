//! Several series into one entity.

use super::{Entity, Series, SeriesError};

/// The entity of `metrics` over the time that all of them cover.
///
/// # Errors
/// [`SeriesError::Empty`] without metrics; [`SeriesError::NotAligned`] when a metric has another step, or its points
/// fall between those of the first; [`SeriesError::NoOverlap`] when there is no time that all of them cover.
pub fn align(name: impl Into<String>, metrics: Vec<Series>) -> Result<Entity, SeriesError> {
    let name = name.into();
    let Some(first) = metrics.first() else {
        return Err(SeriesError::Empty { series: name });
    };
    let step = first.step();
    let phase = |series: &Series| series.start().as_millisecond().rem_euclid(step.millis());
    if let Some(other) = metrics.iter().find(|m| m.step() != step || phase(m) != phase(first)) {
        return Err(SeriesError::NotAligned { metric: other.name().to_owned(), entity: name });
    }
    let start = metrics.iter().map(Series::start).max().unwrap_or(first.start());
    let end = metrics.iter().map(Series::end).min().unwrap_or(first.end());
    let len = usize::try_from((end.as_millisecond() - start.as_millisecond()) / step.millis()).unwrap_or(0);
    if len == 0 {
        return Err(SeriesError::NoOverlap { entity: name });
    }
    let metrics = metrics
        .into_iter()
        .map(|metric| {
            let skip = (start.as_millisecond() - metric.start().as_millisecond()) / step.millis();
            let skip = usize::try_from(skip).unwrap_or(0);
            if skip == 0 && metric.len() == len { metric } else { metric.tail(metric.len() - skip).head(len) }
        })
        .collect();
    Entity::try_new(name, metrics)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::series::Step;

    fn series(name: &str, start_secs: i64, step: Step, values: &[f64]) -> Series {
        let start = Timestamp::from_second(start_secs).expect("a time");
        Series::try_new(name, start, step, values.to_vec()).expect("a series")
    }

    #[test]
    fn the_common_range_is_kept() {
        let metrics = vec![
            series("a", 0, Step::MINUTE, &[0.0, 1.0, 2.0, 3.0]),
            series("b", 60, Step::MINUTE, &[11.0, 12.0]),
            series("c", -60, Step::MINUTE, &[-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ];
        let entity = align("host", metrics).expect("an entity");
        assert_eq!((entity.start().as_second(), entity.len()), (60, 2));
        let values: Vec<&[f64]> = entity.metrics().iter().map(Series::values).collect();
        assert_eq!(values, [&[1.0, 2.0], &[11.0, 12.0], &[1.0, 2.0]]);
    }

    #[test]
    fn what_does_not_line_up_is_refused() {
        let a = || series("a", 0, Step::MINUTE, &[0.0, 1.0]);
        let refuse = |other: Series| align("host", vec![a(), other]).expect_err("refused").to_string();
        assert!(refuse(series("b", 30, Step::MINUTE, &[0.0, 1.0])).contains("`b`"));
        assert!(refuse(series("b", 0, Step::HOUR, &[0.0, 1.0])).contains("`b`"));
        assert!(refuse(series("b", 120, Step::MINUTE, &[0.0])).contains("no time"));
        assert!(align("host", vec![]).is_err());
    }
}
