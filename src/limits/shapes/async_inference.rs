//! `AsyncInferenceConfig`, of `CreateEndpointConfig`.

use super::shape::{Rule, Shape, list};
use super::{DESTINATION, KMS_KEY, texts as p};

const TOPIC: Rule = Rule::Text(&p::TOPIC);

pub(crate) static ASYNC_INFERENCE_CONFIG: Shape = Shape::new(
    "AsyncInferenceConfig",
    &["OutputConfig"],
    &[
        ("ClientConfig", Rule::Structure(&CLIENT_CONFIG)),
        ("OutputConfig", Rule::Structure(&OUTPUT_CONFIG)),
    ],
);

static CLIENT_CONFIG: Shape = Shape::new(
    "ClientConfig",
    &[],
    &[(
        "MaxConcurrentInvocationsPerInstance",
        Rule::Integer(1, 1000),
    )],
);

static OUTPUT_CONFIG: Shape = Shape::new(
    "OutputConfig",
    &[],
    &[
        ("KmsKeyId", KMS_KEY),
        ("S3OutputPath", DESTINATION),
        ("NotificationConfig", Rule::Structure(&NOTIFICATION_CONFIG)),
        ("S3FailurePath", DESTINATION),
    ],
);

pub(crate) static NOTIFICATION_CONFIG: Shape = Shape::new(
    "NotificationConfig",
    &[],
    &[
        ("SuccessTopic", TOPIC),
        ("ErrorTopic", TOPIC),
        ("IncludeInferenceResponseIn", list(0, 2, &Rule::Word)),
    ],
);
