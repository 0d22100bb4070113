//! Which alerts belong together.

use jiff::Timestamp;

use super::{Incident, IncidentState, Link, Settings};
use crate::alert::{Alert, AlertState};
use crate::series::Labels;
use crate::severity::Severity;

/// Groups alerts to incidents, oldest first.
///
/// Two alerts are linked when their spans of time overlap or lie within `window` of each other, and they share the value
/// of an anchor label (`service`, `namespace`, `instance`) or at least `similarity` of their label pairs. Linked alerts,
/// and what is linked to them, form one incident; every alert is a member of exactly one. Alerts that begin after `now`
/// have not happened and form no incident. The order of `alerts` does not matter for which belong together.
///
/// An alert without severity of its own counts by its `severity` label, and without that as `warning`. O(n²).
#[must_use]
pub fn group(alerts: &[Alert], now: Timestamp, settings: &Settings) -> Vec<Incident> {
    let mut order: Vec<usize> = (0..alerts.len()).filter(|&i| alerts[i].starts_at <= now).collect();
    order.sort_by_key(|&i| (alerts[i].starts_at, alerts[i].fingerprint));
    let mut groups: Vec<Vec<(usize, Link)>> = Vec::new();
    for &i in &order {
        let mut linked: Vec<(usize, Link)> = Vec::new();
        for (position, members) in groups.iter().enumerate() {
            let link = members.iter().find_map(|(j, _)| link(&alerts[*j], &alerts[i], now, settings));
            linked.extend(link.map(|link| (position, link)));
        }
        let mut linked = linked.into_iter();
        let Some((first, link)) = linked.next() else {
            groups.push(vec![(i, Link::First)]);
            continue;
        };
        groups[first].push((i, link));
        // the alert joins what was apart: later groups flow into the earliest
        for (position, link) in linked.rev() {
            let mut members = groups.remove(position);
            if let Some(head) = members.first_mut() {
                head.1 = link;
            }
            groups[first].append(&mut members);
        }
        groups[first].sort_by_key(|(j, _)| (alerts[*j].starts_at, alerts[*j].fingerprint));
    }
    groups.into_iter().map(|members| incident(alerts, members, now)).collect()
}

fn link(earlier: &Alert, later: &Alert, now: Timestamp, settings: &Settings) -> Option<Link> {
    let reach = earlier.ends_at.unwrap_or(now).as_millisecond().saturating_add(settings.window.as_millis());
    if later.starts_at.as_millisecond() > reach {
        return None;
    }
    let shared = settings.anchors.iter().find_map(|name| {
        let value = later.labels.get(name)?;
        (earlier.labels.get(name) == Some(value))
            .then(|| Link::SharedLabel { name: name.clone(), value: value.to_owned() })
    });
    let similarity = jaccard(&earlier.labels, &later.labels);
    shared.or_else(|| (similarity >= settings.similarity).then_some(Link::SimilarLabels { similarity }))
}

/// Share of label pairs in common, 0 without labels. The severity says nothing about where it happens.
fn jaccard(a: &Labels, b: &Labels) -> f64 {
    let pairs = |labels: &Labels| labels.iter().filter(|(name, _)| *name != "severity").count();
    let common = a.iter().filter(|(name, value)| *name != "severity" && b.get(name) == Some(*value)).count();
    let all = pairs(a) + pairs(b) - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
}

fn incident(alerts: &[Alert], members: Vec<(usize, Link)>, now: Timestamp) -> Incident {
    let (members, links): (Vec<usize>, Vec<Link>) = members.into_iter().unzip();
    let all = || members.iter().map(|&i| &alerts[i]);
    let is_over = |alert: &Alert| alert.state == AlertState::Resolved || alert.ends_at.is_some_and(|end| end <= now);
    let resolved = all().all(is_over);
    // severities are ordered worst first; the earliest of the worst names the incident
    let worst = all().filter(|alert| resolved || !is_over(alert)).min_by_key(|alert| severity(alert));
    let ended_at = all().map(|alert| alert.ends_at.unwrap_or(alert.updated_at)).max().filter(|_| resolved);
    Incident {
        id: all().next().map(|alert| alert.fingerprint.to_string()).unwrap_or_default(),
        title: worst.map(|alert| title(alert, members.len())).unwrap_or_default(),
        severity: worst.map_or(Severity::Warning, severity),
        started_at: all().map(|alert| alert.starts_at).min().unwrap_or(now),
        ended_at,
        state: if resolved { IncidentState::Resolved } else { IncidentState::Open },
        members,
        links,
    }
}

fn severity(alert: &Alert) -> Severity {
    let label = || alert.labels.get("severity").and_then(|text| text.parse().ok());
    alert.assessment.as_ref().map(|assessment| assessment.severity).or_else(label).unwrap_or(Severity::Warning)
}

/// `HighLatency on checkout, and 2 more alerts`.
fn title(alert: &Alert, count: usize) -> String {
    let name = alert.labels.get("alertname").unwrap_or("alert");
    let place = ["service", "namespace", "instance", "job"].iter().find_map(|label| alert.labels.get(label));
    let place = place.map_or_else(String::new, |place| format!(" on {place}"));
    match count {
        0 | 1 => format!("{name}{place}"),
        2 => format!("{name}{place}, and 1 more alert"),
        _ => format!("{name}{place}, and {} more alerts", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::alert::{Enrichment, Origin};

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 60 * minute).expect("a time")
    }

    /// `name service=api severity=critical @ 3..9`: labels, then minutes from and to (`..` alone while firing).
    fn alert(text: &str) -> Alert {
        let (labels, span) = text.split_once(" @ ").expect("a span");
        let mut words = labels.split(' ');
        let mut all = Labels::new().with("alertname", words.next().expect("a name"));
        words.filter_map(|word| word.split_once('=')).for_each(|(name, value)| all.insert(name, value));
        let (from, to) = span.split_once("..").expect("two ends");
        let starts_at = minute(from.parse().expect("a minute"));
        let ends_at = to.parse().ok().map(minute);
        Alert {
            fingerprint: all.fingerprint(),
            origin: Origin::External,
            labels: all,
            annotations: BTreeMap::new(),
            state: if ends_at.is_some() { AlertState::Resolved } else { AlertState::Firing },
            starts_at,
            ends_at,
            updated_at: ends_at.unwrap_or(starts_at),
            generator_url: None,
            assessment: None,
            enrichment: Enrichment::default(),
        }
    }

    /// Each incident as `title | severity | state | members` at minute 60.
    #[track_caller]
    fn check(alerts: &[&str], want: &[&str]) {
        let alerts: Vec<Alert> = alerts.iter().map(|text| alert(text)).collect();
        let before = alerts.clone();
        let incidents = group(&alerts, minute(60), &Settings::default());
        assert_eq!(alerts, before);
        let got: Vec<String> = incidents
            .iter()
            .map(|i| format!("{} | {} | {:?} | {:?}", i.title, i.severity, i.state, i.members))
            .collect();
        assert_eq!(got, want);
        let happened = alerts.iter().filter(|alert| alert.starts_at <= minute(60)).count();
        assert_eq!(incidents.iter().map(|i| i.members.len()).sum::<usize>(), happened);
        for incident in &incidents {
            assert_eq!(incident.links.len(), incident.members.len());
            assert_eq!(incident.links[0], Link::First);
            assert_eq!(incident.id, alerts[incident.members[0]].fingerprint.to_string());
            assert_eq!(incident.ended_at.is_some(), incident.state == IncidentState::Resolved);
        }
    }

    #[test]
    fn alerts_of_one_place_and_time_are_one_incident() {
        check(&[], &[]);
        check(&["Slow service=api @ 0.."], &["Slow on api | warning | Open | [0]"]);
        check(
            &["Slow service=api @ 0..", "Errors service=api severity=critical @ 4..", "Slow service=web @ 1.."],
            &["Errors on api, and 1 more alert | critical | Open | [0, 1]", "Slow on web | warning | Open | [2]"],
        );
        // no anchor: half of the label pairs in common
        check(
            &["Lag topic=orders group=mail @ 0..", "Dead topic=orders group=mail @ 1.."],
            &["Lag, and 1 more alert | warning | Open | [0, 1]"],
        );
        check(
            &["Lag topic=orders group=mail @ 0..", "Dead topic=orders group=push @ 1.."],
            &["Lag | warning | Open | [0]", "Dead | warning | Open | [1]"],
        );
    }

    #[test]
    fn what_lies_apart_in_time_is_apart() {
        let over = "Slow service=api @ 0..10";
        check(&[over, "Slow service=api @ 15.."], &["Slow on api, and 1 more alert | warning | Open | [0, 1]"]);
        check(
            &[over, "Slow service=api @ 16.."],
            &["Slow on api | warning | Resolved | [0]", "Slow on api | warning | Open | [1]"],
        );
        check(&[over, "Errors service=api @ 61.."], &["Slow on api | warning | Resolved | [0]"]);
        // a long first alert holds later ones together
        check(
            &["A service=api @ 0..50", "B service=api @ 5..6", "C service=api severity=error @ 40..41"],
            &["C on api, and 2 more alerts | error | Resolved | [0, 1, 2]"],
        );
    }

    #[test]
    fn an_alert_that_belongs_to_two_joins_them() {
        let alerts =
            ["A service=api @ 0..", "B instance=db-1 @ 1..", "C service=api instance=db-1 severity=info @ 2.."];
        check(&alerts, &["A on api, and 2 more alerts | warning | Open | [0, 1, 2]"]);
        let parsed: Vec<Alert> = alerts.iter().map(|text| alert(text)).collect();
        let links = &group(&parsed, minute(60), &Settings::default())[0].links;
        let shared = |name: &str, value: &str| Link::SharedLabel { name: name.into(), value: value.into() };
        assert_eq!(links, &[Link::First, shared("instance", "db-1"), shared("service", "api")]);
    }

    #[test]
    fn severity_is_that_of_the_worst_that_still_fires() {
        check(
            &["A service=api severity=critical @ 0..3", "B service=api severity=error @ 2.."],
            &["B on api, and 1 more alert | error | Open | [0, 1]"],
        );
        check(
            &["A service=api severity=critical @ 0..3", "B service=api severity=error @ 2..4"],
            &["A on api, and 1 more alert | critical | Resolved | [0, 1]"],
        );
        check(&["A severity=dreadful @ 0.."], &["A | warning | Open | [0]"]);
    }

    #[test]
    fn the_order_of_alerts_does_not_matter_and_the_id_stays_when_more_join() {
        let texts = ["A service=api @ 0..", "B service=api @ 3..9", "C service=web @ 1..", "D service=web @ 2.."];
        let alerts: Vec<Alert> = texts.iter().map(|text| alert(text)).collect();
        let reversed: Vec<Alert> = alerts.iter().rev().cloned().collect();
        let ids = |alerts: &[Alert]| -> Vec<(String, String)> {
            group(alerts, minute(60), &Settings::default()).into_iter().map(|i| (i.id, i.title)).collect()
        };
        assert_eq!(ids(&alerts), ids(&reversed));
        assert_eq!(ids(&alerts)[0].0, ids(&alerts[..1])[0].0);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert_eq!(Settings::default().validate(), Ok(()));
        for similarity in [0.0, -1.0, 1.1, f64::NAN] {
            let error = Settings { similarity, ..Settings::default() }.validate().expect_err("no share");
            assert!(error.to_string().contains("at most 1, got"), "{error}");
        }
        let window = crate::series::HumanDuration::from_days(2);
        assert!(Settings { window, ..Settings::default() }.validate().is_err());
    }
}
