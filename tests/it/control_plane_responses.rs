//! Malformed responses of the control plane: an error or a value, and no panic.

use crate::support;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter, ListEndpoints, SageMaker};
use sagemaker_async_inference::session::RetryConfig;
use serde_json::Value;

use support::client;
use support::verifier::{Reply, Rules, Verifier};

/// Any response, with the members that the client reads among its own.
fn response() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("InService")),
        Just(Value::from("size")),
    ];
    let names = prop::sample::select(vec![
        "EndpointName",
        "EndpointStatus",
        "EndpointConfigName",
        "FailureReason",
        "CreationTime",
        "ProductionVariants",
        "CurrentInstanceCount",
        "DesiredInstanceCount",
        "VariantName",
        "VariantStatus",
        "ModelName",
        "PrimaryContainer",
        "Containers",
        "AsyncInferenceConfig",
        "PendingDeploymentSummary",
        "Endpoints",
        "NextToken",
        "Tags",
        "MetricDataResults",
        "Id",
        "Timestamps",
        "Values",
        "ScalingPolicies",
        "ScalableTargets",
        "Alarms",
        "MinCapacity",
    ]);
    let member = leaf.prop_recursive(3, 40, 6, {
        let names = names.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(object),
            ]
        }
    });
    prop::collection::btree_map(names, member, 0..10).prop_map(object)
}

fn object(members: std::collections::BTreeMap<&'static str, Value>) -> Value {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn show<T: std::fmt::Debug>(outcome: &Result<T, Error>) {
    let _ = format!("{outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Any response ends in an error or a value, without a panic.
    #[test]
    fn no_response_makes_anything_panic(response in response()) {
        let text = Arc::new(Mutex::new(response.to_string()));
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(200, text.lock().expect("a lock").clone())
        });
        let builder = client::builder().endpoint_url(server.url()).retry(RetryConfig::off());
        let session = builder.build().expect("a session");
        let sagemaker = SageMaker::new(&session);
        let described = sagemaker.describe_endpoint("e");
        if let Ok(described) = &described {
            let _ = (described.status(), described.variants(), described.creation_time());
            let _ = (described.current_instance_count(), described.last_modified_time());
            for variant in described.variants() {
                let _ = (variant.name(), variant.statuses(), variant.current_weight());
            }
        }
        show(&described);
        let config = sagemaker.describe_endpoint_config("c");
        if let Ok(config) = &config {
            let _ = (config.model_names(), config.async_inference_config());
        }
        show(&config);
        let model = sagemaker.describe_model("m");
        if let Ok(model) = &model {
            let _ = (model.images(), model.creation_time());
        }
        show(&model);
        let listed = sagemaker.list_endpoints(&ListEndpoints::new());
        for endpoint in listed.take(50) {
            show(&endpoint.map(|endpoint| (endpoint.status(), endpoint.creation_time())));
        }
        let endpoint = Endpoint::new("e", &session);
        show(&endpoint.describe().map(|overview| overview.to_string()));
        show(&endpoint.scaling().describe_policies());
        show(&endpoint.scaling().describe_target());
        let once = EndpointWaiter::in_service().every(std::time::Duration::from_millis(1), 1);
        show(&endpoint.wait_in_service(&once.expect("a waiter")));
        show(&endpoint.update().initial_instance_count(1).start());
    }
}
