//! All pages in a real browser: plots are drawn, nothing goes wrong, hostile names stay names.

use std::process::{Command, Stdio};

use super::seed::{Seeded, busy, demo};

/// What the browser made of `url`: its document after all scripts ran, and its console.
pub(super) fn open(url: &str) -> (String, String) {
    #[expect(clippy::disallowed_methods, reason = "a test finds its browser as the one who runs it says")]
    let browser = std::env::var("TIDEWATCH_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let profile = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0", "--window-size=1200,1600"])
        .args(["--virtual-time-budget=15000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "cannot start the browser `{browser}`: {error}; install it with `apt-get install chromium`, or name \
                 another Chromium with TIDEWATCH_CHROMIUM=/path/to/chromium"
            )
        });
    let console = String::from_utf8_lossy(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (String::from_utf8_lossy(&output.stdout).into_owned(), console)
}

/// Serves `seeded` on a free port for as long as the test runs.
async fn serve(seeded: &Seeded) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = seeded.router.clone();
    #[expect(clippy::disallowed_methods, reason = "a server of the test, gone with its runtime")]
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    format!("http://{address}")
}

/// Opens `path` and checks that `plots` plots of it were drawn, with lines in them, and that nothing went wrong.
async fn check(base: &str, path: &str, plots: usize) -> String {
    let url = format!("{base}{path}");
    #[expect(clippy::disallowed_methods, reason = "a browser blocks, and this is a test")]
    let opened = tokio::task::spawn_blocking(move || open(&url)).await;
    let (dom, console) = opened.expect("the browser ran");
    assert!(dom.contains("</html>"), "{path}: the browser gave no document: {dom}");
    assert_eq!(console, "", "{path}: the console of the browser has something to say");
    let root = dom.split('>').find(|tag| tag.contains("<html")).unwrap_or_default();
    assert!(!root.contains("data-script-error"), "{path}: {root}");
    assert!(!dom.contains("<title>owned") && !dom.contains("title=\"owned"), "{path}: a hostile name ran");
    assert_eq!(dom.matches("data-plot-for=").count(), plots, "{path}: plots in the page");
    let drawn: Vec<&str> = dom.split("js-plotly-plot").skip(1).collect();
    assert_eq!(drawn.len(), plots, "{path}: plots drawn");
    for plot in drawn {
        assert!(plot.contains("class=\"main-svg\""), "{path}: a plot without a drawing");
        assert!(plot.contains("class=\"trace scatter") && plot.contains("js-line"), "{path}: a plot without lines");
    }
    dom
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plots_are_drawn_and_hostile_names_are_inert() {
    let seeded = busy().await;
    let base = serve(&seeded).await;
    let alerts = seeded.app.alert_list().await.expect("alerts").firing;
    let alert = |key: &str, value: Option<&str>| {
        let found = alerts.iter().find(|alert| alert.labels.get(key).is_some_and(|own| value.is_none_or(|v| v == own)));
        format!("/alerts/{}", found.expect("it fires").fingerprint)
    };
    let followed = seeded.app.followed(1).await;
    let series = |detector: &str| {
        let hostile = followed.iter().find(|one| one.detector == detector && !one.name.contains("checkout"));
        let one = hostile.expect("it is followed");
        format!("/series/{detector}/{}", one.labels.fingerprint())
    };
    let resource = seeded.app.resources().await.expect("resources")[0].clone();

    check(&base, "/", 0).await;
    check(&base, "/alerts", 0).await;
    check(&base, "/series", 0).await;
    check(&base, "/capacity", 0).await;
    check(&base, &alert("tmpl", None), 0).await;
    let dom = check(&base, &alert("alertname", Some("response-time")), 1).await;
    assert!(dom.contains("&lt;img src=x onerror"), "the hostile name is shown as text");
    check(&base, &series("response-time"), 1).await;
    check(&base, &series("instance"), 4).await;
    check(&base, &format!("/capacity/disk/{}", resource.id), 1).await;
    check(&base, "/forecasts", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bundled_data_is_plotted() {
    let seeded = demo().await;
    let base = serve(&seeded).await;
    let resources = seeded.app.resources().await.expect("resources");
    let disk = resources.iter().find(|one| one.series.contains("postgresql")).expect("the disk is planned");
    let dom = check(&base, &format!("/capacity/{}/{}", disk.watch, disk.id), 1).await;
    assert!(dom.contains("P50 06-1"), "the date of the middle future stands in the plot");
    let followed = seeded.app.followed(1).await;
    let latency = followed.iter().find(|one| one.detector == "latency").expect("latency is followed");
    let dom = check(&base, &format!("/series/latency/{}", latency.labels.fingerprint()), 1).await;
    assert!(dom.contains("time (UTC)") && dom.contains(">ms<"), "axes say their units");
}
