//! Checks documents and texts against the facts of the API's models.
//!
//! A value outside a limit is a [`Violation`]: the client turns it into an [`InvalidInput`] with a remedy, and the local
//! endpoint into the service's message. Nothing is refused that the service may accept: members and enumeration
//! values that the model does not have pass, and so does a text whose pattern has no function.

use serde_json::{Map, Value};

use super::patterns;
use super::together::{self, Conflict};
use super::words;
use crate::invalid_input::InvalidInput;

/// A member that must be there.
pub(crate) const MUST: bool = true;
pub(crate) const MAY: bool = false;
/// The model has no upper limit.
pub(crate) const MANY: usize = usize::MAX;

/// What a member may be.
pub(crate) enum Rule {
    Text(&'static TextRule),
    /// A whole number in a range.
    Integer(i64, i64),
    /// A number with a minimum.
    Number(f64),
    Flag,
    /// Any text: one of an open list, or one without limits.
    Word,
    /// Minimum and maximum number of entries.
    List(usize, usize, &'static Rule),
    /// Maximum number of entries, and the rules of keys and values.
    Map(usize, &'static TextRule, &'static Rule),
    Structure(&'static Shape),
}

/// The limits of a text, in characters, and its pattern; empty if it has none.
pub(crate) struct TextRule {
    /// The model's name for such texts.
    pub(crate) name: &'static str,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) pattern: &'static str,
    /// The function of the pattern.
    pub(super) fits: Option<patterns::Function>,
}

pub(crate) const fn text(
    name: &'static str,
    min: usize,
    max: usize,
    pattern: &'static str,
) -> TextRule {
    TextRule {
        name,
        min,
        max,
        pattern,
        fits: patterns::function(pattern),
    }
}

/// A structure: the model's name for it, and its members.
pub(crate) struct Shape {
    name: &'static str,
    members: &'static [(&'static str, bool, Rule)],
}

pub(crate) const fn shape(
    name: &'static str,
    members: &'static [(&'static str, bool, Rule)],
) -> Shape {
    Shape { name, members }
}

/// A value that the model does not allow.
// The local endpoint's message needs more of it than the client's.
#[cfg_attr(not(feature = "local"), allow(dead_code))]
pub(crate) struct Violation {
    /// As in `EndpointConfig.Tags[0].Key`.
    pub(crate) path: String,
    /// `None` if it is missing, not of one line, or may hold a secret.
    pub(crate) value: Option<String>,
    pub(crate) broken: BrokenLimit,
}

#[cfg_attr(not(feature = "local"), allow(dead_code))]
pub(crate) enum BrokenLimit {
    Missing,
    /// It has another type than this one.
    Type(&'static str),
    Text(&'static TextRule, usize),
    Range(i64, i64),
    Least(f64),
    Count(usize, usize, usize),
    Together(&'static Conflict),
}

type Checked = Result<(), Violation>;

impl Shape {
    /// Checks the known members of a document, which is called `path`; unknown members pass.
    pub(crate) fn check(&self, path: &str, document: &Map<String, Value>) -> Checked {
        let violation = |member: &str, broken| Violation {
            path: format!("{path}.{member}"),
            value: None,
            broken,
        };
        for (member, required, rule) in self.members {
            match document.get(*member) {
                Some(value) => rule.check(&format!("{path}.{member}"), value)?,
                None if *required => return Err(violation(member, BrokenLimit::Missing)),
                None => {}
            }
        }
        match together::conflict(self.name, document) {
            None => Ok(()),
            Some(conflict) => Err(violation(conflict.member, BrokenLimit::Together(conflict))),
        }
    }
}

impl TextRule {
    pub(crate) fn check(&'static self, path: &str, text: &str) -> Checked {
        let length = text.chars().count();
        let fits = self.fits.is_none_or(|fits| fits(text));
        if fits && (self.min..=self.max).contains(&length) {
            Ok(())
        } else {
            Err(self.violation(path, text))
        }
    }

    /// Of a text that matches the pattern and still cannot be sent.
    pub(super) fn violation(&'static self, path: &str, text: &str) -> Violation {
        Violation {
            path: path.to_owned(),
            value: (!words::of(self).secret).then(|| text.to_owned()),
            broken: BrokenLimit::Text(self, text.chars().count()),
        }
    }
}

impl Rule {
    fn check(&self, path: &str, value: &Value) -> Checked {
        let violation = |broken| {
            Err(Violation {
                path: path.to_owned(),
                value: match value {
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                },
                broken,
            })
        };
        match (self, value) {
            (Self::Text(rule), Value::String(text)) => rule.check(path, text),
            (Self::Integer(min, max), Value::Number(number)) => match number.as_i64() {
                Some(n) if (*min..=*max).contains(&n) => Ok(()),
                _ => violation(BrokenLimit::Range(*min, *max)),
            },
            (Self::Number(min), Value::Number(number)) => match number.as_f64() {
                Some(n) if n >= *min => Ok(()),
                _ => violation(BrokenLimit::Least(*min)),
            },
            (Self::Flag, Value::Bool(_)) | (Self::Word, Value::String(_)) => Ok(()),
            (Self::List(min, max, of), Value::Array(items)) => {
                if !(*min..=*max).contains(&items.len()) {
                    return violation(BrokenLimit::Count(items.len(), *min, *max));
                }
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| of.check(&format!("{path}[{index}]"), item))
            }
            (Self::Map(max, key, of), Value::Object(map)) => {
                if map.len() > *max {
                    return violation(BrokenLimit::Count(map.len(), 0, *max));
                }
                map.iter().try_for_each(|(name, value)| {
                    key.check(&format!("a key of {path}"), name)?;
                    of.check(&format!("{path}[{name:?}]"), value)
                })
            }
            (Self::Structure(shape), Value::Object(document)) => shape.check(path, document),
            (rule, _) => violation(BrokenLimit::Type(rule.kind())),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word => "a text",
            Self::Integer(..) => "a whole number",
            Self::Number(_) => "a number",
            Self::Flag => "true or false",
            Self::List(..) => "a list",
            Self::Map(..) | Self::Structure(_) => "an object",
        }
    }
}

impl From<Violation> for InvalidInput {
    fn from(violation: Violation) -> Self {
        let Violation {
            path,
            value,
            broken,
        } = violation;
        let in_range = "choose a value in this range";
        let (limit, remedy) = match broken {
            BrokenLimit::Missing => ("it is required".to_owned(), "set it"),
            BrokenLimit::Type(kind) => {
                return Self::redacted(path, kind, "give it that type");
            }
            BrokenLimit::Text(rule, _) => (words::limit(rule), words::of(rule).remedy),
            BrokenLimit::Range(min, i64::MAX) => {
                (format!("a whole number, {min} or more"), in_range)
            }
            BrokenLimit::Range(min, max) => (format!("a whole number, {min} to {max}"), in_range),
            BrokenLimit::Least(min) => (format!("a number, {min} or more"), in_range),
            BrokenLimit::Count(count, min, max) => {
                let remedy = if count < min {
                    "add some"
                } else {
                    "leave some out"
                };
                let limit = format!("{min} to {max} entries");
                return Self::new(path, format!("{count} entries"), limit, remedy);
            }
            BrokenLimit::Together(conflict) => (conflict.limit.to_owned(), conflict.remedy),
        };
        match value {
            Some(value) => Self::new(path, value, limit, remedy),
            None => Self::redacted(path, limit, remedy),
        }
    }
}
