//! The notebooks: executed from a clean kernel against the binary of this build, and committed without outputs.

#![expect(clippy::expect_used, reason = "a test stops when it cannot read what it checks")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn notebooks() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("notebooks")).expect("the folder notebooks/");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    found.sort();
    assert!(!found.is_empty(), "notebooks/ holds no notebook");
    found
}

/// The Python of the environment that `make test-tools` makes.
fn python() -> PathBuf {
    let default = || root().join("target/notebook-venv");
    let venv = std::env::var_os("TIDEWATCH_NOTEBOOK_VENV").map_or_else(default, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "no Python environment for the notebooks at {}: run `make test-tools`, which makes it from \
         notebooks/requirements.txt, or set TIDEWATCH_NOTEBOOK_VENV to one that has these packages",
        venv.display()
    );
    python
}

/// Executes `notebook` with configuration and history of nobody.
fn execute(notebook: &Path, executed: &Path, home: &Path) -> Output {
    Command::new(python())
        .arg(root().join("notebooks/execute.py"))
        .arg(notebook)
        .arg("--out")
        .arg(executed)
        .env("TIDEWATCH_BIN", env!("CARGO_BIN_EXE_tidewatch"))
        .env("IPYTHONDIR", home)
        .env("JUPYTER_CONFIG_DIR", home)
        .env("MPLCONFIGDIR", home)
        .env("TMPDIR", home)
        .env_remove("MPLBACKEND")
        .output()
        .expect("Python starts")
}

fn read(notebook: &Path) -> Value {
    let text = std::fs::read_to_string(notebook).unwrap_or_else(|e| panic!("{}: {e}", notebook.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", notebook.display()))
}

fn code_cells(notebook: &Value) -> Vec<&Value> {
    let cells = notebook["cells"].as_array().expect("cells");
    cells.iter().filter(|cell| cell["cell_type"] == "code").collect()
}

#[test]
fn every_notebook_runs_from_a_clean_kernel() {
    for notebook in notebooks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let executed = folder.path().join("executed.ipynb");
        let output = execute(&notebook, &executed, folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed:\n{said}", notebook.display());

        let executed = read(&executed);
        let cells = code_cells(&executed);
        assert!(cells.iter().all(|cell| cell["execution_count"].is_number()), "a cell was not executed");
        let outputs = || cells.iter().flat_map(|cell| cell["outputs"].as_array().expect("outputs"));
        let plots = outputs().filter(|output| output["data"]["image/png"].is_string()).count();
        assert!(plots >= 5, "{}: only {plots} plots", notebook.display());
        let warnings: Vec<&Value> = outputs().filter(|output| output["name"] == "stderr").collect();
        assert!(warnings.is_empty(), "{} warns: {warnings:?}", notebook.display());
    }
}

#[test]
fn notebooks_are_committed_without_outputs() {
    for notebook in notebooks() {
        for cell in code_cells(&read(&notebook)) {
            assert_eq!(cell["outputs"], serde_json::json!([]), "{}: clear the outputs", notebook.display());
            assert_eq!(cell["execution_count"], Value::Null, "{}: clear the counts", notebook.display());
        }
    }
}

#[test]
fn a_failing_cell_fails_the_run_and_is_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let planted = folder.path().join("planted.ipynb");
    let notebook = serde_json::json!({
        "cells": [{
            "cell_type": "code", "id": "one", "metadata": {}, "execution_count": null, "outputs": [],
            "source": "quotient = 1 / 0",
        }],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    });
    std::fs::write(&planted, notebook.to_string()).expect("a writable folder");
    let output = execute(&planted, &folder.path().join("executed.ipynb"), folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("quotient = 1 / 0") && said.contains("ZeroDivisionError"), "{said}");
}
