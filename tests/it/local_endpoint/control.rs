//! The control plane's operations, under an independent signer.

use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::ManualClock;
use serde_json::{Value, json};

use crate::local_endpoint::client::{Call, Client, Reply, client};

/// One operation of each of the three services.
const OPERATIONS: [(&str, &str, &str); 3] = [
    (
        "sagemaker",
        "SageMaker.DescribeEndpoint",
        r#"{"EndpointName": "local-endpoint"}"#,
    ),
    (
        "application-autoscaling",
        "AnyScaleFrontendService.DescribeScalableTargets",
        r#"{"ServiceNamespace": "sagemaker"}"#,
    ),
    (
        "monitoring",
        "GraniteServiceVersion20100801.DescribeAlarms",
        "{}",
    ),
];

pub(super) fn start() -> LocalEndpoint {
    LocalEndpoint::builder().start().expect("start")
}

fn call<'a>(client: &'a Client, service: &'static str, target: &str, body: &str) -> Call<'a> {
    client
        .call(service, "POST", "/")
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.1")
        .body(body)
}

fn all(client: &Client, mistake: impl Fn(&mut Call<'_>)) -> Vec<Reply> {
    OPERATIONS
        .iter()
        .map(|(service, target, body)| call(client, service, target, body).with(&mistake).send())
        .collect()
}

pub(super) fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[test]
fn right_ones_are_taken() {
    let endpoint = start();
    let replies = all(&client(&endpoint), |_| {});
    for reply in &replies {
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), "application/x-amz-json-1.1");
        assert!(!reply.header("x-amzn-requestid").is_empty());
    }
    let described = json_of(&replies[0]);
    assert_eq!(described["EndpointStatus"], "InService");
    assert_eq!(
        described["ProductionVariants"][0]["CurrentInstanceCount"],
        1
    );
    let operations: Vec<_> = endpoint.requests().iter().map(|r| r.operation).collect();
    let wanted = [
        Operation::DescribeEndpoint,
        Operation::DescribeScalableTargets,
        Operation::DescribeAlarms,
    ];
    assert_eq!(operations, wanted);
}

#[test]
fn wrong_ones_are_refused_as_other_json_services_do() {
    let endpoint = start();
    let client = client(&endpoint);
    let unknown = all(&client, |call| call.access_key = "AKIDOTHER".into());
    let wrong = [
        all(&client, |call| call.secret_key = "other".into()),
        all(&client, |call| call.scope = "s3"),
        all(&client, |call| call.region = "eu-west-1".into()),
        all(&client, |call| call.signed_body = Some(b"{}  ".to_vec())),
        all(&client, |call| call.time -= Duration::from_mins(6)),
    ];
    let refused = |replies: &[Reply], code: &str| {
        for reply in replies {
            reply.is_json_error(403, code);
            assert_eq!(json_of(reply)["__type"], code, "the body names it too");
        }
    };
    refused(&unknown, "UnrecognizedClientException");
    for replies in &wrong {
        refused(replies, "InvalidSignatureException");
    }
    // Each service has a name of its own in the scope.
    let (_, target, body) = OPERATIONS[1];
    let reply = call(&client, "sagemaker", target, body).send();
    let message = reply.is_json_error(403, "InvalidSignatureException");
    assert!(message.contains("'application-autoscaling'"), "{message}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let endpoint = start();
    let client = client(&endpoint);
    for body in ["", "[]", "{", "null"] {
        let reply = call(&client, "sagemaker", "SageMaker.CreateModel", body).send();
        reply.is_json_error(400, "SerializationException");
    }
    let reply = call(&client, "sagemaker", "SageMaker.CreateModel", "{}").send();
    reply.is_json_error(400, "ValidationException");
}

/// A request for something that is not offered is refused in the service's own format, with a list of what is.
#[test]
fn what_is_not_served_is_said_so() {
    let endpoint = start();
    let client = client(&endpoint);
    for (service, target) in [
        ("sagemaker", "SageMaker.CreateNotebookInstance"),
        ("monitoring", "GraniteServiceVersion20100801.ListDashboards"),
        ("logs", "Logs_20140328.DescribeLogGroups"),
    ] {
        let reply = call(&client, service, target, "{}").send();
        let message = reply.is_json_error(400, "UnknownOperationException");
        assert!(
            message.contains(target) && message.contains("CreateModel"),
            "{message}"
        );
    }
    for path in [
        "/endpoints/local-endpoint/invocations",
        "/endpoints/e/invocations-response-stream",
    ] {
        let reply = client.call("sagemaker", "POST", path).body("x").send();
        let message = reply.is_json_error(400, "ValidationError");
        assert!(message.contains("InvokeEndpointAsync"), "{message}");
    }
    let reply = client
        .call("iam", "POST", "/")
        .body("Action=GetRole&Version=2010-05-08")
        .send();
    assert_eq!(reply.status, 400);
    let text = reply.text();
    assert!(
        text.contains("<Code>InvalidAction</Code>") && text.contains("iam"),
        "{text}"
    );
    assert!(text.contains("AWS_ENDPOINT_URL"), "{text}");
}

#[test]
fn everything_that_was_made_is_listed() {
    let endpoint = start();
    let client = client(&endpoint);
    let send = |operation: &str, body: Value| {
        let target = format!("SageMaker.{operation}");
        json_of(&call(&client, "sagemaker", &target, &body.to_string()).send())
    };
    for name in ["b-1", "a-1", "c-2"] {
        let role = "arn:aws:iam::123456789012:role/r";
        let container = json!({"Image": "i"});
        send(
            "CreateModel",
            json!({"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": container}),
        );
        let variant = json!({"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1});
        send(
            "CreateEndpointConfig",
            json!({"EndpointConfigName": name, "ProductionVariants": [variant]}),
        );
    }
    let names = |listed: &Value, list: &str, member: &str| {
        let found = listed[list].as_array().expect(list).iter();
        found
            .map(|one| one[member].as_str().expect(member).to_owned())
            .collect::<Vec<_>>()
    };
    for (operation, list, member, arn) in [
        ("ListModels", "Models", "ModelName", "ModelArn"),
        (
            "ListEndpointConfigs",
            "EndpointConfigs",
            "EndpointConfigName",
            "EndpointConfigArn",
        ),
    ] {
        let by_name = |more: Value| {
            let mut ask = json!({"SortBy": "Name", "SortOrder": "Ascending"});
            for (name, value) in more.as_object().expect("members") {
                ask[name] = value.clone();
            }
            send(operation, ask)
        };
        let all = by_name(json!({}));
        assert_eq!(
            names(&all, list, member),
            ["a-1", "b-1", "c-2", "local-endpoint"]
        );
        assert!(all[list][0][arn].is_string() && all[list][0]["CreationTime"].is_number());
        assert_eq!(
            names(&by_name(json!({"NameContains": "-1"})), list, member),
            ["a-1", "b-1"]
        );
        let first = by_name(json!({"MaxResults": 3}));
        assert_eq!(names(&first, list, member).len(), 3);
        let rest = by_name(json!({"MaxResults": 3, "NextToken": first["NextToken"]}));
        assert_eq!(names(&rest, list, member), ["local-endpoint"]);
        assert!(rest.get("NextToken").is_none());
        let target = format!("SageMaker.{operation}");
        let wrong = call(&client, "sagemaker", &target, r#"{"NextToken": "none"}"#);
        wrong.send().is_json_error(400, "ValidationException");
        let newest = send(operation, json!({}));
        assert_eq!(names(&newest, list, member)[0], "c-2");
        let none = by_name(json!({"CreationTimeBefore": 1}));
        assert_eq!(names(&none, list, member).len(), 0);
    }
    let none = send("ListEndpoints", json!({"LastModifiedTimeBefore": 1}));
    assert_eq!(none["Endpoints"], json!([]));
    let some = send(
        "ListEndpoints",
        json!({"LastModifiedTimeAfter": 1, "CreationTimeAfter": 1}),
    );
    assert_eq!(
        names(&some, "Endpoints", "EndpointName"),
        ["local-endpoint"]
    );
}

#[test]
fn tags_are_added_changed_and_deleted() {
    let endpoint = start();
    let client = client(&endpoint);
    let send = |operation: &str, body: Value| {
        let target = format!("SageMaker.{operation}");
        call(&client, "sagemaker", &target, &body.to_string()).send()
    };
    for kind in ["model", "endpoint-config", "endpoint"] {
        let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:{kind}/local-endpoint");
        let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
        let tags = json!([tag("team", "a"), tag("cost", "1")]);
        let added = send("AddTags", json!({"ResourceArn": arn, "Tags": tags}));
        assert_eq!(json_of(&added)["Tags"], tags);
        send(
            "AddTags",
            json!({"ResourceArn": arn, "Tags": [tag("team", "b")]}),
        );
        send(
            "DeleteTags",
            json!({"ResourceArn": arn, "TagKeys": ["cost", "other"]}),
        );
        let left = json_of(&send("ListTags", json!({"ResourceArn": arn})));
        assert_eq!(left["Tags"], json!([tag("team", "b")]));
        let reserved = send(
            "AddTags",
            json!({"ResourceArn": arn, "Tags": [tag("aws:x", "b")]}),
        );
        reserved.is_json_error(400, "ValidationException");
        let many: Vec<_> = (0..50).map(|n| tag(&n.to_string(), "")).collect();
        let full = send("AddTags", json!({"ResourceArn": arn, "Tags": many}));
        full.is_json_error(400, "ValidationException");
        let left = json_of(&send("ListTags", json!({"ResourceArn": arn})));
        assert_eq!(left["Tags"], json!([tag("team", "b")]));
    }
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model/nope";
    for (operation, rest) in [
        ("AddTags", "Tags"),
        ("DeleteTags", "TagKeys"),
        ("ListTags", "x"),
    ] {
        let missing = send(operation, json!({"ResourceArn": arn, rest: []}));
        missing.is_json_error(400, "ValidationException");
    }
}

#[test]
fn faults_strike_them_in_the_form_of_the_service() {
    let endpoint = start();
    let client = client(&endpoint);
    let send = || call(&client, "sagemaker", OPERATIONS[0].1, OPERATIONS[0].2).send();
    endpoint.fault(Fault::on(Operation::DescribeEndpoint).throttle());
    send().is_json_error(400, "ThrottlingException");
    endpoint.fault(Fault::on(Operation::DescribeEndpoint).access_denied());
    send().is_json_error(403, "AccessDeniedException");
    endpoint.fault(Fault::on(Operation::DescribeEndpoint).status(400));
    send().is_json_error(400, "ValidationException");
    endpoint.fault(Fault::on(Operation::DescribeEndpoint).status(500));
    send().is_json_error(500, "InternalFailure");
    assert_eq!(send().status, 200);
}

#[test]
fn alarms_are_kept_and_deleted() {
    let endpoint = start();
    let client = client(&endpoint);
    let send = |operation: &str, body: Value| {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        call(&client, "monitoring", &target, &body.to_string()).send()
    };
    let alarm = json!({
        "AlarmName": "a-1", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold",
    });
    assert_eq!(send("PutMetricAlarm", alarm.clone()).status, 200);
    let found = json_of(&send("DescribeAlarms", json!({"AlarmNamePrefix": "a-"})));
    assert_eq!(found["MetricAlarms"], json!([alarm]));
    let none = json_of(&send("DescribeAlarms", json!({"AlarmNames": ["b"]})));
    assert_eq!(none["MetricAlarms"], json!([]));
    let incomplete = send("PutMetricAlarm", json!({"AlarmName": "a-2"}));
    incomplete.is_json_error(400, "MissingParameter");
    assert_eq!(
        send("DeleteAlarms", json!({"AlarmNames": ["a-1"]})).status,
        200
    );
    send("DeleteAlarms", json!({"AlarmNames": ["a-1"]})).is_json_error(404, "ResourceNotFound");
}

#[test]
fn metrics_are_of_the_present_minute() {
    let endpoint = LocalEndpoint::builder()
        .instances(0)
        .start()
        .expect("start");
    let client = client(&endpoint);
    client.invoke("local-endpoint").body("x").send();
    let query = |id: &str, metric: &str, name: &str| {
        json!({"Id": id, "MetricStat": {"Period": 60, "Stat": "Maximum", "Metric": {
            "Namespace": "AWS/SageMaker", "MetricName": metric,
            "Dimensions": [{"Name": "EndpointName", "Value": name}],
        }}})
    };
    let ask = |start: u64, end: u64| {
        let body = json!({
            "StartTime": start, "EndTime": end,
            "MetricDataQueries": [
                query("a", "ApproximateBacklogSize", "local-endpoint"),
                query("b", "HasBacklogWithoutCapacity", "local-endpoint"),
                query("c", "ApproximateBacklogSizePerInstance", "local-endpoint"),
                query("d", "ApproximateBacklogSize", "other"),
            ],
        });
        let target = "GraniteServiceVersion20100801.GetMetricData";
        let reply = call(&client, "monitoring", target, &body.to_string()).send();
        json_of(&reply)["MetricDataResults"].clone()
    };
    let far = 4_000_000_000;
    let results = ask(0, far);
    assert_eq!(results[0]["Values"], json!([1.0]));
    assert_eq!(results[1]["Values"], json!([1.0]));
    for (without, why) in [
        (2, "there are no instances"),
        (3, "there is no such endpoint"),
    ] {
        assert_eq!(results[without]["Values"], json!([]), "{why}");
        assert_eq!(results[without]["Timestamps"], json!([]), "{why}");
    }
    assert_eq!(
        ask(far, far + 60)[0]["Values"],
        json!([]),
        "outside of the window"
    );
}

pub(crate) fn sagemaker(client: &Client, operation: &str, body: &Value) -> Reply {
    let target = format!("SageMaker.{operation}");
    call(client, "sagemaker", &target, &body.to_string()).send()
}

pub(crate) fn variant(name: &str) -> Value {
    json!({
        "VariantName": name, "ModelName": "local-endpoint", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1,
    })
}

#[test]
fn serverless_variants_are_refused_by_name() {
    let endpoint = start();
    let client = client(&endpoint);
    let serverless = json!({
        "VariantName": "v", "ModelName": "local-endpoint",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
    });
    let output = json!({"OutputConfig": {"S3OutputPath": "s3://b/out"}});
    let body = json!({
        "EndpointConfigName": "c", "ProductionVariants": [serverless],
        "AsyncInferenceConfig": output,
    });
    let reply = sagemaker(&client, "CreateEndpointConfig", &body);
    let message = reply.is_json_error(400, "ValidationException");
    assert!(message.contains("ServerlessConfig"), "{message}");
}

#[test]
fn a_place_of_results_is_a_bucket_that_can_be() {
    let endpoint = start();
    let client = client(&endpoint);
    let create = |output: &str, failure: &str| {
        let places = json!({"S3OutputPath": output, "S3FailurePath": failure});
        let body = json!({
            "EndpointConfigName": "c", "ProductionVariants": [variant("v")],
            "AsyncInferenceConfig": {"OutputConfig": places},
        });
        sagemaker(&client, "CreateEndpointConfig", &body)
    };
    let long = format!("s3://{}/out", "b".repeat(400));
    for (output, failure, named) in [
        (long.as_str(), "s3://b/f", "S3OutputPath"),
        ("s3://b/out", &long, "S3FailurePath"),
        ("s3://b b/out", "s3://b/f", "S3OutputPath"),
    ] {
        let reply = create(output, failure);
        let message = reply.is_json_error(400, "ValidationException");
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(create("s3://Old_Bucket/out", "s3://b/f").status, 200);
}

#[test]
fn weights_name_each_variant_once_and_change_all_or_none() {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder()
        .clock(clock.clone())
        .start()
        .expect("start");
    let client = client(&endpoint);
    let output = json!({"OutputConfig": {"S3OutputPath": "s3://b/out"}});
    let body = json!({
        "EndpointConfigName": "two", "ProductionVariants": [variant("a"), variant("b")],
        "AsyncInferenceConfig": output,
    });
    assert_eq!(
        sagemaker(&client, "CreateEndpointConfig", &body).status,
        200
    );
    let update = json!({"EndpointName": "local-endpoint", "EndpointConfigName": "two"});
    assert_eq!(sagemaker(&client, "UpdateEndpoint", &update).status, 200);
    let described = || {
        let body = json!({"EndpointName": "local-endpoint"});
        json_of(&sagemaker(&client, "DescribeEndpoint", &body))
    };
    clock.advance(Duration::from_secs(1));
    assert_eq!(described()["EndpointStatus"], "InService");
    let weigh = |weights: Value| {
        let body =
            json!({"EndpointName": "local-endpoint", "DesiredWeightsAndCapacities": weights});
        sagemaker(&client, "UpdateEndpointWeightsAndCapacities", &body)
    };
    let weight = |name: &str, weight: u32| json!({"VariantName": name, "DesiredWeight": weight});
    for (weights, named) in [
        (json!([weight("a", 5), weight("a", 6)]), "more than once"),
        (json!([weight("a", 5), weight("c", 6)]), "\"c\""),
        (
            json!([weight("a", 5), {"VariantName": "b", "DesiredInstanceCount": 0}]),
            "DesiredInstanceCount",
        ),
    ] {
        let message = weigh(weights).is_json_error(400, "ValidationException");
        assert!(message.contains(named), "{message}");
        let left = described()["ProductionVariants"][0]["DesiredWeight"].as_f64();
        assert_eq!(left, Some(1.0));
    }
    assert_eq!(weigh(json!([weight("a", 5), weight("b", 6)])).status, 200);
    let variants = described()["ProductionVariants"].clone();
    assert_eq!(variants[0]["DesiredWeight"].as_f64(), Some(5.0));
    assert_eq!(variants[1]["DesiredWeight"].as_f64(), Some(6.0));
}
