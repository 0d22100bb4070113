//! What was measured, for one series and over all.

use jiff::Timestamp;

use crate::forecast::{BacktestReport, ModelChoice, Origin};
use crate::series::Unit;

/// Everything that is told.
#[derive(Debug)]
pub(super) struct Backtest {
    pub(super) models: Vec<ModelChoice>,
    /// Coverage of the intervals as shares, ascending.
    pub(super) levels: Vec<f64>,
    pub(super) series: Vec<SeriesResult>,
}

/// One series under every model.
#[derive(Debug)]
pub(super) struct SeriesResult {
    pub(super) name: String,
    pub(super) points: usize,
    pub(super) horizon_steps: usize,
    /// Earlier points that were forecast from.
    pub(super) origins: usize,
    /// In the order of the models.
    pub(super) results: Vec<Measured>,
    /// What the fan charts show; `None` without origins.
    pub(super) shown: Option<Shown>,
}

/// One model on one series: its figures, and the forecast from the newest of the earlier points.
#[derive(Debug)]
pub(super) struct ModelResult {
    pub(super) figures: Measured,
    pub(super) newest: Option<Origin>,
}

/// The figures of one model, of one series or over several; `None` where nothing could be measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    /// The model that made the newest forecast: a fallback shows here.
    pub(super) used: Option<&'static str>,
    pub(super) origins: usize,
    pub(super) mase: Option<f64>,
    /// Percent.
    pub(super) smape: Option<f64>,
    /// Percent of values inside the interval of each level.
    pub(super) covers: Vec<Option<f64>>,
    /// Of the widest interval.
    pub(super) msis: Option<f64>,
}

/// A stretch of a series that ends with the newest backtested horizon, and what each model said there.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) unit: Unit,
    /// Time of the first and of the last value.
    pub(super) times: [Timestamp; 2],
    pub(super) values: Vec<f64>,
    /// Index of the newest origin within `values`.
    pub(super) cut: usize,
    /// Central path and intervals of each model, from the newest origin on.
    pub(super) fans: Vec<Fan>,
}

/// A forecast as it is drawn.
#[derive(Debug)]
pub(super) struct Fan {
    pub(super) mean: Vec<f64>,
    /// Lower and upper ends of each level, ascending.
    pub(super) bands: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Measured {
    pub(super) fn of(report: &BacktestReport) -> Self {
        Self {
            used: report.model.map(crate::forecast::Model::as_str),
            origins: report.origins.len(),
            mase: report.mase,
            smape: report.smape.map(|share| 100.0 * share),
            covers: report.levels.iter().map(|level| Some(100.0 * level.coverage)).collect(),
            msis: report.levels.last().and_then(|level| level.msis),
        }
    }
}

impl Backtest {
    /// Series that every model could be measured on: means over others would compare different things.
    pub(super) fn compared(&self) -> impl Iterator<Item = &SeriesResult> + '_ {
        self.series.iter().filter(|one| one.origins > 0 && one.results.iter().all(|result| result.mase.is_some()))
    }

    /// All series, the highest MASE of the first model first; those without one last.
    pub(super) fn worst_first(&self) -> Vec<&SeriesResult> {
        let error = |one: &SeriesResult| one.results.first().and_then(|first| first.mase).unwrap_or(f64::NEG_INFINITY);
        let mut ordered: Vec<&SeriesResult> = self.series.iter().collect();
        ordered.sort_by(|a, b| error(b).total_cmp(&error(a)).then_with(|| a.name.cmp(&b.name)));
        ordered
    }

    /// Means of model `place` over the series compared, each series counting the same.
    pub(super) fn overall(&self, place: usize) -> Measured {
        let all: Vec<&Measured> = self.compared().filter_map(|one| one.results.get(place)).collect();
        let mean = |pick: &dyn Fn(&Measured) -> Option<f64>| average(all.iter().filter_map(|one| pick(one)));
        Measured {
            used: None,
            origins: all.iter().map(|one| one.origins).sum(),
            mase: mean(&|one| one.mase),
            smape: mean(&|one| one.smape),
            covers: (0..self.levels.len())
                .map(|level| mean(&|one: &Measured| one.covers.get(level).copied().flatten()))
                .collect(),
            msis: mean(&|one| one.msis),
        }
    }

    /// The middle MASE of model `place` over the series compared.
    pub(super) fn median_mase(&self, place: usize) -> Option<f64> {
        let mut all: Vec<f64> = self.compared().filter_map(|one| one.results.get(place)?.mase).collect();
        all.sort_unstable_by(f64::total_cmp);
        let (low, high) = (all.get(all.len().checked_sub(1)? / 2)?, all.get(all.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// Percent of the series compared on which model `place` has the lowest MASE.
    pub(super) fn best_on(&self, place: usize) -> Option<f64> {
        let won = |one: &SeriesResult| {
            let own = one.results.get(place).and_then(|result| result.mase)?;
            let least = one.results.iter().filter_map(|result| result.mase).fold(f64::INFINITY, f64::min);
            Some(if own <= least { 100.0 } else { 0.0 })
        };
        average(self.compared().filter_map(won))
    }
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, mases: &[Option<f64>]) -> SeriesResult {
        let result = |mase: &Option<f64>| Measured {
            origins: usize::from(mase.is_some()),
            mase: *mase,
            covers: vec![mase.map(|_| 80.0)],
            ..Measured::default()
        };
        SeriesResult {
            name: name.to_owned(),
            points: 10,
            horizon_steps: 2,
            origins: mases.iter().flatten().count(),
            results: mases.iter().map(result).collect(),
            shown: None,
        }
    }

    #[test]
    fn models_are_compared_on_the_series_that_all_of_them_have() {
        let backtest = Backtest {
            models: vec![ModelChoice::Auto, ModelChoice::Naive],
            levels: vec![0.8],
            series: vec![
                series("a", &[Some(0.5), Some(1.0)]),
                series("b", &[Some(1.5), Some(1.0)]),
                series("c", &[Some(100.0), None]),
            ],
        };
        assert_eq!(backtest.compared().count(), 2);
        assert_eq!(backtest.overall(0).mase, Some(1.0));
        assert_eq!(backtest.overall(1).covers, [Some(80.0)]);
        assert_eq!(backtest.median_mase(0), Some(1.0));
        assert_eq!((backtest.best_on(0), backtest.best_on(1)), (Some(50.0), Some(50.0)));
    }

    #[test]
    fn nothing_compared_is_no_figure() {
        let backtest =
            Backtest { models: vec![ModelChoice::Auto], levels: vec![0.8], series: vec![series("a", &[None])] };
        assert_eq!(backtest.overall(0).mase, None);
        assert_eq!((backtest.median_mase(0), backtest.best_on(0)), (None, None));
    }
}
