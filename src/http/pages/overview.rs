//! The first page: what matters now.

use axum::extract::State;
use maud::{Markup, html};

use super::super::AppState;
use super::error::PageError;
use super::shell::{Section, document};
use super::show::{
    counted, distance, exhaustion_words, foreign, foreign_short, in_url, percent, severity, time, time_or,
};
use super::{advice, alert_list};
use crate::capacity::Outlook;
use crate::engine::{OpenIncident, Overview, Resource, WatchStatus};

/// Ended alerts shown here.
const RECENT: usize = 20;
/// Limited resources shown here.
const NEAREST: usize = 8;
/// Recommendations shown here.
const ADVICE: usize = 12;
/// Incidents shown here.
const INCIDENTS: usize = 20;

pub(super) async fn page(State(service): State<AppState>) -> Result<Markup, PageError> {
    let overview = service.app.overview(service.now()).await?;
    Ok(render(&overview, service.report.as_deref()))
}

/// The page; `report` are lines of plain text that stand at its top.
pub(super) fn render(overview: &Overview, report: Option<&str>) -> Markup {
    let body = html! {
        h1 { "Overview" }
        @if let Some(report) = report {
            section.report aria-label="Report of the demo" {
                @for line in report.lines().filter(|line| !line.trim().is_empty()) { p { (foreign(line)) } }
            }
        }
        (headline(overview))
        (problems(overview))
        section aria-labelledby="firing" {
            h2 id="firing" { "Firing alerts" }
            @if overview.firing.is_empty() { (nothing_fires(overview)) }
            @else { (alert_list::table("Alerts that fire, worst first", &overview.firing, alert_list::MOST, "")) }
        }
        (incidents(&overview.incidents))
        section aria-labelledby="advice" {
            h2 id="advice" { "Recommendations" }
            (recommendations(overview))
        }
        section aria-labelledby="capacity" {
            h2 id="capacity" { "What runs out next" }
            (nearest(overview))
        }
        @if !overview.resolved.is_empty() {
            section aria-labelledby="recent" {
                h2 id="recent" { "Ended lately" }
                (alert_list::table("Alerts that ended, newest first", &overview.resolved[..overview.resolved.len().min(RECENT)], RECENT, ""))
                p { a href="/alerts" { "All alerts" } }
            }
        }
        section aria-labelledby="detectors" {
            h2 id="detectors" { "Detectors" }
            (detectors(overview))
        }
    };
    document("Overview", Section::Overview, &body)
}

fn headline(overview: &Overview) -> Markup {
    let series: usize = overview.detectors.iter().map(|one| one.series).sum();
    let healthy = overview.detectors.iter().filter(|one| one.last_error.is_none()).count();
    let starting = starting(overview);
    let next = overview.resources.first().filter(|one| one.exhaustion.outlook != Outlook::NeverAtThisRate);
    let next = next.filter(|one| one.exhaustion.p50.is_some() || one.exhaustion.outlook == Outlook::AlreadyExhausted);
    html! {
        dl.tiles {
            div { dt { "Series followed" } dd { a href="/series" { (series) } } dd.note { "by " (counted(overview.detectors.len(), "detector", "detectors")) } }
            div { dt { "Firing alerts" } dd { a href="/alerts" { (overview.firing.len()) } } dd.note { (alert_list::by_severity(&overview.firing)) } }
            div { dt { "Open incidents" } dd { (overview.incidents.len()) } dd.note { "alerts that belong together" } }
            div {
                dt { "Next to run out" }
                @match next {
                    Some(one) => {
                        dd.text { a href=(resource_address(one)) { (next_date(one)) } }
                        dd.note { (foreign_short(&one.series)) }
                    },
                    None => { dd.text { "nothing" } dd.note { (counted(overview.resources.len(), "resource", "resources")) " watched" } },
                }
            }
            div {
                dt { "Healthy detectors" }
                dd { (healthy) " of " (overview.detectors.len()) }
                dd.note { @if starting == 0 { "all have had a round" } @else { (starting) " still starting" } }
            }
        }
    }
}

/// Detectors without a first round yet.
fn starting(overview: &Overview) -> usize {
    overview.detectors.iter().filter(|one| one.last_round.is_none()).count()
}

fn next_date(resource: &Resource) -> Markup {
    html! {
        @match resource.exhaustion.p50 {
            _ if resource.exhaustion.outlook == Outlook::AlreadyExhausted => "now",
            Some(at) => (at.strftime("%Y-%m-%d")),
            None => "unknown",
        }
    }
}

/// What is wrong with the service itself; nothing when nothing is.
fn problems(overview: &Overview) -> Markup {
    let failing: Vec<&WatchStatus> = overview.detectors.iter().filter(|one| one.last_error.is_some()).collect();
    let stuck: Vec<_> = overview.deliveries.iter().filter(|one| one.dead > 0).collect();
    html! {
        @if !(failing.is_empty() && stuck.is_empty()) {
            section.problem aria-labelledby="problems" {
                h2 id="problems" { "What is wrong" }
                ul {
                    @for one in failing {
                        li {
                            "Detector " strong { (foreign_short(&one.name)) } " cannot be fed by source "
                            strong { (foreign_short(&one.source)) } ": "
                            (foreign(one.last_error.as_deref().unwrap_or_default()))
                        }
                    }
                    @for one in stuck {
                        li {
                            (counted(one.dead, "delivery", "deliveries")) " to " strong { (foreign_short(&one.destination)) }
                            " given up"
                            @if let Some(last) = overview.undelivered.iter().find(|letter| letter.destination == one.destination) {
                                ", the last at " (time(last.at)) " after " (counted(last.attempts as usize, "attempt", "attempts"))
                                ": " (foreign(&last.error))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn nothing_fires(overview: &Overview) -> Markup {
    html! {
        @if overview.configured.detectors == 0 {
            p.empty {
                "No detector is configured: add one under " code { "detectors:" } " in " code { "tidewatch.yaml" }
                " (a name, a source, a query and a step), check it with " code { "tidewatch check-config" }
                " and restart the service."
            }
        } @else if starting(overview) > 0 {
            p.empty { "Nothing fires yet; " (starting(overview)) " of " (overview.configured.detectors) " detectors are still at their first round." }
        } @else {
            p.empty { "Nothing fires." }
        }
        @if overview.configured.detectors > 0 && overview.configured.routes == 0 {
            p.muted { "No route is configured: alerts are shown here and sent nowhere. Add destinations and routes under " code { "notify:" } "." }
        }
    }
}

/// Incidents of several alerts; one of a single alert says nothing that the alert does not.
fn incidents(open: &[OpenIncident]) -> Markup {
    let open: Vec<&OpenIncident> = open.iter().filter(|one| one.alerts.len() > 1).collect();
    if open.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="incidents" {
            h2 id="incidents" { "Open incidents" }
            @for one in open.iter().take(INCIDENTS) {
                details.card open[open.len() == 1] {
                    summary {
                        (severity(Some(one.incident.severity))) " " strong { (foreign_short(&one.incident.title)) } " "
                        span.muted { "since " (time(one.incident.started_at)) ", " (counted(one.alerts.len(), "alert", "alerts")) }
                    }
                    ul { @for alert in &one.alerts { li { a href=(alert_list::address(alert)) { (foreign_short(&alert.title())) } } } }
                }
            }
            @if open.len() > INCIDENTS { p.muted { "and " (open.len() - INCIDENTS) " more" } }
        }
    }
}

fn recommendations(overview: &Overview) -> Markup {
    html! {
        @if overview.advice.is_empty() {
            p.empty {
                @if overview.configured.capacity == 0 { "Nothing to recommend, because nothing limited is watched: add one under " code { "capacity:" } " in " code { "tidewatch.yaml" } "." }
                @else { "Nothing needs doing." }
            }
        } @else {
            div.cards { @for one in overview.advice.iter().take(ADVICE) { (advice::card(one)) } }
            @if overview.advice.len() > ADVICE {
                p.muted { "and " (overview.advice.len() - ADVICE) " more on the page " a href="/capacity" { "Capacity" } }
            }
        }
    }
}

fn nearest(overview: &Overview) -> Markup {
    html! {
        @if overview.resources.is_empty() {
            p.empty {
                @if overview.configured.capacity == 0 {
                    "No capacity watch is configured: add one under " code { "capacity:" } " (a name, a source, queries of usage and limit)."
                } @else { "No resource has been planned yet; the first plan comes within minutes of the start." }
            }
        } @else {
            (resource_table("Limited resources, soonest first", &overview.resources, NEAREST))
            p { a href="/capacity" { "All resources" } }
        }
    }
}

/// A table of at most `most` limited resources.
pub(super) fn resource_table(caption: &str, resources: &[Resource], most: usize) -> Markup {
    html! {
        div.scroll {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Resource" } th scope="col" { "Watch" } th.number scope="col" { "Used" }
                        th.number scope="col" { "Limit" } th.number scope="col" { "Full" } th scope="col" { "Runs out" }
                        th.number scope="col" { "Within 30 d" }
                    }
                }
                tbody {
                    @for one in resources.iter().take(most) {
                        tr {
                            td.wide data-label="Resource" { a href=(resource_address(one)) { (foreign_short(&one.series)) } }
                            td data-label="Watch" { (foreign_short(&one.watch)) }
                            td.number data-label="Used" { (super::show::quantity(one.unit, one.used)) }
                            td.number data-label="Limit" { (super::show::quantity(one.unit, one.limit)) }
                            td.number data-label="Full" { (percent(one.used / one.limit)) }
                            td.wide data-label="Runs out" { (runs_out(one)) }
                            td.number data-label="Within 30 d" { (percent(one.exhaustion.probability_within.d30)) }
                        }
                    }
                }
            }
        }
    }
}

fn runs_out(resource: &Resource) -> Markup {
    let exhaustion = &resource.exhaustion;
    html! {
        @match (exhaustion.outlook, exhaustion.p50) {
            (Outlook::WillExhaust, Some(at)) => { (time(at)) br; span.muted { (distance(resource.computed_at, at)) " from its planning" } },
            _ => (exhaustion_words(exhaustion)),
        }
    }
}

pub(super) fn resource_address(resource: &Resource) -> String {
    format!("/capacity/{}/{}", in_url(&resource.watch), resource.id)
}

fn detectors(overview: &Overview) -> Markup {
    html! {
        @if overview.detectors.is_empty() { p.empty { "No detector is configured." } } @else {
            div.scroll {
                table {
                    caption { "How the detectors are doing" }
                    thead {
                        tr {
                            th scope="col" { "Detector" } th scope="col" { "Source" } th.number scope="col" { "Series" }
                            th.number scope="col" { "Firing" } th.number scope="col" { "Confidence" } th scope="col" { "Last round" }
                            th scope="col" { "State" }
                        }
                    }
                    tbody {
                        @for one in &overview.detectors {
                            tr {
                                td data-label="Detector" { a href={ "/series?detector=" (in_url(&one.name)) } { (foreign_short(&one.name)) } }
                                td data-label="Source" { (foreign_short(&one.source)) }
                                td.number data-label="Series" { (one.series) }
                                td.number data-label="Firing" { (one.firing) }
                                td.number data-label="Confidence" { (percent(one.confidence)) }
                                td.nowrap data-label="Last round" { (time_or(one.last_round, "none yet")) }
                                td data-label="State" { @if one.last_error.is_some() { span class="badge error" { "failing" } } @else if one.last_round.is_some() { "healthy" } @else { "starting" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Configured;

    #[test]
    fn a_report_stands_at_the_top_line_by_line_as_text() {
        let overview = Overview {
            configured: Configured::default(),
            detectors: Vec::new(),
            firing: Vec::new(),
            resolved: Vec::new(),
            incidents: Vec::new(),
            resources: Vec::new(),
            advice: Vec::new(),
            deliveries: Vec::new(),
            undelivered: Vec::new(),
        };
        let page = render(&overview, Some("found 7 of 8\n\n<b>missed</b> 1")).into_string();
        assert!(page.contains("<p><bdi>found 7 of 8</bdi></p><p><bdi>&lt;b&gt;missed&lt;/b&gt; 1</bdi></p>"), "{page}");
        let (report, tiles) = (page.find("class=\"report\""), page.find("class=\"tiles\""));
        assert!(report < tiles && report.is_some(), "it comes before the numbers");
        assert!(!render(&overview, None).into_string().contains("class=\"report\""));
    }
}
