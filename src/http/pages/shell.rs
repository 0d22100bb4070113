//! What every page has around its content.

use maud::{DOCTYPE, Markup, html};

use super::assets;

/// The part of the site that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// No part.
    None,
    /// What matters now.
    Overview,
    /// Alerts.
    Alerts,
    /// Followed series.
    Series,
    /// Limited resources.
    Capacity,
    /// Forecasts.
    Forecasts,
    /// False alarms against what is accepted.
    Budget,
}

const SECTIONS: [(Section, &str, &str); 6] = [
    (Section::Overview, "/", "Overview"),
    (Section::Alerts, "/alerts", "Alerts"),
    (Section::Series, "/series", "Series"),
    (Section::Capacity, "/capacity", "Capacity"),
    (Section::Forecasts, "/forecasts", "Forecasts"),
    (Section::Budget, "/budget", "False alarms"),
];

/// A whole page without plots.
pub(super) fn document(title: &str, section: Section, body: &Markup) -> Markup {
    whole(title, section, body, false)
}

/// A whole page with plots.
pub(super) fn document_with_plots(title: &str, section: Section, body: &Markup) -> Markup {
    whole(title, section, body, true)
}

fn whole(title: &str, section: Section, body: &Markup, plots: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Tidewatch" }
                link rel="stylesheet" href=(assets::style_url());
                link rel="icon" href="data:,";
                // first our script, so that it sees what goes wrong in the library
                script src=(assets::script_url()) defer {}
                @if plots { script src=(assets::plot_library_url()) defer {} }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    a.brand href="/" { "Tidewatch" }
                    nav aria-label="Pages" { (links(section)) }
                }
                main id="content" { (body) }
                footer {
                    p { "Tidewatch " (env!("CARGO_PKG_VERSION")) " · all times are UTC · "
                        a href="/api/openapi.json" { "API description" } " · " a href="/metrics" { "Metrics" } }
                }
            }
        }
    }
}

fn links(current: Section) -> Markup {
    html! {
        ul {
            @for (section, url, name) in SECTIONS {
                li { a href=(url) aria-current=[(section == current).then_some("page")] { (name) } }
            }
        }
    }
}
