//! S3 locations, as SageMaker writes them.

use percent_encoding::percent_decode_str;

/// Whether a bucket with this name can exist: buckets older than S3's current rules may have upper-case letters and
/// underscores.
fn can_be_bucket(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A bucket and a key, or a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) struct Location {
    pub(in crate::local) bucket: String,
    pub(in crate::local) key: String,
}

impl Location {
    /// Reads `s3://bucket/key`, or an `https` address of S3.
    pub(in crate::local) fn parse(uri: &str) -> Option<Self> {
        if let Some(rest) = uri.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            return can_be_bucket(bucket).then(|| Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            });
        }
        let (host, path) = uri.strip_prefix("https://")?.split_once('/')?;
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let (bucket, key) = match host.split_once(".s3") {
            Some((bucket, _)) => (bucket, &*path),
            None => path.split_once('/')?,
        };
        can_be_bucket(bucket).then(|| Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The location of `name` under this prefix.
    pub(in crate::local) fn join(&self, name: &str) -> Self {
        let prefix = self.key.trim_end_matches('/');
        let key = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        Self {
            bucket: self.bucket.clone(),
            key,
        }
    }

    pub(in crate::local) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}
