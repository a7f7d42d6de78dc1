//! Violated limits in the services' wording.

use crate::limits::check::{BrokenLimit, Violation};

/// The service's message.
pub(super) fn message(violation: &Violation) -> String {
    let path = service_path(&violation.path);
    let value = match (&violation.value, &violation.broken) {
        (_, BrokenLimit::Missing) => "Value null at".to_owned(),
        (Some(value), _) => format!("Value '{value}' at"),
        (None, _) => "Value at".to_owned(),
    };
    let bound = |what: &str, least: bool, bound: String| {
        let than = if least { "greater" } else { "less" };
        format!("Member must have {what} {than} than or equal to {bound}")
    };
    let constraint = match &violation.broken {
        BrokenLimit::Missing => "Member must not be null".to_owned(),
        BrokenLimit::Type(kind) => format!("Member must be {kind}"),
        BrokenLimit::Text(rule, length) if *length < rule.min => {
            bound("length", true, rule.min.to_string())
        }
        BrokenLimit::Text(rule, length) if *length > rule.max => {
            bound("length", false, rule.max.to_string())
        }
        BrokenLimit::Text(rule, _) => {
            let pattern = rule.pattern;
            format!("Member must satisfy regular expression pattern: {pattern}")
        }
        BrokenLimit::Range(min, max) => {
            let given = violation
                .value
                .as_ref()
                .and_then(|value| value.parse::<i64>().ok());
            let is_less = given.is_some_and(|given| given < *min);
            let bound_broken = if is_less { min } else { max };
            bound("value", is_less, bound_broken.to_string())
        }
        BrokenLimit::Least(min) => bound("value", true, min.to_string()),
        BrokenLimit::Count(count, min, _) if count < min => bound("length", true, min.to_string()),
        BrokenLimit::Count(_, _, max) => bound("length", false, max.to_string()),
        BrokenLimit::Together(conflict) => {
            let (_, member) = violation
                .path
                .split_once('.')
                .unwrap_or(("", &violation.path));
            return format!("{member}: {}", conflict.limit);
        }
    };
    format!(
        "1 validation error detected: {value} '{path}' failed to satisfy constraint: {constraint}"
    )
}

/// `EndpointConfig.Tags[0].Key` as the service writes it: `tags.1.member.key`.
fn service_path(path: &str) -> String {
    let (_, members) = path.split_once('.').unwrap_or(("", path));
    let written = members.split('.').map(|member| {
        let (name, index) = member.split_once('[').unwrap_or((member, ""));
        let mut written: String = name.chars().take(1).flat_map(char::to_lowercase).collect();
        written.extend(name.chars().skip(1));
        let index = index.trim_end_matches(']').parse::<usize>();
        written + &index.map_or_else(|_| String::new(), |index| format!(".{}.member", index + 1))
    });
    written.collect::<Vec<_>>().join(".")
}
