//! A recommendation: what to change, by when, at what risk, and why.

use maud::{Markup, html};

use super::show::{foreign, in_url, percent, quantity, time};
use crate::capacity::{Change, ChangeKind, Recommendation};
use crate::engine::Advice;

/// A recommendation in the overview.
pub(super) fn card(advice: &Advice) -> Markup {
    let recommendation = &advice.recommendation;
    html! {
        article.card {
            h3 {
                a href={ "/capacity/" (in_url(&advice.watch)) "/" (advice.resource) } { (foreign(&recommendation.subject)) }
            }
            p { (foreign(&recommendation.text)) }
            (facts(recommendation))
        }
    }
}

/// Everything about a recommendation, with its patch; evidence that is `told` already is left out.
pub(super) fn whole(recommendation: &Recommendation, told: &[String]) -> Markup {
    let news: Vec<&String> = recommendation.because.iter().filter(|one| !told.contains(one)).collect();
    html! {
        p { (foreign(&recommendation.text)) }
        (facts(recommendation))
        @if !news.is_empty() {
            h3 { "Because" }
            ul { @for sentence in news { li { (foreign(sentence)) } } }
        }
        @if let Some(patch) = &recommendation.patch {
            h3 { "Kubernetes patch" }
            p.muted { "A strategic merge patch; check it, then apply it with " code { "kubectl patch --patch-file" } "." }
            (copyable("patch", &serde_json::to_string_pretty(patch).unwrap_or_default()))
        }
    }
}

/// Text in a block with a button that copies it.
fn copyable(id: &str, text: &str) -> Markup {
    html! {
        div.copyable {
            button type="button" data-copy=(id) hidden { "Copy" }
            pre tabindex="0" { code id=(id) { (text) } }
        }
    }
}

fn facts(recommendation: &Recommendation) -> Markup {
    html! {
        table.facts {
            caption.hidden { "What to change" }
            tbody {
                @for change in &recommendation.changes {
                    tr { th scope="row" { (kind(change.what)) } td { (from_to(change)) } }
                }
                @if let Some(by) = recommendation.by { tr { th scope="row" { "by" } td { (time(by)) } } }
                @if let Some(risk) = &recommendation.risk {
                    tr {
                        th scope="row" { "risk within 30 days" }
                        td { (percent(risk.before)) " as it is, " (percent(risk.after)) " after the change" }
                    }
                }
                tr { th scope="row" { "confidence" } td { (percent(recommendation.confidence)) } }
            }
        }
    }
}

fn from_to(change: &Change) -> Markup {
    let to = quantity(change.to.unit, change.to.value);
    html! {
        @if let Some(from) = &change.from { (quantity(from.unit, from.value)) " → " } @else { "set to " }
        strong { (to) }
    }
}

const fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::VolumeSize => "volume size",
        ChangeKind::CpuRequest => "CPU request",
        ChangeKind::CpuLimit => "CPU limit",
        ChangeKind::MemoryRequest => "memory request",
        ChangeKind::MemoryLimit => "memory limit",
        ChangeKind::MinReplicas => "fewest replicas",
        ChangeKind::MaxReplicas => "most replicas",
        ChangeKind::TargetUtilisation => "target utilisation",
        ChangeKind::Limit => "limit",
    }
}
