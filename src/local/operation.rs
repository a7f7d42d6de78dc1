//! Which operation of which service a request is, and the object it is about.

use percent_encoding::percent_decode_str;

use super::auth::hosts::Hosts;
use super::auth::signature::signing_service;
use super::http::head::Head;
use super::s3::operations::{Asked, Of};

/// Defines [`Operation`] and its lists. A service of the control plane has what stands before its operations in
/// `X-Amz-Target` and its name in signatures' scopes.
macro_rules! operations {
    (
        $($service:literal: $($name:ident),+;)+
        of the control plane
        $($plane:literal($prefix:literal, $signing_name:expr): $($controlled:ident),+;)+
    ) => {
        /// An operation of [`LocalEndpoint`](super::LocalEndpoint), by AWS's name.
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
            $($(#[doc = $service] $name,)+)+
            $($(#[doc = $plane] $controlled,)+)+
            /// A request that is none of these; refused in the form of its service.
            Unsupported,
            /// In a [`Fault`](super::Fault): any request.
            Any,
        }

        impl Operation {
            /// Every one of them.
            pub const ALL: [Self; 2 + [
                $($(stringify!($name),)+)+
                $($(stringify!($controlled),)+)+
            ].len()] = [
                $($(Self::$name,)+)+
                $($(Self::$controlled,)+)+
                Self::Unsupported,
                Self::Any,
            ];
        }

        const CONTROL: &[ControlService] = &[
            $(ControlService {
                prefix: $prefix,
                signing_name: $signing_name,
                operations: &[$(Operation::$controlled),+],
            }),+
        ];
    };
}

operations! {
    "SageMaker's runtime: `POST /endpoints/{EndpointName}/async-invocations`.":
        InvokeEndpointAsync;
    "STS.":
        GetCallerIdentity;
    "S3.":
        GetObject, PutObject, HeadObject, DeleteObject, ListObjectsV2, CreateBucket, HeadBucket, CreateMultipartUpload,
        UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts, ListMultipartUploads, CopyObject,
        UploadPartCopy, DeleteObjects, ListObjects, ListBuckets, GetBucketLocation, DeleteBucket, GetObjectTagging,
        PutObjectTagging, DeleteObjectTagging, GetObjectAttributes, ListObjectVersions, GetBucketVersioning;
    of the control plane
    "SageMaker's control plane." ("SageMaker", "sagemaker"):
        CreateModel, DescribeModel, DeleteModel, CreateEndpointConfig, DescribeEndpointConfig, DeleteEndpointConfig,
        CreateEndpoint, DescribeEndpoint, UpdateEndpoint, UpdateEndpointWeightsAndCapacities, DeleteEndpoint,
        ListEndpoints, ListModels, ListEndpointConfigs, ListTags, AddTags, DeleteTags;
    "Application Auto Scaling." ("AnyScaleFrontendService", "application-autoscaling"):
        RegisterScalableTarget, DescribeScalableTargets, DeregisterScalableTarget, PutScalingPolicy,
        DescribeScalingPolicies, DeleteScalingPolicy;
    "CloudWatch." ("GraniteServiceVersion20100801", "monitoring"):
        PutMetricAlarm, DescribeAlarms, DeleteAlarms, GetMetricData;
    "SQS." ("AmazonSQS", SQS):
        CreateQueue, GetQueueUrl, GetQueueAttributes, PurgeQueue, SendMessage, SendMessageBatch, ReceiveMessage,
        DeleteMessage, DeleteMessageBatch, ChangeMessageVisibility, ChangeMessageVisibilityBatch;
}

/// Whose wording a response takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    SageMaker,
    Sts,
    /// The control plane, by the name in signatures' scopes: `SageMaker`'s, Application Auto Scaling,
    /// CloudWatch; and SQS.
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

/// SQS speaks the control plane's protocol.
pub(super) const SQS: &str = "sqs";

/// The operation that `X-Amz-Target` names, and its service.
fn control_operation(target: &str) -> (Operation, Service) {
    let (wanted_prefix, wanted) = target.split_once('.').unwrap_or_default();
    let service = CONTROL
        .iter()
        .find(|service| service.prefix == wanted_prefix);
    let Some(service) = service else {
        return (Operation::Unsupported, Service::Control(""));
    };
    // The variants have AWS's names.
    let mut operations = service.operations.iter();
    let operation = operations.find(|operation| operation.to_string() == wanted);
    (
        operation.copied().unwrap_or(Operation::Unsupported),
        Service::Control(service.signing_name),
    )
}

/// All operations of the control plane.
pub(super) fn control_operations() -> impl Iterator<Item = Operation> {
    let all = CONTROL.iter().flat_map(|service| service.operations);
    all.copied()
}

/// The operation of a request.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) operation: Operation,
    /// For an operation of S3's that is not offered: what it is, under S3's name.
    pub(super) refused: Option<String>,
    /// Whose form a response takes.
    pub(super) service: Service,
    /// The bucket; the endpoint's name for [`Operation::InvokeEndpointAsync`].
    pub(super) container: String,
    /// The key, exactly as percent-decoded; `None` if it is not UTF-8 or not encoded rightly.
    pub(super) key: Option<String>,
    /// The query, decoded.
    pub(super) query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn of(head: &Head, hosts: &Hosts) -> Self {
        let query = decoded_query(&head.query);
        let of_no_object = |operation, service, container: &str| Self {
            operation,
            refused: None,
            service,
            container: decoded(container).unwrap_or_default(),
            key: Some(String::new()),
            query: Vec::new(),
        };
        if let Some((endpoint, operation)) = invoked_endpoint(head) {
            return of_no_object(operation, Service::SageMaker, endpoint);
        }
        let path = head.path.strip_prefix('/').unwrap_or(&head.path);
        let host = head.text("host").unwrap_or_default();
        let (container, raw_key) = match hosts.bucket(host) {
            Some(bucket) => (bucket, path),
            None if head.method == http::Method::POST && path.is_empty() => {
                let (operation, service) = head
                    .text("x-amz-target")
                    .map_or_else(|| (form_operation(head), Service::Sts), control_operation);
                return of_no_object(operation, service, "");
            }
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decoded(bucket).unwrap_or_default(), key)
            }
        };
        let operation = s3_operation(head, &container, raw_key, &query);
        Self {
            operation: *operation.as_ref().unwrap_or(&Operation::Unsupported),
            refused: operation.err(),
            service: Service::S3,
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

/// The endpoint that is invoked, and how: only asynchronously.
fn invoked_endpoint(head: &Head) -> Option<(&str, Operation)> {
    let (name, how) = head.path.strip_prefix("/endpoints/")?.rsplit_once('/')?;
    let operation = match how {
        "async-invocations" => Operation::InvokeEndpointAsync,
        "invocations" | "invocations-response-stream" => Operation::Unsupported,
        _ => return None,
    };
    (head.method == http::Method::POST && !name.contains('/')).then_some((name, operation))
}

/// Services that take forms all have one address; only STS is here.
fn form_operation(head: &Head) -> Operation {
    match signing_service(head) {
        None | Some("sts") => Operation::GetCallerIdentity,
        Some(_) => Operation::Unsupported,
    }
}

/// Makes an upload a copy, as a header or in a presigned URL.
const COPY_SOURCE: &str = "x-amz-copy-source";

/// The operation of S3 that a request is, or what of it is not offered.
fn s3_operation(
    head: &Head,
    bucket: &str,
    raw_key: &str,
    query: &[(String, String)],
) -> Result<Operation, String> {
    // Of S3 Object Lambda, which has no buckets.
    if head.headers.contains_key("x-amz-request-route") {
        return Err("WriteGetObjectResponse".to_owned());
    }
    let asked = Asked {
        method: head.method.as_str(),
        of: match (bucket, raw_key) {
            ("", "") => Of::Account,
            ("", _) => return Err("an object without a bucket".to_owned()),
            (_, "") => Of::Bucket,
            _ => Of::Object,
        },
        query,
        copies: head.headers.contains_key(COPY_SOURCE)
            || query
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(COPY_SOURCE)),
    };
    asked.operation()
}

/// `None` if it is not UTF-8, or has a `%` without two digits after it.
fn decoded(text: &str) -> Option<String> {
    let mut after_percent = text.split('%').skip(1);
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !after_percent.all(is_escape) {
        return None;
    }
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
