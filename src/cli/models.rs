//! `tidewatch models`: the registry, and loading of the shipped severity model.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::args::{ModelsAction, ModelsArgs};
use super::exit::{BadInput, Outcome};
use super::output::{number, to_stdout};
use super::progress::note;
use crate::engine::clock;
use crate::severity::{Manifest, SeverityModel};
use crate::store::{ModelManifest, Store};

/// Most bytes of a manifest or model file.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn run(args: &ModelsArgs) -> anyhow::Result<Outcome> {
    let stored = stored(&args.data_dir)?;
    let (model, manifest) = severity_model(&args.models)?;
    match &args.action {
        ModelsAction::List => {
            if stored.is_empty() {
                note(false, &format!("no service has stored models in {} (--data-dir)", args.data_dir.display()));
            }
            list(&model, manifest.as_ref(), &stored)?;
        }
        ModelsAction::Show { name } if name == "severity" => show_severity(&model, manifest.as_ref(), &args.models)?,
        ModelsAction::Show { name } => show(name, &stored)?,
    }
    Ok(Outcome::Done)
}

/// The severity model of `models`, and its manifest. A model that cannot be used is refused with its defect, and the
/// one built into the program stands in.
pub(super) fn severity_model(models: &Path) -> anyhow::Result<(SeverityModel, Option<Manifest>)> {
    let folder = models.join("severity");
    if !folder.join("model.json").exists() {
        return Ok((SeverityModel::shipped()?, None));
    }
    let loaded = read(&folder.join("model.json")).and_then(|text| {
        let manifest = manifest(models)?.with_context(|| format!("{} has no manifest.json", folder.display()))?;
        Ok((SeverityModel::verified(&text, &manifest)?, Some(manifest)))
    });
    loaded.or_else(|error| {
        note(
            false,
            &format!(
                "{} is refused: {error:#}; the model built into the program is used",
                folder.join("model.json").display()
            ),
        );
        Ok((SeverityModel::shipped()?, None))
    })
}

/// The manifest of the severity model in `models`, if there is one.
fn manifest(models: &Path) -> anyhow::Result<Option<Manifest>> {
    let path = models.join("severity").join("manifest.json");
    if !path.exists() {
        return Ok(None);
    }
    let manifest = serde_json::from_str(&read(&path)?);
    let manifest = manifest.map_err(|error| BadInput(format!("{} is not a manifest: {error}", path.display())))?;
    Ok(Some(manifest))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    if bytes > MAX_BYTES {
        return Err(BadInput(format!("{} has {bytes} bytes, the limit is {MAX_BYTES}", path.display())).into());
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The manifests in the data directory of a service; none when there is no data directory.
fn stored(data_dir: &Path) -> anyhow::Result<Vec<ModelManifest>> {
    if !data_dir.join("tidewatch.db").exists() {
        return Ok(Vec::new());
    }
    let runtime = super::serve::runtime()?;
    runtime.block_on(async {
        let store = Store::open(data_dir, clock::now()).await?;
        let models = store.models().await?;
        store.close().await;
        Ok(models)
    })
}

fn list(model: &SeverityModel, manifest: Option<&Manifest>, stored: &[ModelManifest]) -> anyhow::Result<()> {
    let heading = ["NAME", "VERSION", "KIND", "STATE", "CREATED", "QUALITY", "TRAINED ON"].map(ToOwned::to_owned);
    let mut rows = vec![heading, severity_row(model, manifest)];
    rows.extend(stored.iter().map(|m| {
        [
            m.name.clone(),
            m.version.to_string(),
            m.kind.clone(),
            state(m),
            m.created_at.to_string(),
            figures(&m.metrics),
            m.trained_on.clone(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    to_stdout(|out| {
        rows.iter().try_for_each(|row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
    })
}

fn severity_row(model: &SeverityModel, manifest: Option<&Manifest>) -> [String; 7] {
    let (created, quality, trained_on) = match manifest {
        Some(m) => (m.created_at.to_string(), figures(&json!(m.metrics)), m.trained_on.clone()),
        None => ("-".to_owned(), "-".to_owned(), "built into the program".to_owned()),
    };
    [
        "severity".to_owned(),
        model.version().to_owned(),
        "severity".to_owned(),
        "active".to_owned(),
        created,
        quality,
        trained_on,
    ]
}

/// The first two figures, those that people know before the others.
fn figures(metrics: &serde_json::Value) -> String {
    let known = |name: &str| !matches!(name, "accuracy" | "macro_f1");
    let mut figures: Vec<(&String, f64)> =
        metrics.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect();
    figures.sort_by_key(|(name, _)| known(name));
    let texts: Vec<String> = figures.iter().take(2).map(|(name, value)| format!("{name} {}", number(*value))).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

fn state(model: &ModelManifest) -> String {
    format!("{:?}", model.state).to_lowercase()
}

fn show_severity(model: &SeverityModel, manifest: Option<&Manifest>, models: &Path) -> anyhow::Result<()> {
    let described = match manifest {
        Some(manifest) => json!(manifest),
        None => json!({
            "name": "severity",
            "kind": "severity",
            "version": model.version(),
            "trained_on": "built into the program",
            "rows": model.rows(),
            "seed": model.seed(),
        }),
    };
    let text = serde_json::to_string_pretty(&described)?;
    let card = models.join("severity").join("MODEL_CARD.md");
    to_stdout(|out| writeln!(out, "{text}"))?;
    if card.exists() {
        note(false, &format!("the model card is {}", card.display()));
    }
    Ok(())
}

fn show(name: &str, stored: &[ModelManifest]) -> anyhow::Result<()> {
    let versions: Vec<serde_json::Value> = stored.iter().filter(|model| model.name == name).map(describe).collect();
    if versions.is_empty() {
        let known: BTreeSet<&str> = stored.iter().map(|m| m.name.as_str()).chain(["severity"]).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(BadInput(format!("there is no model `{name}`; there are: {known}")).into());
    }
    let texts = versions.iter().map(serde_json::to_string_pretty).collect::<Result<Vec<_>, _>>()?;
    to_stdout(|out| texts.iter().try_for_each(|text| writeln!(out, "{text}")))
}

fn describe(model: &ModelManifest) -> serde_json::Value {
    json!({
        "name": model.name,
        "version": model.version,
        "kind": model.kind,
        "schema": model.schema,
        "state": state(model),
        "sha256": model.sha256,
        "bytes": model.bytes,
        "created_at": model.created_at,
        "trained_on": model.trained_on,
        "metrics": model.metrics,
    })
}
