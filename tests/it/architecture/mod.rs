//! Reads the source of the project and fails when it breaks the architecture or the tidiness rules.
//!
//! One package has no crate boundaries, so this test is the boundary: the import table in the docs of `src/lib.rs`
//! ([`table`]), the purity of the core and the homes of external crates ([`imports`]), and house rules ([`tidy`]).
//! [`planted`] proves that each rule sees what it forbids.

#![expect(clippy::expect_used, reason = "a test stops when it cannot read what it checks")]

mod imports;
mod planted;
mod source;
mod table;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is or would be committed: what git lists, or, outside a checkout, every file but build output.
fn files() -> Vec<String> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output();
    match listing {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let mut paths: Vec<String> =
                text.split('\0').filter(|path| root().join(path).is_file()).map(str::to_owned).collect();
            paths.sort();
            paths.dedup();
            paths
        }
        _ => walk(root()),
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let entries = std::fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["target", ".git", ".venv", "__pycache__"].contains(&name.as_str()) {
                waiting.push(path);
            } else if path.is_file() {
                let relative = path.strip_prefix(folder).expect("a path below the folder");
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn sources() -> Vec<Source> {
    let rust = files().into_iter().filter(|path| {
        let top = ["src/", "tests/", "benches/"].iter().any(|top| path.starts_with(top));
        top && path.ends_with(".rs")
    });
    let found: Vec<Source> = rust
        .map(|path| Source::new(&path, &std::fs::read_to_string(root().join(&path)).expect("a readable source")))
        .collect();
    assert!(found.iter().any(|source| source.path == "src/lib.rs"), "the source tree was not found");
    found
}

#[track_caller]
fn nothing_found(found: &[String]) {
    assert!(found.is_empty(), "{} breaches:\n{}", found.len(), found.join("\n"));
}

#[test]
fn imports_keep_to_the_table_and_the_core_stays_pure() {
    nothing_found(&imports::breaches(&sources()));
}

#[test]
fn sources_are_tidy() {
    nothing_found(&tidy::breaches(&sources()));
}

#[test]
fn the_table_in_the_docs_is_the_table_that_is_checked() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    nothing_found(&table::compare_with_docs(&lib));
}

#[test]
fn every_module_has_a_row() {
    let modules: Vec<String> = sources().iter().filter(|one| one.path.starts_with("src/")).map(Source::row).collect();
    for row in table::TABLE {
        assert!(
            modules.iter().any(|module| module == row.module),
            "the table's `{}` does not exist in src/",
            row.module
        );
    }
    for (_, homes) in table::CONFINED {
        for home in *homes {
            assert!(table::row_of(home).is_some(), "`{home}` is a home of a crate, but no module");
        }
    }
}

#[test]
fn files_are_portable_and_small() {
    let mut found = Vec::new();
    for path in files() {
        let content = std::fs::read(root().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        found.extend(tidy::file_breaches(&path, &content));
    }
    nothing_found(&found);
}

#[test]
fn walking_finds_what_git_lists() {
    let walked = walk(root());
    for path in files().iter().filter(|path| path.ends_with(".rs")) {
        assert!(walked.contains(path), "{path} is listed but not walked");
    }
}
