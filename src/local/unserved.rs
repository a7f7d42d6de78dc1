//! Responses to requests for services and operations that the endpoint does not have.

use super::auth::signature::signing_service;
use super::http::head::Head;
use super::http::response::Refusal;
use super::operation::{Operation, Service, Target, control_operations};

/// The name under which SDKs sign requests about directory buckets.
const DIRECTORY_BUCKETS: &str = "s3express";

/// The refusal of a request that no service here offers; S3 has its own.
pub(super) fn refusal(head: &Head, target: &Target) -> Option<Refusal> {
    if target.service == Service::S3 && signing_service(head) == Some(DIRECTORY_BUCKETS) {
        let name = match (&target.refused, target.operation) {
            (Some(refused), _) => refused.clone(),
            // The requests differ in this alone.
            (None, Operation::ListBuckets) => "ListDirectoryBuckets".to_owned(),
            (None, operation) => format!("{operation} of directory buckets"),
        };
        return Some(Refusal::not_offered(&name));
    }
    if target.operation != Operation::Unsupported {
        return None;
    }
    match target.service {
        Service::S3 => None,
        Service::SageMaker => Some(Refusal::validation(format!(
            "Endpoint {} is asynchronous and is invoked with InvokeEndpointAsync.",
            target.container
        ))),
        Service::Control(_) => {
            let asked = head.text("x-amz-target").unwrap_or_default();
            let known: Vec<_> = control_operations()
                .map(|known| format!("{known:?}"))
                .collect();
            let message = format!(
                "The local endpoint does not offer {asked}. Of the control plane it offers {}. {ELSEWHERE}",
                known.join(", ")
            );
            Some(Refusal::new(400, "UnknownOperationException", message))
        }
        Service::Sts => {
            let asked = signing_service(head).unwrap_or_default();
            let message = format!("The local endpoint does not offer {asked}. {ELSEWHERE}");
            let refusal = Refusal::new(400, "InvalidAction", message);
            Some(refusal.header("x-amzn-errortype", "InvalidAction"))
        }
    }
}

const ELSEWHERE: &str = "AWS_ENDPOINT_URL leads every service here; AWS_ENDPOINT_URL_ with a service's \
    id after it leads that one elsewhere.";
