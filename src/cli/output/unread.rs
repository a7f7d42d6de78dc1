//! Handles in lines that cannot be read as one: of a later version, or in another layout of JSON.
//!
//! A pipe is read once, so that its handles would be lost with the error about them.

use serde_json::{Deserializer, Value};

/// Maximum number of bytes that are kept of such lines.
pub(super) const MAX: usize = 64 << 20;

/// After this many beginnings that are no JSON the text is something else.
const MAX_FAILURES: usize = 1000;

/// The handles in a text, a line each.
pub(super) fn handles_in(text: &[u8]) -> Vec<String> {
    let (mut found, mut at, mut failures) = (Vec::new(), 0, 0);
    while let Some(begin) = text[at..].iter().position(|byte| *byte == b'{') {
        at += begin;
        let mut values = Deserializer::from_slice(&text[at..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            at += values.byte_offset();
            if is_like_a_handle(&value) {
                found.push(value.to_string());
            }
        } else {
            at += 1;
            failures += 1;
            if failures > MAX_FAILURES {
                break;
            }
        }
    }
    found
}

/// Whether it is meant to be a handle, in whatever version.
fn is_like_a_handle(value: &Value) -> bool {
    let has = |member: &str| value.get(member).is_some_and(Value::is_string);
    has("endpoint_name")
        && ["output_path", "output_location", "inference_id"]
            .into_iter()
            .any(has)
}

#[cfg(test)]
mod tests {
    use super::handles_in;

    #[test]
    fn handles_are_found_in_every_layout_and_nothing_else_is() {
        let handle = |id: u32| format!(r#"{{"endpoint_name":"e","inference_id":"{id}"}}"#);
        let (one, two) = (handle(1), handle(2));
        let spaced = one.replace(',', ",\n  ").replace('{', "{\n");
        for (text, expected) in [
            (format!("{one}\n{two}\n"), vec![&one, &two]),
            (format!("[{one},{two}]"), vec![&one, &two]),
            (format!("{spaced}\n{spaced}"), vec![&one, &one]),
            (format!("WARNING {{}} {{x\n{one}"), vec![&one]),
            (format!("{one}\n{}", &two[..20]), vec![&one]),
            (r#"{"endpoint_name":"e","secret":"x"}"#.to_owned(), vec![]),
            ("{".repeat(10_000), vec![]),
        ] {
            assert_eq!(
                handles_in(text.as_bytes()).iter().collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        }
    }
}
