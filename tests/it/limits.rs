//! Limits of `InvokeEndpointAsync`: valid requests are sent, and of invalid ones nothing is.

use crate::support;

use std::time::Duration;

use sagemaker_async_inference::{AsyncPredictor, AsyncRequest, Bytes};
use support::client::{accepting, invalid, predictor, session_at, uri};

type Change = fn(AsyncRequest<'static, Bytes>, &str) -> AsyncRequest<'static, Bytes>;

/// Sends each of `good`, sends none of `bad`.
fn assert_limits(what: &str, change: Change, good: &[&str], bad: &[&str]) {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let request = || predictor.request_at(uri("s3://my-bucket/in"));
    for value in good {
        let _ = change(request(), value)
            .submit()
            .unwrap_or_else(|error| panic!("{value:?}: {error}"));
    }
    let sent = server.seen().len();
    assert_eq!(sent, good.len());
    for value in bad {
        let error = match change(request(), value).submit() {
            Err(error) => invalid(error),
            Ok(_) => panic!("{value:?} was sent"),
        };
        assert_eq!(error.what(), what);
        let text = error.to_string();
        assert!(!error.limit().is_empty() && text.contains(error.limit()));
        assert!(!error.remedy().is_empty() && text.contains(error.remedy()));
        match error.value() {
            Some(shown) => assert!(
                value.starts_with(shown.trim_end_matches('\u{2026}')),
                "{shown}"
            ),
            None => assert_eq!(what, "custom attributes", "{text}"),
        }
    }
    assert_eq!(server.seen().len(), sent, "something was sent");
}

#[test]
fn inference_ids_of_1_to_64_characters_are_sent() {
    let (most, over) = ("i".repeat(64), "i".repeat(65));
    assert_limits(
        "inference id",
        |request, value| request.inference_id(value.to_owned()),
        &["i", "a b~", &most],
        &["", &over, " a", "a ", "\u{e9}", "a\tb", "a\nb"],
    );
}

#[test]
fn custom_attributes_of_up_to_1024_visible_characters_are_sent() {
    let (most, over) = ("c".repeat(1024), "c".repeat(1025));
    assert_limits(
        "custom attributes",
        |request, value| request.custom_attributes(value.to_owned()),
        &["", "a=b", "a b", &most],
        &[" a", "a ", "a\tb", &over, "\u{e9}", "a\r\nx-injected: b"],
    );
}

#[test]
fn content_types_of_up_to_1024_ascii_characters_are_sent() {
    let (most, over) = ("t".repeat(1024), "t".repeat(1025));
    assert_limits(
        "content type",
        |request, value| request.content_type(value.to_owned()),
        &["a/b", &most],
        &["", &over, "text/\u{e9}", "a\nb", " a/b", "a/b "],
    );
    assert_limits(
        "accept",
        |request, value| request.accept(value.to_owned()),
        &["a/b", &most],
        &["", &over, "text/\u{e9}", "a\nb", " a/b", "a/b "],
    );
}

#[test]
fn filenames_of_up_to_32_characters_with_one_dot_are_sent() {
    let (most, over) = ("f".repeat(32), "f".repeat(33));
    assert_limits(
        "filename",
        |request, value| request.filename(value.to_owned()),
        &["f", "0-_.json", &most],
        &["", &over, "a.b.c", ".a", "-a", "_a", "a/b", "a b"],
    );
}

#[test]
fn output_path_extensions_of_up_to_512_characters_are_sent() {
    let (most, over) = ("e".repeat(512), "e".repeat(513));
    assert_limits(
        "output path extension",
        |request, value| request.output_path_extension(value.to_owned()),
        &["e", "a/b!_.*'()/-0", &most],
        &["", &over, "s3:a", "https:a", "a b", "a+b", "\u{e9}"],
    );
}

#[test]
fn endpoint_names_of_1_to_63_characters_are_sent() {
    let server = accepting();
    let session = session_at(&server.url());
    let (most, over) = ("n".repeat(63), "n".repeat(64));
    for name in ["n", "a--b-9", &most] {
        let _ = AsyncPredictor::new(name, &session)
            .predict_async(&1)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in [
        "",
        &over,
        "-a",
        "a-",
        "a_b",
        "a/b",
        "a\u{e9}",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/a",
    ] {
        let error = AsyncPredictor::new(name, &session)
            .predict_async(&1)
            .map(drop);
        let error = invalid(error.expect_err(name));
        assert_eq!(error.what(), "endpoint name");
    }
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn input_locations_of_up_to_1024_characters_are_sent() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let start = "s3://my-bucket/";
    let key = |length: usize| format!("{start}{}", "k".repeat(length - start.len()));
    let _ = predictor
        .request_at(uri(&key(1024)))
        .submit()
        .expect("at the limit");
    assert_eq!(server.seen().len(), 1);
    for place in [key(1025), "s3://my-bucket".to_owned()] {
        let error = invalid(
            predictor
                .request_at(uri(&place))
                .submit()
                .expect_err("over the limit"),
        );
        assert_eq!(error.what(), "input location");
        // An upload to it would be useless: it is not begun.
        if uri(&place).has_key() {
            let error = predictor.request("x").upload_to(uri(&place)).submit();
            invalid(error.expect_err("over the limit"));
        }
    }
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn the_servers_own_time_limits_are_whole_seconds_in_range() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let seconds = Duration::from_secs;
    for (ttl, timeout) in [(60, 1), (21_600, 3600)] {
        let _ = predictor
            .request("x")
            .request_ttl(seconds(ttl))
            .invocation_timeout(seconds(timeout))
            .submit()
            .expect("at the limit");
        let seen = server.seen();
        let last = seen.last().expect("a request");
        let header = |name: &str| last.header(&format!("x-amzn-sagemaker-{name}"));
        assert_eq!(header("requestttlseconds"), Some(&*ttl.to_string()));
        assert_eq!(
            header("invocationtimeoutseconds"),
            Some(&*timeout.to_string())
        );
    }
    for ttl in [
        Duration::ZERO,
        seconds(59),
        seconds(21_601),
        Duration::from_millis(60_500),
        Duration::MAX,
    ] {
        let error = invalid(
            predictor
                .request("x")
                .request_ttl(ttl)
                .submit()
                .expect_err("out of range"),
        );
        assert_eq!(error.what(), "request TTL");
        assert!(error.to_string().contains("60 s to 21600 s"), "{error}");
    }
    for timeout in [Duration::ZERO, seconds(3601), Duration::from_millis(999)] {
        let error = predictor.request("x").invocation_timeout(timeout).submit();
        assert_eq!(
            invalid(error.expect_err("out of range")).what(),
            "invocation timeout"
        );
    }
    assert_eq!(server.seen().len(), 2);
}
