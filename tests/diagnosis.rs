//! What `tracing` records of submits, waits and requests, and what it never records.

#![cfg(all(feature = "tracing", feature = "local"))]

#[path = "it/support/mod.rs"]
mod support;

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::Session;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::response::CleanUp;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::{AsyncPredictor, CancelToken, Error, WaiterConfig};
use support::client::{accepted, builder, predictor, session_at, uri};
use support::raw::{Raw, read_request};
use support::tls::{Authority, accept};
use support::verifier::{Rules, Verifier};
use support::wait::response;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Records every span and event of this crate.
#[derive(Clone, Default)]
struct Listener {
    lines: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicU64>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("text");
    }
}

impl Listener {
    fn write(&self, what: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(what.to_owned());
        record(&mut line);
        self.lines.lock().expect("lines").push(line.0);
    }

    fn heard(&self, work: impl FnOnce()) -> Vec<String> {
        tracing::subscriber::with_default(self.clone(), work);
        std::mem::take(&mut *self.lines.lock().expect("lines"))
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sagemaker_async_inference")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = format!("span {}", span.metadata().name());
        self.write(&name, |line| span.record(line));
        Id::from_u64(self.next.fetch_add(1, Ordering::SeqCst) + 1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("record", |line| values.record(line));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let level = event.metadata().level().as_str();
        self.write(level, |line| event.record(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn one<'l>(lines: &'l [String], parts: &[&str]) -> &'l str {
    let found: Vec<_> = lines
        .iter()
        .filter(|line| parts.iter().all(|part| line.contains(part)))
        .collect();
    assert_eq!(found.len(), 1, "{parts:?} in {lines:#?}");
    found[0]
}

#[allow(clippy::too_many_lines)] // all that one inference records
#[test]
fn an_inference_is_traced_from_the_submit_to_the_removal() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    endpoint.fault(Fault::on(Operation::InvokeEndpointAsync).status(503));
    endpoint.fault(Fault::on(Operation::DeleteObject).access_denied());
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let secret = "payload-that-is-nobodys-business";
    let lines = Listener::default().heard(|| {
        let request = predictor
            .request(secret)
            .inference_id("job-7")
            .custom_attributes("hush-attributes");
        let response = request.submit().expect("a submit");
        let often = WaiterConfig::new(2000, Duration::from_millis(20)).expect("a wait");
        response.get_result::<String>(&often).expect("a result");
        let _ = response
            .clean_up(&CleanUp::nothing().output())
            .expect("a report");
    });

    let submit = one(&lines, &["span submit"]);
    assert!(submit.contains("inference_id=\"job-7\""), "{submit}");
    assert!(
        submit.contains("log_group=\"/aws/sagemaker/Endpoints/"),
        "{submit}"
    );
    one(&lines, &["record", "output_path=s3://"]);
    one(
        &lines,
        &[
            "span request",
            "operation=\"InvokeEndpointAsync\"",
            "service=\"sagemaker-runtime\"",
        ],
    );
    one(
        &lines,
        &[
            "DEBUG",
            "response",
            "attempt=1",
            "status=503",
            "request_id=",
            "elapsed_ms=",
        ],
    );
    one(
        &lines,
        &["DEBUG", "attempt=1", "pause_ms=", "will be retried"],
    );
    one(
        &lines,
        &[
            "DEBUG",
            "response",
            "attempt=2",
            "status=202",
            "request_id=",
        ],
    );
    one(&lines, &["INFO", "message=submitted"]);
    one(
        &lines,
        &["span wait", "inference_id=\"job-7\"", "output_path=s3://"],
    );
    one(
        &lines,
        &["INFO", "attempts=", "elapsed_ms=", "the wait is over"],
    );
    one(
        &lines,
        &["DEBUG", "refused", "code=\"AccessDenied\"", "request_id="],
    );
    one(&lines, &["WARN", "not removed", "s3:DeleteObject"]);
    let all = lines.join("\n");
    for secret in [secret, "hush", endpoint.secret_key(), "AWS4-HMAC"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn failures_are_events_at_the_level_of_a_warning() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    endpoint.fault(Fault::on(Operation::InvokeEndpointAsync).drop_after_handling());
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let lines = Listener::default().heard(|| {
        let submit = predictor.predict_async("x");
        assert!(matches!(submit, Err(Error::MaybeSubmitted(_))));
        let nothing = uri(&format!("s3://{}/nothing", endpoint.bucket()));
        let wait = WaiterConfig::new(2, Duration::from_millis(1)).expect("a wait");
        let outcome = AsyncInferenceResponse::new(&predictor, nothing, None)
            .expect("valid locations")
            .get_result::<String>(&wait);
        assert!(matches!(outcome, Err(Error::PollingTimeout(_))));
    });
    one(
        &lines,
        &[
            "DEBUG",
            "no response",
            "kind=ConnectionLost",
            "never_sent=false",
        ],
    );
    one(&lines, &["WARN", "may have been submitted"]);
    one(
        &lines,
        &[
            "DEBUG",
            "no result yet",
            "attempt=2",
            "observed=\"not found\"",
        ],
    );
    one(
        &lines,
        &["WARN", "the wait is over without a result", "attempts=2"],
    );
}

#[test]
fn a_batch_is_one_span_with_all_that_its_threads_do() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let submit = |inputs: std::ops::Range<u32>| {
        let outcomes = predictor.submit_all(inputs.map(|n| format!("hush-payload-{n}")));
        let outcomes = outcomes.concurrency(2).expect("a concurrency");
        outcomes
            .journal(&journal)
            .expect("a journal")
            .collect::<Vec<_>>()
    };
    let lines = Listener::default().heard(|| {
        assert!(submit(0..3).iter().all(Result::is_ok));
    });
    let span = one(&lines, &["span submit_all"]);
    assert!(span.contains("concurrency=2"), "{span}");
    assert!(span.contains("output_path_extension=\"batch-"), "{span}");
    for input in 0..3 {
        one(&lines, &["span input", &format!("input={input}")]);
    }
    let of = |what: &str, lines: &[String]| lines.iter().filter(|l| l.contains(what)).count();
    assert_eq!(of("span submit ", &lines), 3);
    assert_eq!(of("message=submitted", &lines), 3);
    one(
        &lines,
        &["INFO", "the batch is submitted", "done=3", "failed=0"],
    );

    // Once more, with one input more, which fails.
    endpoint.fault(Fault::on(Operation::InvokeEndpointAsync).error(400, "ValidationError"));
    let lines = Listener::default().heard(|| {
        assert_eq!(
            submit(0..4)
                .iter()
                .filter(|outcome| outcome.is_ok())
                .count(),
            3
        );
    });
    assert_eq!(of("submitted by an earlier run", &lines), 3);
    assert_eq!(of("span submit ", &lines), 1);
    one(&lines, &["WARN", "not submitted", "ValidationError"]);
    one(&lines, &["WARN", "submitted in part", "done=3", "failed=1"]);
    assert!(!lines.join("\n").contains("hush"), "{lines:#?}");

    let stopped = Listener::default().heard(|| {
        let token = CancelToken::new();
        let mut outcomes = predictor.submit_all(["a", "b", "c"]).cancel(token.clone());
        outcomes = outcomes.concurrency(1).expect("a concurrency");
        assert!(outcomes.next().is_some_and(|outcome| outcome.is_ok()));
        token.cancel();
        while outcomes.next().is_some() {}
    });
    one(&stopped, &["INFO", "no further inputs are taken"]);
}

#[test]
fn an_output_location_that_cannot_be_read_is_a_warning_without_its_query() {
    let server = Verifier::start(Rules::new(), |_| {
        accepted("https://my-bucket.s3.amazonaws.com/out?X-Amz-Signature=hush")
    });
    let predictor = predictor(&session_at(&server.url()));
    let lines = Listener::default().heard(|| {
        let response = predictor.predict_async("x").expect("it is submitted");
        assert!(response.unread_output_location().is_some());
    });
    let warning = one(&lines, &["WARN", "location cannot be read"]);
    assert!(warning.contains("of=\"output\""), "{warning}");
    assert!(
        warning.contains("location=\"https://my-bucket.s3.amazonaws.com/out\""),
        "{warning}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("hush")),
        "{lines:#?}"
    );
}

/// Whatever makes a connection fail: the next attempt resolves the host's name again.
#[test]
fn an_address_is_evicted_when_its_connection_fails() {
    let once = |url: &str, root: Option<String>| {
        let mut builder = builder().endpoint_url(url).retry(RetryConfig::off());
        if let Some(root) = root {
            builder = builder.ca_bundle_pem(root);
        }
        builder.build().expect("a session")
    };
    let by_name = |url: String| url.replace("127.0.0.1", "localhost");
    let evicted = |session: &Session, polls: usize| {
        let lines = Listener::default().heard(|| {
            for _ in 0..polls {
                let _ = response(session).try_get_result::<Vec<u8>>();
            }
        });
        let of_it = |line: &&String| line.contains("address evicted") && line.contains("localhost");
        lines.iter().filter(of_it).count()
    };
    // Refused, and once for each attempt.
    let refused = once(&by_name(support::raw::unused_address()), None);
    assert_eq!(evicted(&refused, 1), 1);
    assert_eq!(evicted(&refused, 1), 1);

    // The handshake fails.
    let strange = Authority::new().server(&["elsewhere.example"]);
    let tls = Raw::start(move |stream| {
        let mut stream = accept(&strange, stream)?;
        read_request(&mut stream).map(drop)
    });
    let url = by_name(tls.url()).replace("http://", "https://");
    assert_eq!(evicted(&once(&url, Some(Authority::new().root())), 1), 1);

    // An established connection breaks.
    let breaks = Raw::start(|mut stream| {
        read_request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
        stream.peek(&mut [0]).map(drop)
    });
    assert_eq!(evicted(&once(&by_name(breaks.url()), None), 1), 1);

    // Without failures nothing is evicted.
    let well = Raw::start(|mut stream| {
        while !read_request(&mut stream)?.is_empty() {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    assert_eq!(evicted(&once(&by_name(well.url()), None), 5), 0);
    assert_eq!(well.connections(), 1);
}
