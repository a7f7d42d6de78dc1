//! The attributes of a message: what they may be, and their digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::invalid;
use crate::local::http::response::Refusal;

/// The digest that SQS returns, from its guide, "Amazon SQS message metadata": names in order, each with its type and
/// value, and their lengths. `None` without attributes.
pub(super) fn digest(attributes: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let mut hash = Md5::new();
    for (name, attribute) in &sorted {
        let (data_type, is_binary, value) = read(name, attribute)?;
        add(&mut hash, name.as_bytes());
        add(&mut hash, data_type.as_bytes());
        hash.update([if is_binary { 2 } else { 1 }]);
        add(&mut hash, &value);
    }
    Ok((!sorted.is_empty()).then(|| hex::encode(hash.finalize())))
}

fn add(hash: &mut Md5, bytes: &[u8]) {
    // A message has at most 1 MiB.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash.update(length.to_be_bytes());
    hash.update(bytes);
}

/// The type, whether it is binary, and the value.
fn read<'a>(name: &str, attribute: &'a Value) -> Result<(&'a str, bool, Vec<u8>), Refusal> {
    let text = |member: &str| attribute.get(member).and_then(Value::as_str);
    let data_type = text("DataType").unwrap_or_default();
    let value = match data_type.split('.').next() {
        Some("String") => text("StringValue").map(|value| value.as_bytes().to_vec()),
        Some("Number") => text("StringValue")
            .filter(|value| value.parse::<f64>().is_ok())
            .map(|value| value.as_bytes().to_vec()),
        Some("Binary") => text("BinaryValue").and_then(|value| STANDARD.decode(value).ok()),
        _ => {
            return Err(invalid(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                 prefixes is Binary, Number, and String."
            )));
        }
    };
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
        invalid(format!(
            "The message attribute '{name}' must contain a non-empty value of type {data_type}."
        ))
    })?;
    Ok((data_type, data_type.starts_with("Binary"), value))
}
