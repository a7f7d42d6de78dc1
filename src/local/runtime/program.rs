//! A program as the model: the input on its standard input, the result on its standard output.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::model::{Invocation, MAX_MESSAGE, MAX_RESULT, Prediction, timed_out};
use crate::local::s3::content::{Content, Disk, Spool};
use crate::local::sync::Stop;
use crate::sys::processes::spawn_piped;
use crate::sys::{Clock, SystemClock};

/// Interval of checks for a stop and for the program's exit.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Runs it once. The error is the text of the failure object.
pub(in crate::local) fn invoke(
    program: &OsString,
    arguments: &[OsString],
    invocation: &Invocation,
    disk: &Disk,
    stop: &Stop,
) -> Result<Prediction, String> {
    let environment = [
        ("INFERENCE_ID", Some(&invocation.inference_id)),
        ("CONTENT_TYPE", invocation.content_type.as_ref()),
        ("ACCEPT", invocation.accept.as_ref()),
        ("CUSTOM_ATTRIBUTES", invocation.custom_attributes.as_ref()),
    ];
    let mut child = spawn_piped(program, arguments, &environment)
        .map_err(|error| format!("The model's program cannot be started: {error}."))?;
    let ended = Pipes::of(&mut child, invocation, disk)
        .map_err(|error| format!("The input cannot be written to the model's program: {error}."))
        .and_then(|pipes| watch(&mut child, &pipes, invocation.timeout, stop));
    if ended.is_err() {
        // It may have ended in the meantime.
        drop(child.kill());
        drop(child.wait());
    }
    Ok(Prediction {
        content: ended?,
        content_type: invocation.accepted_type(),
    })
}

/// The results of the threads that serve a program's pipes. A thread ends with its pipe, which a child process may
/// hold longer than the program runs, so the threads are not joined.
struct Pipes {
    input: Receiver<io::Result<()>>,
    output: Receiver<io::Result<Spool>>,
    message: Receiver<Vec<u8>>,
}

impl Pipes {
    fn of(child: &mut Child, invocation: &Invocation, disk: &Disk) -> io::Result<Self> {
        let no_pipe = || io::Error::other("no pipe");
        let stdin = child.stdin.take().ok_or_else(no_pipe)?;
        let mut stdout = child.stdout.take().ok_or_else(no_pipe)?;
        let stderr = child.stderr.take().ok_or_else(no_pipe)?;
        let (content, disk) = (invocation.content.clone(), disk.clone());
        Ok(Self {
            input: in_thread(move || feed(&content, stdin))?,
            output: in_thread(move || {
                let mut spool = Spool::new();
                spool.fill(&mut stdout, MAX_RESULT, &disk).map(|()| spool)
            })?,
            message: in_thread(move || last_of(stderr))?,
        })
    }
}

fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Receiver<T>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name("local-endpoint-program".to_owned())
        .spawn(move || {
            // The receiver is gone once the time is up.
            drop(sender.send(work()));
        })?;
    Ok(receiver)
}

/// Waits until it has ended with complete output, its time is up, or the endpoint stops.
fn watch(
    child: &mut Child,
    pipes: &Pipes,
    timeout: Duration,
    stop: &Stop,
) -> Result<Content, String> {
    let until = SystemClock.monotonic() + timeout;
    let lost = |error: io::Error| {
        format!(
            "The state of the model's program cannot be read: \
    {error}."
        )
    };
    let mut output = None;
    loop {
        if output.is_none() {
            match pipes.output.recv_timeout(CHECK_INTERVAL) {
                // A program that writes too much would wait for a reader that is gone.
                Ok(Err(error)) => {
                    return Err(format!("The model's output cannot be read: {error}."));
                }
                Ok(Ok(spool)) => output = Some(spool),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(lost(io::Error::other("no reader")));
                }
            }
        }
        let status = child.try_wait().map_err(lost)?;
        if let Some(status) = status.filter(|status| !status.success()) {
            let message = pipes.message.recv_timeout(Duration::from_secs(1));
            let message = message.unwrap_or_default();
            let message = String::from_utf8_lossy(&message);
            return Err(format!(
                "The model's program ended with {status} and the message \"{}\".",
                message.trim_end()
            ));
        }
        if status.is_some()
            && let Some(spool) = output.take()
        {
            if let Ok(Err(error)) = pipes.input.try_recv() {
                return Err(format!("The input cannot be passed to the model: {error}."));
            }
            return Ok(spool.finish());
        }
        if SystemClock.monotonic() >= until {
            return Err(timed_out(timeout));
        }
        if stop.is_stopped() || (output.is_some() && stop.wait(CHECK_INTERVAL)) {
            return Err("The endpoint was stopped.".to_owned());
        }
    }
}

/// A program need not read all of its input.
fn feed(content: &Content, mut stdin: impl Write) -> io::Result<()> {
    match content.copy(0..content.len(), &mut stdin) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        fed => fed,
    }
}

/// The end of its output.
fn last_of(mut from: impl Read) -> Vec<u8> {
    let most = usize::try_from(MAX_MESSAGE).unwrap_or(usize::MAX);
    let (mut last, mut buffer) = (Vec::new(), [0; 4096]);
    // A truncated message is all that is available.
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        last.extend_from_slice(&buffer[..read]);
        let surplus = last.len().saturating_sub(most);
        last.drain(..surplus);
    }
    last
}
