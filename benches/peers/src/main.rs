//! What a request costs with the official SDK for Rust, against the servers of the bench `requests`:
//!
//!     cargo bench --features local --bench requests -- serve   # prints a URL and a bucket, until its input ends
//!     cargo run --release --manifest-path benches/peers/Cargo.toml -- URL BUCKET
//!
//! and over TLS, with the certificate that is trusted:
//!
//!     cargo bench --features local --bench requests -- serve-tls   # prints a URL and a file of certificates
//!     cargo run --release --manifest-path benches/peers/Cargo.toml -- URL FILE

use std::error::Error;
use std::fs;
use std::time::Duration;

use aws_sdk_s3::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use tokio::runtime::Runtime;

const REQUESTS: u32 = 1000;
const ROUNDS: usize = 7;
/// Of clients that send their first request.
const FIRST: usize = 70;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(what)) = (arguments.next(), arguments.next()) else {
        return Err("which URL, and which bucket or file of certificates?".into());
    };
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if url.starts_with("https:") {
        over_tls(&tokio, &url, &fs::read(what)?)
    } else {
        plain(&tokio, &url, &what);
        Ok(())
    }
}

fn plain(tokio: &Runtime, url: &str, bucket: &str) {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let s3 = s3(url, http.clone());
    let runtime = aws_sdk_sagemakerruntime::Client::from_conf(
        aws_sdk_sagemakerruntime::Config::builder()
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(keys())
            .http_client(http)
            .build(),
    );
    let input = format!("s3://{bucket}/input");
    let invoke = || {
        let request = runtime
            .invoke_endpoint_async()
            .endpoint_name("bench")
            .input_location(&input);
        tokio.block_on(request.send()).expect("submitted");
    };
    show("poll of a missing key", kept(|| poll(tokio, &s3, bucket)));
    show("InvokeEndpointAsync", kept(invoke));
}

fn over_tls(tokio: &Runtime, url: &str, pem: &[u8]) -> Result<(), Box<dyn Error>> {
    let client = || -> Result<_, Box<dyn Error>> {
        let roots = TrustStore::empty().with_pem_certificate(pem);
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
            .build_https();
        Ok(s3(url, http))
    };
    let s3 = client()?;
    show(
        "poll over TLS, on a kept connection",
        kept(|| poll(tokio, &s3, "bench-bucket")),
    );
    let mut first = Vec::new();
    for _ in 0..FIRST {
        let s3 = client()?;
        first.push(cost(1, || poll(tokio, &s3, "bench-bucket")));
    }
    show("the first one: roots, handshake, poll", median(first));
    Ok(())
}

fn s3(url: &str, http: SharedHttpClient) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(keys())
            .http_client(http)
            .force_path_style(true)
            .build(),
    )
}

fn keys() -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "bench")
}

fn poll(tokio: &Runtime, s3: &aws_sdk_s3::Client, bucket: &str) {
    let polled = tokio.block_on(s3.get_object().bucket(bucket).key("missing.out").send());
    assert!(polled.is_err_and(|error| error.into_service_error().is_no_such_key()));
}

fn show(what: &str, time: Duration) {
    println!("{what}: {:.1} us", time.as_secs_f64() * 1e6);
}

/// CPU time of this thread for one request of many: the median of the rounds.
fn kept(request: impl Fn()) -> Duration {
    median((0..ROUNDS).map(|_| cost(REQUESTS, &request)).collect())
}

fn cost(requests: u32, request: impl Fn()) -> Duration {
    let before = cpu_of_thread();
    (0..requests).for_each(|_| request());
    cpu_of_thread().saturating_sub(before) / requests
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn cpu_of_thread() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
