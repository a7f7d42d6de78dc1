//! Locations in S3.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidInput;

const MAX_KEY: usize = 1024;

/// A bucket and a key in S3, written `s3://bucket/key`; with an empty key, a bucket.
///
/// The key is kept byte for byte: nothing is decoded, normalised or trimmed, so `%20` stays three
/// characters, and `//`, `+`, `?`, spaces and non-ASCII letters are part of the name.
///
/// Limits:
///
/// - bucket: 3 to 255 of `a-z`, `A-Z`, `0-9`, `.`, `-`, `_` and `:`. S3 no longer creates buckets with upper case
///   letters, underscores or more than 63 characters, but such buckets from before 2018 still exist in us-east-1, and
///   other implementations of S3 have such names and names with a tenant (`tenant:bucket`). A name that cannot be part
///   of a host name is sent in the path. The alias of an access point is valid; its ARN is refused.
/// - key: at most 1024 bytes of UTF-8. An empty key is accepted, since output locations are given as
///   prefixes; see [`S3Uri::has_key`].
///
/// ```
/// use sagemaker_async_inference::S3Uri;
///
/// let prefix: S3Uri = "s3://my-bucket/inputs".parse()?;
/// let input = prefix.join("a b/100%.json")?;
/// assert_eq!(input.bucket(), "my-bucket");
/// assert_eq!(input.key(), "inputs/a b/100%.json");
/// assert_eq!(input.to_string(), "s3://my-bucket/inputs/a b/100%.json");
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
///
/// Methods that take a location accept an `S3Uri`, a reference to one, or its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[must_use]
pub struct S3Uri {
    bucket: String,
    key: String,
}

/// No service returns longer ones.
const MAX_UNREAD: usize = 4096;

impl S3Uri {
    /// A location from the service that this crate cannot parse: it is shown and stored unchanged, and every
    /// request to it is refused before it is sent. It is the only kind without a bucket.
    pub(crate) fn unread(location: &str) -> Option<Self> {
        let fits = !location.is_empty() && location.len() <= MAX_UNREAD;
        fits.then(|| Self {
            bucket: String::new(),
            key: location.to_owned(),
        })
    }

    /// The location as the service returned it, if this crate cannot parse it.
    pub(crate) fn as_unread(&self) -> Option<&str> {
        self.bucket.is_empty().then_some(self.key.as_str())
    }

    /// Creates the location of `key` in `bucket`. The key may be empty and may begin with `/`.
    ///
    /// # Errors
    /// [`InvalidInput`]: the bucket's name is not valid, or the key is longer than 1024 bytes.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Result<Self, InvalidInput> {
        let (bucket, key) = (bucket.into(), key.into());
        check_bucket(&bucket)?;
        if key.len() > MAX_KEY {
            return Err(InvalidInput::new(
                "S3 key",
                &key,
                format!("at most {MAX_KEY} bytes of UTF-8"),
                format!("it has {}: shorten it", key.len()),
            ));
        }
        Ok(Self { bucket, key })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, exactly as stored: without the slash after the bucket, nothing decoded. May be empty.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether there is a key, so that this names an object and not only a bucket.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// The pieces of its text.
    fn parts(&self) -> [&str; 4] {
        match self.as_unread() {
            Some(location) => [location, "", "", ""],
            None => ["s3://", &self.bucket, "/", &self.key],
        }
    }

    /// The length of [`text`](Self::text) in bytes.
    pub(crate) fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// As `Display` writes it, for headers, in a fifth of the time.
    pub(crate) fn text(&self) -> String {
        self.parts().concat()
    }

    /// Returns the location `part` below this one, separated by one `/` unless this key is empty or ends with
    /// one.
    ///
    /// `part` is appended unchanged; leading slashes and dots in it have no special meaning.
    ///
    /// # Errors
    /// [`InvalidInput`]: the key would be longer than 1024 bytes.
    pub fn join(&self, part: &str) -> Result<Self, InvalidInput> {
        let slash = if self.key.is_empty() || self.key.ends_with('/') {
            ""
        } else {
            "/"
        };
        Self::new(self.bucket.as_str(), format!("{}{slash}{part}", self.key))
    }
}

/// `s3://bucket/key`; for an empty key `s3://bucket/`.
impl fmt::Display for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.parts() {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl FromStr for S3Uri {
    type Err = InvalidInput;

    fn from_str(uri: &str) -> Result<Self, InvalidInput> {
        const LIMIT: &str = "s3://bucket/key";
        if uri.starts_with("https:") || uri.starts_with("http:") {
            // A presigned URL carries a signature, so no part of it is shown.
            return Err(InvalidInput::redacted(
                "a web address as S3 URI",
                LIMIT,
                "name the bucket and the key instead",
            ));
        }
        if uri.starts_with("arn:") {
            return Err(InvalidInput::new(
                "S3 URI",
                uri,
                LIMIT,
                "name the bucket, or the access point's alias, instead of the ARN",
            ));
        }
        let Some(place) = uri.strip_prefix("s3://") else {
            return Err(InvalidInput::new(
                "S3 URI",
                uri,
                LIMIT,
                "begin it with `s3://`, in lower case",
            ));
        };
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        Self::new(bucket, key)
    }
}

impl TryFrom<&str> for S3Uri {
    type Error = InvalidInput;

    fn try_from(uri: &str) -> Result<Self, InvalidInput> {
        uri.parse()
    }
}

impl TryFrom<String> for S3Uri {
    type Error = InvalidInput;

    fn try_from(uri: String) -> Result<Self, InvalidInput> {
        uri.parse()
    }
}

impl TryFrom<&String> for S3Uri {
    type Error = InvalidInput;

    fn try_from(uri: &String) -> Result<Self, InvalidInput> {
        uri.parse()
    }
}

impl From<&S3Uri> for S3Uri {
    fn from(uri: &S3Uri) -> Self {
        uri.clone()
    }
}

impl From<S3Uri> for String {
    fn from(uri: S3Uri) -> Self {
        uri.text()
    }
}

fn check_bucket(name: &str) -> Result<(), InvalidInput> {
    let bytes = name.as_bytes();
    let remedy = if name.starts_with("arn:") {
        "name the bucket, or the access point's alias, instead of the ARN"
    } else if name.is_empty() {
        "put the bucket's name after `s3://`"
    } else if !bytes
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(b))
    {
        "remove the other characters"
    } else if !(3..=255).contains(&bytes.len()) {
        "check its length"
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "it looks like an IP address"
    } else {
        return Ok(());
    };
    Err(InvalidInput::new(
        "S3 bucket name",
        name,
        "3 to 255 letters, digits, dots, hyphens and underscores",
        remedy,
    ))
}
