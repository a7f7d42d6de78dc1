//! A configuration file for the SageMaker Python SDK.
//!
//! The SDK derives its default bucket from the account's number, which it asks of STS at the address of its
//! own, whatever `AWS_ENDPOINT_URL` says. A default bucket in its configuration file keeps it from asking.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;

/// The variable that names a user's configuration file to the SDK ("Configuring and using defaults with the
/// SageMaker Python SDK" in its guide).
pub(in crate::cli) const VARIABLE: &str = "SAGEMAKER_USER_CONFIG_OVERRIDE";

/// The file; it is removed when this is dropped.
pub(in crate::cli) struct SdkConfig(NamedTempFile);

impl SdkConfig {
    /// Writes it, with this bucket as the default one. It is JSON, which is YAML too.
    pub(in crate::cli) fn write(bucket: &str) -> io::Result<Self> {
        let mut file = tempfile::Builder::new()
            .prefix("sagemaker-async-local-")
            .suffix(".yaml")
            .tempfile()?;
        let config = json!({
            "SchemaVersion": "1.0",
            "SageMaker": {"PythonSDK": {"Modules": {"Session": {"DefaultS3Bucket": bucket}}}},
        });
        writeln!(file, "{config:#}")?;
        file.flush()?;
        Ok(Self(file))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        self.0.path()
    }
}
