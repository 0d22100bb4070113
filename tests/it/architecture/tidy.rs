//! The rules about tidiness: file heads, lengths, leftovers, names, and what may lie in the repository.

use super::source::Source;

/// Longest file without its tests, lines.
const MAX_LINES: usize = 400;
/// Largest file in the repository, bytes.
const MAX_FILE_BYTES: u64 = 5 * 1024 * 1024;
/// Names under which anything could hide, forbidden for the modules at the top of `src/`.
const VAGUE_NAMES: &[&str] = &["util", "utils", "common", "types", "helpers", "misc"];
/// Words in comments that mean unfinished work.
const UNFINISHED_WORDS: &[&str] = &["TODO", "FIXME", "XXX"];
/// Macros that mean unfinished work.
const UNFINISHED_MACROS: &[&str] = &["dbg", "todo", "unimplemented"];
/// Beginnings of paths that exist on one machine only. Written in pieces, so that this file passes its own rule.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// The one file that may hold `unsafe` code: it says why it is sound.
const UNSAFE_HOME: &str = "src/detect/isolation_forest/simd.rs";

/// Every breach in Rust sources, as `file:line: sentence`.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let mut say = |line: usize, sentence: String| found.push(format!("{}:{line}: {sentence}", source.path));
        if !source.text.starts_with("//!") {
            say(1, "the file does not start with `//!`".to_owned());
        }
        too_long(source, &mut say);
        unfinished(source, &mut say);
        vague(source, &mut say);
        undescribed(source, &mut say);
        unsafe_code(source, &mut say);
    }
    found
}

fn unsafe_code(source: &Source, say: &mut impl FnMut(usize, String)) {
    if source.path == UNSAFE_HOME {
        return;
    }
    // tests count too
    let whole = Source::new(&source.path, &source.text.replace("#[cfg(test)]", "            "));
    for (_, line) in whole.words().iter().filter(|(word, _)| word == "unsafe") {
        say(*line, format!("`unsafe` outside {UNSAFE_HOME}"));
    }
}

fn too_long(source: &Source, say: &mut impl FnMut(usize, String)) {
    if source.path.starts_with("tests/") || source.is_test_file() {
        return;
    }
    let lines = source.is_test_line.iter().filter(|is_test| !**is_test).count();
    if lines > MAX_LINES {
        say(lines, format!("{lines} lines without tests; at most {MAX_LINES} are allowed"));
    }
}

fn unfinished(source: &Source, say: &mut impl FnMut(usize, String)) {
    for (index, line) in source.comments.lines().enumerate() {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for word in UNFINISHED_WORDS.iter().filter(|word| words.contains(word)) {
            say(index + 1, format!("`{word}` in a comment: finish it or open an issue"));
        }
    }
    // Tests count too, so this reads the whole code.
    let whole = Source::new(&source.path, &source.text.replace("#[cfg(test)]", "            "));
    let words = whole.words();
    for window in words.windows(3) {
        let [(first, line), (second, _), (third, _)] = window else { continue };
        if second == "!" && third != "=" && UNFINISHED_MACROS.contains(&first.as_str()) {
            say(*line, format!("`{first}!` left in the code"));
        }
        if first == "#" && second == "[" && third == "ignore" {
            say(*line, "an ignored test tests nothing".to_owned());
        }
    }
}

fn vague(source: &Source, say: &mut impl FnMut(usize, String)) {
    if source.path.starts_with("src/") && VAGUE_NAMES.contains(&source.row().as_str()) {
        say(1, format!("a module named `{}` says nothing about what is in it", source.row()));
    }
}

/// The docs of `src/<module>/mod.rs` say what comes in, what goes out and what the module never does.
fn undescribed(source: &Source, say: &mut impl FnMut(usize, String)) {
    let is_top = source.path.starts_with("src/") && source.path.split('/').count() == 3;
    if !is_top || !source.path.ends_with("/mod.rs") {
        return;
    }
    let docs: Vec<&str> = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    for word in ["Input:", "Output:", "Never:"] {
        if !docs.iter().any(|line| line.contains(word)) {
            say(1, format!("the module docs do not say `{word}`"));
        }
    }
}

/// Breaches in any file of the repository: machine-specific paths in text, and files that are too large.
pub(crate) fn file_breaches(path: &str, content: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let size = content.len() as u64;
    if size > MAX_FILE_BYTES {
        found.push(format!("{path}: {size} bytes; at most {MAX_FILE_BYTES} may be committed"));
    }
    if let Ok(text) = std::str::from_utf8(content) {
        for (index, line) in text.lines().enumerate() {
            for needle in MACHINE_PATHS.iter().filter(|needle| names_absolute(line, needle)) {
                found.push(format!("{path}:{}: `{needle}…` exists on one machine only", index + 1));
            }
        }
    }
    found
}

/// Whether `line` holds `needle` as the start of a path and not as a part of one, such as in an address.
fn names_absolute(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~}*)".contains(c))
    })
}
