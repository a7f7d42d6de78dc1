//! Amazon S3: the operations that async inference needs.

pub(crate) mod buckets;
pub(crate) mod checksum;
pub(crate) mod list;
pub(crate) mod objects;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::client::Failed;
use super::client::fault::Fault;
use super::endpoints::{encode_segment, is_host_label, signing_region};
use super::{Answer, Call, Caller, Identity, MAX_DOCUMENT, Patience, Repeat, Resource, Service};
use buckets::Buckets;
use checksum::Expected;
pub(crate) use list::Page;

use crate::error::{Error, Result, TransportError, TransportErrorKind};
use crate::invalid_input::InvalidInput;
use crate::limits::header_value;
use crate::uri::S3Uri;

/// What an operation of S3 needs of whoever calls it.
#[derive(Clone, Copy)]
pub(crate) struct S3<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) buckets: &'a Buckets,
}

impl S3<'_> {
    /// The region that the bucket is known to be in: the caller's, until S3 named another one.
    pub(crate) fn region_of(&self, bucket: &str) -> String {
        let known = self.buckets.region_of(bucket);
        known.unwrap_or_else(|| self.caller.region.to_owned())
    }
}

/// An object and what its headers say.
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: Option<String>,
}

/// How an object is to be stored.
#[derive(Debug, Default, Clone)]
pub(crate) struct PutOptions<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) kms_key_id: Option<&'a str>,
}

impl PutOptions<'_> {
    pub(super) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = self.content_type {
            headers.insert(
                http::header::CONTENT_TYPE,
                header_value("content type", content_type)?,
            );
        }
        if let Some(key_id) = self.kms_key_id {
            headers.insert(
                HeaderName::from_static("x-amz-server-side-encryption"),
                HeaderValue::from_static("aws:kms"),
            );
            headers.insert(
                HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
                header_value("KMS key", key_id)?,
            );
        }
        Ok(headers)
    }
}

pub(crate) fn get_object(
    s3: S3<'_>,
    uri: &S3Uri,
    patience: Patience<'_>,
    max_bytes: u64,
) -> Result<Object, Failed> {
    let mut headers = HeaderMap::new();
    headers.insert(
        HeaderName::from_static("x-amz-checksum-mode"),
        HeaderValue::from_static("ENABLED"),
    );
    let request = Request {
        operation: "GetObject",
        method: Method::GET,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers,
        body: &[],
        patience,
        max_answer: max_bytes,
    };
    let answer = send(s3, &request)?;
    if let Some(expected) = Expected::of_object(&answer.headers) {
        let mut checksum = expected.start();
        checksum.update(&answer.body);
        expected.check(checksum, uri)?;
    }
    Ok(Object {
        content_type: super::client::fault::text(&answer.headers, "content-type"),
        body: answer.body,
    })
}

pub(crate) fn put_object(
    s3: S3<'_>,
    uri: &S3Uri,
    body: &[u8],
    options: &PutOptions<'_>,
) -> Result<(), Failed> {
    let request = Request {
        operation: "PutObject",
        method: Method::PUT,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers: options.headers()?,
        body,
        patience: Patience::default(),
        max_answer: MAX_DOCUMENT,
    };
    send(s3, &request).map(drop)
}

pub(crate) fn delete_object(s3: S3<'_>, uri: &S3Uri) -> Result<(), Failed> {
    let request = Request {
        operation: "DeleteObject",
        method: Method::DELETE,
        bucket: uri.bucket(),
        key: uri.key(),
        query: "",
        headers: HeaderMap::new(),
        body: &[],
        patience: Patience::default(),
        max_answer: MAX_DOCUMENT,
    };
    send(s3, &request).map(drop)
}

/// Looks whether the caller may list the bucket: then a 403 on an object is about the object.
pub(crate) fn may_list(s3: S3<'_>, uri: &S3Uri, patience: Patience<'_>) -> Result<bool, Failed> {
    let query = format!(
        "list-type=2&max-keys=1&prefix={}",
        encode_segment(uri.key())
    );
    let answer = list(s3, uri.bucket(), &query, patience);
    match answer.and_then(|answer| read(&answer, uri.bucket(), |_, _| {})) {
        Ok(_) => Ok(true),
        // Any other 403, as of a wrong signature, is about something else.
        Err(Failed::Fault(fault))
            if fault.error.status == 403
                && matches!(fault.error.code(), None | Some("AccessDenied")) =>
        {
            Ok(false)
        }
        Err(failed) => Err(failed),
    }
}

/// Which objects to list.
pub(crate) struct ListObjects<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    /// Whether what lies deeper than one level is left out.
    pub(crate) flat: bool,
    pub(crate) from: Start<'a>,
}

/// Where a page begins.
pub(crate) enum Start<'a> {
    /// After this key, whether there is such a key or not.
    After(&'a str),
    /// Where the page before ended.
    Token(&'a str),
}

/// One page, at most 1,000 objects; each key and size goes to `found`.
pub(crate) fn list_objects(
    s3: S3<'_>,
    objects: &ListObjects<'_>,
    patience: Patience<'_>,
    found: impl FnMut(&str, u64),
) -> Result<Page, Failed> {
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
    let answer = list(s3, objects.bucket, &query, patience)?;
    read(&answer, objects.bucket, found)
}

fn read(answer: &Answer, bucket: &str, found: impl FnMut(&str, u64)) -> Result<Page, Failed> {
    list::read_page(&answer.body, found).map_err(|problem| {
        let error = TransportError {
            service: Service::S3.name(),
            operation: LIST,
            kind: TransportErrorKind::Protocol,
            host: format!("of bucket {bucket}"),
            never_sent: false,
            attempts: 1,
            elapsed: std::time::Duration::ZERO,
            source: Some(std::sync::Arc::from(Box::from(problem))),
            handle: None,
            proxy: None,
            advice: None,
        };
        Failed::Error(error.into())
    })
}

const LIST: &str = "ListObjectsV2";

fn list(s3: S3<'_>, bucket: &str, query: &str, patience: Patience<'_>) -> Result<Answer, Failed> {
    let request = Request {
        operation: LIST,
        method: Method::GET,
        bucket,
        key: "",
        query,
        headers: HeaderMap::new(),
        body: &[],
        patience,
        max_answer: MAX_DOCUMENT,
    };
    send(s3, &request)
}

/// Creates a bucket in the session's region, as the `SageMaker` Python SDK does with its default one.
pub(crate) fn create_bucket(s3: S3<'_>, bucket: &str) -> Result<(), Failed> {
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
        headers: HeaderMap::new(),
        body: body.as_bytes(),
        patience: Patience::default(),
        max_answer: MAX_DOCUMENT,
    };
    match send(s3, &request) {
        Err(Failed::Fault(fault))
            if fault.error.code.as_deref() == Some("BucketAlreadyOwnedByYou") =>
        {
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

pub(super) struct Request<'a> {
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) patience: Patience<'a>,
    pub(super) max_answer: u64,
}

/// Sends to the region where the bucket is; where that turns out to be another one than thought,
/// once more, and remembers it.
fn send(s3: S3<'_>, request: &Request<'_>) -> Result<Answer, Failed> {
    send_by(s3, request, |call| {
        let Patience { stop, retry, .. } = request.patience;
        match retry {
            Some(retry) => s3.caller.client.with_retry(retry).send_until(call, stop),
            None => s3.caller.client.send_until(call, stop),
        }
    })
}

/// As [`send`], in another way.
pub(super) fn send_by<T, E: From<Failed> + RefersElsewhere>(
    s3: S3<'_>,
    request: &Request<'_>,
    by: impl Fn(&Call<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let region = s3.region_of(request.bucket);
    let failed = match by(&call(s3, request, &region)?) {
        Err(failed) => failed,
        outcome => return outcome,
    };
    match failed
        .fault()
        .and_then(|fault| other_region(fault, &region))
    {
        Some(right) => {
            s3.buckets.learn_region(request.bucket, &right);
            by(&call(s3, request, &right)?)
        }
        None => Err(failed),
    }
}

/// A failure that may say in which region the bucket is.
pub(super) trait RefersElsewhere {
    fn fault(&self) -> Option<&Fault>;
}

impl RefersElsewhere for Failed {
    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            Self::Error(_) => None,
        }
    }
}

fn other_region(fault: &Fault, tried: &str) -> Option<String> {
    let code = fault.error.code.as_deref();
    let about_region = matches!(fault.error.status, 301 | 307)
        || matches!(
            code,
            Some(
                "AuthorizationHeaderMalformed"
                    | "PermanentRedirect"
                    | "IllegalLocationConstraintException"
            )
        )
        || (fault.error.status == 400 && code.is_none());
    fault
        .bucket_region
        .clone()
        // What comes from outside goes into a host's name only if it fits there.
        .filter(|region| about_region && region != tried && is_host_label(region))
}

fn call<'a>(s3: S3<'_>, request: &'a Request<'_>, region: &'a str) -> Result<Call<'a>, Failed> {
    let mut headers = Cow::Borrowed(&request.headers);
    if request.operation != "CreateBucket"
        && let Some(owner) = s3.buckets.owner_of(request.bucket)
    {
        headers.to_mut().insert(
            HeaderName::from_static("x-amz-expected-bucket-owner"),
            header_value("expected bucket owner", owner)?,
        );
    }
    if request.bucket.is_empty() {
        let (location, _query) = request.key.split_once('?').unwrap_or((request.key, ""));
        let limit = "s3://bucket/key, as far as this version reads it";
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
        body: request.body,
        resource: Resource::S3 {
            bucket: request.bucket,
            key: request.key,
        },
        repeat: if request.patience.once {
            Repeat::Never
        } else {
            Repeat::Idempotent
        },
        deadline: request.patience.deadline,
        max_answer: request.max_answer,
    })
}
