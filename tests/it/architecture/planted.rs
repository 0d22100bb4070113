//! Planted breaches: each rule must see what it forbids, and must not see what it allows.

use super::source::Source;
use super::{imports, table, tidy};

/// Modules that offer value types, for the cases below.
fn surroundings() -> Vec<Source> {
    let docs = "//! Module.\n//! Input: a\n//! Output: b\n//! Never: c\n";
    vec![
        Source::new(
            "src/forecast/mod.rs",
            &format!("{docs}mod fit;\nmod types;\npub use fit::fit;\npub use types::{{Forecast, Model as Kind}};\n"),
        ),
        Source::new("src/alert/mod.rs", &format!("{docs}mod types;\npub use self::types::Alert;\n")),
    ]
}

#[track_caller]
fn check_imports(path: &str, code: &str, expected: &[&str]) {
    let mut sources = surroundings();
    sources.push(Source::new(path, &format!("//! Planted.\n{code}\n")));
    compare(&imports::breaches(&sources), expected);
}

#[track_caller]
fn check_tidy(path: &str, text: &str, expected: &[&str]) {
    compare(&tidy::breaches(&[Source::new(path, text)]), expected);
}

#[track_caller]
fn compare(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "found {found:#?}\nexpected {expected:#?}");
    for (one, part) in found.iter().zip(expected) {
        assert!(one.contains(part), "found {one:?}\nexpected {part:?}");
    }
}

#[test]
fn a_forbidden_import_is_named_with_file_and_line() {
    let sentence = "src/capacity/fit.rs:2: `capacity` may not import `sink`; see the table in lib.rs";
    for code in [
        "use crate::sink::Notice;",
        "use crate::{sink::Notice, series::Series};",
        "use crate::{series::{Series, Unit}, sink::{self, Notice as N}};\n// twice on one line\n",
        "pub(crate) use crate::sink::Notice;",
        "use super::super::sink::Notice;",
        "use super::{super::sink::Notice, Outlook};",
        "use self::super::super::sink::Notice;",
        "fn f(notice: crate::sink::Notice) {}",
        "fn f() { super::super::sink::send(1) }",
        "mod inner { fn f() { super::super::super::sink::send(1) } }",
        "use tidewatch::sink::Notice;",
        "use crate::sink;",
        "macro_rules! m { () => { $crate::sink::send(1) } }",
    ] {
        let mut sources = surroundings();
        sources.push(Source::new("src/capacity/fit.rs", &format!("//! Planted.\n{code}\n")));
        let found = imports::breaches(&sources);
        assert!(found.contains(&sentence.to_owned()), "{code}: {found:?}");
    }
}

#[test]
fn allowed_imports_pass() {
    for code in [
        "use crate::series::Series;",
        "use crate::forecast::{Forecast, Kind};",
        "use crate::forecast;\nfn f(x: forecast::Forecast) {}",
        "use super::Outlook;\nuse super::types::Risk;",
        "use crate::capacity::Risk;",
        "// crate::sink::Notice\n/* crate::sink::x /* nested */ crate::http::y */\nconst A: &str = \"crate::sink::x\";",
        "const A: &str = r#\"a \" crate::sink::x\"#;\nconst B: char = '\"';\nfn f<'a>(x: &'a str) {}",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::sink::Notice;\n    fn f() { if true {} }\n}\n",
        "#[cfg(test)]\nuse crate::sink::Notice;\nfn g() {}",
        "mod inner { use super::*; }",
    ] {
        check_imports("src/capacity/fit.rs", code, &[]);
    }
}

#[test]
fn code_after_a_test_item_is_still_read() {
    let code = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\nuse crate::sink::Notice;";
    check_imports("src/capacity/fit.rs", code, &["src/capacity/fit.rs:6: `capacity` may not import `sink`"]);
}

#[test]
fn only_value_types_cross_where_the_table_says_so() {
    let sentence = "`detect` may import only value types of `forecast`, not `fit`";
    check_imports("src/detect/a.rs", "use crate::forecast::fit;", &[sentence]);
    check_imports("src/detect/a.rs", "use crate::forecast::{Forecast, fit as f};", &[sentence]);
    check_imports("src/detect/a.rs", "fn f() { crate::forecast::fit() }", &[sentence]);
    check_imports(
        "src/detect/a.rs",
        "use crate::forecast;\nfn f() { forecast::fit() }",
        &[":3: `detect` may import only"],
    );
    check_imports(
        "src/detect/a.rs",
        "use crate::forecast as fc;\nfn f() { fc::fit() }",
        &[":3: `detect` may import only"],
    );
    check_imports("src/detect/a.rs", "use crate::forecast::*;", &["not `*`"]);
    check_imports("src/detect/a.rs", "use crate::forecast::Model;", &["not `Model`"]);
    check_imports("src/sink/a.rs", "use crate::forecast::{Forecast, decide};", &["not `decide`"]);
    check_imports("src/engine/a.rs", "use crate::forecast::fit;", &[]);
}

#[test]
fn config_takes_settings_and_value_types() {
    check_imports(
        "src/config/a.rs",
        "use crate::detect::Settings;\nuse crate::sink::{SinkSettings, Notice};",
        &["not `Notice`"],
    );
    check_imports(
        "src/config/a.rs",
        "use crate::{detect, forecast};\nfn f(a: detect::Settings, b: forecast::Settings) {}",
        &[],
    );
    check_imports(
        "src/config/a.rs",
        "use crate::forecast::{Forecast, fit};",
        &["only settings and value types of `forecast`, not `fit`"],
    );
    check_imports("src/config/a.rs", "use crate::cli::Settings;", &["`config` may not import `cli`"]);
}

#[test]
fn the_crate_may_not_be_renamed_or_taken_whole() {
    let sentence = "`series` may not import the whole crate or rename it";
    check_imports("src/series/a.rs", "use crate as tw;", &[sentence]);
    check_imports("src/series/a.rs", "use crate::{self as tw};", &[sentence]);
    check_imports("src/series/a.rs", "use crate::*;", &[sentence]);
    check_imports("src/series/a.rs", "extern crate self as tw;", &[sentence]);
}

#[test]
fn tests_need_their_attribute_and_modules_their_row() {
    check_imports("src/series/a.rs", "mod tests;", &["`mod tests` without `#[cfg(test)]`"]);
    check_imports("src/series/a.rs", "#[cfg(test)]\nmod tests;", &[]);
    check_imports("src/extra/mod.rs", "", &["`extra` is not in the table in lib.rs"]);
}

#[test]
fn the_core_is_pure() {
    for (code, what) in [
        ("use tokio::sync::Mutex;", "`tokio`"),
        ("fn f() { ::tracing::info!(\"x\") }", "`tracing`"),
        ("use std::{collections::BTreeMap, fs};", "`std::fs`"),
        ("fn f() { std::env::var(\"A\"); }", "`std::env`"),
        ("use std::net::TcpStream;", "`std::net`"),
        ("fn f() -> std::time::SystemTime { todo() }", "`SystemTime`"),
        ("async fn f() {}", "`async`"),
        ("fn f() { g().await }", "`await`"),
        ("fn f() { println!(\"x\") }", "`println`"),
        ("fn f() { metrics::counter!(\"x\") }", "`metrics`"),
        ("fn f() { eprint!(\"x\") }", "`eprint`"),
    ] {
        check_imports("src/series/a.rs", code, &[&format!("`series` is core and may not use {what}")]);
    }
    check_imports("src/engine/a.rs", "use tokio::sync::Mutex;\nasync fn f() { std::fs::read(\"x\").await }", &[]);
    check_imports("src/learn/a.rs", "fn print() { print() }", &[]);
    check_imports("src/severity/a.rs", "use super::metrics;\nfn f() { metrics::brier(1) }", &[]);
    check_imports("src/severity/a.rs", "mod metrics;\nfn f() { metrics::brier(1) }", &[]);
    check_imports("src/learn/a.rs", "use linfa::metrics::ToConfusionMatrix;", &[]);
}

#[test]
fn external_crates_stay_at_home() {
    check_imports(
        "src/engine/a.rs",
        "use polars::prelude::*;",
        &["`engine` may not use the crate `polars`; it belongs to `source`, `cli`"],
    );
    check_imports("src/engine/a.rs", "fn f() { sqlx::query(\"x\") }", &["crate `sqlx`; it belongs to `store`"]);
    check_imports("src/severity/a.rs", "use linfa_nd::Array2;", &["crate `linfa_nd`"]);
    check_imports("src/store/a.rs", "use sqlx as db;", &[]);
    check_imports("src/source/a.rs", "use polars::prelude::*;\nuse reqwest::Client;", &[]);
}

#[test]
fn the_documented_table_is_compared() {
    let lib = std::fs::read_to_string(super::root().join("src/lib.rs")).expect("src/lib.rs");
    compare(&table::compare_with_docs(&lib), &[]);
    let without = lib.lines().filter(|line| !line.contains("| `sink/` |")).collect::<Vec<_>>().join("\n");
    compare(&table::compare_with_docs(&without), &["has no row for `sink`"]);
    let wider = lib.replace("| nothing |", "| `http` |");
    assert!(table::compare_with_docs(&wider)[0].contains("`series` may import `http`; the test says nothing"));
    let looser = lib.replace("value types of `forecast` |", "`forecast` |");
    assert!(table::compare_with_docs(&looser)[0].contains("says that `detect` may import"));
    let more = format!("{lib}\n//! | `extra/` | More. | nothing |");
    compare(&table::compare_with_docs(&more), &["row for `extra`"]);
}

#[test]
fn untidy_sources_are_seen() {
    check_tidy("src/series/a.rs", "fn f() {}\n", &["does not start with `//!`"]);
    check_tidy("src/series/a.rs", "//! A.\n// TODO later\n", &["src/series/a.rs:2: `TODO`"]);
    check_tidy("tests/it/a.rs", "//! A.\n/* XXX */\n// FIXME\n", &["2: `XXX`", "3: `FIXME`"]);
    check_tidy("src/series/a.rs", "//! A.\nfn f() { dbg!(1); }\n", &["2: `dbg!`"]);
    check_tidy("src/series/a.rs", "//! A.\nfn f() { todo!() }\n", &["`todo!`"]);
    check_tidy(
        "src/series/a.rs",
        "//! A.\n#[cfg(test)]\nmod t { fn f() { unimplemented!() } }\n",
        &["3: `unimplemented!`"],
    );
    check_tidy("tests/it/a.rs", "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", &["3: an ignored test"]);
    check_tidy("src/series/a.rs", "//! A.\nfn f() { unsafe { g() } }\n", &["2: `unsafe` outside"]);
    check_tidy("tests/it/a.rs", "//! A.\n#[cfg(test)]\nunsafe fn f() {}\n", &["3: `unsafe` outside"]);
    check_tidy("src/util.rs", "//! A.\n", &["a module named `util`"]);
    check_tidy("src/misc/part.rs", "//! A.\n", &["a module named `misc`"]);
    check_tidy("src/sink/mod.rs", "//! A.\n//!\n//! Input: x\n//! Never: y\n", &["do not say `Output:`"]);
    let long = format!("//! A.\n{}", "const A: u8 = 1;\n".repeat(400));
    check_tidy("src/series/a.rs", &long, &["401 lines without tests"]);
}

#[test]
fn tidy_sources_pass() {
    check_tidy("src/series/types.rs", "//! A.\nconst A: &str = \"TODO dbg!(1)\";\nfn todo() { todo(); }\n", &[]);
    check_tidy("src/detect/isolation_forest/simd.rs", "//! A.\nfn f() { unsafe { g() } }\n", &[]);
    check_tidy("src/series/a.rs", "//! A word: unsafe.\nconst A: &str = \"unsafe\";\n", &[]);
    check_tidy("src/forecast/models/mod.rs", "//! Nested folders need no three sentences.\n", &[]);
    let tested =
        format!("//! A.\nfn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 1;\n".repeat(500));
    check_tidy("src/series/a.rs", &tested, &[]);
    check_tidy("src/series/tests.rs", &format!("//! A.\n{}", "const A: u8 = 1;\n".repeat(500)), &[]);
}

#[test]
fn files_of_one_machine_and_large_files_are_seen() {
    let path = |parts: [&str; 3]| format!("see {}", parts.concat());
    compare(&tidy::file_breaches("a.md", path(["/ro", "ot", "/x"]).as_bytes()), &["a.md:1: "]);
    compare(&tidy::file_breaches("a.md", format!("\n{}", path(["`/wo", "rk", "/x`"])).as_bytes()), &["a.md:2: "]);
    compare(&tidy::file_breaches("a.md", path(["https://example.org/ho", "me", "/x"]).as_bytes()), &[]);
    compare(&tidy::file_breaches("a.md", path(["$HOME/wo", "rk", "/x"]).as_bytes()), &[]);
    compare(&tidy::file_breaches("a.bin", &vec![0xff; 5 * 1024 * 1024 + 1]), &["at most 5242880"]);
}
