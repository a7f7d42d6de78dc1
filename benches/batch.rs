//! What it costs to wait for many inferences at once, and how soon each is found, beside one GET a handle and
//! beside the floor: a loop around `ListObjectsV2` with plain `ureq` and `aws-sigv4`. The local endpoint runs in
//! another process; all ways take turns in one run, and printed are medians. `cargo bench` puts them into the guide.
//!
//!     cargo bench --features local --bench batch
//!
//! `profile list` (or `floor`, `get`) waits for 400 in one way and prints nothing, for a profiler.

// A bench measures real time and starts a server process; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Json, S3Uri, Session, SessionBuilder, WaiterConfig,
    as_completed,
};
use support::guide::Table;
use support::{Outcome, arguments_after, cpu_of_thread, lister, median, now};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

type Responses = Vec<AsyncInferenceResponse<Json>>;

const RUNS: usize = 9;
/// Outputs of the run with many pages: a LIST and a GET take so long there.
const PAGED: usize = 5000;
const LIST_TAKES: Duration = Duration::from_millis(300);
const GET_TAKES: Duration = Duration::from_millis(2);
const ROUND: Duration = Duration::from_millis(10);
/// In rounds of many handles nothing else happens.
const LONG_ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

fn main() -> Outcome<()> {
    let asked_for = |part: &str| std::env::args().any(|argument| argument == part);
    if asked_for("serve") {
        return serve();
    }
    if let Some(of) = arguments_after("profile") {
        let way = match of.first().map(String::as_str) {
            Some("floor") => Way::Floor,
            Some("list") => Way::Listing,
            _ => Way::Single,
        };
        return Run::measure(way, 400).map(drop);
    }
    // One part alone with `-- appearing`, `-- paged` or `-- pending`.
    let chosen = ["appearing", "paged", "pending"].map(asked_for);
    let all = !chosen.contains(&true);
    if all || chosen[0] {
        appearing_over_a_second()?;
    }
    if all || chosen[1] {
        many_pages()?;
    }
    if all || chosen[2] {
        many_pending()?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Floor,
    /// With a page half way too, as this crate has while outputs come in.
    FloorTwice,
    Listing,
    Single,
}

impl Way {
    fn round(self) -> Duration {
        if self == Self::FloorTwice {
            ROUND / 2
        } else {
            ROUND
        }
    }
}

/// Outputs that appear over one second, a round every 10 ms.
fn appearing_over_a_second() -> Outcome<()> {
    let columns = [
        "in flight, polled by",
        "requests / needed",
        "CPU time",
        "p50",
        "p99",
    ];
    let mut table = Table::new(&columns);
    for in_flight in [400, 1000] {
        let ways = [
            ("the floor's LIST", Way::Floor),
            ("the floor's LIST each 5 ms", Way::FloorTwice),
            ("LIST", Way::Listing),
            ("GET each", Way::Single),
        ];
        let mut runs = ways.map(|_| Vec::new());
        for _ in 0..RUNS {
            for ((_, way), runs) in ways.iter().zip(&mut runs) {
                runs.push(Run::measure(*way, in_flight)?);
            }
        }
        for ((name, _), runs) in ways.iter().zip(&runs) {
            let millis = |of: fn(&Run) -> Duration| {
                let time = median(runs.iter().map(of).collect());
                format!("{:.1} ms", time.as_secs_f64() * 1e3)
            };
            let requests = median(runs.iter().map(|run| run.requests).collect());
            table.row(&[
                format!("{in_flight}, {name}"),
                format!("{:.2}", ratio(requests, 2 * in_flight as u64)),
                millis(|run| run.cpu),
                millis(|run| run.p50),
                millis(|run| run.p99),
            ]);
        }
    }
    table.publish("batch")
}

/// More outputs than a page holds, all of them there, far away: what do threads gain?
fn many_pages() -> Outcome<()> {
    let mut table = Table::new(&["download threads", "time", "GETs at once on average"]);
    for threads in [0, 1, 4, 8, 16] {
        let mut server = Server::start()?;
        server.send(&format!("outputs {PAGED}"))?;
        server.reply()?;
        let predictor = server.predictor()?;
        let responses = (0..PAGED).map(|number| {
            let output = S3Uri::new(server.bucket.as_str(), output_key(number))?;
            Ok(AsyncInferenceResponse::new(&predictor, output, None)?)
        });
        let responses = responses.collect::<Outcome<Responses>>()?;
        let waiter = WaiterConfig::builder().delay(LONG_ROUND).build()?;
        let mut waiting = as_completed(responses, &waiter);
        if threads > 0 {
            waiting = waiting.download_threads(threads)?;
        }
        let began = Instant::now();
        if waiting.filter(|done| done.error().is_none()).count() != PAGED {
            return Err("an output was not found".into());
        }
        let took = began.elapsed().as_secs_f64();
        let fetching = GET_TAKES.as_secs_f64() * ratio(PAGED as u64, 1);
        table.row(&[
            if threads == 0 {
                "none".to_owned()
            } else {
                threads.to_string()
            },
            format!("{took:.1} s"),
            format!("{:.1}", fetching / took),
        ]);
    }
    table.publish("pages")
}

fn output_key(number: usize) -> String {
    format!("async-output/{BATCH}/{number:06}.out")
}

struct Run {
    requests: u64,
    cpu: Duration,
    p50: Duration,
    p99: Duration,
}

impl Run {
    fn measure(way: Way, in_flight: usize) -> Outcome<Self> {
        let mut server = Server::start()?;
        let submitted: Responses = server
            .predictor()?
            .submit_all(0..in_flight)
            .collect::<Result<_, _>>()?;
        // By a session of its own, as the floor has an agent of its own: the first one has many connections.
        let predictor = server.predictor()?;
        let responses = submitted.iter().map(|response| {
            let failure = response.failure_path().cloned();
            AsyncInferenceResponse::new(&predictor, response.output_path().clone(), failure)
        });
        let responses = responses.collect::<Result<Responses, _>>()?;
        for response in &responses {
            server.send(response.output_path().key())?;
        }
        server.send("appear")?;
        let began = cpu_of_thread().unwrap_or_default();
        let mut late = match way {
            Way::Floor | Way::FloorTwice => {
                let keys = responses
                    .iter()
                    .map(|response| response.output_path().key());
                lister::wait(&server.url, &server.bucket, keys.collect(), way.round())?
            }
            _ => ours(responses, way)?,
        };
        let cpu = cpu_of_thread().unwrap_or_default().saturating_sub(began);
        late.sort();
        server.send("requests")?;
        let counts = server.reply()?;
        let counts = counts.split_whitespace().map(str::parse::<u64>);
        Ok(Self {
            requests: counts.sum::<Result<u64, _>>()?,
            cpu,
            p50: late[late.len() / 2],
            p99: late[late.len() * 99 / 100],
        })
    }
}

/// How long after its appearance each output was there.
fn ours(responses: Responses, way: Way) -> Outcome<Vec<Duration>> {
    let waiter = WaiterConfig::builder()
        .delay(ROUND)
        .max_attempts(10_000)
        .build()?;
    let mut waiting = as_completed(responses, &waiter);
    if way == Way::Single {
        waiting = waiting.without_listing().polls_per_second(100_000.0)?;
    }
    let late = waiting.map(|done| {
        let appeared: u64 = done.result()?;
        Ok(now().saturating_sub(Duration::from_nanos(appeared)))
    });
    late.collect()
}

/// Counts of a bench are exact in a double.
#[allow(clippy::cast_precision_loss)]
fn ratio(requests: u64, needed: u64) -> f64 {
    requests as f64 / needed as f64
}

/// Memory, requests and time of a round, for ever more handles; beside nothing, and beside as many
/// outputs of the batch that are there already.
fn many_pending() -> Outcome<()> {
    let columns = [
        "pending handles, none of which gets ready",
        "other objects",
        "bytes a handle",
        "requests a round",
        "time a round",
    ];
    let mut table = Table::new(&columns);
    for handles in [1_000, 10_000, 100_000, 200_000] {
        for others in [0, handles] {
            table.row(&round_of(handles, others)?);
        }
    }
    table.publish("pending")
}

fn round_of(handles: usize, others: usize) -> Outcome<[String; 5]> {
    let mut server = Server::start()?;
    let sent = Arc::new(AtomicU64::new(0));
    let predictor = server.predictor_counting(&sent)?;
    server.send(&format!("others {others}"))?;
    server.reply()?;
    let before = ALLOCATOR.current_usage();
    let responses = (0..handles).map(|_| {
        let name = format!("{:032x}", random());
        let at = |key: String| S3Uri::new(server.bucket.as_str(), key);
        Ok(AsyncInferenceResponse::new(
            &predictor,
            at(format!("async-output/{BATCH}/{name}.out"))?,
            Some(at(format!("async-failures/{name}-error.out"))?),
        )?)
    });
    let responses = responses.collect::<Outcome<Responses>>()?;
    let waiter = WaiterConfig::builder().delay(LONG_ROUND).build()?;
    // The end of each round, since the first began; bytes in use; requests so far.
    let rounds = Arc::new(Mutex::new(Vec::new()));
    let (seen, counts) = (rounds.clone(), sent);
    let waiting = as_completed(responses, &waiter).progress(move |progress| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((
            progress.elapsed(),
            ALLOCATOR.current_usage(),
            counts.load(Ordering::Relaxed),
        ));
        if seen.len() > ROUNDS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if waiting.count() > 0 {
        return Err("nothing should be there".into());
    }
    let rounds = rounds.lock().unwrap_or_else(PoisonError::into_inner);
    let mut times = Vec::new();
    let mut requests = Vec::new();
    for (number, pair) in rounds.windows(2).enumerate() {
        let began = LONG_ROUND * u32::try_from(number + 1)?;
        times.push(pair[1].0.saturating_sub(began));
        requests.push(pair[1].2 - pair[0].2);
    }
    let bytes = rounds.last().map_or(0, |last| last.1) - before;
    Ok([
        handles.to_string(),
        others.to_string(),
        (bytes / handles).to_string(),
        median(requests).to_string(),
        format!("{:.1} ms", median(times).as_secs_f64() * 1e3),
    ])
}

const BATCH: &str = "batch-00000000-0000-4000-8000-000000000000";

/// A number that comes once.
fn random() -> u128 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut state = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut mixed = || {
        // SplitMix64, to spread keys as UUIDs are.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    u128::from(mixed()) << 64 | u128::from(mixed())
}

/// Requests, as they come to the server.
#[derive(Default)]
struct Counts {
    submits: AtomicU64,
    lists: AtomicU64,
    gets: AtomicU64,
}

impl Counts {
    fn count(&self, operation: Operation) {
        let count = match operation {
            Operation::InvokeEndpointAsync => &self.submits,
            Operation::ListObjectsV2 => &self.lists,
            Operation::GetObject => &self.gets,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn line(&self) -> String {
        let [submits, lists, gets] =
            [&self.submits, &self.lists, &self.gets].map(|count| count.load(Ordering::Relaxed));
        format!("{submits} {lists} {gets}")
    }
}

/// The local endpoint in a process of its own.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
    url: String,
    bucket: String,
    access_key: String,
    secret_key: String,
}

/// Carries out one command per line of its input: a key to create later, `appear` to create them over one second from
/// now on, `others N` for N other objects of the batch, `outputs N` for N outputs at another prefix, `requests` to
/// print the number of requests.
fn serve() -> Outcome<()> {
    let counts = Arc::new(Counts::default());
    let counted = counts.clone();
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("bench")
        .instances(0)
        .kept_requests(0)
        .on_request(move |request| counted.count(request.operation))
        .start()?;
    println!(
        "{}\n{}\n{}\n{}",
        endpoint.url(),
        endpoint.bucket(),
        endpoint.access_key(),
        endpoint.secret_key()
    );
    let mut keys = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        if line == "appear" {
            appear(&endpoint, &keys);
        } else if let Some(count) = line.strip_prefix("others ") {
            for _ in 0..count.parse()? {
                let key = format!("async-output/{BATCH}/{:032x}.done", random());
                endpoint.put_object(endpoint.bucket(), &key, "1");
            }
            println!("there");
        } else if let Some(count) = line.strip_prefix("outputs ") {
            for number in 0..count.parse()? {
                endpoint.put_object(endpoint.bucket(), &output_key(number), "1");
            }
            let slow = |operation, delay| Fault::on(operation).always().delay(delay);
            endpoint.fault(slow(Operation::ListObjectsV2, LIST_TAKES));
            endpoint.fault(slow(Operation::GetObject, GET_TAKES));
            println!("there");
        } else if line == "requests" {
            println!("{}", counts.line());
        } else {
            keys.push(line);
        }
    }
    Ok(())
}

/// At random times, which are the same in each run. At regular ones, how late outputs are found would depend on where
/// the rounds happen to be between them.
fn appear(endpoint: &LocalEndpoint, keys: &[String]) {
    let began = Instant::now();
    let within_a_second = |_| Duration::from_nanos((random() % 1_000_000_000) as u64);
    let mut times: Vec<_> = keys.iter().map(within_a_second).collect();
    times.sort();
    for (time, key) in times.into_iter().zip(keys) {
        std::thread::sleep((began + time).saturating_duration_since(Instant::now()));
        endpoint.put_object(endpoint.bucket(), key, now().as_nanos().to_string());
    }
}

impl Server {
    fn start() -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            input: child.stdin.take().ok_or("no input")?,
            output: BufReader::new(child.stdout.take().ok_or("no output")?),
            child,
            url: String::new(),
            bucket: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
        };
        server.url = server.reply()?;
        server.bucket = server.reply()?;
        server.access_key = server.reply()?;
        server.secret_key = server.reply()?;
        Ok(server)
    }

    fn reply(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn send(&mut self, line: &str) -> Outcome<()> {
        writeln!(self.input, "{line}")?;
        Ok(self.input.flush()?)
    }

    fn predictor(&self) -> Outcome<AsyncPredictor> {
        Ok(AsyncPredictor::new("bench", &self.session().build()?))
    }

    /// With an agent that counts what it sends.
    fn predictor_counting(&self, sent: &Arc<AtomicU64>) -> Outcome<AsyncPredictor> {
        let sent = sent.clone();
        let agent = ureq::Agent::config_builder()
            .middleware(
                move |request: http::Request<ureq::SendBody>,
                      next: ureq::middleware::MiddlewareNext| {
                    sent.fetch_add(1, Ordering::Relaxed);
                    next.handle(request)
                },
            )
            .build()
            .new_agent();
        let session = self.session().agent(agent).build()?;
        Ok(AsyncPredictor::new("bench", &session))
    }

    fn session(&self) -> SessionBuilder {
        Session::builder()
            .region("us-east-1")
            .endpoint_url(&self.url)
            .credentials(Credentials::new(
                &self.access_key,
                &self.secret_key,
                None,
                None,
                "bench",
            ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
