//! The program, run as people run it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program in `dir`, about to run.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewatch"));
    command.current_dir(dir).args(args).env("COLUMNS", "100").env_remove("TIDEWATCH_LOG").stdin(Stdio::null());
    command
}

/// Runs the program in `dir`. Whatever happens, nobody sees a panic.
#[track_caller]
pub(crate) fn run(dir: &Path, args: &[&str]) -> Ran {
    let output = command(dir, args).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let ran =
        Ran { code: output.status.code().expect("a code"), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panic"), "{args:?}: {}", ran.stderr);
    ran
}

/// Runs what must end well; its standard output.
#[track_caller]
pub(crate) fn good(dir: &Path, args: &[&str]) -> String {
    let ran = run(dir, args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    ran.stdout
}

/// Runs what must end with `code`, print nothing as a result, and say all of `says`.
#[track_caller]
pub(crate) fn refused(dir: &Path, args: &[&str], code: i32, says: &[&str]) {
    let ran = run(dir, args);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{args:?}: {}", ran.stderr);
    assert!(ran.stderr.starts_with("error: ") || ran.stderr.contains("\nerror: "), "{args:?}: {}", ran.stderr);
    for words in says {
        assert!(ran.stderr.contains(words), "{args:?} should say `{words}`: {}", ran.stderr);
    }
}

/// A directory with these files.
pub(crate) fn directory(files: &[(&str, String)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("a file");
    }
    dir
}
