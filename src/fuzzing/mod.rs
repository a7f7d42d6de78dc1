//! Parsers of outside input, each behind a function that accepts any bytes and panics if a property does not hold.
//! The property tests below and the targets of `tests/fuzz` call the same functions.

#[cfg(feature = "local")]
mod emulator;
mod responses;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::aws::client::error_response::ErrorResponse;
use crate::aws::http::Reply;
use crate::aws::s3::list::{read_page, read_xml};
use crate::aws::xml::texts;
use crate::aws::{Call, Identity, RequestPolicy, Resource, Service};
use crate::queue::Notification;
use crate::sys::{Environment, Files, Sys};
use crate::{
    AsyncRequest, Bytes, CodecError, Csv, Deserializer, InferenceHandle, Json, JsonLines, S3Uri,
    Serializer, Session, Text, submit_all, timestamp,
};

#[cfg(feature = "local")]
pub use emulator::{aws_chunked, emulator_http, emulator_xml, ranges, signature};
pub use responses::{object_responses, service_responses, sso_cache};

/// `s3://bucket/key`: what is accepted is displayed as it was read.
pub fn s3_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<S3Uri>() {
        Ok(uri) => {
            let written = uri.to_string();
            assert!(written == text || written == format!("{text}/"), "{text:?}");
            assert_eq!(written.parse().as_ref(), Ok(&uri), "{text:?}");
            assert!((3..=255).contains(&uri.bucket().len()), "{text:?}");
        }
        Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
    }
}

/// The responses of S3 and STS.
pub fn xml(data: &[u8]) {
    let parents: [&[&str]; 3] = [&[], &["Error"], &["AssumeRoleResult", "Credentials"]];
    for parents in parents {
        let found = texts(data, parents, ["Code", "Message", "RequestId", "Region"]);
        for text in found.into_iter().flatten() {
            assert!(text.len() <= 4 * data.len(), "more came out than went in");
        }
    }
}

/// A page of `ListObjectsV2`: whichever way it is read, it says the same.
pub fn listing(data: &[u8]) {
    let mut objects = Vec::new();
    let page = read_page(data, |key, size| {
        assert!(!key.is_empty());
        objects.push((key.to_owned(), size));
    });
    if let Ok(page) = &page {
        assert!(objects.iter().all(|(key, _)| *key <= page.last));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let mut by_xml = Vec::new();
        let expected = read_xml(text, |key, size| by_xml.push((key.to_owned(), size)));
        assert_eq!((page, objects), (expected, by_xml), "{text:?}");
    }
}

/// An error response of any service: its status, lines of headers, a blank line, its body.
pub fn error_response(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &data[data.len()..]),
    };
    let status = 300 + u16::from(data.first().copied().unwrap_or(0));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    for service in Service::ALL {
        let reply = Reply {
            status,
            headers: headers.clone(),
            body: body.to_vec(),
        };
        let response = ErrorResponse::new(&call(service), b"", &reply);
        let _ = (response.time(), response.retry_after);
        let error = &response.error;
        assert!(error.message().is_none_or(|message| message.len() <= 1003));
        assert!(error.code().is_none_or(|code| !code.contains(['#', ':'])));
        let _ = (error.to_string(), error.remedy(), error.leaves_open());
    }
}

fn call(service: Service) -> Call<'static> {
    Call {
        service,
        identity: Identity::Anonymous,
        operation: "GetObject",
        method: Method::GET,
        uri: Uri::from_static("http://127.0.0.1/"),
        region: Cow::Borrowed("us-east-1"),
        headers: Cow::default(),
        resource: Resource::Named("s3://my-bucket/key".into()),
        policy: RequestPolicy::default(),
        max_response: 0,
    }
}

/// Times in documents.
pub fn time(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(time) = timestamp::parse(text)
        && let Some(written) = timestamp::format(time)
    {
        let again = timestamp::parse(&written);
        let apart = again.and_then(|again| time.duration_since(again).ok());
        assert!(
            apart.is_some_and(|apart| apart < Duration::from_secs(1)),
            "{text:?}"
        );
    }
}

/// Config and credentials files, as a session reads them.
pub fn profile(data: &[u8]) {
    let files = ["/h/.aws/config", "/h/.aws/credentials"].map(|path| (path, data.to_vec()));
    let sys = Sys::real()
        .with_environment(Environment::from_pairs([
            ("HOME", "/h"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]))
        .with_files(Files::from_pairs(files));
    if let Err(error) = Session::builder().sys(sys).build() {
        assert!(!error.to_string().is_empty());
    }
}

/// A saved handle: what is accepted is displayed so that it is read as the same.
pub fn handle(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(handle) = text.parse::<InferenceHandle>() {
        let written = handle.to_string();
        assert!(!written.contains('\n'));
        assert_eq!(written.parse().ok().as_ref(), Some(&handle), "{text:?}");
    }
}

/// A line of a journal of submits.
pub fn journal(data: &[u8]) {
    crate::batch::check_line(data);
}

/// A whole journal, of any number of lines: it is read, or refused by an error that names it.
pub fn whole_journal(data: &[u8]) {
    let file = std::env::temp_dir().join(format!("fuzzed-journal-{}", std::process::id()));
    let written = std::fs::write(&file, data);
    written.unwrap_or_else(|error| panic!("{error}"));
    let none: [AsyncRequest<'_, Json>; 0] = [];
    if let Err(error) = submit_all(none).journal(&file) {
        assert!(error.to_string().contains("journal"), "{error}");
    }
    drop(std::fs::remove_file(file));
}

/// Result bodies, as every codec reads them into several types. What JSON is read into a value is written so that
/// it is read as the same, and no error shows the body.
pub fn codecs(data: &[u8]) {
    fn quiet<T>(outcome: Result<T, CodecError>) -> Option<T> {
        if let Err(error) = &outcome {
            assert!(error.to_string().len() < 1000, "{error}");
        }
        outcome.ok()
    }
    let json = Json::new();
    let value: Option<serde_json::Value> = quiet(json.deserialize(data, None));
    if let Some(value) = value {
        let written = quiet(json.serialize(&value)).map(Cow::into_owned);
        let again = written.and_then(|body| quiet(json.deserialize(&body, None)));
        assert_eq!(again, Some(value));
    }
    let floats: Option<Vec<f64>> = quiet(json.deserialize(data, None));
    if let Some(floats) = floats {
        let lenient = Json::new().allow_nan(true);
        let written = quiet(lenient.serialize(&floats)).map(Cow::into_owned);
        let again: Option<Vec<f64>> =
            written.and_then(|body| quiet(lenient.deserialize(&body, None)));
        let bits = |floats: &[f64]| floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        let (before, after) = (bits(&floats), again.as_deref().map(bits));
        assert!(after == Some(before) || floats.iter().any(|f| f.is_nan()));
    }
    let big: Option<Vec<i128>> = quiet(json.deserialize(data, None));
    if let Some(big) = big {
        let written = quiet(json.serialize(&big)).map(Cow::into_owned);
        let again = written.and_then(|body| quiet(json.deserialize(&body, None)));
        assert_eq!(again, Some(big));
    }
    let _: Option<Vec<serde_json::Value>> = quiet(JsonLines::new().deserialize(data, None));
    let _: Option<Vec<Vec<String>>> = quiet(Csv::new().deserialize(data, None));
    let _: Option<Vec<(f64, u8)>> = quiet(Csv::new().with_header(true).deserialize(data, None));
    let _: Option<String> = quiet(Text::new().deserialize(data, None));
    let raw: Option<Vec<u8>> = quiet(Bytes::new().deserialize(data, None));
    assert_eq!(raw.as_deref(), Some(data));
}

/// A bundle of certificates.
pub fn pem_bundle(data: &[u8]) {
    if let Err(problem) = crate::aws::http::bundle::certificates(data) {
        assert!((1..2000).contains(&problem.len()), "{problem}");
    }
}

/// Proxies, hosts that need none, and endpoints, each a line.
pub fn network_settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('\0', "");
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let environment = [
        ("HTTPS_PROXY", line()),
        ("HTTP_PROXY", line()),
        ("NO_PROXY", line()),
        ("AWS_ENDPOINT_URL", line()),
        ("AWS_ENDPOINT_URL_S3", line()),
        ("AWS_REGION", line()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    let sys = Sys::real().with_environment(Environment::from_pairs(environment));
    match Session::builder()
        .sys(sys.with_files(Files::none()))
        .build()
    {
        Ok(session) => {
            for service in Service::ALL {
                drop(session.service_endpoint(service));
            }
            for bucket in ["my-bucket", "My_Bucket", "a..b", "192.168.1.1"] {
                drop(session.bucket_endpoint(bucket));
            }
        }
        Err(error) => assert!(error.to_string().len() < 4000, "{error}"),
    }
}

/// Credentials of containers, instances and processes.
pub fn credentials(data: &[u8]) {
    crate::credentials::check_document(data);
}

/// Notifications in any wrapper.
pub fn notification(data: &[u8]) {
    for notification in Notification::parse_all(data) {
        assert!(
            notification
                .map_or_else(|error| error.to_string(), |n| format!("{n:?}"))
                .len()
                < 1 << 20
        );
    }
    match Notification::parse(data) {
        Ok(notification) => assert!(!format!("{notification:?}").is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
