//! Whether the false alarms that people accept are kept to.

use axum::extract::State;
use maud::{Markup, html};

use super::super::AppState;
use super::error::PageError;
use super::shell::{Section, document};
use super::show::{foreign_short, in_url};
use crate::engine::{BudgetReport, BudgetScope, BudgetView, DetectorBudget, Within};

pub(super) async fn page(State(service): State<AppState>) -> Result<Markup, PageError> {
    let report = service.app.budget(service.now()).await?;
    Ok(render(&report))
}

fn render(report: &BudgetReport) -> Markup {
    let body = html! {
        h1 { "False alarms" }
        p.muted {
            "What fired against the false alarms that are accepted for the series and the time watched. Alerts without a "
            "verdict count by the share that verdicts suggest; without any verdict all of them count."
        }
        section aria-labelledby="team" {
            h2 id="team" { "All detectors together" }
            p {
                @match report.team {
                    Some(budget) => { "The team accepts " strong { (budget.to_string()) } "." },
                    None => { "No budget is set for the team: accepted is what those of the detectors add up to." },
                }
            }
            (table("All detectors together", &[("all", None, report.total_views())]))
        }
        section aria-labelledby="detectors" {
            h2 id="detectors" { "Detectors" }
            @if report.detectors.is_empty() {
                p.empty { "No detector is configured: add one under " code { "detectors:" } " in " code { "tidewatch.yaml" } "." }
            } @else {
                (table("Each detector", &report.detectors.iter().map(|one| (one.name.as_str(), Some(one), one.views())).collect::<Vec<_>>()))
            }
        }
    };
    document("False alarms", Section::Budget, &body)
}

type Row<'a> = (&'a str, Option<&'a DetectorBudget>, [BudgetView; 2]);

fn table(caption: &str, rows: &[Row<'_>]) -> Markup {
    html! {
        div.scroll {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Detector" } th scope="col" { "Budget" } th scope="col" { "Span" }
                        th.number scope="col" { "Accepted" } th.number scope="col" { "Fired" }
                        th scope="col" { "Verdicts" } th scope="col" { "Ratio (95 %)" } th scope="col" { "Kept" }
                        th.number scope="col" { "Boundary" } th.number scope="col" { "Tuned by" }
                    }
                }
                tbody {
                    @for (name, own, views) in rows {
                        @for (span, view) in ["7 days", "28 days"].iter().zip(views) { (line(name, *own, span, view)) }
                    }
                }
            }
        }
    }
}

fn line(name: &str, own: Option<&DetectorBudget>, span: &str, view: &BudgetView) -> Markup {
    html! {
        tr {
            td data-label="Detector" {
                @if own.is_some() { a href={ "/series?detector=" (in_url(name)) } { (foreign_short(name)) } } @else { (name) }
            }
            td data-label="Budget" { @if let Some(own) = own { (own.budget.to_string()) " " (scope(own)) } @else { span.muted { "–" } } }
            td.nowrap data-label="Span" { (span) }
            td.number data-label="Accepted" { (format!("{:.2}", view.expected)) }
            td.number data-label="Fired" { (view.fired) }
            td data-label="Verdicts" { (view.judged_false) " false, " (view.judged_right) " right, " (view.unjudged) " without" }
            td.nowrap data-label="Ratio" {
                @match (view.ratio, view.interval) {
                    (Some(ratio), Some((low, high))) => { (format!("{ratio:.2} ({low:.2} to {high:.2})")) },
                    _ => span.muted { "nothing watched yet" },
                }
            }
            td data-label="Kept" {
                @match view.within {
                    Within::Yes => "yes",
                    Within::No => span class="badge warning" { "no" },
                    Within::Unknown => span.muted { "too early to say" },
                }
            }
            td.number data-label="Boundary" {
                @match own.and_then(|own| own.p_star) { Some(p_star) => (format!("{p_star:.1e}")), None => span.muted { "–" } }
            }
            td.number data-label="Tuned by" {
                @match own { Some(own) => (format!("{:.2}", own.tuning)), None => span.muted { "–" } }
            }
        }
    }
}

fn scope(own: &DetectorBudget) -> String {
    let series = own.series.unwrap_or(0);
    match own.scope {
        BudgetScope::Series => format!("for each of {series} series"),
        BudgetScope::Detector => format!("for all {series} series"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::FalseAlarmBudget;

    #[test]
    fn names_are_escaped_and_what_is_broken_is_marked() {
        let view = BudgetView {
            expected: 4.0,
            fired: 14,
            judged_false: 3,
            judged_right: 1,
            unjudged: 10,
            false_alarms: 11.0,
            ratio: Some(2.75),
            interval: Some((1.37, 4.92)),
            within: Within::No,
        };
        let quiet = BudgetView { ratio: None, interval: None, within: Within::Unknown, ..view };
        let html = table("x", &[("<b>", None, [view, quiet])]).into_string();
        for part in ["&lt;b&gt;", "2.75 (1.37 to 4.92)", "badge warning", "too early to say", "nothing watched yet"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let report =
            BudgetReport { team: Some(FalseAlarmBudget::default()), total: Default::default(), detectors: vec![] };
        let html = render(&report).into_string();
        assert!(
            html.contains("The team accepts <strong>1 per week</strong>") && html.contains("No detector is configured")
        );
    }
}
