//! Opening the data directory: create, check, migrate, lock, back up.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqlitePool};

use super::error::{Condition, condition};
use super::{Store, StoreError};

const DATABASE: &str = "tidewatch.db";
const SERVICE_LOCK: &str = "serve.lock";
/// Databases up to this size are checked whole when opened; a larger one would delay the start.
const CHECKED_WHOLE_BYTES: u64 = 64 * 1024 * 1024;
/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Held while a service runs on a data directory; given up when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct ServiceLock {
    _file: File,
}

impl Store {
    /// Opens `dir`, creates it if need be, and brings the tables to this version's schema.
    ///
    /// A damaged database file is renamed to `tidewatch.db.damaged-<now>` and kept; the error says so, and the next
    /// start begins with an empty database unless a backup was put back.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`], [`StoreError::Damaged`], [`StoreError::NewerSchema`], [`StoreError::Migration`] or
    /// [`StoreError::Locked`].
    pub async fn open(dir: impl AsRef<Path>, now: Timestamp) -> Result<Self, StoreError> {
        let dir = dir.as_ref().to_path_buf();
        prepare_directory(&dir).await?;
        let path = dir.join(DATABASE);
        match connect(&path).await {
            Ok((writer, reader)) => Ok(Self { dir, writer, reader }),
            Err(Failed::Damaged(message)) => Err(set_aside(&path, now, message).await),
            Err(Failed::Migration(source)) => Err(explain_migration(path, source)),
            Err(Failed::Database(error)) if condition(&error) == Condition::Unwritable => {
                Err(StoreError::Unwritable { path, source: std::io::Error::other(error) })
            }
            Err(Failed::Database(error)) => Err(error.into()),
        }
    }

    /// Takes the right to serve from this directory, and takes back deliveries that a service before this one had
    /// claimed and not finished.
    ///
    /// # Errors
    /// [`StoreError::ServedElsewhere`] while another process holds it.
    pub async fn lock_for_service(&self) -> Result<ServiceLock, StoreError> {
        let path = self.dir.join(SERVICE_LOCK);
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|source| StoreError::Unwritable { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::ServedElsewhere(self.dir.clone())),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        self.release_leases().await?;
        Ok(ServiceLock { _file: file })
    }

    /// The newest schema in the database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations").fetch_one(&self.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// Writes a complete copy, database and model files, into the new directory `target`, without stopping writers.
    /// To restore it, use the directory (or a copy of it) as data directory.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] when `target` exists or cannot be made; [`StoreError::Full`].
    pub async fn backup(&self, target: impl AsRef<Path>) -> Result<(), StoreError> {
        let target = target.as_ref();
        let unwritable = |source| StoreError::Unwritable { path: target.to_path_buf(), source };
        if let Some(parent) = target.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(unwritable)?;
        }
        tokio::fs::create_dir(target).await.map_err(unwritable)?;
        // Models first: their files never change, and a manifest in the copy must not point to a file that is not.
        // A version saved after this listing is copied by the second pass.
        self.copy_artefacts(target).await?;
        let file = target.join(DATABASE).to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO $1").bind(file).execute(&self.writer).await?;
        self.copy_artefacts(target).await
    }

    /// Closes all connections after folding the log into the database file. Dropping is safe too: the log stays.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Creates `dir` and makes sure that files can be written in it.
async fn prepare_directory(dir: &Path) -> Result<(), StoreError> {
    let unwritable = |source| StoreError::Unwritable { path: dir.to_path_buf(), source };
    tokio::fs::create_dir_all(dir.join("models")).await.map_err(unwritable)?;
    let probe = dir.join(format!(".write-test-{}", std::process::id()));
    tokio::fs::write(&probe, b"").await.map_err(unwritable)?;
    tokio::fs::remove_file(&probe).await.map_err(unwritable)
}

enum Failed {
    Damaged(String),
    Database(sqlx::Error),
    Migration(MigrateError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        if condition(&error) == Condition::Damaged { Self::Damaged(error.to_string()) } else { Self::Database(error) }
    }
}

/// Connects, checks and migrates. Returns the writing and the reading connections.
async fn connect(path: &Path) -> Result<(SqlitePool, SqlitePool), Failed> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(60))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await?;
    if let Err(error) = check_and_migrate(path, &writer).await {
        writer.close().await;
        return Err(error);
    }
    let reader = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.pragma("query_only", "on"))
        .await?;
    Ok((writer, reader))
}

async fn check_and_migrate(path: &Path, writer: &SqlitePool) -> Result<(), Failed> {
    let bytes = tokio::fs::metadata(path).await.map_or(0, |meta| meta.len());
    if bytes <= CHECKED_WHOLE_BYTES {
        let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(writer).await?;
        let verdict: String = row.try_get(0)?;
        if verdict != "ok" {
            return Err(Failed::Damaged(verdict));
        }
    }
    MIGRATIONS.run(writer).await.map_err(|error| match error {
        MigrateError::Execute(inner) | MigrateError::ExecuteMigration(inner, _)
            if condition(&inner) != Condition::Other =>
        {
            Failed::from(inner)
        }
        other => Failed::Migration(other),
    })
}

/// Renames the database and its log, and says where they are.
async fn set_aside(path: &Path, now: Timestamp, message: String) -> StoreError {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let kept_as = free_name(path, &stamp).await;
    if let Err(source) = tokio::fs::rename(path, &kept_as).await {
        return StoreError::Unwritable { path: path.to_path_buf(), source };
    }
    for suffix in ["-wal", "-shm"] {
        // Absent unless the last process was killed; without its log the damaged file would be worth less.
        let _ = tokio::fs::rename(with_suffix(path, suffix), with_suffix(&kept_as, suffix)).await;
    }
    StoreError::Damaged { path: path.to_path_buf(), message, kept_as }
}

/// A name beside `path` that nothing has yet.
async fn free_name(path: &Path, stamp: &str) -> PathBuf {
    let plain = with_suffix(path, &format!(".damaged-{stamp}"));
    let mut candidate = plain.clone();
    for number in 2..1_000 {
        if !tokio::fs::try_exists(&candidate).await.unwrap_or(true) {
            break;
        }
        candidate = with_suffix(&plain, &format!("-{number}"));
    }
    candidate
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn explain_migration(path: PathBuf, source: MigrateError) -> StoreError {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match source {
        MigrateError::VersionMissing(found) if found > known => StoreError::NewerSchema { path, found, known },
        other => StoreError::Migration { path, source: Box::new(other) },
    }
}
