//! Every error of the services' models, and those that every AWS service can return, is reported with its code, its
//! request id and its remedy.

use crate::support;

use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    ContainerDefinition, CreateEndpoint, Endpoint, EndpointConfig, ListEndpoints, Model,
    ProductionVariant, SageMaker, ScaleToZero, ScalingPolicy, UpdateEndpoint,
};
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::{Error, ServiceError};
use serde_json::Value;
use support::client::{self, predictor, uri};
use support::verifier::{Reply, Rules, Verifier};

/// Sends the operation to a server that refuses it with this response.
fn refusal(operation: &str, status: u16, code: &str, message: &str) -> ServiceError {
    let asked = operation.to_owned();
    let body = serde_json::json!({"__type": code, "message": message}).to_string();
    let code = code.to_owned();
    let server = Verifier::start(Rules::new(), move |seen| {
        let of = seen
            .header("x-amz-target")
            .unwrap_or("x.InvokeEndpointAsync");
        if of.ends_with(&format!(".{asked}")) {
            Reply::new(status, body.clone())
                .header("x-amzn-errortype", &code)
                .header("x-amzn-requestid", "id-for-support")
        } else {
            Reply::new(200, r#"{"PolicyARN": "arn"}"#)
        }
    });
    let builder = client::builder().endpoint_url(server.url());
    let once = RetryConfig::default().with_max_attempts(1);
    let session = builder
        .retry(once.expect("one attempt"))
        .build()
        .expect("a session");
    let sagemaker = SageMaker::new(&session);
    let endpoint = Endpoint::new("my-endpoint", &session);
    let scaling = endpoint.scaling();
    let policy = ScalingPolicy::add_instances("p", 1, Duration::from_mins(5));
    let variant = ProductionVariant::new("v", "m", "ml.m5.large", 1);
    let outcome = match operation {
        "CreateModel" => {
            let model = Model::new("my-model", ContainerDefinition::new("img:1"));
            sagemaker.create_model(&model).map(drop)
        }
        "CreateEndpointConfig" => {
            let config = EndpointConfig::new("my-config", [variant]);
            sagemaker.create_endpoint_config(&config).map(drop)
        }
        "CreateEndpoint" => {
            let request = CreateEndpoint::new("my-endpoint", "my-config");
            sagemaker.create_endpoint(&request).map(drop)
        }
        "UpdateEndpoint" => {
            sagemaker.update_endpoint(&UpdateEndpoint::new("my-endpoint", "my-config"))
        }
        "UpdateEndpointWeightsAndCapacities" => scaling.set_instance_count(1),
        "DescribeModel" => sagemaker.describe_model("my-model").map(drop),
        "DescribeEndpointConfig" => sagemaker.describe_endpoint_config("my-config").map(drop),
        "DescribeEndpoint" => sagemaker.describe_endpoint("my-endpoint").map(drop),
        "DeleteModel" => sagemaker.delete_model("my-model"),
        "DeleteEndpointConfig" => sagemaker.delete_endpoint_config("my-config"),
        "DeleteEndpoint" => sagemaker.delete_endpoint("my-endpoint"),
        "ListEndpoints" => {
            let listed = sagemaker.list_endpoints(&ListEndpoints::new());
            listed.collect::<Result<Vec<_>, _>>().map(drop)
        }
        "ListTags" => {
            let arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-endpoint";
            sagemaker.list_tags(arn).map(drop)
        }
        "RegisterScalableTarget" => scaling.register(0, 2),
        "DescribeScalableTargets" => scaling.describe_target().map(drop),
        "DeregisterScalableTarget" => scaling.deregister(),
        "PutScalingPolicy" => scaling.put_policy(&policy).map(drop),
        "DescribeScalingPolicies" => scaling.describe_policies().map(drop),
        "DeleteScalingPolicy" => scaling.delete_policy("p"),
        "PutMetricAlarm" => scaling.scale_to_zero(&ScaleToZero::new()),
        "DeleteAlarms" => scaling.remove(),
        // The rest is still reported, so the refusal is one part of the error.
        "GetMetricData" => match endpoint.describe().expect("an overview").backlog() {
            Err(Error::Service(fault)) => return ServiceError::clone(fault),
            other => panic!("{operation}: {other:?}"),
        },
        "InvokeEndpointAsync" => {
            let predictor = predictor(&session);
            predictor
                .request_at(uri("s3://my-bucket/in"))
                .submit()
                .map(drop)
        }
        other => panic!("{other}"),
    };
    match outcome {
        Err(Error::Service(fault)) => *fault,
        // What was removed before is reported too.
        Err(Error::Deployment(failed)) => match failed.cause() {
            Error::Service(fault) => ServiceError::clone(fault),
            other => panic!("{operation}: {other:?}"),
        },
        // It is unknown whether a submit with this error was carried out.
        Err(Error::MaybeSubmitted(perhaps)) => match perhaps.cause() {
            Error::Service(fault) => ServiceError::clone(fault),
            other => panic!("{operation}: {other:?}"),
        },
        other => panic!("{operation}: {other:?}"),
    }
}

/// With its code, its id and its remedy, also in the error's one line.
fn assert_reported(operation: &str, status: u16, code: &str, message: &str, helps: &str) {
    let fault = refusal(operation, status, code, message);
    let place = format!("{operation} {code} {message:?}: {fault}");
    assert_eq!(fault.operation(), operation, "{place}");
    assert_eq!(
        (fault.code(), fault.status()),
        (Some(code), status),
        "{place}"
    );
    assert_eq!(fault.request_id(), Some("id-for-support"), "{place}");
    let remedy = fault.remedy().unwrap_or_else(|| panic!("{place}"));
    assert!(remedy.contains(helps), "{place}");
    let line = format!("{fault:#}");
    for part in [code, "id-for-support", remedy.as_str()] {
        assert!(line.contains(part), "{place}");
    }
}

/// What the models have of this kind for each operation.
fn by_operation(kind: &str) -> Vec<(String, Value)> {
    let text = include_str!("../fixtures/limits/model.json");
    let model: Value = serde_json::from_str(text).expect("JSON");
    let services = model["services"].as_object().expect("services").values();
    let all = services.flat_map(|service| service[kind].as_object().expect(kind).clone());
    all.collect()
}

fn modelled() -> Vec<(String, String, u16)> {
    let mut all = Vec::new();
    for (operation, errors) in by_operation("errors") {
        for (code, status) in errors.as_object().expect("codes") {
            let status = status.as_u64().and_then(|n| u16::try_from(n).ok());
            all.push((operation.clone(), code.clone(), status.expect("a status")));
        }
    }
    all
}

fn operations() -> impl Iterator<Item = String> {
    by_operation("requests")
        .into_iter()
        .map(|(operation, _)| operation)
}

#[test]
fn each_error_of_the_api_models_has_a_remedy() {
    let modelled = modelled();
    assert!(modelled.len() > 30, "{}", modelled.len());
    for (operation, code, status) in modelled {
        let (message, helps) = match code.as_str() {
            // What a validation found is only in its message; these are reported below.
            "ValidationException" => ("No scalable target registered for it", "register"),
            "ValidationError" => (
                "Endpoint my-endpoint of account 123456789012 not found.",
                "name",
            ),
            // A missing resource need not be deleted.
            "ObjectNotFoundException" if operation.starts_with("De") => continue,
            "ResourceNotFound" => continue,
            "ResourceLimitExceeded" => (
                "The account-level service limit is 0 Instances",
                "Service Quotas",
            ),
            _ => ("", ""),
        };
        assert_reported(&operation, status, &code, message, helps);
    }
}

#[test]
fn common_errors_of_all_services_have_a_remedy() {
    let common = [
        (400, "AccessDeniedException", "grant the caller "),
        (400, "NotAuthorized", "grant the caller "),
        (403, "UnrecognizedClientException", "access key"),
        (403, "InvalidClientTokenId", "access key"),
        (403, "InvalidSignatureException", "secret access key"),
        (400, "IncompleteSignature", "secret access key"),
        (403, "ExpiredTokenException", "new credentials"),
        (400, "ThrottlingException", "fewer at a time"),
        (429, "TooManyRequestsException", "fewer at a time"),
        (503, "ServiceUnavailable", "fewer at a time"),
        (500, "InternalFailure", ""),
        (502, "BadGateway", "Health Dashboard"),
        (403, "OptInRequired", "enable the service"),
        (404, "UnknownOperationException", "endpoint URL"),
    ];
    for operation in operations() {
        for (status, code, helps) in common {
            assert_reported(&operation, status, code, "", helps);
        }
    }
}

/// The action that the operation needs, each by its name.
#[test]
fn a_missing_permission_is_named() {
    for operation in operations() {
        let fault = refusal(&operation, 400, "AccessDeniedException", "");
        let remedy = fault.remedy().expect("a remedy");
        assert!(remedy.contains(&format!(":{operation}")), "{remedy}");
    }
    let user = "User: arn:aws:iam::123456789012:user/a is not authorized to perform:";
    let role = "arn:aws:iam::123456789012:role/x";
    let message = format!("{user} iam:PassRole on resource: {role} because no policy allows it");
    let helps = format!("grant the caller iam:PassRole on {role}");
    assert_reported(
        "CreateModel",
        400,
        "AccessDeniedException",
        &message,
        &helps,
    );
    // S3 puts what it is about in quotes.
    let quoted = format!("{user} s3:ListBucket on resource: \"arn:aws:s3:::b\" because of it.");
    let helps = "grant the caller s3:ListBucket on arn:aws:s3:::b";
    let fault = refusal("InvokeEndpointAsync", 403, "AccessDenied", &quoted);
    assert_eq!(fault.remedy().as_deref(), Some(helps));
    let message =
        format!("{user} sagemaker:CreateEndpoint on resource: e with an explicit deny in a policy");
    let helps = "a policy denies sagemaker:CreateEndpoint on e";
    assert_reported(
        "CreateEndpoint",
        400,
        "AccessDeniedException",
        &message,
        helps,
    );
}

/// The service's validation errors have one code; only their messages distinguish them.
#[test]
fn what_a_validation_is_about_is_read_from_its_words() {
    let rows = [
        (
            "CreateModel",
            "Could not assume role arn:aws:iam::123456789012:role/x.",
            "trust policy",
        ),
        (
            "CreateModel",
            "Could not access model data at s3://b/model.tar.gz.",
            "s3:GetObject",
        ),
        (
            "CreateModel",
            "Requested image 1.dkr.ecr.us-east-1.amazonaws.com/x not found.",
            "ecr:BatchGetImage",
        ),
        (
            "CreateModel",
            "Cannot create already existing model \"arn\".",
            "choose another name",
        ),
        (
            "CreateEndpointConfig",
            "Could not find model \"arn\".",
            "create the model first",
        ),
        (
            "CreateEndpoint",
            "Could not find endpoint configuration \"arn\".",
            "create the endpoint configuration",
        ),
        (
            "UpdateEndpoint",
            "Could not find endpoint configuration \"arn\".",
            "create the endpoint configuration",
        ),
        (
            "UpdateEndpoint",
            "Cannot update in-progress endpoint \"arn\".",
            "wait_in_service",
        ),
        (
            "DeleteEndpoint",
            "Cannot update in-progress endpoint \"arn\".",
            "wait_in_service",
        ),
        (
            "DescribeEndpoint",
            "Could not find endpoint \"arn\".",
            "region",
        ),
        ("DescribeModel", "Could not find model \"arn\".", "region"),
        (
            "PutScalingPolicy",
            "No scalable target registered for service namespace: sagemaker",
            "register",
        ),
        (
            "PutScalingPolicy",
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
            "delete the variant's other policy",
        ),
        (
            "DeleteEndpoint",
            "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM \
             identity used to invoke DeleteEndpoint does not have \
             application-autoscaling:DeregisterScalableTarget permission to deregister it.",
            "allow the caller application-autoscaling:DeregisterScalableTarget",
        ),
        (
            "UpdateEndpoint",
            "The variant(s) \"[AllTraffic]\" must be deregistered as scalable targets first.",
            "remove the scaling of the variant first",
        ),
        (
            "CreateEndpointConfig",
            "The key arn:aws:kms:us-east-1:1:key/x does not allow kms:Decrypt.",
            "kms:CreateGrant",
        ),
        (
            "CreateEndpointConfig",
            "KmsKeyId cannot be given for ml.g4dn.xlarge, which has local storage.",
            "leave out the endpoint's KMS key",
        ),
        (
            "CreateModel",
            "The subnet ID 'subnet-1' does not exist.",
            "in one VPC",
        ),
        (
            "CreateModel",
            "Could not access model data at s3://b/m. Ensure that sagemaker.amazonaws.com may assume the role.",
            "s3:GetObject",
        ),
    ];
    for (operation, message, helps) in rows {
        assert_reported(operation, 400, "ValidationException", message, helps);
    }
    assert_reported(
        "CreateModel",
        400,
        "ResourceInUse",
        "Resource is in use",
        "other request",
    );
    // Unknown messages get no remedy.
    let fault = refusal("CreateModel", 400, "ValidationException", "Something new.");
    assert_eq!(fault.remedy(), None);
    let fault = refusal(
        "UpdateEndpoint",
        400,
        "ValidationException",
        "Decrease the secret.",
    );
    assert_eq!(fault.remedy(), None);
}
