//! What the documents of the control plane have in common: they are stored as the API's JSON, so that members
//! that this crate does not model are preserved.

use std::fmt;

use serde_json::{Map, Number, Value};

/// The methods of a type that is such a document, in its field `members`.
macro_rules! document {
    ($name:ident, $shape:expr) => {
        impl $name {
            /// Sets a member by its API name, and replaces what a method set: for members without a method. The
            /// limits of the API's model are checked too.
            pub fn with_raw(
                mut self,
                member: impl Into<String>,
                value: impl Into<serde_json::Value>,
            ) -> Self {
                self.members.insert(member.into(), value.into());
                self
            }

            /// Checks every limit of the API's model, as is done before it is sent: required members, types,
            /// lengths, ranges, patterns. Members and enumeration values that the model does not have are
            /// accepted.
            ///
            /// # Errors
            /// [`InvalidInput`](crate::InvalidInput) names the first member that violates a limit, its value
            /// and the limit.
            pub fn validate(&self) -> Result<(), crate::InvalidInput> {
                Ok($shape.check(stringify!($name), &self.members)?)
            }
        }

        /// The API's JSON.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&self.members, serializer)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name))
                    .field(&crate::endpoint::document::Shown(&self.members))
                    .finish()
            }
        }
    };
}
pub(crate) use document;

/// Like [`document`], for one that is a request.
macro_rules! request {
    ($name:ident, $shape:expr) => {
        document!($name, $shape);

        impl $name {
            pub(crate) fn to_json(&self) -> serde_json::Value {
                serde_json::Value::Object(self.members.clone())
            }
        }
    };
}
pub(crate) use request;

/// Like [`document`], for one that is part of another.
macro_rules! part {
    ($name:ident, $shape:expr) => {
        document!($name, $shape);

        impl $name {
            pub(crate) fn into_json(self) -> serde_json::Value {
                serde_json::Value::Object(self.members)
            }
        }
    };
}
pub(crate) use part;

/// Members as `Debug` may show them: the variables of a container may be secrets.
pub(crate) struct Shown<'a>(pub(crate) &'a Map<String, Value>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            match (name.as_str(), value) {
                ("Environment", Value::Object(variables)) => {
                    map.entry(name, &variables.keys().collect::<Vec<_>>())
                }
                (_, Value::Object(members)) => map.entry(name, &Shown(members)),
                (_, Value::Array(items)) => map.entry(name, &ShownItems(items)),
                (_, value) => map.entry(name, value),
            };
        }
        map.finish()
    }
}

struct ShownItems<'a>(&'a [Value]);

impl fmt::Debug for ShownItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for item in self.0 {
            match item {
                Value::Object(members) => list.entry(&Shown(members)),
                item => list.entry(item),
            };
        }
        list.finish()
    }
}

/// A number, written without a fraction if it has none, as other clients do.
pub(crate) fn number(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // checked to be a small whole number
    let whole = (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64);
    match whole {
        Some(whole) => Value::from(whole),
        // What JSON has no number for is left to the check of the limits.
        None => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}

/// A duration in the API's whole seconds; a fraction is written as one, for the check to refuse.
pub(crate) fn seconds(duration: std::time::Duration) -> Value {
    number(duration.as_secs_f64())
}

/// `{"Key": .., "Value": ..}`
pub(crate) fn tag((key, value): &(String, String)) -> Value {
    serde_json::json!({ "Key": key, "Value": value })
}

/// Adds tags; without any, the member is left out.
pub(crate) fn add_tags(members: &mut Map<String, Value>, pairs: &[(String, String)]) {
    if !pairs.is_empty() {
        append(members, "Tags", pairs.iter().map(tag).collect());
    }
}

/// Appends to the list of a member, which is created if absent.
pub(crate) fn append(members: &mut Map<String, Value>, member: &str, items: Vec<Value>) {
    match members.get_mut(member) {
        Some(Value::Array(list)) => list.extend(items),
        _ => {
            members.insert(member.to_owned(), Value::Array(items));
        }
    }
}

/// Sets a member of the object of a member, which is created if absent.
pub(crate) fn set_in(members: &mut Map<String, Value>, member: &str, name: String, value: Value) {
    if let Some(Value::Object(object)) = members.get_mut(member) {
        object.insert(name, value);
    } else {
        let object = Map::from_iter([(name, value)]);
        members.insert(member.to_owned(), Value::Object(object));
    }
}
