//! The limits of the API's model (`SageMaker` 2017-07-24), which documents keep before they are sent: a
//! structure of the model is a [`Shape`] here, in a file by what it is about.
//!
//! Nothing is refused that the service may take: members and words of enumerations that the model did
//! not have pass. `tests/it/model_limits/` compares the shapes with the model, member by member.

pub(crate) mod async_inference;
pub(crate) mod config;
pub(crate) mod deployment;
mod explainer;
pub(crate) mod model;
mod patterns;
pub(crate) mod requests;
pub(crate) mod scaling;
mod shape;
pub(crate) mod texts;
pub(crate) mod variant;

use serde_json::{Map, Value};

use crate::invalid_input::InvalidInput;
pub(crate) use shape::Shape;
use shape::{Conflict, Rule};
use texts as p;

const NAME: Rule = Rule::Text(&p::NAME);
const DESTINATION: Rule = Rule::Text(&p::DESTINATION);
const KMS_KEY: Rule = Rule::Text(&p::KMS_KEY);
const ROLE: Rule = Rule::Text(&p::ROLE);
const URL: Rule = Rule::Text(&p::URL);
const TAGS: Rule = Rule::List {
    min: 0,
    max: 50,
    of: &Rule::Structure(&TAG),
};
const VPC: Rule = Rule::Structure(&model::VPC_CONFIG);

/// A number of which the model says no more.
const ANY_INTEGER: Rule = Rule::Integer(i32::MIN as i64, i32::MAX as i64);
const ANY_NUMBER: Rule = Rule::Number(f64::NEG_INFINITY);

pub(crate) static TAG: Shape = Shape {
    also: |tag| {
        let reserved = tag
            .get("Key")
            .and_then(Value::as_str)
            .is_some_and(|key| key.to_ascii_lowercase().starts_with("aws:"));
        reserved.then_some(Conflict {
            member: "Key",
            limit: "a tag's key does not begin with aws:, which is AWS's own",
            remedy: "rename the tag",
        })
    },
    ..Shape::new(
        "Tag",
        &["Key", "Value"],
        &[
            ("Key", Rule::Text(&p::TAG_KEY)),
            ("Value", Rule::Text(&p::TAG_VALUE)),
        ],
    )
};

/// The name that the caller gave for one thing, as such a name.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), InvalidInput> {
    p::NAME.check(what, name)
}

/// A document of nothing but an object is what every shape describes.
pub(crate) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
