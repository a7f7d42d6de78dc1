//! What the benches share: a server in a process of its own, the floor, and the guide's tables.

pub mod clients;
pub mod guide;
pub mod lister;

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use sagemaker_async_inference::local::LocalEndpoint;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The arguments after `word`, if it is one of them.
pub fn arguments_after(word: &str) -> Option<Vec<String>> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == word)?;
    Some(arguments[at + 1..].to_vec())
}

/// The bench itself in another process, as a server, until this is dropped.
pub struct Served {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    pub url: String,
    pub bucket: String,
}

impl Served {
    /// Starts it with these arguments; it is to call [`serve`].
    pub fn start(arguments: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> Outcome<String> { Ok(output.next().ok_or("the server ended")??) };
        Ok(Self {
            url: line()?,
            bucket: line()?,
            output,
            child,
        })
    }

    /// How many connections it has accepted.
    pub fn connections(&mut self) -> Outcome<u64> {
        writeln!(self.child.stdin.as_mut().ok_or("no input")?, "connections")?;
        Ok(self.output.next().ok_or("the server ended")??.parse()?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Prints where the endpoint is, and for each line of input the number of its connections, until the process that
/// started this one closes its input.
pub fn serve(endpoint: &LocalEndpoint) {
    println!("{}\n{}", endpoint.url(), endpoint.bucket());
    for _line in std::io::stdin().lines() {
        println!("{}", endpoint.connections());
    }
}

pub fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort();
    values[values.len() / 2]
}

/// This thread, and what is started while it exists, is kept on one core. Elsewhere than on Linux it does nothing.
pub struct OneCore(#[cfg(target_os = "linux")] Option<rustix::thread::CpuSet>);

impl OneCore {
    #[cfg(target_os = "linux")]
    pub fn take() -> Self {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        let before = sched_getaffinity(None).ok();
        let first = before.and_then(|all| (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)));
        if let Some(first) = first {
            let mut one = CpuSet::new();
            one.set(first);
            // Where it is refused, times scatter.
            let _ = sched_setaffinity(None, &one);
        }
        Self(before)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn take() -> Self {
        Self()
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(before) = &self.0 {
            let _ = rustix::thread::sched_setaffinity(None, before);
        }
    }
}

/// The time that all processes see.
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// CPU time of this thread, if the system reports it.
pub fn cpu_of_thread() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = stat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// Time of this process's threads on CPUs, also of those that have ended, in steps of 10 ms.
pub fn cpu_of_process() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse().ok())
        .map(|ticks: u64| Duration::from_millis(10 * ticks))
        .sum()
}

/// The local endpoint's own.
pub fn credentials() -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "bench")
}

/// Signs as S3 wants it, or as all the other services do.
pub fn signed<B>(
    mut request: http::Request<B>,
    service: &str,
    body: SignableBody<'_>,
) -> Outcome<http::Request<B>> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = credentials().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Outcome<_>>()?;
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers.into_iter(),
        body,
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
