//! `ProductionVariant`, of `CreateEndpointConfig`.

use super::shape::{Conflict, Rule, Shape, list};
use super::{DESTINATION, KMS_KEY, NAME, texts as p};

const INSTANCE_TYPE: Rule = Rule::Text(&p::INSTANCE_TYPE);

pub(crate) static PRODUCTION_VARIANT: Shape = Shape {
    also: |variant| {
        variant
            .contains_key("ServerlessConfig")
            .then_some(Conflict {
                member: "ServerlessConfig",
                limit: "an asynchronous endpoint runs on instances",
                remedy: "give an instance type and a count instead",
            })
    },
    ..Shape::new(
        "ProductionVariant",
        &["VariantName"],
        &[
            ("VariantName", NAME),
            ("ModelName", NAME),
            ("InitialInstanceCount", Rule::Integer(1, i64::MAX)),
            ("InstanceType", INSTANCE_TYPE),
            (
                "InstancePools",
                list(1, 5, &Rule::Structure(&INSTANCE_POOL)),
            ),
            (
                "VariantInstanceProvisionTimeoutInSeconds",
                Rule::Integer(300, 3600),
            ),
            ("InitialVariantWeight", Rule::Number(0.0)),
            ("AcceleratorType", Rule::Word),
            ("CoreDumpConfig", Rule::Structure(&CORE_DUMP)),
            ("VolumeSizeInGB", Rule::Integer(1, 512)),
            ("ModelDataDownloadTimeoutInSeconds", Rule::Integer(60, 3600)),
            (
                "ContainerStartupHealthCheckTimeoutInSeconds",
                Rule::Integer(60, 3600),
            ),
            ("EnableSSMAccess", Rule::Flag),
            (
                "ManagedInstanceScaling",
                Rule::Structure(&MANAGED_INSTANCE_SCALING),
            ),
            ("RoutingConfig", Rule::Structure(&ROUTING)),
            ("InferenceAmiVersion", Rule::Word),
            (
                "CapacityReservationConfig",
                Rule::Structure(&CAPACITY_RESERVATION),
            ),
            (
                "AcceleratorPartitionLayouts",
                list(1, 32, &Rule::Structure(&ACCELERATOR_PARTITION)),
            ),
        ],
    )
};

static INSTANCE_POOL: Shape = Shape::new(
    "InstancePool",
    &["InstanceType", "Priority"],
    &[
        ("InstanceType", INSTANCE_TYPE),
        ("ModelNameOverride", NAME),
        ("Priority", Rule::Integer(1, 5)),
    ],
);

static CORE_DUMP: Shape = Shape::new(
    "CoreDumpConfig",
    &["DestinationS3Uri"],
    &[("DestinationS3Uri", DESTINATION), ("KmsKeyId", KMS_KEY)],
);

static MANAGED_INSTANCE_SCALING: Shape = Shape::new(
    "ManagedInstanceScaling",
    &[],
    &[
        ("Status", Rule::Word),
        ("MinInstanceCount", Rule::Integer(0, i64::MAX)),
        ("MaxInstanceCount", Rule::Integer(1, i64::MAX)),
        ("ScaleInPolicy", Rule::Structure(&SCALE_IN_POLICY)),
    ],
);

static SCALE_IN_POLICY: Shape = Shape::new(
    "ScaleInPolicy",
    &["Strategy"],
    &[
        ("Strategy", Rule::Word),
        ("MaximumStepSize", Rule::Integer(1, 100)),
        ("CooldownInMinutes", Rule::Integer(5, 1440)),
    ],
);

static ROUTING: Shape = Shape::new(
    "RoutingConfig",
    &["RoutingStrategy"],
    &[
        ("RoutingStrategy", Rule::Word),
        (
            "PrefixAwareRoutingConfig",
            Rule::Structure(&PREFIX_AWARE_ROUTING),
        ),
    ],
);

static PREFIX_AWARE_ROUTING: Shape = Shape::new(
    "PrefixAwareRoutingConfig",
    &[],
    &[
        ("PrefixLength", Rule::Integer(1024, 65_536)),
        ("ConcurrencyThreshold", Rule::Integer(1, 1024)),
    ],
);

static CAPACITY_RESERVATION: Shape = Shape::new(
    "CapacityReservationConfig",
    &[],
    &[
        ("CapacityReservationPreference", Rule::Word),
        ("MlReservationArn", Rule::Text(&p::ML_RESERVATION)),
    ],
);

static ACCELERATOR_PARTITION: Shape = Shape::new(
    "AcceleratorPartitionLayout",
    &[],
    &[(
        "AcceleratorPartitionTypes",
        list(0, 32, &Rule::Text(&p::ACCELERATOR_PARTITION)),
    )],
);
