//! A report as one page that needs nothing else: no script, no network, readable on a phone and in the dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("report.css");

/// Which figures of a column are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Higher,
    Lower,
}

/// The whole page.
pub(super) fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Tidewatch" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                footer { "Tidewatch " (env!("CARGO_PKG_VERSION")) " · all times are UTC" }
            }
        }
    };
    page.into_string()
}

/// A table whose first row is the header; on a phone each row becomes a block. The best of a column is bold where `better`
/// says which way that is, and there is something to compare.
pub(super) fn figures(rows: &[Vec<String>], caption: &str, better: impl Fn(&str) -> Option<Better>) -> Markup {
    let header = rows.first().cloned().unwrap_or_default();
    let body = rows.get(1..).unwrap_or_default();
    let best: Vec<Option<f64>> = header
        .iter()
        .enumerate()
        .map(|(column, name)| better(name).and_then(|better| best_of(better, body, column)))
        .collect();
    let is_best = |column: usize, cell: &str| {
        let (best, own) = (best.get(column).copied().flatten(), cell.parse::<f64>().ok());
        best.zip(own).is_some_and(|(best, own)| best.total_cmp(&own).is_eq())
    };
    html! {
        div.scroll {
            table {
                caption { (caption) }
                thead { tr { @for name in &header { th scope="col" { (name) } } } }
                tbody {
                    @for row in body {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 {
                                    th scope="row" { (cell) }
                                } @else {
                                    td data-label=(header.get(column).map_or("", String::as_str)) class=[is_best(column, cell).then_some("best")] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn best_of(better: Better, body: &[Vec<String>], column: usize) -> Option<f64> {
    if body.len() < 2 {
        return None;
    }
    let figures = body.iter().filter_map(|row| row.get(column)?.parse::<f64>().ok());
    figures.reduce(match better {
        Better::Higher => f64::max,
        Better::Lower => f64::min,
    })
}
