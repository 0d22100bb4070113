//! Programs as child processes: found or asked for, killed on drop, with a log that is shown when a test fails.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take that happens by itself sooner or later. Generous: the machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// Lines of each log that a failure shows.
const LOG_LINES: usize = 60;

/// A directory that is gone with the test; the logs in it are shown when the test fails.
pub(super) struct Place(TempDir);

/// A child process that does not outlive the test.
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("writes");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut shown = String::new();
        for entry in std::fs::read_dir(self.0.path()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension() == Some(OsStr::new("log")) {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n");
                let _ = writeln!(shown, "---- {}\n{tail}", entry.file_name().to_string_lossy());
            }
        }
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{shown}");
    }
}

impl Process {
    /// Starts `command`; what it says goes to `<name>.log` of `place`, after what is there already.
    pub(super) fn start(place: &Place, name: &str, command: &mut Command) -> Self {
        let log = place.path(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let again = file.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(again).spawn().expect("starts");
        Self { name: name.to_owned(), child, log }
    }

    /// Everything it and its predecessors of the same name have said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, as the kernel does when memory runs out.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits; its status and how long it took.
    pub(super) async fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        assert!(sent.expect("a shell").success(), "{} cannot be asked to end", self.name);
        (self.ended().await, begin.elapsed())
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "{} does not end:\n{}", self.name, self.log());
            pause().await;
        }
    }

    /// Fails the test when it has ended by itself.
    pub(super) fn must_live(&mut self) {
        let ended = self.child.try_wait().expect("a child");
        assert!(ended.is_none(), "{} ended with {ended:?}:\n{}", self.name, self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program, from the variable or under its Debian name; the test fails with what to install when it is missing.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment which programs to use")]
pub(super) fn program(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var(variable).map_or_else(|_| PathBuf::from(name), PathBuf::from);
    let found = Command::new(&path).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "`{}` is needed for this test. Install it with `apt-get install -y --no-install-recommends prometheus \
         prometheus-alertmanager`, or set {variable} to where it is",
        path.display()
    );
    path
}

/// The binary under test, with `arguments`, in `place`.
pub(super) fn tidewatch(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewatch"));
    command
        .args(arguments)
        .current_dir(place.0.path())
        .env("TIDEWATCH_LOG", "info,tidewatch=debug")
        .env("NO_COLOR", "1");
    command
}

/// A port that nothing listens on now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Asks until the answer is there; fails with `what` when it does not come.
pub(super) async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "waited {} s in vain for: {what}", PATIENCE.as_secs());
        pause().await;
    }
}

/// Runs `command` to its end: exit code, standard output, standard error.
pub(super) fn output_of(command: &mut Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// `path` as it is written into a configuration.
pub(super) fn quoted(path: &Path) -> String {
    serde_json::to_string(&path.to_string_lossy()).expect("a text")
}
