//! Why a body could not be read, in words that quote nothing of it.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// An error of a type's own `Deserialize`, without what it quotes.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) text: String,
    /// The JSON is valid, but the type cannot hold the value.
    pub(super) inexact: bool,
    /// The JSON is valid, but the type refused it.
    pub(super) of_type: bool,
    /// Offset in the body.
    pub(super) at: usize,
}

impl Problem {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            inexact: false,
            of_type: false,
            at: 0,
        }
    }

    pub(super) fn at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    fn of_type(text: impl Into<String>) -> Self {
        Self {
            of_type: true,
            ..Self::new(text)
        }
    }

    /// An integer that would lose digits.
    pub(super) fn big_integer() -> Self {
        Self {
            inexact: true,
            ..Self::new("an integer beyond 64 bits; read it as i128, u128 or f64")
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Problem {}

/// The kind of the value, without its content.
fn sort(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "another value",
    }
}

fn known(what: &str, names: &'static [&'static str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => format!("unknown {what}; none is expected"),
        names => format!("unknown {what}; expected are {}", names.join(", ")),
    }
}

impl Error for Problem {
    /// The message may quote the body.
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::of_type("the type's own Deserialize refused the value")
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of_type(format!("{} where {expected} is expected", sort(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of_type(format!(
            "{} that does not fit where {expected} is expected",
            sort(unexpected)
        ))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::of_type(format!("{len} elements where {expected} is expected"))
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::of_type(known("variant", expected))
    }

    fn unknown_field(_field: &str, expected: &'static [&'static str]) -> Self {
        Self::of_type(known("field", expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of_type(format!("missing field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of_type(format!("duplicate field `{field}`"))
    }
}
