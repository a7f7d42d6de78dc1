//! Rules that the API documents only in prose: which members of a structure can be combined.

use serde_json::{Map, Value};

type Document = Map<String, Value>;

/// Members that cannot be combined.
pub(crate) struct Conflict {
    /// The model's name of the structure.
    shape: &'static str,
    is_there: fn(&Document) -> bool,
    pub(super) member: &'static str,
    pub(crate) limit: &'static str,
    pub(super) remedy: &'static str,
}

/// Returns what is wrong with a document of this structure, if anything is.
pub(super) fn conflict(shape: &str, document: &Document) -> Option<&'static Conflict> {
    let mut known = CONFLICTS.iter();
    known.find(|conflict| conflict.shape == shape && (conflict.is_there)(document))
}

static CONFLICTS: [Conflict; 10] = [
    Conflict {
        shape: "CreateModelInput",
        is_there: |model| items(model, "Containers").is_some_and(<[Value]>::is_empty),
        member: "Containers",
        limit: "a pipeline has at least one container",
        remedy: "add one",
    },
    Conflict {
        shape: "CreateModelInput",
        is_there: |model| {
            model.contains_key("PrimaryContainer") == model.contains_key("Containers")
        },
        member: "PrimaryContainer",
        limit: "a model has one container or a pipeline of several",
        remedy: "give one of them and not both",
    },
    Conflict {
        shape: "ContainerDefinition",
        is_there: |container| {
            !container.contains_key("Image") && !container.contains_key("ModelPackageName")
        },
        member: "Image",
        limit: "a container has an image or a model package",
        remedy: "name one of them",
    },
    Conflict {
        shape: "ContainerDefinition",
        is_there: |container| has_both(container, "ModelDataUrl", "ModelDataSource"),
        member: "ModelDataUrl",
        limit: "the model's data are either one archive or a data source",
        remedy: "leave one of them out",
    },
    Conflict {
        shape: "CreateEndpointConfigInput",
        is_there: |config| {
            let variants = items(config, "ProductionVariants").unwrap_or_default();
            let mut names: Vec<_> = variants.iter().map(|v| v.get("VariantName")).collect();
            names.sort_by_key(|name| name.and_then(Value::as_str));
            names.windows(2).any(|pair| pair[0] == pair[1])
        },
        member: "ProductionVariants",
        limit: "each variant has a name of its own",
        remedy: "rename one of them",
    },
    Conflict {
        shape: "ProductionVariant",
        is_there: |variant| variant.contains_key("ServerlessConfig"),
        member: "ServerlessConfig",
        limit: "an asynchronous endpoint runs on instances",
        remedy: "give an instance type and a count instead",
    },
    Conflict {
        shape: "DeploymentConfig",
        is_there: |config| has_both(config, "BlueGreenUpdatePolicy", "RollingUpdatePolicy"),
        member: "RollingUpdatePolicy",
        limit: "an update is blue/green or rolling",
        remedy: "leave one of them out",
    },
    Conflict {
        shape: "CapacitySize",
        is_there: |size| {
            let value = size.get("Value").and_then(Value::as_i64);
            text(size, "Type") == Some("CAPACITY_PERCENT") && value > Some(100)
        },
        member: "Value",
        limit: "a share is 1 to 100 per cent",
        remedy: "choose a value in this range",
    },
    Conflict {
        shape: "Tag",
        is_there: |tag| {
            text(tag, "Key").is_some_and(|key| key.to_ascii_lowercase().starts_with("aws:"))
        },
        member: "Key",
        limit: "a tag's key does not begin with aws:, which is AWS's own",
        remedy: "rename the tag",
    },
    Conflict {
        shape: "TargetTrackingScalingPolicyConfiguration",
        is_there: |config| {
            let target = config.get("TargetValue").and_then(Value::as_f64);
            target.is_some_and(|target| target <= 0.0)
        },
        member: "TargetValue",
        limit: "more than 0",
        remedy: "give the number of requests that may be queued for one instance",
    },
];

fn text<'a>(document: &'a Document, member: &str) -> Option<&'a str> {
    document.get(member)?.as_str()
}

fn items<'a>(document: &'a Document, member: &str) -> Option<&'a [Value]> {
    document.get(member)?.as_array().map(Vec::as_slice)
}

fn has_both(document: &Document, one: &str, other: &str) -> bool {
    document.contains_key(one) && document.contains_key(other)
}
