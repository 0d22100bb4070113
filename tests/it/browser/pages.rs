//! Each page by itself: status, title, what it says, and that foreign text stays text.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use tidewatch::engine::Settings;
use tidewatch::series::Step;
use tower::ServiceExt;

use super::seed::{HOSTILE, Seeded, busy, detector, empty, forecast, idle, nothing, volume};

/// An answer, read.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn get_with(seeded: &Seeded, path: &str, accept_encoding: &str) -> Page {
    let request = Request::get(path).header(header::ACCEPT_ENCODING, accept_encoding);
    let request = request.body(Body::empty()).expect("a request");
    let response = seeded.router.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.expect("a body").to_vec();
    Page { status: parts.status, headers: parts.headers, bytes }
}

async fn get(seeded: &Seeded, path: &str) -> Page {
    get_with(seeded, path, "identity").await
}

/// Checks what holds for every page, that its title begins with `title`, and what it says.
#[track_caller]
fn check_page(path: &str, page: &Page, title: &str, says: &[&str]) {
    let text = page.text();
    assert_eq!(page.status, StatusCode::OK, "{path}: {text}");
    assert!(text.contains(&format!("<title>{title}")), "{path} has another title: {text:.400}");
    assert!(text.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{path}");
    assert_eq!(text.matches("<h1>").count(), 1, "{path} has one main heading");
    for table in text.split("<table").skip(1) {
        assert!(table.contains("<caption"), "{path}: a table without a caption: {table:.200}");
    }
    assert!(!text.contains(" style=\"") && !text.contains("<style"), "{path}: inline styles are blocked by the policy");
    assert!(
        !text.contains(" onclick=") && !text.contains("<script>"),
        "{path}: inline scripts are blocked by the policy"
    );
    for outside in ["src=\"http", "href=\"//", "src=\"//", "url("] {
        assert!(!text.contains(outside), "{path} loads something from elsewhere ({outside})");
    }
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("default-src 'none'"), "{path}");
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
    for said in says {
        assert!(text.contains(said), "{path} does not say `{said}`: {text}");
    }
}

/// The first address in `text` that begins with `prefix`.
#[track_caller]
fn link(text: &str, prefix: &str) -> String {
    let start = text.find(&format!("href=\"{prefix}")).unwrap_or_else(|| panic!("no link to {prefix}: {text}")) + 6;
    text[start..].split('"').next().unwrap_or_default().replace("&amp;", "&")
}

#[tokio::test]
async fn empty_pages_say_what_to_do_next() {
    let seeded = empty().await;
    let cases: [(&str, &str, &[&str]); 6] = [
        (
            "/",
            "Overview",
            &["No detector is configured: add one under", "No capacity watch is configured", "Nothing to recommend"],
        ),
        ("/alerts", "Alerts", &["Nothing fires.", "No alert has ended yet."]),
        ("/series", "Series", &["No detector is configured"]),
        ("/capacity", "Capacity", &["No capacity watch is configured"]),
        ("/forecasts", "Forecasts", &["No forecast is configured"]),
        ("/budget", "False alarms", &["No detector is configured"]),
    ];
    for (path, title, says) in cases {
        check_page(path, &get(&seeded, path).await, title, says);
    }
}

#[tokio::test]
async fn a_service_that_has_only_begun_says_so() {
    let settings = Settings {
        detectors: vec![detector("latency", "latency", "5d", &[])],
        forecasts: vec![forecast("traffic", "traffic", Step::HOUR, "5d", "1d")],
        capacity: vec![volume("disk", "used", "100")],
        ..nothing()
    };
    let seeded = idle(settings).await;
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "/",
            "Overview",
            &["1 of 1 detectors are still at their first round", "No route is configured", "1 still starting"],
        ),
        ("/series", "Series", &["No series is followed yet"]),
        ("/capacity", "Capacity", &["No resource has been planned yet"]),
        ("/capacity/disk", "Capacity: disk", &["No resource has been planned yet"]),
        ("/forecasts", "Forecasts", &["No forecast has been made yet"]),
    ];
    for (path, title, says) in cases {
        check_page(path, &get(&seeded, path).await, title, says);
    }
}

#[tokio::test]
async fn a_failing_source_stands_at_the_top() {
    let settings = Settings { detectors: vec![detector("latency", "latency", "5d", &[])], ..nothing() };
    let seeded = idle(settings).await;
    let spec = seeded.app.settings().detectors[0].clone();
    seeded.app.watch_round(&spec, seeded.now).await.expect_err("there are no files");
    let page = get(&seeded, "/").await;
    check_page("/", &page, "Overview", &["What is wrong", "cannot be fed by source", "0 of 1", "failing"]);
}

#[tokio::test]
async fn every_page_of_a_busy_service() {
    let seeded = busy().await;
    let overview = get(&seeded, "/").await;
    check_page(
        "/",
        &overview,
        "Overview",
        &["Firing alerts", "What runs out next", "How the detectors are doing", "above the expected"],
    );

    let list = get(&seeded, "/series").await;
    check_page("/series", &list, "Series", &["response-time", "instance", "class=\"spark\"", "3 metrics"]);
    let single = link(&list.text(), "/series/response-time/");
    let page = get(&seeded, &single).await;
    let says = ["&lt;/script&gt;&lt;script&gt;", "data-plot-for=\"values\"", "every 5 min"];
    check_page(&single, &page, "services{", &says);
    let entity = link(&list.text(), "/series/instance/");
    let page = get(&seeded, &entity).await;
    check_page(
        &entity,
        &page,
        "{instance=&quot;web-0&quot;}",
        &["latency_p95_seconds", "memory_bytes", "data-plot-for=\"metric-2\""],
    );
    let filtered = get(&seeded, "/series?detector=instance").await;
    check_page("/series?detector=instance", &filtered, "Series", &["Only of detector"]);
    assert!(!filtered.text().contains("/series/response-time/"), "the list is narrowed");

    let list = get(&seeded, "/capacity").await;
    check_page("/capacity", &list, "Capacity", &["Runs out", "GiB"]);
    let resource = link(&list.text(), "/capacity/disk/");
    let page = get(&seeded, &resource).await;
    let says = ["within 30 days", "P50, as likely before as after", "Because", "volume size", "data-plot-for=\"fan\""];
    check_page(&resource, &page, "Capacity: disks", &says);

    let list = get(&seeded, "/forecasts").await;
    check_page("/forecasts", &list, "Forecasts", &["data-plot-for=\"forecast-0\"", "95 % interval", "observed"]);
    let curve = link(&list.text(), "/forecasts/");
    let page = get(&seeded, &curve).await;
    check_page(&curve, &page, "Forecast: ", &["from, to", "every 1 h"]);

    let list = get(&seeded, "/alerts").await;
    check_page("/alerts", &list, "Alerts", &["Alerts that fire, worst first"]);
}

#[tokio::test]
async fn one_alert_says_everything_known() {
    let seeded = busy().await;
    let alerts = seeded.app.alert_list().await.expect("alerts");
    let ours = |name: &str| alerts.firing.iter().find(|alert| alert.labels.get("alertname") == Some(name));

    let slow = ours("response-time").expect("the slow service fires");
    let path = format!("/alerts/{}?at={}", slow.fingerprint, slow.starts_at.as_millisecond());
    let says = [
        "Out of the ordinary for this time",
        "above the expected",
        "times the width of the band",
        "Probability of each severity",
        "What contributes",
        "a detector of Tidewatch",
        "data-plot-for=\"values\"",
        "Judged by model",
    ];
    check_page(&path, &get(&seeded, &path).await, "response-time{", &says);

    let full = ours("disk").expect("the disk fires");
    let path = format!("/alerts/{}", full.fingerprint);
    check_page(
        &path,
        &get(&seeded, &path).await,
        "disk{",
        &["runs out", "as likely before as after", "used", "a capacity watch"],
    );
}

#[tokio::test]
async fn hostile_alerts_are_only_text() {
    let seeded = busy().await;
    let alerts = seeded.app.alert_list().await.expect("alerts").firing;
    let hostile = alerts.iter().find(|alert| alert.labels.get("tmpl").is_some()).expect("the hostile alert came in");
    let path = format!("/alerts/{}", hostile.fingerprint);
    let page = get(&seeded, &path).await;
    let says = [
        "&lt;img src=x onerror=alert(1)&gt;",
        "a␍␊Bcc: victim@example.com",
        "a␀b",
        "\u{fffd}gpj.exe",
        "{{ env &quot;HOME&quot; }} ${jndi:ldap://x}",
        "another tool, through the enrichment webhook",
    ];
    check_page(&path, &page, "&lt;!channel&gt;", &says);
    for path in ["/", "/alerts", "/series", "/capacity", "/forecasts", "/budget", path.as_str()] {
        let text = get(&seeded, path).await.text();
        for harm in ["<img", "<script>", "javascript:alert(1)\"", "\u{202e}", "\0", "</script><"] {
            let harm = if harm == "</script><" { "</script><script>document" } else { harm };
            assert!(!text.contains(harm), "{path} holds `{harm}`");
        }
        assert!(!text.contains("href=\"javascript"), "{path}");
        assert!(!text.contains(HOSTILE), "{path}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_page_that_says_so() {
    let seeded = busy().await;
    let cases = [
        ("/alerts/0000000000000001", "there is no alert 0000000000000001"),
        ("/alerts/%3Cscript%3E", "fingerprint must be 16 hexadecimal digits, got `&lt;script&gt;`"),
        ("/series/response-time/0000000000000001", "follows no series 0000000000000001"),
        ("/series/none/0000000000000001", "there is no detector `none`; there are: instance, response-time"),
        ("/series/response-time/zzz", "fingerprint must be 16 hexadecimal digits"),
        ("/capacity/none", "there is no capacity watch `none`"),
        ("/capacity/disk/0000000000000001", "has no resource 0000000000000001"),
        ("/forecasts/%3Cb%3E", "there is no forecast `&lt;b&gt;`"),
    ];
    for (path, says) in cases {
        let page = get(&seeded, path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text().contains(says), "{path} does not say `{says}`: {}", page.text());
        assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn files_of_pages_are_kept_by_readers() {
    let seeded = empty().await;
    let page = get(&seeded, "/forecasts").await.text();
    for (name, kind) in
        [("plotly.min.js", "text/javascript"), ("tidewatch.js", "text/javascript"), ("tidewatch.css", "text/css")]
    {
        let start = page.find(&format!("/assets/{name}")).unwrap_or_else(|| panic!("{name} is not asked for"));
        let path = page[start..].split('"').next().unwrap_or_default();
        let file = get(&seeded, path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert!(file.header(header::CONTENT_TYPE).starts_with(kind), "{path}");
        assert!(file.header(header::CACHE_CONTROL).contains("immutable"), "{path}");
        assert_eq!(file.header(header::CONTENT_ENCODING), "", "{path}: nobody asked for gzip");
    }
    let packed = get_with(&seeded, "/assets/plotly.min.js", "gzip, br").await;
    assert_eq!(packed.header(header::CONTENT_ENCODING), "gzip");
    assert_eq!(packed.header(header::VARY), "accept-encoding");
    assert!(packed.bytes.len() < 2 << 20, "{} bytes", packed.bytes.len());
    let page = get(&seeded, "/").await;
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
}
