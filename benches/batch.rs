//! What it costs to wait for many inferences at once, and how soon each is found, beside one GET a
//! handle. The local endpoint runs in another process; both ways take turns in one run, and printed
//! are medians.
//!
//!     cargo bench --features local --bench batch

// A bench measures real time and starts a server process; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peak_alloc::PeakAlloc;
use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::local::{LocalEndpoint, Operation};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Json, S3Uri, Session, SessionBuilder, WaiterConfig,
    as_completed,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Responses = Vec<AsyncInferenceResponse<Json>>;

const RUNS: usize = 5;
const IN_FLIGHT: usize = 1000;
const ROUND: Duration = Duration::from_millis(10);
/// In rounds of many handles nothing else happens.
const LONG_ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

fn main() -> Outcome<()> {
    let asked_for = |part: &str| std::env::args().any(|argument| argument == part);
    if asked_for("serve") {
        return serve();
    }
    // One part alone with `-- appearing` or `-- pending`.
    if !asked_for("pending") {
        appearing_over_a_second()?;
    }
    if !asked_for("appearing") {
        many_pending()?;
    }
    Ok(())
}

/// 1,000 in flight whose outputs appear over one second, a round every 10 ms.
fn appearing_over_a_second() -> Outcome<()> {
    println!("{IN_FLIGHT} in flight, outputs appear over 1 s, a round every {ROUND:?}");
    println!(
        "{:<12} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "", "submits", "LISTs", "GETs", "/ needed", "p50", "p99"
    );
    let (mut listing, mut single) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        listing.push(Run::measure(true)?);
        single.push(Run::measure(false)?);
    }
    print_runs("LIST", &listing);
    print_runs("GET each", &single);
    println!();
    Ok(())
}

struct Run {
    submits: u64,
    lists: u64,
    gets: u64,
    p50: Duration,
    p99: Duration,
}

impl Run {
    fn measure(listing: bool) -> Outcome<Self> {
        let mut server = Server::start()?;
        let predictor = server.predictor()?;
        let responses: Responses = predictor
            .submit_all(0..IN_FLIGHT)
            .collect::<Result<_, _>>()?;
        for response in &responses {
            server.tell(response.output_path().key())?;
        }
        server.tell("appear")?;
        let waiter = WaiterConfig::builder()
            .delay(ROUND)
            .max_attempts(10_000)
            .build()?;
        let mut waiting = as_completed(responses, &waiter);
        if !listing {
            waiting = waiting.without_listing().polls_per_second(100_000.0)?;
        }
        let mut late = Vec::new();
        for done in waiting {
            let appeared: u64 = done.result::<u64>()?;
            late.push(now().saturating_sub(Duration::from_nanos(appeared)));
        }
        late.sort();
        server.tell("requests")?;
        let counts = server.answer()?;
        let mut counts = counts.split_whitespace().map(str::parse);
        let mut count = || counts.next().ok_or("too few counts");
        Ok(Self {
            submits: count()??,
            lists: count()??,
            gets: count()??,
            p50: late[late.len() / 2],
            p99: late[late.len() * 99 / 100],
        })
    }
}

fn print_runs(name: &str, runs: &[Run]) {
    let count = |of: fn(&Run) -> u64| median(runs.iter().map(of).collect());
    let time = |of: fn(&Run) -> Duration| median(runs.iter().map(of).collect());
    let (submits, lists, gets) = (
        count(|run| run.submits),
        count(|run| run.lists),
        count(|run| run.gets),
    );
    println!(
        "{name:<12} {submits:>8} {lists:>8} {gets:>8} {:>10.2} {:>7.1} ms {:>7.1} ms",
        ratio(submits + lists + gets, 2 * IN_FLIGHT as u64),
        time(|run| run.p50).as_secs_f64() * 1e3,
        time(|run| run.p99).as_secs_f64() * 1e3,
    );
}

/// Counts of a bench are exact in a double.
#[allow(clippy::cast_precision_loss)]
fn ratio(requests: u64, needed: u64) -> f64 {
    requests as f64 / needed as f64
}

/// Memory, requests and time of a round, for ever more handles; beside nothing, and beside as many
/// outputs of the batch that are there already.
fn many_pending() -> Outcome<()> {
    println!("pending handles, none of which gets ready");
    println!(
        "{:>8} {:>14} {:>14} {:>14} {:>16}",
        "handles", "other objects", "bytes/handle", "requests/round", "round"
    );
    for handles in [1_000, 10_000, 100_000, 200_000] {
        for others in [0, handles] {
            round_of(handles, others)?;
        }
    }
    Ok(())
}

fn round_of(handles: usize, others: usize) -> Outcome<()> {
    let mut server = Server::start()?;
    let sent = Arc::new(AtomicU64::new(0));
    let predictor = server.predictor_counting(&sent)?;
    server.tell(&format!("others {others}"))?;
    server.answer()?;
    let before = ALLOCATOR.current_usage();
    let responses = (0..handles).map(|_| {
        let name = format!("{:032x}", random());
        let at = |key: String| S3Uri::new(server.bucket.as_str(), key);
        Ok(AsyncInferenceResponse::new(
            &predictor,
            at(format!("async-output/{BATCH}/{name}.out"))?,
            Some(at(format!("async-failures/{name}-error.out"))?),
        )
        .expect("valid locations"))
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
    println!(
        "{handles:>8} {others:>14} {:>14} {:>14} {:>13.1} ms",
        bytes / handles,
        median(requests),
        median(times).as_secs_f64() * 1e3
    );
    Ok(())
}

const BATCH: &str = "batch-00000000-0000-4000-8000-000000000000";

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort();
    values[values.len() / 2]
}

/// The time that both processes see.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

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

/// Does what it is told, a line each, until its input ends: keys that are to appear, `appear` over
/// one second from now on, `others N` for so many objects of the batch, `requests` to tell how many came.
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
        } else if line == "requests" {
            println!("{}", counts.line());
        } else {
            keys.push(line);
        }
    }
    Ok(())
}

fn appear(endpoint: &LocalEndpoint, keys: &[String]) {
    let began = Instant::now();
    let gap = Duration::from_secs(1) / u32::try_from(keys.len().max(1)).unwrap_or(u32::MAX);
    for (number, key) in (1..).zip(keys) {
        std::thread::sleep((began + gap * number).saturating_duration_since(Instant::now()));
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
        server.url = server.answer()?;
        server.bucket = server.answer()?;
        server.access_key = server.answer()?;
        server.secret_key = server.answer()?;
        Ok(server)
    }

    fn answer(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn tell(&mut self, line: &str) -> Outcome<()> {
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
