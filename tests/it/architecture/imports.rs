//! The rules about who may name what: the import table, the purity of the core, the homes of external crates.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Named, Root, Source};
use super::table::{CONFINED, CORE, Row, row_of};

/// Words that a pure core does not say.
const IMPURE_WORDS: &[&str] = &["async", "await", "SystemTime", "Instant"];
/// Macros that a pure core does not call.
const IMPURE_MACROS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];
/// Crates that a pure core does not name.
const IMPURE_CRATES: &[&str] =
    &["tokio", "axum", "reqwest", "polars", "tracing", "metrics", "sqlx", "async_trait", "tokio_util", "tower"];
/// Parts of the standard library that reach outside.
const IMPURE_STD: &[&str] = &["fs", "net", "env", "process"];

/// Every breach of the three rules in `sources`, as `file:line: sentence`.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let offered: BTreeMap<String, BTreeSet<String>> = sources.iter().filter_map(value_types).collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/") && !source.is_test_file()) {
        let Some(row) = row_of(&source.row()) else {
            found.push(format!("{}:1: `{}` is not in the table in lib.rs", source.path, source.row()));
            continue;
        };
        let named = source.named();
        let mut say = |line: usize, sentence: String| found.push(format!("{}:{line}: {sentence}", source.path));
        table_breaches(row, &named, &offered, &mut say);
        confinement_breaches(row, &named, &mut say);
        if CORE.contains(&row.module) {
            purity_breaches(row, source, &named, &mut say);
        }
    }
    found
}

/// The names that a module's `mod.rs` re-exports from its `types` file.
fn value_types(source: &Source) -> Option<(String, BTreeSet<String>)> {
    let module = source.path.strip_prefix("src/")?.strip_suffix("/mod.rs")?;
    let names = source
        .named()
        .into_iter()
        .filter(|one| one.public)
        .filter(|one| {
            let inside = one.segments.strip_prefix(&[module.to_owned()]).filter(|_| one.root == Root::Crate);
            inside.unwrap_or(&one.segments).first().is_some_and(|first| first == "types")
        })
        .filter_map(|one| one.binds)
        .collect();
    Some((module.to_owned(), names))
}

fn table_breaches(
    row: &Row,
    named: &[Named],
    offered: &BTreeMap<String, BTreeSet<String>>,
    say: &mut impl FnMut(usize, String),
) {
    // `use crate::forecast;` lets the file say `forecast::fit`: such names are followed.
    let aliases: BTreeMap<&str, &str> = named
        .iter()
        .filter(|one| one.root == Root::Crate && one.segments.len() == 1)
        .filter_map(|one| Some((one.binds.as_deref()?, one.segments[0].as_str())))
        .collect();
    for one in named {
        let path: Vec<&str> = one.segments.iter().map(String::as_str).collect();
        let (target, item) = match (one.root, path.as_slice()) {
            (Root::Crate, [] | ["*"]) if one.binds.is_some() && row.any != ["*"] => {
                say(
                    one.line,
                    format!("`{}` may not import the whole crate or rename it; see the table in lib.rs", row.module),
                );
                continue;
            }
            (Root::Crate, [target, rest @ ..]) => (*target, rest.first().copied()),
            (Root::Name, ["tidewatch", target, rest @ ..]) => (*target, rest.first().copied()),
            (Root::Name, [first, item, ..]) if aliases.contains_key(first) => (aliases[first], Some(*item)),
            _ => continue,
        };
        if target == "tests" && item.is_none() || path.last() == Some(&"tests") && one.binds.as_deref() == Some("tests")
        {
            say(one.line, "`mod tests` without `#[cfg(test)]`".to_owned());
        } else if let Some(sentence) = refusal(row, target, item, offered) {
            say(one.line, sentence);
        }
    }
}

/// Why `row.module` may not import `item` of `target`, if so. `item` is `None` for the module itself.
fn refusal(
    row: &Row,
    target: &str,
    item: Option<&str>,
    offered: &BTreeMap<String, BTreeSet<String>>,
) -> Option<String> {
    let module = row.module;
    if target == module || row.any == ["*"] || row.any.contains(&target) {
        return None;
    }
    let (types, settings) = (row.types.contains(&target), row.settings.contains(&target));
    let is_type = |item: &str| types && offered.get(target).is_some_and(|names| names.contains(item));
    let is_setting = |item: &str| settings && item.contains("Settings");
    if types || settings {
        let what = match (types, settings) {
            (true, true) => "settings and value types",
            (true, false) => "value types",
            _ => "settings",
        };
        return item.filter(|item| !is_type(item) && !is_setting(item)).map(|item| {
            format!(
                "`{module}` may import only {what} of `{target}`, not `{item}` (value types are what its mod.rs \
                 re-exports from `types`); see the table in lib.rs"
            )
        });
    }
    Some(format!("`{module}` may not import `{target}`; see the table in lib.rs"))
}

/// The external crates that the file names, with the line: paths whose first name the file does not bind itself.
fn external(named: &[Named]) -> Vec<(&Named, &str)> {
    let bound: BTreeSet<&str> = named
        .iter()
        .filter(|one| one.root == Root::Crate || one.segments.len() > 1)
        .filter_map(|one| one.binds.as_deref())
        .collect();
    named
        .iter()
        .filter(|one| one.root == Root::Name)
        .filter_map(|one| Some((one, one.segments.first()?.as_str())))
        .filter(|(_, first)| !bound.contains(first))
        .collect()
}

fn confinement_breaches(row: &Row, named: &[Named], say: &mut impl FnMut(usize, String)) {
    for (one, name) in external(named) {
        let home = CONFINED.iter().find(|(external, _)| *external == name);
        if let Some((_, homes)) = home.filter(|(_, homes)| !homes.contains(&row.module)) {
            let homes = homes.iter().map(|home| format!("`{home}`")).collect::<Vec<_>>().join(", ");
            say(one.line, format!("`{}` may not use the crate `{name}`; it belongs to {homes}", row.module));
        }
    }
}

fn purity_breaches(row: &Row, source: &Source, named: &[Named], say: &mut impl FnMut(usize, String)) {
    let mut impure = |line: usize, what: &str| {
        say(line, format!("`{}` is core and may not use `{what}`: values in, values out", row.module));
    };
    let words = source.words();
    for (index, (word, line)) in words.iter().enumerate() {
        let is_macro = words.get(index + 1).is_some_and(|(next, _)| next == "!");
        if IMPURE_WORDS.contains(&word.as_str()) || is_macro && IMPURE_MACROS.contains(&word.as_str()) {
            impure(*line, word);
        }
    }
    for (one, name) in external(named) {
        if IMPURE_CRATES.contains(&name) {
            impure(one.line, name);
        }
    }
    for one in named {
        let path: Vec<&str> = one.segments.iter().map(String::as_str).collect();
        if let ["std", part, ..] = path.as_slice()
            && IMPURE_STD.contains(part)
        {
            impure(one.line, &format!("std::{part}"));
        }
    }
}
