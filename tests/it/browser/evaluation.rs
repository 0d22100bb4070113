//! The report of `tidewatch evaluate` in a real browser, from a file, without network or script.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use super::chromium::open;
use super::seed::HOSTILE;

#[test]
fn the_report_needs_nothing_else_and_hostile_names_are_inert() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut text = "series,timestamp,value,label\n".to_owned();
    for row in 0..500_usize {
        let wave =
            100.0 + 30.0 * ((row % 24) as f64 / 24.0 * std::f64::consts::TAU).sin() + (row * 7_919 % 13) as f64 / 5.0;
        // one event stands out, one is like any other hour, one spike is no event
        let event = (400..404).contains(&row) || (450..455).contains(&row);
        let value = wave + if (400..404).contains(&row) || row == 350 { 200.0 } else { 0.0 };
        let time = 1_700_000_000 + 3_600 * row;
        for name in [HOSTILE, "plain"] {
            let _ = writeln!(text, "\"{name}\",{time},{value},{}", u8::from(event));
        }
    }
    std::fs::write(dir.path().join("data.csv"), text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_tidewatch"))
        .current_dir(dir.path())
        .args(["evaluate", ".", "--report", "report.html"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let page = std::fs::read_to_string(dir.path().join("report.html")).expect("a page");
    for outside in ["<script", "<img", "stylesheet", "http://", "https://", "url(", "@import"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
    let (dom, console) = open(&format!("file://{}", dir.path().join("report.html").display()));
    assert_eq!(console, "", "the console of the browser has something to say");
    assert!(dom.contains("</html>") && dom.contains("<title>Evaluation of . – Tidewatch</title>"), "{dom:.400}");
    assert!(!dom.contains("<title>owned") && !dom.contains("<img"), "a hostile name ran");
    assert!(dom.contains("&lt;img src=x onerror"), "the hostile name is shown as text");
    let charts = dom.matches("<svg class=\"chart\"").count();
    assert!(charts >= 4, "{charts} plots: two curves, a miss and a false alarm at least");
    for says in [
        "Worst misses",
        "Worst false alarms",
        "False-alarm budget",
        "isolation_forest",
        "class=\"value\"",
        "class=\"band\"",
    ] {
        assert!(dom.contains(says), "the page does not say `{says}`");
    }
    assert!(!dom.contains("NaN"), "a figure or a place that is no number");
    for table in dom.split("<table").skip(1) {
        assert!(table.contains("<caption"), "a table without a caption: {table:.200}");
    }
}
