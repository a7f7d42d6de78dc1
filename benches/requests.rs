//! What a request costs, beside the floor: plain `ureq` and `aws-sigv4` with a kept connection, written out in
//! `support/clients.rs`. Both speak to the same local endpoint in another process, in turns, in one run; printed
//! are medians and their ratio. `cargo bench` puts the tables into the guide.
//!
//!     cargo bench --features local --bench requests
//!
//! Times of requests are measured with both processes on one core: with two, which caches a thread finds after each wait
//! differs from run to run, and the time of the same request with it.
//!
//! `profile ours poll` (or `floor`; `invoke`, `submit`) makes 1000 requests of that kind and prints nothing, for a
//! profiler: `valgrind --tool=callgrind` counts instructions, which a busy machine does not change.

// A bench measures real time and starts processes; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;
#[allow(dead_code, unreachable_pub)]
#[path = "../tests/it/support/tls.rs"]
mod tls;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Environment, Sys};
use support::clients::{Client, Floor, LISTED, Ours, client, listed_key};
use support::guide::{Table, machine, publish};
use support::{OneCore, Outcome, Served, arguments_after, cpu_of_process, cpu_of_thread, median};

const ROUNDS: usize = 7;
const REQUESTS: u32 = 1000;
const COLD_STARTS: usize = 31;
const BODY: [u8; 1024] = [b'x'; 1024];
/// A bundle that most machines have.
const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What one table needs.
type Measured = fn(&mut Served) -> Outcome<()>;

fn main() -> Outcome<()> {
    type Part = fn(&[String]) -> Outcome<()>;
    let parts: [(&str, Part); 5] = [
        ("serve", |_| serve()),
        ("serve-tls", |_| serve_tls()),
        ("once", once),
        ("count", count),
        ("profile", profile),
    ];
    for (word, part) in parts {
        if let Some(rest) = arguments_after(word) {
            return part(&rest);
        }
    }
    publish("machine", &machine())?;
    let mut server = Served::start(&["serve"])?;
    let tables: [(&str, Measured); 4] = [
        ("times", |_| times()),
        ("counts", |server| counts(server)),
        ("tls", |_| tls_times()),
        ("threads", threads),
    ];
    // One alone by its name: `-- counts`.
    let chosen = |(name, _): &&(&str, Measured)| arguments_after(name).is_some();
    let one = tables.iter().find(chosen);
    for (_, table) in one.map_or(&tables[..], std::slice::from_ref) {
        table(&mut server)?;
    }
    Ok(())
}

const WORK: [(&str, &str); 3] = [
    ("poll of a missing key", "poll"),
    ("`InvokeEndpointAsync` of an input in S3", "invoke"),
    ("submit of 1 KiB, a request", "submit"),
];

/// What is counted besides.
const PAGE: (&str, &str) = ("poll by a page of 1,000 keys", "list");

/// One request of this kind; how many it was.
fn request(client: &dyn Client, what: &str) -> Outcome<u32> {
    match what {
        "poll" => client.poll().map(|()| 1),
        "invoke" => client.invoke().map(|()| 1),
        "submit" => client.submit(&BODY),
        "list" => client.list().map(|()| 1),
        _ => Err("what is it: poll, invoke or submit?".into()),
    }
}

fn times() -> Outcome<()> {
    let _one_core = OneCore::take();
    let server = &Served::start(&["serve"])?;
    let mut table = Table::new(&["CPU time of a request", "floor", "this crate", "ratio"]);
    // The name that every machine knows; Amazon's have to be resolved as this one has.
    let by_name = server.url.replace("127.0.0.1", "localhost");
    for (url, how) in [(&server.url, "by address"), (&by_name, "by name")] {
        let ours = Ours::new(url, &server.bucket)?;
        let mut compare = |floor: &Floor, name: &str, what: &str| -> Outcome<()> {
            let (mut floors, mut oursies) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                floors.push(cost(floor, what)?);
                oursies.push(cost(&ours, what)?);
            }
            row(&mut table, &format!("{name}, {how}"), floors, oursies);
            Ok(())
        };
        let floor = Floor::new(url, &server.bucket);
        for (name, what) in WORK {
            compare(&floor, name, what)?;
        }
        let alike = "poll of a missing key, the floor's with a checksum too";
        compare(&floor.with_checksums(), alike, "poll")?;
    }
    for (name, who) in [
        ("process start to response", "ours"),
        ("the same, with `AWS_CA_BUNDLE` set", "ours-bundle"),
    ] {
        if who == "ours-bundle" && fs::metadata(CA_BUNDLE).is_err() {
            println!("left out: {CA_BUNDLE} is not there");
            continue;
        }
        let (mut floors, mut oursies) = (Vec::new(), Vec::new());
        for _ in 0..COLD_STARTS {
            floors.push(started_by("floor", server)?);
            oursies.push(started_by(who, server)?);
        }
        row(&mut table, name, floors, oursies);
    }
    table.publish("requests")
}

fn row(table: &mut Table, name: &str, floors: Vec<Duration>, oursies: Vec<Duration>) {
    let (floor, ours) = (median(floors), median(oursies));
    let micros = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
    table.row(&[
        name.to_owned(),
        micros(floor),
        micros(ours),
        format!("{:.2}", ours.as_secs_f64() / floor.as_secs_f64()),
    ]);
}

/// Average CPU time of this thread for one request; wall time if the system does not report CPU time.
fn cost(client: &dyn Client, what: &str) -> Outcome<Duration> {
    let started = (cpu_of_thread(), Instant::now());
    let mut requests = 0;
    while requests < REQUESTS {
        requests += request(client, what)?;
    }
    let spent = match (started.0, cpu_of_thread()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => started.1.elapsed(),
    };
    Ok(spent / requests)
}

/// From the start of a process that sends one request to its end, by the clock.
fn started_by(who: &str, server: &Served) -> Outcome<Duration> {
    let started = Instant::now();
    let status = Command::new(std::env::current_exe()?)
        .args(["once", who, &server.url, &server.bucket])
        .status()?;
    if !status.success() {
        return Err("the process failed".into());
    }
    Ok(started.elapsed())
}

fn once(arguments: &[String]) -> Outcome<()> {
    let [who, url, bucket, ..] = arguments else {
        return Err("too few arguments".into());
    };
    if who == "ours-bundle" {
        let environment = Environment::from_pairs([("AWS_CA_BUNDLE", CA_BUNDLE)]);
        let session = Ours::session(url).sys(Sys::real().with_environment(environment));
        return Ours::of(session, bucket)?.poll();
    }
    client(who, url, bucket)?.poll()
}

fn profile(of: &[String]) -> Outcome<()> {
    let [who, what, ..] = of else {
        return Err("profile what: floor or ours; poll, invoke or submit?".into());
    };
    let server = Served::start(&["serve"])?;
    let client = client(who, &server.url, &server.bucket)?;
    for _ in 0..REQUESTS {
        request(&*client, what)?;
    }
    Ok(())
}

/// Instructions by callgrind, allocations by an allocator that counts: neither scatters.
fn counts(server: &Served) -> Outcome<()> {
    let mut table = Table::new(&["of a request", "floor", "this crate", "ratio"]);
    for (name, what) in WORK.into_iter().chain([PAGE]) {
        for (of, within) in [("", None), (" of the signature", Some(SIGNERS))] {
            if within.is_some() && what == PAGE.1 {
                continue;
            }
            let only = |who: usize| within.map(|names| names[who]);
            let floor = instructions(server, "floor", what, only(0))?;
            let ours = instructions(server, "ours", what, only(1))?;
            match (floor, ours) {
                (Some(floor), Some(ours)) => {
                    counted(
                        &mut table,
                        &format!("instructions{of}, {name}"),
                        floor,
                        ours,
                    );
                }
                _ => println!("instructions are left out: there is no valgrind"),
            }
        }
    }
    for (name, what) in WORK.into_iter().chain([PAGE]) {
        let [floor, ours] = ["floor", "ours"].map(|who| allocations(server, who, what));
        counted(&mut table, &format!("allocations, {name}"), floor?, ours?);
    }
    table.publish("counts")
}

fn counted(table: &mut Table, name: &str, floor: u64, ours: u64) {
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let ratio = ours as f64 / floor as f64;
    table.row(&[
        name.to_owned(),
        floor.to_string(),
        ours.to_string(),
        format!("{ratio:.2}"),
    ]);
}

/// The functions that sign, of the floor and of this crate.
const SIGNERS: [&str; 2] = ["*support*signed*", "*sign_request*"];

/// Of the process below, with one number of requests and with another: the difference is theirs alone. `within` one
/// function and what it calls, or in all.
fn instructions(
    server: &Served,
    who: &str,
    what: &str,
    within: Option<&str>,
) -> Outcome<Option<u64>> {
    let mut collected = Vec::new();
    for requests in [100, 300] {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .args(within.map(|function| format!("--toggle-collect={function}")))
            .arg(std::env::current_exe()?)
            .args([
                "count",
                who,
                what,
                &server.url,
                &server.bucket,
                &requests.to_string(),
            ])
            .output();
        let Ok(run) = run else { return Ok(None) };
        let report = String::from_utf8_lossy(&run.stderr);
        let number = report
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        let number = number.ok_or("callgrind counted nothing")?.1.trim();
        collected.push(number.parse::<u64>()?);
    }
    let counted = (collected[1] - collected[0]) / 200;
    if counted == 0 {
        return Err(format!("{} is not in the program", within.unwrap_or(who)).into());
    }
    Ok(Some(counted))
}

fn count(arguments: &[String]) -> Outcome<()> {
    let [who, what, url, bucket, requests, ..] = arguments else {
        return Err("too few arguments".into());
    };
    let client = client(who, url, bucket)?;
    let (mut sent, requests) = (0, requests.parse()?);
    while sent < requests {
        sent += request(&*client, what)?;
    }
    Ok(())
}

fn allocations(server: &Served, who: &str, what: &str) -> Outcome<u64> {
    let client = client(who, &server.url, &server.bucket)?;
    // The first request connects.
    request(&*client, what)?;
    let (mut sent, mut outcome) = (0, Ok(()));
    let counted = allocation_counter::measure(|| {
        while sent < 100 && outcome.is_ok() {
            outcome = request(&*client, what).map(|requests| sent += requests);
        }
    });
    outcome?;
    Ok(counted.count_total / u64::from(sent))
}

/// Polls over TLS, of a server that always gives the same response.
fn tls_times() -> Outcome<()> {
    let _one_core = OneCore::take();
    let server = Served::start(&["serve-tls"])?;
    let pem = fs::read(&server.bucket)?;
    let mut table = Table::new(&[
        "CPU time of a poll over TLS",
        "floor",
        "this crate",
        "ratio",
    ]);
    let ours = || {
        Ours::of(
            Ours::session(&server.url).ca_bundle_pem(pem.clone()),
            "bench-bucket",
        )
    };
    let floor = || -> Outcome<Floor> {
        let root = ureq::tls::Certificate::from_pem(&pem)?;
        let trusted = ureq::tls::RootCerts::from([root]);
        let tls = ureq::tls::TlsConfig::builder().root_certs(trusted).build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .build();
        Ok(Floor::with_agent(
            config.new_agent(),
            &server.url,
            "bench-bucket",
        ))
    };
    let (kept_floor, kept_ours) = (floor()?, ours()?);
    let first = |client: &dyn Client| -> Outcome<Duration> {
        let before = cpu_of_thread();
        client.poll()?;
        Ok(cpu_of_thread()
            .zip(before)
            .map_or(Duration::ZERO, |(after, before)| {
                after.saturating_sub(before)
            }))
    };
    let [mut floors, mut oursies, mut new_floors, mut new_ours] = [(); 4].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        floors.push(cost(&kept_floor, "poll")?);
        oursies.push(cost(&kept_ours, "poll")?);
        for _ in 0..10 {
            new_floors.push(first(&floor()?)?);
            new_ours.push(first(&ours()?)?);
        }
    }
    row(&mut table, "on a kept connection", floors, oursies);
    row(
        &mut table,
        "the first one: roots, handshake, poll",
        new_floors,
        new_ours,
    );
    table.publish("tls")
}

/// Several threads on one session.
fn threads(server: &mut Served) -> Outcome<()> {
    const OF_EACH: u32 = 2000;
    let columns = [
        "polls",
        "threads",
        "CPU time of each",
        "wall time of each",
        "connections opened",
    ];
    let mut table = Table::new(&columns);
    for threads in [1, 4, 16] {
        for who in ["floor", "ours"] {
            let client: Box<dyn Client + Sync> = match who {
                "floor" => Box::new(Floor::new(&server.url, &server.bucket)),
                _ => Box::new(Ours::new(&server.url, &server.bucket)?),
            };
            let before = (server.connections()?, cpu_of_process(), Instant::now());
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..OF_EACH).try_for_each(|_| client.poll()).expect("polls"));
                }
            });
            let (wall, cpu) = (
                before.2.elapsed(),
                cpu_of_process().saturating_sub(before.1),
            );
            let micros = |time: Duration| {
                format!("{:.1} us", (time / (threads * OF_EACH)).as_secs_f64() * 1e6)
            };
            table.row(&[
                if who == "floor" {
                    "floor"
                } else {
                    "this crate"
                }
                .to_owned(),
                threads.to_string(),
                micros(cpu),
                micros(wall),
                (server.connections()? - before.0).to_string(),
            ]);
        }
    }
    table.publish("threads")
}

/// What is resident in a process of its own.
fn serve() -> Outcome<()> {
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("bench")
        .instances(0)
        .kept_requests(0)
        .start()?;
    for number in 0..LISTED {
        endpoint.put_object(endpoint.bucket(), &listed_key(number), "1");
    }
    support::serve(&endpoint);
    Ok(())
}

/// Prints its URL and the file of its root certificate.
fn serve_tls() -> Outcome<()> {
    use std::io::{Read, Write};

    const BODY: &str =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>";
    let authority = tls::Authority::new();
    let config = authority.server(&["localhost"]);
    let pem = std::env::temp_dir().join(format!("bench-root-{}.pem", std::process::id()));
    fs::write(&pem, authority.root())?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!(
        "https://localhost:{}\n{}",
        listener.local_addr()?.port(),
        pem.display()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || -> std::io::Result<()> {
                stream.set_nodelay(true)?;
                let mut stream = tls::accept(&config, stream)?;
                let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
                loop {
                    let read = stream.read(&mut buffer)?;
                    head.extend_from_slice(&buffer[..read]);
                    if read == 0 {
                        return Ok(());
                    }
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        let length = BODY.len();
                        write!(
                            stream,
                            "HTTP/1.1 404 Not Found\r\nx-amz-request-id: 1\r\nContent-Length: {length}\r\n\r\n{BODY}"
                        )?;
                        stream.flush()?;
                    }
                }
            });
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    fs::remove_file(pem)?;
    Ok(())
}
