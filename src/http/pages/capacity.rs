//! Limited resources: when they run out and what to do.

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::super::AppState;
use super::error::PageError;
use super::overview::resource_table;
use super::plot::figure;
use super::shell::{Section, document, document_with_plots};
use super::show::{
    bar, distance, exhaustion_words, foreign, foreign_heading, percent, quantity, time, time_or, visible,
};
use super::{advice, alert, capacity_plot};
use crate::engine::{Resource, compute};
use crate::series::{Fingerprint, Series};

/// Most resources in the list.
const MOST: usize = 500;

pub(super) async fn list(State(service): State<AppState>) -> Result<Markup, PageError> {
    let resources = service.app.resources().await?;
    let configured = service.app.settings().capacity.len();
    Ok(render_list(&resources, None, configured))
}

pub(super) async fn list_of_watch(
    State(service): State<AppState>,
    Path(watch): Path<String>,
) -> Result<Markup, PageError> {
    let mut resources = service.app.resources().await?;
    resources.retain(|one| one.watch == watch);
    let configured = service.app.settings().capacity.iter().filter(|spec| spec.name == watch).count();
    if configured == 0 && resources.is_empty() {
        return Err(PageError::not_found(format!("there is no capacity watch `{watch}`")));
    }
    Ok(render_list(&resources, Some(&watch), configured))
}

fn render_list(resources: &[Resource], watch: Option<&str>, configured: usize) -> Markup {
    let title = watch.map_or_else(|| "Capacity".to_owned(), |watch| format!("Capacity: {}", visible(watch, 80)));
    let body = html! {
        h1 { (title) }
        @if watch.is_some() { p { a href="/capacity" { "All watches" } } }
        @if resources.is_empty() {
            p.empty {
                @if configured == 0 {
                    "No capacity watch is configured: add one under " code { "capacity:" } " in " code { "tidewatch.yaml" }
                    " (a name, a source, the queries of usage and limit)."
                } @else {
                    "No resource has been planned yet. The first plan comes within minutes of the start; when none appears, "
                    "try the queries at the source and look at the log."
                }
            }
        } @else {
            (resource_table("Limited resources, soonest first", resources, MOST))
            @if resources.len() > MOST { p.muted { "and " (resources.len() - MOST) " more; " code { "GET /api/v1/capacity" } " has them all" } }
        }
    };
    document(&title, Section::Capacity, &body)
}

pub(super) async fn page(
    State(service): State<AppState>,
    Path((watch, id)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let id = id.parse::<Fingerprint>().map_err(|error| PageError::not_found(error.to_string()))?;
    let resource = service.app.resource(&watch, id).await?;
    let history = service.app.usage_history(&resource).await;
    Ok(compute::run(move || render(&resource, history.as_ref())).await?)
}

fn render(resource: &Resource, history: Option<&Series>) -> Markup {
    let exhaustion = &resource.exhaustion;
    let within = &exhaustion.probability_within;
    let body = html! {
        h1 { (foreign_heading(&resource.series)) }
        p.lead { "Runs out: " (exhaustion_words(exhaustion)) "." }
        (facts(resource))
        @if resource.fan.is_some() || history.is_some() {
            (figure("fan", &html! { "Usage so far and its futures against the limit; dotted: the dates by which one, five and nine futures in ten have reached it." },
                &capacity_plot::fan(resource, history)))
        }
        div.columns {
            section aria-labelledby="within" {
                h2 id="within" { "Probability that the limit is reached" }
                table.facts {
                    caption.hidden { "Probability that the limit is reached" }
                    tbody {
                        @for (name, share) in [("within 7 days", within.d7), ("within 30 days", within.d30), ("within 90 days", within.d90)] {
                            tr { th scope="row" { (name) } td { (bar(share, "risk")) } }
                        }
                    }
                }
            }
            section aria-labelledby="dates" {
                h2 id="dates" { "Dates" }
                table.facts {
                    caption.hidden { "Dates on which the limit is reached" }
                    tbody {
                        @for (name, at) in [("P10, one chance in ten before", exhaustion.p10), ("P50, as likely before as after", exhaustion.p50), ("P90, nine chances in ten before", exhaustion.p90)] {
                            tr {
                                th scope="row" { (name) }
                                td { (time_or(at, "not within the horizon")) @if let Some(at) = at { " " span.muted { "(" (distance(resource.computed_at, at)) ")" } } }
                            }
                        }
                    }
                }
            }
        }
        @if !resource.because.is_empty() {
            section aria-labelledby="because" {
                h2 id="because" { "Because" }
                ul { @for sentence in &resource.because { li { (foreign(sentence)) } } }
            }
        }
        section aria-labelledby="advice" {
            h2 id="advice" { "Recommendation" }
            @match &resource.recommendation {
                Some(recommendation) => (advice::whole(recommendation, &resource.because)),
                None => p.empty { "Nothing needs doing." },
            }
        }
        section aria-labelledby="labels" { h2 id="labels" { "Labels" } (alert::pairs("Labels of the series", resource.labels.iter())) }
    };
    document_with_plots(&format!("Capacity: {}", visible(&resource.series, 80)), Section::Capacity, &body)
}

fn facts(resource: &Resource) -> Markup {
    let growth = resource.exhaustion.growth_per_day;
    html! {
        table.facts {
            caption.hidden { "What is known of the resource" }
            tbody {
                tr {
                    th scope="row" { "used" }
                    td {
                        strong { (quantity(resource.unit, resource.used)) } " of " (quantity(resource.unit, resource.limit))
                        " (" (percent(resource.used / resource.limit)) ")"
                    }
                }
                tr { th scope="row" { "growth" } td { (quantity(resource.unit, growth)) " a day" } }
                tr { th scope="row" { "planned" } td { (time(resource.computed_at)) ", " (format!("{:.0}", resource.exhaustion.horizon_days)) " days ahead" } }
                tr { th scope="row" { "watch" } td { a href={ "/capacity/" (super::show::in_url(&resource.watch)) } { (foreign(&resource.watch)) } } }
            }
        }
    }
}
