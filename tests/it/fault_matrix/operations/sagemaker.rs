//! `SageMaker`'s control plane. Created resources have names, so that they are created at most once; a repeated
//! request finds what the first one created.

use sagemaker_async_inference::endpoint::{
    ContainerDefinition, CreateEndpoint, EndpointConfig, ListEndpoints, Model, ProductionVariant,
    SageMaker, UpdateEndpoint,
};
use sagemaker_async_inference::{AsyncInferenceConfig, Error};

use crate::fault_matrix::operation::{Column, Effect, IsOne, Operation, Outcome, RESULT};
use crate::fault_matrix::response::Response;
use crate::fault_matrix::responses::{is_target, usual, validation};
use crate::fault_matrix::setup::{ROLE, Setup};

pub fn operations() -> Vec<Operation> {
    [
        reading(),
        vec![set_instance_count()],
        creating(),
        deleting(),
    ]
    .concat()
}

/// Whether it is a request of this operation.
macro_rules! is {
    ($operation:literal) => {
        |head: &str| is_target(head, concat!("SageMaker.", $operation))
    };
}

fn reading() -> Vec<Operation> {
    let read = |name, is: IsOne, healthy, run| Operation::new(name, Column::Read, is, healthy, run);
    vec![
        read(
            "DescribeModel",
            is!("DescribeModel"),
            |_| Response::new(200, r#"{"ModelName": "m"}"#),
            |setup| with(setup, |sagemaker| sagemaker.describe_model("m").map(drop)),
        ),
        read(
            "DescribeEndpointConfig",
            is!("DescribeEndpointConfig"),
            |_| Response::new(200, r#"{"EndpointConfigName": "c"}"#),
            |setup| {
                with(setup, |sagemaker| {
                    sagemaker.describe_endpoint_config("c").map(drop)
                })
            },
        ),
        read(
            "DescribeEndpoint",
            is!("DescribeEndpoint"),
            |_| Response::new(200, r#"{"EndpointName": "e"}"#),
            |setup| {
                with(setup, |sagemaker| {
                    sagemaker.describe_endpoint("e").map(drop)
                })
            },
        ),
        read(
            "ListEndpoints",
            is!("ListEndpoints"),
            |_| Response::new(200, r#"{"Endpoints": []}"#),
            |setup| {
                with(setup, |sagemaker| {
                    let mut found = sagemaker.list_endpoints(&ListEndpoints::new());
                    found.try_for_each(|endpoint| endpoint.map(drop))
                })
            },
        ),
        read(
            "ListTags",
            is!("ListTags"),
            |_| Response::new(200, r#"{"Tags": []}"#),
            |setup| {
                let arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e";
                with(setup, |sagemaker| sagemaker.list_tags(arn).map(drop))
            },
        ),
    ]
}

fn set_instance_count() -> Operation {
    Operation::new(
        "UpdateEndpointWeightsAndCapacities",
        Column::Set,
        is!("UpdateEndpointWeightsAndCapacities"),
        |_| Response::new(200, r#"{"EndpointArn": "arn"}"#),
        |setup| {
            with(setup, |sagemaker| {
                sagemaker.update_instance_count("e", "AllTraffic", 2)
            })
        },
    )
}

fn creating() -> Vec<Operation> {
    vec![
        Operation::new(
            "CreateModel",
            Column::Create,
            is!("CreateModel"),
            |carried_out| match carried_out {
                0 => Response::new(200, r#"{"ModelArn": "arn"}"#),
                _ => validation("Cannot create already existing model"),
            },
            |setup| {
                let container = ContainerDefinition::new("image:1");
                let model = Model::new("m", container).execution_role_arn(ROLE);
                with(setup, |sagemaker| sagemaker.create_model(&model).map(drop))
            },
        )
        .with_effect(Effect::Once)
        .looked_up_by(is!("DescribeModel"))
        .while_others(|head, carried_out| {
            let model = format!(
                r#"{{"ModelName": "m", "ModelArn": "arn", "ExecutionRoleArn": "{ROLE}",
                    "PrimaryContainer": {{"Image": "image:1", "Mode": "SingleModel",
                    "Environment": {{}}}}}}"#
            );
            found(head, carried_out, &model)
        }),
        Operation::new(
            "CreateEndpointConfig",
            Column::Create,
            is!("CreateEndpointConfig"),
            |carried_out| match carried_out {
                0 => Response::new(200, r#"{"EndpointConfigArn": "arn"}"#),
                _ => validation("Cannot create already existing endpoint configuration"),
            },
            |setup| {
                let variant = ProductionVariant::new("AllTraffic", "m", "ml.m5.large", 1);
                let config = EndpointConfig::new("c", [variant])
                    .async_inference_config(AsyncInferenceConfig::default());
                with(setup, |sagemaker| {
                    sagemaker.create_endpoint_config(&config).map(drop)
                })
            },
        )
        .with_effect(Effect::Once)
        .looked_up_by(is!("DescribeEndpointConfig"))
        .while_others(|head, carried_out| {
            let config = r#"{"EndpointConfigName": "c", "EndpointConfigArn": "arn",
                "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "m",
                "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0}],
                "AsyncInferenceConfig": {"OutputConfig": {}}}"#;
            found(head, carried_out, config)
        }),
        Operation::new(
            "CreateEndpoint",
            Column::Create,
            is!("CreateEndpoint"),
            |carried_out| match carried_out {
                0 => Response::new(200, r#"{"EndpointArn": "arn"}"#),
                _ => validation("Cannot create already existing endpoint"),
            },
            |setup| {
                let request = CreateEndpoint::new("e", "c");
                with(setup, |sagemaker| {
                    sagemaker.create_endpoint(&request).map(drop)
                })
            },
        )
        .with_effect(Effect::Once)
        .looked_up_by(is!("DescribeEndpoint"))
        .while_others(|head, carried_out| {
            let endpoint = r#"{"EndpointName": "e", "EndpointArn": "arn",
                "EndpointConfigName": "c", "EndpointStatus": "Creating"}"#;
            found(head, carried_out, endpoint)
        }),
        updating(),
    ]
}

fn updating() -> Operation {
    Operation::new(
        "UpdateEndpoint",
        Column::Create,
        is!("UpdateEndpoint"),
        |carried_out| match carried_out {
            0 => Response::new(200, r#"{"EndpointArn": "arn"}"#),
            _ => validation("Cannot update in-progress endpoint"),
        },
        |setup| {
            let request = UpdateEndpoint::new("e", "new");
            with(setup, |sagemaker| sagemaker.update_endpoint(&request))
        },
    )
    .with_effect(Effect::Once)
    .looked_up_by(is!("DescribeEndpoint"))
    .while_others(|_, carried_out| {
        let endpoint = match carried_out {
            0 => {
                r#"{"EndpointName": "e", "EndpointConfigName": "old",
                "EndpointStatus": "InService"}"#
            }
            _ => {
                r#"{"EndpointName": "e", "EndpointConfigName": "old",
                "EndpointStatus": "Updating",
                "PendingDeploymentSummary": {"EndpointConfigName": "new"}}"#
            }
        };
        Response::new(200, endpoint)
    })
}

/// What a lookup finds.
fn found(head: &str, carried_out: usize, document: &str) -> Response {
    if !head.contains("x-amz-target: SageMaker.Describe") {
        usual(head, carried_out)
    } else if carried_out == 0 {
        validation("Could not find it")
    } else {
        Response::new(200, document)
    }
}

fn deleting() -> Vec<Operation> {
    let delete = |name, is: IsOne, healthy, run| {
        Operation::new(name, Column::Delete, is, healthy, run).with_effect(Effect::Once)
    };
    vec![
        delete("DeleteModel", is!("DeleteModel"), deleted, |setup| {
            with(setup, |sagemaker| sagemaker.delete_model("m"))
        })
        .looked_up_by(is!("DescribeModel"))
        .while_others(left),
        delete(
            "DeleteEndpointConfig",
            is!("DeleteEndpointConfig"),
            deleted,
            |setup| with(setup, |sagemaker| sagemaker.delete_endpoint_config("c")),
        )
        .looked_up_by(is!("DescribeEndpointConfig"))
        .while_others(left),
        delete(
            "DeleteEndpoint",
            is!("DeleteEndpoint"),
            |carried_out| match carried_out {
                0 => Response::new(200, ""),
                _ => validation("Cannot update in-progress endpoint"),
            },
            |setup| with(setup, |sagemaker| sagemaker.delete_endpoint("e")),
        )
        .looked_up_by(is!("DescribeEndpoint"))
        .while_others(|_, carried_out| {
            let status = ["InService", "Deleting"][carried_out.min(1)];
            let endpoint = format!(r#"{{"EndpointName": "e", "EndpointStatus": "{status}"}}"#);
            Response::new(200, endpoint)
        }),
    ]
}

/// What a lookup finds.
fn left(_: &str, carried_out: usize) -> Response {
    match carried_out {
        0 => Response::new(200, "{}"),
        _ => validation("Could not find it"),
    }
}

fn deleted(carried_out: usize) -> Response {
    match carried_out {
        0 => Response::new(200, ""),
        _ => validation("Could not find it"),
    }
}

fn with(setup: &Setup, call: impl FnOnce(&SageMaker) -> Result<(), Error>) -> Outcome {
    call(&SageMaker::new(&setup.session))?;
    Ok(RESULT)
}
