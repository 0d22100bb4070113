//! All figures of one detector: of each series, and over all of them.

use super::budget::BudgetCheck;
use super::curves::{Pooled, average_precision, best_f1, recall_within};
use super::events::{EventStatistics, event_statistics, merging_gap};
use super::vus::vus_pr;

const SECS_PER_DAY: f64 = 86_400.0;
/// Longest buffer of VUS-PR.
const LONGEST_BUFFER: usize = 100;
/// One false alert a week, one a day.
const BUDGETS: [f64; 2] = [1.0 / 7.0, 1.0];

/// The judged part of one series: what a detector said, and what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What is true.
    pub labels: Vec<bool>,
    /// Scores, as many; larger is more unusual.
    pub scores: Vec<f64>,
    /// The detector's own decisions, as many.
    pub alarms: Vec<bool>,
    /// Time between two points, seconds.
    pub step_secs: f64,
    /// The dominant period of the values, points; the buffer of VUS-PR, at most 100.
    pub period: usize,
}

/// The figures of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesFigures {
    /// Judged points.
    pub points: usize,
    /// Points in events.
    pub labelled: usize,
    /// Judged time, days.
    pub days: f64,
    /// Judged time outside of events, days.
    pub normal_days: f64,
    /// Volume under the precision-recall surface; `None` without points of both kinds.
    pub vus_pr: Option<f64>,
    /// Average precision of points; `None` without points of both kinds.
    pub average_precision: Option<f64>,
    /// F1 of points at an oracle's threshold; `None` without points of both kinds.
    pub best_f1: Option<f64>,
    /// Events and alerts at the detector's own decision.
    pub events: EventStatistics,
    /// From the start of each found event to its first alarm, minutes.
    pub delay_minutes: Vec<f64>,
}

/// The figures of one detector over all series.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Series.
    pub series: usize,
    /// Series with points of both kinds: those that the means of ranking metrics are taken over.
    pub ranked: usize,
    /// Judged series-days.
    pub days: f64,
    /// Events, alerts and true alerts of all series; the delays are in [`Self::delay_minutes`].
    pub events: EventStatistics,
    /// Mean VUS-PR and its standard error.
    pub vus_pr: Option<f64>,
    /// Standard error of the mean; `None` for fewer than two series.
    pub vus_pr_error: Option<f64>,
    /// Mean average precision.
    pub average_precision: Option<f64>,
    /// Mean F1 of points at each series' best threshold.
    pub best_f1: Option<f64>,
    /// Share of the alerts that touch an event; 0 without alerts.
    pub precision: f64,
    /// Share of the events that are found; 0 without events.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// False alerts per series and day.
    pub false_alerts_per_day: f64,
    /// Median delay over found events, minutes.
    pub delay_minutes: Option<f64>,
    /// Share of the events found with at most one false alert per series and week, at one threshold for all.
    pub recall_at_one_a_week: f64,
    /// The same with one a day.
    pub recall_at_one_a_day: f64,
    /// The budget against false alerts in normal time.
    pub budget: BudgetCheck,
}

impl Judgement {
    /// For the curves over many series.
    #[must_use]
    pub fn pooled(&self) -> Pooled<'_> {
        let (gap, days) = (merging_gap(self.step_secs), self.days());
        Pooled { scores: &self.scores, labels: &self.labels, gap, days }
    }

    /// The figures of this series. O(100 × n + n log n).
    #[must_use]
    pub fn figures(&self) -> SeriesFigures {
        let events = event_statistics(&self.labels, &self.alarms, merging_gap(self.step_secs), 0);
        let labelled = self.labels.iter().filter(|label| **label).count();
        let normal = self.labels.len() - labelled;
        let both = labelled > 0 && normal > 0;
        let only_both = |figure: &dyn Fn() -> Option<f64>| if both { figure() } else { None };
        SeriesFigures {
            points: self.labels.len(),
            labelled,
            days: self.days(),
            normal_days: normal as f64 * self.step_secs / SECS_PER_DAY,
            vus_pr: only_both(&|| vus_pr(&self.labels, &self.scores, self.period.min(LONGEST_BUFFER))),
            average_precision: only_both(&|| average_precision(&self.labels, &self.scores)),
            best_f1: only_both(&|| best_f1(&self.labels, &self.scores)),
            delay_minutes: events.delays.iter().map(|points| *points as f64 * self.step_secs / 60.0).collect(),
            events,
        }
    }

    fn days(&self) -> f64 {
        self.labels.len() as f64 * self.step_secs / SECS_PER_DAY
    }
}

impl Figures {
    /// The figures over all series; `judgements` and `each` belong together, `allowed_per_day` is the budget of one series.
    #[must_use]
    pub fn of(judgements: &[&Judgement], each: &[&SeriesFigures], allowed_per_day: f64) -> Self {
        let mut events = EventStatistics::default();
        for one in each {
            events.events += one.events.events;
            events.found += one.events.found;
            events.alerts += one.events.alerts;
            events.true_alerts += one.events.true_alerts;
        }
        let days: f64 = each.iter().map(|one| one.days).sum();
        let normal_days: f64 = each.iter().map(|one| one.normal_days).sum();
        let precision = ratio(events.true_alerts as f64, events.alerts as f64);
        let recall = ratio(events.found as f64, events.events as f64);
        let pool: Vec<Pooled<'_>> = judgements.iter().map(|one| one.pooled()).collect();
        let recalls = recall_within(&pool, &BUDGETS);
        let volumes: Vec<f64> = each.iter().filter_map(|one| one.vus_pr).collect();
        Self {
            series: each.len(),
            ranked: volumes.len(),
            days,
            vus_pr: mean(&volumes),
            vus_pr_error: standard_error(&volumes),
            average_precision: mean(&each.iter().filter_map(|one| one.average_precision).collect::<Vec<f64>>()),
            best_f1: mean(&each.iter().filter_map(|one| one.best_f1).collect::<Vec<f64>>()),
            precision,
            recall,
            f1: ratio(2.0 * precision * recall, precision + recall),
            false_alerts_per_day: ratio(events.false_alerts() as f64, days),
            delay_minutes: median(each.iter().flat_map(|one| one.delay_minutes.iter().copied())),
            recall_at_one_a_week: recalls.first().copied().unwrap_or(0.0),
            recall_at_one_a_day: recalls.get(1).copied().unwrap_or(0.0),
            budget: BudgetCheck::new(events.false_alerts(), normal_days, allowed_per_day),
            events,
        }
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

fn standard_error(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let n = values.len() as f64;
    Some((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    Some(super::rolling::median(values)).filter(|median| !median.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(labels: &[u8], alarms: &[u8]) -> Judgement {
        let bools = |bits: &[u8]| bits.iter().map(|bit| *bit == 1).collect::<Vec<bool>>();
        let scores = alarms.iter().map(|bit| f64::from(*bit)).collect();
        Judgement { labels: bools(labels), scores, alarms: bools(alarms), step_secs: 21_600.0, period: 4 }
    }

    #[test]
    fn figures_over_series_are_pooled_by_event_and_averaged_by_ranking() {
        let found = judgement(&[0, 0, 1, 1, 0, 0, 0, 0], &[0, 0, 0, 1, 0, 1, 0, 0]);
        let missed = judgement(&[0, 1, 0, 0], &[0, 0, 0, 1]);
        let quiet = judgement(&[0, 0, 0, 0], &[0, 0, 0, 0]);
        let all = [&found, &missed, &quiet];
        let each: Vec<SeriesFigures> = all.iter().map(|one| one.figures()).collect();
        let figures = Figures::of(&all, &each.iter().collect::<Vec<_>>(), 1.0);
        assert_eq!((figures.series, figures.ranked), (3, 2));
        assert_eq!((figures.events.events, figures.events.found, figures.events.alerts), (2, 1, 3));
        assert!((figures.precision - 1.0 / 3.0).abs() < 1e-12 && (figures.recall - 0.5).abs() < 1e-12);
        assert!((figures.f1 - 0.4).abs() < 1e-12);
        assert!((figures.days - 4.0).abs() < 1e-12 && (figures.false_alerts_per_day - 0.5).abs() < 1e-12);
        assert_eq!(figures.delay_minutes, Some(360.0));
        assert_eq!(figures.budget.false_alerts, 2);
        assert!((figures.budget.normal_days - 3.25).abs() < 1e-12);
        assert!(each[2].vus_pr.is_none() && each[0].vus_pr.is_some());
    }

    #[test]
    fn nothing_has_no_figures() {
        let figures = Figures::of(&[], &[], 1.0);
        assert_eq!((figures.series, figures.vus_pr, figures.delay_minutes), (0, None, None));
        assert!(figures.f1.abs() < 1e-12 && figures.false_alerts_per_day.abs() < 1e-12);
        let empty = judgement(&[], &[]).figures();
        assert_eq!((empty.points, empty.vus_pr), (0, None));
    }
}
