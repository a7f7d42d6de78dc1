//! Termination signals: the first ends the work in an orderly way, the second ends the process.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sagemaker_async_inference::CancelToken;
use sagemaker_async_inference::sys::{Clock, SystemClock};

use super::output::exit::{Code, CommandError, Outcome};
use super::output::held;
use crate::sync::lock;

/// How long the second signal waits for handles to be written, where standard error is stuck.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The state of an interruption.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    token: CancelToken,
    struck: Arc<AtomicBool>,
    /// When the current operation has to be over, on the system's monotonic clock.
    deadline: Arc<Mutex<Option<Duration>>>,
}

impl Interrupt {
    /// Installs the signal handlers. `notice` is called at the first signal, on its own thread.
    fn install(notice: impl Fn() + Send + Sync + 'static) -> Outcome<Self> {
        let interrupt = Self {
            token: CancelToken::new(),
            struck: Arc::new(AtomicBool::new(false)),
            deadline: Arc::default(),
        };
        let (inside, notice) = (interrupt.clone(), Arc::new(notice));
        signals::take_over(move || {
            if inside.struck.swap(true, Ordering::SeqCst) {
                end_now();
            }
            inside.token.cancel();
            // Standard error may be blocked, and the second signal must still have an effect.
            let (words, loud) = (Arc::clone(&notice), Arc::clone(&notice));
            if thread::Builder::new().spawn(move || words()).is_err() {
                loud();
            }
        })
        .map_err(|error| {
            CommandError::new(
                Code::Other,
                format!("signal handlers cannot be installed: {error}"),
            )
        })?;
        Ok(interrupt)
    }

    /// For commands that end at the next check of the token. The handles that only this process has are printed
    /// at once, before anything that could take time.
    pub(super) fn watch() -> Outcome<Self> {
        Self::install(|| {
            // Standard error may be closed.
            drop(writeln!(
                io::stderr(),
                "\ninterrupted; interrupt again to end at once"
            ));
            held::alarm();
        })
    }

    /// Sleeps until interrupted.
    pub(super) fn channel() -> Outcome<Receiver<()>> {
        let (sender, receiver) = mpsc::channel();
        Self::install(move || {
            // The sleeper may be gone.
            let _ = sender.send(());
        })?;
        Ok(receiver)
    }

    pub(super) fn token(&self) -> CancelToken {
        self.token.clone()
    }

    pub(super) fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Sets when uploads and streams stop as if interrupted, or that they do not.
    pub(super) fn set_deadline(&self, at: Option<Duration>) {
        *lock(&self.deadline) = at;
    }

    /// Until the deadline; `None` without one.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = *lock(&self.deadline);
        deadline.map(|deadline| deadline.saturating_sub(SystemClock.monotonic()))
    }

    /// For callbacks and streams.
    pub(super) fn flow(&self) -> ControlFlow<()> {
        let is_late = || self.time_left().is_some_and(|left| left.is_zero());
        if self.has_struck() || is_late() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// A further signal ends the process without waiting for the network.
fn end_now() -> ! {
    let (sender, written) = mpsc::channel();
    let last_words = move || {
        held::print_last();
        let _ = sender.send(());
    };
    if thread::Builder::new().spawn(last_words).is_ok() {
        let _ = written.recv_timeout(LAST_WORDS);
    }
    std::process::exit(i32::from(Code::Interrupted.number()));
}

pub(super) use signals::make_file_limits_an_error;

#[cfg(unix)]
mod signals {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use sagemaker_async_inference::sys::Files;
    use signal_hook::consts::{
        SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ,
    };
    use signal_hook::flag;
    use signal_hook::iterator::Signals;

    /// Whatever would end the process and can be taken: terminals send the first, batch systems and
    /// limits the others, some of them as a warning before the kill.
    const ENDING: [i32; 8] = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU, SIGALRM,
    ];

    /// Calls this at each signal, on a thread. A signal that is ignored stays so: `nohup` and shells rely
    /// on it.
    pub(in crate::cli) fn take_over(mut act: impl FnMut() + Send + 'static) -> io::Result<()> {
        let ignored = ignored();
        let taken = ENDING.into_iter();
        let mut signals = Signals::new(taken.filter(|signal| ignored >> (signal - 1) & 1 == 0))?;
        let handle = move || {
            for _ in signals.forever() {
                act();
            }
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(handle)?;
        Ok(())
    }

    /// A write beyond the size limit for files (`ulimit -f`) fails, instead of ending the process.
    pub(in crate::cli) fn make_file_limits_an_error() {
        // Without it, the system's default applies.
        drop(flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))));
    }

    /// The signals that the parent set to be ignored, one bit each. Known only on Linux.
    fn ignored() -> u64 {
        let status = Files::disk().read("/proc/self/status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
}

#[cfg(not(unix))]
mod signals {
    use std::io;

    pub(in crate::cli) fn take_over(act: impl FnMut() + Send + 'static) -> io::Result<()> {
        ctrlc::set_handler(act).map_err(io::Error::other)
    }

    pub(in crate::cli) fn make_file_limits_an_error() {}
}
