//! Checks documents against the limits of the API's model, before they are sent.

use serde_json::{Map, Value};

use crate::invalid_input::InvalidInput;

type Checked = Result<(), InvalidInput>;

/// What a member may be.
pub(crate) enum Rule {
    Text(&'static Text),
    /// A whole number in a range.
    Integer(i64, i64),
    /// A number of at least so much.
    Number(f64),
    Flag,
    /// One of an open list: new words are the service's to judge.
    Word,
    List {
        min: usize,
        max: usize,
        of: &'static Rule,
    },
    /// A map from such texts to such values.
    Map {
        max: usize,
        key: &'static Text,
        of: &'static Rule,
    },
    Structure(&'static Shape),
}

/// A list of so many such values.
pub(crate) const fn list(min: usize, max: usize, of: &'static Rule) -> Rule {
    Rule::List { min, max, of }
}

/// What a text may be.
pub(crate) struct Text {
    /// In characters.
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) fits: fn(&str) -> bool,
    /// What fits, in words.
    pub(crate) form: &'static str,
    pub(crate) remedy: &'static str,
    /// Never shown in an error.
    pub(crate) secret: bool,
}

/// The members of a structure, and what holds between them.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) required: &'static [&'static str],
    pub(crate) members: &'static [(&'static str, Rule)],
    /// What the model says only in its words; `None` if it fits.
    pub(crate) also: fn(&Map<String, Value>) -> Option<Conflict>,
}

/// Members that do not go together.
pub(crate) struct Conflict {
    pub(crate) member: &'static str,
    pub(crate) limit: &'static str,
    pub(crate) remedy: &'static str,
}

impl Shape {
    /// One whose members have nothing to do with each other.
    pub(crate) const fn new(
        name: &'static str,
        required: &'static [&'static str],
        members: &'static [(&'static str, Rule)],
    ) -> Self {
        Self {
            name,
            required,
            members,
            also: |_| None,
        }
    }

    /// Checks what is known of a document; members that are not known pass.
    pub(crate) fn check(&self, document: &Map<String, Value>) -> Checked {
        self.check_at(self.name, document)
    }

    fn check_at(&self, path: &str, document: &Map<String, Value>) -> Checked {
        for member in self.required {
            if !document.contains_key(*member) {
                return Err(InvalidInput::redacted(
                    format!("{path}.{member}"),
                    "it must be there",
                    "set it",
                ));
            }
        }
        for (member, rule) in self.members {
            if let Some(value) = document.get(*member) {
                rule.check(&format!("{path}.{member}"), value)?;
            }
        }
        match (self.also)(document) {
            None => Ok(()),
            Some(conflict) => Err(InvalidInput::redacted(
                format!("{path}.{}", conflict.member),
                conflict.limit,
                conflict.remedy,
            )),
        }
    }
}

impl Text {
    pub(crate) const fn new(
        max: usize,
        fits: fn(&str) -> bool,
        form: &'static str,
        remedy: &'static str,
    ) -> Self {
        Self {
            min: 1,
            max,
            fits,
            form,
            remedy,
            secret: false,
        }
    }

    pub(crate) fn check(&self, path: &str, text: &str) -> Checked {
        let length = text.chars().count();
        if (self.min..=self.max).contains(&length) && (self.fits)(text) {
            return Ok(());
        }
        let limit = match self.max {
            usize::MAX => format!("{} or more {}", self.min, self.form),
            max => format!("{} to {max} {}", self.min, self.form),
        };
        Err(if self.secret {
            InvalidInput::redacted(path.to_owned(), limit, self.remedy)
        } else {
            InvalidInput::new(path.to_owned(), text, limit, self.remedy)
        })
    }
}

impl Rule {
    fn check(&self, path: &str, value: &Value) -> Checked {
        match (self, value) {
            (Self::Text(rule), Value::String(text)) => rule.check(path, text),
            (Self::Integer(min, max), Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|n| (*min..=*max).contains(&n));
                in_range(path, fits, number, || match max {
                    &i64::MAX => format!("a whole number, {min} or more"),
                    max => format!("a whole number, {min} to {max}"),
                })
            }
            (Self::Number(min), Value::Number(number)) => {
                let fits = number.as_f64().is_some_and(|n| n >= *min);
                in_range(path, fits, number, || format!("a number, {min} or more"))
            }
            (Self::Flag, Value::Bool(_)) | (Self::Word, Value::String(_)) => Ok(()),
            (Self::List { min, max, of }, Value::Array(items)) => {
                check_count(path, items.len(), *min, *max)?;
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, item)| of.check(&format!("{path}[{index}]"), item))
            }
            (Self::Map { max, key, of }, Value::Object(map)) => {
                check_count(path, map.len(), 0, *max)?;
                map.iter().try_for_each(|(name, value)| {
                    key.check(&format!("a key of {path}"), name)?;
                    of.check(&format!("{path}[{name:?}]"), value)
                })
            }
            (Self::Structure(shape), Value::Object(document)) => shape.check_at(path, document),
            (rule, _) => Err(InvalidInput::redacted(
                path.to_owned(),
                rule.kind(),
                "give it that type",
            )),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word => "a text",
            Self::Integer(..) => "a whole number",
            Self::Number(_) => "a number",
            Self::Flag => "true or false",
            Self::List { .. } => "a list",
            Self::Map { .. } | Self::Structure(_) => "an object",
        }
    }
}

fn in_range(
    path: &str,
    fits: bool,
    number: &serde_json::Number,
    limit: impl FnOnce() -> String,
) -> Checked {
    if fits {
        return Ok(());
    }
    let remedy = "choose a value in this range";
    Err(InvalidInput::new(
        path.to_owned(),
        number.to_string(),
        limit(),
        remedy,
    ))
}

fn check_count(path: &str, count: usize, min: usize, max: usize) -> Checked {
    if (min..=max).contains(&count) {
        return Ok(());
    }
    Err(InvalidInput::new(
        path.to_owned(),
        format!("{count} entries"),
        format!("{min} to {max} entries"),
        if count < min {
            "add some"
        } else {
            "leave some out"
        },
    ))
}
