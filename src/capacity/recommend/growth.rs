//! More room for what fills up: volumes, quotas, pools.

use jiff::Timestamp;

use super::{kubernetes, sizes};
use crate::capacity::exhaustion::{Futures, Limit, crossings, days_between, moved, share};
use crate::capacity::robust::quantile;
use crate::capacity::{Change, ChangeKind, Exhaustion, Outlook, Quantity, Recommendation, Risk, Settings, explain};
use crate::series::{Series, Unit};

/// The label that names a volume's claim, as the kubelet exports it.
const CLAIM_LABEL: &str = "persistentvolumeclaim";

/// What a recommendation for more room rests on.
#[derive(Debug)]
pub(crate) struct GrowthFacts<'a> {
    pub(crate) used: &'a Series,
    pub(crate) limit: Limit<'a>,
    pub(crate) futures: Futures<'a>,
    pub(crate) exhaustion: &'a Exhaustion,
    /// Peaks that growth was read from.
    pub(crate) peaks: usize,
    pub(crate) now: Timestamp,
}

/// The size that keeps usage below `headroom` over the whole horizon in `plan_quantile` of the futures.
///
/// `None` when fewer than one future in ten reaches the limit.
pub(crate) fn growth(facts: &GrowthFacts<'_>, because: &[String], settings: &Settings) -> Option<Recommendation> {
    let first = facts.exhaustion.p10?;
    let (unit, limit) = (facts.used.unit(), facts.limit.at(facts.now));
    let highest: Vec<f64> =
        facts.futures.paths.iter().map(|path| path.iter().copied().fold(f64::MIN, f64::max)).collect();
    let peak = quantile(&highest, settings.plan_quantile).max(facts.used.last());
    let to = sizes::round_up(peak / settings.headroom, unit);
    if !(to > limit && to.is_finite()) {
        return None;
    }
    let by = moved(first, -settings.lead_time.as_secs_f64()).max(facts.now);
    let volume = unit == Unit::Bytes;
    Some(Recommendation {
        subject: facts.used.name().to_owned(),
        changes: vec![Change {
            what: if volume { ChangeKind::VolumeSize } else { ChangeKind::Limit },
            from: Some(Quantity { value: limit, unit }),
            to: Quantity { value: to, unit },
        }],
        by: Some(by),
        text: text(facts, (limit, to), by, settings),
        risk: Some(risk(facts, to)),
        confidence: confidence(facts, settings),
        because: because.to_vec(),
        patch: facts
            .used
            .labels()
            .get(CLAIM_LABEL)
            .filter(|_| volume)
            .map(|claim| kubernetes::claim(claim, facts.used.labels().get("namespace").unwrap_or_default(), to)),
    })
}

fn text(facts: &GrowthFacts<'_>, (limit, to): (f64, f64), by: Timestamp, settings: &Settings) -> String {
    let (unit, name, now) = (facts.used.unit(), facts.used.name(), facts.now);
    let (from_text, to_text, more) = (unit.format(limit), unit.format(to), unit.format(to - limit));
    let when = if by <= now { "now".to_owned() } else { format!("by {}", explain::day(by)) };
    let dates = explain::dates(facts.exhaustion, now);
    let action = match unit {
        // a share cannot grow beyond all of it: what it is a share of must
        Unit::Ratio => format!("Give {name} {} times its capacity {when}", Unit::None.format(to / limit)),
        Unit::Bytes => format!("Grow {name} by {more}, from {from_text} to {to_text}, {when}"),
        _ => format!("Raise the limit of {name} by {more}, from {from_text} to {to_text}, {when}"),
    };
    let rate = match facts.exhaustion.growth_per_day {
        g if g > 0.0 && facts.exhaustion.outlook != Outlook::AlreadyExhausted => {
            format!("at {} per day {dates}", unit.format(g))
        }
        _ => dates,
    };
    let span = Unit::Seconds.format(facts.exhaustion.horizon_days * 86_400.0);
    let (headroom, futures) = (explain::percent(settings.headroom), explain::percent(settings.plan_quantile));
    format!("{action}: {rate}. After the change it stays below {headroom} for {span} in {futures} of the futures.")
}

fn risk(facts: &GrowthFacts<'_>, to: f64) -> Risk {
    let after = crossings(facts.used, Limit::Constant(to), facts.futures, facts.now);
    Risk { before: facts.exhaustion.probability_within.d30, after: share(&after, |&secs| secs <= 30.0 * 86_400.0) }
}

/// Grows with the history's length against the horizon, with the number of peaks, and with the share really observed.
fn confidence(facts: &GrowthFacts<'_>, settings: &Settings) -> f64 {
    let history = days_between(facts.used.start(), facts.used.end());
    let reach = (history / (settings.horizon.as_secs_f64() / 86_400.0)).clamp(0.0, 1.0).sqrt();
    let peaks = facts.peaks as f64 / (facts.peaks as f64 + 4.0);
    let observed = share(facts.used.imputed(), |&imputed| !imputed);
    reach * peaks * observed
}
