#[cfg(feature = "local")]
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Clock, SystemClock, lock, unpoisoned};

/// Runs the commands that configuration names (`credential_process`): with the machine's shell, or a function.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::sys::{ProcessOutput, Processes};
///
/// let processes = Processes::from_fn(|command| {
///     assert_eq!(command, "my-keys --json");
///     Ok(ProcessOutput { exit_code: Some(0), stdout: b"{}".to_vec() })
/// });
/// assert_eq!(processes.run("my-keys --json", Duration::from_secs(1))?.stdout, b"{}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Processes {
    function: Option<Arc<Function>>,
}

type Function = dyn Fn(&str) -> io::Result<ProcessOutput> + Send + Sync;

/// The output of a command, and its exit code.
///
/// `Debug` does not show the output, which is probably a secret.
///
/// ```
/// use sagemaker_async_inference::sys::ProcessOutput;
///
/// let output = ProcessOutput { exit_code: Some(0), stdout: b"hush".to_vec() };
/// assert!(!format!("{output:?}").contains("hush"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProcessOutput {
    /// The exit code; `None` if a signal ended it.
    pub exit_code: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
}

impl fmt::Debug for ProcessOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessOutput")
            .field("exit_code", &self.exit_code)
            .finish_non_exhaustive()
    }
}

const MOST: usize = 256 << 10;

/// Interval of checks for the end of a process.
const LOOK: Duration = Duration::from_millis(10);
/// What a pipe holds as a rule: all of it is read at once, so that no part is left when its writer has ended.
const PIPE: usize = 64 << 10;
/// After the end of a process, its output is complete once nothing more came for this long.
const QUIET: Duration = Duration::from_millis(500);

impl Processes {
    /// The largest standard output of a command in bytes: 256 KiB. A command that writes more is killed.
    pub const MAX_OUTPUT: u64 = MOST as u64;

    /// The machine's shell: `sh -c` on Unix, `cmd.exe /C` on Windows. The command has the standard error and the environment
    /// of this process, and its standard input if that is a terminal, so that it can ask the user for a code. Another
    /// standard input may be an input of this program's, and the command has an empty one.
    pub fn shell() -> Self {
        Self { function: None }
    }

    /// Calls a function instead of running commands.
    pub fn from_fn(
        function: impl Fn(&str) -> io::Result<ProcessOutput> + Send + Sync + 'static,
    ) -> Self {
        Self {
            function: Some(Arc::new(function)),
        }
    }

    /// Runs a command and waits for its end. Output of what it leaves running is not waited for, except for 500 ms after
    /// each piece, or until there is some.
    ///
    /// # Errors
    /// The system's: [`io::ErrorKind::TimedOut`] if it takes longer than `timeout` in real time, and
    /// [`io::ErrorKind::FileTooLarge`] if it writes more than [`Processes::MAX_OUTPUT`]; it is then killed, and its
    /// own child processes may continue. Another exit code than 0 is not an error.
    pub fn run(&self, command: &str, timeout: Duration) -> io::Result<ProcessOutput> {
        match &self.function {
            Some(function) => function(command),
            None => run_in_shell(command, timeout),
        }
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.function {
            Some(_) => "Processes(function)",
            None => "Processes(shell)",
        })
    }
}

#[allow(clippy::disallowed_methods)] // this is the wrapper itself
fn shell(command: &str) -> Command {
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        let mut shell = Command::new("cmd.exe");
        // The rest of the line unchanged: cmd.exe has its own rules for quotes.
        shell.arg("/C").raw_arg(command);
        shell
    }
    #[cfg(not(windows))]
    {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command);
        shell
    }
}

/// Holds the secret key of `sagemaker-async local`, which its model programs must not get.
#[cfg(feature = "local")]
const LOCAL_SECRET_KEY: &str = "SAGEMAKER_ASYNC_LOCAL_SECRET_KEY";

/// Starts a program with pipes on all three streams. Its environment is this process's without the local endpoint's
/// secret key, plus the given variables.
#[cfg(feature = "local")]
#[allow(clippy::disallowed_methods)] // this is the wrapper itself
pub(crate) fn spawn_piped(
    program: &OsStr,
    arguments: &[OsString],
    environment: &[(&str, Option<&String>)],
) -> io::Result<Child> {
    let set = environment.iter();
    let set = set.filter_map(|(name, value)| Some((name, (*value)?)));
    Command::new(program)
        .args(arguments)
        .env_remove(LOCAL_SECRET_KEY)
        .envs(set)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn run_in_shell(command: &str, timeout: Duration) -> io::Result<ProcessOutput> {
    let mut shell = shell(command);
    shell.stdout(Stdio::piped());
    if !io::stdin().is_terminal() {
        // It may be an input that this process is reading, of which the command, such as ssh, would take a part.
        shell.stdin(Stdio::null());
    }
    let mut child = shell.spawn()?;
    let outcome = watch(&mut child, timeout);
    if outcome.is_err() {
        // It may have ended by itself; there is nothing to do about either failure.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, stdout) = outcome?;
    Ok(ProcessOutput {
        exit_code: status.code(),
        stdout,
    })
}

fn watch(child: &mut Child, timeout: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
    let started = SystemClock.monotonic();
    let left = || timeout.saturating_sub(SystemClock.monotonic().saturating_sub(started));
    let pipe = child.stdout.take();
    let output = Output::of(pipe.ok_or_else(|| io::Error::other("no pipe"))?)?;
    loop {
        let is_closed = output.wait(LOOK.min(left()))?;
        // What it left running, such as an agent that it started, may keep the pipe open for good.
        if let Some(status) = child.try_wait()?
            && (is_closed || output.is_quiet() || !status.success())
        {
            return Ok((status, output.take()));
        }
        if left().is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if is_closed {
            SystemClock.sleep(LOOK.min(left()));
        }
    }
}

/// What a command writes. A thread of its own reads it, because a pipe cannot be read with a time limit. It ends with the
/// pipe, or with the first byte after [`take`](Self::take).
struct Output {
    shared: Arc<(Mutex<Written>, Condvar)>,
}

struct Written {
    /// Of its full size from the start: what grows leaves parts of a secret behind.
    bytes: Vec<u8>,
    /// Of the last byte, on the monotonic clock.
    at: Duration,
    closed: Option<io::Result<()>>,
    taken: bool,
}

impl Output {
    fn of(pipe: ChildStdout) -> io::Result<Self> {
        let written = Written {
            bytes: Vec::with_capacity(MOST),
            at: Duration::ZERO,
            closed: None,
            taken: false,
        };
        let shared = Arc::new((Mutex::new(written), Condvar::new()));
        let output = Self {
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new().spawn(move || {
            let (written, changed) = &*shared;
            let closed = read_all(pipe, written);
            lock(written).closed = Some(closed);
            changed.notify_all();
        })?;
        Ok(output)
    }

    /// Waits for the end of the output; whether it is there.
    fn wait(&self, at_most: Duration) -> io::Result<bool> {
        let (written, changed) = &*self.shared;
        let mut written = lock(written);
        if written.closed.is_none() {
            written = unpoisoned(changed.wait_timeout(written, at_most)).0;
        }
        match &mut written.closed {
            None => Ok(false),
            Some(closed) => std::mem::replace(closed, Ok(())).map(|()| true),
        }
    }

    /// Whether there is some, and no more came for a while.
    fn is_quiet(&self) -> bool {
        let written = lock(&self.shared.0);
        let since = SystemClock.monotonic().saturating_sub(written.at);
        !written.bytes.is_empty() && since >= QUIET
    }

    fn take(&self) -> Vec<u8> {
        let mut written = lock(&self.shared.0);
        written.taken = true;
        std::mem::take(&mut written.bytes)
    }
}

fn read_all(mut pipe: ChildStdout, written: &Mutex<Written>) -> io::Result<()> {
    let mut buffer = Zeroizing::new(vec![0; PIPE]);
    loop {
        let read = match pipe.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut written = lock(written);
        if read == 0 || written.taken {
            return Ok(());
        }
        if written.bytes.len() + read > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        written.bytes.extend_from_slice(&buffer[..read]);
        written.at = SystemClock.monotonic();
    }
}
