//! What the demo tells: what was found, and honestly, what of the truth was caught and missed.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::demo::{Found, is_firing};
use super::truth::{Comparison, Expectation, Truth, compare};
use crate::alert::{Alert, Origin};
use crate::engine::{App, EngineError};

/// Alerts listed.
const LISTED: usize = 14;
/// Unexplained alerts listed.
const UNEXPLAINED: usize = 6;
/// Widest line of foreign text.
const WIDTH: usize = 150;

/// The whole report.
pub(super) async fn text(app: &App, found: &Found, truth: &Truth) -> Result<String, EngineError> {
    let mut out = String::new();
    let seconds = found.took.as_secs_f64();
    line(
        &mut out,
        &format!(
            "Tidewatch watched {} points of {} series up to {} in {seconds:.1} s.",
            found.points,
            found.series,
            minute(truth.end)
        ),
    );
    alerts(&mut out, found);
    enriched(&mut out, found);
    capacity(&mut out, app).await?;
    line(&mut out, &format!("\nFORECASTS\n  {} series forecast a week ahead; the page shows them", found.forecasts));
    truth_table(&mut out, &compare(truth, &found.alerts));
    Ok(out)
}

/// The few lines for the top of the page.
pub(super) fn summary(found: &Found, truth: &Truth) -> String {
    let compared = compare(truth, &found.alerts);
    let (caught, incidents) = compared.caught();
    let (fallen, traps) = compared.fallen_for();
    format!(
        "This is a replay of bundled data; time stands still at {}.\n\
         Of {incidents} planted incidents {caught} were caught; {fallen} of {traps} traps raised an alert; {} further alerts belong to nothing that was planted.",
        minute(truth.end),
        compared.unexplained.len()
    )
}

fn alerts(out: &mut String, found: &Found) {
    let own: Vec<&Alert> = found.alerts.iter().filter(|alert| alert.origin != Origin::External).collect();
    let firing = own.iter().filter(|alert| is_firing(alert)).count();
    line(out, &format!("\nALERTS: {} in six weeks, {firing} firing now; the newest", own.len()));
    for alert in own.iter().take(LISTED) {
        let severity = alert.assessment.as_ref().map_or("-", |assessment| assessment.severity.as_str());
        let state = if is_firing(alert) {
            "firing".to_owned()
        } else {
            alert.duration_minutes().map_or_else(String::new, |m| format!("{m:.0} min"))
        };
        let far = alert.enrichment.how_far().or_else(|| reasons(alert)).unwrap_or_default();
        line(out, &format!("  {}  {severity:<8} {state:>8}  {} {far}", minute(alert.starts_at), alert.title()));
    }
}

fn reasons(alert: &Alert) -> Option<String> {
    let reasons: Vec<String> =
        alert.enrichment.reasons.iter().map(|reason| reason.as_str().replace('_', " ")).collect();
    let most = alert.enrichment.attribution.first().map(|first| format!("; most of it {}", first.feature));
    (!reasons.is_empty()).then(|| format!("{}{}", reasons.join(", "), most.unwrap_or_default()))
}

fn enriched(out: &mut String, found: &Found) {
    line(
        out,
        &format!("\nENRICHED: {} alerts of other tools came in through the webhook; the first", found.enriched.len()),
    );
    let Some(alert) =
        found.enriched.iter().find(|alert| alert.enrichment.expected.is_some()).or_else(|| found.enriched.first())
    else {
        return;
    };
    line(out, &format!("  {}", alert.title()));
    for (name, value) in crate::alert::annotations_of(alert) {
        line(out, &format!("    {name}: {value}"));
    }
}

async fn capacity(out: &mut String, app: &App) -> Result<(), EngineError> {
    line(out, "\nCAPACITY");
    for record in app.capacity_reports().await? {
        let body = &record.body;
        let outlook = body.get("outlook").and_then(|v| v.as_str()).unwrap_or_default();
        let date = |q: &str| {
            body.pointer(&format!("/exhaustion/{q}"))
                .and_then(|v| v.as_str())
                .map(|t| t.chars().take(10).collect::<String>())
        };
        let when = match (date("p10"), date("p50"), date("p90")) {
            (Some(early), Some(middle), late) => {
                format!("reached around {middle} (early {early}, late {})", late.unwrap_or_else(|| "never".to_owned()))
            }
            _ => outlook.replace('_', " "),
        };
        line(out, &format!("  {:<14} {}: {when}", record.watch, record.series));
    }
    line(out, "\nRECOMMENDATIONS");
    for record in app.recommendations().await? {
        line(out, &format!("  {:<14} {}", record.watch, record.recommendation.text));
    }
    Ok(())
}

fn truth_table(out: &mut String, compared: &Comparison) {
    let (caught, incidents) = compared.caught();
    let (fallen, traps) = compared.fallen_for();
    line(
        out,
        &format!(
            "\nTRUTH: {caught} of {incidents} planted incidents caught, {fallen} of {traps} traps raised an alert"
        ),
    );
    for outcome in &compared.outcomes {
        let by = outcome.raised.join(", ");
        let verdict = match (outcome.expect, outcome.raised.is_empty()) {
            (Expectation::Alert, false) => format!("caught{} by {by}", outcome.delay.map_or_else(String::new, after)),
            (Expectation::Alert, true) => "MISSED".to_owned(),
            (Expectation::Quiet, true) => "rightly quiet".to_owned(),
            (Expectation::Quiet, false) => format!("FALSE ALARM by {by}"),
        };
        line(out, &format!("  {:<16} {verdict:<46} {}", outcome.id, outcome.says));
    }
    if !compared.unexplained.is_empty() {
        line(out, &format!("  and {} alerts that belong to nothing that was planted:", compared.unexplained.len()));
        compared.unexplained.iter().take(UNEXPLAINED).for_each(|text| line(out, &format!("    {text}")));
    }
}

fn after(delay: SignedDuration) -> String {
    if delay.is_negative() { " at once".to_owned() } else { format!(" after {} min", delay.as_mins()) }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// One line, without what could move the cursor of a terminal, cut to a width.
fn line(out: &mut String, text: &str) {
    for (index, part) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let clean: String = part.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WIDTH).collect();
        // writing to a string cannot fail
        let _ = write!(out, "{}", clean.trim_end());
    }
    out.push('\n');
}
