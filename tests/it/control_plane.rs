//! Requests to the control plane: the same documents as another client's for the same calls, recorded in
//! `fixtures/control_plane`, with signatures that an independent verifier checks.

use crate::support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagemaker_async_inference::endpoint::{
    CaptureMode, ContainerDefinition, CreateEndpoint, DataCaptureConfig, Endpoint, EndpointWaiter,
    Model, NotificationTopic, SageMaker, ScalingPolicy, UpdateEndpoint,
};
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{
    AsyncInferenceConfig, AsyncPredictor, Error, NotificationConfig, Session,
};
use serde_json::{Value, json};
use support::client;
use support::verifier::{Reply, Rules, Seen, Verifier};

/// One exchange of a recorded scenario.
#[derive(Debug, Clone, serde::Deserialize)]
struct Exchange {
    operation: String,
    request: Value,
    status: u16,
    response: Value,
}

fn recorded(text: &str) -> Vec<Exchange> {
    serde_json::from_str(text).expect("a fixture")
}

const DEPLOY: &str = include_str!("../fixtures/control_plane/deploy.json");
const UPDATE: &str = include_str!("../fixtures/control_plane/update.json");
const UPDATE_DATA_CAPTURE: &str =
    include_str!("../fixtures/control_plane/update_data_capture.json");
const DELETE: &str = include_str!("../fixtures/control_plane/delete.json");
const ERRORS: &str = include_str!("../fixtures/control_plane/errors.json");

fn operation(seen: &Seen) -> String {
    let target = seen.header("x-amz-target").expect("a target");
    let (_, operation) = target.split_once('.').expect("an operation");
    operation.to_owned()
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).expect("JSON")
}

/// Responds as recorded; to tags and updates that were not recorded, with an empty document.
fn replay(exchanges: Vec<Exchange>, now: SystemTime) -> Verifier {
    let rules = Rules {
        now: Some(now),
        ..Rules::new()
    };
    Verifier::start(rules, move |seen| {
        let (operation, body) = (operation(seen), body(seen));
        let found = exchanges
            .iter()
            .find(|exchange| exchange.operation == operation && is_same(&exchange.request, &body));
        match found {
            Some(exchange) => {
                let code = exchange.response["__type"].as_str();
                let reply = Reply::new(exchange.status, exchange.response.to_string());
                code.into_iter()
                    .fold(reply, |reply, code| reply.header("x-amzn-errortype", code))
            }
            None => Reply::new(599, format!("{operation} {body} is not recorded")),
        }
    })
}

/// The same members and values; a number is the same with and without a fraction of 0.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|found| is_same(value, found)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// All that was recorded was sent, and nothing else, each signed; the changes in the same order.
fn assert_same(server: &Verifier, exchanges: &[Exchange]) {
    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.verified, Ok(()));
        assert_eq!(
            request.header("content-type"),
            Some("application/x-amz-json-1.1")
        );
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/")
        );
        let (operation, body) = (operation(request), body(request));
        let known = exchanges
            .iter()
            .any(|exchange| exchange.operation == operation && is_same(&exchange.request, &body));
        assert!(known, "{operation} {body:#}");
    }
    let changes = |operations: Vec<String>| -> Vec<String> {
        let reads = ["Describe", "List"];
        let is_read = |operation: &String| reads.iter().any(|read| operation.starts_with(read));
        operations
            .into_iter()
            .filter(|operation| !is_read(operation))
            .collect()
    };
    let sent: Vec<String> = seen.iter().map(operation).collect();
    for exchange in exchanges {
        assert!(
            sent.contains(&exchange.operation),
            "no {}",
            exchange.operation
        );
    }
    let wanted = exchanges
        .iter()
        .map(|exchange| exchange.operation.clone())
        .collect();
    assert_eq!(changes(sent), changes(wanted));
}

/// A server that responds as recorded, at the time of the recording, and a session for it.
fn scenario(text: &str) -> (Verifier, Vec<Exchange>, Session) {
    let exchanges = recorded(text);
    let now = UNIX_EPOCH + Duration::from_millis(1_795_415_855_438);
    let server = replay(exchanges.clone(), now);
    let session = client::session_in(&server.url(), ManualClock::starting_at(now));
    (server, exchanges, session)
}

fn inference_config() -> AsyncInferenceConfig {
    let topic = |name: &str| format!("arn:aws:sns:us-east-1:123456789012:{name}");
    let notification = NotificationConfig::builder()
        .success_topic(topic("ok"))
        .error_topic(topic("err"))
        .include_inference_response_in([NotificationTopic::Success, NotificationTopic::Error])
        .build()
        .expect("a notification configuration");
    AsyncInferenceConfig::builder()
        .output_path("s3://my-async-bucket/out/")
        .failure_path("s3://my-async-bucket/fail/")
        .kms_key_id("alias/k")
        .notification_config(notification)
        .max_concurrent_invocations_per_instance(4)
        .build()
        .expect("a configuration")
}

#[test]
fn a_deployment_sends_what_the_sdk_sends() {
    let (server, exchanges, session) = scenario(DEPLOY);
    let container = ContainerDefinition::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1")
        .environment("TS_MAX_RESPONSE_SIZE", "100")
        .model_data_url("s3://my-async-bucket/model.tar.gz");
    let model = Model::new("mymodel", container)
        .execution_role_arn("arn:aws:iam::123456789012:role/async-role");
    Endpoint::deploy("async-ep", &session)
        .model(model)
        .instances("ml.m5.large", 1)
        .async_inference_config(inference_config())
        .start_and_wait(&EndpointWaiter::in_service())
        .expect("a deployment");
    assert_same(&server, &exchanges);
}

#[test]
fn an_update_reads_what_the_sdk_reads() {
    let (server, exchanges, session) = scenario(UPDATE);
    // The recording ends where the new configuration would be made.
    let error = AsyncPredictor::new("async-ep", &session)
        .update_endpoint()
        .initial_instance_count(2)
        .start()
        .expect_err("an end of the recording");
    // Whether it was made cannot be looked up there either.
    let Error::Deployment(stopped) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(stopped.cause(), Error::Service(fault) if fault.status() == 599));
    assert_eq!(stopped.unsure().len(), 1);
    let seen = server.seen();
    for exchange in &exchanges {
        let sent = seen.iter().any(|request| {
            operation(request) == exchange.operation && is_same(&body(request), &exchange.request)
        });
        assert!(sent, "{exchange:?}");
    }
    let created = seen
        .iter()
        .find(|seen| operation(seen) == "CreateEndpointConfig");
    let created = created.map(body).expect("a new configuration");
    assert_eq!(
        created["ProductionVariants"][0]["InstanceType"], "ml.m5.large",
        "kept"
    );
    assert_eq!(created["ProductionVariants"][0]["InitialInstanceCount"], 2);
}

#[test]
fn an_update_of_instances_and_data_capture_sends_what_the_sdk_sends() {
    let (server, exchanges, session) = scenario(UPDATE_DATA_CAPTURE);
    let capture = DataCaptureConfig::enabled()
        .sampling_percentage(50)
        .destination("s3://my-async-bucket/dc")
        .capture([CaptureMode::Input])
        .csv_content_types::<String>([])
        .json_content_types::<String>([]);
    let name = AsyncPredictor::new("async-ep", &session)
        .update_endpoint()
        .initial_instance_count(2)
        .instance_type("ml.m5.xlarge")
        .data_capture_config(capture)
        .start()
        .expect("an update");
    assert_eq!(name, "async-ep-2026-11-23-06-37-35-438");
    assert_same(&server, &exchanges);
}

#[test]
fn a_removal_sends_what_the_sdk_sends() {
    let (server, exchanges, session) = scenario(DELETE);
    let predictor = AsyncPredictor::new("async-ep", &session);
    predictor.delete_model().expect("no model");
    predictor.delete_endpoint(true).expect("no endpoint");
    assert_same(&server, &exchanges);
}

#[test]
fn refusals_have_the_services_code_and_words() {
    let (server, exchanges, session) = scenario(ERRORS);
    let sagemaker = SageMaker::new(&session);
    let update = UpdateEndpoint::new("e1", "c2").with_raw("RetainAllVariantProperties", false);
    sagemaker.update_endpoint(&update).expect("an update");
    let refused = [
        sagemaker.describe_endpoint("nope").map(drop),
        sagemaker.delete_endpoint("nope"),
        sagemaker.update_instance_count("e1", "AllTraffic", 0),
    ];
    for error in refused {
        let Err(Error::Service(fault)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(
            (fault.code(), fault.status()),
            (Some("ValidationException"), 400)
        );
        assert!(
            fault
                .message()
                .is_some_and(|m| m.starts_with("Could not find endpoint"))
        );
        assert_eq!(fault.service(), "sagemaker");
        assert!(format!("{fault:#}").contains("check the name"), "{fault}");
    }
    let seen = server.seen();
    for exchange in &exchanges {
        let sent = seen.iter().any(|request| {
            operation(request) == exchange.operation && is_same(&body(request), &exchange.request)
        });
        assert!(sent, "{exchange:?}");
    }
}

/// Describes an endpoint, its configuration and its tags, and takes everything else.
fn described(config: Value, tags: Value) -> Verifier {
    Verifier::start(Rules::new(), move |seen| {
        let document = match operation(seen).as_str() {
            "DescribeEndpoint" => json!({
                "EndpointName": "e", "EndpointStatus": "InService",
                "EndpointConfigName": "c-2026-11-23-06-37-35-438",
            }),
            "DescribeEndpointConfig" => config.clone(),
            "ListTags" => tags.clone(),
            "CreateEndpointConfig" => json!({"EndpointConfigArn": "arn"}),
            "UpdateEndpoint" => json!({"EndpointArn": "arn"}),
            _ => json!({}),
        };
        Reply::new(200, document.to_string())
    })
}

#[test]
fn an_update_keeps_what_is_not_named_also_what_is_not_known() {
    let config = json!({
        "EndpointConfigName": "c-2026-11-23-06-37-35-438",
        "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c",
        "CreationTime": 1.5,
        "ProductionVariants": [{
            "VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30, "Tomorrow": {"a": [1]},
            "AcceleratorType": null, "InstancePools": [],
        }],
        "DataCaptureConfig": {},
        "ShadowProductionVariants": [],
        "KmsKeyId": null,
        "EnableNetworkIsolation": true,
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o", "New": 1}},
        "Unknown": {"deep": [true]},
    });
    let tags = json!({"Tags": [
        {"Key": "aws:cloudformation:stack-name", "Value": "s"},
        {"Key": "team", "Value": "vision"},
        {"Key": "AWS:odd", "Value": "s"},
    ]});
    let server = described(config, tags);
    let endpoint = Endpoint::new("e", &client::session_at(&server.url()));
    let name = endpoint
        .update()
        .model_name("m2")
        .start()
        .expect("an update");
    // The old time is replaced and not added to.
    assert!(
        name.starts_with("c-2") && name.len() == "c-2026-11-23-06-37-35-438".len(),
        "{name}"
    );

    let seen = server.seen();
    let of = |wanted: &str| {
        let found = seen.iter().find(|seen| operation(seen) == wanted);
        found.map(body).expect("sent")
    };
    assert_eq!(
        of("CreateEndpointConfig"),
        json!({
            "EndpointConfigName": name,
            "ProductionVariants": [{
                "VariantName": "AllTraffic", "ModelName": "m2", "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30, "Tomorrow": {"a": [1]},
            }],
            "EnableNetworkIsolation": true,
            "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o", "New": 1}},
            "Unknown": {"deep": [true]},
            "Tags": [{"Key": "team", "Value": "vision"}],
        })
    );
    let update = json!({"EndpointName": "e", "EndpointConfigName": name});
    assert_eq!(of("UpdateEndpoint"), update);
}

#[test]
fn a_setting_of_one_variant_is_ambiguous_among_several() {
    let variant = |name: &str| json!({"VariantName": name, "ModelName": "m"});
    let config = json!({"ProductionVariants": [variant("a"), variant("b")]});
    let server = described(config, json!({}));
    let endpoint = Endpoint::new("e", &client::session_at(&server.url()));
    let error = endpoint
        .update()
        .instance_type("ml.m5.large")
        .start()
        .expect_err("two variants");
    let refused = client::invalid(error);
    assert!(refused.to_string().contains("variants(..)"), "{refused}");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| operation(seen) != "CreateEndpointConfig")
    );
}

#[test]
fn tags_come_page_after_page_and_never_in_circles() {
    let server = Verifier::start(Rules::new(), |seen| {
        let page = match body(seen)["NextToken"].as_str() {
            None => json!({"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "two"}),
            Some(token) => json!({"Tags": [{"Key": token, "Value": "2"}], "NextToken": token}),
        };
        Reply::new(200, page.to_string())
    });
    let sagemaker = SageMaker::new(&client::session_at(&server.url()));
    let tags = sagemaker.list_tags("arn:aws:sagemaker:us-east-1:123456789012:endpoint/e");
    let tags = tags.expect("tags");
    assert_eq!(tags, [("a".into(), "1".into()), ("two".into(), "2".into())]);
}

#[test]
fn a_response_that_is_not_a_document_is_an_error() {
    for body in ["[1]", "<html>", "{\"EndpointName\":"] {
        let server = Verifier::start(Rules::new(), move |_| Reply::new(200, body));
        let sagemaker = SageMaker::new(&client::session_at(&server.url()));
        let error = sagemaker.describe_endpoint("e").expect_err("no document");
        assert!(matches!(error, Error::Transport(_)), "{body}: {error:?}");
    }
}

#[test]
fn a_success_without_the_created_resource_is_checked() {
    // A server with such a response is not the service: the resource does not exist.
    let server = Verifier::start(Rules::new(), |seen| {
        if operation(seen).starts_with("Describe") {
            let body = json!({"message": "Could not find it"}).to_string();
            return Reply::new(400, body).header("x-amzn-errortype", "ValidationException");
        }
        let body = match operation(seen).as_str() {
            "PutScalingPolicy" => r#"{"PolicyARN": ""}"#,
            _ => "",
        };
        Reply::new(200, body)
    });
    let session = client::session_in(&server.url(), ManualClock::new());
    let sagemaker = SageMaker::new(&session);
    let error = sagemaker.create_endpoint(&CreateEndpoint::new("e", "c"));
    let error = error.expect_err("no endpoint");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    let policy = ScalingPolicy::add_instances("wake-up", 1, Duration::from_mins(5));
    let scaling = Endpoint::new("e", &session).scaling();
    let error = scaling.put_policy(&policy).expect_err("no policy's ARN");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}

#[test]
fn a_refusal_is_final() {
    let codes = [
        "ResourceLimitExceeded",
        "ValidationException",
        "AccessDeniedException",
        "ResourceInUse",
    ];
    for code in codes {
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(400, format!(r#"{{"__type": "{code}", "message": "no"}}"#))
        });
        let session = client::session_at(&server.url());
        let model = Model::new("m", ContainerDefinition::new("img:1"));
        let error = SageMaker::new(&session).create_model(&model);
        match error.expect_err("a refusal") {
            Error::Service(fault) => assert_eq!(fault.code(), Some(code)),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[test]
fn an_arn_is_checked_before_it_is_sent() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "{}"));
    let sagemaker = SageMaker::new(&client::session_at(&server.url()));
    for odd in [
        "",
        "my-endpoint",
        "arn:aws:s3:us-east-1:123456789012:x",
        "arn:aws:sagemaker:us-east-1:1:x",
    ] {
        assert!(sagemaker.list_tags(odd).is_err(), "{odd}");
    }
    assert!(server.seen().is_empty());
}
