//! Which past alerts are like this one.

use std::collections::BTreeSet;

use super::{Alert, SimilarAlert};

/// The `limit` most similar of `past`, most similar first, none below `at_least` (0 to 1).
///
/// Similarity is the Jaccard index of label pairs, with the alert's name counted three times. The alert's own
/// occurrences are similar to it with 1. Ties go to the younger. O(n log n) in the number of past alerts.
#[must_use]
pub fn similar(alert: &Alert, past: &[Alert], limit: usize, at_least: f64) -> Vec<SimilarAlert> {
    let own: BTreeSet<(&str, &str)> = alert.labels.iter().collect();
    let mut found: Vec<SimilarAlert> = past
        .iter()
        .filter(|other| (other.fingerprint, other.starts_at) != (alert.fingerprint, alert.starts_at))
        .map(|other| describe(other, jaccard(&own, other)))
        .filter(|other| other.similarity >= at_least)
        .collect();
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(b.starts_at.cmp(&a.starts_at)));
    found.truncate(limit);
    found
}

fn jaccard(own: &BTreeSet<(&str, &str)>, other: &Alert) -> f64 {
    let theirs: BTreeSet<(&str, &str)> = other.labels.iter().collect();
    let weight = |pair: &&(&str, &str)| if pair.0 == "alertname" { 3.0 } else { 1.0 };
    let common: f64 = own.intersection(&theirs).map(|pair| weight(&pair)).sum();
    let all: f64 = own.union(&theirs).map(|pair| weight(&pair)).sum();
    if all > 0.0 { common / all } else { 0.0 }
}

fn describe(other: &Alert, similarity: f64) -> SimilarAlert {
    SimilarAlert {
        fingerprint: other.fingerprint,
        title: other.title(),
        starts_at: other.starts_at,
        duration_minutes: other.duration_minutes(),
        similarity,
    }
}
