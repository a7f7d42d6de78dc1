//! Operations as text.

use std::fmt;
use std::str::FromStr;

use super::Operation;
use crate::InvalidInput;

/// The variant's name, which is AWS's.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

impl FromStr for Operation {
    type Err = InvalidInput;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = |operation: &Self| operation.to_string() == name;
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let limit = "an operation that the local endpoint offers";
            InvalidInput::new(
                "operation",
                name,
                limit,
                "write it as AWS does: `PutObject`",
            )
        })
    }
}

impl TryFrom<&str> for Operation {
    type Error = InvalidInput;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        name.parse()
    }
}
