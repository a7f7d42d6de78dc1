//! Buckets and folders that hang or are throttled hold up no other.

use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Error, Json, WaiterConfig, as_completed,
};

use super::{Responses, count, idle_endpoint, in_folder, predictor, predictor_in, put};

/// Every 10 ms; a request may take an eighth of the whole.
fn within(deadline: Duration) -> WaiterConfig {
    let waiter = WaiterConfig::builder().delay(Duration::from_millis(10));
    let waiter = waiter.max_attempts(1_000_000).deadline(deadline);
    waiter.build().expect("a wait")
}

const LONG: Duration = Duration::from_secs(12);

fn hang(endpoint: &LocalEndpoint, operation: Operation, key: &str) {
    endpoint.fault(Fault::on(operation).key_contains(key).always().hang());
}

fn hold(endpoint: &LocalEndpoint, folder: &str) -> Responses {
    in_folder(&predictor(endpoint), endpoint.bucket(), folder, 60)
}

/// Takes this many outcomes, which must be results; the others may time out later.
fn take_results(waiting: super::AsCompletedJson, count: usize) {
    let mut taken = 0;
    for done in waiting.take(count) {
        assert!(done.result::<u32>().is_ok(), "{done:?}");
        taken += 1;
    }
    assert_eq!(taken, count);
}

fn put_all(endpoint: &LocalEndpoint, responses: &[AsyncInferenceResponse<Json>]) {
    for response in responses {
        put(endpoint, response, "1");
    }
}

#[test]
fn failures_that_cannot_be_reached_hold_up_no_listed_output() {
    for lists in [false, true] {
        let endpoint = idle_endpoint(|b| b);
        let failures = |operation| Fault::on(operation).key_contains("out-failures").always();
        let list = failures(Operation::ListObjectsV2);
        endpoint.fault(if lists {
            list.hang()
        } else {
            list.access_denied()
        });
        endpoint.fault(failures(Operation::GetObject).hang());
        let mut waiting = as_completed(hold(&endpoint, "out"), &within(LONG));
        for (index, response) in hold(&endpoint, "out").iter().enumerate().take(30) {
            put(&endpoint, response, "1");
            let done = waiting.next().expect("an outcome");
            assert!(done.index() == index && done.error().is_none(), "{done:?}");
        }
    }
}

#[test]
fn failures_that_cannot_be_reached_hold_up_no_output_that_is_polled() {
    let endpoint = idle_endpoint(|b| b);
    hang(&endpoint, Operation::GetObject, "out-failures");
    let responses = hold(&endpoint, "out");
    put_all(&endpoint, &responses[50..]);
    let mut waiting = as_completed(responses, &within(LONG)).without_listing();
    for _ in 50..60 {
        let done = waiting.next().expect("an outcome");
        assert!(done.result::<u32>().is_ok(), "{:?}", done.error());
    }
    put_all(&endpoint, &hold(&endpoint, "out")[..50]);
    take_results(waiting, 50);
}

/// The failure is found, though it takes its turn.
#[test]
fn a_failure_is_found_beside_failures_that_cannot_be_reached() {
    let endpoint = idle_endpoint(|b| b);
    hang(&endpoint, Operation::GetObject, "hung-failures");
    let hung = hold(&endpoint, "hung");
    let good = hold(&endpoint, "good");
    for response in &good {
        let failure = response.failure_path().expect("a path");
        endpoint.put_object(failure.bucket(), failure.key(), "out of memory");
    }
    let all = hung.into_iter().chain(good);
    let waiting = as_completed(all, &within(LONG)).without_listing();
    let failed = waiting.filter(|done| matches!(done.error(), Some(Error::Model(_))));
    assert_eq!(failed.count(), 60);
}

#[test]
fn a_bucket_that_hangs_holds_up_no_other() {
    for (listing, folders) in [(true, 1), (false, 1), (false, 60)] {
        let endpoint = idle_endpoint(|b| b);
        hang(&endpoint, Operation::GetObject, "hung");
        hang(&endpoint, Operation::ListObjectsV2, "hung");
        let predictor = predictor(&endpoint);
        let hung = (0..folders).flat_map(|folder| {
            let folder = format!("hung/{folder}");
            in_folder(&predictor, "another-bucket", &folder, 60 / folders)
        });
        let good = hold(&endpoint, "good");
        put_all(&endpoint, &good[..30]);
        let all: Responses = hung.chain(good).collect();
        let mut waiting = as_completed(all, &within(LONG));
        if !listing {
            waiting = waiting.without_listing();
        }
        let first = waiting.next().expect("an outcome");
        assert!(
            first.index() >= 60 && first.error().is_none(),
            "{listing} {folders}: {first:?}"
        );
        put_all(&endpoint, &hold(&endpoint, "good")[30..]);
        take_results(waiting, 59);
    }
}

/// The outputs of one folder are listed and hang when they are fetched.
#[test]
fn outputs_that_hang_hold_up_no_others_with_and_without_threads() {
    for threads in [0, 4] {
        let endpoint = idle_endpoint(|b| b);
        hang(&endpoint, Operation::GetObject, "hung");
        let (hung, good) = (hold(&endpoint, "hung"), hold(&endpoint, "good"));
        put_all(&endpoint, &hung);
        let all = hung.into_iter().chain(good);
        let mut waiting = as_completed(all, &within(LONG));
        if threads > 0 {
            waiting = waiting.download_threads(threads).expect("threads");
        }
        let put = std::thread::spawn(move || {
            SystemClock.sleep(Duration::from_secs(1));
            put_all(&endpoint, &hold(&endpoint, "good"));
            endpoint
        });
        take_results(waiting, 60);
        drop(put.join());
    }
}

/// A bucket that did not respond for a while is polled as before once it does.
#[test]
fn a_bucket_that_recovers_is_polled_again() {
    let endpoint = idle_endpoint(|b| b);
    let gets = Fault::on(Operation::GetObject).times(5).hang();
    endpoint.fault(gets);
    let responses = hold(&endpoint, "out");
    put_all(&endpoint, &responses);
    let waiting = as_completed(responses, &within(LONG)).without_listing();
    take_results(waiting, 60);
}

/// A bucket that is throttled is polled more seldom, and others as before.
#[test]
fn a_bucket_that_is_throttled_slows_down_no_other() {
    let endpoint = idle_endpoint(|b| b);
    let throttled = Fault::on(Operation::GetObject).key_contains("busy");
    endpoint.fault(throttled.always().throttle());
    let clock = ManualClock::new();
    let predictor = predictor_in(&endpoint, &clock);
    let busy = in_folder(&predictor, "another-bucket", "busy", 100);
    let good = in_folder(&predictor, endpoint.bucket(), "good", 100);
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_secs(1))
        .max_attempts(10_000)
        .deadline(Duration::from_secs(20));
    let waiter = waiter.build().expect("a wait");
    let all = busy.into_iter().chain(good);
    for done in as_completed(all, &waiter).without_listing() {
        let Some(Error::PollingTimeout(timeout)) = done.error() else {
            panic!("{done:?}");
        };
        let attempts = timeout.attempts();
        if done.index() >= 100 {
            assert!((18..=21).contains(&attempts), "{attempts}");
        } else {
            assert!(attempts < 15, "{attempts}");
        }
    }
    let gets = count(&endpoint, Operation::GetObject);
    assert!(gets < 5500, "{gets}");
}

/// As a firewall that drops packets: connections are neither made nor refused.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_drops_packets_holds_up_no_other() {
    use sagemaker_async_inference::session::Timeouts;

    let silent = Silent::new();
    let timeouts = Timeouts::default().with_connect(Duration::from_millis(1400));
    let session = super::support::client::builder()
        .endpoint_url(&silent.url)
        .timeouts(timeouts)
        .build()
        .expect("a session");
    let endpoint = idle_endpoint(|b| b);
    let dropped = AsyncPredictor::new("my-endpoint", &session);
    let dropped = in_folder(&dropped, "another-bucket", "out", 40);
    let good = hold(&endpoint, "good");
    put_all(&endpoint, &good);
    let all = dropped.into_iter().chain(good);
    let waiting = as_completed(all, &within(Duration::from_secs(16))).without_listing();
    take_results(waiting, 60);
}

/// A listener whose queue of connections is full.
#[cfg(target_os = "linux")]
struct Silent {
    url: String,
    _held: (socket2::Socket, Vec<socket2::Socket>),
}

#[cfg(target_os = "linux")]
impl Silent {
    fn new() -> Self {
        use socket2::{Domain, Socket, Type};

        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let listener = socket();
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        listener.bind(&any.into()).expect("an address");
        listener.listen(0).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let callers = (0..4).map(|_| {
            let caller = socket();
            caller.set_nonblocking(true).expect("a caller");
            // In progress, or made and never accepted.
            let _ = caller.connect(&address);
            caller
        });
        let callers = callers.collect();
        let port = address.as_socket().expect("an address").port();
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _held: (listener, callers),
        }
    }
}
