//! The written form of a model and its manifest.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::learn::{Booster, Calibration, Objective};

use super::features::FEATURES;
use super::model::SeverityModel;
use super::train::TrainReport;

/// Kind of artefact, in file and manifest.
pub const KIND: &str = "severity";
/// Schema that is written and read.
pub const SCHEMA: u32 = 1;
/// Largest text that is read, bytes.
const MAX_BYTES: usize = 64 << 20;

/// The model that ships with the program; see `models/severity/MODEL_CARD.md`.
const SHIPPED: &str = include_str!("../../models/severity/model.json");

/// Why a text is not a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// Too long to be one.
    #[error("a severity model must be at most {MAX_BYTES} bytes, got {0}")]
    TooLarge(usize),
    /// Not JSON, cut off, or with fields that do not fit.
    #[error("severity model cannot be read: {0}")]
    Syntax(String),
    /// Another kind of artefact.
    #[error("artefact kind must be `{KIND}`, got `{0}`")]
    Kind(String),
    /// A schema of another version.
    #[error("severity model schema must be {SCHEMA}, got {0}: retrain, or use the version that wrote it")]
    Schema(u64),
    /// Parts that do not fit each other.
    #[error("severity model is damaged: {0}")]
    Damaged(String),
    /// The text is not the one that the manifest was written for.
    #[error("severity model has sha256 {got}, its manifest says {wanted}")]
    Checksum {
        /// Of the text.
        got: String,
        /// In the manifest.
        wanted: String,
    },
}

/// What a model file is, where it came from and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the model.
    pub name: String,
    /// `severity`.
    pub kind: String,
    /// Schema of the model file.
    pub schema: u32,
    /// Version of the model.
    pub version: String,
    /// SHA-256 of the model file, 64 hexadecimal digits.
    pub sha256: String,
    /// What it was trained on, in words.
    pub trained_on: String,
    /// Rows that it was made of.
    pub rows: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Measures on the test part, by name.
    pub metrics: BTreeMap<String, f64>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    kind: String,
    schema: u32,
    version: String,
    seed: u64,
    rows: usize,
    calibration: Calibration,
    booster: Booster,
}

/// What is read first, so that another kind or schema is named as such.
#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u64,
}

impl SeverityModel {
    /// The model that ships with the program.
    ///
    /// # Errors
    /// None as long as the file in `models/severity/` is sound, which a test checks.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::from_json(SHIPPED)
    }

    /// Writes the model; the same model gives the same text.
    ///
    /// # Errors
    /// [`ModelError::Syntax`] if a number is not finite, which no trained or read model has.
    pub fn to_json(&self) -> Result<String, ModelError> {
        let file = ModelFile {
            kind: KIND.to_owned(),
            schema: SCHEMA,
            version: self.version.clone(),
            seed: self.seed,
            rows: self.rows,
            calibration: self.calibration.clone(),
            booster: self.booster.clone(),
        };
        let text = serde_json::to_string(&file).map_err(|error| ModelError::Syntax(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Reads a model and checks kind, schema, every count, link and number, and that its features are ours.
    ///
    /// # Errors
    /// [`ModelError`]; hostile text never panics and never allocates more than a small multiple of its length.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        if text.len() > MAX_BYTES {
            return Err(ModelError::TooLarge(text.len()));
        }
        let syntax = |error: serde_json::Error| ModelError::Syntax(error.to_string());
        let head: Head = serde_json::from_str(text).map_err(syntax)?;
        if head.kind != KIND {
            return Err(ModelError::Kind(head.kind.chars().take(60).collect()));
        }
        if head.schema != u64::from(SCHEMA) {
            return Err(ModelError::Schema(head.schema));
        }
        let file: ModelFile = serde_json::from_str(text).map_err(syntax)?;
        let ours = file.booster.features().iter().map(String::as_str).eq(FEATURES.map(|feature| feature.name));
        if !ours || file.booster.n_classes() != 4 || file.booster.objective() != Objective::Ordinal {
            return Err(ModelError::Damaged("its features or classes are not those of this version".to_owned()));
        }
        if !file.calibration.is_sound(4) {
            return Err(ModelError::Damaged("its calibration is out of range".to_owned()));
        }
        if !(1..=60).contains(&file.version.len()) {
            return Err(ModelError::Damaged("its version must be 1 to 60 characters".to_owned()));
        }
        let ModelFile { version, seed, rows, calibration, booster, .. } = file;
        Ok(Self { version, seed, rows, booster, calibration })
    }

    /// Reads a model and checks it against its manifest.
    ///
    /// # Errors
    /// As [`SeverityModel::from_json`], and when kind, schema or checksum are not those of the manifest.
    pub fn verified(text: &str, manifest: &Manifest) -> Result<Self, ModelError> {
        if manifest.kind != KIND {
            return Err(ModelError::Kind(manifest.kind.clone()));
        }
        if manifest.schema != SCHEMA {
            return Err(ModelError::Schema(u64::from(manifest.schema)));
        }
        let got = sha256(text);
        if !got.eq_ignore_ascii_case(&manifest.sha256) {
            return Err(ModelError::Checksum { got, wanted: manifest.sha256.clone() });
        }
        Self::from_json(text)
    }
}

impl Manifest {
    /// The manifest of `model`, written as `text`, trained as `report` says on what `trained_on` describes.
    #[must_use]
    pub fn new(
        model: &SeverityModel,
        text: &str,
        report: &TrainReport,
        trained_on: &str,
        created_at: Timestamp,
    ) -> Self {
        Self {
            name: "severity".to_owned(),
            kind: KIND.to_owned(),
            schema: SCHEMA,
            version: model.version().to_owned(),
            sha256: sha256(text),
            trained_on: trained_on.to_owned(),
            rows: model.rows(),
            seed: model.seed(),
            metrics: report.metrics.by_name(),
            created_at,
        }
    }
}

/// SHA-256 of a text, 64 hexadecimal digits.
fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
