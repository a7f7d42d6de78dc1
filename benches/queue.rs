//! What results from a queue cost: requests to SQS for each, results a second with 1, 2 and 4 workers, memory, and
//! what an idle consumer sends. The local endpoint runs in another process; printed are medians.
//!
//!     cargo bench --features local --bench queue

// A bench measures real time and starts a server process; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::queue::{QueueEvent, ResultQueue};
use sagemaker_async_inference::sys::{ManualClock, Sys};
use sagemaker_async_inference::{AsyncPredictor, Session, WaiterConfig};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 3;
const RESULTS: usize = 1000;
const VISIBILITY: Duration = Duration::from_mins(2);
/// About what a GET of S3 takes from within its region.
const GET: Duration = Duration::from_millis(15);

fn main() -> Outcome<()> {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    println!("{RESULTS} results of 1 KiB, each fetched by a GET and its message deleted");
    println!(
        "{:<26} {:>9} {:>9} {:>9} {:>11} {:>10} {:>10}",
        "", "receives", "deletes", "extends", "SQS/result", "results/s", "peak KiB"
    );
    for delay in [Duration::ZERO, GET] {
        for at_once in [1, 10] {
            for workers in [1, 2, 4] {
                let name = format!("{workers} workers, {at_once} at once");
                let name = if delay.is_zero() {
                    name
                } else {
                    format!("{name}, {GET:?}")
                };
                let mut runs = Vec::new();
                // What mostly waits varies little.
                for _ in 0..if delay.is_zero() { RUNS } else { 1 } {
                    runs.push(Run::measure(workers, at_once, delay)?);
                }
                print(&name, runs);
            }
        }
    }
    println!("\nidle: {} requests a minute", idle_requests_a_minute()?);
    Ok(())
}

struct Run {
    counts: Counts,
    elapsed: Duration,
    peak: usize,
}

#[derive(Clone, Copy)]
struct Counts {
    receives: u64,
    deletes: u64,
    extends: u64,
}

impl Run {
    fn measure(workers: usize, at_once: usize, delay: Duration) -> Outcome<Self> {
        let mut server = Server::start(delay)?;
        let session = server.session()?;
        let predictor = AsyncPredictor::new("local-endpoint", &session);
        let queue = ResultQueue::new(&server.queue, &session)?.with_visibility(VISIBILITY);
        let waiter = WaiterConfig::default();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let began = Instant::now();
        let deliveries = queue
            .deliveries()
            .at_once(at_once)
            .max_messages(RESULTS as u64);
        let stats = deliveries.run(workers, |delivery| -> Result<(), Box<dyn Error>> {
            let QueueEvent::Inference(notification) = delivery.event() else {
                return Err("another message".into());
            };
            let response = predictor.response_from(notification)?;
            let _answer: Value = response.get_result(&waiter)?;
            delivery.delete()?;
            Ok(())
        })?;
        let elapsed = began.elapsed();
        if stats.deleted != RESULTS as u64 || stats.handler_errors > 0 {
            return Err(format!("{stats:?}").into());
        }
        Ok(Self {
            counts: server.counts()?,
            elapsed,
            peak: ALLOCATOR.peak_usage().saturating_sub(before),
        })
    }
}

#[allow(clippy::cast_precision_loss)] // counts of a bench
fn print(name: &str, mut runs: Vec<Run>) {
    runs.sort_by_key(|run| run.elapsed);
    let Run {
        counts,
        elapsed,
        peak,
    } = &runs[runs.len() / 2];
    let requests = counts.receives + counts.deletes + counts.extends;
    println!(
        "{name:<26} {:>9} {:>9} {:>9} {:>11.3} {:>10.0} {:>10}",
        counts.receives,
        counts.deletes,
        counts.extends,
        requests as f64 / RESULTS as f64,
        RESULTS as f64 / elapsed.as_secs_f64(),
        peak >> 10,
    );
}

/// In virtual time, over ten minutes.
fn idle_requests_a_minute() -> Outcome<f64> {
    let clock = ManualClock::new();
    let local = LocalEndpoint::builder().clock(clock.clone()).start()?;
    let url = local.create_queue("idle", &[])?;
    let sys = Sys::real().with_clock(clock);
    let session = local.session_builder().sys(sys).build()?;
    let queue = ResultQueue::new(&url, &session)?.with_visibility(VISIBILITY);
    if queue
        .deliveries()
        .until_idle(Duration::from_mins(10))
        .next()
        .is_some()
    {
        return Err("a message from nowhere".into());
    }
    let requests = u32::try_from(local.requests().len())?;
    Ok(f64::from(requests) / 10.0)
}

/// The local endpoint in a process of its own, with a queue full of messages.
struct Server {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
    queue: String,
}

impl Server {
    fn start(delay: Duration) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &delay.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> Outcome<String> { Ok(lines.next().ok_or("the server ended")??) };
        let (url, queue) = (line()?, line()?);
        Ok(Self {
            input: child.stdin.take().ok_or("no input")?,
            child,
            lines,
            url,
            queue,
        })
    }

    fn session(&self) -> Outcome<Session> {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "bench");
        let session = Session::builder()
            .region("us-east-1")
            .endpoint_url(&self.url);
        Ok(session.credentials(credentials).build()?)
    }

    fn counts(&mut self) -> Outcome<Counts> {
        writeln!(self.input, "counts")?;
        let line = self.lines.next().ok_or("the server ended")??;
        let mut counts = line.split(' ').map(str::parse);
        let mut count = || counts.next().ok_or("too few counts");
        Ok(Counts {
            receives: count()??,
            deletes: count()??,
            extends: count()??,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says where endpoint and queue are, and counts requests when it is asked.
fn serve() -> Outcome<()> {
    let delay = std::env::args().nth(2).ok_or("no delay")?.parse()?;
    let local = LocalEndpoint::builder().kept_requests(100_000).start()?;
    let queue = local.create_queue("done", &[])?;
    let content = json!({ "text": "x".repeat(1000) }).to_string();
    for number in 0..RESULTS {
        let key = format!("out/{number}.out");
        local.put_object(local.bucket(), &key, content.as_str());
        let message = json!({
            "invocationStatus": "Completed",
            "inferenceId": number.to_string(),
            "eventSource": "aws:sagemaker",
            "requestParameters": { "endpointName": local.name() },
            "responseParameters": { "outputLocation": format!("s3://{}/{key}", local.bucket()) },
        });
        local.send_message(&queue, message.to_string());
    }
    let delay = Duration::from_millis(delay);
    if !delay.is_zero() {
        local.fault(Fault::on(Operation::GetObject).always().delay(delay));
    }
    println!("{}\n{queue}", local.url());
    for _ in std::io::stdin().lock().lines() {
        let requests = local.requests();
        let count = |wanted: &[Operation]| {
            let found = requests.iter().filter(|r| wanted.contains(&r.operation));
            found.count()
        };
        println!(
            "{} {} {}",
            count(&[Operation::ReceiveMessage]),
            count(&[Operation::DeleteMessage, Operation::DeleteMessageBatch]),
            count(&[
                Operation::ChangeMessageVisibility,
                Operation::ChangeMessageVisibilityBatch
            ]),
        );
    }
    Ok(())
}
