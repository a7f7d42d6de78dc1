//! Every operation that the guide's tables offer succeeds, and those that they refuse outside of S3 are refused by name.

use std::collections::BTreeSet;
use std::time::Duration;

use sagemaker_async_inference::local::LocalEndpoint;
use serde_json::{Value, json};

use crate::local_endpoint::client::{Client, Reply, client};

const GUIDE: &str = include_str!("../../../src/guide/local_endpoint_operations.md");

/// The names in the rows of a part of the guide that have this status.
fn rows(part: &str, status: &[&str]) -> BTreeSet<&'static str> {
    let (_, rest) = GUIDE.split_once(part).expect("the part");
    let table = rest.split("\n## ").next().unwrap_or_default();
    // What follows a heading of the third level has tables of other things.
    let table = table.split("\n### ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let (names, found) = (cells.next()?, cells.next()?.trim());
        status.contains(&found).then_some(names)
    });
    rows.flat_map(|names| names.split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect()
}

const OFFERED: [&str; 2] = ["offered", "partial"];

/// Requests to S3, each of which succeeds after those before it.
fn s3_requests(client: &Client) -> Vec<(&'static str, Reply)> {
    let mut sent = Vec::new();
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let source = ("x-amz-copy-source", "/new/k");
    let upload = |sent: &mut Vec<_>| {
        let begun = client.s3("POST", "/new/parts?uploads=").send();
        let id = begun.xml("UploadId").to_owned();
        sent.push(("CreateMultipartUpload", begun));
        id
    };
    let headers: &[(&str, &str)] = &[("x-amz-object-attributes", "ETag")];
    for (name, method, target, header, body) in [
        ("CreateBucket", "PUT", "/new", None, ""),
        ("HeadBucket", "HEAD", "/new", None, ""),
        ("ListBuckets", "GET", "/", None, ""),
        ("GetBucketLocation", "GET", "/new?location=", None, ""),
        ("GetBucketVersioning", "GET", "/new?versioning=", None, ""),
        ("PutObject", "PUT", "/new/k", None, "content"),
        ("GetObject", "GET", "/new/k", None, ""),
        ("HeadObject", "HEAD", "/new/k", None, ""),
        ("CopyObject", "PUT", "/new/copy", Some(source), ""),
        ("PutObjectTagging", "PUT", "/new/k?tagging=", None, tags),
        ("GetObjectTagging", "GET", "/new/k?tagging=", None, ""),
        ("DeleteObjectTagging", "DELETE", "/new/k?tagging=", None, ""),
        (
            "GetObjectAttributes",
            "GET",
            "/new/k?attributes=",
            Some(headers[0]),
            "",
        ),
        ("ListObjects", "GET", "/new", None, ""),
        ("ListObjectsV2", "GET", "/new?list-type=2", None, ""),
        ("ListObjectVersions", "GET", "/new?versions=", None, ""),
    ] {
        let call = client.s3(method, target).body(body);
        let call = match header {
            Some((header, value)) => call.header(header, value),
            None => call,
        };
        sent.push((name, call.send()));
    }
    let id = upload(&mut sent);
    let part = |number: u32| format!("/new/parts?partNumber={number}&uploadId={id}");
    let copied = client.put(&part(2), "").header(source.0, source.1).send();
    let put = client.put(&part(1), "part").send();
    let etag = put.header("etag").to_owned();
    sent.push(("UploadPart", put));
    sent.push(("UploadPartCopy", copied));
    let of_upload = format!("/new/parts?uploadId={id}");
    sent.push(("ListParts", client.get(&of_upload).send()));
    let uploads = client.get("/new?uploads=").send();
    sent.push(("ListMultipartUploads", uploads));
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = client.s3("POST", &of_upload).body(list).send();
    sent.push(("CompleteMultipartUpload", done));
    let id = upload(&mut sent);
    let abort = client.s3("DELETE", &format!("/new/parts?uploadId={id}"));
    sent.push(("AbortMultipartUpload", abort.send()));
    sent.push(("DeleteObject", client.s3("DELETE", "/new/k").send()));
    let rest = "<Delete><Object><Key>copy</Key></Object><Object><Key>parts</Key></Object></Delete>";
    let delete = client.s3("POST", "/new?delete=").body(rest).with_md5();
    sent.push(("DeleteObjects", delete.send()));
    sent.push(("DeleteBucket", client.s3("DELETE", "/new").send()));
    sent
}

#[test]
fn every_operation_of_s3_in_the_table_succeeds() {
    let endpoint = LocalEndpoint::builder().start().expect("start");
    let sent = s3_requests(&client(&endpoint));
    for (name, reply) in &sent {
        assert!(
            (200..300).contains(&reply.status),
            "{name}: {}",
            reply.text()
        );
        assert!(
            !reply.text().contains("<Error>"),
            "{name}: {}",
            reply.text()
        );
    }
    let names: BTreeSet<_> = sent.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, rows("## S3\n", &OFFERED));
    let recorded = endpoint.requests().into_iter();
    let recorded: BTreeSet<_> = recorded
        .map(|request| format!("{:?}", request.operation))
        .collect();
    assert_eq!(recorded, names.into_iter().map(str::to_owned).collect());
}

type Sent = (&'static str, &'static str, Value);

/// Requests to SageMaker, each of which succeeds after those before it: up to an endpoint, and from there.
fn sagemaker_requests(bucket: &str) -> (Vec<Sent>, Vec<Sent>) {
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model/new";
    let model = json!({"ModelName": "new"});
    let role = "arn:aws:iam::123456789012:role/role";
    let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1";
    let created = json!({
        "ModelName": "new", "ExecutionRoleArn": role, "PrimaryContainer": {"Image": image},
    });
    let variant = json!({
        "VariantName": "all", "ModelName": "new", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large",
    });
    let output = json!({"OutputConfig": {"S3OutputPath": format!("s3://{bucket}/out")}});
    let config = |name: &str| {
        json!({
            "EndpointConfigName": name, "ProductionVariants": [variant], "AsyncInferenceConfig": output,
        })
    };
    let endpoint = json!({"EndpointName": "new"});
    let of_config = |name: &str| json!({"EndpointName": "new", "EndpointConfigName": name});
    let weight = json!([{"VariantName": "all", "DesiredWeight": 1.0}]);
    let weights = json!({"EndpointName": "new", "DesiredWeightsAndCapacities": weight});
    let one = json!({"EndpointConfigName": "one"});
    let tags = json!([{"Key": "a", "Value": "b"}]);
    let before = [
        ("CreateModel", created),
        ("DescribeModel", model.clone()),
        ("ListModels", json!({})),
        ("AddTags", json!({"ResourceArn": arn, "Tags": tags})),
        ("ListTags", json!({"ResourceArn": arn})),
        ("DeleteTags", json!({"ResourceArn": arn, "TagKeys": ["a"]})),
        ("CreateEndpointConfig", config("one")),
        ("CreateEndpointConfig", config("two")),
        ("DescribeEndpointConfig", one.clone()),
        ("ListEndpointConfigs", json!({})),
        ("CreateEndpoint", of_config("one")),
        ("DescribeEndpoint", endpoint.clone()),
        ("ListEndpoints", json!({})),
        ("UpdateEndpoint", of_config("two")),
        ("UpdateEndpointWeightsAndCapacities", weights),
    ];
    let after = [
        ("DeleteEndpoint", endpoint),
        ("DeleteEndpointConfig", one),
        ("DeleteModel", model),
    ];
    let of_sagemaker = |(name, body)| ("SageMaker", name, body);
    (
        before.into_iter().map(of_sagemaker).collect(),
        after.into_iter().map(of_sagemaker).collect(),
    )
}

/// One document with the members of both.
fn joined(mut one: Value, other: &Value) -> Value {
    let more = other.as_object().expect("an object").clone();
    one.as_object_mut().expect("an object").extend(more);
    one
}

/// Requests about the scaling of that endpoint.
fn scaling_requests() -> Vec<Sent> {
    let scaling = "AnyScaleFrontendService";
    let watch = "GraniteServiceVersion20100801";
    let target = json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/new/variant/all",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    });
    let capacity = json!({"MinCapacity": 0, "MaxCapacity": 2});
    let metric = |name: &str| {
        json!({
            "Namespace": "AWS/SageMaker", "MetricName": name,
            "Dimensions": [{"Name": "EndpointName", "Value": "new"}],
        })
    };
    let per_instance = joined(
        json!({"Statistic": "Average"}),
        &metric("ApproximateBacklogSizePerInstance"),
    );
    let tracking = json!({"TargetValue": 5.0, "CustomizedMetricSpecification": per_instance});
    let policy = json!({
        "PolicyName": "p", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": tracking,
    });
    let of_sagemaker = json!({"ServiceNamespace": "sagemaker"});
    let backlog = metric("ApproximateBacklogSize");
    let alarm = json!({
        "AlarmName": "a", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    let stat = json!({"Metric": backlog, "Period": 60, "Stat": "Average"});
    let data = json!({
        "StartTime": 0, "EndTime": 4_000_000_000_u64,
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat}],
    });
    let no_policy = joined(json!({"PolicyName": "p"}), &target);
    vec![
        (scaling, "RegisterScalableTarget", joined(capacity, &target)),
        (scaling, "DescribeScalableTargets", of_sagemaker.clone()),
        (scaling, "PutScalingPolicy", joined(policy, &target)),
        (scaling, "DescribeScalingPolicies", of_sagemaker),
        (scaling, "DeleteScalingPolicy", no_policy),
        (scaling, "DeregisterScalableTarget", target),
        (watch, "PutMetricAlarm", joined(alarm, &backlog)),
        (watch, "DescribeAlarms", json!({})),
        (watch, "DeleteAlarms", json!({"AlarmNames": ["a"]})),
        (watch, "GetMetricData", data),
    ]
}

fn json_call(client: &Client, prefix: &str, name: &str, body: &Value) -> Reply {
    let service = match prefix {
        "SageMaker" => "sagemaker",
        "AnyScaleFrontendService" => "application-autoscaling",
        "AmazonSQS" => "sqs",
        _ => "monitoring",
    };
    client
        .call(service, "POST", "/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", &format!("{prefix}.{name}"))
        .body(body.to_string())
        .send()
}

#[test]
fn every_operation_of_the_control_plane_and_of_sts_in_the_table_succeeds() {
    let builder = LocalEndpoint::builder().transition_time(Duration::ZERO);
    let endpoint = builder.start().expect("start");
    let client = client(&endpoint);
    let mut names = BTreeSet::from(["GetCallerIdentity"]);
    assert_eq!(client.sts().send().status, 200);
    let (before, after) = sagemaker_requests(endpoint.bucket());
    let all = before.into_iter().chain(scaling_requests()).chain(after);
    for (prefix, name, body) in all {
        let reply = json_call(&client, prefix, name, &body);
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        names.insert(name);
    }
    assert_eq!(names, rows("## Control plane and STS\n", &OFFERED));
    for (prefix, name) in [
        ("SageMaker", "CreateTrainingJob"),
        ("TrentService", "CreateKey"),
    ] {
        let reply = json_call(&client, prefix, name, &json!({}));
        let message = reply.is_json_error(400, "UnknownOperationException");
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn invocations_are_asynchronous_alone() {
    let endpoint = LocalEndpoint::builder().start().expect("start");
    let client = client(&endpoint);
    let offered = client.invoke(endpoint.name()).body("x").send();
    assert_eq!(offered.status, 202, "{}", offered.text());
    let part = "## SageMaker runtime\n";
    assert_eq!(
        rows(part, &OFFERED),
        BTreeSet::from(["InvokeEndpointAsync"])
    );
    let refused = [
        ("InvokeEndpoint", "invocations"),
        (
            "InvokeEndpointWithResponseStream",
            "invocations-response-stream",
        ),
    ];
    for (_, path) in refused {
        let target = format!("/endpoints/{}/{path}", endpoint.name());
        let reply = client.call("sagemaker", "POST", &target).body("x").send();
        let message = reply.is_json_error(400, "ValidationError");
        assert!(message.contains("InvokeEndpointAsync"), "{message}");
    }
    let names = refused.into_iter().map(|(name, _)| name).collect();
    assert_eq!(rows(part, &["refused"]), names);
}

#[test]
fn every_operation_of_sqs_in_the_guide_succeeds() {
    let endpoint = LocalEndpoint::builder().start().expect("start");
    let client = client(&endpoint);
    let url = format!("{}/123456789012/q", endpoint.url());
    let mut names = BTreeSet::new();
    let mut send = |name: &'static str, body: Value| -> Value {
        let reply = json_call(&client, "AmazonSQS", name, &body);
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        names.insert(name);
        serde_json::from_slice(&reply.body).unwrap_or_default()
    };
    send("CreateQueue", json!({"QueueName": "q"}));
    send("GetQueueUrl", json!({"QueueName": "q"}));
    send("GetQueueAttributes", json!({"QueueUrl": url}));
    send("SendMessage", json!({"QueueUrl": url, "MessageBody": "a"}));
    let batch = json!([{"Id": "1", "MessageBody": "b"}]);
    send(
        "SendMessageBatch",
        json!({"QueueUrl": url, "Entries": batch}),
    );
    let ask = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
    let got = send("ReceiveMessage", ask);
    let receipt = |number: usize| got["Messages"][number]["ReceiptHandle"].clone();
    let change = json!({"QueueUrl": url, "ReceiptHandle": receipt(0), "VisibilityTimeout": 60});
    send("ChangeMessageVisibility", change);
    let changes = json!([{"Id": "1", "ReceiptHandle": receipt(1), "VisibilityTimeout": 60}]);
    let changes = json!({"QueueUrl": url, "Entries": changes});
    let outcome = send("ChangeMessageVisibilityBatch", changes);
    assert_eq!(outcome["Successful"][0]["Id"], "1", "{outcome}");
    send(
        "DeleteMessage",
        json!({"QueueUrl": url, "ReceiptHandle": receipt(0)}),
    );
    let rest = json!([{"Id": "1", "ReceiptHandle": receipt(1)}]);
    let deleted = send(
        "DeleteMessageBatch",
        json!({"QueueUrl": url, "Entries": rest}),
    );
    assert_eq!(deleted["Successful"][0]["Id"], "1", "{deleted}");
    send("PurgeQueue", json!({"QueueUrl": url}));

    let (_, part) = GUIDE.split_once("## SQS\n").expect("the part");
    let (listed, _) = part.split_once(", over AWS JSON").expect("a list");
    let listed: BTreeSet<_> = listed.split('`').skip(1).step_by(2).collect();
    assert_eq!(names, listed);
}
