//! Parsers of what comes from outside, each behind a function that takes any bytes at all and fails where
//! something does not hold. The property tests below and the targets of `tests/fuzz` call the same ones.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::aws::client::error_response::ErrorResponse;
use crate::aws::http::Reply;
use crate::aws::s3::list::read_page;
use crate::aws::xml::texts;
use crate::aws::{Call, Identity, RequestPolicy, Resource, Service};
use crate::queue::Notification;
use crate::sys::{Environment, Files, Sys};
use crate::{InferenceHandle, S3Uri, Session, timestamp};

/// `s3://bucket/key`: what is taken is written as it was read.
pub fn s3_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<S3Uri>() {
        Ok(uri) => {
            let written = uri.to_string();
            assert!(written == text || written == format!("{text}/"), "{text:?}");
            assert_eq!(written.parse().as_ref(), Ok(&uri), "{text:?}");
            assert!((3..=63).contains(&uri.bucket().len()), "{text:?}");
        }
        Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
    }
}

/// The answers of S3 and STS.
pub fn xml(data: &[u8]) {
    let parents: [&[&str]; 3] = [&[], &["Error"], &["AssumeRoleResult", "Credentials"]];
    for parents in parents {
        let found = texts(data, parents, ["Code", "Message", "RequestId", "Region"]);
        for text in found.into_iter().flatten() {
            assert!(text.len() <= 4 * data.len(), "more came out than went in");
        }
    }
}

/// A page of `ListObjectsV2`.
pub fn listing(data: &[u8]) {
    let mut greatest = String::new();
    let page = read_page(data, |key, _size| {
        assert!(!key.is_empty());
        if *key > *greatest {
            key.clone_into(&mut greatest);
        }
    });
    if let Ok(page) = page {
        assert!(page.last >= greatest);
    }
}

/// An error answer of any service: its status, lines of headers, a blank line, its body.
pub fn error_answer(data: &[u8]) {
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
        headers: Cow::Owned(HeaderMap::new()),
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

/// A saved handle: what is taken is written so that it is read as the same.
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

/// What containers, instances and processes hand out as credentials.
pub fn credentials(data: &[u8]) {
    crate::credentials::check_document(data);
}

/// What SNS delivers, in any of its wrappings.
pub fn notification(data: &[u8]) {
    match Notification::parse(data) {
        Ok(notification) => assert!(!format!("{notification:?}").is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Pieces that the parsers look for, and anything else.
    fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..12),
            1 => "\\PC{0,12}".prop_map(String::into_bytes),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn uris(data in pieces(&["s3://", "https://", "arn:aws:s3:::", "my-bucket", "a", ".", "/", "..", "-", "?", "%2F", " "])) {
            super::s3_uri(&data);
        }

        #[test]
        fn xml_of_answers(data in pieces(&["<Error>", "</Error>", "<Code>", "</Code>", "<Message>", "</Message>", "&amp;", "&#x0;", "&#65;", "&nope;", "<![CDATA[", "]]>", "<!--", "-->", "<?xml version=\"1.0\"?>", "<a b='c'/>", "text", "<AssumeRoleResult>", "<Credentials>", "</", ">"])) {
            super::xml(&data);
        }

        #[test]
        fn listings(data in pieces(&["<ListBucketResult>", "</ListBucketResult>", "<Contents>", "</Contents>", "<Key>", "</Key>", "<Size>", "</Size>", "12", "a/b%2B+c", "<EncodingType>url</EncodingType>", "<IsTruncated>true</IsTruncated>", "<CommonPrefixes><Prefix>", "</Prefix></CommonPrefixes>", "%", "&lt;"])) {
            super::listing(&data);
        }

        #[test]
        fn error_answers(data in pieces(&["x-amzn-errortype: ", "retry-after: ", "x-amz-retry-after: ", "date: ", "x-amz-bucket-region: ", "x-amzn-requestid: ", "\n", "\n\n", "Sun, 06 Nov 1994 08:49:37 GMT", "4294967296", "-1", "7", "Throttling#a:b", "{\"__type\": \"", "\", \"message\": \"", "\"}", "{\"code\": 7}", "<Error><Code>", "</Code></Error>", "[[[[", "The Canonical String"])) {
            super::error_answer(&data);
        }

        #[test]
        fn times(data in pieces(&["2026-01-02", "T", "03:04:05", ".999999999", "Z", "+23:59", "-00:00", "9999-12-31", "0000-01-01", "24:00:00", "60", " "])) {
            super::time(&data);
        }

        #[test]
        fn profiles(data in pieces(&["[default]", "[profile a]", "[services s]", "[sso-session x]", "\n", "\r\n", "region = us-east-1", "role_arn=", "services = s", "s3 =\n  endpoint_url = http://x", "endpoint_url", "= ", "#", ";", " ", "\t", "]", "[", "max_attempts = 3", "ca_bundle = /h/.aws/config"])) {
            super::profile(&data);
        }

        #[test]
        fn handles(data in pieces(&["{", "}", "\"version\":1", "\"version\":2", ",", "\"endpoint_name\":\"e\"", "\"output_path\":\"s3://my-bucket/out\"", "\"failure_path\":null", "\"submitted_at\":", "\"inference_id\":\"i\"", "1e400", "-1", "18446744073709551615", "\u{0}"])) {
            super::handle(&data);
        }

        #[test]
        fn journals(data in pieces(&["{", "}", "\"version\":1", ",", "\"input\":7", "\"input\":18446744073709551616", "\"sha256\":\"ab\"", "\"begun\":\"i\"", "\"refused\":\"no\\n\"", "\"submitted\":", "{\"version\":1,\"endpoint_name\":\"e\",\"output_path\":\"s3://my-bucket/out\"}", "\"begun\":null", "\u{0}"])) {
            super::journal(&data);
        }

        #[test]
        fn documents_of_credentials(data in pieces(&["{", "}", ",", "\"AccessKeyId\":\"AKID\"", "\"SecretAccessKey\":\"hush\"", "\"Token\":\"hush\"", "\"Expiration\":\"2999-01-01T00:00:00Z\"", "\"Expiration\":\"never\"", "\"AccountId\":\"123456789012\"", "\"Code\":\"Failed\"", "null", "7", ":"])) {
            super::credentials(&data);
        }

        #[test]
        fn notifications(data in pieces(&["{", "}", ",", "\"Type\":\"Notification\"", "\"Message\":\"", "\"", "\\\"", "\"invocationStatus\":\"Completed\"", "\"invocationStatus\":\"Failed\"", "\"failureReason\":\"no\"", "\"responseParameters\":{\"outputLocation\":\"s3://my-bucket/out\"}", "\"requestParameters\":{\"endpointName\":\"e\"}", "\"inferenceId\":\"i\"", "\"eventTime\":\"2026-01-02T03:04:05Z\"", "[", "null"])) {
            super::notification(&data);
        }
    }
}
