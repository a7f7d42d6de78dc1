//! Amazon S3: the operations that asynchronous inference needs.

pub(crate) mod buckets;
pub(crate) mod checksum;
pub(crate) mod list;
pub(crate) mod objects;
mod plain_page;
mod region;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::client::error_response::text;
use super::endpoints::{encode_segment, is_host_label, signing_region};
use super::{
    Call, CallError, Caller, Headers, Identity, MAX_DOCUMENT, Payload, RequestPolicy, Resource,
    Response, Service,
};
use buckets::Buckets;
use checksum::{ChecksumSettings, Expected};
pub(crate) use list::Page;

use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::limits::header_value;
use crate::uri::S3Uri;

/// What an S3 operation needs from its caller.
#[derive(Clone, Copy)]
pub(crate) struct S3<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) buckets: &'a Buckets,
    pub(crate) checksums: ChecksumSettings,
}

impl<'a> S3<'a> {
    /// The bucket's region as far as it is known: the caller's, until S3 reports another one.
    pub(crate) fn region_of(&self, bucket: &str) -> Cow<'a, str> {
        let known = self.buckets.region_of(bucket);
        known.map_or(Cow::Borrowed(self.caller.region), Cow::Owned)
    }
}

/// An object and its metadata.
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: Option<String>,
}

/// Options of an object to store.
#[derive(Debug, Default, Clone)]
pub(crate) struct PutOptions<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) kms_key_id: Option<&'a str>,
}

impl PutOptions<'_> {
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let mut headers = Vec::new();
        if let Some(content_type) = self.content_type {
            headers.push((
                http::header::CONTENT_TYPE,
                header_value("content type", content_type)?,
            ));
        }
        if let Some(key_id) = self.kms_key_id {
            headers.push((
                HeaderName::from_static("x-amz-server-side-encryption"),
                HeaderValue::from_static("aws:kms"),
            ));
            headers.push((
                HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
                header_value("KMS key", key_id)?,
            ));
        }
        Ok(headers)
    }
}

/// The headers of a request for a whole object: its checksum is requested too, unless none is wanted.
pub(super) fn of_whole_object(s3: S3<'_>) -> Headers<'static> {
    static HEADERS: [(HeaderName, HeaderValue); 1] = [(
        HeaderName::from_static("x-amz-checksum-mode"),
        HeaderValue::from_static("ENABLED"),
    )];
    if s3.checksums.of_results {
        Cow::Borrowed(&HEADERS)
    } else {
        Cow::default()
    }
}

/// The whole object's checksum, if the response has it and it is to be compared.
pub(super) fn expected(s3: S3<'_>, headers: &HeaderMap) -> Option<Expected> {
    let of_object = || Expected::of_object(headers);
    s3.checksums.of_results.then(of_object).flatten()
}

pub(crate) fn get_object(
    s3: S3<'_>,
    uri: &S3Uri,
    policy: RequestPolicy<'_>,
    max_bytes: u64,
) -> Result<Object, CallError> {
    let request = Request {
        operation: "GetObject",
        method: Method::GET,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers: of_whole_object(s3),
        policy,
        max_response: max_bytes,
    };
    let response = in_region(s3, &request, |call| {
        let response = s3.caller.client.send(call, Payload::EMPTY)?;
        let (start, total) = objects::span(&response.headers);
        let len = response.body.len() as u64;
        if start > 0 || total.is_some_and(|total| total != len) {
            return Err(call.unreadable(objects::PARTIAL));
        }
        Ok(response)
    })?;
    if let Some(expected) = expected(s3, &response.headers) {
        let mut checksum = expected.start();
        checksum.update(&response.body);
        expected.check(checksum, uri)?;
    }
    Ok(Object {
        content_type: text(&response.headers, "content-type"),
        body: response.body,
    })
}

pub(crate) fn put_object(
    s3: S3<'_>,
    uri: &S3Uri,
    body: &[u8],
    options: &PutOptions<'_>,
    policy: RequestPolicy<'_>,
) -> Result<(), CallError> {
    let request = Request {
        operation: "PutObject",
        method: Method::PUT,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers: Cow::Owned(options.headers()?),
        policy,
        max_response: MAX_DOCUMENT,
    };
    send(s3, &request, Payload::Bytes(body)).map(drop)
}

pub(crate) fn delete_object(s3: S3<'_>, uri: &S3Uri) -> Result<(), CallError> {
    let request = Request {
        operation: "DeleteObject",
        method: Method::DELETE,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers: Cow::default(),
        policy: RequestPolicy::default(),
        max_response: MAX_DOCUMENT,
    };
    send(s3, &request, Payload::EMPTY).map(drop)
}

/// Whether the caller may list the bucket: then a 403 of an object is about the object.
pub(crate) fn may_list(
    s3: S3<'_>,
    uri: &S3Uri,
    policy: RequestPolicy<'_>,
) -> Result<bool, CallError> {
    let query = format!(
        "list-type=2&max-keys=1&prefix={}",
        encode_segment(uri.key())
    );
    match list(s3, uri.bucket(), &query, policy, |_, _| {}) {
        Ok(_) => Ok(true),
        // Another 403, such as that of a wrong signature, is not about this permission.
        Err(CallError::Response(response))
            if response.error.status() == 403
                && matches!(response.error.code(), None | Some("AccessDenied")) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Which objects to list.
pub(crate) struct ListObjects<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    /// Whether to list a single level.
    pub(crate) flat: bool,
    pub(crate) from: Start<'a>,
}

/// Where a page begins.
pub(crate) enum Start<'a> {
    /// After this key, which need not exist.
    After(&'a str),
    /// The continuation token of the previous page.
    Token(&'a str),
}

/// Lists one page of at most 1,000 objects and calls `found` with each key and size.
pub(crate) fn list_objects(
    s3: S3<'_>,
    objects: &ListObjects<'_>,
    policy: RequestPolicy<'_>,
    found: impl FnMut(&str, u64),
) -> Result<Page, CallError> {
    let mut query = format!(
        "encoding-type=url&list-type=2&prefix={}",
        encode_segment(objects.prefix)
    );
    if objects.flat {
        query.push_str("&delimiter=%2F");
    }
    let (name, value) = match objects.from {
        Start::After(key) => ("start-after", key),
        Start::Token(token) => ("continuation-token", token),
    };
    if !value.is_empty() {
        query.extend(["&", name, "=", &encode_segment(value)]);
    }
    list(s3, objects.bucket, &query, policy, found)
}

fn list(
    s3: S3<'_>,
    bucket: &str,
    query: &str,
    policy: RequestPolicy<'_>,
    mut found: impl FnMut(&str, u64),
) -> Result<Page, CallError> {
    let request = Request {
        operation: "ListObjectsV2",
        method: Method::GET,
        bucket,
        key: "",
        query,
        headers: Cow::default(),
        policy,
        max_response: MAX_DOCUMENT,
    };
    in_region(s3, &request, |call| {
        let response = s3.caller.client.send(call, Payload::EMPTY)?;
        list::read_page(&response.body, &mut found).map_err(|problem| call.unreadable(problem))
    })
}

/// Creates a bucket in the session's region, as the `SageMaker` Python SDK does with its default one.
pub(crate) fn create_bucket(
    s3: S3<'_>,
    bucket: &str,
    policy: RequestPolicy<'_>,
) -> Result<(), CallError> {
    let region = signing_region(s3.caller.region);
    // us-east-1 is the one region that may not be named here.
    let body = if region == "us-east-1" {
        String::new()
    } else {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    let request = Request {
        operation: "CreateBucket",
        method: Method::PUT,
        bucket,
        key: "",
        query: "",
        headers: Cow::default(),
        policy,
        max_response: MAX_DOCUMENT,
    };
    match send(s3, &request, Payload::Bytes(body.as_bytes())) {
        Err(CallError::Response(response))
            if matches!(
                response.error.code(),
                // Another request is creating it.
                Some("BucketAlreadyOwnedByYou" | "OperationAborted")
            ) =>
        {
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

/// A request to S3, in any region.
pub(super) struct Request<'a> {
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: Headers<'a>,
    pub(super) policy: RequestPolicy<'a>,
    pub(super) max_response: u64,
}

fn send(s3: S3<'_>, request: &Request<'_>, payload: Payload<'_>) -> Result<Response, CallError> {
    in_region(s3, request, |call| s3.caller.client.send(call, payload))
}

/// Sends to the bucket's known region. If S3 reports another one, caches it and sends the request there once.
pub(super) fn in_region<T>(
    s3: S3<'_>,
    request: &Request<'_>,
    mut send: impl FnMut(&Call<'_>) -> Result<T, CallError>,
) -> Result<T, CallError> {
    let tried = s3.region_of(request.bucket);
    let error = match send(&call(s3, request, &tried)?) {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let region = match &error {
        CallError::Response(response) if region::is_elsewhere(response) => {
            region::named_in(response).or_else(|| {
                let unnamed = region::is_unnamed(response);
                unnamed.then(|| head_bucket(s3, request, &tried)).flatten()
            })
        }
        _ => None,
    };
    match region.filter(|region| *region != tried) {
        Some(region) => {
            s3.buckets.learn_region(request.bucket, &region);
            send(&call(s3, request, &region)?)
        }
        None => Err(error),
    }
}

/// The bucket's region by `HeadBucket`, whose response names it even without permission for the bucket.
fn head_bucket(s3: S3<'_>, about: &Request<'_>, region: &str) -> Option<String> {
    let request = Request {
        operation: "HeadBucket",
        method: Method::HEAD,
        bucket: about.bucket,
        key: "",
        query: "",
        headers: Cow::default(),
        policy: about.policy,
        max_response: MAX_DOCUMENT,
    };
    let call = call(s3, &request, region).ok()?;
    match s3.caller.client.send(&call, Payload::EMPTY) {
        Ok(response) => text(&response.headers, "x-amz-bucket-region"),
        Err(CallError::Response(response)) => region::named_in(&response),
        Err(_) => None,
    }
    .filter(|region| is_host_label(region))
}

fn call<'a>(s3: S3<'_>, request: &'a Request<'_>, region: &'a str) -> Result<Call<'a>, CallError> {
    let mut headers = Headers::Borrowed(&request.headers);
    if request.operation != "CreateBucket"
        && let Some(owner) = s3.buckets.owner_of(request.bucket)
    {
        headers.to_mut().push((
            HeaderName::from_static("x-amz-expected-bucket-owner"),
            header_value("expected bucket owner", owner)?,
        ));
    }
    if request.bucket.is_empty() {
        let (location, _query) = request.key.split_once('?').unwrap_or((request.key, ""));
        let limit = "an s3://bucket/key URI that this version can parse";
        let remedy = "fetch it by other means, or resume from a handle with the right output_path";
        let refused = InvalidInput::new("location of the service's", location, limit, remedy);
        return Err(Error::from(refused).into());
    }
    let uri = s3
        .caller
        .endpoints
        .s3_uri(region, request.bucket, request.key, request.query)?;
    Ok(Call {
        service: Service::S3,
        identity: Identity::Client,
        operation: request.operation,
        method: request.method.clone(),
        uri,
        region: Cow::Borrowed(region),
        headers,
        resource: Resource::S3 {
            bucket: request.bucket,
            key: request.key,
        },
        policy: request.policy,
        max_response: request.max_response,
    })
}
