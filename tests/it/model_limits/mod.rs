//! Every limit that the API's models have for the requests of this crate, against what the crate takes.
//!
//! `tests/fixtures/limits/model.json` has the members, types, lengths, ranges and patterns of the models,
//! made from botocore's by `make.py` beside it. Nothing here is said twice: a member that the models get
//! and the crate does not check fails a test.

#![allow(unreachable_pub)] // modules of their own, in one test

use crate::support;

mod documents;
mod model;
mod texts;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use documents::{DOCUMENTS, Documents};
use model::Model;
use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{Endpoint, SageMaker, ScaleToZero};
use support::client::{accepting, predictor, session_at, uri};
use support::verifier::Verifier;
use texts::{Texts, Verdict};

/// What the crate fills in by itself, so that no caller can break a limit of it.
const FILLED_IN: &[(&str, &[&str])] = &[
    // Pages are asked for with the service's own tokens and sizes.
    ("ListTags", &["NextToken", "MaxResults"]),
    // Made of the names of the endpoint and the variant, or given by the service; the numbers are u32.
    (
        "RegisterScalableTarget",
        &[
            "ServiceNamespace",
            "ScalableDimension",
            "MinCapacity",
            "MaxCapacity",
        ],
    ),
    (
        "DescribeScalableTargets",
        &["ServiceNamespace", "ScalableDimension"],
    ),
    (
        "DeregisterScalableTarget",
        &["ServiceNamespace", "ScalableDimension"],
    ),
    (
        "PutScalingPolicy",
        &["ServiceNamespace", "ResourceId", "ScalableDimension"],
    ),
    (
        "DescribeScalingPolicies",
        &["ServiceNamespace", "ScalableDimension", "NextToken"],
    ),
    (
        "DeleteScalingPolicy",
        &["ServiceNamespace", "ScalableDimension"],
    ),
    (
        "PutMetricAlarm",
        &[
            "AlarmDescription",
            "AlarmActions",
            "MetricName",
            "Namespace",
            "Statistic",
            "Period",
            "Threshold",
            "ComparisonOperator",
            "TreatMissingData",
        ],
    ),
    (
        "GetMetricData",
        &["StartTime", "EndTime", "NextToken", "ScanBy"],
    ),
];

/// What the crate never sends, as it offers nothing that needs it.
const NEVER_SENT: &[(&str, &[&str])] = &[
    (
        "RegisterScalableTarget",
        &["RoleARN", "SuspendedState", "Tags"],
    ),
    ("DescribeScalableTargets", &["MaxResults", "NextToken"]),
    ("DescribeScalingPolicies", &["PolicyNames", "MaxResults"]),
    (
        "PutMetricAlarm",
        &[
            "ActionsEnabled",
            "OKActions",
            "InsufficientDataActions",
            "ExtendedStatistic",
            "Unit",
            "EvaluateLowSampleCountPercentile",
            "Metrics",
            "Tags",
            "ThresholdMetricId",
            "EvaluationWindow",
            "WarmUpConfiguration",
            "EvaluationCriteria",
            "EvaluationInterval",
            "ActionConfiguration",
        ],
    ),
    ("GetMetricData", &["MaxDatapoints", "LabelOptions"]),
];

/// Sends a request with the text as one of its members.
type Send = fn(&Verifier, &str) -> Result<(), Error>;

fn sagemaker(server: &Verifier) -> SageMaker {
    SageMaker::new(&session_at(&server.url()))
}

fn endpoint(server: &Verifier, name: &str) -> Endpoint {
    Endpoint::new(name, &session_at(&server.url()))
}

macro_rules! invoke {
    ($method:ident) => {
        |server, text| {
            let session = session_at(&server.url());
            let predictor = predictor(&session);
            let request = predictor.request_at(uri("s3://my-bucket/in"));
            request.$method(text.to_owned()).submit().map(drop)
        }
    };
}

/// Members that are texts, and requests that carry them.
const TEXTS: &[(&str, &str, Send)] = &[
    ("DescribeModel", "ModelName", |server, name| {
        sagemaker(server).describe_model(name).map(drop)
    }),
    (
        "DescribeEndpointConfig",
        "EndpointConfigName",
        |server, name| sagemaker(server).describe_endpoint_config(name).map(drop),
    ),
    ("DescribeEndpoint", "EndpointName", |server, name| {
        sagemaker(server).describe_endpoint(name).map(drop)
    }),
    ("DeleteModel", "ModelName", |server, name| {
        sagemaker(server).delete_model(name)
    }),
    (
        "DeleteEndpointConfig",
        "EndpointConfigName",
        |server, name| sagemaker(server).delete_endpoint_config(name),
    ),
    ("DeleteEndpoint", "EndpointName", |server, name| {
        sagemaker(server).delete_endpoint(name)
    }),
    ("ListTags", "ResourceArn", |server, arn| {
        sagemaker(server).list_tags(arn).map(drop)
    }),
    (
        "UpdateEndpointWeightsAndCapacities",
        "EndpointName",
        |server, name| endpoint(server, name).scaling().set_instance_count(1),
    ),
    (
        "UpdateEndpointWeightsAndCapacities",
        "DesiredWeightsAndCapacities.VariantName",
        |server, name| sagemaker(server).update_instance_count("e", name, 1),
    ),
    ("DeleteScalingPolicy", "PolicyName", |server, name| {
        endpoint(server, "e").scaling().delete_policy(name)
    }),
    // Of the names of an endpoint and a variant, whose own limits are narrower.
    ("DeleteScalingPolicy", "ResourceId", |server, name| {
        endpoint(server, name).scaling().delete_policy("p")
    }),
    ("RegisterScalableTarget", "ResourceId", |server, name| {
        endpoint(server, name).scaling().register(1, 2)
    }),
    ("DescribeScalableTargets", "ResourceIds", |server, name| {
        endpoint(server, name).scaling().describe_target().map(drop)
    }),
    ("DeregisterScalableTarget", "ResourceId", |server, name| {
        endpoint(server, name).scaling().deregister()
    }),
    ("DescribeScalingPolicies", "ResourceId", |server, name| {
        endpoint(server, name)
            .scaling()
            .describe_policies()
            .map(drop)
    }),
    ("PutMetricAlarm", "AlarmName", |server, name| {
        endpoint(server, name)
            .scaling()
            .scale_to_zero(&ScaleToZero::new())
    }),
    ("PutMetricAlarm", "Dimensions.Value", |server, name| {
        endpoint(server, name)
            .scaling()
            .scale_to_zero(&ScaleToZero::new())
    }),
    ("DeleteAlarms", "AlarmNames", |server, name| {
        endpoint(server, name).scaling().remove()
    }),
    (
        "GetMetricData",
        "MetricDataQueries.MetricStat.Metric.Dimensions.Value",
        |server, name| endpoint(server, name).describe().map(drop),
    ),
    ("InvokeEndpointAsync", "EndpointName", |server, name| {
        let session = session_at(&server.url());
        let predictor = sagemaker_async_inference::AsyncPredictor::new(name, &session);
        predictor
            .request_at(uri("s3://my-bucket/in"))
            .submit()
            .map(drop)
    }),
    ("InvokeEndpointAsync", "ContentType", invoke!(content_type)),
    ("InvokeEndpointAsync", "Accept", invoke!(accept)),
    (
        "InvokeEndpointAsync",
        "CustomAttributes",
        invoke!(custom_attributes),
    ),
    ("InvokeEndpointAsync", "InferenceId", invoke!(inference_id)),
    (
        "InvokeEndpointAsync",
        "S3OutputPathExtension",
        invoke!(output_path_extension),
    ),
    ("InvokeEndpointAsync", "Filename", invoke!(filename)),
    (
        "InvokeEndpointAsync",
        "InputLocation",
        |server, location| {
            let session = session_at(&server.url());
            let location = location.parse::<sagemaker_async_inference::S3Uri>()?;
            predictor(&session).request_at(location).submit().map(drop)
        },
    ),
];

/// Where the crate takes less than the model, and why.
fn is_stricter(operation: &str, member: &str, text: &str) -> bool {
    // Made of the names of an endpoint and a variant, which have narrower limits of their own.
    let made = [
        "ResourceId",
        "ResourceIds",
        "AlarmName",
        "AlarmNames",
        "Value",
    ];
    // The input is an object in S3, whose name keeps to S3's rules; policies are deleted by the names
    // that they can be put with.
    let narrower = [
        ("InvokeEndpointAsync", "InputLocation"),
        ("DeleteScalingPolicy", "PolicyName"),
    ];
    if made.contains(&member) || narrower.contains(&(operation, member)) {
        return true;
    }
    // A header carries visible characters only, no blanks at its ends, and without any it says nothing.
    let is_changed = text.contains(char::is_control) || text.trim() != text;
    match member {
        "ContentType" | "Accept" => text.is_empty() || is_changed,
        "CustomAttributes" => is_changed,
        "InferenceId" => !text.is_ascii() || is_changed,
        _ => false,
    }
}

#[test]
fn each_text_of_a_request_is_taken_as_the_model_takes_it() {
    let model = Model::load();
    let texts = Texts::of(&model);
    let server = accepting();
    for (operation, path, send) in TEXTS {
        let shape = model.text_at(operation, path);
        let member = path.rsplit('.').next().unwrap_or(path);
        for text in texts.candidates(shape) {
            let before = server.seen().len();
            let outcome = send(&server, &text);
            let place = format!("{operation} {path} {text:?}");
            match (texts.verdict(shape, &text), outcome) {
                (Verdict::Fits, Err(Error::InvalidInput(refused))) => {
                    assert!(
                        is_stricter(operation, member, &text),
                        "{place} is refused: {refused}"
                    );
                }
                (Verdict::Refused, Err(Error::InvalidInput(refused))) => {
                    assert!(
                        !refused.limit().is_empty() && !refused.remedy().is_empty(),
                        "{refused}"
                    );
                    assert_eq!(server.seen().len(), before, "{place} is sent");
                }
                (Verdict::Refused, outcome) => panic!("{place} is taken: {outcome:?}"),
                // What the server responds to it is nothing to this test.
                (Verdict::Fits, _) => {}
            }
        }
    }
}

#[test]
fn each_number_of_an_invocation_keeps_its_range() {
    let model = Model::load();
    let server = accepting();
    let session = session_at(&server.url());
    let predictor = predictor(&session);
    let sent = |seconds: i64, member: &str| {
        let request = predictor.request_at(uri("s3://my-bucket/in"));
        let seconds = Duration::from_secs(u64::try_from(seconds).expect("not negative"));
        let request = match member {
            "RequestTTLSeconds" => request.request_ttl(seconds),
            _ => request.invocation_timeout(seconds),
        };
        match request.submit() {
            Ok(_) => true,
            Err(Error::InvalidInput(_)) => false,
            Err(other) => panic!("{other}"),
        }
    };
    for member in ["RequestTTLSeconds", "InvocationTimeoutSeconds"] {
        let (min, max) = model.range_at("InvokeEndpointAsync", member);
        assert!(sent(min, member) && sent(max, member), "{member}");
        let before = server.seen().len();
        assert!(!sent(min - 1, member) && !sent(max + 1, member), "{member}");
        assert_eq!(server.seen().len(), before);
    }
    let (_, max) = model.range_at("InvokeEndpointAsync", "Body");
    let body = |len: i64| vec![b'x'; usize::try_from(len).expect("a length")];
    let inline = |body: Vec<u8>| {
        let request = predictor.request(&body);
        request.inline().submit().map(drop)
    };
    inline(body(max)).expect("it is taken");
    let before = server.seen().len();
    assert!(matches!(inline(body(max + 1)), Err(Error::InvalidInput(_))));
    assert_eq!(server.seen().len(), before);

    let weight = |weight| sagemaker(&server).update_weight("e", "v", weight);
    for odd in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(weight(odd), Err(Error::InvalidInput(_))), "{odd}");
    }
    assert_eq!(server.seen().len(), before);
    let wake = |minutes| ScaleToZero::new().wake_up_after(minutes);
    let scaling = endpoint(&server, "e").scaling();
    let never = scaling.scale_to_zero(&wake(0));
    assert!(matches!(never, Err(Error::InvalidInput(_))), "{never:?}");
    assert_eq!(server.seen().len(), before);
}

#[test]
fn each_member_of_a_document_is_taken_as_the_model_takes_it() {
    Documents::new(&Model::load()).compare();
}

#[test]
fn each_pattern_is_the_models_for_other_texts_too() {
    Documents::new(&Model::load()).compare_mutations();
}

/// A member that a model gets is covered by one of the tests above, or listed with its reason.
#[test]
fn no_member_of_a_request_is_forgotten() {
    let model = Model::load();
    let listed: BTreeSet<_> = FILLED_IN
        .iter()
        .chain(NEVER_SENT)
        .flat_map(|(operation, members)| members.iter().map(move |member| (*operation, *member)))
        .collect();
    let tested: BTreeSet<_> = TEXTS
        .iter()
        .map(|(operation, path, _)| (*operation, path.split('.').next().unwrap_or(path)))
        .chain(
            ["RequestTTLSeconds", "InvocationTimeoutSeconds", "Body"]
                .map(|n| ("InvokeEndpointAsync", n)),
        )
        .chain([
            ("PutMetricAlarm", "EvaluationPeriods"),
            ("PutMetricAlarm", "DatapointsToAlarm"),
        ])
        .collect();
    let known: BTreeSet<_> = listed.union(&tested).copied().collect();
    for (operation, member) in model.members() {
        let in_document = DOCUMENTS.contains(&operation.as_str());
        let found = known.contains(&(operation.as_str(), member.as_str()));
        assert!(in_document || found, "nobody checks {operation}.{member}");
    }
    for (operation, member) in known {
        let there = model.members().any(|(o, m)| o == operation && m == member);
        assert!(there, "{operation} has no {member}");
    }
    let twice: Vec<_> = listed.intersection(&tested).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// The crate checks by `src/limits/facts.rs`, which is made of the same models.
#[test]
#[allow(clippy::disallowed_methods)] // the test runs a script and reads the crate's source
fn the_crates_facts_are_what_the_script_generates_from_the_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/fixtures/limits/make.py");
    let made = match Command::new("python3").arg(script).arg("--facts").output() {
        Ok(made) => made,
        Err(error) => {
            return support::skipped("the age of src/limits/facts.rs", &error.to_string());
        }
    };
    let complaint = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{complaint}");
    let checked_in = std::fs::read(root.join("src/limits/facts.rs")).expect("facts");
    assert!(
        made.stdout == checked_in,
        "src/limits/facts.rs is not what tests/fixtures/limits/make.py --facts writes: run it"
    );
}
