//! The error of a value that was refused before anything was sent.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The longest piece of a refused value that the error keeps, in characters.
const SHOWN: usize = 80;

/// A value that violates a documented limit, found before a request was sent.
///
/// It has the value, the limit and the remedy. Values that may hold a secret (a signed URL, for one) are left
/// out; all others are cut after 80 characters.
///
/// ```
/// use sagemaker_async_inference::S3Uri;
///
/// let refused = "s3://my bucket/key".parse::<S3Uri>().unwrap_err();
/// assert_eq!(refused.what(), "S3 bucket name");
/// assert_eq!(refused.value(), Some("my bucket"));
/// assert!(refused.to_string().starts_with(r#"S3 bucket name "my bucket" is not valid: "#));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}{} is not valid: {limit}{}", shown(.value.as_deref()), followed(.remedy))]
pub struct InvalidInput {
    what: Cow<'static, str>,
    value: Option<String>,
    limit: String,
    remedy: String,
    subject: Option<Subject>,
}

/// What the error is about, of a type that this layer does not know. It does not count in comparisons.
#[derive(Clone)]
struct Subject(Arc<dyn Any + Send + Sync>);

impl PartialEq for InvalidInput {
    fn eq(&self, other: &Self) -> bool {
        (&self.what, &self.value, &self.limit, &self.remedy)
            == (&other.what, &other.value, &other.limit, &other.remedy)
    }
}

impl Eq for InvalidInput {}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl InvalidInput {
    /// `what` names the value, `limit` is what would be valid, `remedy` (may be empty) is what to change.
    pub fn new(
        what: impl Into<Cow<'static, str>>,
        value: impl AsRef<str>,
        limit: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let value = value.as_ref();
        let mut kept: String = value.chars().take(SHOWN).collect();
        if kept.len() < value.len() {
            kept.push('…');
        }
        Self {
            value: Some(kept),
            ..Self::redacted(what, limit, remedy)
        }
    }

    /// Like [`Self::new`], for values that no message may show.
    pub(crate) fn redacted(
        what: impl Into<Cow<'static, str>>,
        limit: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            value: None,
            limit: limit.into(),
            remedy: remedy.into(),
            subject: None,
        }
    }

    /// Sets what the error is about, unless that is set.
    pub(crate) fn set_subject(&mut self, subject: Arc<dyn Any + Send + Sync>) {
        self.subject.get_or_insert(Subject(subject));
    }

    /// What the error is about, if that is a `T`.
    pub(crate) fn subject<T: 'static>(&self) -> Option<&T> {
        self.subject.as_ref()?.0.downcast_ref()
    }

    /// The name of what was refused, such as `S3 bucket name`.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The refused value, cut after 80 characters; `None` if it may hold a secret.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The limit: what would have been valid.
    pub fn limit(&self) -> &str {
        &self.limit
    }

    /// The remedy: what to do about it; may be empty.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" {value:?}"))
}

fn followed(remedy: &str) -> String {
    if remedy.is_empty() {
        String::new()
    } else {
        format!("; {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::InvalidInput;

    #[test]
    fn reads_as_one_sentence() {
        let error = InvalidInput::new("endpoint name", "a_b", "at most 63 of a-z", "remove `_`");
        assert_eq!(
            error.to_string(),
            r#"endpoint name "a_b" is not valid: at most 63 of a-z; remove `_`"#
        );
        let error = InvalidInput::new("endpoint name", "", "1 to 63 letters", "");
        assert_eq!(
            error.to_string(),
            r#"endpoint name "" is not valid: 1 to 63 letters"#
        );
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let error = InvalidInput::new("key", "ü".repeat(2000), "short", "");
        assert_eq!(error.value().map(|v| v.chars().count()), Some(81));
        let exact = InvalidInput::new("key", "ü".repeat(80), "short", "");
        assert_eq!(exact.value(), Some("ü".repeat(80).as_str()));
    }

    #[test]
    fn redacted_values_are_nowhere() {
        let error = InvalidInput::redacted("custom attributes", "visible ASCII", "encode them");
        assert_eq!(error.value(), None);
        assert_eq!(
            error.to_string(),
            "custom attributes is not valid: visible ASCII; encode them"
        );
    }
}
