//! Which operation of which service a request is, and the object it is about.

use percent_encoding::percent_decode_str;

use super::http1::Head;
use super::store::Store;

/// The operations that [`LocalEndpoint`](super::LocalEndpoint) answers, under AWS's names.
///
/// ```
/// use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// endpoint.fault(Fault::on(Operation::GetObject).status(500));
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// SageMaker: `POST /endpoints/{EndpointName}/async-invocations`.
    InvokeEndpointAsync,
    /// STS: who owns these credentials.
    GetCallerIdentity,
    /// S3.
    GetObject,
    /// S3.
    PutObject,
    /// S3.
    HeadObject,
    /// S3.
    DeleteObject,
    /// S3.
    ListObjectsV2,
    /// S3.
    CreateBucket,
    /// S3.
    HeadBucket,
    /// S3.
    CreateMultipartUpload,
    /// S3.
    UploadPart,
    /// S3.
    CompleteMultipartUpload,
    /// S3.
    AbortMultipartUpload,
    /// S3.
    ListParts,
    /// A request that is none of these; answered with 501 `NotImplemented`.
    Unsupported,
    /// In a [`Fault`](super::Fault): whatever the request is.
    Any,
}

/// Whose wording an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    SageMaker,
    Sts,
}

impl Operation {
    pub(super) fn service(self) -> Service {
        match self {
            Self::InvokeEndpointAsync => Service::SageMaker,
            Self::GetCallerIdentity => Service::Sts,
            _ => Service::S3,
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) operation: Operation,
    /// The bucket; the endpoint's name for [`Operation::InvokeEndpointAsync`].
    pub(super) container: String,
    /// The key, exactly as percent-decoded; `None` if it is not UTF-8.
    pub(super) key: Option<String>,
    /// The query, decoded.
    pub(super) query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn of(head: &Head, store: &Store) -> Self {
        let query = decoded_query(&head.query);
        if let Some(endpoint) = invoked_endpoint(head) {
            return Self {
                operation: Operation::InvokeEndpointAsync,
                container: decoded(endpoint).unwrap_or_default(),
                key: Some(String::new()),
                query,
            };
        }
        let path = head.path.strip_prefix('/').unwrap_or(&head.path);
        let (container, raw_key) = match virtual_bucket(head, store) {
            Some(bucket) => (bucket, path),
            None if head.method == http::Method::POST && path.is_empty() => {
                return Self {
                    operation: Operation::GetCallerIdentity,
                    container: String::new(),
                    key: Some(String::new()),
                    query,
                };
            }
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decoded(bucket).unwrap_or_default(), key)
            }
        };
        Self {
            operation: s3_operation(head.method.as_str(), container.is_empty(), raw_key, &query),
            container,
            key: decoded(raw_key),
            query,
        }
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }
}

fn find<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
}

fn invoked_endpoint(head: &Head) -> Option<&str> {
    let name = head
        .path
        .strip_prefix("/endpoints/")?
        .strip_suffix("/async-invocations")?;
    (head.method == http::Method::POST && !name.contains('/')).then_some(name)
}

/// The bucket that stands before the host, if there is one of that name.
fn virtual_bucket(head: &Head, store: &Store) -> Option<String> {
    let host = head.text("host")?;
    store
        .bucket_names()
        .into_iter()
        .filter(|bucket| {
            host.strip_prefix(bucket.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
        .max_by_key(String::len)
}

fn s3_operation(
    method: &str,
    no_bucket: bool,
    raw_key: &str,
    query: &[(String, String)],
) -> Operation {
    let has = |name| find(query, name).is_some();
    if no_bucket {
        return Operation::Unsupported;
    }
    if raw_key.is_empty() {
        return match method {
            "GET" if find(query, "list-type") == Some("2") => Operation::ListObjectsV2,
            "PUT" if query.is_empty() => Operation::CreateBucket,
            "HEAD" => Operation::HeadBucket,
            _ => Operation::Unsupported,
        };
    }
    match method {
        "POST" if has("uploads") => Operation::CreateMultipartUpload,
        "POST" if has("uploadId") => Operation::CompleteMultipartUpload,
        "PUT" if has("uploadId") => Operation::UploadPart,
        "GET" if has("uploadId") => Operation::ListParts,
        "DELETE" if has("uploadId") => Operation::AbortMultipartUpload,
        // Tags, ACLs, versions and the like are subresources, not the object.
        _ if ["tagging", "acl", "versionId", "attributes", "retention"]
            .into_iter()
            .any(has) =>
        {
            Operation::Unsupported
        }
        "GET" => Operation::GetObject,
        "PUT" => Operation::PutObject,
        "HEAD" => Operation::HeadObject,
        "DELETE" => Operation::DeleteObject,
        _ => Operation::Unsupported,
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// The pairs of a raw query, decoded; `+` is a space in a query, unlike in a path.
pub(super) fn decoded_query(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
