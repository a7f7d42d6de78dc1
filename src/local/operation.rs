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
    /// SageMaker's control plane.
    CreateModel,
    /// SageMaker's control plane.
    DescribeModel,
    /// SageMaker's control plane.
    DeleteModel,
    /// SageMaker's control plane.
    CreateEndpointConfig,
    /// SageMaker's control plane.
    DescribeEndpointConfig,
    /// SageMaker's control plane.
    DeleteEndpointConfig,
    /// SageMaker's control plane.
    CreateEndpoint,
    /// SageMaker's control plane.
    DescribeEndpoint,
    /// SageMaker's control plane.
    UpdateEndpoint,
    /// SageMaker's control plane.
    UpdateEndpointWeightsAndCapacities,
    /// SageMaker's control plane.
    DeleteEndpoint,
    /// SageMaker's control plane.
    ListEndpoints,
    /// SageMaker's control plane.
    ListTags,
    /// Application Auto Scaling.
    RegisterScalableTarget,
    /// Application Auto Scaling.
    DescribeScalableTargets,
    /// Application Auto Scaling.
    DeregisterScalableTarget,
    /// Application Auto Scaling.
    PutScalingPolicy,
    /// Application Auto Scaling.
    DescribeScalingPolicies,
    /// Application Auto Scaling.
    DeleteScalingPolicy,
    /// CloudWatch.
    PutMetricAlarm,
    /// CloudWatch.
    DescribeAlarms,
    /// CloudWatch.
    DeleteAlarms,
    /// CloudWatch.
    GetMetricData,
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
    /// The control plane, by the name in signatures' scopes: `SageMaker`'s, Application Auto Scaling,
    /// CloudWatch.
    Control(&'static str),
}

/// The operations of one service of the control plane.
struct ControlService {
    /// What stands before them in `X-Amz-Target`.
    prefix: &'static str,
    /// The name in signatures' scopes.
    signing_name: &'static str,
    operations: &'static [Operation],
}

const CONTROL: &[ControlService] = &[
    ControlService {
        prefix: "SageMaker",
        signing_name: "sagemaker",
        operations: &[
            Operation::CreateModel,
            Operation::DescribeModel,
            Operation::DeleteModel,
            Operation::CreateEndpointConfig,
            Operation::DescribeEndpointConfig,
            Operation::DeleteEndpointConfig,
            Operation::CreateEndpoint,
            Operation::DescribeEndpoint,
            Operation::UpdateEndpoint,
            Operation::UpdateEndpointWeightsAndCapacities,
            Operation::DeleteEndpoint,
            Operation::ListEndpoints,
            Operation::ListTags,
        ],
    },
    ControlService {
        prefix: "AnyScaleFrontendService",
        signing_name: "application-autoscaling",
        operations: &[
            Operation::RegisterScalableTarget,
            Operation::DescribeScalableTargets,
            Operation::DeregisterScalableTarget,
            Operation::PutScalingPolicy,
            Operation::DescribeScalingPolicies,
            Operation::DeleteScalingPolicy,
        ],
    },
    ControlService {
        prefix: "GraniteServiceVersion20100801",
        signing_name: "monitoring",
        operations: &[
            Operation::PutMetricAlarm,
            Operation::DescribeAlarms,
            Operation::DeleteAlarms,
            Operation::GetMetricData,
        ],
    },
];

/// The operation that `X-Amz-Target` names.
fn control_operation(head: &Head) -> Option<Operation> {
    let (wanted_prefix, wanted) = head.text("x-amz-target")?.split_once('.')?;
    let service = CONTROL
        .iter()
        .find(|service| service.prefix == wanted_prefix)?;
    // The variants have AWS's names.
    let mut operations = service.operations.iter();
    operations
        .find(|operation| format!("{operation:?}") == wanted)
        .copied()
}

impl Operation {
    pub(super) fn service(self) -> Service {
        match self {
            Self::InvokeEndpointAsync => Service::SageMaker,
            Self::GetCallerIdentity => Service::Sts,
            _ => CONTROL
                .iter()
                .find(|service| service.operations.contains(&self))
                .map_or(Service::S3, |service| {
                    Service::Control(service.signing_name)
                }),
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
                let operation = match head.text("x-amz-target") {
                    Some(_) => control_operation(head).unwrap_or(Operation::Unsupported),
                    None => Operation::GetCallerIdentity,
                };
                return Self {
                    operation,
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
