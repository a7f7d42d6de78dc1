//! What a request costs with the official SDK for Rust, against the server of the bench `requests`:
//!
//!     cargo bench --features local --bench requests -- serve   # prints a URL and a bucket, until its input ends
//!     cargo run --release --manifest-path benches/peers/Cargo.toml -- URL BUCKET

use std::error::Error;
use std::fs;
use std::time::Duration;

use aws_sdk_s3::config::{Credentials, Region};

const REQUESTS: u32 = 1000;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(bucket)) = (arguments.next(), arguments.next()) else {
        return Err("which URL, and which bucket?".into());
    };
    let keys = || {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "bench")
    };
    let http = aws_smithy_http_client::Builder::new().build_http();
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(keys())
            .http_client(http.clone())
            .force_path_style(true)
            .build(),
    );
    let runtime = aws_sdk_sagemakerruntime::Client::from_conf(
        aws_sdk_sagemakerruntime::Config::builder()
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(keys())
            .http_client(http)
            .build(),
    );
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let input = format!("s3://{bucket}/input");
    let poll = || {
        let polled = tokio.block_on(s3.get_object().bucket(&bucket).key("missing.out").send());
        assert!(polled.is_err_and(|error| error.into_service_error().is_no_such_key()));
    };
    let invoke = || {
        let request = runtime
            .invoke_endpoint_async()
            .endpoint_name("bench")
            .input_location(&input);
        tokio.block_on(request.send()).expect("submitted");
    };
    println!(
        "poll of a missing key: {:.1} us",
        cost(poll).as_secs_f64() * 1e6
    );
    println!(
        "InvokeEndpointAsync: {:.1} us",
        cost(invoke).as_secs_f64() * 1e6
    );
    Ok(())
}

/// CPU time of this thread for one request: the median of the rounds.
fn cost(request: impl Fn()) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let before = cpu_of_thread();
            (0..REQUESTS).for_each(|_| request());
            cpu_of_thread().saturating_sub(before) / REQUESTS
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

fn cpu_of_thread() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
