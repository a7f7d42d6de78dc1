//! Ctrl-C and SIGTERM: the first ends the wait in good order, the second ends the process.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};

use sagemaker_async_inference::CancelToken;

use super::output::exit::{Code, Failure, Outcome};

/// What is told of an interruption.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    token: CancelToken,
    struck: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes both signals over. `notice` is called at the first.
    fn install(notice: impl Fn() + Send + 'static) -> Outcome<Self> {
        let interrupt = Self {
            token: CancelToken::new(),
            struck: Arc::new(AtomicBool::new(false)),
        };
        let inside = interrupt.clone();
        ctrlc::set_handler(move || {
            if inside.struck.swap(true, Ordering::SeqCst) {
                // Whoever is that impatient does not want to wait for a network.
                std::process::exit(i32::from(Code::Interrupted.number()));
            }
            inside.token.cancel();
            notice();
        })
        .map_err(|error| Failure::new(Code::Other, format!("signals cannot be taken: {error}")))?;
        Ok(interrupt)
    }

    /// For what ends at the next look at the token.
    pub(super) fn watch() -> Outcome<Self> {
        Self::install(|| {
            // Standard error may be closed.
            drop(writeln!(
                io::stderr(),
                "\ninterrupted; once more ends it at once"
            ));
        })
    }

    /// For what sleeps until it is interrupted.
    pub(super) fn channel() -> Outcome<Receiver<()>> {
        let (sender, receiver) = mpsc::channel();
        Self::install(move || {
            // Whoever slept may have ended otherwise.
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

    /// For callbacks.
    pub(super) fn flow(&self) -> ControlFlow<()> {
        if self.has_struck() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
