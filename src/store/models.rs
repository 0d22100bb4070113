//! The registry of models: a manifest for each version in the database, its artefact in a file.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::artefacts::{check_name, checksum, path_of, read_checked, write_whole};
use super::{ModelDefect, Store, StoreError, count, millis, of_json, time_of, to_json};

const TABLE: &str = "models";

/// Whether a version is the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelState {
    /// In use. At most one version of a name is.
    Active,
    /// Kept, not in use.
    Retired,
}

/// What is known of one version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelManifest {
    /// Name: `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// Version, counted from 1.
    pub version: i64,
    /// Kind of model: `severity`, `detector`, …
    pub kind: String,
    /// Number of the artefact's format.
    pub schema: u32,
    /// SHA-256 of the artefact, hexadecimal.
    pub sha256: String,
    /// Length of the artefact.
    pub bytes: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// How good it was when made.
    pub metrics: serde_json::Value,
    /// What it was trained on, one line.
    pub trained_on: String,
    /// Whether it is in use.
    pub state: ModelState,
}

/// A model to be saved.
#[derive(Debug, Clone, Copy)]
pub struct NewModel<'a> {
    /// Name: `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: &'a str,
    /// Kind of model.
    pub kind: &'a str,
    /// Number of the artefact's format.
    pub schema: u32,
    /// How good it is.
    pub metrics: &'a serde_json::Value,
    /// What it was trained on, one line.
    pub trained_on: &'a str,
    /// The artefact.
    pub bytes: &'a [u8],
    /// Whether it comes into use at once.
    pub activate: bool,
}

/// A model whose artefact was read and is what was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedModel {
    /// The version that was loaded.
    pub manifest: ModelManifest,
    /// Its artefact.
    pub bytes: Vec<u8>,
    /// Newer versions that were refused, with the defect of each; not empty means that this one stands in.
    pub refused: Vec<(i64, ModelDefect)>,
}

impl Store {
    /// Saves a model as the next version of its name: the file first, whole and flushed, then the manifest. A crash in
    /// between leaves a file that nothing points to and that the next version of this number replaces.
    ///
    /// # Errors
    /// [`StoreError::Name`], [`StoreError::Full`], [`StoreError::Io`].
    pub async fn save_model(&self, model: NewModel<'_>, now: Timestamp) -> Result<ModelManifest, StoreError> {
        check_name(model.name)?;
        let mut tx = self.write().await?;
        let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM models WHERE name = $1")
            .bind(model.name)
            .fetch_one(&mut *tx)
            .await?;
        let version = row.try_get::<i64, _>(0)? + 1;
        let manifest = ModelManifest {
            name: model.name.to_owned(),
            version,
            kind: model.kind.to_owned(),
            schema: model.schema,
            sha256: checksum(model.bytes),
            bytes: u64::try_from(model.bytes.len()).unwrap_or(u64::MAX),
            created_at: now,
            metrics: model.metrics.clone(),
            trained_on: model.trained_on.to_owned(),
            state: if model.activate { ModelState::Active } else { ModelState::Retired },
        };
        write_whole(&path_of(&self.dir, model.name, version), model.bytes).await?;
        if model.activate {
            retire_all(&mut tx, model.name).await?;
        }
        insert(&mut tx, &manifest).await?;
        tx.commit().await?;
        Ok(manifest)
    }

    /// The model of `name` in use; `None` when there is none.
    ///
    /// When its file is damaged, cut off, gone or a link, the last good version before it is returned instead, and
    /// `refused` says which versions were passed over and why.
    ///
    /// # Errors
    /// [`StoreError::BadModel`] when no version before it is good either.
    pub async fn load_active(&self, name: &str) -> Result<Option<LoadedModel>, StoreError> {
        check_name(name)?;
        let sql = "SELECT * FROM models WHERE name = $1 AND version <= \
                   (SELECT MAX(version) FROM models WHERE name = $1 AND state = 'active') ORDER BY version DESC";
        let rows = sqlx::query(sql).bind(name).fetch_all(&self.reader).await?;
        let mut refused = Vec::new();
        for row in &rows {
            let manifest = read(row)?;
            match self.artefact(&manifest).await {
                Ok(bytes) => return Ok(Some(LoadedModel { manifest, bytes, refused })),
                Err(defect) => refused.push((manifest.version, defect)),
            }
        }
        match refused.into_iter().next() {
            Some((version, defect)) => Err(StoreError::BadModel { name: name.to_owned(), version, defect }),
            None => Ok(None),
        }
    }

    /// One version of a model with its artefact; `None` when there is no such version.
    ///
    /// # Errors
    /// [`StoreError::BadModel`] when its file cannot be used.
    pub async fn model(&self, name: &str, version: i64) -> Result<Option<LoadedModel>, StoreError> {
        let Some(manifest) = self.manifest(name, version).await? else {
            return Ok(None);
        };
        match self.artefact(&manifest).await {
            Ok(bytes) => Ok(Some(LoadedModel { manifest, bytes, refused: Vec::new() })),
            Err(defect) => Err(StoreError::BadModel { name: name.to_owned(), version, defect }),
        }
    }

    /// Every version of every model, by name, latest version first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn models(&self) -> Result<Vec<ModelManifest>, StoreError> {
        let rows = sqlx::query("SELECT * FROM models ORDER BY name, version DESC").fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }

    /// Puts version `version` of `name` in use and retires the one before, after reading its file whole.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::BadModel`], and then the one in use stays in use.
    pub async fn activate(&self, name: &str, version: i64) -> Result<ModelManifest, StoreError> {
        let not_found = || StoreError::NotFound { what: "model", which: format!("{name} version {version}") };
        let mut model = self.model(name, version).await?.ok_or_else(not_found)?;
        let mut tx = self.write().await?;
        retire_all(&mut tx, name).await?;
        let sql = "UPDATE models SET state = 'active' WHERE name = $1 AND version = $2";
        let done = sqlx::query(sql).bind(name).bind(version).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Err(not_found());
        }
        tx.commit().await?;
        model.manifest.state = ModelState::Active;
        Ok(model.manifest)
    }

    async fn manifest(&self, name: &str, version: i64) -> Result<Option<ModelManifest>, StoreError> {
        check_name(name)?;
        let sql = "SELECT * FROM models WHERE name = $1 AND version = $2";
        let row = sqlx::query(sql).bind(name).bind(version).fetch_optional(&self.reader).await?;
        row.as_ref().map(read).transpose()
    }

    async fn artefact(&self, manifest: &ModelManifest) -> Result<Vec<u8>, ModelDefect> {
        let path = path_of(&self.dir, &manifest.name, manifest.version);
        read_checked(&path, manifest.bytes, &manifest.sha256).await
    }
}

impl ModelState {
    /// The name in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

async fn retire_all(tx: &mut Transaction<'static, Sqlite>, name: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE models SET state = 'retired' WHERE name = $1").bind(name).execute(&mut **tx).await?;
    Ok(())
}

async fn insert(tx: &mut Transaction<'static, Sqlite>, manifest: &ModelManifest) -> Result<(), StoreError> {
    let sql = "INSERT INTO models (name, version, kind, schema_no, sha256, bytes, created_at, metrics, trained_on, state) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    sqlx::query(sql)
        .bind(&manifest.name)
        .bind(manifest.version)
        .bind(&manifest.kind)
        .bind(i64::from(manifest.schema))
        .bind(&manifest.sha256)
        .bind(count(usize::try_from(manifest.bytes).unwrap_or(usize::MAX)))
        .bind(millis(manifest.created_at))
        .bind(to_json(TABLE, &manifest.metrics)?)
        .bind(&manifest.trained_on)
        .bind(manifest.state.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<ModelManifest, StoreError> {
    let name: String = row.try_get("name")?;
    check_name(&name)?;
    let state: String = row.try_get("state")?;
    Ok(ModelManifest {
        name,
        version: row.try_get("version")?,
        kind: row.try_get("kind")?,
        schema: u32::try_from(row.try_get::<i64, _>("schema_no")?).unwrap_or(u32::MAX),
        sha256: row.try_get("sha256")?,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        created_at: time_of(row.try_get("created_at")?),
        metrics: of_json(TABLE, "metrics", row.try_get("metrics")?)?,
        trained_on: row.try_get("trained_on")?,
        state: if state == "active" { ModelState::Active } else { ModelState::Retired },
    })
}
