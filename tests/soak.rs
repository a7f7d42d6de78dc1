//! Thousands of inferences while one request in ten goes wrong and the client is killed again and again:
//! every job comes to exactly one outcome, and none runs twice unless an error said maybe.
//!
//! The short form runs with the other tests. The long one, 20,000 inferences:
//! `cargo test --release --all-features --test soak -- --ignored --nocapture the_long_form`.
//! `SOAK_SEED` is another seed than the usual one: the faults and the times of the kills follow from it.
//!
//! The server does not trust the client: it counts runs by the content of the input, whatever inference id came with
//! it, and keeps the response to every submit. A client that says "maybe" of what was plainly refused is found out
//! by that. Kills come when the work has got to a certain point, so that they happen on any machine; that they and
//! the faults did happen is asserted, and each life of the client has an end.
//!
//! A change of the crate that should make it fail is worth trying now and then. These did, by hand, with the short
//! form (each was undone again):
//!
//! - each 20th submit with a response is sent again under another inference id: "ran under the ids [..]";
//! - `as_completed` drops one outcome in 20: its client counts fewer outcomes than responses;
//! - every error of a submit becomes `MaybeSubmitted`: "maybe, but every submit of them was refused".
//!
//! A journal without fsync is not found out by a kill: the system keeps what a dead process has written, and only a
//! machine that loses its power loses it. That is simulated in `src/batch/tests.rs`, where all that was not
//! flushed is lost at a cut. Without the flush in `Journal::record`, tried by hand, both of its tests fail: a handle
//! "would be lost", and inputs run up to five times.
#![cfg(feature = "local")]
#![allow(clippy::disallowed_methods)] // a process of its own, with files of its own, in real time

#[path = "it/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, Environment, Sys, SystemClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Bytes, Error, Session, WaiterConfig, as_completed,
    submit_all,
};

/// How much, how often, and by which seed.
struct Plan {
    jobs: usize,
    kills: usize,
    /// One life of the client that takes longer hangs.
    longest_life: Duration,
    seed: u64,
}

#[test]
fn the_short_form() {
    soak(&Plan {
        jobs: 400,
        kills: 6,
        longest_life: Duration::from_mins(2),
        seed: seed(),
    });
}

#[test]
#[ignore = "takes minutes"]
fn the_long_form() {
    soak(&Plan {
        jobs: 20_000,
        kills: 60,
        longest_life: Duration::from_mins(20),
        seed: seed(),
    });
}

fn seed() -> u64 {
    let given = std::env::var("SOAK_SEED").ok();
    given.map_or(20_261_125, |seed| seed.parse().expect("a number"))
}

/// What the server saw.
#[derive(Default)]
struct Seen {
    /// The inference ids that each job ran under, reported by its input.
    runs: BTreeMap<usize, Vec<String>>,
    /// How each submit of an inference id was responded to, and when; `None` for one that was not.
    submits: BTreeMap<String, Vec<(Option<u16>, Instant)>>,
    /// Requests that a fault kept from their response.
    faults: usize,
}

type Shared = Arc<Mutex<Seen>>;

fn start_server(seen: &Shared) -> LocalEndpoint {
    let (ran, asked) = (seen.clone(), seen.clone());
    LocalEndpoint::builder()
        .max_concurrent_invocations_per_instance(8)
        .model(move |request| {
            let job = job_of(&request.body);
            let mut seen = ran.lock().expect("runs");
            let ids = seen.runs.entry(job).or_default();
            ids.push(request.inference_id.clone());
            ModelResponse::ok(request.body.clone())
        })
        .on_request(move |request| {
            let mut seen = asked.lock().expect("submits");
            // 404 is a result that is not there yet.
            if request
                .status
                .is_none_or(|status| status >= 400 && status != 404)
            {
                seen.faults += 1;
            }
            if request.operation == Operation::InvokeEndpointAsync {
                let id = request.header("x-amzn-sagemaker-inference-id");
                let replies = seen.submits.entry(id.unwrap_or("none").to_owned());
                replies.or_default().push((request.status, Instant::now()));
            }
        })
        .start()
        .expect("an endpoint")
}

fn soak(plan: &Plan) {
    let started = Instant::now();
    let seen = Shared::default();
    let endpoint = start_server(&seen);
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let scripted = script_faults(&endpoint, plan, &mut random);
    let dir = tempfile::TempDir::new().expect("a directory");

    let mut kills = Vec::new();
    for kill in 0..plan.kills {
        // The last third of the work is for the last life.
        let most = plan.jobs * 2 / 3;
        let enough = most * kill / plan.kills + random.usize(0..most / plan.kills);
        let pause = Duration::from_millis(random.u64(0..30));
        let mut client = start_client(&endpoint, plan, dir.path());
        wait_for(plan, &mut client, || {
            seen.lock().expect("runs").runs.len() > enough
        });
        std::thread::sleep(pause);
        client.kill().expect("a kill");
        kills.push(Instant::now());
        let status = client.wait().expect("its end");
        assert!(
            status.code().is_none(),
            "the client ended by itself before it was killed: {status}"
        );
    }
    let mut client = start_client(&endpoint, plan, dir.path());
    wait_for(plan, &mut client, || false);
    let status = client.wait().expect("its end");
    assert!(status.success(), "the client failed by itself: {status}");
    assert!(endpoint.wait_until_idle(Duration::from_mins(1)));

    let outcomes = outcomes(dir.path());
    let seen = seen.lock().expect("what it saw");
    assert_eq!(kills.len(), plan.kills);
    assert!(
        seen.faults > plan.jobs / 20,
        "{} faults of {scripted} happened",
        seen.faults
    );
    let accepted = endpoint.jobs().len();
    let ran: usize = seen.runs.values().map(Vec::len).sum();
    assert_eq!(accepted, ran, "submits that were accepted, and runs");
    let tally = judge(plan, &outcomes, &seen, &kills);
    println!(
        "{} jobs, {} kills, {} faults, seed {}: {tally} in {:.1} s",
        plan.jobs,
        kills.len(),
        seen.faults,
        plan.seed,
        started.elapsed().as_secs_f64()
    );
}

/// Threads of the client that submit.
const CONCURRENCY: usize = 8;

/// Every job has one outcome, and ran as often as that says, under its own id.
fn judge(
    plan: &Plan,
    outcomes: &BTreeMap<usize, Vec<String>>,
    seen: &Seen,
    kills: &[Instant],
) -> String {
    let (mut results, mut maybe_ran, mut maybe_did_not) = (0, 0, 0);
    for job in 0..plan.jobs {
        let ids = seen.runs.get(&job).map_or(&[][..], Vec::as_slice);
        assert!(
            ids.len() < 2 && ids.iter().all(|id| *id == name(job)),
            "job {job} ran under the ids {ids:?}"
        );
        match outcomes.get(&job).map(Vec::as_slice) {
            Some([outcome]) => match (outcome.as_str(), ids.len()) {
                ("result", 1) => results += 1,
                ("maybe", 0) => maybe_did_not += 1,
                ("maybe", 1) => maybe_ran += 1,
                (outcome, ran) => panic!("job {job}: {outcome}, and it ran {ran} times"),
            },
            other => panic!("job {job}: outcomes {other:?}, and it ran under {ids:?}"),
        }
    }
    assert_eq!(seen.runs.keys().filter(|job| **job >= plan.jobs).count(), 0);
    let maybe = outcomes
        .iter()
        .filter(|(_, outcome)| **outcome == ["maybe"]);
    let maybe: Vec<_> = maybe.map(|(job, _)| name(*job)).collect();
    let doubtful = seen
        .submits
        .values()
        .filter(|replies| !were_refused(replies, &[]));
    let most = doubtful.count().min(plan.jobs / 5) + CONCURRENCY * kills.len();
    assert!(
        maybe.len() <= most,
        "{} maybe of at most {most}",
        maybe.len()
    );
    let refused = |id: &String| {
        let replies = seen.submits.get(id).map_or(&[][..], Vec::as_slice);
        were_refused(replies, kills)
    };
    let wrong: Vec<_> = maybe.into_iter().filter(refused).collect();
    // Now and then a submit that is sent again after a refusal gets lost where the server does not see it.
    assert!(
        wrong.len() <= plan.jobs / 100,
        "maybe, but every submit of them was refused: {wrong:?}"
    );
    assert!(results > plan.jobs / 2, "{results} results");
    format!(
        "{results} results, each of one run; {} may have been submitted, of which {maybe_ran} ran \
         once and {maybe_did_not} did not",
        maybe_ran + maybe_did_not
    )
}

/// Whether every submit was refused with a response that leaves nothing open, and the client lived on to read it.
fn were_refused(replies: &[(Option<u16>, Instant)], kills: &[Instant]) -> bool {
    let refused = |(status, at): &(Option<u16>, Instant)| {
        let killed = kills
            .iter()
            .any(|kill| kill >= at && kill.duration_since(*at) < Duration::from_millis(300));
        *status == Some(403) && !killed
    };
    !replies.is_empty() && replies.iter().all(refused)
}

/// One request in ten, whatever it is, meets a fault of any kind.
fn script_faults(endpoint: &LocalEndpoint, plan: &Plan, random: &mut fastrand::Rng) -> usize {
    let (mut at, mut count) = (0, 0);
    // A job is a submit and about two polls, and some retries.
    while (at as usize) < 6 * plan.jobs {
        // From 0 to 18, so 9 on average between two of them.
        at += random.u32(0..=18);
        endpoint.fault(any_fault(Fault::on(Operation::Any).skip(at), random));
        count += 1;
    }
    // Refusals that leave nothing open.
    for at in (10..plan.jobs).step_by(10) {
        let at = u32::try_from(at).expect("fits in 32 bits");
        let fault = Fault::on(Operation::InvokeEndpointAsync).skip(at);
        endpoint.fault(fault.access_denied());
        count += 1;
    }
    count
}

fn any_fault(fault: Fault, random: &mut fastrand::Rng) -> Fault {
    match random.u32(0..16) {
        0 | 1 => fault.drop_connection(),
        2 | 3 => fault.drop_after_handling(),
        4 => fault.truncate_body(random.usize(0..8)),
        5 if random.u32(0..8) == 0 => fault.hang(),
        5 | 6 => fault.delay(Duration::from_millis(random.u64(1..40))),
        7 | 8 => fault.throttle(),
        9 => fault.status(500),
        10 => fault.status(503),
        11 => fault.error(403, "RequestTimeTooSkewed"),
        12 => fault.error(403, "ExpiredToken"),
        13 => fault.access_denied(),
        14 => fault.respond(
            502,
            [("content-type", "text/html")],
            "<html>a proxy's page<br></html>",
        ),
        _ => fault.respond(429, [("retry-after", "0")], ""),
    }
}

fn name(job: usize) -> String {
    format!("job-{job}")
}

/// This test's program once more, as the client.
fn start_client(endpoint: &LocalEndpoint, plan: &Plan, dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "the_client", "--ignored", "--nocapture"])
        .env("SOAK_DIR", dir)
        .env("SOAK_URL", endpoint.url())
        .env("SOAK_REGION", endpoint.region())
        .env("SOAK_NAME", endpoint.name())
        .env("SOAK_KEY", endpoint.access_key())
        .env("SOAK_SECRET", endpoint.secret_key())
        .env("SOAK_JOBS", plan.jobs.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("the client")
}

/// Until the client ends by itself, or what is waited for is there.
fn wait_for(plan: &Plan, client: &mut Child, mut is_there: impl FnMut() -> bool) {
    let until = Instant::now() + plan.longest_life;
    while !is_there() && client.try_wait().expect("the client's state").is_none() {
        if Instant::now() > until {
            client.kill().expect("a kill");
            panic!(
                "a life of the client did not end within {:?}",
                plan.longest_life
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the client wrote down, whole lines alone: of one that a kill has cut the job is not done.
fn outcomes(dir: &Path) -> BTreeMap<usize, Vec<String>> {
    let text = fs::read_to_string(dir.join("outcomes")).unwrap_or_default();
    let mut outcomes = BTreeMap::<usize, Vec<String>>::new();
    for line in text.split_inclusive('\n') {
        if let Some((job, outcome)) = line.strip_suffix('\n').and_then(|l| l.split_once(' ')) {
            let job = job.parse().expect("a job's number");
            outcomes.entry(job).or_default().push(outcome.to_owned());
        }
    }
    outcomes
}

/// The client. It is killed at any moment, and begun again with what it has left on the disk.
#[test]
#[ignore = "run by the soak"]
fn the_client() {
    let Some(dir) = std::env::var_os("SOAK_DIR").map(PathBuf::from) else {
        return;
    };
    let variable = |name: &str| std::env::var(name).expect("a variable of the soak");
    let jobs: usize = variable("SOAK_JOBS").parse().expect("a number");
    let credentials = Credentials::new(
        variable("SOAK_KEY"),
        variable("SOAK_SECRET"),
        None,
        None,
        "soak",
    );
    let session = Session::builder()
        .region(variable("SOAK_REGION"))
        .credentials(credentials)
        .endpoint_url(variable("SOAK_URL"))
        .sys(
            Sys::real()
                .with_environment(Environment::empty())
                .with_clock(Fast),
        )
        .timeouts(Timeouts::default().with_read(Duration::from_secs(2)))
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new(variable("SOAK_NAME"), &session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new());
    let mut client = Client::resume(dir);
    while client.done.len() < jobs {
        client.round(&predictor, jobs);
    }
}

/// The true time for signatures, and 50 times as fast for pauses: those after throttling would take
/// most of the time otherwise.
#[derive(Debug)]
struct Fast;

const SPEED: u32 = 50;

impl Clock for Fast {
    fn now(&self) -> SystemTime {
        SystemClock.now()
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() * SPEED
    }
    fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration / SPEED);
    }
}

struct Client {
    dir: PathBuf,
    done: BTreeMap<usize, Vec<String>>,
    log: fs::File,
}

impl Client {
    fn resume(dir: PathBuf) -> Self {
        let path = dir.join("outcomes");
        let text = fs::read(&path).unwrap_or_default();
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the outcomes");
        log.set_len(whole as u64).expect("whole lines");
        Self {
            done: outcomes(&dir),
            dir,
            log,
        }
    }

    /// Submits what is not submitted yet, and waits for what has no outcome.
    fn round(&mut self, predictor: &AsyncPredictor<Bytes, Bytes>, jobs: usize) {
        let requests = (0..jobs).map(|job| {
            let request = predictor.request(&input(job)).into_owned();
            request.inference_id(name(job))
        });
        let submits = submit_all(requests)
            .journal(self.dir.join("journal"))
            .expect("a journal")
            .concurrency(CONCURRENCY)
            .expect("a number of threads");
        let mut waiting = Vec::new();
        for (job, submit) in submits.enumerate() {
            if self.done.contains_key(&job) {
                continue;
            }
            match submit {
                Ok(response) => waiting.push((job, response)),
                Err(Error::MaybeSubmitted(_)) => self.write(job, "maybe"),
                // It was not submitted, and is in the next round.
                Err(_) => {}
            }
            if waiting.len() == 100 {
                self.wait(std::mem::take(&mut waiting));
            }
        }
        self.wait(waiting);
    }

    fn wait(&mut self, mut waiting: Vec<(usize, AsyncInferenceResponse<Bytes>)>) {
        let often = WaiterConfig::builder()
            .max_attempts(100)
            .delay(Duration::from_millis(500))
            .build()
            .expect("a wait");
        // An error that ends a wait is no outcome of the inference: it is waited for again.
        while !waiting.is_empty() {
            let (jobs, responses): (Vec<_>, Vec<_>) =
                std::mem::take(&mut waiting).into_iter().unzip();
            let (count, mut yielded) = (responses.len(), 0);
            for completed in as_completed(responses, &often) {
                yielded += 1;
                let job = jobs[completed.index()];
                match completed.result::<Vec<u8>>() {
                    Ok(result) => {
                        assert_eq!(*result, input(job), "somebody else's result");
                        self.write(job, "result");
                    }
                    Err(_) => waiting.push((job, completed.into_response())),
                }
            }
            assert_eq!(
                yielded, count,
                "as_completed yielded {yielded} outcomes of {count} responses"
            );
        }
    }

    fn write(&mut self, job: usize, outcome: &str) {
        let mut line = String::new();
        writeln!(line, "{job} {outcome}").expect("text");
        self.log.write_all(line.as_bytes()).expect("an outcome");
        self.done.entry(job).or_default().push(outcome.to_owned());
    }
}

/// The job of an input.
fn job_of(input: &[u8]) -> usize {
    let text = std::str::from_utf8(input).ok();
    let number = text.and_then(|text| text.strip_prefix("the input of job ")?.parse().ok());
    number.expect("an input of the soak's")
}

fn input(job: usize) -> Vec<u8> {
    format!("the input of job {job}").into_bytes()
}
