//! The import table: here for the check, in the docs of `src/lib.rs` for people. A test keeps them equal.
//!
//! The form of the table in `src/lib.rs`, one row per module (a folder, or a file such as `telemetry.rs`):
//!
//! ```text
//! //! | module | sentence | may import |
//! //! |---|---|---|
//! //! | `severity/` | How bad an alert is. | `series`, `learn`; value types of `detect`, `forecast`, `capacity` |
//! //! | `config/` | One settings value. | `series`; value types of `severity`; settings of `detect`, `sink` |
//! ```
//!
//! The last column is `nothing`, `everything`, or clauses with `;` between them: names, `value types of` names,
//! `settings of` names. *Value types of X* are the names that `src/X/mod.rs` re-exports from its `types` file; *settings*
//! are names that contain `Settings`.

/// What one module may import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The module: a folder or file of `src/`.
    pub(crate) module: &'static str,
    /// Modules of which it may import anything; `*` is every module.
    pub(crate) any: &'static [&'static str],
    /// Modules of which it may import value types.
    pub(crate) types: &'static [&'static str],
    /// Modules of which it may import settings.
    pub(crate) settings: &'static [&'static str],
}

const fn row(module: &'static str, any: &'static [&'static str], types: &'static [&'static str]) -> Row {
    Row { module, any, types, settings: &[] }
}

/// The table.
pub(crate) const TABLE: &[Row] = &[
    row("series", &[], &[]),
    row("learn", &[], &[]),
    row("forecast", &["series"], &[]),
    row("detect", &["series"], &["forecast"]),
    row("capacity", &["series", "learn"], &["forecast"]),
    row("severity", &["series", "learn"], &["detect", "forecast", "capacity"]),
    row("alert", &["series"], &["detect", "forecast", "capacity", "severity"]),
    row("incident", &["series", "alert"], &["severity"]),
    row("source", &["series"], &[]),
    row("sink", &["series", "alert"], &["detect", "forecast", "capacity", "severity", "incident"]),
    row("store", &["series"], &["detect", "forecast", "capacity", "severity", "alert", "incident"]),
    row(
        "engine",
        &[
            "series",
            "learn",
            "forecast",
            "detect",
            "capacity",
            "severity",
            "alert",
            "incident",
            "source",
            "sink",
            "store",
            "telemetry",
        ],
        &[],
    ),
    row(
        "http",
        &["series", "engine", "telemetry"],
        &["detect", "forecast", "capacity", "severity", "alert", "incident"],
    ),
    Row {
        module: "config",
        any: &["series"],
        types: &["detect", "forecast", "capacity", "severity", "alert", "incident"],
        settings: &[
            "forecast",
            "detect",
            "capacity",
            "severity",
            "alert",
            "incident",
            "source",
            "sink",
            "store",
            "engine",
            "http",
            "telemetry",
        ],
    },
    row("telemetry", &[], &[]),
    row("cli", &["*"], &[]),
    row("lib", &["*"], &[]),
    row("main", &["*"], &[]),
];

/// The functional core: values in, values out.
pub(crate) const CORE: &[&str] =
    &["series", "learn", "forecast", "detect", "capacity", "severity", "alert", "incident"];

/// External crates that only some modules may name.
pub(crate) const CONFINED: &[(&str, &[&str])] = &[
    ("polars", &["source", "cli"]),
    ("linfa", &["learn"]),
    ("linfa_nd", &["learn"]),
    ("linfa_preprocessing", &["learn"]),
    ("linfa_trees", &["learn"]),
    ("smartcore", &["learn"]),
    ("augurs", &["forecast", "detect"]),
    ("sqlx", &["store"]),
    ("reqwest", &["source", "sink"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("axum", &["http"]),
    ("maud", &["http", "cli"]),
    ("plotly", &["http"]),
    ("utoipa", &["http"]),
    ("utoipa_axum", &["http"]),
];

/// The row of `module`.
pub(crate) fn row_of(module: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.module == module)
}

/// Compares the table in the docs of `lib.rs` with [`TABLE`]; `lib` and `main` need no row there.
pub(crate) fn compare_with_docs(lib_rs: &str) -> Vec<String> {
    let documented: Vec<(String, String)> = lib_rs.lines().filter_map(documented_row).collect();
    let mut problems = Vec::new();
    for row in TABLE.iter().filter(|row| !matches!(row.module, "lib" | "main")) {
        let expected = in_words(row);
        match documented.iter().find(|(module, _)| module == row.module) {
            None => problems.push(format!(
                "src/lib.rs: the table has no row for `{}`; expected: | `{}/` | … | {expected} |",
                row.module, row.module
            )),
            Some((_, found)) if clauses(found) != clauses(&expected) => problems.push(format!(
                "src/lib.rs: the table says that `{}` may import {found}; the test says {expected}",
                row.module
            )),
            Some(_) => {}
        }
    }
    for (module, _) in &documented {
        if row_of(module).is_none() {
            problems.push(format!("src/lib.rs: the table has a row for `{module}`, which the test does not know"));
        }
    }
    problems
}

fn documented_row(line: &str) -> Option<(String, String)> {
    let cells: Vec<&str> =
        line.trim().strip_prefix("//!")?.trim().strip_prefix('|')?.split('|').map(str::trim).collect();
    let [module, _sentence, imports, ""] = cells.as_slice() else { return None };
    let module = module.strip_prefix('`')?.strip_suffix('`')?;
    let module = module.trim_end_matches('/').trim_end_matches(".rs");
    Some((module.to_owned(), (*imports).to_owned()))
}

/// The last column for `row`.
fn in_words(row: &Row) -> String {
    if row.any == ["*"] {
        return "everything".to_owned();
    }
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let clauses: Vec<String> = [("", row.any), ("value types of ", row.types), ("settings of ", row.settings)]
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind}{}", list(names)))
        .collect();
    if clauses.is_empty() { "nothing".to_owned() } else { clauses.join("; ") }
}

/// A cell as sorted (kind, name) pairs, so that order and spacing do not matter.
fn clauses(cell: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for clause in cell.split(';').map(str::trim) {
        let kind: String = clause.chars().take_while(|c| *c != '`').collect();
        let names: Vec<&str> = clause.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            pairs.push((kind.trim().to_owned(), String::new()));
        }
        pairs.extend(names.iter().map(|name| (kind.trim().to_owned(), (*name).to_owned())));
    }
    pairs.sort();
    pairs
}
