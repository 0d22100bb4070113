//! The one place that reads the process environment.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file that `${file:…}` names.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// What `${env:NAME}` and `${file:PATH}` may refer to. `Debug` shows names, never values.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    files: Files,
}

/// Where the contents of files come from.
#[derive(Clone, Default)]
enum Files {
    /// There are none.
    #[default]
    None,
    /// The disk; relative paths begin here.
    Disk(PathBuf),
}

impl Environment {
    /// An environment of these variables and no files: parsing with it touches nothing outside.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, files: Files::None }
    }

    /// The environment of this process, and the disk; relative paths begin at `base`. Variables that are not UTF-8 are
    /// left out.
    #[must_use]
    pub fn of_process(base: impl Into<PathBuf>) -> Self {
        // `vars_os`, because `vars` panics on a variable that is not UTF-8.
        let all = std::env::vars_os();
        let variables = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: variables.collect(), files: Files::Disk(base.into()) }
    }

    /// The same variables, and files on disk; relative paths begin at `base`.
    #[must_use]
    pub fn with_files(mut self, base: impl Into<PathBuf>) -> Self {
        self.files = Files::Disk(base.into());
        self
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The content of a file without the line ends at its end.
    pub(super) fn file(&self, path: &str) -> io::Result<String> {
        let Files::Disk(base) = &self.files else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "files cannot be referred to here"));
        };
        let file = std::fs::File::open(base.join(Path::new(path)))?;
        let mut text = String::new();
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {MAX_FILE_BYTES} bytes")));
        }
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        Ok(text)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("variables", &self.variables.keys()).finish_non_exhaustive()
    }
}
