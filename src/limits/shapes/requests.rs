//! `CreateEndpoint`, `UpdateEndpoint`, `ListEndpoints`.

use super::deployment::DEPLOYMENT_CONFIG;
use super::shape::{Rule, Shape, list};
use super::{ANY_NUMBER, NAME, TAGS, texts as p};

const DEPLOYMENT: Rule = Rule::Structure(&DEPLOYMENT_CONFIG);

pub(crate) static CREATE_ENDPOINT: Shape = Shape::new(
    "CreateEndpoint",
    &["EndpointName", "EndpointConfigName"],
    &[
        ("EndpointName", NAME),
        ("EndpointConfigName", NAME),
        ("DeploymentConfig", DEPLOYMENT),
        ("Tags", TAGS),
    ],
);

pub(crate) static UPDATE_ENDPOINT: Shape = Shape::new(
    "UpdateEndpoint",
    &["EndpointName", "EndpointConfigName"],
    &[
        ("EndpointName", NAME),
        ("EndpointConfigName", NAME),
        ("RetainAllVariantProperties", Rule::Flag),
        (
            "ExcludeRetainedVariantProperties",
            list(0, 3, &Rule::Structure(&VARIANT_PROPERTY)),
        ),
        ("DeploymentConfig", DEPLOYMENT),
        ("RetainDeploymentConfig", Rule::Flag),
    ],
);

static VARIANT_PROPERTY: Shape = Shape::new(
    "VariantProperty",
    &["VariantPropertyType"],
    &[("VariantPropertyType", Rule::Word)],
);

pub(crate) static LIST_ENDPOINTS: Shape = Shape::new(
    "ListEndpoints",
    &[],
    &[
        ("SortBy", Rule::Word),
        ("SortOrder", Rule::Word),
        ("NextToken", Rule::Text(&p::NEXT_TOKEN)),
        ("MaxResults", Rule::Integer(1, 100)),
        ("NameContains", Rule::Text(&p::NAME_PART)),
        ("CreationTimeBefore", ANY_NUMBER),
        ("CreationTimeAfter", ANY_NUMBER),
        ("LastModifiedTimeBefore", ANY_NUMBER),
        ("LastModifiedTimeAfter", ANY_NUMBER),
        ("StatusEquals", Rule::Word),
    ],
);
