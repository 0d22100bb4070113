//! `tidewatch models`: the registry, and loading of the shipped severity model.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{ModelsAction, ModelsArgs};
use super::exit::{BadInput, Outcome};
use super::progress::note;
use crate::engine::clock;
use crate::severity::{Manifest, SeverityModel};
use crate::store::{ModelManifest, Store};

/// Most bytes of a manifest or model file.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn run(args: &ModelsArgs) -> anyhow::Result<Outcome> {
    let stored = stored(&args.data_dir)?;
    let shipped = manifest(&args.models)?;
    match &args.action {
        ModelsAction::List => list(shipped.as_ref(), &stored),
        ModelsAction::Show { name } => show(name, args, shipped.as_ref(), &stored),
    }
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
pub(super) fn manifest(models: &Path) -> anyhow::Result<Option<Manifest>> {
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

fn list(shipped: Option<&Manifest>, stored: &[ModelManifest]) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<32} {:>8} {:<9} {:<8} {:<21} TRAINED ON", "NAME", "VERSION", "KIND", "STATE", "CREATED")?;
    match shipped {
        Some(m) => writeln!(
            out,
            "{:<32} {:>8} {:<9} {:<8} {:<21} {}",
            m.name,
            m.version,
            m.kind,
            "active",
            m.created_at.to_string(),
            m.trained_on
        )?,
        None => writeln!(
            out,
            "{:<32} {:>8} {:<9} {:<8} {:<21} built into the program",
            "severity", "1", "severity", "active", "-"
        )?,
    }
    for m in stored {
        let state = format!("{:?}", m.state).to_lowercase();
        writeln!(
            out,
            "{:<32} {:>8} {:<9} {state:<8} {:<21} {}",
            m.name,
            m.version,
            m.kind,
            m.created_at.to_string(),
            m.trained_on
        )?;
    }
    Ok(Outcome::Done)
}

fn show(
    name: &str,
    args: &ModelsArgs,
    shipped: Option<&Manifest>,
    stored: &[ModelManifest],
) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    if name == "severity" {
        let (model, manifest) = severity_model(&args.models)?;
        match manifest {
            Some(manifest) => writeln!(out, "{}", serde_json::to_string_pretty(&manifest)?)?,
            None => writeln!(
                out,
                "{} ({} rows, seed {}), built into the program",
                model.name(),
                model.rows(),
                model.seed()
            )?,
        }
        let card: PathBuf = args.models.join("severity").join("MODEL_CARD.md");
        if card.exists() {
            writeln!(out, "model card: {}", card.display())?;
        }
        return Ok(Outcome::Done);
    }
    let mut versions = stored.iter().filter(|model| model.name == name).peekable();
    if versions.peek().is_none() {
        let known: Vec<&str> =
            shipped.iter().map(|m| m.name.as_str()).chain(stored.iter().map(|m| m.name.as_str())).collect();
        return Err(BadInput(format!("there is no model `{name}`; there are: {}", known.join(", "))).into());
    }
    for model in versions {
        let described = serde_json::json!({
            "name": model.name,
            "version": model.version,
            "kind": model.kind,
            "schema": model.schema,
            "state": format!("{:?}", model.state).to_lowercase(),
            "sha256": model.sha256,
            "bytes": model.bytes,
            "created_at": model.created_at,
            "trained_on": model.trained_on,
            "metrics": model.metrics,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&described)?)?;
    }
    Ok(Outcome::Done)
}
