//! JSON lines, to a file or to standard output.

use std::fmt;
use std::io::{SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex as BlockingMutex, PoisonError};

use async_trait::async_trait;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::settings::{FileSettings, SetupError, bad};
use super::wire::lines;
use super::{AlertSink, Notice, SinkError};

/// Appends one JSON line for each alert, recommendation or forwarded body.
///
/// A line is the webhook's object with `kind`, `version` and `idempotency_key` in front. A delivery writes all of its
/// lines or none: after a failed write the file is cut back, and a half line left by a crash is ended before the next one.
/// A delivery that is tried again after a crash may write its lines twice, with the same key.
#[derive(Debug)]
pub struct FileSink {
    settings: FileSettings,
    /// One delivery at a time.
    turn: Mutex<()>,
}

/// Writes the same lines to standard output.
pub struct StdoutSink {
    out: BlockingMutex<Box<dyn Write + Send>>,
}

impl FileSink {
    /// A sink with these settings. The file is created by the first delivery.
    ///
    /// # Errors
    /// [`SetupError`] when the path is empty or its directory does not exist.
    pub fn new(settings: FileSettings) -> Result<Self, SetupError> {
        let path = &settings.path;
        if path.file_name().is_none() {
            return Err(bad("file.path", format!("must name a file, got `{}`", path.display())));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !directory.is_dir() {
            return Err(bad("file.path", format!("is in a directory that does not exist: {}", directory.display())));
        }
        Ok(Self { settings, turn: Mutex::new(()) })
    }

    async fn append(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.settings.path).await?;
        let length = file.metadata().await?.len();
        let torn = length > 0 && last_byte(&mut file).await? != b'\n';
        let written = write_all(&mut file, torn, bytes, self.settings.fsync).await;
        if written.is_err() {
            // Best effort: what cannot be cut back is ended by the next delivery.
            let _uncut = file.set_len(length).await;
        }
        written
    }
}

async fn last_byte(file: &mut File) -> std::io::Result<u8> {
    file.seek(SeekFrom::End(-1)).await?;
    file.read_u8().await
}

async fn write_all(file: &mut File, torn: bool, bytes: &[u8], fsync: bool) -> std::io::Result<()> {
    if torn {
        file.write_all(b"\n").await?;
    }
    file.write_all(bytes).await?;
    file.flush().await?;
    if fsync { file.sync_data().await } else { Ok(()) }
}

#[async_trait]
impl AlertSink for FileSink {
    async fn deliver(&self, idempotency_key: &str, notice: &Notice) -> Result<(), SinkError> {
        let destination = || self.settings.path.display().to_string();
        let bytes = lines(idempotency_key, notice).map_err(|error| not_built(destination(), &error))?;
        let _turn = self.turn.lock().await;
        self.append(&bytes).await.map_err(|error| SinkError::Retry {
            destination: destination(),
            message: format!("cannot be written: {error}"),
            retry_after_secs: None,
        })
    }
}

impl StdoutSink {
    /// Writes to the process's standard output.
    #[must_use]
    pub fn new() -> Self {
        Self::to(std::io::stdout())
    }

    /// Writes to `out` instead.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: BlockingMutex::new(Box::new(out)) }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(bytes)?;
        out.flush()
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StdoutSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdoutSink")
    }
}

#[async_trait]
impl AlertSink for StdoutSink {
    async fn deliver(&self, idempotency_key: &str, notice: &Notice) -> Result<(), SinkError> {
        let destination = || "standard output".to_owned();
        let bytes = lines(idempotency_key, notice).map_err(|error| not_built(destination(), &error))?;
        // Who closed the pipe will not open it again.
        self.write(&bytes).map_err(|error| SinkError::Permanent {
            destination: destination(),
            message: format!("cannot be written: {error}"),
        })
    }
}

fn not_built(destination: String, error: &serde_json::Error) -> SinkError {
    SinkError::Permanent { destination, message: format!("the line cannot be built: {error}") }
}
